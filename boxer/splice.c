/* SPDX-License-Identifier: MIT */
#include "boxer/splice.h"

#include "base/clock.h"
#include "boxer/sock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_S	20	       /* then keepalives find out whether the peer still exists */
#define LOOK_NS (1 * NS_PER_S) /* at an end that the loop can't watch */

/* One direction: from its own socket to the other end's. */
struct end {
	struct splice *splice;
	struct ev_io io;
	struct end *other;
	uint8_t *buffer; /* read here, not yet written there */
	size_t at, len;
	bool read_all, done; /* an end was read; it was passed on */
	uint64_t bytes;
};

struct splice {
	struct ev_loop *loop;
	size_t size;
	splice_ended *ended;
	void *arg;
	struct ev_timer timer; /* runs while an end is not watched */
	struct end ends[2];
};

static void watch(struct end *e)
{
	struct ev_loop *loop = e->splice->loop;
	int events = (!e->read_all && e->len < e->splice->size ? EV_READ : 0) |
		     (e->other->len > 0 ? EV_WRITE : 0);

	if ((e->io.events & (EV_READ | EV_WRITE)) == events && ev_is_active(&e->io))
		return;
	ev_io_stop(loop, &e->io);
	ev_io_set(&e->io, e->io.fd, events);
	if (events)
		ev_io_start(loop, &e->io);
	else if (!ev_is_active(&e->splice->timer))
		ev_timer_again(loop, &e->splice->timer);
}

/* Return: 0, or -errno: the connection is broken. */
static int fill(struct end *e)
{
	ssize_t n;

	if (e->read_all || e->len == e->splice->size)
		return 0;
	/* Only what waits is moved, and only when there is no room behind it. */
	if (e->at + e->len == e->splice->size) {
		(void)memmove(e->buffer, e->buffer + e->at, e->len);
		e->at = 0;
	}
	n = recv(e->io.fd, e->buffer + e->at + e->len, e->splice->size - e->at - e->len,
		 MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		e->read_all = true;
	e->len += (size_t)n;
	return 0;
}

static int drain(struct end *e)
{
	while (e->len > 0) {
		ssize_t n = send(e->other->io.fd, e->buffer + e->at, e->len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		e->at += (size_t)n;
		e->len -= (size_t)n;
		e->bytes += (uint64_t)n;
	}
	e->at = 0;
	if (e->read_all && !e->done) {
		e->done = true;
		(void)shutdown(e->other->io.fd, SHUT_WR);
	}
	return 0;
}

static void end_both(struct splice *s, bool broken)
{
	ev_timer_stop(s->loop, &s->timer);
	for (int i = 0; i < 2; i++) {
		ev_io_stop(s->loop, &s->ends[i].io);
		if (broken)
			sock_reset_on_close(s->ends[i].io.fd);
	}
	s->ended(s->arg, s->ends[0].bytes, s->ends[1].bytes);
}

static void on_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct end *e = w->data;
	struct splice *s = e->splice;
	int r = 0;

	(void)loop;
	if (revents & EV_READ)
		r = fill(e);
	if (r == 0)
		r = drain(e);
	if (r == 0 && revents & EV_WRITE)
		r = drain(e->other);
	if (r < 0 || (e->done && e->other->done)) {
		end_both(s, r < 0);
		return;
	}
	watch(e);
	watch(e->other);
}

/* Both its directions have ended, but what it has said last is still under way. */
static bool is_over(const struct end *e)
{
	return e->read_all && e->other->done;
}

/*
 * An end that has been read and has nothing to be written to it is readable all the
 * time, and so is one whose buffer is full. It may break all the same, and the other
 * one waits for it.
 */
static void on_look(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct splice *s = w->data;
	bool all_watched = true;

	(void)revents;
	for (int i = 0; i < 2; i++) {
		struct end *e = &s->ends[i];

		if (ev_is_active(&e->io) || is_over(e))
			continue;
		if (sock_state(e->io.fd) == TCP_CLOSE) {
			end_both(s, true);
			return;
		}
		all_watched = false;
	}
	if (all_watched)
		ev_timer_stop(loop, w);
}

static void set_up(struct splice *s, int i, int fd)
{
	const int on = 1, idle = IDLE_S;
	struct end *e = &s->ends[i];

	e->splice = s;
	e->other = &s->ends[1 - i];
	ev_io_init(&e->io, on_io, fd, EV_READ);
	e->io.data = e;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof(idle));
}

struct splice *splice_new(struct ev_loop *loop, int first, int second, size_t size,
			  splice_ended *ended, void *arg)
{
	struct splice *s = calloc(1, sizeof(*s));
	uint8_t *buffers = s ? malloc(2 * size) : NULL;

	if (!buffers) {
		free(s);
		return NULL;
	}
	s->loop = loop;
	s->size = size;
	s->ended = ended;
	s->arg = arg;
	ev_init(&s->timer, on_look);
	s->timer.repeat = 1e-9 * (double)LOOK_NS;
	s->timer.data = s;
	s->ends[0].buffer = buffers;
	s->ends[1].buffer = buffers + size;
	set_up(s, 0, first);
	set_up(s, 1, second);
	ev_io_start(loop, &s->ends[0].io);
	ev_io_start(loop, &s->ends[1].io);
	return s;
}

void splice_free(struct splice *s)
{
	if (!s)
		return;
	ev_timer_stop(s->loop, &s->timer);
	for (int i = 0; i < 2; i++) {
		ev_io_stop(s->loop, &s->ends[i].io);
		(void)close(s->ends[i].io.fd);
	}
	free(s->ends[0].buffer);
	free(s);
}
