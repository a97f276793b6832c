/* SPDX-License-Identifier: MIT */
#include "boxer/volley.h"

#include "base/clock.h"
#include "boxer/sock.h"

#include <netinet/tcp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define RANDOM_PORT_MIN 1024u
#define RANDOM_PORTS	(65536u - RANDOM_PORT_MIN)
/* Prime, and no divisor of RANDOM_PORTS: strides through all of them. */
#define RANDOM_STRIDE 40009u

struct shot {
	struct volley *volley;
	struct ev_io io;
	struct addr remote;
};

struct volley {
	struct volley_plan plan;
	struct ev_timer timer;
	unsigned rounds; /* sent */
	uint32_t random; /* where in the permutation of ports */
	bool entered, orphaned;
	struct shot shots[];
};

static void shot_close(struct shot *s)
{
	if (s->io.fd < 0)
		return;
	ev_io_stop(s->volley->plan.loop, &s->io);
	(void)close(s->io.fd);
	ev_io_set(&s->io, -1, EV_WRITE);
}

static void close_all(struct volley *v)
{
	for (size_t i = 0; i < v->plan.sockets; i++)
		shot_close(&v->shots[i]);
}

/* What has met its counterpart and is about to connect is none of those to give up. */
static void close_unmet(struct volley *v)
{
	for (size_t i = 0; i < v->plan.sockets; i++)
		if (v->shots[i].io.fd >= 0 && sock_state(v->shots[i].io.fd) == TCP_SYN_SENT)
			shot_close(&v->shots[i]);
}

static struct addr aim(struct volley *v, size_t i)
{
	struct addr to = v->plan.remote;

	switch (v->plan.aim) {
	case VOLLEY_SAME:
		break;
	case VOLLEY_STEPS:
		to.port = (uint16_t)(to.port + (int)i * v->plan.step);
		break;
	case VOLLEY_RANDOM:
		v->random = (v->random + RANDOM_STRIDE) % RANDOM_PORTS;
		to.port = (uint16_t)(RANDOM_PORT_MIN + v->random);
		break;
	}
	return to;
}

static int open_socket(struct volley *v)
{
	struct addr local = v->plan.local;

	if (local.port == 0)
		local.port = v->plan.next_port(v->plan.arg);
	return sock_shared(&local, v->plan.family);
}

/* A shot that can't be fired, for want of descriptors or ports, is one fewer. */
static void fire(struct volley *v, struct shot *s, size_t i)
{
	int fd = open_socket(v);

	s->remote = aim(v, i);
	if (fd < 0)
		return;
	if (s->remote.port == 0 || sock_connect(fd, &s->remote, v->plan.family) < 0) {
		(void)close(fd);
		return;
	}
	ev_io_set(&s->io, fd, EV_WRITE);
	ev_io_start(v->plan.loop, &s->io);
}

static void send_round(struct volley *v)
{
	uint64_t hold = v->plan.hold_ns;

	for (size_t i = 0; i < v->plan.sockets; i++)
		if (v->shots[i].io.fd < 0)
			fire(v, &v->shots[i], i);
	v->rounds++;
	if (v->plan.jitter_ns > 0)
		hold += randombytes_uniform((uint32_t)v->plan.jitter_ns);
	ev_timer_set(&v->timer, 1e-9 * (double)hold, 0.);
	ev_timer_start(v->plan.loop, &v->timer);
}

/* Callbacks may free the volley. */
static void leave(struct volley *v)
{
	v->entered = false;
	if (v->orphaned)
		free(v);
}

static void on_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct shot *s = w->data;
	struct volley *v = s->volley;
	int fd = w->fd;

	(void)revents;
	if (sock_error(fd) < 0) {
		shot_close(s);
		return;
	}
	ev_io_stop(loop, w);
	ev_io_set(w, -1, EV_WRITE);
	v->entered = true;
	v->plan.connected(v->plan.arg, fd, &s->remote);
	leave(v);
}

static void on_hold_over(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct volley *v = w->data;

	(void)loop;
	(void)revents;
	close_unmet(v);
	if (v->plan.rounds == 0 || v->rounds < v->plan.rounds) {
		send_round(v);
		return;
	}
	v->entered = true;
	v->plan.over(v->plan.arg);
	leave(v);
}

struct volley *volley_new(const struct volley_plan *plan)
{
	size_t n = plan->sockets < VOLLEY_SOCKETS_MAX ? plan->sockets : VOLLEY_SOCKETS_MAX;
	struct volley *v = calloc(1, sizeof(*v) + n * sizeof(v->shots[0]));

	if (!v)
		return NULL;
	v->plan = *plan;
	v->plan.sockets = n;
	v->random = randombytes_uniform(RANDOM_PORTS);
	ev_timer_init(&v->timer, on_hold_over, 0., 0.);
	v->timer.data = v;
	for (size_t i = 0; i < n; i++) {
		v->shots[i].volley = v;
		ev_io_init(&v->shots[i].io, on_io, -1, EV_WRITE);
		v->shots[i].io.data = &v->shots[i];
	}
	send_round(v);
	return v;
}

void volley_free(struct volley *v)
{
	if (!v)
		return;
	close_all(v);
	ev_timer_stop(v->plan.loop, &v->timer);
	if (v->entered)
		v->orphaned = true;
	else
		free(v);
}
