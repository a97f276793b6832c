/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 *	ANSWER_BINDING	the listener's port could not be shared yet: the program
 *			is between listen() and the shim's SO_REUSEPORT, or the
 *			shim is not there at all. Tried again with growing pauses for
 *			ANSWER_BIND_NS, then refused.
 *	ANSWER_KEPT	the SYN is out and the socket is kept; waits for the
 *			connection to complete on it, then hands it over. A reset
 *			says that the caller's own SYN is not out yet (nothing
 *			silent is in front of it): back to ANSWER_BINDING, with a
 *			fresh socket after a pause.
 *
 * A sequential answer that could bind leaves no state at all: its socket is
 * closed as soon as the SYN has left, and closing a socket in SYN_SENT sends
 * nothing, so the hole stays and the port's listener takes what comes through.
 */
#include "boxer/answer.h"

#include "base/clock.h"
#include "boxer/handoff.h"
#include "boxer/node.h"
#include "boxer/sock.h"
#include "boxer/strategy.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#define ANSWER_PAUSE_FIRST_NS (1 * NS_PER_MS) /* doubles */
#define ANSWER_PAUSE_MAX_NS   (50 * NS_PER_MS)
#define ANSWER_BIND_NS	      (500 * NS_PER_MS) /* in all: a busy machine may hold a program */

enum answer_state { ANSWER_BINDING, ANSWER_KEPT };

struct answer {
	LIST_ENTRY(answer) link;
	struct answers *set;
	enum answer_state state;
	uint32_t from;
	struct frame_punch punch;
	const struct strategy *strategy;
	struct sock_listener listener;
	uint64_t pause; /* before the next try */
	bool replied;
	uint64_t started_at;
	struct ev_io io;
	struct ev_timer timer;
};

struct answers {
	struct node *node;
	LIST_HEAD(, answer) list;
	size_t n;
};

static void answer_free(struct answer *a)
{
	struct ev_loop *loop = a->set->node->loop;

	ev_timer_stop(loop, &a->timer);
	ev_io_stop(loop, &a->io);
	if (a->io.fd >= 0)
		(void)close(a->io.fd);
	LIST_REMOVE(a, link);
	a->set->n--;
	free(a);
}

static void tell(const struct answer *a, enum reason reason)
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

static void reply(const struct answer *a, enum reason reason)
{
	struct node *node = a->set->node;
	struct frame_punched punched = {.request = a->punch.request, .reason = (uint16_t)reason};
	uint8_t body[64];
	int len;

	if (reason == REASON_NONE &&
	    profile_external(&node->profile, a->punch.port, &punched.target) < 0)
		punched.reason = REASON_PORT_NOT_KEPT;
	len = frame_encode_punched(&punched, body, sizeof(body));
	if (len > 0)
		(void)peers_send(node->peers, a->from, FRAME_PUNCHED, body, (size_t)len);
}

static void refuse(struct answer *a, enum reason reason)
{
	if (!a->replied)
		reply(a, reason);
	tell(a, reason);
	answer_free(a);
}

static void on_retry(struct ev_loop *loop, struct ev_timer *w, int revents);

static void try_later(struct answer *a)
{
	struct ev_loop *loop = a->set->node->loop;

	a->state = ANSWER_BINDING;
	ev_timer_stop(loop, &a->timer);
	ev_timer_init(&a->timer, on_retry, 1e-9 * (double)a->pause, 0.);
	ev_timer_start(loop, &a->timer);
	if (a->pause < ANSWER_PAUSE_MAX_NS)
		a->pause *= 2;
}

static void on_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct answer *a = w->data;
	int r = sock_error(w->fd), fd = w->fd;

	(void)revents;
	ev_io_stop(loop, w);
	if (r == -ECONNREFUSED && clock_now() - a->started_at < ANSWER_DEADLINE_NS) {
		(void)close(fd);
		ev_io_set(w, -1, EV_WRITE);
		try_later(a);
		return;
	}
	if (r < 0) {
		tell(a, r == -ETIMEDOUT ? REASON_TIMEOUT : REASON_UNREACHABLE);
		answer_free(a);
		return;
	}
	ev_io_set(w, -1, EV_WRITE);
	r = handoff_give(a->set->node->handoff, a->punch.port, fd, &a->punch.source);
	tell(a, r < 0 ? REASON_LOCAL : REASON_NONE);
	answer_free(a);
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct answer *a = w->data;

	(void)loop;
	(void)revents;
	tell(a, REASON_TIMEOUT);
	answer_free(a);
}

static void keep(struct answer *a, int fd)
{
	struct ev_loop *loop = a->set->node->loop;

	a->state = ANSWER_KEPT;
	ev_io_set(&a->io, fd, EV_WRITE);
	ev_io_start(loop, &a->io);
	ev_timer_stop(loop, &a->timer);
	ev_timer_init(&a->timer, on_deadline, 1e-9 * (double)ANSWER_DEADLINE_NS, 0.);
	ev_timer_start(loop, &a->timer);
	if (!a->replied)
		reply(a, REASON_NONE);
	a->replied = true;
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
		refuse(a, REASON_UNREACHABLE);
		return;
	}
	if (connect_result == 0 && a->strategy->keeps_socket) {
		keep(a, fd);
		return;
	}
	(void)close(fd);
	reply(a, REASON_NONE);
	tell(a, REASON_NONE);
	answer_free(a);
}

static void try_bind(struct answer *a)
{
	int fd = sock_shared(&a->listener.bound, a->listener.family);

	if (fd >= 0) {
		sent(a, fd, sock_connect(fd, &a->punch.source, a->listener.family));
		return;
	}
	if (fd != -EADDRINUSE) {
		refuse(a, REASON_LOCAL);
		return;
	}
	if (clock_now() - a->started_at >= ANSWER_BIND_NS) {
		refuse(a, REASON_NOT_INTERCEPTED);
		return;
	}
	try_later(a);
}

static void on_retry(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	try_bind(w->data);
}

/* A member may only ask for holes towards itself. */
static bool is_source_of(const struct node *node, uint32_t from, const struct addr *source)
{
	const struct frame_member *m = members_by_id(&node->members, from);

	return m && source->port != 0 && addr_same_host(source, &m->external);
}

void answer_punch(struct answers *set, uint32_t from, const struct frame_punch *punch)
{
	struct answer *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return;
	a->set = set;
	a->from = from;
	a->punch = *punch;
	a->started_at = clock_now();
	a->pause = ANSWER_PAUSE_FIRST_NS;
	a->strategy = strategy_by_id(punch->strategy);
	ev_io_init(&a->io, on_io, -1, EV_WRITE);
	a->io.data = a;
	ev_timer_init(&a->timer, on_retry, 0., 0.);
	a->timer.data = a;
	LIST_INSERT_HEAD(&set->list, a, link);
	set->n++;
	r = sock_find_listener(punch->port, &set->node->inside, &a->listener);
	if (!a->strategy || !a->strategy->punches || !is_source_of(set->node, from, &punch->source))
		refuse(a, REASON_PROTOCOL);
	else if (set->n > ANSWERS_MAX)
		refuse(a, REASON_LOCAL);
	else if (r < 0)
		refuse(a, r == -ENOENT ? REASON_REFUSED : REASON_LOCAL);
	else
		try_bind(a);
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
