/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A watch has two places: one in the log (@at), and, until all members have been
 * shown to it, one in the membership (@next_id). It takes from the log first. A
 * change of a member that it has not been shown yet is passed over, for it will
 * see what came of it. So the stream is exact without a copy of the membership.
 */
#include "boxer/watch.h"

#include "base/cleanup.h"

#include <sys/queue.h>

struct watch {
	LIST_ENTRY(watch) link;
	struct watches *set;
	struct ev_io io; /* active while the socket is full */
	uint64_t at;
	uint64_t next_id;
	bool synced;
	void (*ended)(void *arg);
	void *arg;
};

struct watches {
	struct ev_loop *loop;
	const struct members *members;
	uint32_t self;
	LIST_HEAD(, watch) list;
	size_t n;
	struct local_change *log; /* change number i is at i % WATCH_LOG_MAX */
	uint64_t head;		  /* the number of the next change */
};

static struct local_change change_of(const struct watches *set, enum local_change_kind kind,
				     const struct frame_member *member)
{
	struct local_change change = {
		.version = LOCAL_VERSION,
		.kind = kind,
		.membership = set->members->version,
	};

	if (member)
		change.member = members_row(member, member->id == set->self ? TABLE_SELF : 0);
	return change;
}

static const struct frame_member *next_member(const struct watch *w)
{
	return w->next_id <= UINT32_MAX ? members_from(w->set->members, (uint32_t)w->next_id)
					: NULL;
}

/* What is to be sent next. Return: false when it has been told everything. */
static bool next_change(struct watch *w, struct local_change *ret)
{
	const struct watches *set = w->set;
	const struct frame_member *m;

	for (; w->at < set->head; w->at++) {
		*ret = set->log[w->at % WATCH_LOG_MAX];
		if (w->synced || ret->member.id < w->next_id)
			return true;
	}
	if (w->synced)
		return false;
	m = next_member(w);
	*ret = change_of(set, m ? LOCAL_CHANGE_HERE : LOCAL_CHANGE_SYNCED, m);
	return true;
}

static void advance(struct watch *w, const struct local_change *sent)
{
	if (w->at < w->set->head)
		w->at++;
	else if (sent->kind == LOCAL_CHANGE_SYNCED)
		w->synced = true;
	else
		w->next_id = (uint64_t)sent->member.id + 1;
}

/* Return: 0, or -errno when it is not there any more. */
static int flush(struct watch *w)
{
	struct ev_loop *loop = w->set->loop;
	struct local_change change;

	while (next_change(w, &change)) {
		if (send(w->io.fd, &change, sizeof(change), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM)
				return -errno;
			ev_io_start(loop, &w->io);
			return 0;
		}
		advance(w, &change);
	}
	ev_io_stop(loop, &w->io);
	return 0;
}

static void on_writable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct watch *w = io->data;

	(void)loop;
	(void)revents;
	if (flush(w) < 0)
		w->ended(w->arg);
}

/* The next change would overwrite what it has to be told. */
static bool is_behind(const struct watch *w)
{
	return w->set->head - w->at >= WATCH_LOG_MAX;
}

static void note(struct watches *set, const struct local_change *change)
{
	struct watch *w, *next;

	if (!set || !set->log)
		return;
	for (w = LIST_FIRST(&set->list); w; w = next) {
		next = LIST_NEXT(w, link);
		/* Its last chance: perhaps there is room by now. */
		if (is_behind(w) && (flush(w) < 0 || is_behind(w)))
			w->ended(w->arg);
	}
	if (!set->log)
		return;
	set->log[set->head++ % WATCH_LOG_MAX] = *change;
	for (w = LIST_FIRST(&set->list); w; w = next) {
		next = LIST_NEXT(w, link);
		if (!ev_is_active(&w->io) && flush(w) < 0)
			w->ended(w->arg);
	}
}

void watches_put(struct watches *set, const struct frame_member *member, bool is_new)
{
	struct local_change change;

	if (!set || !set->log)
		return;
	change = change_of(set, is_new ? LOCAL_CHANGE_JOINED : LOCAL_CHANGE_UPDATED, member);
	note(set, &change);
}

void watches_gone(struct watches *set, const struct frame_member *member, enum reason reason)
{
	struct local_change change;

	if (!set || !set->log)
		return;
	change = change_of(set, reason == REASON_LEFT ? LOCAL_CHANGE_LEFT : LOCAL_CHANGE_LOST,
			   member);
	change.reason = reason;
	note(set, &change);
}

struct watches *watches_new(struct ev_loop *loop, const struct members *members, uint32_t self)
{
	struct watches *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	set->loop = loop;
	set->members = members;
	set->self = self;
	LIST_INIT(&set->list);
	return set;
}

void watches_free(struct watches *set)
{
	free(set);
}

struct watch *watch_new(struct watches *set, int fd, void (*ended)(void *arg), void *arg)
{
	struct watch *w = set->n < WATCHES_MAX ? calloc(1, sizeof(*w)) : NULL;

	if (!w)
		return NULL;
	if (!set->log)
		set->log = calloc(WATCH_LOG_MAX, sizeof(*set->log));
	if (!set->log) {
		free(w);
		return NULL;
	}
	w->set = set;
	w->at = set->head;
	w->ended = ended;
	w->arg = arg;
	LIST_INSERT_HEAD(&set->list, w, link);
	set->n++;
	ev_io_init(&w->io, on_writable, fd, EV_WRITE);
	w->io.data = w;
	/* From the loop, so that no callback comes before this returns. */
	ev_io_start(set->loop, &w->io);
	return w;
}

void watch_free(struct watch *w)
{
	struct watches *set;

	if (!w)
		return;
	set = w->set;
	ev_io_stop(set->loop, &w->io);
	LIST_REMOVE(w, link);
	free(w);
	if (--set->n > 0)
		return;
	free(set->log);
	set->log = NULL;
}
