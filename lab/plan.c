/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * The public side is node 0 of the topology; NATs follow, those of "nats" first
 * and then each function's own, in the order of the document; then machines in
 * that order, then hidden hosts. A NAT's number gives its inside network, and what
 * is linked to a network takes its next address and its router's next interface,
 * so that nothing is searched for and nothing depends on anything but the document.
 *
 *	internet --- wan [NAT] lan0 --- wan [NAT 10.x.y.2] lan0 --- eth0 [machine]
 *	   |               lan1 --- eth0 [machine 10.x.y.3]
 *	   +------------------------ eth0 [machine 203.0.113.10]
 *
 * Further addresses of NATs come after all first ones, and hidden hosts come last,
 * so that the addresses people see stay together.
 */
#include "lab/plan.h"

#include "base/cleanup.h"
#include "lab/plan_making.h"
#include "lab/scenario_names.h"
#include "lab/scenario_nats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void drop_plan(struct plan **plan)
{
	plan_free(*plan);
}

static void drop_making(struct making *m)
{
	free(m->lans);
	free(m->shared);
}

static unsigned guest_waits_for(const struct plan *plan, const struct scenario_node *from)
{
	if (!from->run)
		return 0;
	return from->wait ? from->wait : (unsigned)plan->n_functions;
}

/* The NAT in front of the next machine of @from; own ones were made in this order. */
static size_t next_nat(struct making *m, const struct scenario_node *from)
{
	const struct scenario_nat *nat = scenario_nat_of(m->plan->scenario, from);

	if (!nat)
		return PLAN_NONE;
	return nat == from->nat ? m->n_own++ : m->shared[nat - m->plan->scenario->nats];
}

static int add_node(struct making *m, const struct scenario_node *from, unsigned index,
		    struct error *err)
{
	struct plan *plan = m->plan;
	struct plan_node *node = &plan->nodes[plan->n_nodes];
	int r = 0;

	(void)scenario_node_name(from, index, node->name);
	node->from = from;
	node->nat = next_nat(m, from);
	node->topo = plan->spec.n_nodes;
	node->wait = guest_waits_for(plan, from);
	(void)making_node(m, node->name, TOPO_HOST);
	if (from->role == ROLE_SEED)
		plan->seed = plan->n_nodes;
	plan->n_nodes++;
	if (node->nat == PLAN_NONE)
		node->inside = making_public(m);
	else
		r = making_address(m, node->nat, &node->inside, err);
	if (r < 0)
		return r;
	node->external = node->nat == PLAN_NONE
				 ? node->inside
				 : plan->nats[plan_outermost(plan, node->nat)].external;
	node->link = making_link(m, node->nat, node->topo, "eth0", &node->inside, true);
	making_wire(m, node->name, node->link, from->link);
	return 0;
}

static int add_nodes(struct making *m, struct error *err)
{
	const struct scenario *scenario = m->plan->scenario;
	int r = 0;

	for (size_t i = 0; r == 0 && i < scenario->n_nodes; i++)
		for (unsigned j = 0; r == 0 && j < scenario->nodes[i].count; j++)
			r = add_node(m, &scenario->nodes[i], j, err);
	return r;
}

/* Everything at its final size: the topology points to the NATs. */
static int allocate(struct making *m, struct error *err)
{
	struct plan *plan = m->plan;
	const struct scenario *scenario = plan->scenario;
	size_t n_nats = scenario->n_nats;
	size_t n_nodes = 0, n_others = 0;
	size_t n_hidden, n_links;

	for (size_t i = 0; i < scenario->n_nodes; i++) {
		const struct scenario_node *node = &scenario->nodes[i];

		n_nodes += node->count;
		n_nats += node->nat ? node->count : 0;
		n_others += (size_t)node->count * node->addresses;
		if (node->role == ROLE_FUNCTION)
			plan->n_functions += node->count;
	}
	if (n_nodes > SCENARIO_NODES_MAX)
		return error_set(err, EINVAL, "%zu nodes, at most %d can be", n_nodes,
				 SCENARIO_NODES_MAX);
	/* A prober behind each, and a reflector on the inside of each, and a public one. */
	n_hidden = 2 * n_nats + 1;
	n_links = n_nats + n_nodes + 4 * n_nats + 2;
	plan->spec.seed = scenario->seed;
	plan->nodes = calloc(n_nodes + 1, sizeof(*plan->nodes));
	plan->nats = calloc(n_nats + 1, sizeof(*plan->nats));
	plan->reflectors = calloc(n_nats + 1, sizeof(*plan->reflectors));
	plan->wires = calloc(n_nats + n_nodes + 1, sizeof(*plan->wires));
	plan->spec.nodes = calloc(1 + n_nats + n_nodes + n_hidden, sizeof(*plan->spec.nodes));
	plan->spec.links = calloc(n_links, sizeof(*plan->spec.links));
	plan->spec.routes = calloc(2 * n_links + TOPO_OTHERS_MAX * n_nats + n_others,
				   sizeof(*plan->spec.routes));
	m->lans = calloc(n_nats + 1, sizeof(*m->lans));
	m->shared = calloc(scenario->n_nats + 1, sizeof(*m->shared));
	if (!plan->nodes || !plan->nats || !plan->reflectors || !plan->wires || !plan->spec.nodes ||
	    !plan->spec.links || !plan->spec.routes || !m->lans || !m->shared)
		return -ENOMEM;
	return 0;
}

int plan_make(const struct scenario *scenario, struct plan **ret_plan, struct error *err)
{
	cleanup_with(drop_plan) struct plan *plan = calloc(1, sizeof(*plan));
	cleanup_with(drop_making) struct making m = {.plan = plan};
	int r;

	if (!plan)
		return error_sys(err, ENOMEM, "cannot plan");
	plan->scenario = scenario;
	plan->seed = PLAN_NONE;
	r = allocate(&m, err);
	if (r == 0) {
		plan->internet = plan->spec.n_nodes;
		(void)making_node(&m, "internet", TOPO_INTERNET);
		r = making_nats(&m, err);
	}
	if (r == 0)
		r = add_nodes(&m, err);
	if (r == 0)
		r = making_more(&m, err);
	if (r == -ENOMEM)
		return error_sys(err, ENOMEM, "cannot plan");
	if (r < 0)
		return r;
	plan->checks_nats = scenario->check_nats && plan->n_nats;
	if (plan->checks_nats)
		making_checks(&m);
	else if (scenario->check_public)
		making_public_check(&m);
	*ret_plan = take_ptr(plan);
	return 0;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->nodes);
	free(plan->nats);
	free(plan->reflectors);
	free(plan->wires);
	free(plan->spec.nodes);
	free(plan->spec.links);
	free(plan->spec.routes);
	free(plan);
}

const struct plan_node *plan_find(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_nodes; i++)
		if (strcmp(plan->nodes[i].name, name) == 0)
			return &plan->nodes[i];
	return NULL;
}

const struct plan_nat *plan_find_nat(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_nats; i++)
		if (strcmp(plan->nats[i].name, name) == 0)
			return &plan->nats[i];
	return NULL;
}

const struct plan_wire *plan_find_wire(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_wires; i++)
		if (strcmp(plan->wires[i].name, name) == 0)
			return &plan->wires[i];
	return NULL;
}

size_t plan_outermost(const struct plan *plan, size_t nat)
{
	while (nat != PLAN_NONE && plan->nats[nat].upstream != PLAN_NONE)
		nat = plan->nats[nat].upstream;
	return nat;
}
