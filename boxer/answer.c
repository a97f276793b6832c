/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 *	ANSWER_BINDING	the listener's port could not be shared yet: the program
 *			is between listen() and the shim's SO_REUSEPORT, or the
 *			shim is not there at all. Tried again with growing pauses for
 *			ANSWER_BIND_NS, then refused.
 *	ANSWER_LEARNING	how the world sees that port is being asked.
 *	ANSWER_KEPT	the SYN is out and the socket is kept; waits for the
 *			connection to complete on it. A reset says that the caller's
 *			own SYN is not out yet (nothing silent is in front of it):
 *			again, with a fresh socket after a pause.
 *	ANSWER_MANY	a volley of SYNs is out, or one whose answer may come from
 *			anybody. What connects is handed over once it has been
 *			countersigned.
 *	ANSWER_RELAYED	waits for the relay to join the two connections.
 *
 * A sequential answer that could bind leaves no state at all: its socket is
 * closed as soon as the SYN has left, and closing a socket in SYN_SENT sends
 * nothing, so the hole stays and the port's listener takes what comes through.
 *
 * Volleys come from fresh ports, not from the listener's. Behind a NAT whose mappings
 * depend on the destination that one would be of no use anyway.
 */
#include "boxer/answer_way.h"

#include "base/clock.h"
#include "boxer/control.h"
#include "boxer/handoff.h"
#include "boxer/relays.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAUSE_FIRST_NS (1 * NS_PER_MS) /* doubles */
#define PAUSE_MAX_NS   (50 * NS_PER_MS)
#define ANSWER_BIND_NS (500 * NS_PER_MS) /* in all: a busy machine may hold a program */
#define DISCARD_PORT   9		 /* where only the address counts */

/* ---- the end ---- */

void answer_free(struct answer *a)
{
	struct ev_loop *loop = a->set->node->loop;

	ev_timer_stop(loop, &a->timer);
	ev_io_stop(loop, &a->io);
	if (a->io.fd >= 0)
		(void)close(a->io.fd);
	ports_cancel(a->question);
	if (a->port)
		ports_release(a->set->node->ports, a->port);
	answer_drop_volley(a);
	relaying_free(a->relaying);
	countersign_stop(&a->met);
	LIST_REMOVE(a, link);
	a->set->n--;
	free(a);
}

void answer_tell(const struct answer *a, enum reason reason)
{
	const struct node *node = a->set->node;
	const struct frame_member *m = members_by_id(&node->members, a->from);
	struct addr local = node->inside;

	local.port = a->punch.port;
	EMIT(&node->options->events, "accept", EV_NUMBER("id", a->from),
	     EV_TEXT("name", m ? m->name : ""), EV_NUMBER("port", a->punch.port),
	     EV_TEXT("strategy", a->strategy ? a->strategy->name : "none"),
	     EV_TEXT("reason", reason_name(reason)), EV_ADDR("local", &local),
	     EV_ADDR("remote", &a->punch.source), EV_MS("ms", clock_now() - a->started_at));
}

void answer_reply(struct answer *a, enum reason reason)
{
	struct frame_punched punched = {
		.request = a->punch.request,
		.reason = (uint16_t)reason,
		.target = a->target,
		.step = a->step,
		.spread = a->spread,
	};
	uint8_t body[64];
	int len = frame_encode_punched(&punched, body, sizeof(body));

	a->replied = true;
	if (len > 0)
		(void)control_send(a->set->node, a->from, FRAME_PUNCHED, body, (size_t)len);
}

void answer_refuse(struct answer *a, enum reason reason)
{
	if (!a->replied)
		answer_reply(a, reason);
	answer_tell(a, reason);
	answer_free(a);
}

void answer_hand_over(struct answer *a, int fd, const struct addr *remote)
{
	int r;

	sock_unhasten(fd, &a->haste);
	r = handoff_give(a->set->node->handoff, a->punch.port, fd, remote);

	answer_tell(a, r < 0 ? REASON_LOCAL : REASON_NONE);
	answer_free(a);
}

void answer_arm(struct answer *a, uint64_t ns, void (*cb)(struct ev_loop *, struct ev_timer *, int))
{
	struct ev_loop *loop = a->set->node->loop;

	ev_timer_stop(loop, &a->timer);
	ev_timer_init(&a->timer, cb, 1e-9 * (double)ns, 0.);
	ev_timer_start(loop, &a->timer);
}

void answer_on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct answer *a = w->data;

	(void)loop;
	(void)revents;
	answer_tell(a, REASON_TIMEOUT);
	answer_free(a);
}

/* ---- one socket ---- */

static void on_retry(struct ev_loop *loop, struct ev_timer *w, int revents);

static void try_later(struct answer *a)
{
	answer_arm(a, a->pause, on_retry);
	if (a->pause < PAUSE_MAX_NS)
		a->pause *= 2;
}

static void on_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct answer *a = w->data;
	int r = sock_error(w->fd), fd = w->fd;

	(void)revents;
	ev_io_stop(loop, w);
	ev_io_set(w, -1, EV_WRITE);
	if (r == 0 && a->state == ANSWER_MANY) {
		countersign_add(&a->met, fd, &a->punch.source);
	} else if (r == 0) {
		answer_hand_over(a, fd, &a->punch.source);
	} else if (r == -ECONNREFUSED && clock_now() - a->started_at < ANSWER_DEADLINE_NS) {
		(void)close(fd);
		try_later(a);
	} else {
		(void)close(fd);
		answer_tell(a, r == -ETIMEDOUT ? REASON_TIMEOUT : REASON_UNREACHABLE);
		answer_free(a);
	}
}

static void keep(struct answer *a, int fd)
{
	a->state = a->strategy->id == STRATEGY_REVERSE ? ANSWER_MANY : ANSWER_KEPT;
	ev_io_set(&a->io, fd, EV_WRITE);
	ev_io_start(a->set->node->loop, &a->io);
	answer_arm(a, ANSWER_DEADLINE_NS, answer_on_deadline);
	if (!a->replied)
		answer_reply(a, REASON_NONE);
}

/* The SYN is on its way (or the connection is there already): what now? */
static void sent(struct answer *a, int fd, int connect_result)
{
	/*
	 * EADDRNOTAVAIL: that very connection exists; the peer's SYN was let in
	 * and the listener has it.
	 */
	if (connect_result < 0 && connect_result != -EADDRNOTAVAIL) {
		(void)close(fd);
		answer_refuse(a, REASON_UNREACHABLE);
		return;
	}
	if (connect_result == 0 && a->strategy->id != STRATEGY_SEQUENTIAL) {
		keep(a, fd);
		return;
	}
	(void)close(fd);
	if (!a->replied)
		answer_reply(a, REASON_NONE);
	answer_tell(a, REASON_NONE);
	answer_free(a);
}

static void send_one(struct answer *a, int fd)
{
	struct addr to = a->punch.source;

	/* A NAT that lets the address in from any port need not know which it will be. */
	if (to.port == 0)
		to.port = DISCARD_PORT;
	a->haste = sock_hasten(fd);
	sent(a, fd, sock_connect(fd, &to, a->listener.family));
}

/* ---- beginning ---- */

/* Does the answer come from the listener's own port? */
static bool uses_listener(const struct answer *a)
{
	enum strategy_id id = a->strategy->id;

	return id != STRATEGY_PREDICT && id != STRATEGY_BIRTHDAY && id != STRATEGY_RELAY;
}

/* Must the caller know how the world sees that port? */
static bool is_called(const struct answer *a)
{
	return uses_listener(a) && a->strategy->id != STRATEGY_REVERSE;
}

/* @fd: bound beside the listener, or -1 if that is not used. Taken over. */
static void go(struct answer *a, int fd)
{
	switch (a->strategy->id) {
	case STRATEGY_SEQUENTIAL:
	case STRATEGY_SIMULTANEOUS:
	case STRATEGY_SYNCHRONISED:
	case STRATEGY_REVERSE:
		send_one(a, fd);
		break;
	case STRATEGY_PREDICT:
	case STRATEGY_BIRTHDAY:
		answer_begin_many(a);
		break;
	case STRATEGY_RELAY:
		answer_begin_relay(a);
		break;
	case STRATEGY_DIRECT:
	case STRATEGY_PRIVATE:
		/* Nothing to be asked for; is_allowed() says so before. */
		(void)close(fd);
		answer_refuse(a, REASON_PROTOCOL);
		break;
	}
}

static void on_learned(void *arg, enum reason reason, const struct addr *external)
{
	struct answer *a = arg;
	int fd = a->io.fd;

	a->question = NULL;
	ev_io_set(&a->io, -1, EV_WRITE);
	if (reason == REASON_NONE) {
		a->target = *external;
		go(a, fd);
		return;
	}
	(void)close(fd);
	answer_refuse(a, REASON_PORT_UNKNOWN);
}

/* @fd: bound beside the listener; it is parked in @io meanwhile. */
static void learn(struct answer *a, int fd)
{
	a->state = ANSWER_LEARNING;
	ev_io_set(&a->io, fd, EV_WRITE);
	a->question = ports_ask(a->set->node->ports, a->punch.port, on_learned, a);
	if (!a->question)
		answer_refuse(a, REASON_LOCAL);
}

static void bound(struct answer *a, int fd)
{
	int r = is_called(a) ? ports_external(a->set->node->ports, a->punch.port, &a->target) : 0;

	if (r == 0) {
		go(a, fd);
	} else if (r == -EAGAIN) {
		learn(a, fd);
	} else {
		(void)close(fd);
		answer_refuse(a, REASON_PORT_UNKNOWN);
	}
}

static void try_bind(struct answer *a)
{
	int fd = sock_shared(&a->listener.bound, a->listener.family);

	if (fd >= 0) {
		bound(a, fd);
	} else if (fd != -EADDRINUSE) {
		answer_refuse(a, REASON_LOCAL);
	} else if (clock_now() - a->started_at >= ANSWER_BIND_NS) {
		answer_refuse(a, REASON_NOT_INTERCEPTED);
	} else {
		a->state = ANSWER_BINDING;
		try_later(a);
	}
}

static void on_retry(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	try_bind(w->data);
}

/* A member may only ask for holes towards itself, or to be met at a relay that is one. */
static bool is_allowed(const struct node *node, uint32_t from, const struct frame_punch *punch)
{
	const struct frame_member *m = members_by_id(&node->members, from);
	const struct strategy *s = strategy_by_id(punch->strategy);

	if (!m || !s || s->id == STRATEGY_DIRECT || s->id == STRATEGY_PRIVATE)
		return false;
	if (s->id == STRATEGY_RELAY)
		return relays_is_one(node, &punch->source);
	if (punch->source.port == 0 && s->id != STRATEGY_SEQUENTIAL && s->id != STRATEGY_BIRTHDAY)
		return false;
	return addr_same_host(&punch->source, &m->external);
}

/*
 * Connections that nobody has accepted yet take as much room as those that are being
 * made: one that is begun can always be handed over, and who comes when all room is
 * taken waits, as before a listener whose queue is full.
 */
static bool is_busy(const struct answer *a)
{
	const struct handoff *handoff = a->set->node->handoff;
	const struct answer *other;
	size_t same_port = 0;

	LIST_FOREACH(other, &a->set->list, link)
		same_port += other->punch.port == a->punch.port;
	return a->set->n + handoff_pending(handoff) > ANSWERS_MAX ||
	       same_port + handoff_pending_on(handoff, a->punch.port) > HANDOFF_PORT_MAX;
}

static void begin(struct answer *a)
{
	int r = sock_find_listener(a->punch.port, &a->set->node->inside, &a->listener);

	if (r < 0)
		answer_refuse(a, r == -ENOENT ? REASON_REFUSED : REASON_LOCAL);
	else if (uses_listener(a))
		try_bind(a);
	else
		go(a, -1);
}

void answer_punch(struct answers *set, uint32_t from, const struct frame_punch *punch)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (!a)
		return;
	a->set = set;
	a->from = from;
	a->punch = *punch;
	a->started_at = clock_now();
	a->pause = PAUSE_FIRST_NS;
	a->strategy = strategy_by_id(punch->strategy);
	ev_io_init(&a->io, on_io, -1, EV_WRITE);
	a->io.data = a;
	ev_timer_init(&a->timer, on_retry, 0., 0.);
	a->timer.data = a;
	countersign_init(&a->met, set->node->loop, false, punch->token, answer_on_countersigned, a);
	LIST_INSERT_HEAD(&set->list, a, link);
	set->n++;
	if (!is_allowed(set->node, from, punch))
		answer_refuse(a, REASON_PROTOCOL);
	else if (!(set->node->options->strategies & STRATEGY_BIT(a->strategy->id)))
		answer_refuse(a, REASON_NOT_ALLOWED);
	else if (is_busy(a))
		answer_refuse(a, REASON_BUSY);
	else
		begin(a);
}

void answer_done(struct answers *set, uint32_t from, const struct frame_done *done)
{
	struct answer *a;
	int fd;

	LIST_FOREACH(a, &set->list, link)
		if (a->from == from && a->punch.request == done->request)
			break;
	if (!a)
		return;
	fd = a->state == ANSWER_KEPT ? a->io.fd : -1;
	if (fd >= 0 && sock_is_open(fd)) {
		/* It has come, and we were just about to hear of it. */
		ev_io_stop(set->node->loop, &a->io);
		ev_io_set(&a->io, -1, EV_WRITE);
		answer_hand_over(a, fd, &a->punch.source);
		return;
	}
	answer_tell(a, done->reason < REASON_MAX ? (enum reason)done->reason : REASON_PROTOCOL);
	answer_free(a);
}

void answer_member_gone(struct answers *set, uint32_t from)
{
	struct answer *a, *next;

	for (a = LIST_FIRST(&set->list); a; a = next) {
		next = LIST_NEXT(a, link);
		if (a->from != from)
			continue;
		answer_tell(a, REASON_LEFT);
		answer_free(a);
	}
}

struct answers *answers_new(struct node *node)
{
	struct answers *set = calloc(1, sizeof(*set));

	if (set) {
		set->node = node;
		LIST_INIT(&set->list);
	}
	return set;
}

void answers_free(struct answers *set)
{
	if (!set)
		return;
	while (!LIST_EMPTY(&set->list))
		answer_free(LIST_FIRST(&set->list));
	free(set);
}
