/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * The ways in which the node makes the connection and gives it to the program.
 *
 * Where several sockets are tried, one that connects proves nothing yet: it may
 * lead to somebody else behind the peer's NAT, or the peer may have met it with a
 * socket that it has given up. So both sides countersign.
 */
#include "boxer/dial_way.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/birthday.h"
#include "boxer/relaying.h"
#include "boxer/relays.h"
#include "boxer/sock.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define REVERSE_NS	  (3 * NS_PER_S)
#define REVERSE_BACKLOG	  4
#define SYNCHRONISED_NS	  (4 * NS_PER_S)
#define PREDICT_NS	  (3 * NS_PER_S)
#define PREDICT_HOLD_NS	  (100 * NS_PER_MS)
#define PREDICT_JITTER_NS (200 * NS_PER_MS)
#define BIRTHDAY_NS	  (3 * NS_PER_S)
#define RELAY_NS	  (5 * NS_PER_S)
#define RELAY_EACH_NS	  (2 * NS_PER_S) /* while there is another one */
#define SLOT_WAIT_NS	  (20 * NS_PER_MS)

static struct node *node_of(const struct dial *d)
{
	return d->set->node;
}

static void drop_volley(struct dial *d)
{
	volley_free(d->volley);
	d->volley = NULL;
	d->set->volleys -= d->has_slot;
	d->has_slot = false;
}

/* Before anything else is asked for: many dials may begin before the first one fires. */
static bool take_slot(struct dial *d)
{
	if (d->set->volleys == DIAL_VOLLEYS_MAX)
		return false;
	d->has_slot = true;
	d->set->volleys++;
	return true;
}

void dial_ours_init(struct dial *d)
{
	d->helper = -1;
}

void dial_ours_close(struct dial *d)
{
	drop_volley(d);
	relaying_free(d->relaying);
	d->relaying = NULL;
	acceptor_stop(&d->acceptor);
	if (d->helper >= 0)
		(void)close(d->helper);
	d->helper = -1;
	countersign_stop(&d->met);
}

/* ---- one of many has connected ---- */

static void on_countersigned(void *arg, int fd, const struct addr *remote)
{
	(void)remote;
	dial_take(arg, fd);
}

static void await_countersign(struct dial *d)
{
	countersign_stop(&d->met);
	countersign_init(&d->met, node_of(d)->loop, true, d->token, on_countersigned, d);
}

static void on_connected(void *arg, int fd, const struct addr *remote)
{
	struct dial *d = arg;

	countersign_add(&d->met, fd, remote);
}

static void foretell_again(struct dial *d)
{
	dial_again(d, REASON_NOT_FOUND);
}

/* What has connected has until the end of this way's time to be countersigned. */
static void on_over(void *arg)
{
	struct dial *d = arg;

	drop_volley(d);
	if (countersign_waits(&d->met))
		return;
	/* The port that was foretold was taken by somebody quicker; if that one tries again
	 * as we do, then not at the same time. */
	if (d->strategy->id == STRATEGY_PREDICT)
		dial_pause(d, randombytes_uniform(PREDICT_JITTER_NS), foretell_again);
	else
		dial_fail(d, REASON_NOT_FOUND);
}

static uint16_t next_port(void *arg)
{
	const struct dial *d = arg;

	return ports_next(node_of(d)->ports);
}

static void fire(struct dial *d, struct volley_plan *plan)
{
	plan->loop = node_of(d)->loop;
	plan->family = sock_family(d->fd);
	plan->next_port = next_port;
	plan->arg = d;
	plan->local = node_of(d)->inside;
	plan->local.port = d->port;
	if (!plan->connected)
		plan->connected = on_connected;
	if (!plan->over)
		plan->over = on_over;
	d->volley = volley_new(plan);
	if (!d->volley)
		dial_fail(d, REASON_LOCAL);
}

/* ---- reverse: our node listens ---- */

static void on_came(void *arg, int fd, const struct addr *from)
{
	struct dial *d = arg;
	const struct frame_member *m = dial_peer(d);

	/* Whoever else found the port is hung up on. */
	if (m && addr_same_host(from, &m->external))
		countersign_add(&d->met, fd, from);
	else
		sock_reset(fd);
}

/* It makes the mapping; and the NAT may let in only whose address it has seen us write to. */
static int write_to_host(struct dial *d)
{
	const struct node *node = node_of(d);
	struct addr local = node->inside, to = dial_peer(d)->external;

	if (profile_is_public(&node->profile))
		return 0;
	local.port = d->port;
	d->helper = sock_shared(&local, local.family);
	return d->helper < 0 ? d->helper : sock_connect(d->helper, &to, local.family);
}

static void reverse_learned(struct dial *d)
{
	struct addr local = {.family = AF_INET, .port = d->port};
	cleanup_close int fd = sock_shared(&local, sock_family(d->fd));

	if (d->source.port == 0 || fd < 0 || sock_listen(fd, REVERSE_BACKLOG) < 0 ||
	    write_to_host(d) < 0) {
		dial_fail(d, d->source.port ? REASON_LOCAL : REASON_PORT_UNKNOWN);
		return;
	}
	await_countersign(d);
	acceptor_start(&d->acceptor, node_of(d)->loop, take_fd(&fd), on_came, d);
	(void)dial_punch(d);
}

static void begin_reverse(struct dial *d)
{
	dial_learn(d, true, reverse_learned);
}

/* ---- synchronised: both NATs refuse, so the SYNs must cross ---- */

static void on_crossed(void *arg, int fd, const struct addr *remote)
{
	(void)remote;
	dial_take(arg, fd);
}

static void cross(struct dial *d)
{
	uint64_t round_trip = dial_round_trip_ns(d);
	struct volley_plan plan = {
		.remote = d->peer_target,
		.aim = VOLLEY_SAME,
		.sockets = 1,
		.hold_ns = NS_PER_MS + 3 * round_trip / 2,
		.jitter_ns = 3 * NS_PER_MS,
		.connected = on_crossed,
	};

	fire(d, &plan);
}

static void synchronised_punched(struct dial *d, const struct frame_punched *punched)
{
	if (d->volley)
		return;
	d->peer_target = punched->target;
	/* The peer goes on trying; half a round trip from now its next SYN may cross ours. */
	dial_pause(d, dial_round_trip_ns(d) / 2, cross);
}

static void synchronised_learned(struct dial *d)
{
	if (d->source.port == 0)
		dial_fail(d, REASON_PORT_UNKNOWN);
	else
		(void)dial_punch(d);
}

static void begin_synchronised(struct dial *d)
{
	dial_learn(d, true, synchronised_learned);
}

/* ---- predict ---- */

static void predict_punch(struct dial *d)
{
	if (d->source.port == 0)
		dial_fail(d, REASON_PORT_UNKNOWN);
	else
		(void)dial_punch(d);
}

static void begin_predict(struct dial *d)
{
	if (profile_is_stable(&node_of(d)->profile))
		dial_learn(d, true, predict_punch);
	else
		dial_foretell(d, predict_punch);
}

static void predict_punched(struct dial *d, const struct frame_punched *punched)
{
	struct volley_plan plan = {
		.remote = punched->target,
		.aim = VOLLEY_STEPS,
		.step = punched->step,
		.sockets = strategy_spread(punched->spread),
		.rounds = 1,
		.hold_ns = PREDICT_HOLD_NS + 2 * dial_round_trip_ns(d),
	};

	if (d->volley)
		return;
	await_countersign(d);
	fire(d, &plan);
}

/* ---- birthday ---- */

/* Our port is random: many of them, to the peer's one. */
static void send_many(struct dial *d)
{
	bool refuses = dial_peer(d)->profile.refusal == PROFILE_REFUSAL_REFUSES;
	struct volley_plan plan = birthday_many(&d->peer_target, refuses, dial_round_trip_ns(d));

	fire(d, &plan);
}

/* The peer's is: from our one port to many of its. */
static void send_rounds(struct dial *d)
{
	struct volley_plan plan = birthday_rounds(&dial_peer(d)->external, dial_round_trip_ns(d));

	if (d->source.port == 0)
		dial_fail(d, REASON_PORT_UNKNOWN);
	/* Ours first: what comes before it draws a reset from a NAT that refuses. */
	else if (dial_punch(d)) {
		await_countersign(d);
		fire(d, &plan);
	}
}

static void begin_birthday(struct dial *d)
{
	if (!take_slot(d)) {
		dial_pause(d, SLOT_WAIT_NS, begin_birthday);
		return;
	}
	if (profile_is_stable(&node_of(d)->profile)) {
		dial_learn(d, true, send_rounds);
		return;
	}
	d->source = node_of(d)->external;
	d->source.port = 0;
	(void)dial_punch(d);
}

static void birthday_punched(struct dial *d, const struct frame_punched *punched)
{
	if (!d->volley && !profile_is_stable(&node_of(d)->profile)) {
		d->peer_target = punched->target;
		await_countersign(d);
		send_many(d);
	}
}

/* ---- relay ---- */

static void on_relayed(void *arg, enum reason reason, int fd)
{
	struct dial *d = arg;

	d->relaying = NULL;
	if (reason == REASON_NONE)
		dial_take(d, fd);
	else
		dial_fail(d, reason);
}

/* Beside those that have failed, and the present one. */
static bool is_other_relay(struct dial *d)
{
	struct addr relay;

	d->relays[d->n_relays] = d->source;
	return d->n_relays + 1 < DIAL_RELAYS_MAX &&
	       relays_find(node_of(d), d->member, d->relays, d->n_relays + 1, &relay);
}

/* Another relay would change nothing. */
static bool is_no_relays_fault(enum reason reason)
{
	return reason == REASON_NOT_ALLOWED || reason == REASON_NOT_INTERCEPTED ||
	       reason == REASON_LOCAL || reason == REASON_NO_LINK || reason == REASON_BUSY;
}

bool dial_other_relay(struct dial *d, enum reason reason)
{
	/* All of them have one time together, which is over when its timer is. */
	if (!d->strategy || d->strategy->id != STRATEGY_RELAY || !ev_is_active(&d->deadline) ||
	    is_no_relays_fault(reason) || !is_other_relay(d))
		return false;
	d->n_relays++;
	d->busy = false;
	d->way_at = clock_now();
	return true;
}

/* Towards us or towards the peer it is silent. */
static void relay_is_slow(struct dial *d)
{
	if (is_other_relay(d))
		dial_fail(d, REASON_TIMEOUT);
}

static void begin_relay(struct dial *d)
{
	struct node *node = node_of(d);
	struct frame_relay hello = {.from = node->id, .to = d->member};

	if (!relays_find(node, d->member, d->relays, d->n_relays, &d->source)) {
		dial_fail(d, REASON_NO_STRATEGY);
		return;
	}
	(void)memcpy(hello.token, d->token, sizeof(hello.token));
	if (!dial_punch(d))
		return;
	d->relaying = relaying_start(node->loop, sock_family(d->fd), &d->source, node->options->key,
				     &hello, on_relayed, d);
	if (d->relaying)
		dial_pause(d, RELAY_EACH_NS, relay_is_slow);
	else
		dial_fail(d, REASON_LOCAL);
}

const struct dial_way dial_ways_ours[STRATEGY_COUNT + 1] = {
	[STRATEGY_REVERSE] = {REVERSE_NS, begin_reverse, NULL},
	[STRATEGY_SYNCHRONISED] = {SYNCHRONISED_NS, begin_synchronised, synchronised_punched},
	[STRATEGY_PREDICT] = {PREDICT_NS, begin_predict, predict_punched},
	[STRATEGY_BIRTHDAY] = {BIRTHDAY_NS, begin_birthday, birthday_punched},
	[STRATEGY_RELAY] = {RELAY_NS, begin_relay, NULL},
};
