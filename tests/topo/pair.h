/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for two hosts that are joined by any number of links, with wires or
 * without, and the process that carries the wires:
 *
 *	a 10.0.i.1 --- link i --- 10.0.i.2 b
 *
 * What can't be had ends the test.
 */
#ifndef TESTS_TOPO_PAIR_H
#define TESTS_TOPO_PAIR_H

#include "topo/topo.h"
#include "topo/wire.h"

#include <sys/types.h>

/**
 * struct pair - see above
 * @control: for wires_set() and wires_stats(); -1 without wires
 * @pid: of the process that carries the wires; 0: there is none
 */
struct pair {
	struct topo_node nodes[2];
	struct topo_spec spec;
	struct topo *topo;
	int control;
	pid_t pid;
};

/** pair_addr() - of end @end (0: a's) of link @link, as a host-order number. */
uint32_t pair_addr(size_t link, int end);
/** pair_netns() - the namespace of a (@end 0) or b. */
int pair_netns(const struct pair *pair, int end);
/**
 * pair_make() - make @links links, and run the wires
 * @wire: of each of them; NULL for plain links
 */
void pair_make(struct pair *pair, size_t links, const struct topo_wire *wire, uint64_t seed);
/** pair_run_wires() - the part of pair_make() that runs the wires, of any @pair->topo. */
void pair_run_wires(struct pair *pair);
/** pair_stop_wires() - its process must end by itself when told to, and well. */
void pair_stop_wires(struct pair *pair);
/** pair_done() - end the process and undo the topology. */
void pair_done(struct pair *pair);

/** pair_socket() - a UDP socket of a (@end 0) or b, with an address of link @link's, at PAIR_PORT. */
#define PAIR_PORT 9000
int pair_socket(const struct pair *pair, size_t link, int end);
/** pair_stats() - of what @end sends over @link. */
struct wire_stats pair_stats(const struct pair *pair, size_t link, int end);
/** pair_set() - wires_set(), which must succeed. */
void pair_set(const struct pair *pair, size_t link, int end, const struct fate_spec *spec);
/** pair_wait_taken() - wait until @n packets of @end's have been given a number. */
void pair_wait_taken(const struct pair *pair, size_t link, int end, uint64_t n);

#endif
