/* SPDX-License-Identifier: MIT */
/*
 * Interface for a node: the supervisor of one function. It joins the seed,
 * keeps control links to all other members, serves the function's programs over
 * the local API, and starts the guest when everybody it waits for is there. The
 * rooms of a node (dial, answer, handoff, api) share this struct; each touches
 * its own part and calls the others by their interfaces.
 */
#ifndef BOXER_NODE_H
#define BOXER_NODE_H

#include "base/addr.h"
#include "base/error.h"
#include "boxer/auth.h"
#include "boxer/control.h"
#include "boxer/events.h"
#include "boxer/gate.h"
#include "boxer/history.h"
#include "boxer/members.h"
#include "boxer/peer.h"
#include "boxer/profile.h"
#include "boxer/waiter.h"

#include <ev.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Exit statuses of `boxer run`, beside the guest's own. */
#define NODE_EXIT_FAILED	 125
#define NODE_EXIT_NOT_EXECUTABLE 126
#define NODE_EXIT_NOT_FOUND	 127

/* Signals that are passed on to the guest. */
#define NODE_SIGNALS 6

/**
 * struct node_options - how to take part
 * @seed: @n_seed endpoints of the seed: the one to join, and further ones that observe
 * @name: this node's name; empty: the hostname
 * @role: may be empty
 * @dir: where the guest's files go; NULL: a directory of this user's below
 *	 TMPDIR, or /tmp
 * @wants: who must have been met before the guest is started: linked to, known and out
 *	   of reach of a link, for good or for now, or joined and left again; in lazy mode: known
 * @lazy: control links are made when they are wanted
 * @silence_ns: for so long a silent seed or member is believed in; 0: CHANNEL_SILENCE_NS
 * @timeout_ns: for joining and for the start gate together
 * @strategies: STRATEGY_BIT of each that may be used
 * @relay: pass on connections of others, if no NAT is in front of us
 * @lifeline: a pipe whose end of file ends the node; -1: none
 * @guest: argv, NULL-terminated; NULL: no guest, run until a signal
 */
struct node_options {
	struct addr seed[FRAME_OBSERVERS];
	size_t n_seed;
	uint8_t key[AUTH_KEY_LEN];
	char name[FRAME_NAME_MAX + 1];
	char role[FRAME_NAME_MAX + 1];
	const char *dir;
	struct gate_wants wants;
	bool lazy, relay;
	uint64_t silence_ns;
	uint64_t timeout_ns;
	int lifeline;
	char *const *guest;
	unsigned strategies;
	struct events events;
};

/** struct node - see above; zeroed before node_run() fills it */
struct node {
	const struct node_options *options;
	struct ev_loop *loop;
	struct uplink *uplink;
	struct members members;
	struct roster *roster;
	struct shown *shown;
	struct profile profile;
	struct peers *peers;
	struct ports *ports;
	struct dials *dials;
	struct answers *answers;
	struct relay *relay; /* for others; NULL: we are none */
	struct handoff *handoff;
	struct waiters *waiters;
	struct history history; /* of data connections */
	struct local_counters counters;
	struct api *api;
	struct guest *guest;
	struct probe *probe;
	struct gate *gate; /* until it opens */
	struct ev_timer gate_timer;
	struct ev_io lifeline;
	struct ev_signal signals[NODE_SIGNALS];
	uint32_t id;
	struct addr inside;   /* own address and control port */
	struct addr external; /* the same, as the seed sees it */
	struct addr overlay;
	struct addr observers[FRAME_OBSERVERS];
	size_t n_observers;
	bool seed_relays;
	char dir[256];
	char shim[PATH_MAX]; /* what LD_PRELOAD gets */
	uint8_t token[FRAME_TOKEN_LEN];
	bool joined, open; /* admitted; the start gate has opened */
	bool probe_due;	   /* once the own record has come */
	unsigned probed;   /* so often since then */
	bool refused;	   /* by the seed that is back, and this was said */
	enum local_seed seed_state;
	uint64_t started_at, silence_ns;
	int exit_status;
	struct error *err;
};

/**
 * node_run() - join, run the guest, leave
 *
 * Return: the exit status: the guest's, 128+n if a signal ended it, 0 without a
 * guest, or NODE_EXIT_* with words in @err.
 */
int node_run(const struct node_options *options, struct error *err);

/** node_fail() - end the node: @reason goes into the "failed" event, the sentence to @err. */
void node_fail(struct node *node, enum reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** node_rebound() - the world sees this node elsewhere now: its NAT was started again, say. */
void node_rebound(struct node *node, const struct addr *external);

#endif
