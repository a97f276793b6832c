/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * Mapping. Linux's source NAT with a fixed address is endpoint-independent and
 * keeps the port: it looks for a mapping that the same inside endpoint has
 * already, whatever the destination. With fully random ports it does not look,
 * so each connection gets a port of its own: address- and port-dependent.
 *
 * Filtering. What a mapping lets in is decided by connection tracking: only the
 * exact inverse of what went out is translated back (address- and
 * port-dependent). Everything else that is sent to the external address reaches
 * the router's own input, and must end there. Otherwise its own stack answers a
 * SYN with a reset, which kills a simultaneous open; and, worse, the packet
 * leaves a confirmed entry behind, which occupies the very tuple that the inside
 * host needs next, so that its port is not kept. "new" alone is not enough: a SYN on
 * a 4-tuple that was reset shortly before counts as invalid.
 *
 * Leaks. A packet that the tracker refuses is not translated either. Forwarding
 * it would show a private source address outside, so it is dropped. The same
 * goes for a host outside that routes straight to an inside address: nothing may
 * come in but by a mapping or a static forward.
 */
#include "topo/nat_rules.h"

#include "base/cleanup.h"
#include "topo/topo.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/ip_icmp.h>

#define CT_NEW	   NF_CT_STATE_BIT(IP_CT_NEW)
#define CT_INVALID NF_CT_STATE_INVALID_BIT

static const struct rule_chain prerouting = {
	"prerouting",
	"nat",
	NF_INET_PRE_ROUTING,
	NF_IP_PRI_NAT_DST,
};
static const struct rule_chain postrouting = {
	"postrouting",
	"nat",
	NF_INET_POST_ROUTING,
	NF_IP_PRI_NAT_SRC,
};
static const struct rule_chain input = {
	"input",
	"filter",
	NF_INET_LOCAL_IN,
	NF_IP_PRI_FILTER,
};
static const struct rule_chain forward = {
	"forward",
	"filter",
	NF_INET_FORWARD,
	NF_IP_PRI_FILTER,
};
/* The public side's. Before the routing decision: a packet that a black hole is
 * to take has a source too. */
static const struct rule_chain raw = {
	"prerouting",
	"filter",
	NF_INET_PRE_ROUTING,
	NF_IP_PRI_RAW,
};

static void add_forwards(struct rules *rules, const struct nat *nat, const struct addr *external,
			 const char *wan)
{
	size_t chain = rules_add_chain(rules, &prerouting);

	for (size_t i = 0; i < nat->n_forwards; i++) {
		const struct nat_forward *f = &nat->forwards[i];
		char to[ADDR_TEXT_MAX];

		rules_add(rules, chain, "forward %s %u to %s",
			  f->proto == IPPROTO_TCP ? "tcp" : "udp", f->port,
			  addr_format(&f->to, to));
		rules_if_in(rules, wan);
		rules_if_destination(rules, external);
		rules_if_proto(rules, f->proto);
		rules_if_destination_port(rules, f->port);
		rules_dnat(rules, &f->to);
	}
}

static void add_mapping(struct rules *rules, const struct nat *nat, const struct addr *external,
			const char *wan)
{
	size_t chain = rules_add_chain(rules, &postrouting);

	rules_add(rules, chain, "mapping: %s", nat_mapping_names[nat->tcp.mapping]);
	rules_if_out(rules, wan);
	rules_snat(rules, external,
		   nat->tcp.mapping == NAT_MAPPING_APDM ? NF_NAT_RANGE_PROTO_RANDOM_FULLY : 0);
}

/* What begins at the router itself, unasked for, ends here. An invalid packet is
 * dropped without a word under every policy: it belongs to something that was. */
static void add_unsolicited(struct rules *rules, const struct nat *nat, const char *wan)
{
	size_t chain = rules_add_chain(rules, &input);

	if (nat->unsolicited != NAT_UNSOLICITED_DROP) {
		if (nat->unsolicited == NAT_UNSOLICITED_RST) {
			rules_add(rules, chain, "unsolicited: reset");
			rules_if_in(rules, wan);
			rules_if_ct_state(rules, CT_NEW);
			rules_if_proto(rules, IPPROTO_TCP);
			rules_count(rules, TOPO_COUNTER_UNSOLICITED);
			rules_reject(rules, NFT_REJECT_TCP_RST, 0);
		}
		rules_add(rules, chain, "unsolicited: port unreachable");
		rules_if_in(rules, wan);
		rules_if_ct_state(rules, CT_NEW);
		rules_count(rules, TOPO_COUNTER_UNSOLICITED);
		rules_reject(rules, NFT_REJECT_ICMP_UNREACH, ICMP_PORT_UNREACH);
	}
	rules_add(rules, chain, "unsolicited: drop");
	rules_if_in(rules, wan);
	rules_if_ct_state(rules, CT_NEW | CT_INVALID);
	rules_count(rules, TOPO_COUNTER_UNSOLICITED);
	rules_drop(rules);
}

static void add_leak_guards(struct rules *rules, const char *wan)
{
	size_t chain = rules_add_chain(rules, &forward);

	rules_add(rules, chain, "untranslated: drop");
	rules_if_ct_state(rules, CT_INVALID);
	rules_count(rules, TOPO_COUNTER_INVALID);
	rules_drop(rules);

	rules_add(rules, chain, "routed straight to the inside: drop");
	rules_if_in(rules, wan);
	rules_if_ct_state(rules, CT_NEW);
	rules_unless_ct_status(rules, IPS_DST_NAT);
	rules_count(rules, TOPO_COUNTER_UNSOLICITED);
	rules_drop(rules);
}

void nat_rules(const struct nat *nat, const struct addr *external, const char *wan,
	       struct rules *ret_rules)
{
	rules_init(ret_rules, NAT_RULES_TABLE);
	rules_add_counter(ret_rules, TOPO_COUNTER_UNSOLICITED);
	rules_add_counter(ret_rules, TOPO_COUNTER_INVALID);
	add_forwards(ret_rules, nat, external, wan);
	add_mapping(ret_rules, nat, external, wan);
	add_unsolicited(ret_rules, nat, wan);
	add_leak_guards(ret_rules, wan);
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
