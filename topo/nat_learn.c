/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * What the kernel has translated is learnt behind the translation, from every
 * packet that leaves, so that each of them begins the mapping's time anew. There
 * the packet carries the external endpoint as its source, whichever side began
 * the flow, and connection tracking knows the inside one.
 *
 * An entry is written in the order in which it may be missed: a port whose use is
 * forgotten is given away, so it must not find an old way in; and an endpoint that
 * has forgotten its mapping must not find its own port in use.
 */
#include "topo/nat_parts.h"

#include "base/cleanup.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>

#define MS_PER_S 1000ULL

/* Slots: of a key, of a map's data. */
#define KEY  0
#define DATA 4

static const struct rule_chain learn = {
	"learn",
	"filter",
	NF_INET_POST_ROUTING,
	NF_IP_PRI_NAT_SRC + 10,
};

struct lesson {
	struct rules *rules;
	const struct nat_tables *tables;
	size_t chain;
	int direction;
	uint64_t timeout_ms;
};

static void load_external(struct rules *rules, int slot)
{
	rules_load_source(rules, slot);
	rules_load_source_port(rules, slot + 1);
}

/* Of the direction that comes from inside: the side that began the flow is the source
 * of the original direction, the other side that of the reply. */
static void load_inside(const struct lesson *l, int slot)
{
	rules_load_ct(l->rules, slot, NFT_CT_SRC_IP, l->direction);
	rules_load_ct(l->rules, slot + 1, NFT_CT_PROTO_SRC, l->direction);
}

static void learn_in(const struct lesson *l)
{
	rules_add(l->rules, l->chain, "whose port it is");
	load_external(l->rules, KEY);
	load_inside(l, DATA);
	rules_learn(l->rules, l->tables->in, KEY, DATA, l->timeout_ms);
}

static void learn_contacted(const struct lesson *l)
{
	rules_add(l->rules, l->chain, "who was written to");
	load_external(l->rules, KEY);
	if (l->direction == IP_CT_DIR_ORIGINAL)
		rules_load_ct(l->rules, KEY + 2, NFT_CT_DST_IP, IP_CT_DIR_ORIGINAL);
	else
		rules_load_destination(l->rules, KEY + 2);
	rules_learn(l->rules, l->tables->contacted, KEY, RULES_NO_SLOT, l->timeout_ms);
}

static void learn_used(const struct lesson *l)
{
	rules_add(l->rules, l->chain, "that the port is in use");
	load_external(l->rules, KEY);
	rules_learn(l->rules, l->tables->used, KEY, RULES_NO_SLOT, l->timeout_ms);
}

static void learn_out(const struct lesson *l)
{
	rules_add(l->rules, l->chain, "the mapping");
	load_inside(l, KEY);
	if (l->tables->behaviour->mapping == NAT_MAPPING_ADM)
		rules_load_ct(l->rules, KEY + 2, NFT_CT_DST_IP, IP_CT_DIR_ORIGINAL);
	load_external(l->rules, DATA);
	rules_learn(l->rules, l->tables->out, KEY, DATA, l->timeout_ms);
}

static size_t add_lesson(const struct nat_build *build, const struct nat_tables *t, int direction,
			 const char *state, uint32_t timeout_s)
{
	struct lesson l = {.rules = build->rules,
			   .tables = t,
			   .direction = direction,
			   .timeout_ms = timeout_s * MS_PER_S};
	bool answer = direction == IP_CT_DIR_REPLY;

	l.chain = rules_add_subchain(build->rules, "%s_%s_%s", t->name, answer ? "answer" : "learn",
				     state);
	if (t->in != NAT_NO_TABLE)
		learn_in(&l);
	if (t->contacted != NAT_NO_TABLE)
		learn_contacted(&l);
	if (t->used != NAT_NO_TABLE)
		learn_used(&l);
	/* An answer makes no mapping for whom it goes to, where mappings are one for each. */
	if (t->out != NAT_NO_TABLE && !(answer && t->behaviour->mapping == NAT_MAPPING_ADM))
		learn_out(&l);
	return l.chain;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Only what came in through a mapping has one to go on. */
static void if_of_mapping(const struct nat_build *build, const struct nat_tables *t, int direction)
{
	struct rules *rules = build->rules;

	rules_if_proto(rules, t->proto);
	rules_if_ct_direction(rules, (uint8_t)direction);
	rules_if_ct_status(rules, direction == IP_CT_DIR_ORIGINAL ? IPS_SRC_NAT : IPS_DST_NAT);
	if (direction == IP_CT_DIR_REPLY) {
		load_external(rules, KEY);
		rules_if_known(rules, t->in, KEY);
	}
}

/* How long depends on what state the flow is in. An address- and port-dependent mapping
 * serves one flow: kept for days after its end, ports would soon run out. What goes through it
 * does not need the entry. */
static void add_direction(const struct nat_build *build, const struct nat_tables *t, size_t chain,
			  int direction)
{
	const struct nat_timeouts *times = &build->nat->timeouts;
	bool tcp = t->proto == IPPROTO_TCP;
	uint32_t brief = tcp ? larger(times->tcp_syn_sent, times->tcp_syn_received) : times->udp;
	uint32_t assured = tcp ? times->tcp_established : times->udp_stream;
	const char *what = direction == IP_CT_DIR_ORIGINAL ? "went out" : "was answered";
	size_t to;

	if (t->behaviour->mapping != NAT_MAPPING_APDM) {
		to = add_lesson(build, t, direction, "assured", assured);
		rules_add(build->rules, chain, "%s that %s, assured", t->name, what);
		if_of_mapping(build, t, direction);
		rules_if_ct_status(build->rules, IPS_ASSURED);
		rules_goto(build->rules, to);
	}
	to = add_lesson(build, t, direction, "brief", brief);
	rules_add(build->rules, chain, "%s that %s", t->name, what);
	if_of_mapping(build, t, direction);
	rules_goto(build->rules, to);
}

static bool remembers(const struct nat_tables *t)
{
	return t->out != NAT_NO_TABLE || t->in != NAT_NO_TABLE || t->used != NAT_NO_TABLE;
}

void nat_learn_add(const struct nat_build *build)
{
	struct rules *rules = build->rules;
	size_t chain;

	if (!remembers(&build->protos[0]) && !remembers(&build->protos[1]))
		return;
	chain = rules_add_chain(rules, &learn);
	rules_add(rules, chain, "only what comes from inside");
	rules_if_in(rules, build->site->wan);
	rules_accept(rules);
	for (size_t i = 0; i < build->nat->n_statics; i++) {
		rules_add(rules, chain, "not what is translated one-to-one");
		rules_if_source(rules, &build->nat->statics[i].external, 32);
		rules_accept(rules);
	}
	for (size_t i = 0; i < NAT_PROTOS; i++) {
		const struct nat_tables *t = &build->protos[i];

		if (!remembers(t))
			continue;
		add_direction(build, t, chain, IP_CT_DIR_ORIGINAL);
		if (t->in != NAT_NO_TABLE)
			add_direction(build, t, chain, IP_CT_DIR_REPLY);
	}
}
