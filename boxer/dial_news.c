/* SPDX-License-Identifier: MIT */
#include "boxer/dial_way.h"

#include "base/clock.h"

#include <sodium.h>

/* Before a peer that is busy is asked again; and up to as much more, for there are others. */
#define BUSY_NS	       (100 * NS_PER_MS)
#define BUSY_JITTER_NS (200 * NS_PER_MS)

/* A member may only tell the way to itself: programs connect where it says. */
static enum reason reason_of(const struct dial *d, const struct frame_punched *punched)
{
	const struct frame_member *m = dial_peer(d);

	if (punched->reason >= REASON_MAX)
		return REASON_PROTOCOL;
	if (punched->reason == REASON_NONE && punched->target.family != AF_UNSPEC &&
	    (!m || !addr_same_host(&punched->target, &m->external)))
		return REASON_PROTOCOL;
	return (enum reason)punched->reason;
}

static void ask_anew(struct dial *d)
{
	dial_again(d, REASON_BUSY);
}

/* The program's SYN is out, and stays; it meets the peer's once that leaves. */
static void ask_beside(struct dial *d)
{
	dial_next_request(d);
	(void)dial_punch(d);
}

/* It will have done with the others before this way's time is up, perhaps. */
static void ask_later(struct dial *d)
{
	uint64_t pause = BUSY_NS + randombytes_uniform(BUSY_JITTER_NS);

	d->asked = false;
	if (d->state == DIAL_TOLD) {
		dial_pause(d, pause, ask_beside);
		return;
	}
	dial_close_way(d);
	dial_pause(d, pause, ask_anew);
}

void dial_answered(struct dials *set, uint32_t from, const struct frame_punched *punched)
{
	enum reason reason;
	struct dial *d;

	LIST_FOREACH(d, &set->list, link)
		if (d->request == punched->request && d->member == from && d->asked && !d->answered)
			break;
	if (!d)
		return;
	d->answered = true;
	reason = reason_of(d, punched);
	d->busy = reason == REASON_BUSY;
	if (d->busy)
		ask_later(d);
	else if (reason != REASON_NONE)
		dial_fail(d, reason);
	else if (dial_way(d)->punched)
		dial_way(d)->punched(d, punched);
}

void dial_member_changed(struct dials *set, uint32_t id)
{
	struct dial *d, *next;

	dial_targets_forget(set, id);
	for (d = LIST_FIRST(&set->list); d; d = next) {
		next = LIST_NEXT(d, link);
		if (d->member == id && d->state == DIAL_WAITING)
			dial_advance(d);
	}
}

void dial_link_lost(struct dials *set, uint32_t id)
{
	struct dial *d, *next;

	for (d = LIST_FIRST(&set->list); d; d = next) {
		next = LIST_NEXT(d, link);
		if (d->member != id || !d->asked || d->state != DIAL_WORKING)
			continue;
		dial_close_way(d);
		d->state = DIAL_WAITING;
		dial_advance(d);
	}
}

void dial_member_gone(struct dials *set, uint32_t id)
{
	struct dial *d, *next;

	dial_targets_forget(set, id);
	for (d = LIST_FIRST(&set->list); d; d = next) {
		next = LIST_NEXT(d, link);
		if (d->member == id)
			dial_fail(d, REASON_LEFT);
	}
}
