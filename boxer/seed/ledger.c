/* SPDX-License-Identifier: MIT */
#include "boxer/seed/ledger.h"

#include "base/clock.h"
#include "boxer/seed/seed.h"

#include <stdio.h>
#include <string.h>

/* Who can't be known again by a token claims like one of whom nothing was kept. */
static int add_member(struct places *places, const struct client *c)
{
	static const uint8_t nobody[FRAME_TOKEN_LEN];
	struct place p = {.id = c->record.id, .external = c->record.external};

	if (memcmp(c->seen.token, nobody, sizeof(nobody)) == 0)
		return 0;
	(void)memcpy(p.token, c->seen.token, sizeof(p.token));
	(void)memcpy(p.name, c->record.name, sizeof(p.name));
	return places_add(places, &p);
}

/* Of those who are here, and of those who may still come back. */
static int all_places(const struct seed *seed, struct places *ret)
{
	const struct client *c;
	int r = 0;

	TAILQ_FOREACH(c, &seed->clients.lists[CLIENT_MEMBER], link)
		if (r == 0)
			r = add_member(ret, c);
	for (size_t i = 0; i < seed->places.n && r == 0; i++)
		r = places_add(ret, &seed->places.list[i]);
	return r;
}

static void write_all(struct seed *seed, uint32_t next_id, bool complete)
{
	struct state_content content = {.next_id = next_id, .complete = complete};
	int r = all_places(seed, &content.places);

	if (r == 0)
		r = state_write(&seed->state, &content);
	if (r < 0 && !seed->ledger_failing)
		(void)fprintf(stderr, "boxer seed: cannot write %s: %s, trying again\n",
			      seed->options->state, strerror(-r));
	seed->ledger_failing = r < 0;
	places_free(&content.places);
}

/* Ahead of what is used. */
static uint32_t next_id_kept(const struct seed *seed)
{
	uint32_t kept = seed->state.next_id;

	return seed->next_id > kept ? seed->next_id + STATE_AHEAD : kept;
}

static void write_later(struct seed *seed)
{
	bool is_busy = seed->ledger_failing || clock_now() - seed->ledger_at < LEDGER_BUSY_NS;

	if (ev_is_active(&seed->ledger_timer))
		return;
	ev_timer_set(&seed->ledger_timer, 1e-9 * (double)(is_busy ? LEDGER_BUSY_NS : LEDGER_NS),
		     0.);
	ev_timer_start(seed->loop, &seed->ledger_timer);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct seed *seed = w->data;

	(void)loop;
	(void)revents;
	write_all(seed, next_id_kept(seed), !seed->strangers);
	seed->ledger_at = clock_now();
	if (seed->ledger_failing)
		write_later(seed);
}

int ledger_open(struct seed *seed, struct error *err)
{
	struct state_content content;
	int r = state_open(&seed->state, seed->options->state, &content, err);

	ev_timer_init(&seed->ledger_timer, on_timer, 0., 0.);
	seed->ledger_timer.data = seed;
	if (r < 0)
		return r;
	seed->first_id = content.next_id;
	seed->next_id = content.next_id;
	seed->places = content.places;
	seed->strangers = !content.complete;
	return 0;
}

void ledger_close(struct seed *seed)
{
	ev_timer_stop(seed->loop, &seed->ledger_timer);
	if (seed->state.path)
		write_all(seed, seed->next_id, !seed->strangers);
}

void ledger_change(struct seed *seed)
{
	if (!seed->state.path)
		return;
	if (seed->state.complete || seed->next_id > seed->state.next_id)
		write_all(seed, next_id_kept(seed), false);
	write_later(seed);
}
