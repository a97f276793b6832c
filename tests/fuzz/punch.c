/* SPDX-License-Identifier: MIT */
/*
 * The state machine of punching, and an owner that does what it asks and counts
 * sockets: each candidate has at most one, a winner is proven and is chosen once,
 * all others are closed at the end, and the end comes by the deadline.
 */
#include "tests/fuzz/fuzz.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/punch.h"

#include <errno.h>

/* The machine, and what its owner knows by itself. */
struct owner {
	struct punch punch;
	struct punch_actions actions;
	uint64_t now, deadline;
	bool controlling;
	bool open[PUNCH_CANDIDATES_MAX];   /* it has a socket there */
	bool proven[PUNCH_CANDIDATES_MAX]; /* and the peer has proven itself on it */
	unsigned selected;		   /* how many times it was told to */
};

static bool is_over(const struct punch *p)
{
	return p->state == PUNCH_DONE || p->state == PUNCH_FAILED;
}

static void obey(struct owner *o, const struct punch_action *a)
{
	FUZZ_CHECK(a->candidate < o->punch.n_candidates);
	switch (a->kind) {
	case PUNCH_OPEN:
		FUZZ_CHECK(!o->open[a->candidate] && !is_over(&o->punch));
		o->open[a->candidate] = true;
		o->proven[a->candidate] = false;
		break;
	case PUNCH_SELECT:
		FUZZ_CHECK(o->controlling && o->proven[a->candidate]);
		o->selected++;
		break;
	case PUNCH_CLOSE:
		FUZZ_CHECK(o->open[a->candidate]);
		o->open[a->candidate] = false;
		break;
	default:
		FUZZ_CHECK(!"an action");
	}
}

static void check_end(const struct owner *o)
{
	const struct punch *p = &o->punch;

	FUZZ_CHECK(punch_wake_at(p) == UINT64_MAX);
	if (p->state == PUNCH_DONE) {
		FUZZ_CHECK(p->winner < p->n_candidates && o->proven[p->winner]);
		FUZZ_CHECK(o->selected == (o->controlling ? 1 : 0));
	} else {
		FUZZ_CHECK(p->reason != REASON_NONE && p->reason < REASON_MAX);
		FUZZ_CHECK(o->selected == 0);
	}
	for (size_t i = 0; i < p->n_candidates; i++)
		FUZZ_CHECK(o->open[i] == (p->state == PUNCH_DONE && i == p->winner));
}

static void obey_all(struct owner *o)
{
	FUZZ_CHECK(o->actions.n <= PUNCH_ACTIONS_MAX);
	for (size_t i = 0; i < o->actions.n; i++)
		obey(o, &o->actions.list[i]);
	FUZZ_CHECK(o->punch.n_candidates <= PUNCH_CANDIDATES_MAX);
	if (is_over(&o->punch))
		check_end(o);
	else
		FUZZ_CHECK(o->punch.state == PUNCH_TRYING &&
			   punch_wake_at(&o->punch) <= o->deadline + PUNCH_PROOF_NS);
}

static void begin(struct owner *o, struct fuzz_input *in)
{
	static const uint16_t families[] = {AF_INET, AF_INET6, AF_UNSPEC};
	struct addr candidates[PUNCH_CANDIDATES_MAX + 2];
	size_t n = fuzz_below(in, ARRAY_SIZE(candidates) + 1);

	for (size_t i = 0; i < n; i++)
		candidates[i] = (struct addr){
			.family = families[fuzz_below(in, ARRAY_SIZE(families))],
			.port = (uint16_t)i,
		};
	(void)memset(o, 0, sizeof(*o));
	(void)memset(&o->punch, 0xff, sizeof(o->punch));
	o->controlling = fuzz_u8(in) & 1;
	o->now = NS_PER_S;
	o->deadline = o->now + fuzz_u16(in) * NS_PER_MS;
	punch_start(&o->punch, candidates, n, o->controlling, o->deadline, fuzz_u32(in),
		    &o->actions);
	obey_all(o);
}

/* What its owner does by itself when such a thing happens. */
static void note(struct owner *o, const struct punch_event *e)
{
	if (e->kind == PUNCH_ADOPTED && e->candidate < PUNCH_CANDIDATES_MAX &&
	    e->candidate == o->punch.n_candidates) {
		o->open[e->candidate] = true;
		o->proven[e->candidate] = true;
	}
	if (e->kind == PUNCH_TICK || e->kind == PUNCH_NOW || e->candidate >= o->punch.n_candidates)
		return;
	if (e->kind == PUNCH_REFUSED || e->kind == PUNCH_DISPROVEN)
		o->open[e->candidate] = false;
	if (e->kind == PUNCH_PROVEN)
		o->proven[e->candidate] = o->open[e->candidate];
}

static void happen(struct owner *o, struct fuzz_input *in)
{
	static const int errors[] = {ECONNREFUSED, ECONNRESET, ETIMEDOUT, EADDRNOTAVAIL,
				     EMFILE,	   EPROTO,     0,	  -1};
	struct punch before = o->punch;
	struct punch_event event = {
		.kind = (enum punch_event_kind)fuzz_below(in, PUNCH_TICK + 1),
		.candidate = fuzz_below(in, PUNCH_CANDIDATES_MAX + 2),
		.error = errors[fuzz_below(in, ARRAY_SIZE(errors))],
	};

	o->now += fuzz_u8(in) * 4 * NS_PER_MS;
	if (!is_over(&before))
		note(o, &event);
	punch_step(&o->punch, &event, o->now, &o->actions);
	if (is_over(&before))
		FUZZ_CHECK(o->actions.n == 0 && o->punch.state == before.state &&
			   o->punch.winner == before.winner && o->punch.reason == before.reason);
	obey_all(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, data + size};
	struct punch_event tick = {.kind = PUNCH_TICK};
	struct owner o;

	begin(&o, &in);
	while (fuzz_left(&in))
		happen(&o, &in);
	/* A connection puts the deadline off, but not for ever. */
	for (int i = 0; i < 2; i++) {
		o.deadline += i * PUNCH_PROOF_NS;
		punch_step(&o.punch, &tick, o.deadline > o.now ? o.deadline : o.now, &o.actions);
		obey_all(&o);
	}
	FUZZ_CHECK(is_over(&o.punch));
	return 0;
}
