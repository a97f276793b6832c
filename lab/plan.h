/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the plan: a scenario multiplied out into concrete nodes,
 * addresses, NATs and links. Planning is pure: the same scenario gives the same
 * plan on every machine, and nothing is built by it. The plan borrows from its
 * scenario, which must outlive it.
 *
 * Addresses: public machines 203.0.113.10 and up; NATs 203.1.0.1 and up; the
 * inside of NAT n is 10.x.y.0/24, its router .1, its nodes .2 and up.
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
 * struct plan_nat - one NAT, concrete
 * @name: "fn0-nat", or its name in "nats"
 * @nat: complete, with its forwards
 * @topo: its index in plan.spec.nodes
 * @external: its public address (port 0)
 * @wan_link: the link to the internet in plan.spec.links; ends[0] is the internet's
 */
struct plan_nat {
	char name[TOPO_NAME_MAX];
	struct nat nat;
	size_t topo;
	struct addr external;
	size_t wan_link;
};

/**
 * struct plan_node - one machine, concrete
 * @name: "fn0"
 * @from: the scenario's entry
 * @topo: its index in plan.spec.nodes
 * @nat: index into plan.nats, or PLAN_NONE for a public machine
 * @inside: the address of its eth0 (port 0)
 * @external: what the world sees: its NAT's address, or @inside
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
 * struct plan - what will be built
 * @seed: index of the seed in @nodes, or PLAN_NONE
 * @n_functions: nodes with ROLE_FUNCTION
 * @internet: index of the public side in @spec.nodes
 */
struct plan {
	const struct scenario *scenario;
	struct plan_node *nodes;
	size_t n_nodes;
	struct plan_nat *nats;
	size_t n_nats;
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
/** plan_print() - for people: nodes, addresses, NATs, steps. */
void plan_print(const struct plan *plan, FILE *out);
/** plan_print_json() - the same for programs. */
int plan_print_json(const struct plan *plan, FILE *out);

#endif
