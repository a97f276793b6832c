/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * While a program waits for the node, the end of its process ends the talk, and so the
 * dial. Once its own socket connects there is no talk, and our duplicate would keep the
 * socket alive, sending its SYN again, until the way's time is up. So dials know the
 * process that has asked for them, by a pidfd that all of one process share.
 */
#include "boxer/dial_way.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <sys/syscall.h>

/** struct dial_owner - a process with dials; @n of them. @io: its pidfd */
struct dial_owner {
	LIST_ENTRY(dial_owner) link;
	struct dials *set;
	struct ev_io io;
	pid_t pid;
	size_t n;
};

static void put(struct dial_owner *o)
{
	if (--o->n > 0)
		return;
	ev_io_stop(o->set->node->loop, &o->io);
	(void)close(o->io.fd);
	LIST_REMOVE(o, link);
	free(o);
}

/* Those whose program waits for us end with its talk. */
static void on_gone(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct dial_owner *o = w->data;
	struct dial *d, *next;

	(void)revents;
	ev_io_stop(loop, w);
	o->n++;
	for (d = LIST_FIRST(&o->set->list); d; d = next) {
		next = LIST_NEXT(d, link);
		if (d->owner == o && !d->done)
			dial_cancel(d);
	}
	put(o);
}

static struct dial_owner *get(struct dials *set, pid_t pid)
{
	struct dial_owner *o;
	int fd;

	LIST_FOREACH(o, &set->owners, link)
		if (o->pid == pid) {
			o->n++;
			return o;
		}
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	o = fd >= 0 ? calloc(1, sizeof(*o)) : NULL;
	if (!o) {
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	o->set = set;
	o->pid = pid;
	o->n = 1;
	ev_io_init(&o->io, on_gone, fd, EV_READ);
	o->io.data = o;
	ev_io_start(set->node->loop, &o->io);
	LIST_INSERT_HEAD(&set->owners, o, link);
	return o;
}

void dial_disown(struct dial *d)
{
	if (d->owner)
		put(d->owner);
	d->owner = NULL;
}

void dial_owned_by(struct dials *set, uint64_t cookie, pid_t pid)
{
	struct dial *d;

	LIST_FOREACH(d, &set->list, link)
		if (d->cookie == cookie)
			break;
	if (!d)
		return;
	dial_disown(d);
	/* Without one it ends when its time is up. */
	if (pid > 0)
		d->owner = get(set, pid);
}
