/* SPDX-License-Identifier: MIT */
#include "boxer/history.h"

#include "base/cleanup.h"
#include "boxer/sorted.h"

#include <string.h>

void history_free(struct history *h)
{
	free(h->list);
	*h = (struct history){0};
}

static uint32_t id_at(const void *list, size_t at)
{
	return ((const struct history_member *)list)[at].id;
}

static size_t position(const struct history *h, uint32_t id)
{
	return sorted_position(h->list, h->n, id, id_at);
}

static struct history_member *find(const struct history *h, uint32_t id)
{
	size_t at = position(h, id);

	return at < h->n && h->list[at].id == id ? &h->list[at] : NULL;
}

static void drop(struct history *h, size_t at)
{
	h->n--;
	(void)memmove(&h->list[at], &h->list[at + 1], (h->n - at) * sizeof(*h->list));
}

static size_t oldest(const struct history *h)
{
	size_t found = 0;

	for (size_t i = 1; i < h->n; i++)
		if (h->list[i].last.at < h->list[found].last.at)
			found = i;
	return found;
}

static int make_room(struct history *h)
{
	size_t room = h->room ? 2 * h->room : 16;
	struct history_member *bigger;

	if (h->n == HISTORY_MAX)
		drop(h, oldest(h));
	if (h->n < h->room)
		return 0;
	bigger = realloc(h->list, room * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	h->list = bigger;
	h->room = room;
	return 0;
}

static struct history_member *find_or_add(struct history *h, uint32_t id)
{
	struct history_member *m = find(h, id);
	size_t at;

	if (m)
		return m;
	if (make_room(h) < 0)
		return NULL;
	at = position(h, id);
	(void)memmove(&h->list[at + 1], &h->list[at], (h->n - at) * sizeof(*h->list));
	h->list[at] = (struct history_member){.id = id};
	h->n++;
	return &h->list[at];
}

static bool is_its_fault(enum reason reason)
{
	return reason == REASON_TIMEOUT || reason == REASON_UNREACHABLE ||
	       reason == REASON_PORT_UNKNOWN || reason == REASON_NOT_FOUND ||
	       reason == REASON_RELAY_FAILED || reason == REASON_RESET;
}

/* The strategy's place, or the one that it may take: an empty one, or the oldest. */
static struct history_failure *place(struct history_member *m, const char *strategy)
{
	struct history_failure *found = &m->failures[0];

	for (size_t i = 0; i < HISTORY_FAILURES_MAX; i++) {
		struct history_failure *f = &m->failures[i];

		if (f->strategy && strcmp(f->strategy, strategy) == 0)
			return f;
		if (found->strategy && (!f->strategy || f->at < found->at))
			found = f;
	}
	return found;
}

/* What was short of time the second time is as slow as it was the first. */
static enum history_verdict judge(const struct history_failure *before,
				  const struct history_event *event)
{
	bool again = before->strategy && strcmp(before->strategy, event->strategy) == 0 &&
		     event->at < before->at + HISTORY_FAILURE_NS;

	if (event->took_ns >= HISTORY_SLOW_NS)
		return HISTORY_FAILED_SLOWLY;
	return again ? before->verdict : HISTORY_FAILED;
}

void history_note(struct history *h, uint32_t id, const struct history_event *event)
{
	struct history_member *m = find_or_add(h, id);
	struct history_failure *f;

	if (!m)
		return;
	m->last = *event;
	f = place(m, event->strategy);
	if (is_its_fault(event->reason))
		*f = (struct history_failure){event->strategy, event->at, judge(f, event)};
	else if (event->reason == REASON_NONE && f->strategy &&
		 strcmp(f->strategy, event->strategy) == 0)
		*f = (struct history_failure){0};
}

const struct history_event *history_last(const struct history *h, uint32_t id)
{
	const struct history_member *m = find(h, id);

	return m ? &m->last : NULL;
}

enum history_verdict history_lately(const struct history *h, uint32_t id, const char *strategy,
				    uint64_t now)
{
	const struct history_member *m = find(h, id);

	for (size_t i = 0; m && i < HISTORY_FAILURES_MAX; i++) {
		const struct history_failure *f = &m->failures[i];

		if (f->strategy && strcmp(f->strategy, strategy) == 0)
			return now < f->at + HISTORY_FAILURE_NS ? f->verdict : HISTORY_FINE;
	}
	return HISTORY_FINE;
}

void history_forgive(struct history *h, uint32_t id)
{
	struct history_member *m = find(h, id);

	if (m)
		(void)memset(m->failures, 0, sizeof(m->failures));
}

void history_forgive_all(struct history *h)
{
	for (size_t i = 0; i < h->n; i++)
		(void)memset(h->list[i].failures, 0, sizeof(h->list[i].failures));
}

void history_forget(struct history *h, uint32_t id)
{
	struct history_member *m = find(h, id);

	if (m)
		drop(h, (size_t)(m - h->list));
}
