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
#include "topo/conntrack.h"
#include "topo/nat_rules.h"
#include "topo/nft.h"
#include "topo/router_state.h"
#include "topo/sysctl.h"
#include "topo/topo_check.h"

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

const char *router_name(const struct router *router)
{
	return router->node.name;
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

static int write_sysctls(const struct nat *nat, int netns, struct error *err)
{
	cleanup_close int proc = sysctl_open_proc(err);

	return proc < 0 ? proc : sysctl_apply(netns, proc, TOPO_NAT, nat, err);
}

static int forget_flows(int netns, struct error *err)
{
	struct conntrack *watch;
	int r = conntrack_open(netns, &watch, err);

	if (r < 0)
		return r;
	r = conntrack_flush(watch, err);
	conntrack_close(watch);
	return r;
}

static int shut_gate(int netns, struct error *err)
{
	cleanup_with(rules_done) struct rules rules;

	nat_gate_rules(&rules);
	return nft_apply(netns, &rules, err);
}

static int exchange_rules(const struct router *router, int netns, const struct nat *nat,
			  const struct addr *external, bool forget, struct nft_late *late,
			  struct error *err)
{
	cleanup_with(rules_done) struct rules from, to;
	struct nft_change change = {
		.from = &from, .to = &to, .forget = forget, .gate = NAT_GATE_TABLE, .late = late};

	make_rules(router, &router->nat, &router->external, &from);
	make_rules(router, nat, external, &to);
	return nft_change(netns, &change, err);
}

static bool is_own(const struct router *router, const struct addr *addr)
{
	for (size_t i = 0; i < router->node.n_others; i++)
		if (addr_same_host(&router->node.others[i], addr))
			return true;
	return addr_same_host(&router->node.external, addr);
}

static int check_change(const struct router *router, const struct nat *nat,
			const struct addr *external, struct error *err)
{
	char text[ADDR_TEXT_MAX];
	int r = nat_check(nat, err);

	if (!r)
		r = topo_check_addresses(&router->node, nat, err);
	if (!r && !is_own(router, external))
		r = error_set(err, EINVAL, "%s is no address of this NAT",
			      addr_format_host(external, text));
	if (!r && is_static(nat, external))
		r = error_set(err, EINVAL, "%s is one machine's alone",
			      addr_format_host(external, text));
	return r;
}

int router_change(struct router *router, int netns, const struct topo_nat_change *change,
		  struct nft_late *late, struct error *err)
{
	struct addr external = change->external ? *change->external : router->external;
	struct nat nat = *change->nat;
	int r = check_change(router, &nat, &external, err);

	if (!r)
		r = shut_gate(netns, err);
	if (r < 0)
		return r;
	r = write_sysctls(&nat, netns, err);
	if (r == 0 && change->forget)
		r = forget_flows(netns, err);
	if (!r)
		r = exchange_rules(router, netns, &nat, &external, change->forget, late, err);
	if (r < 0) {
		/* What was stays in force; the error that is told is the first one. */
		(void)write_sysctls(&router->nat, netns, NULL);
		(void)nft_remove(netns, NAT_GATE_TABLE, NULL);
		return r;
	}
	router->nat = nat;
	router->external = external;
	return 0;
}

int router_state(const struct router *router, int netns, struct topo_nat_state *ret_state,
		 struct error *err)
{
	return router_state_read(&router->nat, netns, ret_state, err);
}
