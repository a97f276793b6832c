/* SPDX-License-Identifier: MIT */
#include "boxer/waiter.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct waiter {
	LIST_ENTRY(waiter) link;
	struct waiters *set;
	struct frame_barrier frame;
	void (*done)(void *arg, enum reason reason);
	void *arg;
};

struct waiters {
	LIST_HEAD(, waiter) list;
	size_t n;
	uint32_t next_request;
	enum reason failed; /* with which all have ended, or REASON_NONE */
	waiter_send *send;
	void *arg;
};

static void tell(const struct waiters *set, const struct frame_barrier *frame)
{
	uint8_t body[128];
	int len = frame_encode_barrier(frame, body, sizeof(body));

	if (len > 0)
		set->send(set->arg, FRAME_BARRIER, body, (size_t)len);
}

static void forget(struct waiter *w)
{
	LIST_REMOVE(w, link);
	w->set->n--;
	free(w);
}

struct waiters *waiters_new(waiter_send *send, void *arg)
{
	struct waiters *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	LIST_INIT(&set->list);
	set->send = send;
	set->arg = arg;
	return set;
}

void waiters_free(struct waiters *set)
{
	if (!set)
		return;
	while (!LIST_EMPTY(&set->list))
		forget(LIST_FIRST(&set->list));
	free(set);
}

struct waiter *waiter_come(struct waiters *set, const char *name, uint32_t count,
			   void (*done)(void *arg, enum reason reason), void *arg)
{
	bool is_good = set->n < WAITERS_MAX && set->failed == REASON_NONE;
	struct waiter *w = is_good ? calloc(1, sizeof(*w)) : NULL;

	if (!w)
		return NULL;
	w->set = set;
	w->frame.request = set->next_request++;
	w->frame.count = count;
	(void)strncpy(w->frame.name, name, FRAME_NAME_MAX);
	w->done = done;
	w->arg = arg;
	LIST_INSERT_HEAD(&set->list, w, link);
	set->n++;
	tell(set, &w->frame);
	return w;
}

void waiter_leave(struct waiter *w)
{
	struct frame_barrier frame = w->frame;

	frame.count = 0;
	tell(w->set, &frame);
	forget(w);
}

static void end(struct waiter *w, enum reason reason)
{
	void (*done)(void *arg, enum reason reason) = w->done;
	void *arg = w->arg;

	forget(w);
	done(arg, reason);
}

void waiters_released(struct waiters *set, const struct frame_released *released)
{
	struct waiter *w;

	LIST_FOREACH(w, &set->list, link) {
		if (w->frame.request != released->request)
			continue;
		end(w, released->reason < REASON_MAX ? (enum reason)released->reason
						     : REASON_PROTOCOL);
		return;
	}
}

void waiters_rejoined(struct waiters *set)
{
	struct waiter *w;

	LIST_FOREACH(w, &set->list, link)
		tell(set, &w->frame);
}

void waiters_fail(struct waiters *set, enum reason reason)
{
	set->failed = reason;
	while (!LIST_EMPTY(&set->list))
		end(LIST_FIRST(&set->list), reason);
}

enum reason waiters_reason(const struct waiters *set)
{
	return set->failed != REASON_NONE ? set->failed : REASON_LOCAL;
}
