/* SPDX-License-Identifier: MIT */
/* Those who ask over TCP. */
#include "base/clock.h"
#include "scenarios/natprobe/reflector.h"
#include "scenarios/natprobe/sock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#define SHY_NS	       (5 * NS_PER_S) /* how long somebody may say nothing at first */
#define IDLE_NS	       (30 * NS_PER_S)
#define MESSAGES_MAX   16 /* of one connection before others have their turn */
#define ACCEPTS_MAX    64
#define DIALS_EACH_MAX 8

static struct handle handle_of(const struct reflector *r, const struct conn *c)
{
	return (struct handle){(uint32_t)(c - r->conns), c->generation};
}

static struct conn *find(struct reflector *r, struct handle h)
{
	struct conn *c = &r->conns[h.slot % CONNS_MAX];

	return c->fd >= 0 && c->generation == h.generation ? c : NULL;
}

static void drop(struct conn *c)
{
	c->host->conns--;
	sock_reset(c->fd);
	c->fd = -1;
	c->generation++;
}

static void keep(struct reflector *r, struct conn *c, uint64_t ns)
{
	if (c->deadline < r->now + ns)
		c->deadline = r->now + ns;
	reflector_wake_at(r, c->deadline);
}

/*
 * Who goes first when all places are taken? Of those who have most, one who waits for
 * nothing, and has been silent for longest.
 */
static bool goes_before(const struct conn *a, const struct conn *b)
{
	if (a->host->conns != b->host->conns)
		return a->host->conns > b->host->conns;
	if (!a->later != !b->later)
		return !a->later;
	return a->active < b->active;
}

static struct conn *find_place(struct reflector *r)
{
	struct conn *goes = NULL;

	for (size_t i = 0; i < r->conns_max; i++) {
		struct conn *c = &r->conns[i];

		if (c->fd < 0)
			return c;
		/* A dial is over soon. */
		if (!c->n_dials && (!goes || goes_before(c, goes)))
			goes = c;
	}
	if (goes)
		drop(goes);
	return goes;
}

static void welcome(struct reflector *r, enum spot spot, int fd, const struct addr *peer)
{
	struct conn *c = find_place(r);

	if (!c) {
		sock_reset(fd);
		return;
	}
	*c = (struct conn){
		.fd = fd,
		.generation = c->generation,
		.spot = spot,
		.peer = *peer,
		.host = reflector_bucket(r, peer),
		.active = r->now,
	};
	c->host->conns++;
	keep(r, c, SHY_NS);
	if (reflector_watch(r, fd, EPOLLIN | EPOLLRDHUP, WATCH_CONN, handle_of(r, c)) < 0)
		drop(c);
}

void conn_accept(struct reflector *r, enum spot spot)
{
	struct addr peer;

	for (int i = 0; i < ACCEPTS_MAX; i++) {
		int fd = sock_accept(r->tcp[spot], &peer);

		if (fd >= 0)
			welcome(r, spot, fd, &peer);
		else if (fd != -ECONNABORTED)
			return;
	}
}

void conn_answer(struct reflector *r, struct handle handle, const struct wire_msg *msg)
{
	struct conn *c = find(r, handle);
	uint8_t buf[WIRE_LEN];

	if (!c)
		return;
	wire_encode(msg, buf);
	/* Who asks and does not read the answers has had enough. */
	if (send(c->fd, buf, sizeof(buf), MSG_NOSIGNAL) != sizeof(buf))
		drop(c);
}

void conn_dialled(struct reflector *r, struct handle handle, uint32_t token,
		  enum wire_outcome outcome)
{
	struct wire_msg msg = {.kind = WIRE_DIALLED, .token = token, .outcome = outcome};
	struct conn *c = find(r, handle);

	if (!c)
		return;
	c->n_dials--;
	conn_answer(r, handle, &msg);
}

static void ask_dial(struct reflector *r, struct conn *c, const struct wire_msg *ask)
{
	struct wire_msg msg = {.kind = WIRE_DIALLED, .token = ask->token, .outcome = WIRE_BUSY};
	struct addr to = c->peer;

	if (ask->port)
		to.port = ask->port;
	if (c->n_dials < DIALS_EACH_MAX)
		msg.outcome = dial_start(r, handle_of(r, c), ask, &to);
	if (msg.outcome == WIRE_NONE)
		c->n_dials++;
	else
		conn_answer(r, handle_of(r, c), &msg);
}

/* Return: false when that was no question. */
static bool ask(struct reflector *r, struct conn *c, const struct wire_msg *msg)
{
	struct wire_msg seen = {.kind = WIRE_SEEN, .token = msg->token, .addr = c->peer};

	switch (msg->kind) {
	case WIRE_REFLECT:
		conn_answer(r, handle_of(r, c), &seen);
		return true;
	case WIRE_DIAL:
		ask_dial(r, c, msg);
		return true;
	case WIRE_LATER:
		if (c->later || msg->wait_ms > WIRE_LATER_MAX_MS)
			return false;
		c->later = r->now + msg->wait_ms * NS_PER_MS;
		c->later_token = msg->token;
		keep(r, c, msg->wait_ms * NS_PER_MS + IDLE_NS);
		reflector_wake_at(r, c->later);
		return true;
	case WIRE_SEEN:
	case WIRE_DIALLED:
	case WIRE_KNOCK:
	case WIRE_KINDS:
	default:
		return false;
	}
}

void conn_event(struct reflector *r, struct handle handle)
{
	struct wire_msg msg;
	struct conn *c;

	for (int i = 0; i < MESSAGES_MAX && (c = find(r, handle)); i++) {
		ssize_t n = recv(c->fd, c->buf + c->fill, WIRE_LEN - c->fill, 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n > 0)
			c->fill += (size_t)n;
		if (n > 0 && c->fill < WIRE_LEN)
			continue;
		c->active = r->now;
		c->fill = 0;
		keep(r, c, IDLE_NS);
		if (n <= 0 || wire_decode(c->buf, WIRE_LEN, &msg) < 0 ||
		    !reflector_may(r, &c->peer) || !ask(r, c, &msg)) {
			/* The answer to its question may have ended it. */
			c = find(r, handle);
			if (c)
				drop(c);
			return;
		}
	}
}

void conn_expire(struct reflector *r)
{
	for (size_t i = 0; i < r->conns_max; i++) {
		struct conn *c = &r->conns[i];
		struct wire_msg seen = {
			.kind = WIRE_SEEN, .token = c->later_token, .addr = c->peer};

		if (c->fd >= 0 && c->later && c->later <= r->now) {
			c->later = 0;
			conn_answer(r, handle_of(r, c), &seen);
		}
		if (c->fd >= 0 && c->deadline <= r->now)
			drop(c);
		if (c->fd < 0)
			continue;
		reflector_wake_at(r, c->deadline);
		if (c->later)
			reflector_wake_at(r, c->later);
	}
}
