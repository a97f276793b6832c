/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * It is the kernel's own NAT that translates; the rules only tell it to what, and
 * remember (nat_tables.h) what it does not remember by itself.
 *
 * Mapping. A map from inside to external endpoints is asked first, for the inside
 * endpoint alone, or together with the remote address. What it lacks gets an
 * address of the pool and a port, by the rules of nat_ports.c. Two mappings are
 * Linux's own: with a fixed address it looks for a mapping that the same inside
 * endpoint has already and keeps the port; with fully random ports it does not
 * look, so each connection gets a port of its own.
 *
 * Filtering. By itself the tracker translates back only the exact inverse of what
 * went out: address- and port-dependent. For a mapping to let in more, a packet
 * that belongs to no flow is led to the inside endpoint by a map from external ones;
 * by address only if that remote address was written to before.
 *
 * Everything else that is sent to an external address reaches the router's own
 * input, and must end there. Otherwise its own stack answers a SYN with a reset,
 * which kills a simultaneous open; and, worse, the packet leaves a confirmed entry
 * behind, which occupies the very tuple that the inside host needs next, so that
 * its port is not kept. "new" alone is not enough: a SYN on a 4-tuple that was reset
 * shortly before counts as invalid.
 *
 * Leaks. A packet that the tracker refuses is not translated either. Forwarding
 * it would show a private source address outside, so it is dropped. The same
 * goes for a host outside that routes straight to an inside address: nothing may
 * come in but by a mapping, a static forward or a one-to-one translation.
 */
#include "topo/nat_rules.h"

#include "base/cleanup.h"
#include "topo/nat_parts.h"
#include "topo/topo.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

/* Before the routing decision: a packet that a black hole is to take has a source
 * too. And before the tracker. */
static const struct rule_chain raw = {
	"prerouting",
	"filter",
	NF_INET_PRE_ROUTING,
	NF_IP_PRI_RAW,
};

void nat_rules(const struct nat *nat, const struct nat_site *site, struct rules *ret_rules)
{
	struct nat_build build = {.rules = ret_rules, .nat = nat, .site = site};

	rules_init(ret_rules, NAT_RULES_TABLE);
	rules_add_counter(ret_rules, TOPO_COUNTER_UNSOLICITED);
	rules_add_counter(ret_rules, TOPO_COUNTER_INVALID);
	rules_add_counter(ret_rules, TOPO_COUNTER_LIMITED);
	if (nat_translates(nat)) {
		nat_tables_add(ret_rules, nat, IPPROTO_TCP, &build.protos[0]);
		nat_tables_add(ret_rules, nat, IPPROTO_UDP, &build.protos[1]);
		nat_inbound_add(&build);
		nat_outbound_add(&build);
		nat_learn_add(&build);
	}
	nat_guards_add(&build);
}

void nat_gate_rules(struct rules *ret_rules)
{
	rules_init(ret_rules, NAT_GATE_TABLE);
	rules_add(ret_rules, rules_add_chain(ret_rules, &raw), "the NAT is being changed");
	rules_drop(ret_rules);
}

#define V4(a, b, c, d)                                     \
	{                                                  \
		.family = AF_INET, .bytes = { a, b, c, d } \
	}

static const struct nat_prefix private_prefixes[] = {
	{V4(10, 0, 0, 0), 8},	  /* RFC 1918 */
	{V4(172, 16, 0, 0), 12},  /* RFC 1918 */
	{V4(192, 168, 0, 0), 16}, /* RFC 1918 */
	{V4(100, 64, 0, 0), 10},  /* RFC 6598, between a carrier's NAT and its customers */
	{V4(198, 18, 0, 0), 15},  /* RFC 2544; Boxer's overlay */
};

const struct nat_prefix *nat_private_prefixes(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(private_prefixes);
	return private_prefixes;
}

void nat_internet_rules(struct rules *ret_rules)
{
	size_t chain;

	rules_init(ret_rules, NAT_RULES_TABLE);
	rules_add_counter(ret_rules, TOPO_COUNTER_LEAK);
	chain = rules_add_chain(ret_rules, &raw);
	for (size_t i = 0; i < ARRAY_SIZE(private_prefixes); i++) {
		const struct nat_prefix *prefix = &private_prefixes[i];
		char text[ADDR_TEXT_MAX];

		rules_add(ret_rules, chain, "leak: source in %s/%u",
			  addr_format(&prefix->net, text), prefix->len);
		rules_if_source(ret_rules, &prefix->net, prefix->len);
		rules_count(ret_rules, TOPO_COUNTER_LEAK);
		rules_drop(ret_rules);
	}
}
