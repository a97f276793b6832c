/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for tests of one NAT: two machines behind it, three outside, and what
 * a machine outside sees of those inside.
 *
 *   fn --------+       +-- seed
 *              +- nat -+-- second
 *   neighbour -+       +-- stranger
 */
#ifndef TESTS_TOPO_NATLAB_H
#define TESTS_TOPO_NATLAB_H

#include "tests/topo/world.h"

#define NATLAB_NAT	WORLD_NAT_ADDR(0)
#define NATLAB_OTHER(i) (0xc63364c8U + (uint32_t)(i)) /* further external addresses */
#define NATLAB_FN	WORLD_FUNCTION_ADDR(0)
#define NATLAB_SEED	WORLD_SEED_ADDR
#define NATLAB_SECOND	(WORLD_SEED_ADDR + 1)
#define NATLAB_STRANGER (WORLD_SEED_ADDR + 2)

/**
 * struct natlab - the picture above, as nodes
 * @others: further addresses of the NAT; the last one is spare
 * @unsolicited: what the NAT's counter is known to be
 */
struct natlab {
	struct world world;
	size_t nat, fn, neighbour, seed, second, stranger;
	size_t others;
	uint64_t unsolicited;
};

/** natlab_make() - with as many further addresses as @nat needs, and one more. */
void natlab_make(struct natlab *lab, const struct nat *nat);
/** natlab_done() - nothing has leaked; undo. */
void natlab_done(struct natlab *lab);

/** natlab_nat() - lambda's declaration with both protocols behaving so. */
struct nat natlab_nat(struct nat_behaviour behaviour);

/** natlab_socket() - see net_socket(). */
int natlab_socket(const struct natlab *lab, size_t node, int type, uint16_t port);
/** natlab_udp() - a datagram through @fd to @node, which is at @host:@port. Return: its source there. */
struct addr natlab_udp(const struct natlab *lab, int fd, size_t node, uint32_t host, uint16_t port);
/** natlab_tcp() - connect from @from:@from_port. Return: what the listener at @node saw. */
struct addr natlab_tcp(const struct natlab *lab, size_t from, uint16_t from_port, size_t node,
		       uint32_t host, uint16_t port);
/** natlab_try_udp() - a datagram from @node:@from to @to: does it reach @inside? */
bool natlab_try_udp(struct natlab *lab, size_t node, uint16_t from, const struct addr *to,
		    int inside);
/** natlab_try_tcp() - a connection from @node to @to: does it reach @listener? */
bool natlab_try_tcp(struct natlab *lab, size_t node, const struct addr *to, int listener);
/** natlab_change() - see topo_nat_change(); it succeeds. */
void natlab_change(struct natlab *lab, const struct nat *nat, const struct addr *external,
		   bool forget);
/** natlab_check() - it is @host:@port. */
void natlab_check(const struct addr *addr, uint32_t host, uint16_t port);

#endif
