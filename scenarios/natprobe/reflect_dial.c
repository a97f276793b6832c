/* SPDX-License-Identifier: MIT */
/* Connections back to those who asked for them. */
#include "base/clock.h"
#include "scenarios/natprobe/reflector.h"
#include "scenarios/natprobe/sock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

static struct dial *find(struct reflector *r, struct handle h)
{
	struct dial *d = &r->dials[h.slot % DIALS_MAX];

	return d->fd >= 0 && d->generation == h.generation ? d : NULL;
}

static void drop(struct dial *d)
{
	sock_reset(d->fd);
	d->fd = -1;
	d->generation++;
}

static struct dial *find_place(struct reflector *r)
{
	for (size_t i = 0; i < r->dials_max; i++)
		if (r->dials[i].fd < 0)
			return &r->dials[i];
	return NULL;
}

enum wire_outcome dial_start(struct reflector *r, struct handle conn, const struct wire_msg *ask,
			     const struct addr *to)
{
	uint32_t wait_ms = ask->wait_ms < WIRE_DIAL_MAX_MS ? ask->wait_ms : WIRE_DIAL_MAX_MS;
	struct dial *d = find_place(r);
	struct handle h;
	int fd, res;

	if (!d)
		return WIRE_BUSY;
	fd = sock_bind(SOCK_STREAM, &r->spots[ask->spot]);
	if (fd < 0)
		return WIRE_FAILED;
	*d = (struct dial){
		.fd = fd,
		.generation = d->generation,
		.conn = conn,
		.token = ask->token,
		.deadline = r->now + wait_ms * NS_PER_MS,
	};
	h = (struct handle){(uint32_t)(d - r->dials), d->generation};
	sock_want_icmp(fd, to->family);
	res = sock_connect(fd, to);
	if (!res)
		res = reflector_watch(r, fd, EPOLLOUT | EPOLLET, WATCH_DIAL, h);
	if (res < 0) {
		drop(d);
		return WIRE_FAILED;
	}
	reflector_wake_at(r, d->deadline);
	return WIRE_NONE;
}

/*
 * What a dial has come to by now. The queue of errors is asked first: an ICMP
 * error that comes while the SYN is still being sent (a veth has no latency)
 * leaves connect() waiting, but is in the queue.
 */
static enum wire_outcome outcome_of(const struct dial *d)
{
	int error;

	if (sock_got_icmp(d->fd))
		return WIRE_UNREACHABLE;
	error = sock_error(d->fd);
	if (error == -ECONNREFUSED)
		return WIRE_RESET;
	/* Somebody took it and has hung up already. */
	if (error == -ECONNRESET)
		return WIRE_CONNECTED;
	if (error == -EHOSTUNREACH || error == -ENETUNREACH)
		return WIRE_UNREACHABLE;
	if (error < 0)
		return WIRE_FAILED;
	switch (sock_tcp_state(d->fd)) {
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT: /* and the other end has closed already */
		return WIRE_CONNECTED;
	default:
		return WIRE_NONE;
	}
}

void dial_event(struct reflector *r, struct handle handle)
{
	struct dial *d = find(r, handle);
	enum wire_outcome outcome;

	if (!d || d->told)
		return;
	outcome = outcome_of(d);
	if (outcome == WIRE_NONE)
		return;
	d->told = true;
	conn_dialled(r, d->conn, d->token, outcome);
	/* A connection is kept for a while, so that the other end can look at it. */
	if (outcome != WIRE_CONNECTED)
		drop(d);
}

void dial_expire(struct reflector *r)
{
	for (size_t i = 0; i < r->dials_max; i++) {
		struct dial *d = &r->dials[i];
		enum wire_outcome outcome;

		if (d->fd < 0)
			continue;
		if (d->deadline > r->now) {
			reflector_wake_at(r, d->deadline);
			continue;
		}
		outcome = outcome_of(d);
		if (!d->told)
			conn_dialled(r, d->conn, d->token,
				     outcome == WIRE_NONE ? WIRE_TIMEOUT : outcome);
		drop(d);
	}
}
