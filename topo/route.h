/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for addresses and routes of a namespace. All functions queue
 * requests in a batch of the namespace they are about.
 */
#ifndef TOPO_ROUTE_H
#define TOPO_ROUTE_H

#include "base/addr.h"
#include "base/error.h"

struct nl_batch;

/** route_add_addr() - give an interface @addr, with a full-length prefix. */
int route_add_addr(struct nl_batch *batch, int ifindex, const char *ifname, const struct addr *addr,
		   struct error *err);
/**
 * route_add() - a route through an interface
 * @via: the gateway, taken to be on the link whatever its address; AF_UNSPEC
 *	 when @dst itself is there
 */
int route_add(struct nl_batch *batch, const struct addr *dst, unsigned int prefix_len, int ifindex,
	      const struct addr *via, struct error *err);
/** route_add_blackhole() - packets to @dst vanish without an answer. */
int route_add_blackhole(struct nl_batch *batch, const struct addr *dst, unsigned int prefix_len,
			struct error *err);

#endif
