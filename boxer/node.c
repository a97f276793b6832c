/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 *	joining		the uplink tries to reach the seed until the deadline
 *	gathering	admitted: the local API is there, links are being punched
 *			to all members. The start gate opens, once and for all, when
 *			enough members have been met and none of them was lost; the
 *			deadline still runs
 *	open		the guest runs (or, without one, we wait for a signal)
 *	ending		the guest has ended, or a signal came
 *
 * A lost seed ends nothing: the uplink joins it again, as the same member, and all
 * else stays, even when somebody else has got the place meanwhile. Only before the
 * gate has opened does a seed that will never have us end the node.
 */
#include "boxer/node.h"

#include "base/clock.h"
#include "boxer/answer.h"
#include "boxer/api.h"
#include "boxer/channel.h"
#include "boxer/control.h"
#include "boxer/dial.h"
#include "boxer/directory.h"
#include "boxer/guest.h"
#include "boxer/ports.h"
#include "boxer/probe.h"
#include "boxer/rooms.h"
#include "boxer/shown.h"
#include "boxer/uplink.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GATE_LAST_S 0.1

void node_fail(struct node *node, enum reason reason, const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)error_set(node->err, reason_errno(reason), "%s (%s)", text, reason_name(reason));
	EMIT(&node->options->events, "failed", EV_TEXT("reason", reason_name(reason)),
	     EV_TEXT("text", text));
	node->exit_status = NODE_EXIT_FAILED;
	ev_break(node->loop, EVBREAK_ALL);
}

static void open_gate(struct node *node)
{
	int status;

	node->open = true;
	gate_free(node->gate);
	node->gate = NULL;
	ev_timer_stop(node->loop, &node->gate_timer);
	/* A program that is started now must find everybody who was waited for. */
	shown_now(node->shown);
	EMIT(&node->options->events, "ready", EV_NUMBER("members", node->members.n),
	     EV_NUMBER("links", peers_linked(node->peers)));
	if (!node->options->guest)
		return;
	status = guest_start(node);
	if (status == 0)
		return;
	EMIT(&node->options->events, "failed", EV_TEXT("reason", reason_name(REASON_LOCAL)),
	     EV_TEXT("text", node->err->text));
	node->exit_status = status;
	ev_break(node->loop, EVBREAK_ALL);
}

static void meet(struct node *node, const struct frame_member *member)
{
	if (!node->open && member && gate_meet(node->gate, member) < 0)
		node_fail(node, REASON_LOCAL, "no memory to wait for members");
}

static void try_gate(struct node *node)
{
	if (node->joined && !node->open && gate_is_open(node->gate))
		open_gate(node);
}

static void on_link_up(void *arg, const struct peer_link *link)
{
	struct node *node = arg;
	const struct frame_member *m = members_by_id(&node->members, link->id);

	EMIT(&node->options->events, "link", EV_NUMBER("id", link->id),
	     EV_TEXT("name", m ? m->name : ""), EV_ADDR("local", &link->local),
	     EV_ADDR("remote", &link->remote), EV_TEXT("strategy", "parallel"),
	     EV_MS("ms", link->took_ns));
	node->counters.links++;
	dial_member_changed(node->dials, link->id);
	meet(node, m);
	try_gate(node);
}

static void on_link_lost(void *arg, uint32_t id, enum reason reason)
{
	struct node *node = arg;
	const struct frame_member *m = members_by_id(&node->members, id);

	EMIT(&node->options->events, "link-lost", EV_NUMBER("id", id),
	     EV_TEXT("name", m ? m->name : ""), EV_TEXT("reason", reason_name(reason)));
	node->counters.links_lost++;
	dial_link_lost(node->dials, id);
	roster_link_lost(node->roster, id);
}

static void on_no_link(void *arg, uint32_t id, enum reason reason)
{
	struct node *node = arg;
	const struct frame_member *m = members_by_id(&node->members, id);

	EMIT(&node->options->events, "no-link", EV_NUMBER("id", id),
	     EV_TEXT("name", m ? m->name : ""), EV_TEXT("reason", reason_name(reason)));
	/* What there is to say goes by the seed, as long as there is one. */
	if (node->seed_state != LOCAL_SEED_JOINED)
		return;
	meet(node, m);
	try_gate(node);
}

static void on_link_frame(void *arg, uint32_t id, uint8_t type, const uint8_t *body, size_t len)
{
	control_received(arg, id, type, body, len);
}

static uint64_t on_introduce(void *arg, uint32_t id)
{
	return control_introduce(arg, id);
}

static const struct frame_member *on_find(void *arg, uint32_t id)
{
	const struct node *node = arg;

	return members_by_id(&node->members, id);
}

static const struct peer_ops link_ops = {
	on_link_up, on_link_lost, on_no_link, on_link_frame, on_introduce, on_find,
};

static void on_left(void *arg, const struct frame_member *m, enum reason reason)
{
	struct node *node = arg;

	EMIT(&node->options->events, "member-left", EV_NUMBER("id", m->id),
	     EV_TEXT("name", m->name), EV_TEXT("reason", reason_name(reason)));
	api_member_gone(node->api, m, reason);
	peers_remove(node->peers, m->id);
	dial_member_gone(node->dials, m->id);
	answer_member_gone(node->answers, m->id);
	history_forget(&node->history, m->id);
	shown_note(node->shown);
	/* A fast one may have done its work; one that was lost has not, or who knows. */
	if (reason == REASON_LEFT)
		meet(node, m);
	else if (!node->open)
		gate_forget(node->gate, m->id);
	try_gate(node);
}

static bool on_is_linked(void *arg, uint32_t id)
{
	const struct node *node = arg;

	return peers_is_linked(node->peers, id);
}

static const struct roster_ops roster_ops = {on_left, on_is_linked};

static void first_joined(struct node *node, const struct frame_joined *joined,
			 const struct addr *local)
{
	uint64_t took = clock_now() - node->started_at; /* what follows is no joining */
	int r;

	node->id = joined->id;
	node->overlay = joined->overlay;
	node->inside = *local;
	node->external = joined->observed;
	r = rooms_open(node, &link_ops, &roster_ops);
	if (r < 0) {
		node_fail(node, REASON_LOCAL, "cannot serve this function as member %u: %s",
			  node->id, strerror(-r));
		return;
	}
	/* Only now is the id ours on this machine, and with it the directory. */
	if (directory_make(node) < 0)
		return;
	r = guest_locate_shim(node);
	if (r < 0) {
		node_fail(node, REASON_LOCAL, "cannot load libboxer-shim.so into programs: %s",
			  r == -EINVAL ? "its path has a space or a colon, and BOXER_DIR's too"
				       : strerror(-r));
		return;
	}
	EMIT(&node->options->events, "joined", EV_NUMBER("id", node->id),
	     EV_TEXT("name", node->options->name), EV_ADDR("overlay", &node->overlay),
	     EV_ADDR("external", &joined->observed), EV_ADDR("local", local), EV_MS("ms", took));
}

void node_rebound(struct node *node, const struct addr *external)
{
	/* The links are asked about when the own record comes, see peers_put_self(). */
	node->external = *external;
	ports_rebound(node->ports);
	history_forgive_all(&node->history);
}

static void on_joined(void *arg, const struct frame_joined *joined, const struct addr *local)
{
	struct node *node = arg;

	node->probe_due = true;
	(void)memcpy(node->observers, joined->observers, sizeof(node->observers));
	node->n_observers = joined->n_observers;
	node->seed_relays = joined->flags & FRAME_FLAG_RELAY;
	node->seed_state = LOCAL_SEED_JOINED;
	node->refused = false;
	if (!node->api) {
		first_joined(node, joined, local);
		return;
	}
	EMIT(&node->options->events, "seed-back", EV_ADDR("external", &joined->observed));
	roster_seed_back(node->roster, node->id);
	waiters_rejoined(node->waiters);
	if (!addr_equal(&node->external, &joined->observed))
		node_rebound(node, &joined->observed);
}

static void on_probe_ask(void *arg, uint16_t external_port)
{
	const struct node *node = arg;

	uplink_ask_probe(node->uplink, external_port);
}

static void on_probe_over(void *arg);

/* The seed knows the mapping by now; whom the NAT lets in takes an experiment. */
static void start_probe(struct node *node, uint64_t delay_ns)
{
	const struct probe_config config = {
		.loop = node->loop,
		.inside = node->inside,
		.observer = node->options->seed[0],
		.key = node->options->key,
		.delay_ns = delay_ns + probe_delay_ns(node->members.n),
		.ask = on_probe_ask,
		.over = on_probe_over,
		.arg = node,
	};

	probe_free(node->probe);
	node->probed++;
	/* What can't be found out stays unknown, which is a value. */
	node->probe = probe_start(&config);
}

static void on_probe_over(void *arg)
{
	struct node *node = arg;

	probe_free(node->probe);
	node->probe = NULL;
	/* The seed had no time for it, or one of the frames came too late. */
	if (!profile_is_public(&node->profile) &&
	    node->profile.filtering == PROFILE_FILTERING_UNKNOWN && node->probed < PROBE_ASKED_MAX)
		start_probe(node, PROBE_AGAIN_NS);
}

static void on_own_record(struct node *node, const struct frame_member *self)
{
	node->joined = true;
	if (!profile_equal(&node->profile, &self->profile))
		history_forgive_all(&node->history);
	node->profile = self->profile;
	ports_refill(node->ports);
	peers_put_self(node->peers, self);
	meet(node, self);
	EMIT(&node->options->events, "profile",
	     EV_TEXT("mapping", profile_mapping_names[self->profile.mapping]),
	     EV_TEXT("ports", profile_ports_names[self->profile.ports]),
	     EV_TEXT("filtering", profile_filtering_names[self->profile.filtering]),
	     EV_TEXT("refusal", profile_refusal_names[self->profile.refusal]));
	if (node->probe_due && !addr_equal(&node->inside, &node->external)) {
		node->probed = 0;
		start_probe(node, 0);
	}
	node->probe_due = false;
}

/* What failed with the NAT of old says nothing of the one that it has now. */
static void forgive_if_changed(struct node *node, const struct frame_member *member)
{
	const struct frame_member *old = members_by_id(&node->members, member->id);

	if (old && (!addr_equal(&old->external, &member->external) ||
		    !profile_equal(&old->profile, &member->profile)))
		history_forgive(&node->history, member->id);
}

static void on_member(void *arg, const struct frame_member *member)
{
	struct node *node = arg;
	struct frame_member former;
	bool replaced;
	int r;

	if (!node->api)
		return;
	replaced = member->id != node->id && roster_replaced(node->roster, member, &former);
	forgive_if_changed(node, member);
	r = roster_put(node->roster, member);
	if (r < 0)
		return;
	if (r == 1)
		EMIT(&node->options->events, "member", EV_NUMBER("id", member->id),
		     EV_TEXT("name", member->name), EV_ADDR("overlay", &member->overlay),
		     EV_ADDR("external", &member->external));
	if (r == 1 && !node->open)
		gate_replace(node->gate, member);
	/* The seed sends our own record last: now the membership is whole. */
	if (member->id == node->id)
		on_own_record(node, member);
	else
		(void)peers_put(node->peers, member, replaced ? &former : NULL);
	api_member_put(node->api, member, r == 1);
	dial_member_changed(node->dials, member->id);
	if (node->options->lazy)
		meet(node, member);
	if (node->joined)
		shown_note(node->shown);
	try_gate(node);
}

static void on_gone(void *arg, const struct frame_gone *gone)
{
	struct node *node = arg;

	if (node->api && gone->id != node->id)
		roster_gone(node->roster, gone);
}

static void on_uplink_frame(void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	const struct node *node = arg;
	struct frame_released released;

	if (type == FRAME_VIA)
		control_via(arg, body, len);
	else if (type == FRAME_RELEASED && node->waiters &&
		 frame_decode_released(body, len, &released) == 0)
		waiters_released(node->waiters, &released);
}

static void on_uplink_lost(void *arg, enum reason reason)
{
	struct node *node = arg;

	EMIT(&node->options->events, "seed-lost", EV_TEXT("reason", reason_name(reason)));
	node->seed_state = LOCAL_SEED_LOST;
	node->counters.seed_losses++;
	if (node->roster)
		roster_seed_lost(node->roster);
}

static void on_uplink_refused(void *arg, enum reason reason)
{
	struct node *node = arg;

	/* Once, though it is asked again and again. */
	if (node->refused)
		return;
	node->refused = true;
	EMIT(&node->options->events, "refused", EV_TEXT("reason", reason_name(reason)));
	(void)fprintf(stderr,
		      "boxer: the seed is back and refuses this member (%s), asking again; links "
		      "and connections stay\n",
		      reason_name(reason));
}

static void on_uplink_ended(void *arg, enum reason reason)
{
	struct node *node = arg;
	char text[ADDR_TEXT_MAX];

	if (node->open) {
		EMIT(&node->options->events, "seed-lost", EV_TEXT("reason", reason_name(reason)));
		node->seed_state = LOCAL_SEED_LOST;
		waiters_fail(node->waiters, REASON_SEED_UNREACHABLE);
		(void)fprintf(stderr, "boxer: the seed is lost (%s), going on without it\n",
			      reason_name(reason));
		return;
	}
	if (reason == REASON_SURPLUS) {
		EMIT(&node->options->events, "surplus", EV_TEXT("name", node->options->name));
		(void)fprintf(stderr, "boxer: not needed, there are enough members (surplus)\n");
		ev_break(node->loop, EVBREAK_ALL);
		return;
	}
	node_fail(node, reason, "cannot join the seed at %s",
		  addr_format(&node->options->seed[0], text));
}

static const struct uplink_ops uplink_ops = {
	on_joined,	on_member,	   on_gone,	    on_uplink_frame,
	on_uplink_lost, on_uplink_refused, on_uplink_ended,
};

static const char *why_not_met(void *arg, uint32_t id)
{
	static char text[64];
	const struct node *node = arg;

	(void)snprintf(text, sizeof(text), "has no link (%s)",
		       reason_name(peers_reason(node->peers, id)));
	return text;
}

static void on_gate_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct node *node = w->data;
	char missing[ERROR_TEXT_MAX / 2];

	(void)revents;
	/* Before it is admitted the uplink keeps the deadline and knows the better reason. */
	if (!node->api) {
		/* It may just be admitted all the same; if not, this is the end. */
		ev_timer_set(w, GATE_LAST_S, 0.);
		ev_timer_start(loop, w);
		return;
	}
	gate_missing(node->gate, &node->members, why_not_met, node, missing, sizeof(missing));
	node_fail(node, REASON_TIMEOUT, "waited in vain: %s", missing);
}

static void on_signal(struct ev_loop *loop, struct ev_signal *w, int revents)
{
	struct node *node = w->data;

	(void)revents;
	if (!node->guest) {
		node->exit_status = node->options->guest ? 128 + w->signum : 0;
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	/* A terminal sends ^C and ^\\ to the guest as well. */
	if ((w->signum == SIGINT || w->signum == SIGQUIT) && tcgetpgrp(STDIN_FILENO) == getpgrp())
		return;
	guest_signal(node->guest, w->signum);
}

static void watch_signals(struct node *node)
{
	/* Servers take the last three as orders, too: reopen the log, dump, stop gracefully. */
	static const int watched[NODE_SIGNALS] = {SIGTERM, SIGINT,  SIGHUP,
						  SIGQUIT, SIGUSR1, SIGUSR2};

	for (size_t i = 0; i < NODE_SIGNALS; i++) {
		ev_signal_init(&node->signals[i], on_signal, watched[i]);
		node->signals[i].data = node;
		ev_signal_start(node->loop, &node->signals[i]);
	}
	(void)signal(SIGPIPE, SIG_IGN);
}

/* Nothing is ever written to it. */
static void on_lifeline(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static void watch_lifeline(struct node *node)
{
	if (node->options->lifeline < 0)
		return;
	ev_io_init(&node->lifeline, on_lifeline, node->options->lifeline, EV_READ);
	ev_io_start(node->loop, &node->lifeline);
}

static void tear_down(struct node *node)
{
	rooms_close(node);
	uplink_free(node->uplink);
	gate_free(node->gate);
	members_free(&node->members);
	directory_remove(node);
	ev_loop_destroy(node->loop);
}

static int start(struct node *node)
{
	const struct node_options *options = node->options;
	struct uplink_config config = {
		.loop = node->loop,
		.n_seed = options->n_seed,
		.key = options->key,
		.name = options->name,
		.role = options->role,
		.flags = options->relay ? FRAME_FLAG_RELAY : 0,
		.deadline = node->started_at + options->timeout_ns,
		.silence_ns = node->silence_ns,
		.ops = &uplink_ops,
		.arg = node,
	};

	randombytes_buf(node->token, sizeof(node->token));
	(void)memcpy(config.token, node->token, sizeof(config.token));
	(void)memcpy(config.seed, options->seed, sizeof(config.seed));
	node->gate = gate_new(&options->wants);
	node->uplink = uplink_new(&config);
	if (!node->gate || !node->uplink)
		return error_set(node->err, ENOMEM, "no memory");
	watch_signals(node);
	ev_timer_init(&node->gate_timer, on_gate_deadline, 1e-9 * (double)options->timeout_ns, 0.);
	node->gate_timer.data = node;
	ev_timer_start(node->loop, &node->gate_timer);
	return 0;
}

int node_run(const struct node_options *options, struct error *err)
{
	struct node node = {.options = options, .err = err, .loop = ev_default_loop(0)};

	if (!node.loop) {
		(void)error_set(err, ENOMEM, "cannot make an event loop");
		return NODE_EXIT_FAILED;
	}
	node.started_at = clock_now();
	node.silence_ns = options->silence_ns ? options->silence_ns : CHANNEL_SILENCE_NS;
	watch_lifeline(&node);
	if (directory_check(&node) == 0 && start(&node) == 0)
		ev_run(node.loop, 0);
	else
		node.exit_status = NODE_EXIT_FAILED;
	tear_down(&node);
	return node.exit_status;
}
