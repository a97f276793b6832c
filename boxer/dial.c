/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A dial lives from the program's request to the peer's answer or its deadline.
 * While there is no link to the peer it waits for one (@asked is false); a link
 * lost after asking makes it ask again. A program that waits is told by @done.
 * One that does not wait has its SYN out already: on failure its socket is shut
 * down, which wakes its poll or epoll, and the errno it should see is kept by
 * the socket's cookie, because the kernel will say ECONNRESET.
 */
#include "boxer/dial.h"

#include "base/clock.h"
#include "boxer/node.h"
#include "boxer/sock.h"
#include "boxer/strategy.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

struct dial {
	LIST_ENTRY(dial) link;
	struct dials *set;
	struct ev_timer timer;
	uint32_t request;
	uint32_t member;
	const struct strategy *strategy;
	struct addr target; /* as the program gave it */
	struct addr local, source;
	uint64_t started_at;
	bool asked;
	dial_done *done; /* NULL: nobody waits, @fd is followed */
	void *arg;
	int fd;
	uint64_t cookie;
};

struct dials {
	struct node *node;
	LIST_HEAD(, dial) list;
	size_t n;
	uint32_t next_request;
	struct {
		uint64_t cookie;
		int error;
	} results[DIAL_RESULTS_MAX];
	size_t next_result;
};

static void remember(struct dials *set, uint64_t cookie, int error)
{
	set->results[set->next_result].cookie = cookie;
	set->results[set->next_result].error = error;
	set->next_result = (set->next_result + 1) % DIAL_RESULTS_MAX;
}

void dial_note_failure(struct dials *set, uint64_t cookie, enum reason reason)
{
	remember(set, cookie, reason_errno(reason));
}

int dial_result(struct dials *set, uint64_t cookie)
{
	for (size_t i = 0; cookie != 0 && i < DIAL_RESULTS_MAX; i++) {
		if (set->results[i].cookie != cookie)
			continue;
		set->results[i].cookie = 0;
		return set->results[i].error;
	}
	return 0;
}

static void dial_free(struct dial *d)
{
	ev_timer_stop(d->set->node->loop, &d->timer);
	LIST_REMOVE(d, link);
	d->set->n--;
	if (d->fd >= 0)
		(void)close(d->fd);
	free(d);
}

static void tell(const struct dial *d, enum reason reason, const struct addr *remote)
{
	const struct node *node = d->set->node;
	const struct frame_member *m = members_by_id(&node->members, d->member);
	struct addr local = addr_is_any(&d->local) ? node->inside : d->local;

	local.port = d->local.port;
	EMIT(&node->options->events, "connect", EV_NUMBER("id", d->member),
	     EV_TEXT("name", m ? m->name : ""), EV_NUMBER("port", d->target.port),
	     EV_TEXT("strategy", d->strategy ? d->strategy->name : "none"),
	     EV_TEXT("reason", reason_name(reason)), EV_ADDR("local", &local),
	     EV_ADDR("remote", remote), EV_MS("ms", clock_now() - d->started_at));
}

static void finish(struct dial *d, enum reason reason, const struct addr *remote)
{
	const struct addr target = *remote; /* often the dial's own, which is about to go */
	dial_done *done = d->done;
	void *arg = d->arg;

	/* The program's own SYN was let in (a public peer, an open NAT): what the control
	 * plane thinks of it is no longer of any concern. */
	if (!done && reason != REASON_NONE && sock_is_open(d->fd))
		reason = REASON_NONE;
	tell(d, reason, remote);
	if (!done && reason != REASON_NONE) {
		/* First what it should say, then the wake-up that makes the program ask. */
		remember(d->set, d->cookie, reason_errno(reason));
		(void)shutdown(d->fd, SHUT_RDWR);
	}
	dial_free(d);
	if (done)
		done(arg, reason, &target);
}

/* Ask the peer's node, if there is a link; otherwise wait for it. */
static void ask(struct dial *d)
{
	struct node *node = d->set->node;
	struct frame_punch punch = {
		.request = d->request,
		.strategy = (uint8_t)d->strategy->id,
		.port = d->target.port,
		.source = d->source,
	};
	uint8_t body[64];
	int len = frame_encode_punch(&punch, body, sizeof(body));

	d->asked =
		len > 0 && peers_send(node->peers, d->member, FRAME_PUNCH, body, (size_t)len) == 0;
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct dial *d = w->data;

	(void)loop;
	(void)revents;
	finish(d, d->asked ? REASON_TIMEOUT : REASON_NO_LINK, &d->target);
}

static void finish_at(struct dial *d, const struct addr *host)
{
	struct addr target = *host;

	target.port = d->target.port;
	finish(d, REASON_NONE, &target);
}

/* Go on as far as possible: to the end, to a question to the peer, or to waiting for a link. */
static void advance(struct dial *d)
{
	const struct node *node = d->set->node;
	const struct frame_member *m = members_by_target(&node->members, &d->target);
	struct strategy_request request = {.waits = d->done != NULL, .self = &node->profile};
	enum reason reason;

	if (!m) {
		finish(d, REASON_NOT_A_MEMBER, &d->target);
		return;
	}
	d->member = m->id;
	if (m->id == node->id) {
		finish_at(d, &node->inside);
		return;
	}
	m = members_by_id(&node->members, node->id);
	request.self_is_public = m && members_is_public(m);
	m = members_by_id(&node->members, d->member);
	request.peer_is_public = members_is_public(m);
	request.peer_is_near = peers_is_near(node->peers, m->id);
	d->strategy = strategy_choose(&request, &reason);
	if (!d->strategy)
		finish(d, reason, &d->target);
	else if (!d->strategy->punches)
		finish_at(d, request.peer_is_near ? &m->inside : &m->external);
	else if (profile_external(&node->profile, d->local.port, &d->source) < 0)
		finish(d, REASON_PORT_NOT_KEPT, &d->target);
	else
		ask(d);
}

static void on_start(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct dial *d = w->data;

	(void)revents;
	ev_timer_init(w, on_deadline, 1e-9 * (double)DIAL_DEADLINE_NS, 0.);
	ev_timer_start(loop, w);
	advance(d);
}

static struct dial *dial_new(struct dials *set, const struct addr *target, const struct addr *local)
{
	struct dial *d = set->n < DIALS_MAX ? calloc(1, sizeof(*d)) : NULL;

	if (!d)
		return NULL;
	d->set = set;
	d->request = ++set->next_request;
	d->member = FRAME_ID_SEED; /* nobody yet */
	d->target = *target;
	d->local = *local;
	d->fd = -1;
	d->started_at = clock_now();
	/* From the loop, so that @done never comes before dial_wait() returns. */
	ev_timer_init(&d->timer, on_start, 0., 0.);
	d->timer.data = d;
	ev_timer_start(set->node->loop, &d->timer);
	LIST_INSERT_HEAD(&set->list, d, link);
	set->n++;
	return d;
}

struct dial *dial_wait(struct dials *set, const struct addr *target, const struct addr *local,
		       dial_done *done, void *arg)
{
	struct dial *d = dial_new(set, target, local);

	if (d) {
		d->done = done;
		d->arg = arg;
	}
	return d;
}

void dial_cancel(struct dial *d)
{
	dial_free(d);
}

void dial_follow(struct dials *set, const struct addr *target, const struct addr *local, int fd,
		 uint64_t cookie)
{
	struct dial *d = dial_new(set, target, local);

	/* The program uses the socket once more: why it failed before is history. */
	(void)dial_result(set, cookie);
	if (!d) {
		remember(set, cookie, reason_errno(REASON_LOCAL));
		(void)shutdown(fd, SHUT_RDWR);
		(void)close(fd);
		return;
	}
	d->fd = fd;
	d->cookie = cookie;
}

void dial_answered(struct dials *set, uint32_t from, const struct frame_punched *punched)
{
	struct dial *d;

	LIST_FOREACH(d, &set->list, link)
		if (d->request == punched->request && d->member == from && d->asked)
			break;
	if (!d)
		return;
	finish(d, punched->reason < REASON_MAX ? (enum reason)punched->reason : REASON_PROTOCOL,
	       punched->reason == REASON_NONE ? &punched->target : &d->target);
}

void dial_link_up(struct dials *set, uint32_t id)
{
	struct dial *d, *next;

	/* Where the link runs may be news, too: the strategy is chosen only now. */
	for (d = LIST_FIRST(&set->list); d; d = next) {
		next = LIST_NEXT(d, link);
		if (d->member == id && !d->asked)
			advance(d);
	}
}

void dial_link_lost(struct dials *set, uint32_t id)
{
	struct dial *d;

	LIST_FOREACH(d, &set->list, link)
		if (d->member == id)
			d->asked = false;
}

void dial_member_gone(struct dials *set, uint32_t id)
{
	struct dial *d, *next;

	for (d = LIST_FIRST(&set->list); d; d = next) {
		next = LIST_NEXT(d, link);
		if (d->member == id)
			finish(d, REASON_LEFT, &d->target);
	}
}

struct dials *dials_new(struct node *node)
{
	struct dials *set = calloc(1, sizeof(*set));

	if (set) {
		set->node = node;
		LIST_INIT(&set->list);
	}
	return set;
}

void dials_free(struct dials *set)
{
	if (!set)
		return;
	while (!LIST_EMPTY(&set->list))
		dial_free(LIST_FIRST(&set->list));
	free(set);
}
