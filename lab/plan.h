/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the plan: a scenario multiplied out into concrete nodes,
 * addresses, NATs and links. Planning is pure: the same scenario gives the same
 * plan on every machine, and nothing is built by it. The plan borrows from its
 * scenario, which must outlive it.
 *
 * Addresses: public machines 203.0.113.10 and up; NATs 203.1.0.1 and up; the
 * inside of NAT n is 10.x.y.0/24, its router .1, what is behind it .2 and up, the
 * NATs first.
 *
 * So that NATs can be measured, there are hidden hosts, which no scenario can name:
 * reflectors, with two addresses each, on the public side and on the inside of every
 * NAT that others are behind; and a host to probe from behind every NAT that has no
 * machine.
 */
#ifndef LAB_PLAN_H
#define LAB_PLAN_H

#include "base/addr.h"
#include "base/error.h"
#include "lab/scenario.h"
#include "topo/topo.h"

#include <stdio.h>

#define PLAN_NONE      ((size_t)-1)
#define PLAN_SEED_PORT 7000 /* where the seed listens */

/**
 * struct plan_reflector - a hidden host with two addresses, that probes are sent to
 * @topo: its index in plan.spec.nodes
 */
struct plan_reflector {
	size_t topo;
	struct addr addrs[2];
};

/**
 * struct plan_probe - how a NAT is measured
 * @topo: the host behind it that probes, in plan.spec.nodes: a machine or a hidden one
 * @inside: its address
 * @second: another one, which only a hidden host has; else AF_UNSPEC
 * @reflector: index into plan.reflectors of the one on the NAT's public side
 */
struct plan_probe {
	size_t topo;
	struct addr inside, second;
	size_t reflector;
};

/**
 * struct plan_nat - one NAT, concrete
 * @name: "fn0-nat", or its name in "nats"
 * @from: the scenario's entry
 * @nat: complete, with its forwards and one-to-one machines
 * @upstream: index into plan.nats of the NAT that it is behind, or PLAN_NONE
 * @topo: its index in plan.spec.nodes
 * @external: its first address on its public side (port 0); the others are in
 *	plan.spec.nodes[topo].others
 * @spare: the last of these, which nothing uses until it is told to
 * @wan_link: the link to its public side in plan.spec.links; ends[0] is not the NAT's
 * @probe: unused unless plan.checks_nats
 */
struct plan_nat {
	char name[TOPO_NAME_MAX];
	const struct scenario_nat *from;
	struct nat nat;
	size_t upstream;
	size_t topo;
	struct addr external;
	struct addr spare;
	size_t wan_link;
	struct plan_probe probe;
};

/**
 * struct plan_node - one machine, concrete
 * @name: "fn0"
 * @from: the scenario's entry
 * @topo: its index in plan.spec.nodes
 * @nat: index into plan.nats of the nearest one, or PLAN_NONE for a public machine
 * @inside: the address of its eth0 (port 0); a public machine's others are in
 *	plan.spec.nodes[topo].others
 * @external: what the world sees: the outermost NAT's first address, or @inside
 * @link: its own link in plan.spec.links; ends[0] is the router's
 * @wait: what `boxer run` waits for; 0 when it has no guest
 */
struct plan_node {
	char name[TOPO_NAME_MAX];
	const struct scenario_node *from;
	size_t topo;
	size_t nat;
	struct addr inside;
	struct addr external;
	size_t link;
	unsigned wait;
};

/**
 * struct plan_wire - a link that is a wire
 * @name: of the machine or the NAT whose link it is
 * @link: its index in plan.spec.links, where its declaration is; with plan.spec.seed and
 *	the direction it is what the fates of its packets depend on
 */
struct plan_wire {
	const char *name;
	size_t link;
};

/**
 * struct plan - what will be built
 * @seed: index of the seed in @nodes, or PLAN_NONE
 * @n_functions: nodes with ROLE_FUNCTION
 * @internet: index of the public side in @spec.nodes
 * @wires: in the order of their links: those of NATs, then those of machines
 * @checks_nats: NATs are measured before the steps
 */
struct plan {
	const struct scenario *scenario;
	struct plan_node *nodes;
	size_t n_nodes;
	struct plan_nat *nats;
	size_t n_nats;
	struct plan_reflector *reflectors;
	size_t n_reflectors;
	struct plan_wire *wires;
	size_t n_wires;
	bool checks_nats;
	size_t seed;
	size_t n_functions;
	size_t internet;
	struct topo_spec spec;
};

/** plan_make() - Return: 0, -EINVAL (too large, with words), or -ENOMEM. */
int plan_make(const struct scenario *scenario, struct plan **ret_plan, struct error *err);
/** plan_free() - NULL is legal. */
void plan_free(struct plan *plan);
/** plan_find() - the node of that name, or NULL. */
const struct plan_node *plan_find(const struct plan *plan, const char *name);
/** plan_find_nat() - the NAT of that name, or NULL. */
const struct plan_nat *plan_find_nat(const struct plan *plan, const char *name);
/** plan_find_wire() - the wire of the machine or NAT of that name, or NULL. */
const struct plan_wire *plan_find_wire(const struct plan *plan, const char *name);
/** plan_outermost() - of the NATs in front of NAT @nat, it included: the last; of PLAN_NONE: none. */
size_t plan_outermost(const struct plan *plan, size_t nat);
/** plan_print_change() - "reboot, set limits.table 1": what becomes of a NAT. */
void plan_print_change(const struct scenario_nat_change *change, FILE *out);
/** plan_print_wire() - "loss 100%, down.delay 1s": what @given marks of @wire; NULL: all that is. */
void plan_print_wire(const struct topo_wire *wire, const struct topo_wire *given, FILE *out);
/** plan_print() - for people: nodes, addresses, NATs, steps. */
void plan_print(const struct plan *plan, FILE *out);
/** plan_print_json() - the same for programs. */
int plan_print_json(const struct plan *plan, FILE *out);

#endif
