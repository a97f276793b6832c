/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/topo/world.h"

#include "base/clock.h"
#include "tests/support/userns.h"
#include "tests/topo/capture.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORLD_PATIENCE_S 10
/* 169.254.1.1, the gateway that every unnumbered end of the public side plays */
#define GATEWAY 0xa9fe0101U

static void *grow(void *array, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return array;
	*room = *room ? *room * 2 : 64;
	array = reallocarray(array, *room, size);
	USERNS_CHECK(array, "no memory");
	return array;
}

static size_t add_node(struct world *world, const struct topo_node *node)
{
	struct topo_spec *spec = &world->spec;

	spec->nodes = grow(spec->nodes, spec->n_nodes, &world->nodes_room, sizeof(*spec->nodes));
	spec->nodes[spec->n_nodes] = *node;
	return spec->n_nodes++;
}

static void add_link(struct world *world, const struct topo_link *link)
{
	struct topo_spec *spec = &world->spec;

	spec->links = grow(spec->links, spec->n_links, &world->links_room, sizeof(*spec->links));
	spec->links[spec->n_links++] = *link;
}

void world_add_route(struct world *world, const struct topo_route *route)
{
	struct topo_spec *spec = &world->spec;

	spec->routes =
		grow(spec->routes, spec->n_routes, &world->routes_room, sizeof(*spec->routes));
	spec->routes[spec->n_routes++] = *route;
}

static void add_default_route(struct world *world, size_t node, const char *ifname, uint32_t via)
{
	struct topo_route route = {
		.node = node, .dst = addr_v4(0, 0), .prefix_len = 0, .via = addr_v4(via, 0)};

	(void)snprintf(route.ifname, sizeof(route.ifname), "%s", ifname);
	world_add_route(world, &route);
}

static void add_host_route(struct world *world, size_t node, const char *ifname, uint32_t dst)
{
	struct topo_route route = {.node = node, .dst = addr_v4(dst, 0), .prefix_len = 32};

	(void)snprintf(route.ifname, sizeof(route.ifname), "%s", ifname);
	world_add_route(world, &route);
}

/* @node's interface @ifname, at @addr, joins the public side. */
static void join_internet(struct world *world, size_t node, const char *ifname, uint32_t addr)
{
	struct topo_link link = {
		.ends = {{.node = node, .addr = addr_v4(addr, 0)}, {.node = 0}},
	};

	(void)snprintf(link.ends[0].ifname, sizeof(link.ends[0].ifname), "%s", ifname);
	(void)snprintf(link.ends[1].ifname, sizeof(link.ends[1].ifname), "eth%zu",
		       world->n_internet_ends++);
	add_link(world, &link);
	add_default_route(world, node, ifname, GATEWAY);
	add_host_route(world, 0, link.ends[1].ifname, addr);
}

void world_init(struct world *world)
{
	(void)memset(world, 0, sizeof(*world));
	world->capture = -1;
	(void)add_node(world, &(struct topo_node){.name = "internet", .kind = TOPO_INTERNET});
}

static void check_capture(struct world *world)
{
	uint64_t captured = capture_count(world->capture);
	uint64_t counted = world_packets(world, 0, TOPO_COUNTER_LEAK);

	USERNS_CHECK(captured == counted,
		     "%lu packets with a private source were captured, %lu counted",
		     (unsigned long)captured, (unsigned long)counted);
	(void)close(world->capture);
}

void world_done(struct world *world)
{
	if (world->capture >= 0)
		check_capture(world);
	topo_free(world->topo);
	free(world->spec.nodes);
	free(world->spec.links);
	free(world->spec.routes);
}

/* @addr is x.y.z.2, its gateway x.y.z.1 on the NAT's @lan. */
static size_t add_inside(struct world *world, const char *name, size_t nat_node, const char *lan,
			 uint32_t addr)
{
	struct topo_node node = {.kind = TOPO_HOST};
	struct topo_link link = {
		.ends = {{.addr = addr_v4(addr, 0)},
			 {.node = nat_node, .addr = addr_v4(addr - 1, 0)}},
	};
	size_t host;

	(void)snprintf(node.name, sizeof(node.name), "%s", name);
	host = add_node(world, &node);
	link.ends[0].node = host;
	(void)snprintf(link.ends[0].ifname, sizeof(link.ends[0].ifname), "eth0");
	(void)snprintf(link.ends[1].ifname, sizeof(link.ends[1].ifname), "%s", lan);
	add_link(world, &link);
	add_default_route(world, host, "eth0", addr - 1);
	add_host_route(world, nat_node, lan, addr);
	return host;
}

size_t world_add_function(struct world *world, const struct nat *nat)
{
	size_t i = world->n_functions++;
	struct topo_node node = {
		.kind = TOPO_NAT,
		.nat = nat,
		.external = addr_v4(WORLD_NAT_ADDR(i), 0),
		.wan = "wan",
	};
	char name[TOPO_NAME_MAX];
	size_t nat_node;

	(void)snprintf(node.name, sizeof(node.name), "nat%zu", i);
	(void)snprintf(name, sizeof(name), "fn%zu", i);
	nat_node = add_node(world, &node);
	join_internet(world, nat_node, "wan", WORLD_NAT_ADDR(i));
	return add_inside(world, name, nat_node, "lan0", WORLD_FUNCTION_ADDR(i));
}

size_t world_add_neighbour(struct world *world, size_t nat_node)
{
	size_t i = world->n_neighbours++;
	char name[TOPO_NAME_MAX], lan[TOPO_IFNAME_MAX];

	(void)snprintf(name, sizeof(name), "neighbour%zu", i);
	(void)snprintf(lan, sizeof(lan), "lan%u", (unsigned)i % 1000 + 1);
	return add_inside(world, name, nat_node, lan, WORLD_NEIGHBOUR_ADDR(i));
}

void world_add_external(struct world *world, size_t nat_node, uint32_t addr)
{
	struct topo_node *node = &world->spec.nodes[nat_node];

	node->others[node->n_others++] = addr_v4(addr, 0);
	for (size_t i = 0; i < world->spec.n_links; i++) {
		const struct topo_link *link = &world->spec.links[i];

		if (link->ends[0].node == nat_node && link->ends[1].node == 0)
			add_host_route(world, 0, link->ends[1].ifname, addr);
	}
}

size_t world_add_host(struct world *world, const char *name, uint32_t addr)
{
	struct topo_node node = {.kind = TOPO_HOST};
	size_t host;

	(void)snprintf(node.name, sizeof(node.name), "%s", name);
	host = add_node(world, &node);
	join_internet(world, host, "eth0", addr);
	return host;
}

void world_add_host_addr(struct world *world, size_t host, uint32_t addr)
{
	struct topo_link link = {
		.ends = {{.node = host, .addr = addr_v4(addr, 0)}, {.node = 0}},
	};

	/* What comes in by a link of its own leaves by the first one. */
	(void)snprintf(link.ends[0].ifname, sizeof(link.ends[0].ifname), "more%zu",
		       world->n_internet_ends);
	(void)snprintf(link.ends[1].ifname, sizeof(link.ends[1].ifname), "eth%zu",
		       world->n_internet_ends++);
	add_link(world, &link);
	add_host_route(world, 0, link.ends[1].ifname, addr);
}

void world_apply(struct world *world)
{
	struct error err = {0};
	int r = topo_apply(&world->spec, &world->topo, &err);

	if (r == -EOPNOTSUPP || r == -EPROTONOSUPPORT || r == -EAFNOSUPPORT)
		userns_skip("%s", err.text);
	USERNS_CHECK(r == 0, "%s", err.text);
	world->capture = capture_open(topo_netns(world->topo, 0));
}

const struct nat *world_preset(const char *name)
{
	const struct nat_preset *preset = nat_preset_find(name);

	USERNS_CHECK(preset, "%s", name);
	return &preset->nat;
}

int world_netns(const struct world *world, size_t node)
{
	return topo_netns(world->topo, node);
}

uint64_t world_packets(const struct world *world, size_t node, const char *counter)
{
	struct error err = {0};
	uint64_t packets = 0, bytes = 0;

	USERNS_CHECK(topo_counter(world->topo, node, counter, &packets, &bytes, &err) == 0, "%s",
		     err.text);
	return packets;
}

void world_expect_packets(const struct world *world, size_t node, const char *counter, uint64_t n)
{
	uint64_t deadline = clock_now() + WORLD_PATIENCE_S * NS_PER_S;
	uint64_t packets;

	/* On a busy machine packets are delivered by a kernel thread, a little later. */
	do
		packets = world_packets(world, node, counter);
	while (packets < n && clock_now() < deadline && sched_yield() == 0);
	USERNS_CHECK(packets == n, "%s: %s is %lu, not %lu", world->spec.nodes[node].name, counter,
		     (unsigned long)packets, (unsigned long)n);
}
