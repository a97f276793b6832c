/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A NAT is changed behind a gate: a table of its own that drops every packet before
 * the connection tracker sees it. While it is shut, flows are forgotten and
 * sysctls written; then one transaction exchanges the rules, empties what sets are
 * to be emptied, and takes the gate away. When that is refused the old rules are in
 * force still; the sysctls are written back, and the gate is opened.
 */
#include "topo/router.h"

#include "base/cleanup.h"
#include "topo/nat_rules.h"
#include "topo/nft.h"

#include <string.h>

struct router {
	struct topo_node node;
	struct nat nat;
	struct addr external;
};

struct router *router_new(const struct topo_node *node)
{
	struct router *router = calloc(1, sizeof(*router));

	if (!router)
		return NULL;
	router->node = *node;
	router->nat = *node->nat;
	router->node.nat = NULL;
	router->external = node->external;
	return router;
}

void router_free(struct router *router)
{
	free(router);
}

static bool is_static(const struct nat *nat, const struct addr *addr)
{
	for (size_t i = 0; i < nat->n_statics; i++)
		if (addr_same_host(&nat->statics[i].external, addr))
			return true;
	return false;
}

/* The first address of the pool, then the node's others in their order. The address
 * that was first before comes last, where nothing else is left. */
static void make_site(const struct router *router, const struct nat *nat,
		      const struct addr *external, struct nat_site *ret_site)
{
	const struct topo_node *node = &router->node;
	size_t n = 0;

	*ret_site = (struct nat_site){.wan = node->wan};
	ret_site->pool[n++] = *external;
	for (size_t i = 0; i < node->n_others && n < nat->addresses; i++)
		if (!addr_same_host(&node->others[i], external) &&
		    !is_static(nat, &node->others[i]))
			ret_site->pool[n++] = node->others[i];
	if (n < nat->addresses)
		ret_site->pool[n] = node->external;
}

static void make_rules(const struct router *router, const struct nat *nat,
		       const struct addr *external, struct rules *ret_rules)
{
	struct nat_site site;

	make_site(router, nat, external, &site);
	nat_rules(nat, &site, ret_rules);
}

int router_apply(const struct router *router, int netns, struct error *err)
{
	cleanup_with(rules_done) struct rules rules;

	make_rules(router, &router->nat, &router->external, &rules);
	return nft_apply(netns, &rules, err);
}
