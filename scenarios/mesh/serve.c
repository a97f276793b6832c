/* SPDX-License-Identifier: MIT */
/*
 * One process and one poll() for all: the listening socket, who has connected, and the
 * calls that this function makes. All sockets are non-blocking.
 */
#include "base/clock.h"
#include "scenarios/command.h"
#include "scenarios/mesh/mesh.h"
#include "scenarios/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define GUESTS_MAX (MESH_MAX + 8)

union message {
	uint32_t op;
	struct mesh_order order;
	struct mesh_hello hello;
};

/** struct guest - who has connected: what it has said so far */
struct guest {
	int fd;
	union message in;
	size_t got;
};

/** struct call - a call of ours; @fd is -1 when it has ended */
struct call {
	int fd;
	bool sent;
	size_t got;
	uint64_t began;
	struct mesh_call result;
};

/**
 * struct server - all that there is
 * @conductor: who waits for the end of the calls, or -1
 * @self: our number, the digits at the end of the hostname
 * @left: calls under way
 */
struct server {
	int listener, conductor;
	uint32_t self;
	struct mesh_order order;
	struct guest guests[GUESTS_MAX];
	size_t n_guests;
	struct call calls[MESH_MAX];
	size_t left;
	uint64_t deadline;
	struct mesh_visit visits[MESH_MAX];
};

/* The conductor waits for it, and the buffer holds all of it or the conductor reads. */
static void send_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		if (n < 0 && errno == EAGAIN)
			(void)poll(&p, 1, -1);
		else if (n < 0 && errno != EINTR)
			return;
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

/* ---- calls ---- */

static void tell_conductor(struct server *s)
{
	for (size_t i = 0; i < s->order.count; i++)
		send_all(s->conductor, &s->calls[i].result, sizeof(s->calls[i].result));
	(void)close(s->conductor);
	s->conductor = -1;
}

static void end_call(struct server *s, struct call *c, int error)
{
	c->result.error = error;
	c->result.ns = clock_now() - c->began;
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	s->left--;
}

static int begin_call(struct server *s, struct call *c, uint32_t callee)
{
	struct sockaddr_in to;

	c->result.sent = (struct mesh_hello){.op = ORDER_CALL, .caller = s->self, .callee = callee};
	if (getrandom(&c->result.sent.nonce, sizeof(c->result.sent.nonce), 0) < 0)
		return errno;
	if (mesh_resolve(s->order.prefix, callee, s->order.port, &to) < 0)
		return ENOENT;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	c->began = clock_now();
	if (c->fd < 0)
		return errno;
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		return errno;
	return 0;
}

static void begin_calls(struct server *s)
{
	s->left = s->order.count;
	s->deadline = clock_now() + s->order.timeout_s * NS_PER_S;
	for (uint32_t i = 0; i < s->order.count; i++) {
		struct call *c = &s->calls[i];
		int r;

		*c = (struct call){.fd = -1, .began = clock_now()};
		r = i == s->self ? 0 : begin_call(s, c, i);
		if (r || i == s->self)
			end_call(s, c, r);
	}
}

/* Return: 0, -EAGAIN while it goes on, or -errno. */
static int go_on(struct call *c)
{
	char *in = (char *)&c->result.heard;
	socklen_t size = sizeof(int);
	int error = 0;
	ssize_t n;

	if (!c->sent) {
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error)
			return error ? -error : -errno;
		n = send(c->fd, &c->result.sent, sizeof(c->result.sent), MSG_NOSIGNAL);
		if (n != (ssize_t)sizeof(c->result.sent))
			return n < 0 ? -errno : -EMSGSIZE;
		c->sent = true;
		return -EAGAIN;
	}
	n = recv(c->fd, in + c->got, sizeof(c->result.heard) - c->got, 0);
	if (n < 0 && errno == EINTR)
		return -EAGAIN;
	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	c->got += (size_t)n;
	return c->got == sizeof(c->result.heard) ? 0 : -EAGAIN;
}

/* ---- guests ---- */

static void forget_guest(struct server *s, struct guest *g)
{
	*g = s->guests[--s->n_guests];
}

static void answer_call(struct server *s, struct guest *g)
{
	struct mesh_hello hello = g->in.hello;

	if (hello.caller < MESH_MAX) {
		s->visits[hello.caller].times++;
		s->visits[hello.caller].nonce = hello.nonce;
	}
	/* Who we are, whoever was wanted. */
	hello.callee = s->self;
	send_all(g->fd, &hello, sizeof(hello));
	(void)close(g->fd);
}

static void get_ready(struct server *s, struct guest *g)
{
	s->order = g->in.order;
	s->order.prefix[MESH_NAME_MAX - 1] = '\0';
	if (s->order.count > MESH_MAX)
		s->order.count = MESH_MAX;
	for (size_t i = 0; i < MESH_MAX; i++)
		s->calls[i].fd = -1;
	(void)memset(s->visits, 0, sizeof(s->visits));
	send_all(g->fd, &s->self, sizeof(s->self));
	(void)close(g->fd);
}

static size_t wanted(const struct guest *g)
{
	if (g->got < sizeof(g->in.op))
		return sizeof(g->in.op);
	switch (g->in.op) {
	case ORDER_READY:
		return sizeof(g->in.order);
	case ORDER_CALL:
		return sizeof(g->in.hello);
	case ORDER_GO:
	case ORDER_TELL:
		return sizeof(g->in.op);
	default:
		return 0;
	}
}

/* All is said. */
static void serve_guest(struct server *s, struct guest *g)
{
	switch (g->in.op) {
	case ORDER_READY:
		get_ready(s, g);
		break;
	case ORDER_GO:
		s->conductor = g->fd;
		begin_calls(s);
		break;
	case ORDER_TELL:
		send_all(g->fd, s->visits, s->order.count * sizeof(*s->visits));
		(void)close(g->fd);
		break;
	default:
		answer_call(s, g);
		break;
	}
	forget_guest(s, g);
}

static void hear_guest(struct server *s, struct guest *g)
{
	ssize_t n = recv(g->fd, (char *)&g->in + g->got, wanted(g) - g->got, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	g->got += n > 0 ? (size_t)n : 0;
	if (n > 0 && g->got < wanted(g))
		return;
	if (n > 0 && wanted(g) > 0) {
		serve_guest(s, g);
		return;
	}
	(void)close(g->fd);
	forget_guest(s, g);
}

static void greet_guests(struct server *s)
{
	while (s->n_guests < GUESTS_MAX) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		s->guests[s->n_guests++] = (struct guest){.fd = fd};
	}
}

/* ---- the loop ---- */

static size_t gather(const struct server *s, struct pollfd *p)
{
	size_t n = 0;

	p[n++] =
		(struct pollfd){.fd = s->listener, .events = s->n_guests < GUESTS_MAX ? POLLIN : 0};
	for (size_t i = 0; i < s->n_guests; i++)
		p[n++] = (struct pollfd){.fd = s->guests[i].fd, .events = POLLIN};
	for (size_t i = 0; i < s->order.count; i++)
		p[n++] = (struct pollfd){.fd = s->calls[i].fd,
					 .events = s->calls[i].sent ? POLLIN : POLLOUT};
	return n;
}

static void end_all_calls(struct server *s)
{
	for (size_t i = 0; i < s->order.count; i++)
		if (s->calls[i].fd >= 0)
			end_call(s, &s->calls[i], ETIMEDOUT);
}

/* @p: as gathered; guests that come and go meanwhile have no place in it. */
static void dispatch(struct server *s, const struct pollfd *p, size_t n_guests, size_t n_calls)
{
	const struct pollfd *calls = p + 1 + n_guests;

	for (size_t i = 0; i < n_calls; i++) {
		struct call *c = &s->calls[i];
		int r = calls[i].revents && c->fd >= 0 ? go_on(c) : -EAGAIN;

		if (r != -EAGAIN)
			end_call(s, c, -r);
	}
	/* From the end, for the last one takes the place of one that goes. */
	for (size_t i = n_guests; i > 0; i--)
		if (p[i].revents)
			hear_guest(s, &s->guests[i - 1]);
	if (p[0].revents)
		greet_guests(s);
}

static int loop(struct server *s)
{
	static struct pollfd p[1 + GUESTS_MAX + MESH_MAX];

	for (;;) {
		size_t n_guests = s->n_guests, n_calls = s->order.count;
		uint64_t now = clock_now();
		int limit = -1;

		if (s->left > 0)
			limit = now < s->deadline ? (int)((s->deadline - now) / 1000000) + 1 : 0;
		if (poll(p, gather(s, p), limit) < 0 && errno != EINTR)
			return command_fail("poll: %s", strerror(errno));
		dispatch(s, p, n_guests, n_calls);
		if (s->left > 0 && clock_now() >= s->deadline)
			end_all_calls(s);
		if (s->left == 0 && s->conductor >= 0)
			tell_conductor(s);
	}
}

static uint32_t own_number(void)
{
	char name[256] = "";
	size_t digits;

	(void)gethostname(name, sizeof(name) - 1);
	digits = strlen(name);
	while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9')
		digits--;
	return (uint32_t)strtoul(name + digits, NULL, 10);
}

int mesh_serve(uint16_t port)
{
	static struct server s = {.conductor = -1};

	s.self = own_number();
	s.listener = stream_listen(port, true);
	if (s.listener < 0)
		return command_fail("cannot listen on port %u: %s", port, strerror(-s.listener));
	return loop(&s);
}
