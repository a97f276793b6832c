/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * The ways that the profiles of both sides allow, the best first, are tried one
 * after the other. Which of them has failed with which peer is remembered for a
 * while (boxer/history), so that the next connection begins with one that may work.
 * Where something is still being measured that the choice depends on, a dial waits
 * for it; and when all ways have failed that could be told then, it plans anew. So it
 * does when one of them just heard nothing: packets may have been lost.
 */
#include "boxer/dial_way.h"

#include "base/clock.h"
#include "boxer/relays.h"

#include <string.h>

#define LINK_WAIT_NS	(1500 * NS_PER_MS) /* for a link to a member behind our own NAT */
#define PROFILE_WAIT_NS (2 * NS_PER_S)	   /* for the seed's measurement */
#define LOOK_AGAIN_NS	(50 * NS_PER_MS)
#define LEFT_LEAST_NS	(1 * NS_PER_S) /* for each way that comes after one, or for all once more */

const struct dial_way *dial_way(const struct dial *d)
{
	const struct dial_way *ours = &dial_ways_ours[d->strategy->id];

	return ours->begin ? ours : &dial_ways_native[d->strategy->id];
}

static bool may_use(const struct dial *d, unsigned strategies)
{
	return d->set->node->options->strategies & strategies;
}

/* Will more be known of a NAT, and is there a way that asks for it? */
static bool is_unsettled(const struct dial *d, const struct frame_member *m)
{
	if (!may_use(d, ~STRATEGY_UNMEASURED))
		return false;
	return !profile_is_settled(&d->set->node->profile) || !profile_is_settled(&m->profile);
}

/* What could not be known when the plan was made may be known in a moment. */
static bool may_plan_again(const struct dial *d)
{
	const struct frame_member *m = dial_peer(d);

	return !d->replanned && !d->early && m && is_unsettled(d, m) &&
	       clock_now() - d->started_at < PROFILE_WAIT_NS;
}

uint64_t dial_limit(const struct dial *d)
{
	bool native = dial_ways_native[d->strategy->id].begin;
	uint64_t limit = dial_way(d)->limit_ns, now = clock_now();
	uint64_t left = d->ends_at > now ? d->ends_at - now : 0;
	uint64_t after = d->n_plan - d->next, share = left / (after + 1);

	/* A program that does not wait has begun the only way that it will go. */
	if (native && !dial_program_waits(d))
		return 0;
	/* Its limit is for the sake of those that come after it, in this round or the next. */
	if (after == 0)
		return native && left < limit + LEFT_LEAST_NS ? 0 : limit;
	if (left > after * LEFT_LEAST_NS && left - after * LEFT_LEAST_NS > share)
		share = left - after * LEFT_LEAST_NS;
	return limit < share ? limit : share;
}

/* What was only lost may come through the next time. */
static bool may_go_round(const struct dial *d)
{
	return d->timed_out && !d->early && dial_peer(d) &&
	       clock_now() + LEFT_LEAST_NS <= d->ends_at;
}

void dial_next_way(struct dial *d)
{
	if (d->next == d->n_plan && may_plan_again(d)) {
		d->replanned = true;
		dial_advance(d);
		return;
	}
	if (d->next == d->n_plan && may_go_round(d)) {
		d->timed_out = false;
		dial_advance(d);
		return;
	}
	if (d->next == d->n_plan) {
		if (d->n_plan == 0)
			dial_note(d, d->last_reason);
		dial_end(d, d->last_reason);
		return;
	}
	d->strategy = d->plan[d->next++];
	dial_next_request(d);
	d->state = DIAL_WORKING;
	d->way_at = clock_now();
	d->step = 0;
	d->spread = 0;
	d->busy = false;
	d->n_relays = 0;
	dial_arm(d, dial_limit(d));
	dial_way(d)->begin(d);
}

enum rank { RANK_FRESH, RANK_FAILED, RANK_LAST_RESORT, RANK_FAILED_SLOWLY, RANKS };

static enum rank rank_of(const struct dial *d, const struct strategy *s, uint64_t now)
{
	/* What goes through a third machine; but a way that may cost seconds in vain is worse. */
	if (s->id == STRATEGY_RELAY)
		return RANK_LAST_RESORT;
	switch (history_lately(&d->set->node->history, d->member, s->name, now)) {
	case HISTORY_FAILED:
		return RANK_FAILED;
	case HISTORY_FAILED_SLOWLY:
		return RANK_FAILED_SLOWLY;
	case HISTORY_FINE:
		break;
	}
	return RANK_FRESH;
}

/* What has failed a moment ago comes behind the rest. */
static void put_failures_last(struct dial *d)
{
	const struct strategy *sorted[STRATEGY_COUNT];
	uint64_t now = clock_now();
	size_t n = 0;

	for (enum rank rank = 0; rank < RANKS; rank++)
		for (size_t i = 0; i < d->n_plan; i++)
			if (rank_of(d, d->plan[i], now) == rank)
				sorted[n++] = d->plan[i];
	(void)memcpy(d->plan, sorted, n * sizeof(*sorted));
}

/* The SYN is out already: only two ways can use it. Return: is there one of them? */
static bool put_early_first(struct dial *d)
{
	for (size_t i = 0; i < d->n_plan; i++) {
		const struct strategy *s = d->plan[i];

		if (s->id != STRATEGY_DIRECT && s->id != STRATEGY_SIMULTANEOUS)
			continue;
		(void)memmove(&d->plan[1], &d->plan[0], i * sizeof(d->plan[0]));
		d->plan[0] = s;
		return true;
	}
	return false;
}

/* Is something not known yet that the choice depends on? */
static bool should_wait(const struct dial *d, const struct frame_member *m, uint64_t waited)
{
	const struct node *node = d->set->node;

	if (may_use(d, STRATEGY_BIT(STRATEGY_PRIVATE)) &&
	    addr_same_host(&m->external, &node->external) && !profile_is_public(&m->profile) &&
	    waited < LINK_WAIT_NS && peers_may_link(node->peers, m->id))
		return true;
	if (waited >= PROFILE_WAIT_NS)
		return false;
	return strategy_needs_filtering(&node->profile, &m->profile, node->options->strategies) ||
	       (d->replanned && is_unsettled(d, m));
}

static void make_plan(struct dial *d, const struct frame_member *m)
{
	const struct node *node = d->set->node;
	struct addr relay;
	const struct strategy_request request = {
		.self = node->profile,
		.peer = m->profile,
		.near = peers_is_near(node->peers, m->id),
		.relay = relays_find(node, m->id, NULL, 0, &relay),
		.allowed = node->options->strategies,
	};

	d->next = 0;
	d->n_plan = strategy_plan(&request, d->plan, &d->last_reason);
	put_failures_last(d);
}

void dial_advance(struct dial *d)
{
	const struct frame_member *m = members_by_target(&d->set->node->members, &d->target);

	ev_timer_stop(d->set->node->loop, &d->pause);
	d->way_at = clock_now();
	if (!m) {
		dial_fail(d, REASON_NOT_A_MEMBER);
		return;
	}
	d->member = m->id;
	if (!d->early && should_wait(d, m, clock_now() - d->started_at)) {
		d->state = DIAL_WAITING;
		dial_arm(d, 0);
		dial_pause(d, LOOK_AGAIN_NS, dial_advance);
		return;
	}
	make_plan(d, m);
	/* What promised that an early SYN would do is not so any more. */
	if (d->early && !put_early_first(d))
		dial_fail(d, d->n_plan > 0 ? REASON_NO_STRATEGY : d->last_reason);
	else
		dial_next_way(d);
}
