/* SPDX-License-Identifier: MIT */
#include "boxer/answer_way.h"

#include "base/clock.h"
#include "boxer/birthday.h"
#include "boxer/relays.h"

#include <errno.h>
#include <string.h>

#define MANY_NS	       (4 * NS_PER_S)
#define CALLER_WAIT_NS (10 * NS_PER_MS) /* and a round trip: for its SYNs to leave */

void answer_drop_volley(struct answer *a)
{
	volley_free(a->volley);
	a->volley = NULL;
	a->set->volleys -= a->has_slot;
	a->has_slot = false;
}

/* ---- the one of many that is meant ---- */

void answer_on_countersigned(void *arg, int fd, const struct addr *remote)
{
	answer_hand_over(arg, fd, remote);
}

static void on_connected(void *arg, int fd, const struct addr *remote)
{
	struct answer *a = arg;

	countersign_add(&a->met, fd, remote);
}

/* ---- many ---- */

static uint16_t next_port(void *arg)
{
	const struct answer *a = arg;

	return ports_next(a->set->node->ports);
}

static void on_over(void *arg)
{
	struct answer *a = arg;

	answer_drop_volley(a);
	if (!countersign_waits(&a->met))
		answer_refuse(a, REASON_NOT_FOUND);
}

static void fire(struct answer *a, struct volley_plan *plan)
{
	struct node *node = a->set->node;

	if (plan->sockets > STRATEGY_SPREAD) {
		if (a->set->volleys == ANSWER_VOLLEYS_MAX) {
			answer_refuse(a, REASON_BUSY);
			return;
		}
		a->has_slot = true;
		a->set->volleys++;
	}
	plan->loop = node->loop;
	plan->family = a->listener.family;
	plan->local = node->inside;
	plan->local.port = a->port;
	plan->next_port = next_port;
	plan->connected = on_connected;
	plan->over = on_over;
	plan->arg = a;
	a->state = ANSWER_MANY;
	a->volley = volley_new(plan);
	if (!a->volley) {
		answer_refuse(a, REASON_LOCAL);
		return;
	}
	answer_arm(a, MANY_NS, answer_on_deadline);
	if (!a->replied)
		answer_reply(a, REASON_NONE);
}

static uint64_t round_trip_ns(const struct answer *a)
{
	return peers_round_trip_ns(a->set->node->peers, a->from);
}

static bool caller_refuses(const struct answer *a)
{
	const struct frame_member *m = members_by_id(&a->set->node->members, a->from);

	return m && m->profile.refusal == PROFILE_REFUSAL_REFUSES;
}

/* To each port that the caller may come from. */
static void fire_predicted(struct answer *a)
{
	struct volley_plan plan = {
		.remote = a->punch.source,
		.aim = VOLLEY_STEPS,
		.step = a->punch.step,
		.sockets = strategy_spread(a->punch.spread),
		.rounds = 1,
		.hold_ns = MANY_NS,
	};

	fire(a, &plan);
}

static void on_caller_fired(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	fire_predicted(w->data);
}

/* Where its NAT answers with resets, the caller's SYNs must have left before ours come. */
static void send_predicted(struct answer *a)
{
	if (!caller_refuses(a)) {
		fire_predicted(a);
		return;
	}
	answer_reply(a, REASON_NONE);
	answer_arm(a, CALLER_WAIT_NS + round_trip_ns(a), on_caller_fired);
}

/* From our one port to many of the caller's. */
static void send_rounds(struct answer *a)
{
	struct volley_plan plan = birthday_rounds(&a->punch.source, round_trip_ns(a));

	fire(a, &plan);
}

/* From many of our ports to the caller's one. */
static void send_many(struct answer *a)
{
	struct volley_plan plan =
		birthday_many(&a->punch.source, caller_refuses(a), round_trip_ns(a));

	fire(a, &plan);
}

static void send_from_port(struct answer *a)
{
	if (a->strategy->id == STRATEGY_PREDICT)
		send_predicted(a);
	else
		send_rounds(a);
}

static void on_port_learned(void *arg, enum reason reason, const struct addr *external)
{
	struct answer *a = arg;

	a->question = NULL;
	if (reason != REASON_NONE) {
		answer_refuse(a, REASON_PORT_UNKNOWN);
		return;
	}
	a->target = *external;
	send_from_port(a);
}

/*
 * Not the listener's port: each SYN of a volley leaves a hole behind, for minutes, and
 * what came through it from somebody else would be the listener's.
 */
static void take_port(struct answer *a)
{
	struct ports *ports = a->set->node->ports;
	int r = ports_take(ports, &a->port, &a->target);

	if (r == 0) {
		send_from_port(a);
		return;
	}
	a->port = ports_next(ports);
	a->question = r == -EAGAIN ? ports_ask(ports, a->port, on_port_learned, a) : NULL;
	if (!a->question)
		answer_refuse(a, REASON_PORT_UNKNOWN);
}

/* Our next mapping is foretold, as well as the caller's. */
static void foretell(struct answer *a)
{
	const struct node *node = a->set->node;

	a->port = ports_next(node->ports);
	if (ports_foretell(node->ports, a->port, &a->target) == 0) {
		send_predicted(a);
		return;
	}
	a->step = node->profile.step;
	a->spread = STRATEGY_SPREAD;
	a->question = ports_ask_next(node->ports, on_port_learned, a);
	if (!a->question)
		answer_refuse(a, REASON_LOCAL);
}

void answer_begin_many(struct answer *a)
{
	if (profile_is_stable(&a->set->node->profile))
		take_port(a);
	else if (a->strategy->id == STRATEGY_PREDICT)
		foretell(a);
	else
		send_many(a);
}

/* ---- relay ---- */

static void on_relayed(void *arg, enum reason reason, int fd)
{
	struct answer *a = arg;

	a->relaying = NULL;
	if (reason == REASON_NONE) {
		answer_hand_over(a, fd, &a->punch.source);
		return;
	}
	answer_tell(a, reason);
	answer_free(a);
}

void answer_begin_relay(struct answer *a)
{
	struct node *node = a->set->node;
	struct frame_relay hello = {.from = node->id, .to = a->from};

	(void)memcpy(hello.token, a->punch.token, sizeof(hello.token));
	a->state = ANSWER_RELAYED;
	a->relaying = relaying_start(node->loop, a->listener.family, &a->punch.source,
				     node->options->key, &hello, on_relayed, a);
	if (!a->relaying) {
		answer_refuse(a, REASON_LOCAL);
		return;
	}
	answer_arm(a, ANSWER_DEADLINE_NS, answer_on_deadline);
	answer_reply(a, REASON_NONE);
}
