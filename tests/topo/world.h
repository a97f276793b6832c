/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the topology of the tests: a public side, functions behind NATs
 * of their own, and hosts that stand on the public side, addressed as the lab
 * addresses them. A world is declared piece by piece, then applied.
 */
#ifndef TESTS_TOPO_WORLD_H
#define TESTS_TOPO_WORLD_H

#include "topo/topo.h"

/* Function i has 10.(i / 250).(i % 250).2, and its NAT 198.51.100.0 + 1 + i. */
#define WORLD_FUNCTION_ADDR(i) \
	(0x0a000002U + ((uint32_t)(i) / 250 << 16) + ((uint32_t)(i) % 250 << 8))
#define WORLD_NAT_ADDR(i) (0xc6336401U + (uint32_t)(i))
/* Neighbour i of all has 10.255.i.2. */
#define WORLD_NEIGHBOUR_ADDR(i) (0x0aff0002U + ((uint32_t)(i) << 8))
/* 203.0.113.80, the one public host of most tests */
#define WORLD_SEED_ADDR 0xcb007150U

struct world {
	struct topo_spec spec;
	struct topo *topo;
	size_t nodes_room, links_room, routes_room;
	size_t n_functions;
	size_t n_neighbours;
	size_t n_internet_ends;
	int capture;
};

/** world_init() - the public side alone, which is node 0. */
void world_init(struct world *world);
/**
 * world_done() - undo and free
 *
 * The end of every test: a capture of the public side must have seen as many packets
 * with a private source as were counted there, which is none but where a test made them.
 */
void world_done(struct world *world);

/** world_add_function() - a function behind a NAT of its own. Return: its node; the NAT's is one less. */
size_t world_add_function(struct world *world, const struct nat *nat);
/** world_add_neighbour() - one more function behind the NAT @nat_node. Return: its node. */
size_t world_add_neighbour(struct world *world, size_t nat_node);
/** world_add_external() - one more external address of the NAT @nat_node, routed to it. */
void world_add_external(struct world *world, size_t nat_node, uint32_t addr);
/** world_add_host() - a host on the public side, at @addr whatever it is. Return: its node. */
size_t world_add_host(struct world *world, const char *name, uint32_t addr);
/** world_add_host_addr() - one more address of a host on the public side. */
void world_add_host_addr(struct world *world, size_t host, uint32_t addr);
/** world_add_route() - one more route. */
void world_add_route(struct world *world, const struct topo_route *route);

/** world_apply() - make it so; ends the test when that fails. */
void world_apply(struct world *world);

/** world_preset() - a preset's declaration. */
const struct nat *world_preset(const char *name);
/** world_netns() - a node's namespace. */
int world_netns(const struct world *world, size_t node);
/** world_packets() - packets that a node's counter has seen. */
uint64_t world_packets(const struct world *world, size_t node, const char *counter);
/** world_expect_packets() - wait until there are @n, and see that there are no more. */
void world_expect_packets(const struct world *world, size_t node, const char *counter, uint64_t n);

#endif
