/* SPDX-License-Identifier: MIT */
#include "boxer/countersign.h"

#include "boxer/sock.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>

static void drop(struct countersign_conn *c)
{
	if (c->io.fd < 0)
		return;
	ev_io_stop(c->set->loop, &c->io);
	sock_reset(c->io.fd);
	ev_io_set(&c->io, -1, EV_READ);
}

static bool say(const struct countersign_conn *c)
{
	return send(c->io.fd, c->set->token, FRAME_TOKEN_LEN, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       FRAME_TOKEN_LEN;
}

/* This is the one: both sides know, and the others are none. */
static void settle(struct countersign_conn *c)
{
	struct countersign *set = c->set;
	const struct addr remote = c->remote;
	int fd = c->io.fd;

	ev_io_stop(set->loop, &c->io);
	ev_io_set(&c->io, -1, EV_READ);
	countersign_stop(set);
	/* The programs' first small write must not wait for a delayed acknowledgement. */
	sock_acknowledge(fd);
	set->done(set->arg, fd, &remote);
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct countersign_conn *c = w->data;
	ssize_t n = recv(w->fd, c->in + c->n, sizeof(c->in) - c->n, MSG_DONTWAIT);

	(void)loop;
	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->n += (size_t)n;
	if (c->n < sizeof(c->in))
		return;
	/* Somebody else, behind the same NAT. */
	if (sodium_memcmp(c->in, c->set->token, sizeof(c->in)) != 0 ||
	    (!c->set->calling && !say(c)))
		drop(c);
	else
		settle(c);
}

void countersign_init(struct countersign *set, struct ev_loop *loop, bool calling,
		      const uint8_t token[static FRAME_TOKEN_LEN],
		      void (*done)(void *arg, int fd, const struct addr *remote), void *arg)
{
	set->loop = loop;
	set->calling = calling;
	(void)memcpy(set->token, token, FRAME_TOKEN_LEN);
	set->done = done;
	set->arg = arg;
	for (size_t i = 0; i < COUNTERSIGN_MAX; i++) {
		struct countersign_conn *c = &set->conns[i];

		c->set = set;
		ev_io_init(&c->io, on_readable, -1, EV_READ);
		c->io.data = c;
	}
}

static struct countersign_conn *free_conn(struct countersign *set)
{
	for (size_t i = 0; i < COUNTERSIGN_MAX; i++)
		if (set->conns[i].io.fd < 0)
			return &set->conns[i];
	return NULL;
}

void countersign_add(struct countersign *set, int fd, const struct addr *remote)
{
	struct countersign_conn *c = free_conn(set);

	if (!c) {
		sock_reset(fd);
		return;
	}
	c->remote = *remote;
	c->n = 0;
	ev_io_set(&c->io, fd, EV_READ);
	if (set->calling && !say(c)) {
		drop(c);
		return;
	}
	ev_io_start(set->loop, &c->io);
}

bool countersign_waits(const struct countersign *set)
{
	for (size_t i = 0; set->loop && i < COUNTERSIGN_MAX; i++)
		if (set->conns[i].io.fd >= 0)
			return true;
	return false;
}

void countersign_stop(struct countersign *set)
{
	if (!set->loop)
		return;
	for (size_t i = 0; i < COUNTERSIGN_MAX; i++)
		drop(&set->conns[i]);
}
