/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * Two things may be known of those who were members before: their places, from the
 * state; and that there are strangers, whose places are not known: the state says that
 * it is not complete, or one of them comes back and gets the id that it claims. Who is
 * refused only because of an open place waits; and as long as there are strangers no
 * newcomer is admitted, for what it would get may be somebody's. A seed that hears of
 * no earlier member makes nobody wait, and who was lost and comes back to the seed that
 * gave it its id is none. At the end the places are free, and claims are judged before
 * newcomers.
 */
#include "boxer/seed/grace.h"

#include "boxer/seed/membership.h"
#include "boxer/seed/seed.h"

static bool claims(const struct frame_join *join)
{
	return join->claim != FRAME_ID_JOINING;
}

static void answer(struct seed *seed, bool claimants)
{
	struct client *c, *next;

	for (c = TAILQ_FIRST(&seed->clients.lists[CLIENT_WAITING]); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (claims(&c->join) == claimants)
			membership_join(c, &c->join);
	}
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct seed *seed = w->data;

	(void)loop;
	(void)revents;
	if (seed->places.n > 0 || seed->strangers)
		ledger_change(seed);
	places_free(&seed->places);
	seed->strangers = false;
	answer(seed, true);
	answer(seed, false);
}

void grace_start(struct seed *seed)
{
	ev_timer_init(&seed->grace_timer, on_timer, 1e-9 * (double)GRACE_NS, 0.);
	seed->grace_timer.data = seed;
	ev_timer_start(seed->loop, &seed->grace_timer);
}

void grace_stop(struct seed *seed)
{
	ev_timer_stop(seed->loop, &seed->grace_timer);
	places_free(&seed->places);
}

/* An id that was claimed before was that of a stranger, and they are known of then. */
static bool given_by_us(const struct seed *seed, uint32_t id)
{
	return id >= seed->first_id && id < seed->next_id;
}

bool grace_holds(struct client *c, const struct frame_join *join, uint32_t known,
		 enum reason reason)
{
	struct seed *seed = c->seed;
	bool is_unknown = known == FRAME_ID_JOINING;

	if (!ev_is_active(&seed->grace_timer))
		return false;
	if (reason == REASON_NONE && is_unknown && claims(join) && !given_by_us(seed, join->claim))
		seed->strangers = true;
	if (reason == REASON_NONE && (!is_unknown || claims(join) || !seed->strangers))
		return false;
	c->join = *join;
	client_move(c, CLIENT_WAITING);
	return true;
}
