/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A barrier has two crowds: those who wait, and those who were released last. The
 * second is kept until the next release, so that who sends its request again after
 * its answer was lost is not taken for somebody who arrives at the barrier's next use.
 */
#include "boxer/seed/barriers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct arrival {
	uint32_t member, request;
};

struct crowd {
	struct arrival *list;
	size_t n, room;
};

struct barrier {
	TAILQ_ENTRY(barrier) link;
	char name[FRAME_NAME_MAX + 1];
	uint32_t count; /* of those who wait */
	struct crowd waiting, released;
};

struct barriers {
	TAILQ_HEAD(, barrier) list; /* those that were used least recently first */
	size_t n;
	barriers_released *released;
	void *arg;
};

/* Return: its place, or .n. */
static size_t place(const struct crowd *c, uint32_t member, uint32_t request)
{
	size_t i = 0;

	while (i < c->n && (c->list[i].member != member || c->list[i].request != request))
		i++;
	return i;
}

static bool crowd_add(struct crowd *c, uint32_t member, uint32_t request)
{
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 16;
		struct arrival *bigger = realloc(c->list, room * sizeof(*bigger));

		if (!bigger)
			return false;
		c->list = bigger;
		c->room = room;
	}
	c->list[c->n++] = (struct arrival){.member = member, .request = request};
	return true;
}

static void crowd_remove(struct crowd *c, size_t i)
{
	c->list[i] = c->list[--c->n];
}

static struct barrier *find(const struct barriers *b, const char *name)
{
	struct barrier *x;

	TAILQ_FOREACH(x, &b->list, link)
		if (strcmp(x->name, name) == 0)
			return x;
	return NULL;
}

static void barrier_free(struct barriers *b, struct barrier *x)
{
	TAILQ_REMOVE(&b->list, x, link);
	b->n--;
	free(x->waiting.list);
	free(x->released.list);
	free(x);
}

/* Nobody waits there; who was released may be asked after it, but hardly so late. */
static bool make_room(struct barriers *b)
{
	struct barrier *x;

	if (b->n < BARRIERS_MAX)
		return true;
	TAILQ_FOREACH(x, &b->list, link)
		if (x->waiting.n == 0) {
			barrier_free(b, x);
			return true;
		}
	return false;
}

static struct barrier *find_or_make(struct barriers *b, const char *name)
{
	struct barrier *x = find(b, name);

	if (x) {
		TAILQ_REMOVE(&b->list, x, link);
		TAILQ_INSERT_TAIL(&b->list, x, link);
		return x;
	}
	x = make_room(b) ? calloc(1, sizeof(*x)) : NULL;
	if (!x)
		return NULL;
	(void)memcpy(x->name, name, strlen(name) + 1);
	TAILQ_INSERT_TAIL(&b->list, x, link);
	b->n++;
	return x;
}

static size_t waits_of(const struct barriers *b, uint32_t member)
{
	const struct barrier *x;
	size_t n = 0;

	TAILQ_FOREACH(x, &b->list, link)
		for (size_t i = 0; i < x->waiting.n; i++)
			n += x->waiting.list[i].member == member;
	return n;
}

static void open_barrier(struct barriers *b, struct barrier *x)
{
	struct crowd all = x->waiting;

	x->waiting = x->released;
	x->waiting.n = 0;
	x->released = all;
	for (size_t i = 0; i < all.n; i++)
		b->released(b->arg, all.list[i].member, all.list[i].request, REASON_NONE);
}

static enum reason arrive(struct barriers *b, struct barrier *x, uint32_t member,
			  const struct frame_barrier *m)
{
	if (m->count > BARRIERS_ARRIVALS_MAX || (x->waiting.n > 0 && x->count != m->count))
		return REASON_PROTOCOL;
	if (waits_of(b, member) == BARRIERS_PER_MEMBER ||
	    !crowd_add(&x->waiting, member, m->request))
		return REASON_LOCAL;
	x->count = m->count;
	if (x->waiting.n == x->count)
		open_barrier(b, x);
	return REASON_NONE;
}

static void take_back(struct barriers *b, uint32_t member, const struct frame_barrier *m)
{
	struct barrier *x = find(b, m->name);
	size_t i = x ? place(&x->waiting, member, m->request) : 0;

	if (x && i < x->waiting.n)
		crowd_remove(&x->waiting, i);
}

void barriers_arrive(struct barriers *b, uint32_t member, const struct frame_barrier *m)
{
	enum reason reason = REASON_LOCAL;
	struct barrier *x;

	if (m->count == 0) {
		take_back(b, member, m);
		return;
	}
	x = find_or_make(b, m->name);
	if (x && place(&x->waiting, member, m->request) < x->waiting.n)
		return;
	if (x && place(&x->released, member, m->request) < x->released.n) {
		b->released(b->arg, member, m->request, REASON_NONE);
		return;
	}
	if (x)
		reason = arrive(b, x, member, m);
	if (reason != REASON_NONE)
		b->released(b->arg, member, m->request, reason);
}

void barriers_forget(struct barriers *b, uint32_t member)
{
	struct barrier *x;

	TAILQ_FOREACH(x, &b->list, link)
		for (size_t i = x->waiting.n; i-- > 0;)
			if (x->waiting.list[i].member == member)
				crowd_remove(&x->waiting, i);
}

struct barriers *barriers_new(barriers_released *released, void *arg)
{
	struct barriers *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	TAILQ_INIT(&b->list);
	b->released = released;
	b->arg = arg;
	return b;
}

void barriers_free(struct barriers *b)
{
	if (!b)
		return;
	while (!TAILQ_EMPTY(&b->list))
		barrier_free(b, TAILQ_FIRST(&b->list));
	free(b);
}
