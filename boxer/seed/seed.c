/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * All of the seed's endpoints lead to one reception. Who says OBSERVE there is told
 * from where it comes, and that is noted under the token it gives; who says HELLO
 * becomes a client: it authenticates (boxer/channel), sends one JOIN and, if
 * admitted, is told of every change from then on. By the time of its JOIN a node's
 * other connections, which left together with the first, have been observed, so
 * that its record says what its NAT does. A member is gone when its channel is:
 * closed, broken, or silent for too long.
 */
#include "boxer/seed/seed.h"

#include "boxer/seed/grace.h"
#include "boxer/seed/introductions.h"
#include "boxer/seed/membership.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_ready(struct channel *ch, void *arg)
{
	(void)ch;
	(void)arg;
}

/* Return: 0, or -EPROTO. */
static int on_stranger_frame(struct client *c, uint8_t type, const uint8_t *body, size_t len)
{
	struct frame_join join;

	if (type != FRAME_JOIN || frame_decode_join(body, len, &join) < 0)
		return -EPROTO;
	membership_join(c, &join);
	return 0;
}

/* It has said all that it may. */
static int on_waiting_frame(struct client *c, uint8_t type, const uint8_t *body, size_t len)
{
	(void)c;
	(void)type;
	(void)body;
	(void)len;
	return -EPROTO;
}

static int on_visitor_frame(struct client *c, uint8_t type, const uint8_t *body, size_t len)
{
	struct frame_probe probe;
	uint16_t reason;

	switch (type) {
	case FRAME_PROBE:
		return frame_decode_probe(body, len, &probe) < 0 ? -EPROTO
								 : membership_probe(c, &probe);
	case FRAME_LEAVE:
		if (frame_decode_reason(body, len, &reason) < 0)
			return -EPROTO;
		membership_part(c, REASON_LEFT);
		return 0;
	default:
		return -EPROTO;
	}
}

static int on_member_frame(struct client *c, uint8_t type, const uint8_t *body, size_t len)
{
	struct frame_barrier barrier;

	switch (type) {
	case FRAME_BARRIER:
		if (frame_decode_barrier(body, len, &barrier) < 0)
			return -EPROTO;
		barriers_arrive(c->seed->barriers, c->record.id, &barrier);
		return 0;
	case FRAME_VIA:
		return introductions_pass(c, body, len);
	default:
		return on_visitor_frame(c, type, body, len);
	}
}

static void on_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	static int (*const by_state[CLIENT_STATES])(struct client * c, uint8_t type,
						    const uint8_t *body, size_t len) = {
		[CLIENT_PENDING] = on_stranger_frame,
		[CLIENT_WAITING] = on_waiting_frame,
		[CLIENT_VISITOR] = on_visitor_frame,
		[CLIENT_MEMBER] = on_member_frame,
	};
	struct client *c = arg;

	(void)ch;
	if (by_state[c->state](c, type, body, len) < 0)
		membership_part(c, REASON_PROTOCOL);
}

/* Who ends in good order says so before. */
static enum reason reason_of_loss(enum reason reason)
{
	return reason == REASON_LEFT || reason == REASON_TIMEOUT || reason == REASON_UNREACHABLE
		       ? REASON_LOST
		       : reason;
}

static void on_closed(struct channel *ch, void *arg, enum reason reason)
{
	struct client *c = arg;

	(void)ch;
	if (c->state == CLIENT_PENDING)
		EMIT(&c->seed->options->events, "reject", EV_TEXT("name", ""),
		     EV_ADDR("from", &c->from), EV_TEXT("reason", reason_name(reason)));
	membership_part(c, reason_of_loss(reason));
}

static const struct channel_ops channel_ops = {on_ready, on_frame, on_closed};

static void on_hello(void *arg, const struct arrival *a)
{
	clients_take(arg, a, &channel_ops);
}

static void on_observe(void *arg, const struct arrival *a, const uint8_t *body, size_t len)
{
	struct seed *seed = arg;

	observer_take(seed->observer, a, body, len);
}

static void on_relay(void *arg, const struct arrival *a, const uint8_t *body, size_t len)
{
	struct seed *seed = arg;

	relay_take(seed->relay, a, body, len);
}

static const struct reception_ops reception_ops = {on_hello, on_observe, on_relay};

static void on_released(void *arg, uint32_t member, uint32_t request, enum reason reason)
{
	struct seed *seed = arg;
	struct client *c = clients_by_id(&seed->clients, member);
	struct frame_released released = {.request = request, .reason = (uint16_t)reason};
	uint8_t body[16];
	int len = frame_encode_released(&released, body, sizeof(body));

	if (c && len > 0)
		(void)channel_send(c->channel, FRAME_RELEASED, body, (size_t)len);
}

static void on_seen(void *arg, const uint8_t token[static FRAME_TOKEN_LEN],
		    const struct profile_view *view)
{
	membership_saw(arg, token, view);
}

static void on_accepted(void *arg, int fd, const struct addr *from)
{
	struct seed *seed = arg;

	reception_take(seed->reception, fd, from);
}

static void on_signal(struct ev_loop *loop, struct ev_signal *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static void close_rooms(struct seed *seed)
{
	listeners_close(&seed->listeners);
	reception_free(seed->reception);
	observer_free(seed->observer);
	relay_free(seed->relay);
	clients_stop(seed);
	grace_stop(seed);
	prober_free(seed->prober);
	barriers_free(seed->barriers);
	membership_stop(seed);
}

static int open_rooms(struct seed *seed, struct error *err)
{
	const struct seed_options *options = seed->options;
	const struct relay_config relay = {
		.loop = seed->loop,
		.key = options->key,
		.members = options->relay ? &seed->members : NULL,
		.events = &options->events,
	};
	int r;

	clients_start(seed);
	membership_start(seed);
	seed->reception = reception_new(seed->loop, &reception_ops, seed);
	seed->observer = observer_new(seed->loop, options->key, on_seen, seed);
	seed->relay = relay_new(&relay);
	seed->prober = prober_new(seed->loop, membership_probed, seed);
	seed->barriers = barriers_new(on_released, seed);
	if (!seed->reception || !seed->observer || !seed->relay || !seed->prober || !seed->barriers)
		return error_set(err, ENOMEM, "out of memory");
	r = listeners_open(&seed->listeners, &options->listen, &options->second, err);
	return r < 0 ? r : ledger_open(seed, err);
}

static void serve(struct seed *seed)
{
	const struct addr *at = &seed->listeners.at[0];
	struct ev_signal term, interrupt;
	char text[ADDR_TEXT_MAX];

	grace_start(seed);
	listeners_start(&seed->listeners, seed->loop, on_accepted, seed);
	ev_signal_init(&term, on_signal, SIGTERM);
	ev_signal_start(seed->loop, &term);
	ev_signal_init(&interrupt, on_signal, SIGINT);
	ev_signal_start(seed->loop, &interrupt);
	/* Who reads our events may go away. */
	(void)signal(SIGPIPE, SIG_IGN);
	EMIT(&seed->options->events, "listening", EV_ADDR("address", at));
	(void)fprintf(stderr, "boxer seed: listening on %s\n", addr_format(at, text));
	ev_run(seed->loop, 0);
	ledger_close(seed);
}

int seed_run(const struct seed_options *options, struct error *err)
{
	struct seed *seed = calloc(1, sizeof(*seed));
	int r;

	if (!seed)
		return error_set(err, ENOMEM, "out of memory");
	seed->options = options;
	seed->loop = ev_default_loop(0);
	if (!seed->loop) {
		free(seed);
		return error_set(err, ENOMEM, "cannot make an event loop");
	}
	r = open_rooms(seed, err);
	if (r == 0)
		serve(seed);
	close_rooms(seed);
	ev_loop_destroy(seed->loop);
	free(seed);
	return r;
}
