/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A topology is applied in three rounds. First every namespace is made, and
 * gets its rules and its sysctls: rules before sysctls, since it is a rule that
 * loads the connection tracker, whose sysctls are there only then; and both
 * before the first link, since interfaces take the sysctls' defaults when they
 * are born and counters must be on when the first flow comes. Then the links are
 * made, each by a request from the namespace of its first end. Last come addresses,
 * neighbours and routes, namespace by namespace; and a wait for the links, which
 * the kernel brings to life in the background.
 *
 * A link with a wire is two pairs, each made from the namespace of its outer end;
 * the inner ends meet in one more namespace, which has neither addresses nor
 * rules. Outer ends are configured as if they were each other's peers, so nothing
 * but what happens to packets tells the difference.
 *
 * Nothing else is asked back from the kernel: the index of an interface is
 * chosen by us (its place among its node's ends), and so is its MAC address.
 *
 * Undoing is closing: a namespace that nobody holds goes with all that is in it.
 * The kernel does that in the background, all that were closed together at once;
 * to delete the links first, one by one or a namespace's together, takes ten times
 * as long, since every request waits for the end of a grace period.
 */
#include "topo/topo.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "topo/link.h"
#include "topo/nat_rules.h"
#include "topo/nft.h"
#include "topo/nft_socket.h"
#include "topo/nl.h"
#include "topo/ns.h"
#include "topo/route.h"
#include "topo/router.h"
#include "topo/sysctl.h"
#include "topo/topo_check.h"
#include "topo/wire.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/* How long links may take to come up; a loaded machine needs some milliseconds,
 * an old kernel up to a second. */
#define SETTLE_S       30
#define SETTLE_POLL_MS 1

/* One applied end: where its interface is. */
struct place {
	size_t node;
	int ifindex;
};

/**
 * struct topo - what topo_apply() made
 * @wires_netns: where the inner ends of wires are; -1 without wires
 * @wires: those of the links that have one, in the links' order
 */
struct topo {
	int *netns;
	struct router **routers; /* NULL for what is no NAT */
	size_t n_nodes;
	struct place (*links)[2];
	size_t n_links;
	int wires_netns;
	struct wire *wires;
	size_t n_wires;
	uint64_t seed;
};

static const char wires_who[] = "wires";

/* The wires' namespace has all inner ends, so a link's number finds its own. */
static int inner_ifindex(size_t link, int end)
{
	return LINK_FIRST_INDEX + (int)(2 * link) + end;
}

static void take_wires(struct topo *topo, const struct topo_spec *spec)
{
	for (size_t i = 0; i < spec->n_links; i++) {
		struct wire *wire = &topo->wires[topo->n_wires];

		if (!spec->links[i].wire)
			continue;
		wire->link = i;
		for (int end = 0; end < 2; end++) {
			wire->ifindex[end] = inner_ifindex(i, end);
			wire->from[end] = spec->links[i].wire->from[end];
		}
		topo->n_wires++;
	}
}

static struct topo *topo_new(const struct topo_spec *spec, const struct topo_index *index)
{
	struct topo *topo = calloc(1, sizeof(*topo));

	if (!topo)
		return NULL;
	topo->netns = calloc(spec->n_nodes + 1, sizeof(*topo->netns));
	topo->routers = calloc(spec->n_nodes + 1, sizeof(struct router *));
	topo->links = calloc(spec->n_links + 1, sizeof(*topo->links));
	topo->wires = calloc(spec->n_links + 1, sizeof(*topo->wires));
	topo->wires_netns = -1;
	if (!topo->netns || !topo->routers || !topo->links || !topo->wires) {
		topo_free(topo);
		return NULL;
	}
	topo->n_links = spec->n_links;
	topo->seed = spec->seed;
	take_wires(topo, spec);
	for (size_t n = 0; n < spec->n_nodes; n++) {
		for (size_t i = index->first_end[n]; i < index->first_end[n + 1]; i++) {
			const struct topo_end_ref *ref = &index->ends[i];

			topo->links[ref->link][ref->end] = (struct place){
				.node = n,
				.ifindex = LINK_FIRST_INDEX + (int)(i - index->first_end[n]),
			};
		}
	}
	return topo;
}

static int apply_internet(int netns, struct error *err)
{
	cleanup_with(rules_done) struct rules rules;

	nat_internet_rules(&rules);
	return nft_apply(netns, &rules, err);
}

static int apply_router(struct topo *topo, size_t n, const struct topo_node *node,
			struct error *err)
{
	topo->routers[n] = router_new(node);
	if (!topo->routers[n])
		return error_sys(err, ENOMEM, "NAT");
	return router_apply(topo->routers[n], topo->netns[n], err);
}

static int make_node(struct topo *topo, const struct topo_node *node, int proc, struct error *err)
{
	size_t n = topo->n_nodes;
	int netns = ns_new(err);
	int r = 0;

	if (netns < 0)
		return netns;
	topo->netns[topo->n_nodes++] = netns;
	if (node->kind == TOPO_NAT)
		r = apply_router(topo, n, node, err);
	if (node->kind == TOPO_INTERNET)
		r = apply_internet(netns, err);
	if (!r)
		r = sysctl_apply(netns, proc, node->kind, node->nat, err);
	return r;
}

static int make_nodes(struct topo *topo, const struct topo_spec *spec, struct error *err)
{
	cleanup_close int proc = -1;
	int r = 0;

	for (size_t n = 0; r == 0 && n < spec->n_nodes; n++) {
		if (n % SYSCTL_NAMESPACES_MAX == 0) {
			if (proc >= 0)
				(void)close(proc);
			proc = sysctl_open_proc(err);
			if (proc < 0)
				return proc;
		}
		r = make_node(topo, &spec->nodes[n], proc, err);
		if (r < 0 && err)
			return error_wrap(err, "%s", spec->nodes[n].name);
	}
	return r;
}

static struct link_end make_end(const struct topo *topo, const struct topo_spec *spec,
				const struct topo_end_ref *ref)
{
	const struct topo_end *end = &spec->links[ref->link].ends[ref->end];
	struct link_end made = {
		.who = spec->nodes[end->node].name,
		.netns = topo->netns[end->node],
		.ifname = end->ifname,
		.ifindex = topo->links[ref->link][ref->end].ifindex,
	};

	link_mac((uint32_t)ref->link, (unsigned int)ref->end, made.mac);
	return made;
}

/* The inner end behind @ref. */
static struct link_end make_inner(const struct topo *topo, const struct topo_end_ref *ref,
				  char name[static TOPO_IFNAME_MAX])
{
	struct link_end made = {
		.who = wires_who,
		.netns = topo->wires_netns,
		.ifname = name,
		.ifindex = inner_ifindex(ref->link, ref->end),
	};

	(void)snprintf(name, TOPO_IFNAME_MAX, "w%u.%d", (unsigned int)ref->link, ref->end);
	link_mac((uint32_t)ref->link, (unsigned int)ref->end + 2, made.mac);
	return made;
}

/* Makes the links that begin at @node: plain ones at their first end, wired ones at
 * both. */
static int make_links(const struct topo *topo, const struct topo_spec *spec,
		      const struct topo_index *index, size_t node, struct error *err)
{
	cleanup_with(nl_batch_free) struct nl_batch *batch = NULL;
	int r = 0;

	for (size_t i = index->first_end[node]; r == 0 && i < index->first_end[node + 1]; i++) {
		const struct topo_end_ref *near = &index->ends[i];
		struct topo_end_ref far = {near->link, 1};
		const struct topo_wire *wire = spec->links[near->link].wire;
		char inner_name[TOPO_IFNAME_MAX];
		struct link_end ends[2];

		if (near->end != 0 && !wire)
			continue;
		if (!batch)
			r = nl_batch_open(topo->netns[node], spec->nodes[node].name, &batch, err);
		if (r < 0)
			return r;
		ends[0] = make_end(topo, spec, near);
		ends[1] = wire ? make_inner(topo, near, inner_name) : make_end(topo, spec, &far);
		r = link_add(batch, ends, err);
	}
	return r == 0 && batch ? nl_batch_send(batch, err) : r;
}

static int add_end(struct nl_batch *batch, const struct topo *topo, const struct topo_spec *spec,
		   const struct topo_end_ref *ref, struct error *err)
{
	const struct topo_end *near = &spec->links[ref->link].ends[ref->end];
	const struct topo_end *far = &spec->links[ref->link].ends[!ref->end];
	struct topo_end_ref far_ref = {ref->link, !ref->end};
	struct link_end end = make_end(topo, spec, ref);
	struct link_end far_end = make_end(topo, spec, &far_ref);
	int r = link_up(batch, end.ifindex, end.ifname, err);

	if (r == 0 && near->addr.family != AF_UNSPEC)
		r = route_add_addr(batch, end.ifindex, end.ifname, &near->addr, err);
	if (r == 0 && far->addr.family != AF_UNSPEC)
		r = link_add_neighbour(batch, &end, &far->addr, far_end.mac, err);
	return r;
}

static int add_route(struct nl_batch *batch, const struct topo *topo, const struct topo_spec *spec,
		     const struct topo_index *index, const struct topo_route *route,
		     struct error *err)
{
	const struct topo_end_ref *ref;
	struct topo_end_ref far_ref;
	struct link_end end, far_end;
	int r;

	if (!route->ifname[0])
		return route_add_blackhole(batch, &route->dst, route->prefix_len, err);
	ref = &index->ends[topo_index_find(index, spec, route->node, route->ifname)];
	far_ref = (struct topo_end_ref){ref->link, !ref->end};
	end = make_end(topo, spec, ref);
	far_end = make_end(topo, spec, &far_ref);
	r = link_add_neighbour(batch, &end,
			       route->via.family != AF_UNSPEC ? &route->via : &route->dst,
			       far_end.mac, err);
	if (!r)
		r = route_add(batch, &route->dst, route->prefix_len, end.ifindex, &route->via, err);
	return r;
}

static int add_internet(struct nl_batch *batch, const struct topo_node *node, struct error *err)
{
	struct addr own = topo_internet_addr(node);
	const struct nat_prefix *prefixes;
	size_t n;
	int r = route_add_addr(batch, LINK_LO_INDEX, "lo", &own, err);

	prefixes = nat_private_prefixes(&n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = route_add_blackhole(batch, &prefixes[i].net, prefixes[i].len, err);
	return r;
}

/* Addresses, neighbours and routes of @node, in this order: a route through an
 * interface takes its source from the addresses that are there. */
static int configure(const struct topo *topo, const struct topo_spec *spec,
		     const struct topo_index *index, size_t node, struct error *err)
{
	cleanup_with(nl_batch_free) struct nl_batch *batch = NULL;
	int r = nl_batch_open(topo->netns[node], spec->nodes[node].name, &batch, err);

	if (!r)
		r = link_up(batch, LINK_LO_INDEX, "lo", err);
	for (size_t i = index->first_end[node]; r == 0 && i < index->first_end[node + 1]; i++)
		r = add_end(batch, topo, spec, &index->ends[i], err);
	for (size_t i = 0; r == 0 && i < spec->nodes[node].n_others; i++)
		r = route_add_addr(batch, LINK_LO_INDEX, "lo", &spec->nodes[node].others[i], err);
	if (r == 0 && spec->nodes[node].kind == TOPO_INTERNET)
		r = add_internet(batch, &spec->nodes[node], err);
	for (size_t i = index->first_route[node]; r == 0 && i < index->first_route[node + 1]; i++)
		r = add_route(batch, topo, spec, index, &spec->routes[index->routes[i]], err);
	return r == 0 ? nl_batch_send(batch, err) : r;
}

/* Wires need neither routers nor hosts, but quiet ones: a host's sysctls. */
static int make_wires(struct topo *topo, struct error *err)
{
	cleanup_close int proc = -1;
	int r;

	if (topo->n_wires == 0)
		return 0;
	topo->wires_netns = ns_new(err);
	if (topo->wires_netns < 0)
		return topo->wires_netns;
	proc = sysctl_open_proc(err);
	if (proc < 0)
		return proc;
	r = sysctl_apply(topo->wires_netns, proc, TOPO_HOST, NULL, err);
	return r < 0 && err ? error_wrap(err, "%s", wires_who) : r;
}

/* Waits until the link carries packets. */
static int settle_end(struct nl_batch *batch, const struct link_end *end, uint64_t deadline,
		      struct error *err)
{
	int r;

	while ((r = link_is_ready(batch, end->ifindex, end->ifname, err)) == 0) {
		if (clock_now() > deadline)
			return error_set(err, ETIMEDOUT, "%s: link %s stays down", end->who,
					 end->ifname);
		(void)poll(NULL, 0, SETTLE_POLL_MS);
	}
	return r < 0 ? r : 0;
}

/* Brings up the inner ends; what they wait for, their outer ends, are up. */
static int configure_wires(const struct topo *topo, uint64_t deadline, struct error *err)
{
	cleanup_with(nl_batch_free) struct nl_batch *batch = NULL;
	int r = topo->n_wires ? nl_batch_open(topo->wires_netns, wires_who, &batch, err) : 0;

	for (size_t i = 0; r == 0 && i < 2 * topo->n_wires; i++) {
		struct topo_end_ref ref = {topo->wires[i / 2].link, (int)(i % 2)};
		char name[TOPO_IFNAME_MAX];
		struct link_end end = make_inner(topo, &ref, name);

		r = link_up(batch, end.ifindex, end.ifname, err);
	}
	if (r == 0 && batch)
		r = nl_batch_send(batch, err);
	for (size_t i = 0; r == 0 && i < 2 * topo->n_wires; i++) {
		struct topo_end_ref ref = {topo->wires[i / 2].link, (int)(i % 2)};
		char name[TOPO_IFNAME_MAX];
		struct link_end end = make_inner(topo, &ref, name);

		r = settle_end(batch, &end, deadline, err);
	}
	return r;
}

/* Waits until every link of @node carries packets. */
static int settle(const struct topo *topo, const struct topo_spec *spec,
		  const struct topo_index *index, size_t node, uint64_t deadline, struct error *err)
{
	cleanup_with(nl_batch_free) struct nl_batch *batch = NULL;
	int r = nl_batch_open(topo->netns[node], spec->nodes[node].name, &batch, err);

	for (size_t i = index->first_end[node]; r == 0 && i < index->first_end[node + 1]; i++) {
		struct link_end end = make_end(topo, spec, &index->ends[i]);

		r = settle_end(batch, &end, deadline, err);
	}
	return r;
}

static int apply(struct topo *topo, const struct topo_spec *spec, const struct topo_index *index,
		 struct error *err)
{
	uint64_t deadline;
	int r = make_nodes(topo, spec, err);

	if (!r)
		r = make_wires(topo, err);
	for (size_t n = 0; r == 0 && n < spec->n_nodes; n++)
		r = make_links(topo, spec, index, n, err);
	for (size_t n = 0; r == 0 && n < spec->n_nodes; n++)
		r = configure(topo, spec, index, n, err);
	deadline = clock_now() + SETTLE_S * NS_PER_S;
	if (!r)
		r = configure_wires(topo, deadline, err);
	for (size_t n = 0; r == 0 && n < spec->n_nodes; n++)
		r = settle(topo, spec, index, n, deadline, err);
	return r;
}

int topo_apply(const struct topo_spec *spec, struct topo **ret_topo, struct error *err)
{
	cleanup_with(topo_index_done) struct topo_index index = {0};
	struct topo *topo;
	int r = topo_check(spec, &index, err);

	if (r < 0)
		return r;
	topo = topo_new(spec, &index);
	if (!topo)
		return error_sys(err, ENOMEM, "topology");
	r = apply(topo, spec, &index, err);
	if (r < 0)
		topo_free(topo);
	else
		*ret_topo = topo;
	return r;
}

void topo_free(struct topo *topo)
{
	if (!topo)
		return;
	for (size_t n = 0; n < topo->n_nodes; n++) {
		(void)close(topo->netns[n]);
		router_free(topo->routers[n]);
	}
	if (topo->wires_netns >= 0)
		(void)close(topo->wires_netns);
	free(topo->netns);
	free(topo->routers);
	free(topo->links);
	free(topo->wires);
	free(topo);
}

int topo_netns(const struct topo *topo, size_t node)
{
	return topo->netns[node];
}

int topo_counter(const struct topo *topo, size_t node, const char *name, uint64_t *ret_packets,
		 uint64_t *ret_bytes, struct error *err)
{
	return nft_counter(topo->netns[node], NAT_RULES_TABLE, name, ret_packets, ret_bytes, err);
}

static struct router *router_of(const struct topo *topo, size_t node, struct error *err)
{
	struct router *router = node < topo->n_nodes ? topo->routers[node] : NULL;

	if (!router)
		(void)error_set(err, EINVAL, "node %zu is no NAT", node);
	return router;
}

int topo_nat_change(struct topo *topo, size_t node, const struct topo_nat_change *change,
		    struct error *err)
{
	struct router *router = router_of(topo, node, err);

	return router ? router_change(router, topo->netns[node], change, NULL, err) : -EINVAL;
}

int topo_nats_change(struct topo *topo, const struct topo_nat_order *orders, size_t n,
		     struct error *err)
{
	cleanup_with(nft_late_close) struct nft_late late = {0};
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		size_t node = orders[i].node;
		struct router *router = router_of(topo, node, err);

		if (!router)
			return -EINVAL;
		r = router_change(router, topo->netns[node], &orders[i].change, &late, err);
		if (r < 0)
			(void)error_wrap(err, "%s", router_name(router));
	}
	return r;
}

int topo_nat_state(const struct topo *topo, size_t node, struct topo_nat_state *ret_state,
		   struct error *err)
{
	const struct router *router = router_of(topo, node, err);

	return router ? router_state(router, topo->netns[node], ret_state, err) : -EINVAL;
}

int topo_link_bytes(const struct topo *topo, size_t link, int end, uint64_t *ret_rx,
		    uint64_t *ret_tx, struct error *err)
{
	cleanup_with(nl_batch_free) struct nl_batch *batch = NULL;
	const struct place *place = &topo->links[link][end];
	int r = nl_batch_open(topo->netns[place->node], "link statistics", &batch, err);

	return r < 0 ? r : link_bytes(batch, place->ifindex, ret_rx, ret_tx, err);
}

int topo_wires_open(const struct topo *topo, struct wires **ret_wires, struct error *err)
{
	return wires_open(topo->wires_netns, topo->wires, topo->n_wires, topo->seed, ret_wires,
			  err);
}
