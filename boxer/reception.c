/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A guest is looked at without reading (MSG_PEEK): who wants a channel must find
 * the whole conversation in it. SO_RCVLOWAT keeps a guest who sends byte by byte
 * from waking us for each of them: first for a header, then for the rest of the
 * frame that the header promises.
 */
#include "boxer/reception.h"

#include "base/clock.h"
#include "boxer/frame.h"
#include "boxer/sock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

struct guest {
	TAILQ_ENTRY(guest) link;
	struct reception *reception;
	struct ev_io io;
	struct arrival arrival;
	uint64_t since;
	int wanted; /* bytes that must be there before it is looked at again */
};

struct reception {
	struct ev_loop *loop;
	const struct reception_ops *ops;
	void *arg;
	TAILQ_HEAD(, guest) guests; /* the oldest first */
	size_t n, max;
	struct ev_timer timer;
};

/* Return: the descriptor, which is the caller's now. */
static int see_off(struct guest *g)
{
	int fd = g->arrival.fd;

	ev_io_stop(g->reception->loop, &g->io);
	TAILQ_REMOVE(&g->reception->guests, g, link);
	g->reception->n--;
	free(g);
	return fd;
}

static void hang_up(struct guest *g)
{
	(void)close(see_off(g));
}

static void await_bytes(struct guest *g, int wanted)
{
	g->wanted = wanted;
	(void)setsockopt(g->arrival.fd, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof(wanted));
}

static void to_channel(struct guest *g)
{
	struct reception *r = g->reception;
	struct arrival a = g->arrival;

	if (!r->ops->hello) {
		hang_up(g);
		return;
	}
	await_bytes(g, 1);
	(void)see_off(g);
	r->ops->hello(r->arg, &a);
}

typedef void room_fn(void *arg, const struct arrival *a, const uint8_t *body, size_t len);

static void to_room(struct guest *g, room_fn *room)
{
	struct reception *r = g->reception;
	struct arrival a = g->arrival;
	uint8_t frame[FRAME_HEADER_LEN + RECEPTION_BODY_MAX];
	ssize_t n = recv(a.fd, frame, (size_t)g->wanted, MSG_DONTWAIT);

	if (n != g->wanted) {
		hang_up(g);
		return;
	}
	await_bytes(g, 1);
	(void)see_off(g);
	room(r->arg, &a, frame + FRAME_HEADER_LEN, (size_t)n - FRAME_HEADER_LEN);
}

/* What has come so far is all. */
static bool has_ended(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) == 1;
}

static void look_at(struct guest *g)
{
	uint8_t frame[FRAME_HEADER_LEN + RECEPTION_BODY_MAX];
	ssize_t n = recv(g->arrival.fd, frame, (size_t)g->wanted, MSG_PEEK | MSG_DONTWAIT);
	struct frame_header h;
	room_fn *room;
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < g->wanted) {
		if (n <= 0 || has_ended(g->arrival.fd))
			hang_up(g);
		return;
	}
	r = frame_get_header(frame, &h);
	/* A channel knows what to say to another version. */
	if (r == -EPROTONOSUPPORT || (r == 0 && h.type == FRAME_HELLO)) {
		to_channel(g);
		return;
	}
	room = r < 0			 ? NULL
	       : h.type == FRAME_OBSERVE ? g->reception->ops->observe
	       : h.type == FRAME_RELAY	 ? g->reception->ops->relay
					 : NULL;
	if (!room || h.length > RECEPTION_BODY_MAX)
		hang_up(g);
	else if (n < (ssize_t)(FRAME_HEADER_LEN + h.length))
		await_bytes(g, (int)(FRAME_HEADER_LEN + h.length));
	else
		to_room(g, room);
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	look_at(w->data);
}

/* The oldest is due first; the others are looked at when it has gone. */
static void arm(struct reception *r)
{
	const struct guest *oldest = TAILQ_FIRST(&r->guests);
	uint64_t now = clock_now(), due;

	if (!oldest || ev_is_active(&r->timer))
		return;
	due = oldest->since + RECEPTION_NS;
	ev_timer_set(&r->timer, due > now ? 1e-9 * (double)(due - now) : 0., 0.);
	ev_timer_start(r->loop, &r->timer);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct reception *r = w->data;
	uint64_t now = clock_now();
	struct guest *g;

	(void)loop;
	(void)revents;
	while ((g = TAILQ_FIRST(&r->guests)) && now - g->since >= RECEPTION_NS)
		hang_up(g);
	arm(r);
}

struct reception *reception_new(struct ev_loop *loop, const struct reception_ops *ops, void *arg)
{
	struct reception *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->loop = loop;
	r->ops = ops;
	r->arg = arg;
	r->max = sock_quota(RECEPTION_MAX, RECEPTION_SHARE);
	TAILQ_INIT(&r->guests);
	ev_timer_init(&r->timer, on_timer, 0., 0.);
	r->timer.data = r;
	return r;
}

void reception_free(struct reception *r)
{
	struct guest *g;

	if (!r)
		return;
	while ((g = TAILQ_FIRST(&r->guests)))
		hang_up(g);
	ev_timer_stop(r->loop, &r->timer);
	free(r);
}

void reception_take(struct reception *r, int fd, const struct addr *from)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g) {
		(void)close(fd);
		return;
	}
	if (r->n == r->max)
		hang_up(TAILQ_FIRST(&r->guests));
	g->reception = r;
	g->arrival = (struct arrival){.fd = fd, .from = *from};
	(void)sock_local(fd, &g->arrival.at);
	g->since = clock_now();
	await_bytes(g, FRAME_HEADER_LEN);
	ev_io_init(&g->io, on_readable, fd, EV_READ);
	g->io.data = g;
	ev_io_start(r->loop, &g->io);
	TAILQ_INSERT_TAIL(&r->guests, g, link);
	r->n++;
	arm(r);
	/* What it wants often comes with the connection itself. */
	look_at(g);
}
