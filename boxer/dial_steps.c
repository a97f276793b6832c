/* SPDX-License-Identifier: MIT */
#include "boxer/dial_way.h"

#include "boxer/control.h"
#include "boxer/sock.h"

#include <errno.h>
#include <string.h>

#define BIND_TRIES 16

static void on_learned(void *arg, enum reason reason, const struct addr *external)
{
	struct dial *d = arg;

	d->question = NULL;
	if (reason != REASON_NONE) {
		dial_fail(d, REASON_PORT_UNKNOWN);
		return;
	}
	d->source = *external;
	d->learned(d);
}

static int bind_program(struct dial *d, uint16_t port)
{
	const struct addr any = {.family = AF_INET, .port = port};

	return sock_bind_shared(d->fd, &any);
}

/* A port for the program's socket, or for ours. Return: 0 with .source, -EAGAIN, or -errno. */
static int get_port(struct dial *d, bool ours, uint16_t *ret)
{
	struct ports *ports = d->set->node->ports;
	int r = -EADDRINUSE;

	if (!ours && d->local) {
		*ret = d->local;
		return ports_external(ports, d->local, &d->source);
	}
	for (int i = 0; i < BIND_TRIES && r == -EADDRINUSE; i++) {
		uint16_t port = 0;
		int taken = ports_take(ports, &port, &d->source);

		if (taken < 0)
			port = ports_next(ports);
		r = ours ? 0 : bind_program(d, port);
		if (r < 0) {
			ports_release(ports, port);
			continue;
		}
		*ret = port;
		if (taken < 0)
			return taken;
	}
	return r;
}

void dial_learn(struct dial *d, bool ours, void (*then)(struct dial *d))
{
	uint16_t *port = ours ? &d->port : &d->local;
	int r = get_port(d, ours, port);

	d->learned = then;
	if (r == 0) {
		then(d);
	} else if (r == -ENODATA) {
		d->source = d->set->node->external;
		d->source.port = 0;
		then(d);
	} else if (r == -EAGAIN) {
		/* The socket that asks is bound beside it. */
		if (!ours)
			sock_share(d->fd);
		d->question = ports_ask(d->set->node->ports, *port, on_learned, d);
		if (!d->question)
			dial_fail(d, REASON_LOCAL);
	} else {
		dial_fail(d, REASON_LOCAL);
	}
}

void dial_foretell(struct dial *d, void (*then)(struct dial *d))
{
	const struct node *node = d->set->node;

	d->port = ports_next(node->ports);
	if (ports_foretell(node->ports, d->port, &d->source) == 0) {
		then(d);
		return;
	}
	d->step = node->profile.step;
	d->spread = STRATEGY_SPREAD;
	d->learned = then;
	d->question = ports_ask_next(node->ports, on_learned, d);
	if (!d->question)
		dial_fail(d, REASON_LOCAL);
}

/* Neither a link nor the seed: dial_member_changed() goes on when there is one. */
static void wait_for_link(struct dial *d)
{
	dial_close_way(d);
	d->state = DIAL_WAITING;
	dial_arm(d, 0);
}

bool dial_punch(struct dial *d)
{
	struct frame_punch punch = {
		.request = d->request,
		.strategy = (uint8_t)d->strategy->id,
		.port = d->target.port,
		.source = d->source,
		.step = d->step,
		.spread = d->spread,
	};
	uint8_t body[64];
	int len, r;

	(void)memcpy(punch.token, d->token, sizeof(punch.token));
	len = frame_encode_punch(&punch, body, sizeof(body));
	r = len < 0 ? len : control_send(d->set->node, d->member, FRAME_PUNCH, body, (size_t)len);
	d->asked = r == 0;
	if (r == -ENOTCONN && !d->early && d->state == DIAL_WORKING)
		wait_for_link(d);
	else if (r < 0)
		dial_fail(d, REASON_NO_LINK);
	return r == 0;
}

static void on_pause_over(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct dial *d = w->data;

	(void)loop;
	(void)revents;
	d->paused(d);
}

void dial_steps_init(struct dial *d)
{
	ev_init(&d->pause, on_pause_over);
	d->pause.data = d;
}

void dial_pause(struct dial *d, uint64_t ns, void (*then)(struct dial *d))
{
	struct ev_loop *loop = d->set->node->loop;

	d->paused = then;
	ev_timer_stop(loop, &d->pause);
	ev_timer_set(&d->pause, 1e-9 * (double)ns, 0.);
	ev_timer_start(loop, &d->pause);
}

void dial_again(struct dial *d, enum reason reason)
{
	dial_tell_peer(d, reason);
	dial_close_way(d);
	dial_next_request(d);
	dial_way(d)->begin(d);
}
