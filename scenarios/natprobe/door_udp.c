/* SPDX-License-Identifier: MIT */
/* Doors of UDP: one socket for everything. */
#include "base/clock.h"
#include "scenarios/natprobe/door.h"
#include "scenarios/natprobe/sock.h"

#include <errno.h>
#include <poll.h>

static int udp_open(struct door *d)
{
	d->fd = sock_bind(SOCK_DGRAM, &d->at);
	return d->fd < 0 ? d->fd : 0;
}

static int udp_send(struct door *d, const struct addr *to, const struct wire_msg *msg)
{
	uint8_t buf[WIRE_ASK_LEN] = {0};
	int r;

	wire_encode(msg, buf);
	r = sock_send_to(d->fd, buf, sizeof(buf), to);
	/* The network's own refusal is as good as a lost datagram. */
	return r == -EPERM || r == -ENETUNREACH || r == -EHOSTUNREACH || r == -EAGAIN ? 0 : r;
}

static int udp_post(struct door *d, enum spot spot, const struct wire_msg *msg)
{
	return udp_send(d, &d->probe->spots[spot], msg);
}

static int udp_collect(struct door *d, uint64_t deadline)
{
	struct pollfd pfd = {.fd = d->fd, .events = POLLIN};
	uint8_t buf[WIRE_ASK_LEN];
	struct wire_msg msg;
	struct addr from;
	int r = door_poll(&pfd, 1, deadline);
	int n;

	if (r < 0)
		return r;
	n = sock_receive_from(d->fd, buf, sizeof(buf), &from);
	if (n < 0 || wire_decode(buf, (size_t)n, &msg) < 0)
		return 0;
	if (msg.kind == WIRE_KNOCK)
		door_knocked(d, &from, -1);
	else
		door_got(d, &msg);
	return 0;
}

static int udp_knock(struct door *d, const struct addr *to)
{
	struct wire_msg msg = {.kind = WIRE_KNOCK};

	return udp_send(d, to, &msg);
}

static void udp_close(struct door *d)
{
	(void)d;
}

const struct door_ops door_udp = {
	.open = udp_open,
	.post = udp_post,
	.repost = udp_post,
	.collect = udp_collect,
	.knock = udp_knock,
	.close = udp_close,
};
