/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * Beside the table there is a list of doubts. A doubt with a reason is about a
 * member that has gone, as the seed says, but to which there is a link; it ends
 * with the link, and then the member goes. One without a reason is about a member
 * that a seed which came back has not announced yet; it ends with the time of
 * grace. An announcement ends both. If it is of another node, which has the id by
 * now, no link holds the one that had it.
 */
#include "boxer/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct doubt {
	uint32_t id;
	enum reason reason; /* REASON_NONE: not announced yet */
};

struct roster {
	struct ev_loop *loop;
	struct members *members;
	const struct roster_ops *ops;
	void *arg;
	struct ev_timer timer;
	struct doubt *doubts;
	size_t n_doubts, room;
};

static struct doubt *find_doubt(const struct roster *r, uint32_t id)
{
	for (size_t i = 0; i < r->n_doubts; i++)
		if (r->doubts[i].id == id)
			return &r->doubts[i];
	return NULL;
}

static void forget_doubt(struct roster *r, uint32_t id)
{
	struct doubt *d = find_doubt(r, id);

	if (d)
		*d = r->doubts[--r->n_doubts];
}

static int add_doubt(struct roster *r, uint32_t id, enum reason reason)
{
	struct doubt *d = find_doubt(r, id);

	if (!d && r->n_doubts == r->room) {
		size_t room = r->room ? 2 * r->room : 16;
		struct doubt *bigger = reallocarray(r->doubts, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		r->doubts = bigger;
		r->room = room;
	}
	if (!d)
		d = &r->doubts[r->n_doubts++];
	*d = (struct doubt){id, reason};
	return 0;
}

static void leave(struct roster *r, uint32_t id, enum reason reason)
{
	const struct frame_member *m = members_by_id(r->members, id);
	struct frame_member copy;

	forget_doubt(r, id);
	if (!m)
		return;
	copy = *m;
	(void)members_remove(r->members, id);
	r->ops->left(r->arg, &copy, reason);
}

static void leave_unless_linked(struct roster *r, uint32_t id, enum reason reason)
{
	if (!r->ops->is_linked(r->arg, id) || add_doubt(r, id, reason) < 0)
		leave(r, id, reason);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct roster *r = w->data;
	size_t i = r->n_doubts;

	(void)loop;
	(void)revents;
	/* Backwards: one that goes is replaced by the last. */
	while (i-- > 0)
		if (r->doubts[i].reason == REASON_NONE)
			leave_unless_linked(r, r->doubts[i].id, REASON_LOST);
}

struct roster *roster_new(struct ev_loop *loop, struct members *members,
			  const struct roster_ops *ops, void *arg)
{
	struct roster *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->loop = loop;
	r->members = members;
	r->ops = ops;
	r->arg = arg;
	ev_timer_init(&r->timer, on_timer, 0., 0.);
	r->timer.data = r;
	return r;
}

void roster_free(struct roster *r)
{
	if (!r)
		return;
	ev_timer_stop(r->loop, &r->timer);
	free(r->doubts);
	free(r);
}

int roster_put(struct roster *r, const struct frame_member *member)
{
	forget_doubt(r, member->id);
	r->members->version = member->version;
	return members_put(r->members, member);
}

/* What a node joins with it keeps for its life. */
static bool is_same_node(const struct frame_member *a, const struct frame_member *b)
{
	return strcmp(a->name, b->name) == 0 && addr_equal(&a->inside, &b->inside);
}

bool roster_replaced(struct roster *r, const struct frame_member *member,
		     struct frame_member *ret_former)
{
	const struct frame_member *old = members_by_id(r->members, member->id);

	if (!old || is_same_node(old, member))
		return false;
	*ret_former = *old;
	leave(r, member->id, REASON_LOST);
	return true;
}

void roster_gone(struct roster *r, const struct frame_gone *gone)
{
	r->members->version = gone->version;
	if (members_by_id(r->members, gone->id))
		leave_unless_linked(r, gone->id, (enum reason)gone->reason);
}

void roster_link_lost(struct roster *r, uint32_t id)
{
	const struct doubt *d = find_doubt(r, id);

	if (d && d->reason != REASON_NONE)
		leave(r, id, d->reason);
}

void roster_seed_lost(struct roster *r)
{
	ev_timer_stop(r->loop, &r->timer);
}

void roster_seed_back(struct roster *r, uint32_t self)
{
	for (size_t i = 0; i < r->members->n; i++)
		if (r->members->list[i].id != self)
			(void)add_doubt(r, r->members->list[i].id, REASON_NONE);
	ev_timer_stop(r->loop, &r->timer);
	ev_timer_set(&r->timer, 1e-9 * (double)ROSTER_GRACE_NS, 0.);
	ev_timer_start(r->loop, &r->timer);
}
