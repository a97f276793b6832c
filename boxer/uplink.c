/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 *	UPLINK_PAUSING		@timer starts the next attempt
 *	UPLINK_CONNECTING	the SYN is out (@io). So are those of the observations,
 *				from the same port: what they ask reaches the seed before
 *				our JOIN does, and its answer knows what they saw
 *	UPLINK_JOINING		connected (@channel): handshake and JOIN
 *	UPLINK_JOINED		admitted. Observers that we have only now been told of
 *				are asked, too; the seed corrects our record. @timer
 *				asks those again that did not answer
 *	UPLINK_ENDED		@ended was called
 *
 * Before it has ever joined each attempt takes a fresh port, for the NATs on the
 * way may still hold the old flow. From then on the port is kept, for it is that of
 * all links, and the NATs know it; the old connection is reset, so that the same
 * two endpoints may be connected at once. A wrong key, another version or a rejected
 * join end it. Who was a member is only rejected for good when it can't be one: what
 * another one has got of its may be free again.
 */
#include "boxer/uplink.h"

#include "base/clock.h"
#include "boxer/channel.h"
#include "boxer/observation.h"
#include "boxer/sock.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum uplink_state {
	UPLINK_PAUSING,
	UPLINK_CONNECTING,
	UPLINK_JOINING,
	UPLINK_JOINED,
	UPLINK_ENDED,
};

/* An observer that is being asked; gone as soon as it has answered. */
struct asked {
	struct uplink *up;
	struct addr observer;
	struct observation *observation;
	unsigned times;
	bool unseen; /* it did not answer */
};

struct uplink {
	struct uplink_config config;
	enum uplink_state state;
	struct ev_io io;
	struct ev_timer timer;
	struct channel *channel;
	struct addr local; /* port 0 until it has joined */
	uint32_t id;
	uint64_t pause, joined_at;
	struct asked asked[FRAME_OBSERVERS];
	size_t n_asked;
};

static const struct channel_ops uplink_channel_ops;
static const struct observation_ops asked_ops;

static bool has_joined_before(const struct uplink *up)
{
	return up->id != FRAME_ID_JOINING;
}

static void forget_observers(struct uplink *up)
{
	for (size_t i = 0; i < up->n_asked; i++)
		observation_free(up->asked[i].observation);
	up->n_asked = 0;
}

static void stop(struct uplink *up)
{
	forget_observers(up);
	if (ev_is_active(&up->io)) {
		ev_io_stop(up->config.loop, &up->io);
		(void)close(up->io.fd);
	}
	ev_timer_stop(up->config.loop, &up->timer);
	channel_free(up->channel);
	up->channel = NULL;
}

static void end(struct uplink *up, enum reason reason)
{
	stop(up);
	up->state = UPLINK_ENDED;
	up->config.ops->ended(up->config.arg, reason);
}

static void arm(struct uplink *up, uint64_t after_ns)
{
	uint64_t now = clock_now();
	uint64_t left = up->config.deadline > now ? up->config.deadline - now : 0;

	if (!has_joined_before(up) && after_ns > left)
		after_ns = left;
	ev_timer_stop(up->config.loop, &up->timer);
	ev_timer_set(&up->timer, 1e-9 * (double)after_ns, 0.);
	ev_timer_start(up->config.loop, &up->timer);
}

/* All nodes lose their seed at once; they shall not all come back at once. */
static uint64_t next_pause(struct uplink *up)
{
	uint64_t pause = up->pause;

	if (!has_joined_before(up))
		return pause;
	up->pause = 2 * pause < UPLINK_RETRY_MAX_NS ? 2 * pause : UPLINK_RETRY_MAX_NS;
	return pause / 2 + randombytes_uniform((uint32_t)(pause / 2 / NS_PER_US)) * NS_PER_US;
}

static void try_again(struct uplink *up, enum reason reason)
{
	stop(up);
	up->state = UPLINK_PAUSING;
	if (!has_joined_before(up) && clock_now() >= up->config.deadline)
		end(up, reason);
	else
		arm(up, next_pause(up));
}

static void ask(struct asked *a)
{
	struct uplink *up = a->up;

	a->times++;
	a->unseen = false;
	a->observation = observation_start(up->config.loop, &up->local, &a->observer,
					   up->config.key, up->config.token, &asked_ops, a);
}

/* What is unknown of our NAT stays so if nobody asks again. */
static void ask_again_later(struct uplink *up)
{
	for (size_t i = 0; i < up->n_asked; i++)
		if (up->state == UPLINK_JOINED && up->asked[i].unseen &&
		    up->asked[i].times < UPLINK_OBSERVE_MAX)
			arm(up, UPLINK_OBSERVE_NS);
}

static void ask_again(struct uplink *up)
{
	for (size_t i = 0; i < up->n_asked; i++)
		if (up->asked[i].unseen && up->asked[i].times < UPLINK_OBSERVE_MAX)
			ask(&up->asked[i]);
}

static void observe(struct uplink *up, const struct addr *observer)
{
	struct asked *a = &up->asked[up->n_asked];

	for (size_t i = 0; i < up->n_asked; i++)
		if (addr_equal(&up->asked[i].observer, observer))
			return;
	if (up->n_asked == FRAME_OBSERVERS || addr_equal(observer, &up->config.seed[0]))
		return;
	*a = (struct asked){.up = up, .observer = *observer};
	up->n_asked++;
	ask(a);
}

static void on_seen(void *arg, const struct addr *seen)
{
	struct asked *a = arg;

	/* The seed has what it wanted, and puts it into our record. */
	(void)seen;
	observation_free(a->observation);
	a->observation = NULL;
}

static void on_unseen(void *arg, enum reason reason)
{
	struct asked *a = arg;

	(void)reason;
	on_seen(a, NULL);
	a->unseen = true;
	ask_again_later(a->up);
}

static const struct observation_ops asked_ops = {on_seen, on_unseen};

static void on_connected(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct uplink *up = w->data;
	const struct channel_pace pace = channel_pace_of(up->config.silence_ns);
	int r = sock_error(w->fd);

	(void)revents;
	ev_io_stop(loop, w);
	if (r < 0) {
		(void)close(w->fd);
		try_again(up, REASON_SEED_UNREACHABLE);
		return;
	}
	up->channel = channel_new(loop, w->fd, up->config.key, FRAME_ID_JOINING, FRAME_ID_SEED,
				  &uplink_channel_ops, up);
	if (!up->channel) {
		try_again(up, REASON_LOCAL);
		return;
	}
	channel_set_pace(up->channel, &pace);
	up->state = UPLINK_JOINING;
	arm(up, UPLINK_JOIN_NS);
}

static void begin(struct uplink *up)
{
	const struct addr *seed = &up->config.seed[0];
	struct addr any = {.family = seed->family};
	int fd = sock_shared(has_joined_before(up) ? &up->local : &any, seed->family);
	int r = fd < 0 ? fd : sock_connect(fd, seed, seed->family);

	if (r == 0 && !has_joined_before(up))
		r = sock_local(fd, &up->local);
	if (r < 0) {
		if (fd >= 0)
			(void)close(fd);
		try_again(up, fd < 0 ? REASON_LOCAL : REASON_SEED_UNREACHABLE);
		return;
	}
	sock_reset_on_close(fd);
	up->state = UPLINK_CONNECTING;
	ev_io_set(&up->io, fd, EV_WRITE);
	ev_io_start(up->config.loop, &up->io);
	arm(up, UPLINK_CONNECT_NS);
	for (size_t i = 1; i < up->config.n_seed; i++)
		observe(up, &up->config.seed[i]);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct uplink *up = w->data;

	(void)loop;
	(void)revents;
	if (up->state == UPLINK_JOINED) {
		ask_again(up);
		return;
	}
	if (up->state == UPLINK_PAUSING &&
	    (has_joined_before(up) || clock_now() < up->config.deadline))
		begin(up);
	else
		try_again(up,
			  up->state == UPLINK_JOINING ? REASON_TIMEOUT : REASON_SEED_UNREACHABLE);
}

static void on_ready(struct channel *ch, void *arg)
{
	struct uplink *up = arg;
	struct frame_join join = {
		.inside = up->local,
		.claim = up->id,
		.flags = up->config.flags,
	};
	uint8_t body[256];
	int len;

	(void)strncpy(join.name, up->config.name, FRAME_NAME_MAX);
	if (up->config.role)
		(void)strncpy(join.role, up->config.role, FRAME_NAME_MAX);
	(void)memcpy(join.token, up->config.token, sizeof(join.token));
	len = frame_encode_join(&join, body, sizeof(body));
	if (len > 0)
		(void)channel_send(ch, FRAME_JOIN, body, (size_t)len);
}

static void on_joined(struct uplink *up, const struct frame_joined *joined)
{
	/* A seed that gives us another id took us for somebody else; we can't be two. */
	if (has_joined_before(up) && joined->id != up->id) {
		end(up, REASON_DUPLICATE_ID);
		return;
	}
	up->state = UPLINK_JOINED;
	up->id = joined->id;
	up->joined_at = clock_now();
	ev_timer_stop(up->config.loop, &up->timer);
	ask_again_later(up);
	/* The first one has observed this very connection. */
	for (size_t i = 1; i < joined->n_observers; i++)
		observe(up, &joined->observers[i]);
	up->config.ops->joined(up->config.arg, joined, &up->local);
}

static int on_member(const struct uplink *up, const uint8_t *body, size_t len)
{
	struct frame_member member;
	int r = frame_decode_member(body, len, &member);

	if (r == 0)
		up->config.ops->member(up->config.arg, &member);
	return r;
}

static int on_gone(const struct uplink *up, const uint8_t *body, size_t len)
{
	struct frame_gone gone;
	int r = frame_decode_gone(body, len, &gone);

	if (r == 0)
		up->config.ops->gone(up->config.arg, &gone);
	return r;
}

/* The place that was ours is somebody else's, or all are taken. */
static bool may_change(enum reason reason)
{
	return reason == REASON_DUPLICATE_ID || reason == REASON_DUPLICATE_NAME ||
	       reason == REASON_DUPLICATE_ADDRESS || reason == REASON_CLUSTER_FULL ||
	       reason == REASON_SURPLUS;
}

static void on_rejected(struct uplink *up, enum reason reason)
{
	if (has_joined_before(up) && may_change(reason)) {
		try_again(up, reason);
		up->config.ops->refused(up->config.arg, reason);
	} else {
		end(up, reason);
	}
}

/* Before it has answered our JOIN a seed says nothing else. */
static int on_answer(struct uplink *up, uint8_t type, const uint8_t *body, size_t len)
{
	struct frame_joined joined;
	uint16_t reason;
	int r = -EPROTO;

	if (type == FRAME_JOINED) {
		r = frame_decode_joined(body, len, &joined);
		if (r == 0)
			on_joined(up, &joined);
	} else if (type == FRAME_REJECT) {
		r = frame_decode_reason(body, len, &reason);
		if (r == 0)
			on_rejected(up,
				    reason < REASON_MAX ? (enum reason)reason : REASON_PROTOCOL);
	}
	return r;
}

static void on_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	struct uplink *up = arg;
	int r = 0;

	(void)ch;
	if (up->state == UPLINK_JOINING)
		r = on_answer(up, type, body, len);
	else if (type == FRAME_JOINED)
		r = -EPROTO;
	else if (type == FRAME_MEMBER)
		r = on_member(up, body, len);
	else if (type == FRAME_GONE)
		r = on_gone(up, body, len);
	else
		up->config.ops->frame(up->config.arg, type, body, len);
	if (r < 0)
		end(up, REASON_PROTOCOL);
}

static void on_closed(struct channel *ch, void *arg, enum reason reason)
{
	struct uplink *up = arg;
	bool network =
		reason == REASON_LEFT || reason == REASON_TIMEOUT || reason == REASON_UNREACHABLE;

	(void)ch;
	if (up->state == UPLINK_JOINED) {
		/* A seed that admits and drops us must not be asked as fast as it does that. */
		if (clock_now() - up->joined_at >= UPLINK_STEADY_NS)
			up->pause = UPLINK_RETRY_NS;
		try_again(up, reason);
		up->config.ops->lost(up->config.arg, reason);
	} else if (network) {
		try_again(up, reason);
	} else {
		end(up, reason);
	}
}

static const struct channel_ops uplink_channel_ops = {on_ready, on_frame, on_closed};

struct uplink *uplink_new(const struct uplink_config *config)
{
	struct uplink *up = calloc(1, sizeof(*up));

	if (!up)
		return NULL;
	up->config = *config;
	up->id = FRAME_ID_JOINING;
	up->pause = UPLINK_RETRY_NS;
	ev_io_init(&up->io, on_connected, -1, EV_WRITE);
	up->io.data = up;
	ev_timer_init(&up->timer, on_timer, 0., 0.);
	up->timer.data = up;
	/* From the loop, so that no callback comes before this returns. */
	ev_timer_start(config->loop, &up->timer);
	return up;
}

void uplink_free(struct uplink *up)
{
	uint8_t body[2];
	int len;

	if (!up)
		return;
	if (up->state == UPLINK_JOINED) {
		len = frame_encode_reason(REASON_LEFT, body, sizeof(body));
		/* A reset could overtake it. */
		sock_finish_on_close(channel_fd(up->channel));
		if (len > 0)
			(void)channel_send(up->channel, FRAME_LEAVE, body, (size_t)len);
	}
	stop(up);
	free(up);
}

int uplink_send(struct uplink *up, uint8_t type, const uint8_t *body, size_t len)
{
	return up->state == UPLINK_JOINED ? channel_send(up->channel, type, body, len) : -ENOTCONN;
}

void uplink_ask_probe(struct uplink *up, uint16_t external_port)
{
	const struct frame_probe probe = {.port = external_port};
	uint8_t body[8];
	int len = frame_encode_probe(&probe, body, sizeof(body));

	if (len > 0)
		(void)uplink_send(up, FRAME_PROBE, body, (size_t)len);
}

uint64_t uplink_round_trip_ns(const struct uplink *up)
{
	return up->state == UPLINK_JOINED ? sock_round_trip_ns(channel_fd(up->channel)) : 0;
}
