/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for measuring NATs: natprobe is run behind each of them, and in the hosts
 * that reflect, several at a time; what it says is held against the declaration.
 * Everything happens in an event loop of the caller's.
 */
#ifndef LAB_RUN_NATCHECK_H
#define LAB_RUN_NATCHECK_H

#include "lab/nat_compare.h"

#include <ev.h>
#include <stdint.h>

/** struct natcheck_reflector - a host with two addresses; @netns stays the caller's */
struct natcheck_reflector {
	int netns;
	struct addr addrs[2];
};

/**
 * struct natcheck_target - a NAT, and what comes of measuring it
 * @netns: of a host behind it; stays the caller's
 * @local: its address
 * @second: another address of that host; AF_UNSPEC: it has none
 * @reflector: index of the one on the NAT's public side
 * @done: the rest is known
 * @tries: how often it was measured; the last one counts
 * @failure: .code is 0, or it could not be measured
 */
struct natcheck_target {
	const char *name;
	const struct nat *declared;
	int netns;
	struct addr local, second;
	size_t reflector;
	bool done;
	unsigned tries;
	struct error failure;
	struct nat_part measured;
	struct nat_differences differences;
	uint64_t took_ns;
};

/**
 * struct natcheck_options - how to measure
 * @quick: only what takes no time
 * @lifetime_s: how long mappings live, as far as this; 0: not at all
 * @at_a_time: so many NATs
 */
struct natcheck_options {
	bool quick;
	unsigned lifetime_s;
	unsigned at_a_time;
};

struct natcheck;

/**
 * natcheck_start() - begin
 * @reflectors, @targets: the caller's, and there until natcheck_free()
 *
 * Return: 0, or -errno.
 */
int natcheck_start(struct ev_loop *loop, const struct natcheck_options *options,
		   const struct natcheck_reflector *reflectors, size_t n_reflectors,
		   struct natcheck_target *targets, size_t n_targets, struct natcheck **ret_check,
		   struct error *err);
/** natcheck_left() - how many targets are not done. */
size_t natcheck_left(const struct natcheck *check);
/** natcheck_free() - end what still runs; NULL is legal. */
void natcheck_free(struct natcheck *check);

#endif
