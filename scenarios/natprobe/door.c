/* SPDX-License-Identifier: MIT */
#include "scenarios/natprobe/door.h"

#include "base/clock.h"
#include "scenarios/natprobe/sock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* An answer must come; this is for a lost SYN, which is sent again after 1 s. */
#define ANSWER_NS     (3 * NS_PER_S)
#define REPOST_MIN_NS (200 * NS_PER_MS)

int door_open(struct door *d, struct probe *p, enum proto proto, const struct addr *host,
	      uint16_t port)
{
	int r = -EADDRINUSE;

	*d = (struct door){.probe = p,
			   .ops = proto == PROTO_TCP ? &door_tcp : &door_udp,
			   .at = *host,
			   .fd = -1};
	for (int i = 0; i < SPOT_ANSWERING; i++)
		d->flows[i].fd = -1;
	/* Others on this machine have ports, too. */
	for (int i = 0; i < 16 && r == -EADDRINUSE; i++) {
		d->at.port = port ? port : probe_port(p);
		r = d->ops->open(d);
	}
	return r;
}

void door_close(struct door *d)
{
	if (!d->probe)
		return;
	d->ops->close(d);
	for (unsigned i = 0; i < d->n_knocks; i++)
		sock_reset(d->visitors[i]);
	sock_reset(d->fd);
	d->probe = NULL;
}

int door_post(struct door *d, enum spot spot, struct wire_msg *msg)
{
	msg->token = probe_token(d->probe);
	return d->ops->post(d, spot, msg);
}

static bool take_answer(struct door *d, uint32_t token, struct wire_msg *ret_answer)
{
	for (unsigned i = 0; i < d->n_inbox; i++) {
		if (d->inbox[i].token != token)
			continue;
		*ret_answer = d->inbox[i];
		d->inbox[i] = d->inbox[--d->n_inbox];
		return true;
	}
	return false;
}

uint64_t door_answer_end(const struct probe *p)
{
	return clock_now() + ANSWER_NS + p->grace;
}

int door_wait_once(struct door *d, enum spot spot, const struct wire_msg *msg, uint64_t end,
		   struct wire_msg *ret_answer)
{
	int r = 0;

	if (end > d->probe->deadline)
		end = d->probe->deadline;
	while (!take_answer(d, msg->token, ret_answer)) {
		if (!r)
			r = d->flows[spot].error;
		if (r < 0)
			return r;
		r = d->ops->collect(d, end);
	}
	return 0;
}

int door_wait(struct door *d, enum spot spot, const struct wire_msg *msg, uint64_t end,
	      struct wire_msg *ret_answer)
{
	uint64_t pause = d->probe->grace > REPOST_MIN_NS ? d->probe->grace : REPOST_MIN_NS;
	int r;

	for (;;) {
		uint64_t next = clock_now() + pause;
		bool last = !d->ops->repost || next >= end || next >= d->probe->deadline;

		r = door_wait_once(d, spot, msg, last ? end : next, ret_answer);
		if (r != -ETIMEDOUT || last)
			return r;
		r = d->ops->repost(d, spot, msg);
		if (r < 0)
			return r;
	}
}

int door_reflect(struct door *d, enum spot spot, struct addr *ret_seen)
{
	struct wire_msg ask = {.kind = WIRE_REFLECT}, answer;
	int r = door_post(d, spot, &ask);

	if (!r)
		r = door_wait(d, spot, &ask, door_answer_end(d->probe), &answer);
	if (r < 0)
		return r;
	if (answer.kind != WIRE_SEEN || answer.addr.family == AF_UNSPEC)
		return -EPROTO;
	*ret_seen = answer.addr;
	return 0;
}

bool door_heard(struct door *d, uint64_t deadline, const struct addr *from, struct addr *ret_from)
{
	int r = 0;

	for (;;) {
		for (unsigned i = 0; i < d->n_knocks; i++) {
			if (from && !addr_equal(from, &d->knocks[i]))
				continue;
			if (ret_from)
				*ret_from = d->knocks[i];
			return true;
		}
		if (r < 0)
			return false;
		r = d->ops->collect(d, deadline);
	}
}

void door_got(struct door *d, const struct wire_msg *msg)
{
	if (d->n_inbox < DOOR_INBOX_MAX)
		d->inbox[d->n_inbox++] = *msg;
}

void door_knocked(struct door *d, const struct addr *from, int visitor)
{
	if (d->n_knocks == DOOR_KNOCKS_MAX) {
		sock_reset(visitor);
		return;
	}
	d->visitors[d->n_knocks] = visitor;
	d->knocks[d->n_knocks++] = *from;
}

int door_poll(struct pollfd *pfds, unsigned n, uint64_t deadline)
{
	uint64_t now = clock_now();
	uint64_t left = deadline > now ? deadline - now : 0;
	struct timespec ts = {.tv_sec = (time_t)(left / NS_PER_S),
			      .tv_nsec = (long)(left % NS_PER_S)};
	int r = ppoll(pfds, n, &ts, NULL);

	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	return r ? 0 : -ETIMEDOUT;
}
