/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * While a program waits for the node, the end of its process ends the talk, and so the
 * dial. Once its own socket connects there is no talk, and our duplicate would keep the
 * socket alive, sending its SYN again, until the way's time is up. So dials know the
 * process that has asked for them, by a pidfd that all of one process share.
 *
 * A program that has forked meanwhile may have left its socket to a child, as one that
 * becomes a daemon does. The child has not asked, so what it holds ends with its time.
 */
#include "boxer/dial_way.h"

#include "base/cleanup.h"
#include "boxer/holders.h"
#include "boxer/sock.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/** struct dial_owner - a process with dials; @n of them. @io: its pidfd. @pid: 0: it has ended */
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
	o->set->n_owners--;
	free(o);
}

static ino_t inode_of(const struct dial *d)
{
	struct stat st;

	return fstat(d->fd, &st) < 0 ? 0 : st.st_ino;
}

/* Those whose program waits for us end with its talk. */
static bool ends_with(const struct dial *d, const struct dial_owner *o)
{
	return d->owner == o && !d->done;
}

/* Return: how many sockets there are, of which others may have copies; or -errno. */
static ssize_t look_for_heirs(const struct dial_owner *o, struct held sockets[static DIALS_MAX])
{
	const struct dial *d;
	size_t n = 0;
	int r;

	LIST_FOREACH(d, &o->set->list, link)
		if (ends_with(d, o))
			sockets[n++] = (struct held){.inode = inode_of(d)};
	r = n > 0 ? holders_find(sockets, n) : 0;
	return r < 0 ? r : (ssize_t)n;
}

/* A program that was quicker than our look at its socket. */
static void end_connected(const struct dial_owner *o)
{
	struct dial *d, *next;

	for (d = LIST_FIRST(&o->set->list); d; d = next) {
		next = LIST_NEXT(d, link);
		if (ends_with(d, o) && d->state == DIAL_TOLD && sock_is_open(d->fd))
			dial_connected(d);
	}
}

/* In doubt one is left to its time. */
static void end_others(const struct dial_owner *o)
{
	static struct held sockets[DIALS_MAX];
	ssize_t n = look_for_heirs(o, sockets);
	struct dial *d, *next;

	for (d = LIST_FIRST(&o->set->list); d; d = next) {
		next = LIST_NEXT(d, link);
		if (!ends_with(d, o))
			continue;
		if (n < 0 || holders_look_up(sockets, (size_t)n, inode_of(d)))
			dial_disown(d);
		else
			dial_cancel(d);
	}
}

static void on_gone(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct dial_owner *o = w->data;

	(void)revents;
	ev_io_stop(loop, w);
	o->pid = 0;
	o->n++;
	end_connected(o);
	end_others(o);
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
	if (set->n_owners >= set->max_owners)
		return NULL;
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
	set->n_owners++;
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
