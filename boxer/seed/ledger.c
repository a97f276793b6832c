/* SPDX-License-Identifier: MIT */
#include "boxer/seed/ledger.h"

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

static void write_all(struct seed *seed, uint32_t next_id)
{
	struct places places = {0};
	int r = all_places(seed, &places);

	if (r == 0)
		r = state_write(&seed->state, next_id, &places);
	if (r < 0)
		(void)fprintf(stderr, "boxer seed: cannot write %s: %s, ignoring\n",
			      seed->options->state, strerror(-r));
	places_free(&places);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct seed *seed = w->data;

	(void)loop;
	(void)revents;
	/* It is behind only where it could not be written before. */
	write_all(seed, seed->state.kept > seed->next_id ? seed->state.kept : seed->next_id);
}

int ledger_open(struct seed *seed, struct error *err)
{
	ev_timer_init(&seed->ledger_timer, on_timer, 0., 0.);
	seed->ledger_timer.data = seed;
	return state_open(&seed->state, seed->options->state, &seed->next_id, &seed->places, err);
}

void ledger_close(struct seed *seed)
{
	ev_timer_stop(seed->loop, &seed->ledger_timer);
	if (seed->state.path)
		write_all(seed, seed->next_id);
}

void ledger_use_id(struct seed *seed, uint32_t id)
{
	seed->next_id = id + 1;
	if (state_must_grow(&seed->state, seed->next_id))
		write_all(seed, seed->next_id + STATE_AHEAD);
}

void ledger_changed(struct seed *seed)
{
	if (!seed->state.path || ev_is_active(&seed->ledger_timer))
		return;
	ev_timer_set(&seed->ledger_timer, 1e-9 * (double)LEDGER_NS, 0.);
	ev_timer_start(seed->loop, &seed->ledger_timer);
}
