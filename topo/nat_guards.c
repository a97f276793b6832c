/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nat_parts.h"

#include "base/cleanup.h"
#include "topo/topo.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>

#define CT_NEW	   NF_CT_STATE_BIT(IP_CT_NEW)
#define CT_INVALID NF_CT_STATE_INVALID_BIT

#define KEY 0

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

/* What begins at the router itself, unasked for, ends here. An invalid packet is
 * dropped without a word under every policy: it belongs to something that was. */
static void add_unsolicited(const struct nat_build *build, size_t chain)
{
	enum nat_unsolicited policy = build->nat->unsolicited;
	const char *wan = build->site->wan;
	struct rules *rules = build->rules;

	if (policy == NAT_UNSOLICITED_RST) {
		rules_add(rules, chain, "unsolicited: reset");
		rules_if_in(rules, wan);
		rules_if_ct_state(rules, CT_NEW);
		rules_if_proto(rules, IPPROTO_TCP);
		rules_count(rules, TOPO_COUNTER_UNSOLICITED);
		rules_reject(rules, NFT_REJECT_TCP_RST, 0);
	}
	if (policy != NAT_UNSOLICITED_DROP) {
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

/* From inside to an external endpoint that leads nowhere: the router offers nothing of
 * its own, and its stack must not answer in the place of what was meant. */
static void add_unanswered(const struct nat_build *build, size_t chain)
{
	for (size_t i = 0; i < NAT_PROTOS; i++) {
		rules_add(build->rules, chain, "%s from inside to the router: drop",
			  build->protos[i].name);
		rules_if_proto(build->rules, build->protos[i].proto);
		rules_if_ct_state(build->rules, CT_NEW | CT_INVALID);
		rules_count(build->rules, TOPO_COUNTER_UNSOLICITED);
		rules_drop(build->rules);
	}
}

/* A packet that the tracker refuses is not translated; forwarded, it would show an inside
 * address outside. */
static void add_untranslated(const struct nat_build *build, size_t chain)
{
	struct rules *rules = build->rules;

	if (build->nat->expired == NAT_EXPIRED_RST) {
		rules_add(rules, chain, "expired: reset");
		rules_unless_in(rules, build->site->wan);
		rules_if_ct_state(rules, CT_INVALID);
		rules_if_proto(rules, IPPROTO_TCP);
		rules_count(rules, TOPO_COUNTER_INVALID);
		rules_reject(rules, NFT_REJECT_TCP_RST, 0);
	}
	rules_add(rules, chain, "untranslated: drop");
	rules_if_ct_state(rules, CT_INVALID);
	rules_count(rules, TOPO_COUNTER_INVALID);
	rules_drop(rules);
}

static void add_straight(const struct nat_build *build, size_t chain)
{
	struct rules *rules = build->rules;

	rules_add(rules, chain, "routed straight to the inside: drop");
	rules_if_in(rules, build->site->wan);
	rules_if_ct_state(rules, CT_NEW);
	rules_unless_ct_status(rules, IPS_DST_NAT);
	rules_count(rules, TOPO_COUNTER_UNSOLICITED);
	rules_drop(rules);
}

static void add_no_simultaneous_open(const struct nat_build *build, size_t chain)
{
	struct rules *rules = build->rules;

	rules_add(rules, chain, "a SYN where a SYN went out: drop");
	rules_if_in(rules, build->site->wan);
	rules_if_proto(rules, IPPROTO_TCP);
	rules_if_ct_direction(rules, IP_CT_DIR_REPLY);
	rules_if_tcp_flags(rules, TH_SYN | TH_ACK, TH_SYN);
	rules_count(rules, TOPO_COUNTER_UNSOLICITED);
	rules_drop(rules);
}

/* A flow is new until it is answered, but only its first packet has not been let through
 * yet; the others must not be refused because somebody else's was. */
static void limit(const struct nat_build *build, size_t chain, const char *what)
{
	rules_add(build->rules, chain, "limit: %s", what);
	rules_unless_in(build->rules, build->site->wan);
	rules_unless_ct_status(build->rules, IPS_CONFIRMED);
}

static void beyond(struct rules *rules)
{
	rules_count(rules, TOPO_COUNTER_LIMITED);
	rules_drop(rules);
}

static void add_destination_limit(const struct nat_build *build, const struct nat_tables *t,
				  size_t chain)
{
	limit(build, chain, "flows to one remote endpoint");
	rules_if_proto(build->rules, t->proto);
	rules_load_destination(build->rules, KEY);
	rules_load_destination_port(build->rules, KEY + 1);
	rules_if_crowded(build->rules, t->destinations, KEY,
			 build->nat->limits.flows_per_destination);
	beyond(build->rules);
}

/* The rate comes first: what it refuses is not counted among the flows. */
static void add_limits(const struct nat_build *build, size_t chain)
{
	const struct nat_limits *limits = &build->nat->limits;
	struct rules *rules = build->rules;

	if (limits->new_flows_per_second) {
		limit(build, chain, "new flows in a second");
		rules_if_faster(rules, limits->new_flows_per_second);
		beyond(rules);
	}
	if (limits->flows_per_host) {
		struct rule_set hosts = {"hosts", .key = {RULE_FIELD_ADDR}, .transient = true};
		size_t set = rules_add_set(rules, &hosts);

		limit(build, chain, "flows of one inside address");
		rules_load_source(rules, KEY);
		rules_if_crowded(rules, set, KEY, limits->flows_per_host);
		beyond(rules);
	}
	for (size_t i = 0; i < NAT_PROTOS; i++)
		if (limits->flows_per_destination)
			add_destination_limit(build, &build->protos[i], chain);
	if (limits->table) {
		limit(build, chain, "flows");
		rules_if_all_crowded(rules, limits->table);
		beyond(rules);
	}
}

void nat_guards_add(const struct nat_build *build)
{
	size_t in = rules_add_chain(build->rules, &input);
	size_t through = rules_add_chain(build->rules, &forward);

	add_untranslated(build, through);
	if (!nat_translates(build->nat))
		return;
	add_unsolicited(build, in);
	add_unanswered(build, in);
	add_straight(build, through);
	if (!build->nat->simultaneous_open)
		add_no_simultaneous_open(build, through);
	add_limits(build, through);
}
