/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * The public side is node 0 of the topology; NATs follow, those of "nats" first
 * and then each function's own, in the order of the document; then machines in
 * that order. A NAT's number gives its two networks, a machine's number among
 * those of its router gives its address and the router's interface, so that
 * nothing is searched for and nothing depends on anything but the document.
 *
 *	internet --- wan [NAT] lan0 --- eth0 [machine 10.x.y.2]
 *	   |               lan1 --- eth0 [machine 10.x.y.3]
 *	   +------------------------ eth0 [machine 203.0.113.10]
 *
 * Every link is point to point and every address has a full-length prefix. Only
 * lan0 of a NAT is numbered: its address 10.x.y.1 answers on its other
 * interfaces as well.
 */
#include "lab/plan.h"

#include "base/cleanup.h"
#include "lab/scenario_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PER_24	       254	  /* addresses of a /24 without .0 and .255 */
#define PUBLIC_FIRST   0xcb00710a /* 203.0.113.10 */
#define PUBLIC_N       241	  /* up to .250 */
#define PUBLIC_MORE    0xcb020000 /* 203.2.0.0/16 */
#define EXTERNAL_FIRST 0xcb010000 /* 203.1.0.0/16 */
#define EXTERNAL_N     (256 * PER_24)
#define INSIDE_FIRST   0x0a000000 /* 10.0.0.0/8 */
#define INSIDE_PER_16  250
#define GATEWAY	       0xa9fe0101 /* 169.254.1.1: a neighbour that exists in no other way */

static void drop_plan(struct plan **plan)
{
	plan_free(*plan);
}

/* The @n'th address of a /16, stepping over .0 and .255 of each /24. */
static struct addr in_16(uint32_t prefix, size_t n)
{
	return addr_v4(prefix + (uint32_t)(n / PER_24 << 8) + (uint32_t)(n % PER_24) + 1, 0);
}

static struct addr public_address(size_t n)
{
	if (n < PUBLIC_N)
		return addr_v4(PUBLIC_FIRST + (uint32_t)n, 0);
	return in_16(PUBLIC_MORE, n - PUBLIC_N);
}

/* 10.x.y.@host behind NAT @nat. */
static struct addr inside_address(size_t nat, unsigned host)
{
	return addr_v4(INSIDE_FIRST + (uint32_t)(nat / INSIDE_PER_16 << 16) +
			       (uint32_t)(nat % INSIDE_PER_16 << 8) + host,
		       0);
}

static struct topo_route *add_route(struct plan *plan, size_t node, const char *ifname)
{
	struct topo_route *route = &plan->spec.routes[plan->spec.n_routes++];

	route->node = node;
	(void)snprintf(route->ifname, sizeof(route->ifname), "%s", ifname);
	return route;
}

static void add_default(struct plan *plan, size_t node, const char *ifname, struct addr via)
{
	struct topo_route *route = add_route(plan, node, ifname);

	route->dst = addr_v4(0, 0);
	route->via = via;
}

static void add_neighbour(struct plan *plan, size_t node, const char *ifname, struct addr dst)
{
	struct topo_route *route = add_route(plan, node, ifname);

	route->dst = dst;
	route->prefix_len = 32;
}

static struct topo_end link_end(size_t node, const char *ifname, struct addr addr)
{
	struct topo_end end = {.node = node, .addr = addr};

	(void)snprintf(end.ifname, sizeof(end.ifname), "%s", ifname);
	return end;
}

/* From the public side to @node's @ifname, which has the address @addr. */
static size_t link_to_internet(struct plan *plan, size_t node, const char *ifname, struct addr addr)
{
	struct topo_spec *spec = &plan->spec;
	char to[TOPO_IFNAME_MAX];
	size_t n = spec->n_links++;

	(void)snprintf(to, sizeof(to), "to%u", (unsigned)n);
	spec->links[n].ends[0] = link_end(plan->internet, to, (struct addr){0});
	spec->links[n].ends[1] = link_end(node, ifname, addr);
	add_neighbour(plan, plan->internet, to, addr);
	add_default(plan, node, ifname, addr_v4(GATEWAY, 0));
	return n;
}

static struct topo_node *add_topo_node(struct plan *plan, const char *name, enum topo_kind kind)
{
	struct topo_node *node = &plan->spec.nodes[plan->spec.n_nodes++];

	(void)snprintf(node->name, sizeof(node->name), "%s", name);
	node->kind = kind;
	return node;
}

static void add_nat(struct plan *plan, const char *name, const struct scenario_nat *from)
{
	struct plan_nat *nat = &plan->nats[plan->n_nats];
	struct topo_node *node;

	(void)snprintf(nat->name, sizeof(nat->name), "%s", name);
	nat->nat = from->nat;
	nat->topo = plan->spec.n_nodes;
	nat->external = in_16(EXTERNAL_FIRST, plan->n_nats++);
	node = add_topo_node(plan, name, TOPO_NAT);
	node->nat = &nat->nat;
	node->external = nat->external;
	(void)snprintf(node->wan, sizeof(node->wan), "wan");
	nat->wan_link = link_to_internet(plan, nat->topo, node->wan, nat->external);
}

static void add_nats(struct plan *plan)
{
	const struct scenario *scenario = plan->scenario;
	char name[TOPO_NAME_MAX];

	for (size_t i = 0; i < scenario->n_nats; i++)
		add_nat(plan, scenario->nats[i].name, &scenario->nats[i]);
	for (size_t i = 0; i < scenario->n_nodes; i++) {
		const struct scenario_node *node = &scenario->nodes[i];

		for (unsigned j = 0; node->nat && j < node->count; j++)
			add_nat(plan, scenario_nat_name(node, j, name), node->nat);
	}
}

/* The @nth machine behind its NAT. */
static void put_behind(struct plan *plan, struct plan_node *node, unsigned nth)
{
	struct topo_spec *spec = &plan->spec;
	const struct plan_nat *nat = &plan->nats[node->nat];
	struct addr router = inside_address(node->nat, 1);
	struct topo_link *link = &spec->links[spec->n_links];
	char lan[TOPO_IFNAME_MAX];

	(void)snprintf(lan, sizeof(lan), "lan%u", nth);
	node->inside = inside_address(node->nat, nth + 2);
	node->external = nat->external;
	node->link = spec->n_links++;
	link->ends[0] = link_end(nat->topo, lan, nth ? (struct addr){0} : router);
	link->ends[1] = link_end(node->topo, "eth0", node->inside);
	add_neighbour(plan, nat->topo, lan, node->inside);
	add_default(plan, node->topo, "eth0", router);
}

static unsigned guest_waits_for(const struct plan *plan, const struct scenario_node *from)
{
	if (!from->run)
		return 0;
	return from->wait ? from->wait : (unsigned)plan->n_functions;
}

static size_t shared_nat(const struct scenario *scenario, const char *name)
{
	size_t i = 0;

	while (i < scenario->n_nats && strcmp(scenario->nats[i].name, name) != 0)
		i++;
	return i < scenario->n_nats ? i : PLAN_NONE;
}

/*
 * @n_public counts the public machines so far, @n_behind those behind each NAT,
 * @own the functions' own NATs: they were made in this order.
 */
static int add_node(struct plan *plan, const struct scenario_node *from, unsigned index,
		    size_t *n_public, unsigned *n_behind, size_t *own, struct error *err)
{
	struct plan_node *node = &plan->nodes[plan->n_nodes];

	(void)scenario_node_name(from, index, node->name);
	node->from = from;
	node->nat = PLAN_NONE;
	node->topo = plan->spec.n_nodes;
	node->wait = guest_waits_for(plan, from);
	(void)add_topo_node(plan, node->name, TOPO_HOST);
	if (from->role == ROLE_SEED)
		plan->seed = plan->n_nodes;
	plan->n_nodes++;
	if (from->nat)
		node->nat = (*own)++;
	else if (from->behind)
		node->nat = shared_nat(plan->scenario, from->behind);
	if (node->nat == PLAN_NONE) {
		node->inside = public_address((*n_public)++);
		node->external = node->inside;
		node->link = link_to_internet(plan, node->topo, "eth0", node->inside);
		return 0;
	}
	if (n_behind[node->nat] == SCENARIO_BEHIND_MAX)
		return error_set(err, EINVAL, "more than %d nodes are behind %s",
				 SCENARIO_BEHIND_MAX, plan->nats[node->nat].name);
	put_behind(plan, node, n_behind[node->nat]++);
	return 0;
}

static int add_nodes(struct plan *plan, struct error *err)
{
	const struct scenario *scenario = plan->scenario;
	cleanup_free unsigned *n_behind = calloc(plan->n_nats + 1, sizeof(*n_behind));
	size_t own = scenario->n_nats;
	size_t n_public = 0;
	int r;

	if (!n_behind)
		return -ENOMEM;
	for (size_t i = 0; i < scenario->n_nodes; i++) {
		for (unsigned j = 0; j < scenario->nodes[i].count; j++) {
			r = add_node(plan, &scenario->nodes[i], j, &n_public, n_behind, &own, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* The machine behind NAT @nat of that name; the only one there for NULL. */
static const struct plan_node *find_behind(const struct plan *plan, size_t nat, const char *name)
{
	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct plan_node *node = &plan->nodes[i];

		if (node->nat == nat && (!name || strcmp(node->name, name) == 0))
			return node;
	}
	return NULL;
}

/* @own: the machine that has NAT @i to itself, or NULL. */
static int add_forwards(struct plan *plan, size_t i, const struct scenario_nat *from,
			const struct plan_node *own, struct error *err)
{
	struct plan_nat *nat = &plan->nats[i];

	for (size_t j = 0; j < from->n_forwards; j++) {
		const struct scenario_forward *forward = &from->forwards[j];
		const struct plan_node *node = own ? own : find_behind(plan, i, forward->to);
		struct nat_forward *ret;

		if (!node || nat->nat.n_forwards == NAT_FORWARDS_MAX)
			return error_set(err, EINVAL, "%s can't forward port %u", nat->name,
					 forward->port);
		ret = &nat->nat.forwards[nat->nat.n_forwards++];
		ret->proto = forward->proto;
		ret->port = forward->port;
		ret->to = node->inside;
		ret->to.port = forward->to_port ? forward->to_port : forward->port;
	}
	if (nat_check(&nat->nat, err) < 0)
		return error_wrap(err, "%s", nat->name);
	return 0;
}

static int add_all_forwards(struct plan *plan, struct error *err)
{
	const struct scenario *scenario = plan->scenario;
	int r = 0;

	for (size_t i = 0; r == 0 && i < scenario->n_nats; i++)
		r = add_forwards(plan, i, &scenario->nats[i], NULL, err);
	for (size_t i = 0; r == 0 && i < plan->n_nodes; i++) {
		const struct plan_node *node = &plan->nodes[i];

		if (node->from->nat)
			r = add_forwards(plan, node->nat, node->from->nat, node, err);
	}
	return r;
}

/* Everything at its final size: the topology points to the NATs. */
static int allocate(struct plan *plan, struct error *err)
{
	const struct scenario *scenario = plan->scenario;
	size_t n_nats = scenario->n_nats;
	size_t n_nodes = 0;
	size_t n_links;

	for (size_t i = 0; i < scenario->n_nodes; i++) {
		const struct scenario_node *node = &scenario->nodes[i];

		n_nodes += node->count;
		n_nats += node->nat ? node->count : 0;
		if (node->role == ROLE_FUNCTION)
			plan->n_functions += node->count;
	}
	if (n_nodes > SCENARIO_NODES_MAX)
		return error_set(err, EINVAL, "%zu nodes, at most %d can be", n_nodes,
				 SCENARIO_NODES_MAX);
	n_links = n_nats + n_nodes;
	if (n_nats > EXTERNAL_N)
		return error_set(err, EINVAL, "%zu NATs, at most %d can be", n_nats, EXTERNAL_N);
	plan->nodes = calloc(n_nodes + 1, sizeof(*plan->nodes));
	plan->nats = calloc(n_nats + 1, sizeof(*plan->nats));
	plan->spec.nodes = calloc(1 + n_links, sizeof(*plan->spec.nodes));
	plan->spec.links = calloc(n_links + 1, sizeof(*plan->spec.links));
	plan->spec.routes = calloc(2 * n_links + 1, sizeof(*plan->spec.routes));
	if (!plan->nodes || !plan->nats || !plan->spec.nodes || !plan->spec.links ||
	    !plan->spec.routes)
		return -ENOMEM;
	return 0;
}

int plan_make(const struct scenario *scenario, struct plan **ret_plan, struct error *err)
{
	cleanup_with(drop_plan) struct plan *plan = calloc(1, sizeof(*plan));
	int r;

	if (!plan)
		return error_sys(err, ENOMEM, "cannot plan");
	plan->scenario = scenario;
	plan->seed = PLAN_NONE;
	r = allocate(plan, err);
	if (r == 0) {
		plan->internet = plan->spec.n_nodes;
		(void)add_topo_node(plan, "internet", TOPO_INTERNET);
		add_nats(plan);
		r = add_nodes(plan, err);
	}
	if (r == 0)
		r = add_all_forwards(plan, err);
	if (r == -ENOMEM)
		return error_sys(err, ENOMEM, "cannot plan");
	if (r < 0)
		return r;
	*ret_plan = take_ptr(plan);
	return 0;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->nodes);
	free(plan->nats);
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
