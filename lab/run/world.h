/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a run's world: the plan made real. It owns the topology, one
 * machine (a sandbox) per node, one watched router per NAT, and the event loop
 * in which everything of the lab is heard. Nothing here knows of steps.
 *
 * A run is a straight line of code that waits for states: world_wait() runs the
 * loop until a condition holds. The loop's callbacks change states and do
 * nothing else; above all, they never wait.
 */
#ifndef LAB_RUN_WORLD_H
#define LAB_RUN_WORLD_H

#include "base/error.h"
#include "lab/door.h"
#include "lab/lab.h"
#include "lab/plan.h"
#include "lab/result.h"
#include "lab/run/console.h"
#include "lab/sandbox.h"
#include "topo/conntrack.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct carrier;
struct hearing;
struct member;
struct program;
struct world;

/**
 * struct machine - a node, built
 * @node: what the plan says of it
 * @index: in plan.nodes and world.machines
 * @programs: those that were started and are not forgotten
 * @member: its Boxer process, or NULL
 */
struct machine {
	struct world *world;
	const struct plan_node *node;
	size_t index;
	struct sandbox *sandbox;
	struct ev_io io;
	struct program *programs;
	struct member *member;
};

/**
 * struct router - a NAT, built and watched
 * @now, @external: how it behaves, and its first address, after changes
 */
struct router {
	struct world *world;
	const struct plan_nat *nat;
	struct nat now;
	struct addr external;
	struct conntrack *watch;
	struct ev_io io;
};

#define CONTACT_ATTEMPTS_MAX 512

/**
 * struct contact - the connection of which somebody wants to know how Boxer made it
 * @from, @to: who connects to whom; NULL: nobody asks
 * @strategy: as Boxer told it; empty while it has told of no success
 * @reason: of the last attempt that it told of, "none" for success; empty at first
 * @attempts: the ways that were tried, as it tells them; empty when it does not
 * @local: the kernel's socket of the connecting side; port 0: unknown
 * @ms: how long it took
 */
struct contact {
	const struct plan_node *from, *to;
	uint16_t port;
	char strategy[RESULT_WORD_MAX];
	char reason[RESULT_WORD_MAX];
	char attempts[CONTACT_ATTEMPTS_MAX];
	struct addr local;
	double ms;
};

/**
 * struct world - see above
 * @lab: NULL for one of many worlds of a lab: no client comes in, and files are in
 *	memory alone
 * @result: learns of every file that is made
 * @machines, @routers, @wires: parallel to plan.nodes, plan.nats and plan.wires
 * @wires: what befalls their packets, after changes
 * @carrier: NULL without wires
 * @by_id: index of the node to which Boxer gave that id, PLAN_NONE where unknown; a
 *	shortcut, to be checked by the node's name
 * @n_members: those that take part, see member_takes_part()
 * @n_up: of these, those that have come up, see member_is_up()
 * @n_pairs: pairs of functions with a control link, told by both sides
 * @hearing: what a step wants to hear of its members, or NULL
 * @trouble: the first thing that must not happen and did, such as the death of a
 *	Boxer process; .code 0: nothing
 * @ended: a client of the door wants the end
 * @key: the cluster's, in hexadecimal digits; a fresh one for each run
 * @title, @title_since: what is being waited for, for people
 */
struct world {
	struct lab *lab;
	const struct plan *plan;
	struct console *console;
	struct result *result;
	struct ev_loop *loop;
	struct ev_timer timer;
	struct ev_io lab_io, door_io;
	struct topo *topo;
	struct machine *machines;
	struct router *routers;
	struct topo_wire *wires;
	struct carrier *carrier;
	struct door *door;
	size_t *by_id;
	size_t n_members;
	size_t n_up;
	size_t n_pairs;
	struct contact contact;
	struct hearing *hearing;
	struct error trouble;
	bool ended;
	char key[65];
	const char *title;
	uint64_t title_since;
};

/**
 * world_init() - an empty world
 *
 * Return: 0, or -errno; world_close() it in either case.
 */
int world_init(struct world *world, struct lab *lab, const struct plan *plan,
	       struct console *console, struct result *result, struct error *err);
/** world_build() - the topology and all sandboxes. Return: 0, or -errno. */
int world_build(struct world *world, struct error *err);
/**
 * world_watch() - watch the NATs' flows from now on
 *
 * As late as can be: a fork copies the watches' tables, and the kernel offers every
 * event of a flow to every watch of the machine.
 *
 * Return: 0, or -errno.
 */
int world_watch(struct world *world, struct error *err);
/** world_close() - end all of it, everything that runs included. */
void world_close(struct world *world);

/** world_machine() - the machine of that name, or NULL. */
struct machine *world_machine(struct world *world, const char *name);
/** world_trouble() - something happened that must not; the first one is kept. */
void world_trouble(struct world *world, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/**
 * world_create_file() - a file in the result directory
 * @ret_fd: open for reading too; -1 when the lab has no such directory
 *
 * Return: 0, or -errno.
 */
int world_create_file(struct world *world, const char *name, int *ret_fd, struct error *err);

/** world_ending() - the user wants the end, by a signal or by `boxlab down`. */
bool world_ending(const struct world *world);

/**
 * struct wait - what to wait for
 * @done: is it so?
 * @deadline: CLOCK_MONOTONIC, ns
 * @poll_ns: ask that often even if nothing was heard; 0: only then
 * @stubborn: go on in spite of trouble
 */
struct wait {
	bool (*done)(void *arg);
	void *arg;
	uint64_t deadline;
	uint64_t poll_ns;
	bool stubborn;
};

/**
 * world_wait() - run the loop until it is so
 *
 * Return: 0, -ETIMEDOUT, -ECANCELED when the user ends the lab, or -ECHILD when there
 * is trouble.
 */
int world_wait(struct world *world, const struct wait *wait);
/**
 * world_verdict() - what the outcome of anything that was done in the world means
 * @r: 0, or -errno: -EXPECT_UNMET, what world_wait() returns, or a failure of the lab's
 * @err: gets its words where @r alone says it all
 */
enum verdict world_verdict(const struct world *world, int r, struct error *err);

#endif
