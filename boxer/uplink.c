/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * One socket at a time: connecting (@io), or connected (@channel). A failed
 * connection is tried again after a pause, from a fresh port, for the NATs on
 * the way may still hold the old flow. Only the network is tried again: a wrong
 * key, another version or a rejected join end it at once.
 */
#include "boxer/uplink.h"

#include "base/clock.h"
#include "boxer/channel.h"
#include "boxer/sock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct uplink {
	struct ev_loop *loop;
	struct addr seed;
	const uint8_t *key;
	char name[FRAME_NAME_MAX + 1];
	uint64_t deadline;
	const struct uplink_ops *ops;
	void *arg;
	struct ev_io io;
	struct ev_timer timer;
	struct channel *channel;
	struct addr local;
	bool joined, ended;
};

static const struct channel_ops uplink_channel_ops;

static void stop(struct uplink *up)
{
	if (ev_is_active(&up->io)) {
		ev_io_stop(up->loop, &up->io);
		(void)close(up->io.fd);
	}
	ev_timer_stop(up->loop, &up->timer);
	channel_free(up->channel);
	up->channel = NULL;
}

static void end(struct uplink *up, enum reason reason)
{
	if (up->ended)
		return;
	up->ended = true;
	stop(up);
	up->ops->ended(up->arg, reason);
}

static void arm(struct uplink *up, uint64_t after_ns)
{
	uint64_t now = clock_now();
	uint64_t left = up->deadline > now ? up->deadline - now : 0;

	if (after_ns > left)
		after_ns = left;
	ev_timer_stop(up->loop, &up->timer);
	ev_timer_set(&up->timer, 1e-9 * (double)after_ns, 0.);
	ev_timer_start(up->loop, &up->timer);
}

static void try_again(struct uplink *up, enum reason reason)
{
	if (clock_now() >= up->deadline)
		end(up, reason);
	else
		arm(up, UPLINK_RETRY_NS);
}

static void on_connected(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct uplink *up = w->data;
	int r = sock_error(w->fd);

	(void)revents;
	ev_io_stop(loop, w);
	if (r == 0)
		r = sock_local(w->fd, &up->local);
	if (r < 0) {
		(void)close(w->fd);
		try_again(up, REASON_SEED_UNREACHABLE);
		return;
	}
	up->channel = channel_new(loop, w->fd, up->key, FRAME_ID_JOINING, FRAME_ID_SEED,
				  &uplink_channel_ops, up);
	if (!up->channel)
		try_again(up, REASON_LOCAL);
}

static void begin(struct uplink *up)
{
	struct addr any = {.family = up->seed.family};
	int fd = sock_shared(&any, up->seed.family);
	int r = fd < 0 ? fd : sock_connect(fd, &up->seed, up->seed.family);

	if (r < 0) {
		if (fd >= 0)
			(void)close(fd);
		try_again(up, fd < 0 ? REASON_LOCAL : REASON_SEED_UNREACHABLE);
		return;
	}
	ev_io_set(&up->io, fd, EV_WRITE);
	ev_io_start(up->loop, &up->io);
	arm(up, up->deadline);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct uplink *up = w->data;

	(void)loop;
	(void)revents;
	if (clock_now() >= up->deadline)
		end(up, up->channel ? REASON_TIMEOUT : REASON_SEED_UNREACHABLE);
	else if (!ev_is_active(&up->io) && !up->channel)
		begin(up);
	else
		arm(up, up->deadline);
}

static void on_ready(struct channel *ch, void *arg)
{
	struct uplink *up = arg;
	struct frame_join join = {.inside = up->local};
	uint8_t body[128];
	int len;

	(void)memcpy(join.name, up->name, sizeof(join.name));
	len = frame_encode_join(&join, body, sizeof(body));
	if (len > 0)
		(void)channel_send(ch, FRAME_JOIN, body, (size_t)len);
}

static void on_joined(struct uplink *up, const struct frame_joined *joined)
{
	up->joined = true;
	ev_timer_stop(up->loop, &up->timer);
	up->ops->joined(up->arg, joined, &up->local);
}

static void on_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	struct uplink *up = arg;
	struct frame_joined joined;
	struct frame_member member;
	struct frame_gone gone;
	uint16_t reason;
	int r = 0;

	(void)ch;
	switch (type) {
	case FRAME_JOINED:
		r = up->joined ? -EPROTO : frame_decode_joined(body, len, &joined);
		if (r == 0)
			on_joined(up, &joined);
		break;
	case FRAME_MEMBER:
		r = up->joined ? frame_decode_member(body, len, &member) : -EPROTO;
		if (r == 0)
			up->ops->member(up->arg, &member);
		break;
	case FRAME_GONE:
		r = up->joined ? frame_decode_gone(body, len, &gone) : -EPROTO;
		if (r == 0)
			up->ops->gone(up->arg, &gone);
		break;
	case FRAME_REJECT:
		r = frame_decode_reason(body, len, &reason);
		if (r == 0)
			end(up, reason < REASON_MAX ? (enum reason)reason : REASON_PROTOCOL);
		break;
	default: /* of a newer seed */
		break;
	}
	if (r < 0)
		end(up, REASON_PROTOCOL);
}

static void on_closed(struct channel *ch, void *arg, enum reason reason)
{
	struct uplink *up = arg;
	bool network =
		reason == REASON_LEFT || reason == REASON_TIMEOUT || reason == REASON_UNREACHABLE;

	(void)ch;
	channel_free(up->channel);
	up->channel = NULL;
	if (up->joined || !network)
		end(up, reason);
	else
		try_again(up, reason);
}

static const struct channel_ops uplink_channel_ops = {on_ready, on_frame, on_closed};

struct uplink *uplink_new(struct ev_loop *loop, const struct addr *seed, const uint8_t *key,
			  const char *name, uint64_t deadline, const struct uplink_ops *ops,
			  void *arg)
{
	struct uplink *up = calloc(1, sizeof(*up));

	if (!up)
		return NULL;
	up->loop = loop;
	up->seed = *seed;
	up->key = key;
	up->deadline = deadline;
	up->ops = ops;
	up->arg = arg;
	(void)strncpy(up->name, name, FRAME_NAME_MAX);
	ev_io_init(&up->io, on_connected, -1, EV_WRITE);
	up->io.data = up;
	ev_timer_init(&up->timer, on_timer, 0., 0.);
	up->timer.data = up;
	/* From the loop, so that no callback comes before this returns. */
	ev_timer_start(loop, &up->timer);
	return up;
}

void uplink_free(struct uplink *up)
{
	uint8_t body[2];
	int len;

	if (!up)
		return;
	if (up->joined && up->channel) {
		len = frame_encode_reason(REASON_LEFT, body, sizeof(body));
		if (len > 0)
			(void)channel_send(up->channel, FRAME_LEAVE, body, (size_t)len);
	}
	stop(up);
	free(up);
}
