/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for reading what a NAT's sets hold, as a table for people.
 */
#ifndef TOPO_ROUTER_STATE_H
#define TOPO_ROUTER_STATE_H

#include "base/error.h"
#include "topo/topo.h"

/** router_state_read() - the tables of the NAT that @netns has now. Return: 0, or -errno. */
int router_state_read(const struct nat *nat, int netns, struct topo_nat_state *ret_state,
		      struct error *err);

#endif
