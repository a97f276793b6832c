/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for what a NAT has to remember of one transport protocol, beside the
 * kernel's own connection tracking: which sets its declaration needs, and what
 * their keys are. The shape of a key is part of a set's name, so that a change of
 * behaviour never finds entries of another shape.
 */
#ifndef TOPO_NAT_TABLES_H
#define TOPO_NAT_TABLES_H

#include "topo/nat.h"
#include "topo/rules.h"

/* There is no such set. */
#define NAT_NO_TABLE SIZE_MAX

/**
 * enum nat_clock - what is remembered is there twice, by the flow that taught it
 *
 * A mapping outlives its last packet as a flow would that is where that packet's is. Of
 * two flows through one mapping the one that is remembered for long must not be cut
 * short by the other, and an entry's time can be set but not compared; so each kind has
 * entries of its own, and a mapping is there while one of them is.
 */
enum nat_clock {
	NAT_BRIEF,   /* not answered yet, or a mapping that serves one flow alone */
	NAT_ASSURED, /* the connection tracker's IPS_ASSURED */
	NAT_CLOCKS,
};

/**
 * struct nat_tables - the sets of one protocol, as indices; NAT_NO_TABLE where none is needed
 * @proto: IPPROTO_TCP or IPPROTO_UDP
 * @name: "tcp" or "udp"
 * @behaviour: what is declared
 * @clocks: how many of the clocks are needed
 * @out: inside endpoint, and the remote address when the mapping depends on it ->
 *	external endpoint
 * @in: external endpoint -> inside endpoint
 * @used: external endpoints that have a mapping
 * @claimed: external endpoints that are about to be in use
 * @contacted: external endpoint and remote address that was written to through it
 * @reserved: external endpoints of static forwards
 * @block: inside address -> the number of its block of ports
 * @destinations: remote endpoints, with a count of flows
 */
struct nat_tables {
	uint8_t proto;
	const char *name;
	const struct nat_behaviour *behaviour;
	unsigned int clocks;
	size_t out[NAT_CLOCKS];
	size_t in[NAT_CLOCKS];
	size_t used[NAT_CLOCKS];
	size_t contacted[NAT_CLOCKS];
	size_t claimed;
	size_t reserved;
	size_t block;
	size_t destinations;
};

/** nat_tables_add() - add the sets of @proto to @rules, and say which they are. */
void nat_tables_add(struct rules *rules, const struct nat *nat, uint8_t proto,
		    struct nat_tables *ret_tables);

/** nat_tables_remember() - does it need any of @out, @in, @used and @contacted? */
bool nat_tables_remember(const struct nat_tables *tables);

/**
 * nat_tables_is_exclusive() - may an external port be only one inside endpoint's?
 *
 * It must where something inbound has to find the endpoint, and where one mapping
 * serves several destinations. A mapping for a single remote endpoint may share
 * its port.
 */
bool nat_tables_is_exclusive(const struct nat_tables *tables);

#endif
