/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a NAT that is applied: what it was declared to be, kept so that it
 * may be changed and its tables read. It owns its copy of the declaration; the
 * namespace is topo's.
 */
#ifndef TOPO_ROUTER_H
#define TOPO_ROUTER_H

#include "base/error.h"
#include "topo/topo.h"

struct nft_late;
struct router;

/** router_new() - what @node, a TOPO_NAT, says; nothing is applied. NULL for want of memory. */
struct router *router_new(const struct topo_node *node);
/** router_name() - its node's. */
const char *router_name(const struct router *router);
/** router_free() - NULL is legal. */
void router_free(struct router *router);

/** router_apply() - load its rules into @netns. Return: 0, or -errno. */
int router_apply(const struct router *router, int netns, struct error *err);
/** router_change() - see topo_nat_change(); @late as in struct nft_change. */
int router_change(struct router *router, int netns, const struct topo_nat_change *change,
		  struct nft_late *late, struct error *err);
/** router_state() - see topo_nat_state(). */
int router_state(const struct router *router, int netns, struct topo_nat_state *ret_state,
		 struct error *err);

#endif
