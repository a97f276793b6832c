/* SPDX-License-Identifier: MIT */
/*
 * Interface for a simulated network in which two machines of boxer/punch meet:
 * two hosts, each behind a NAT, with TCP as far as hole punching needs it and
 * time that costs nothing. A run is a pure function of its world.
 */
#ifndef TESTS_BOXER_PUNCH_SIM_H
#define TESTS_BOXER_PUNCH_SIM_H

#include "boxer/punch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_PUNCH_NS (10 * 1000000000ULL) /* one attempt, as in boxer/peer.h */
#define SIM_PAUSE_NS (500 * 1000000ULL)
#define SIM_NEVER    UINT64_MAX

/* How the other host is addressed. */
enum { SIM_EXTERNAL, SIM_INSIDE, SIM_PATHS };

/**
 * enum sim_nat - how a NAT treats what nobody asked for
 * @SIM_NAT_NONE: there is no NAT; the host is public
 * @SIM_NAT_SILENT: drops it
 * @SIM_NAT_RST: answers a SYN with a reset, and a reset that goes through it
 *	ends the entry, as Linux' conntrack does
 *
 * Filtering is address- and port-dependent, ports are kept.
 */
enum sim_nat { SIM_NAT_NONE, SIM_NAT_SILENT, SIM_NAT_RST };

/**
 * struct sim_world - what is the case
 * @delay, @jitter: one way, ns; jitter is added, up to that much
 * @loss: percent of all packets
 * @nat: of the two hosts; host 0 controls
 * @start: when each host begins, ns
 * @neighbours: both are behind one NAT, which hairpins: there are two ways, by
 *	the external and by the inside address
 * @attempts: how often a host begins (again) at most
 * @seed: of everything that is left to chance
 */
struct sim_world {
	uint64_t delay, jitter;
	unsigned loss;
	enum sim_nat nat[2];
	uint64_t start[2];
	bool neighbours;
	unsigned attempts;
	uint64_t seed;
};

/**
 * struct sim_end - what has become of one host when nothing moves any more
 * @linked: it holds a connection that it believes to be the link
 * @path: SIM_EXTERNAL or SIM_INSIDE
 * @mine, @theirs: the initial sequence numbers, which name the connection
 * @at: when its last attempt ended, ns
 * @reason: why that failed
 * @sockets: how many it holds
 */
struct sim_end {
	bool linked;
	size_t path;
	uint32_t mine, theirs;
	uint64_t at;
	enum reason reason;
	size_t sockets;
};

/** sim_run() - until nothing moves any more. */
void sim_run(const struct sim_world *world, struct sim_end ret_ends[static 2]);

#endif
