/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * Each candidate has a socket in one of two forms: connecting (an ev_io waits for
 * it), or connected (a channel proves who is there). All of them are bound to the
 * control port, so that a NAT whose mappings don't depend on the destination shows
 * them under the endpoint that the seed observed. After a hard error the same two
 * endpoints are connected again, so every socket is closed by a reset.
 *
 * A NAT that answers a SYN with a reset lets two SYNs through only when they cross
 * on the way. So where an endpoint goes on refusing, the side that selects does not
 * just try again: it tells the other one by the seed to try now, and waits for as
 * long as the message takes before its own SYN leaves.
 *
 * Whatever may end the attempt does so last, because its owner frees it there.
 */
#include "boxer/parallel.h"

#include "base/clock.h"
#include "boxer/sock.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct attempt {
	struct parallel *set;
	size_t index;
	struct ev_io io; /* active while connecting */
	struct channel *channel;
	unsigned refusals;
	bool held_back; /* until @agreed */
};

struct parallel {
	struct parallel_config config;
	const struct parallel_ops *ops;
	void *arg;
	struct punch punch;
	struct attempt attempts[PUNCH_CANDIDATES_MAX];
	struct ev_timer timer;
	struct ev_timer agreed;
};

static const struct channel_ops attempt_ops;

static void close_attempt(struct attempt *a)
{
	a->held_back = false;
	if (ev_is_active(&a->io)) {
		ev_io_stop(a->set->config.loop, &a->io);
		(void)close(a->io.fd);
	}
	channel_free(a->channel);
	a->channel = NULL;
}

static void step(struct parallel *p, enum punch_event_kind kind, size_t candidate, int error);

static int open_attempt(struct attempt *a)
{
	const struct parallel_config *config = &a->set->config;
	const struct addr *to = &a->set->punch.candidates[a->index].addr;
	int fd = sock_shared(&config->local, config->local.family);
	int r = fd;

	if (fd >= 0)
		r = sock_connect(fd, to, config->local.family);
	if (r < 0) {
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	sock_reset_on_close(fd);
	ev_io_set(&a->io, fd, EV_WRITE);
	ev_io_start(config->loop, &a->io);
	return 0;
}

/* It will be tried again later if that fails; no error ends the attempt. */
static void open_or_refuse(struct attempt *a)
{
	int r = open_attempt(a);

	if (r < 0)
		step(a->set, PUNCH_REFUSED, a->index, -r);
}

/* Return: true when the SYN has to wait for the peer to hear of it. */
static bool hold_back(struct attempt *a)
{
	struct parallel *p = a->set;
	uint64_t delay;

	if (!p->punch.controlling || a->refusals < PARALLEL_REFUSALS)
		return false;
	if (!ev_is_active(&p->agreed)) {
		delay = p->ops->agree(p->arg);
		if (delay == 0)
			return false;
		ev_timer_set(&p->agreed, 1e-9 * (double)delay, 0.);
		ev_timer_start(p->config.loop, &p->agreed);
	}
	a->held_back = true;
	return true;
}

static void on_agreed(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct parallel *p = w->data;

	(void)loop;
	(void)revents;
	for (size_t i = 0; i < PUNCH_CANDIDATES_MAX; i++) {
		if (!p->attempts[i].held_back)
			continue;
		p->attempts[i].held_back = false;
		open_or_refuse(&p->attempts[i]);
	}
}

static void carry_out(struct parallel *p, const struct punch_actions *actions)
{
	for (size_t i = 0; i < actions->n; i++) {
		struct attempt *a = &p->attempts[actions->list[i].candidate];

		switch (actions->list[i].kind) {
		case PUNCH_OPEN:
			close_attempt(a);
			if (!hold_back(a))
				open_or_refuse(a);
			break;
		case PUNCH_SELECT:
			(void)channel_send(a->channel, FRAME_SELECT, NULL, 0);
			break;
		case PUNCH_CLOSE:
			close_attempt(a);
			break;
		}
	}
}

static void arm(struct parallel *p)
{
	uint64_t now = clock_now(), at = punch_wake_at(&p->punch);

	ev_timer_stop(p->config.loop, &p->timer);
	ev_timer_set(&p->timer, at > now ? 1e-9 * (double)(at - now) : 0., 0.);
	ev_timer_start(p->config.loop, &p->timer);
}

static void finish(struct parallel *p)
{
	struct channel *ch;

	ev_timer_stop(p->config.loop, &p->timer);
	ev_timer_stop(p->config.loop, &p->agreed);
	if (p->punch.state == PUNCH_FAILED) {
		p->ops->failed(p->arg, p->punch.reason);
		return;
	}
	ch = p->attempts[p->punch.winner].channel;
	p->attempts[p->punch.winner].channel = NULL;
	p->ops->won(p->arg, ch);
}

static void step(struct parallel *p, enum punch_event_kind kind, size_t candidate, int error)
{
	struct punch_event event = {.kind = kind, .candidate = candidate, .error = error};
	struct punch_actions actions;

	if (p->punch.state != PUNCH_TRYING)
		return;
	punch_step(&p->punch, &event, clock_now(), &actions);
	carry_out(p, &actions);
	if (p->punch.state == PUNCH_TRYING)
		arm(p);
	else
		finish(p);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	step(w->data, PUNCH_TICK, 0, 0);
}

static void on_connected(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct attempt *a = w->data;
	const struct parallel_config *config = &a->set->config;
	struct channel_pace pace = channel_pace_of(config->silence_ns);
	int r = sock_error(w->fd);

	(void)revents;
	ev_io_stop(loop, w);
	if (r < 0) {
		(void)close(w->fd);
		a->refusals += r == -ECONNREFUSED;
		step(a->set, PUNCH_REFUSED, a->index, -r);
		return;
	}
	a->channel =
		channel_new(loop, w->fd, config->key, config->self, config->peer, &attempt_ops, a);
	if (!a->channel) {
		step(a->set, PUNCH_REFUSED, a->index, ENOMEM);
		return;
	}
	/* Where much is lost a connection is too dear to be given up before all of it is. */
	pace.handshake = PARALLEL_NS + PUNCH_PROOF_NS;
	channel_set_pace(a->channel, &pace);
	step(a->set, PUNCH_CONNECTED, a->index, 0);
}

static void attempt_ready(struct channel *ch, void *arg)
{
	struct attempt *a = arg;

	(void)ch;
	step(a->set, PUNCH_PROVEN, a->index, 0);
}

static void attempt_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body,
			  size_t len)
{
	struct attempt *a = arg;

	(void)ch;
	(void)body;
	(void)len;
	if (type == FRAME_SELECT)
		step(a->set, PUNCH_SELECTED, a->index, 0);
}

static void attempt_closed(struct channel *ch, void *arg, enum reason reason)
{
	struct attempt *a = arg;

	(void)reason;
	channel_free(ch);
	a->channel = NULL;
	step(a->set, PUNCH_DISPROVEN, a->index, 0);
}

static const struct channel_ops attempt_ops = {attempt_ready, attempt_frame, attempt_closed};

struct parallel *parallel_start(const struct parallel_config *config, const struct addr *candidates,
				size_t n, const struct parallel_ops *ops, void *arg)
{
	struct parallel *p = calloc(1, sizeof(*p));
	struct punch_actions actions;
	uint64_t seed;

	if (!p)
		return NULL;
	p->config = *config;
	p->ops = ops;
	p->arg = arg;
	ev_timer_init(&p->timer, on_timer, 0., 0.);
	p->timer.data = p;
	ev_timer_init(&p->agreed, on_agreed, 0., 0.);
	p->agreed.data = p;
	for (size_t i = 0; i < PUNCH_CANDIDATES_MAX; i++) {
		p->attempts[i].set = p;
		p->attempts[i].index = i;
		ev_io_init(&p->attempts[i].io, on_connected, -1, EV_WRITE);
		p->attempts[i].io.data = &p->attempts[i];
	}
	randombytes_buf(&seed, sizeof(seed));
	punch_start(&p->punch, candidates, n, config->self < config->peer,
		    clock_now() + PARALLEL_NS, seed, &actions);
	carry_out(p, &actions);
	arm(p);
	return p;
}

void parallel_free(struct parallel *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < PUNCH_CANDIDATES_MAX; i++)
		close_attempt(&p->attempts[i]);
	ev_timer_stop(p->config.loop, &p->timer);
	ev_timer_stop(p->config.loop, &p->agreed);
	free(p);
}

void parallel_now(struct parallel *p)
{
	step(p, PUNCH_NOW, 0, 0);
}

bool parallel_adopt(struct parallel *p, struct channel *ch, bool selected)
{
	size_t i = p->punch.n_candidates;

	if (p->punch.state != PUNCH_TRYING || i == PUNCH_CANDIDATES_MAX)
		return false;
	p->attempts[i].channel = ch;
	channel_own(ch, &attempt_ops, &p->attempts[i]);
	/* Only the side that does not select can be told; its attempt is still there then. */
	selected &= !p->punch.controlling;
	step(p, PUNCH_ADOPTED, i, 0);
	if (selected)
		step(p, PUNCH_SELECTED, i, 0);
	return true;
}
