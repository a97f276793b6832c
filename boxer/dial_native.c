/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * In these ways the program's own socket connects. The node holds a duplicate and
 * watches it: connected, the dial is over. A socket in SYN_SENT wakes the loop; one
 * that is about to connect has to be looked at now and then, for an unconnected
 * socket polls as writable all the time.
 *
 * When nothing will come, the socket is shut down, which wakes its program: one
 * that waits in connect() comes back for the next way; one that does not wait sees
 * that it has failed, and the errno that it should see is kept by the socket's
 * cookie, because the kernel will say ECONNRESET. A shutdown of a socket that is
 * not connecting would spoil its next connection (nothing could be sent on it), so
 * one whose SYN has not left yet is waited for.
 *
 * SO_ERROR is the program's: the node looks at the state of the socket alone.
 */
#include "boxer/dial_way.h"

#include "base/clock.h"
#include "boxer/sock.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>

#define WATCH_FIRST_NS	(100 * NS_PER_US) /* doubles */
#define WATCH_MAX_NS	(4 * NS_PER_MS)
#define CONNECT_WAIT_NS (500 * NS_PER_MS)  /* a busy machine may hold a program */
#define REST_NS		(2 * NS_PER_S)	   /* as much, for it to come back */
#define DIRECT_NS	(3500 * NS_PER_MS) /* a firewall may stand before it */
#define SIMULTANEOUS_NS (3500 * NS_PER_MS) /* what is lost is sent again after 1 s, and after 3 s */
#define SEQUENTIAL_NS	(2 * NS_PER_S)	   /* what opens the peer's NAT is sent once */

/* ---- watching ---- */

/**
 * enum sight - what a look at the program's socket shows
 * @SIGHT_IDLE: it has not begun to connect
 * @SIGHT_CONNECTING: its SYN is out
 * @SIGHT_MET: that has met the other side's, so it is about to be open
 * @SIGHT_FAILED: it was connecting, and is not any more; or was not, for too long
 */
enum sight { SIGHT_IDLE, SIGHT_CONNECTING, SIGHT_MET, SIGHT_OPEN, SIGHT_FAILED };

static enum sight see(struct dial *d)
{
	struct pollfd p = {.fd = d->fd, .events = 0};
	int state = sock_state(d->fd);

	if (state == TCP_SYN_SENT || state == TCP_SYN_RECV) {
		d->seen_connecting = true;
		return state == TCP_SYN_SENT ? SIGHT_CONNECTING : SIGHT_MET;
	}
	if (state >= 0 && state != TCP_CLOSE)
		return SIGHT_OPEN;
	(void)poll(&p, 1, 0);
	if (d->seen_connecting || p.revents & POLLERR ||
	    clock_now() - d->told_at >= CONNECT_WAIT_NS)
		return SIGHT_FAILED;
	return SIGHT_IDLE;
}

static void look_later(struct dial *d)
{
	struct ev_loop *loop = d->set->node->loop;

	ev_io_stop(loop, &d->io);
	ev_timer_set(&d->watch, 1e-9 * (double)d->watch_pause, 0.);
	ev_timer_start(loop, &d->watch);
	if (d->watch_pause < WATCH_MAX_NS)
		d->watch_pause *= 2;
}

enum reason dial_native_failure(const struct dial *d)
{
	/* Nothing is in between: the peer's kernel has said so. */
	return d->strategy && (d->strategy->id == STRATEGY_DIRECT ||
			       d->strategy->id == STRATEGY_PRIVATE)
		       ? REASON_REFUSED
		       : REASON_RESET;
}

bool dial_program_waits(const struct dial *d)
{
	int flags = fcntl(d->fd, F_GETFL);

	return flags >= 0 && !(flags & O_NONBLOCK);
}

/* It won't come to anything: see to it that the program notices. */
static void look_at_rest(struct dial *d)
{
	enum sight sight = see(d);

	if (sight == SIGHT_OPEN) {
		/* The SYN was let in: what the control plane thinks is no concern. */
		dial_end(d, REASON_NONE);
		return;
	}
	if (sight == SIGHT_IDLE || sight == SIGHT_MET) {
		look_later(d);
		return;
	}
	dial_stop_watching(d);
	if (!dial_program_waits(d))
		dial_end(d, d->last_reason);
	else if (sight == SIGHT_CONNECTING)
		(void)shutdown(d->fd, SHUT_RDWR);
}

static void look(struct dial *d)
{
	if (d->state == DIAL_RESTING) {
		look_at_rest(d);
		return;
	}
	switch (see(d)) {
	case SIGHT_OPEN:
		dial_connected(d);
		break;
	case SIGHT_CONNECTING:
	case SIGHT_MET:
		if (!ev_is_active(&d->io))
			ev_io_start(d->set->node->loop, &d->io);
		break;
	case SIGHT_IDLE:
		look_later(d);
		break;
	case SIGHT_FAILED:
		dial_fail(d, dial_native_failure(d));
		break;
	}
}

static void on_watch(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	look(w->data);
}

static void on_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	look(w->data);
}

void dial_watch_init(struct dial *d)
{
	ev_timer_init(&d->watch, on_watch, 0., 0.);
	ev_io_init(&d->io, on_io, d->fd, EV_WRITE);
	d->watch.data = d;
	d->io.data = d;
}

void dial_stop_watching(struct dial *d)
{
	struct ev_loop *loop = d->set->node->loop;

	ev_timer_stop(loop, &d->watch);
	ev_io_stop(loop, &d->io);
}

static void follow(struct dial *d)
{
	dial_stop_watching(d);
	d->state = DIAL_TOLD;
	d->told_at = clock_now();
	d->seen_connecting = false;
	d->watch_pause = WATCH_FIRST_NS;
	look_later(d);
}

void dial_tell(struct dial *d, const struct addr *target)
{
	dial_done *done = d->done;
	void *arg = d->arg;

	d->told = *target;
	d->done = NULL;
	/* A program that does not wait is not held any more. */
	if (d->ends_at < d->started_at + DIAL_DEADLINE_NS) {
		d->ends_at = d->started_at + DIAL_DEADLINE_NS;
		dial_arm(d, dial_limit(d));
	}
	if (d->haste.rto_max_ms == 0)
		d->haste = sock_hasten(d->fd);
	follow(d);
	if (done)
		done(arg, REASON_NONE, target, -1);
}

void dial_rest(struct dial *d)
{
	/* An early SYN may not have left yet. */
	if (d->state != DIAL_TOLD)
		follow(d);
	d->state = DIAL_RESTING;
	dial_arm(d, REST_NS);
	look_at_rest(d);
}

/* ---- the ways ---- */

static void begin_direct(struct dial *d)
{
	struct addr to = dial_peer(d)->external;

	to.port = d->target.port;
	dial_tell(d, &to);
}

static void begin_private(struct dial *d)
{
	struct addr to = dial_peer(d)->inside;

	to.port = d->target.port;
	dial_tell(d, &to);
}

static void simultaneous_learned(struct dial *d)
{
	const struct frame_member *m = dial_peer(d);
	struct addr to;

	if (d->source.port == 0) {
		dial_fail(d, REASON_PORT_UNKNOWN);
		return;
	}
	if (!dial_punch(d))
		return;
	if (d->early) {
		to = m->external;
		to.port = d->target.port;
		dial_tell(d, &to);
	} else if (strategy_may_begin_early(&d->set->node->profile, &m->profile) &&
		   dial_target_known(d, &to)) {
		dial_tell(d, &to);
	}
}

static void begin_simultaneous(struct dial *d)
{
	dial_learn(d, false, simultaneous_learned);
}

static void sequential_learned(struct dial *d)
{
	(void)dial_punch(d);
}

static void begin_sequential(struct dial *d)
{
	dial_learn(d, false, sequential_learned);
}

static void punched(struct dial *d, const struct frame_punched *answer)
{
	if (answer->target.port == 0) {
		dial_fail(d, REASON_PROTOCOL);
		return;
	}
	dial_target_learn(d, &answer->target);
	if (d->state != DIAL_TOLD)
		dial_tell(d, &answer->target);
	else if (!addr_equal(&d->told, &answer->target))
		/* The peer's NAT has another mapping than we thought; the next one will know. */
		dial_fail(d, REASON_PORT_UNKNOWN);
}

const struct dial_way dial_ways_native[STRATEGY_COUNT + 1] = {
	[STRATEGY_DIRECT] = {DIRECT_NS, begin_direct, NULL},
	[STRATEGY_PRIVATE] = {DIRECT_NS, begin_private, NULL},
	[STRATEGY_SIMULTANEOUS] = {SIMULTANEOUS_NS, begin_simultaneous, punched},
	[STRATEGY_SEQUENTIAL] = {SEQUENTIAL_NS, begin_sequential, punched},
};
