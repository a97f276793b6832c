/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A dial lives from the program's request until there is a connection, or until
 * no way is left. See boxer/dial_way.h for its parts.
 *
 * A way ends in success (dial_end(), dial_take()) or in dial_fail(), which goes on
 * with the next one: at once while the program waits for the node; after the
 * program's own socket has failed, too, where that was told to connect or has begun
 * early (DIAL_RESTING); then the program comes back and asks.
 */
#include "boxer/dial.h"

#include "base/clock.h"
#include "boxer/api.h"
#include "boxer/control.h"
#include "boxer/dial_way.h"
#include "boxer/sock.h"

#include <netinet/tcp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* With less than this left a way is not worth beginning. */
#define LEAST_NS (100 * NS_PER_MS)

/* ---- results, for programs that do not wait ---- */

void dial_note_failure(struct dials *set, uint64_t cookie, enum reason reason)
{
	set->results[set->next_result].cookie = cookie;
	set->results[set->next_result].reason = reason;
	set->next_result = (set->next_result + 1) % DIAL_RESULTS_MAX;
}

/* Of a dial that no program waits for, though it may come back to it. */
static struct dial *find_cookie(const struct dials *set, uint64_t cookie)
{
	struct dial *d;

	LIST_FOREACH(d, &set->list, link)
		if (cookie != 0 && d->cookie == cookie && !d->done)
			return d;
	return NULL;
}

enum reason dial_take_result(struct dials *set, uint64_t cookie)
{
	for (size_t i = 0; cookie != 0 && i < DIAL_RESULTS_MAX; i++) {
		if (set->results[i].cookie != cookie)
			continue;
		set->results[i].cookie = 0;
		return set->results[i].reason;
	}
	return REASON_NONE;
}

enum reason dial_result(struct dials *set, uint64_t cookie)
{
	struct dial *d = find_cookie(set, cookie);

	/* A connect() that was blocking and went on in the background. */
	if (d && d->state == DIAL_RESTING)
		dial_end(d, d->last_reason);
	return dial_take_result(set, cookie);
}

/* ---- a way and its end ---- */

const struct frame_member *dial_peer(const struct dial *d)
{
	return members_by_id(&d->set->node->members, d->member);
}

uint64_t dial_round_trip_ns(const struct dial *d)
{
	return peers_round_trip_ns(d->set->node->peers, d->member);
}

void dial_next_request(struct dial *d)
{
	d->request = ++d->set->next_request;
	d->answered = false;
	randombytes_buf(d->token, sizeof(d->token));
}

static void release_port(struct dial *d, uint16_t *port)
{
	if (*port)
		ports_release(d->set->node->ports, *port);
	*port = 0;
}

void dial_tell_peer(struct dial *d, enum reason reason)
{
	struct frame_done done = {.request = d->request, .reason = (uint16_t)reason};
	uint8_t body[16];
	int len = frame_encode_done(&done, body, sizeof(body));

	if (d->asked && len > 0)
		(void)control_send(d->set->node, d->member, FRAME_DONE, body, (size_t)len);
}

void dial_close_way(struct dial *d)
{
	dial_stop_watching(d);
	ev_timer_stop(d->set->node->loop, &d->pause);
	ports_cancel(d->question);
	d->question = NULL;
	dial_ours_close(d);
	release_port(d, &d->port);
	d->asked = false;
}

static void let_go(struct dial *d)
{
	ev_timer_stop(d->set->node->loop, &d->deadline);
	LIST_REMOVE(d, link);
	(void)close(d->fd);
	free(d);
}

static void on_next_turn(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	let_go(w->data);
}

/*
 * libev takes a descriptor out of its epoll set at the beginning of the loop's next turn.
 * Ours is a duplicate, so if it were closed by then, the kernel would go on telling
 * of the program's socket under its number; which libev mends by a new set, with
 * every link of this node in it, for each connection.
 */
static void dial_free(struct dial *d)
{
	struct ev_loop *loop = d->set->node->loop;

	dial_close_way(d);
	sock_unhasten(d->fd, &d->haste);
	release_port(d, &d->local);
	dial_disown(d);
	LIST_REMOVE(d, link);
	d->set->n--;
	LIST_INSERT_HEAD(&d->set->leaving, d, link);
	ev_timer_stop(loop, &d->deadline);
	ev_timer_init(&d->deadline, on_next_turn, 0., 0.);
	ev_timer_start(loop, &d->deadline);
}

void dial_note(struct dial *d, enum reason reason)
{
	uint64_t now = clock_now();
	struct history_event event = {
		.strategy = d->strategy ? d->strategy->name : "none",
		.reason = reason,
		.took_ns = now - d->way_at,
		.at = now,
	};
	size_t used = strlen(d->attempts);

	(void)snprintf(d->attempts + used, sizeof(d->attempts) - used, "%s%s:%s:%.1f",
		       used ? "," : "", event.strategy, reason_name(reason),
		       (double)event.took_ns / 1e6);
	history_note(&d->set->node->history, d->member, &event);
	/* Programs must not begin early with what has failed. */
	if (reason != REASON_NONE)
		api_show_members(d->set->node->api);
}

static void tell_world(const struct dial *d, enum reason reason)
{
	struct node *node = d->set->node;
	const struct frame_member *m = dial_peer(d);
	struct addr local = node->inside;

	local.port = d->port ? d->port : d->local;
	node->counters.connections++;
	if (reason != REASON_NONE)
		node->counters.connections_failed++;
	EMIT(&node->options->events, "connect", EV_NUMBER("id", d->member),
	     EV_TEXT("name", m ? m->name : ""), EV_NUMBER("port", d->target.port),
	     EV_TEXT("strategy", d->strategy ? d->strategy->name : "none"),
	     EV_TEXT("reason", reason_name(reason)), EV_ADDR("local", &local),
	     EV_ADDR("remote", &d->told), EV_TEXT("attempts", d->attempts),
	     EV_MS("ms", clock_now() - d->started_at));
}

void dial_end(struct dial *d, enum reason reason)
{
	const struct addr target = d->target;
	dial_done *done = d->done;
	void *arg = d->arg;

	tell_world(d, reason);
	if (!done && reason != REASON_NONE &&
	    (!sock_is_open(d->fd) || sock_state(d->fd) == TCP_SYN_RECV)) {
		/* First what it should say, then the wake-up that makes the program ask. */
		dial_note_failure(d->set, d->cookie, reason);
		sock_abandon(d->fd);
	}
	dial_free(d);
	if (done)
		done(arg, reason, &target, -1);
}

void dial_connected(struct dial *d)
{
	const struct profile *self = &d->set->node->profile;

	/* Where our side answers with resets the peer may still be trying beside its listener. */
	if (profile_is_open(self) || self->refusal != PROFILE_REFUSAL_NONE)
		dial_tell_peer(d, REASON_NONE);
	dial_note(d, REASON_NONE);
	dial_end(d, REASON_NONE);
}

void dial_take(struct dial *d, int fd)
{
	const struct addr target = d->target;
	dial_done *done = d->done;
	void *arg = d->arg;
	struct addr local;

	release_port(d, &d->port);
	if (sock_local(fd, &local) == 0)
		d->port = local.port;
	(void)sock_remote(fd, &d->told);
	dial_note(d, REASON_NONE);
	tell_world(d, REASON_NONE);
	d->port = 0;
	dial_free(d);
	if (done)
		done(arg, REASON_NONE, &target, fd);
	else
		sock_reset(fd);
}

/* Another way would change nothing. */
static bool is_final(const struct dial *d, enum reason reason)
{
	return reason == REASON_REFUSED || reason == REASON_LEFT || reason == REASON_LOST ||
	       reason == REASON_NOT_A_MEMBER || clock_now() + LEAST_NS >= d->ends_at;
}

void dial_fail(struct dial *d, enum reason reason)
{
	/* Then nothing else may begin before the program's socket has failed. */
	bool begun = d->state == DIAL_TOLD || (d->early && !d->done);

	d->last_reason = reason;
	if (d->state == DIAL_RESTING)
		return;
	dial_note(d, reason);
	dial_tell_peer(d, reason);
	dial_close_way(d);
	if (begun)
		dial_rest(d);
	else if (is_final(d, reason))
		dial_end(d, reason);
	else if (dial_other_relay(d, reason))
		dial_again(d, reason);
	else
		dial_next_way(d);
}

/* ---- deadlines ---- */

static void time_out(struct dial *d)
{
	d->timed_out = true;
	dial_fail(d, d->busy ? REASON_BUSY : REASON_TIMEOUT);
}

static void told_in_vain(struct dial *d)
{
	uint64_t now = clock_now();
	bool met = sock_state(d->fd) == TCP_SYN_RECV;

	/* The peer's side is open; what opens ours was lost, and comes again. */
	if (met && now < d->way_at + 2 * dial_way(d)->limit_ns && now + LEAST_NS < d->ends_at) {
		dial_arm(d, dial_limit(d));
		return;
	}
	if (met)
		sock_abandon(d->fd);
	time_out(d);
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct dial *d = w->data;

	(void)loop;
	(void)revents;
	switch (d->state) {
	case DIAL_RESTING:
		dial_end(d, d->last_reason);
		break;
	case DIAL_WAITING:
		d->strategy = NULL;
		dial_note(d, REASON_NO_LINK);
		dial_end(d, REASON_NO_LINK);
		break;
	case DIAL_TOLD:
		told_in_vain(d);
		break;
	case DIAL_WORKING:
		time_out(d);
		break;
	}
}

void dial_arm(struct dial *d, uint64_t limit_ns)
{
	struct ev_loop *loop = d->set->node->loop;
	uint64_t now = clock_now();
	uint64_t left = d->ends_at > now ? d->ends_at - now : 0;

	if (limit_ns == 0 || limit_ns > left)
		limit_ns = left;
	ev_timer_stop(loop, &d->deadline);
	ev_timer_init(&d->deadline, on_deadline, 1e-9 * (double)limit_ns, 0.);
	ev_timer_start(loop, &d->deadline);
}

/* From the loop, so that @done never comes before dial_ask() returns. */
static void start_by(struct dial *d, void (*cb)(struct ev_loop *, struct ev_timer *, int))
{
	struct ev_loop *loop = d->set->node->loop;

	ev_timer_stop(loop, &d->deadline);
	ev_timer_init(&d->deadline, cb, 0., 0.);
	ev_timer_start(loop, &d->deadline);
}

/* ---- the beginning ---- */

/* The program's own address: no way is needed. */
static bool is_self(struct dial *d)
{
	const struct node *node = d->set->node;
	const struct frame_member *m = members_by_target(&node->members, &d->target);
	struct addr to = node->inside;

	if (!m || m->id != node->id)
		return false;
	d->member = m->id;
	d->strategy = strategy_by_id(STRATEGY_DIRECT);
	d->way_at = clock_now();
	to.port = d->target.port;
	dial_tell(d, &to);
	return true;
}

static void on_start(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct dial *d = w->data;

	(void)loop;
	(void)revents;
	dial_arm(d, 0);
	if (d->early || !is_self(d))
		dial_advance(d);
}

static struct dial *dial_new(struct dials *set, const struct addr *target, int fd, uint64_t cookie)
{
	struct dial *d = set->n < DIALS_MAX ? calloc(1, sizeof(*d)) : NULL;
	struct addr local;

	if (!d)
		return NULL;
	d->set = set;
	d->member = FRAME_ID_SEED; /* nobody yet */
	d->target = *target;
	d->fd = fd;
	d->cookie = cookie;
	d->started_at = clock_now();
	d->way_at = d->started_at;
	d->ends_at = d->started_at + DIAL_DEADLINE_NS;
	d->last_reason = REASON_TIMEOUT;
	if (sock_local(fd, &local) == 0)
		d->local = local.port;
	ev_init(&d->deadline, on_start);
	d->deadline.data = d;
	dial_watch_init(d);
	dial_steps_init(d);
	dial_ours_init(d);
	start_by(d, on_start);
	LIST_INSERT_HEAD(&set->list, d, link);
	set->n++;
	return d;
}

static void on_resumed(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct dial *d = w->data;

	(void)loop;
	(void)revents;
	dial_arm(d, 0);
	if (is_final(d, d->last_reason)) {
		dial_end(d, d->last_reason);
	} else if (d->early) {
		/* What was begun early was begun on a guess: think again. */
		d->early = false;
		dial_advance(d);
	} else {
		dial_next_way(d);
	}
}

/* The program says that its socket has failed; perhaps before we have seen it. */
static void resume(struct dial *d)
{
	if (d->state != DIAL_RESTING) {
		d->last_reason = dial_native_failure(d);
		dial_note(d, d->last_reason);
		dial_tell_peer(d, d->last_reason);
	}
	dial_close_way(d);
	d->state = DIAL_WORKING;
	start_by(d, on_resumed);
}

struct dial *dial_ask(struct dials *set, const struct addr *target, int fd, uint64_t cookie,
		      dial_done *done, void *arg)
{
	struct dial *d = find_cookie(set, cookie);

	/* The socket is used for something else now. */
	if (d && !addr_equal(&d->target, target)) {
		dial_cancel(d);
		d = NULL;
	}
	if (d) {
		(void)close(fd);
		resume(d);
	} else {
		(void)dial_take_result(set, cookie);
		d = dial_new(set, target, fd, cookie);
	}
	if (d) {
		d->done = done;
		d->arg = arg;
		/* It is held all the same, but for a moment only. */
		if (!dial_program_waits(d))
			d->ends_at = clock_now() + DIAL_HELD_NS;
	} else {
		(void)close(fd);
	}
	return d;
}

void dial_asked_at(struct dial *d, uint64_t at)
{
	uint64_t ends = at + (dial_program_waits(d) ? DIAL_DEADLINE_NS : DIAL_HELD_NS);

	if (at < d->started_at)
		d->started_at = at;
	if (ends < d->ends_at)
		d->ends_at = ends;
}

void dial_cancel(struct dial *d)
{
	dial_tell_peer(d, REASON_LEFT);
	dial_free(d);
}

void dial_follow(struct dials *set, const struct addr *target, int fd, uint64_t cookie)
{
	struct dial *d = find_cookie(set, cookie);

	/* The program uses the socket once more: why it failed before is history. */
	if (d)
		dial_cancel(d);
	(void)dial_take_result(set, cookie);
	d = dial_new(set, target, fd, cookie);
	if (!d) {
		dial_note_failure(set, cookie, REASON_LOCAL);
		sock_abandon(fd);
		(void)close(fd);
		return;
	}
	d->early = true;
}

struct dials *dials_new(struct node *node)
{
	struct dials *set = calloc(1, sizeof(*set));

	if (set) {
		set->node = node;
		LIST_INIT(&set->list);
		LIST_INIT(&set->leaving);
		LIST_INIT(&set->owners);
		set->max_owners = sock_quota(DIAL_OWNERS_MAX, DIAL_OWNERS_SHARE);
	}
	return set;
}

void dials_free(struct dials *set)
{
	if (!set)
		return;
	while (!LIST_EMPTY(&set->list))
		dial_free(LIST_FIRST(&set->list));
	while (!LIST_EMPTY(&set->leaving))
		let_go(LIST_FIRST(&set->leaving));
	free(set);
}
