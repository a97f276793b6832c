/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every link is point to point and every address has a full-length prefix. Only
 * lan0 of a NAT is numbered: its address 10.x.y.1 answers on its other
 * interfaces as well.
 */
#include "lab/plan_making.h"

#include <errno.h>

#define PER_24	       254	  /* addresses of a /24 without .0 and .255 */
#define PUBLIC_FIRST   0xcb00710a /* 203.0.113.10 */
#define PUBLIC_N       241	  /* up to .250 */
#define PUBLIC_HIDDEN  0xcb0071fb /* 203.0.113.251 */
#define PUBLIC_MORE    0xcb020000 /* 203.2.0.0/16 */
#define EXTERNAL_FIRST 0xcb010000 /* 203.1.0.0/16 */
#define EXTERNAL_N     (256 * PER_24)
#define INSIDE_FIRST   0x0a000000 /* 10.0.0.0/8 */
#define INSIDE_PER_16  250
#define INSIDE_HOST    2
#define INSIDE_HIDDEN  250
#define GATEWAY	       0xa9fe0101 /* 169.254.1.1: a neighbour that exists in no other way */

/* The @n'th address of a /16, stepping over .0 and .255 of each /24. */
static struct addr in_16(uint32_t prefix, size_t n)
{
	return addr_v4(prefix + (uint32_t)(n / PER_24 << 8) + (uint32_t)(n % PER_24) + 1, 0);
}

/* 10.x.y.@host behind NAT @nat. */
static struct addr inside_address(size_t nat, unsigned host)
{
	return addr_v4(INSIDE_FIRST + (uint32_t)(nat / INSIDE_PER_16 << 16) +
			       (uint32_t)(nat % INSIDE_PER_16 << 8) + host,
		       0);
}

struct addr making_public(struct making *m)
{
	size_t n = m->n_public++;

	if (n < PUBLIC_N)
		return addr_v4(PUBLIC_FIRST + (uint32_t)n, 0);
	return in_16(PUBLIC_MORE, n - PUBLIC_N);
}

int making_address(struct making *m, size_t nat, struct addr *ret_addr, struct error *err)
{
	if (nat == PLAN_NONE) {
		if (m->n_external == EXTERNAL_N)
			return error_set(err, EINVAL, "more than %d addresses of NATs", EXTERNAL_N);
		*ret_addr = in_16(EXTERNAL_FIRST, m->n_external++);
		return 0;
	}
	if (m->lans[nat].hosts == SCENARIO_BEHIND_MAX)
		return error_set(err, EINVAL, "more than %d addresses are needed behind %s",
				 SCENARIO_BEHIND_MAX, m->plan->nats[nat].name);
	*ret_addr = inside_address(nat, INSIDE_HOST + m->lans[nat].hosts++);
	return 0;
}

struct addr making_hidden(size_t nat, unsigned i)
{
	return nat == PLAN_NONE ? addr_v4(PUBLIC_HIDDEN + i, 0)
				: inside_address(nat, INSIDE_HIDDEN + i);
}

struct topo_node *making_node(struct making *m, const char *name, enum topo_kind kind)
{
	struct topo_spec *spec = &m->plan->spec;
	struct topo_node *node = &spec->nodes[spec->n_nodes++];

	(void)snprintf(node->name, sizeof(node->name), "%s", name);
	node->kind = kind;
	return node;
}

static struct topo_route *add_route(struct plan *plan, size_t node, const char *ifname)
{
	struct topo_route *route = &plan->spec.routes[plan->spec.n_routes++];

	route->node = node;
	(void)snprintf(route->ifname, sizeof(route->ifname), "%s", ifname);
	return route;
}

static struct topo_end link_end(size_t node, const char *ifname, struct addr addr)
{
	struct topo_end end = {.node = node, .addr = addr};

	(void)snprintf(end.ifname, sizeof(end.ifname), "%s", ifname);
	return end;
}

/* The router's end of a new link. */
static struct topo_end router_end(struct making *m, size_t nat, size_t link)
{
	struct topo_end end = {0};
	unsigned nth;

	if (nat == PLAN_NONE) {
		end.node = m->plan->internet;
		(void)snprintf(end.ifname, sizeof(end.ifname), "to%u", (unsigned)link);
		return end;
	}
	nth = m->lans[nat].links++;
	end.node = m->plan->nats[nat].topo;
	(void)snprintf(end.ifname, sizeof(end.ifname), "lan%u", nth);
	if (nth == 0)
		end.addr = inside_address(nat, 1);
	return end;
}

size_t making_link(struct making *m, size_t nat, size_t node, const char *ifname,
		   const struct addr *addr, bool is_default)
{
	struct topo_spec *spec = &m->plan->spec;
	size_t n = spec->n_links++;
	struct topo_link *link = &spec->links[n];
	struct topo_route *route;

	link->ends[0] = router_end(m, nat, n);
	link->ends[1] = link_end(node, ifname, *addr);
	route = add_route(m->plan, link->ends[0].node, link->ends[0].ifname);
	route->dst = *addr;
	route->prefix_len = 32;
	if (!is_default)
		return n;
	route = add_route(m->plan, node, ifname);
	route->dst = addr_v4(0, 0);
	route->via = nat == PLAN_NONE ? addr_v4(GATEWAY, 0) : inside_address(nat, 1);
	return n;
}

void making_wire(struct making *m, const char *name, size_t link, const struct scenario_link *from)
{
	struct plan *plan = m->plan;

	if (!from)
		return;
	plan->spec.links[link].wire = &from->wire;
	plan->wires[plan->n_wires++] = (struct plan_wire){.name = name, .link = link};
}

void making_route(struct making *m, size_t link, const struct addr *addr)
{
	const struct topo_end *ends = m->plan->spec.links[link].ends;
	struct topo_route *route = add_route(m->plan, ends[0].node, ends[0].ifname);

	route->dst = *addr;
	route->prefix_len = 32;
	/* The neighbour's first address: the one whose hardware address is known. */
	route->via = ends[1].addr;
}
