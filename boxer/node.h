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
#include "boxer/events.h"
#include "boxer/members.h"
#include "boxer/peer.h"
#include "boxer/profile.h"

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
 * @seed: the seed's address and port
 * @name: this node's name; empty: the hostname
 * @dir: where the guest's files go; NULL: a directory of this user's below
 *	 TMPDIR, or /tmp
 * @wait: members, this one included, that must have been met before the guest is
 *	  started: linked to, or joined and left again; 0 and 1: none
 * @timeout_ns: for joining and for the start gate together
 * @guest: argv, NULL-terminated; NULL: no guest, run until a signal
 */
struct node_options {
	struct addr seed;
	uint8_t key[AUTH_KEY_LEN];
	char name[FRAME_NAME_MAX + 1];
	const char *dir;
	size_t wait;
	uint64_t timeout_ns;
	char *const *guest;
	struct events events;
};

/** struct node - see above; zeroed before node_run() fills it */
struct node {
	const struct node_options *options;
	struct ev_loop *loop;
	struct uplink *uplink;
	struct members members;
	struct profile profile;
	struct peers *peers;
	struct dials *dials;
	struct answers *answers;
	struct handoff *handoff;
	struct api *api;
	struct guest *guest;
	struct ev_timer gate_timer;
	struct ev_signal signals[NODE_SIGNALS];
	uint32_t id;
	struct addr inside; /* own address and control port */
	struct addr overlay;
	char dir[256];
	char shim[PATH_MAX];	   /* what LD_PRELOAD gets */
	uint32_t met[MEMBERS_MAX]; /* until the gate opens */
	size_t n_met;
	bool joined, open; /* admitted; the start gate has opened */
	uint64_t started_at;
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

#endif
