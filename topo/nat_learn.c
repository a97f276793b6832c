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
	enum nat_clock clock;
	int direction;
	size_t chain;
	uint64_t timeout_ms;
};

static void load_external(struct rules *rules, int slot)
{
	rules_load_source(rules, slot);
	rules_load_source_port(rules, slot + 1);
}

/* The inside is the source of the direction that comes from there: the original one, or
 * the reply's where somebody outside began. */
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
	rules_learn(l->rules, l->tables->in[l->clock], KEY, DATA, l->timeout_ms);
}

static void learn_contacted(const struct lesson *l)
{
	rules_add(l->rules, l->chain, "who was written to");
	load_external(l->rules, KEY);
	rules_load_destination(l->rules, KEY + 2);
	rules_learn(l->rules, l->tables->contacted[l->clock], KEY, RULES_NO_SLOT, l->timeout_ms);
}

static void learn_used(const struct lesson *l)
{
	rules_add(l->rules, l->chain, "that the port is in use");
	load_external(l->rules, KEY);
	rules_learn(l->rules, l->tables->used[l->clock], KEY, RULES_NO_SLOT, l->timeout_ms);
}

/* Of a hairpinned flow the remote address is the one that was asked for, not where it leads. */
static void learn_out(const struct lesson *l)
{
	rules_add(l->rules, l->chain, "the mapping");
	load_inside(l, KEY);
	if (l->tables->behaviour->mapping == NAT_MAPPING_ADM)
		rules_load_ct(l->rules, KEY + 2, NFT_CT_DST_IP, IP_CT_DIR_ORIGINAL);
	load_external(l->rules, DATA);
	rules_learn(l->rules, l->tables->out[l->clock], KEY, DATA, l->timeout_ms);
}

static uint64_t timeout_ms(const struct nat *nat, const struct nat_tables *t, enum nat_clock clock)
{
	const struct nat_timeouts *times = &nat->timeouts;
	uint32_t opening = times->tcp_syn_sent > times->tcp_syn_received ? times->tcp_syn_sent
									 : times->tcp_syn_received;

	if (t->proto == IPPROTO_TCP)
		return MS_PER_S * (clock == NAT_BRIEF ? opening : times->tcp_established);
	return MS_PER_S * (clock == NAT_BRIEF ? times->udp : times->udp_stream);
}

static size_t add_lesson(const struct nat_build *build, const struct nat_tables *t, int direction,
			 enum nat_clock clock)
{
	bool answer = direction == IP_CT_DIR_REPLY;
	struct lesson l = {
		.rules = build->rules,
		.tables = t,
		.clock = clock,
		.direction = direction,
		.chain = rules_add_subchain(build->rules, "%s_%s_%s", t->name,
					    answer ? "answer" : "learn",
					    clock == NAT_BRIEF ? "brief" : "assured"),
		.timeout_ms = timeout_ms(build->nat, t, clock),
	};

	if (t->in[0] != NAT_NO_TABLE)
		learn_in(&l);
	if (t->contacted[0] != NAT_NO_TABLE)
		learn_contacted(&l);
	if (t->used[0] != NAT_NO_TABLE)
		learn_used(&l);
	/* An answer makes no mapping for whom it goes to, where mappings are one for each. */
	if (t->out[0] != NAT_NO_TABLE && !(answer && t->behaviour->mapping == NAT_MAPPING_ADM))
		learn_out(&l);
	return l.chain;
}

/* The lessons of one direction, by the flow's state. */
static size_t add_lessons(const struct nat_build *build, const struct nat_tables *t, int direction)
{
	struct rules *rules = build->rules;
	size_t brief = add_lesson(build, t, direction, NAT_BRIEF);
	size_t assured, chain;

	if (t->clocks == 1)
		return brief;
	assured = add_lesson(build, t, direction, NAT_ASSURED);
	chain = rules_add_subchain(rules, "%s_%s", t->name,
				   direction == IP_CT_DIR_REPLY ? "answer" : "learn");
	rules_add(rules, chain, "of a flow that is assured");
	rules_if_ct_status(rules, IPS_ASSURED);
	rules_goto(rules, assured);
	rules_add(rules, chain, "of another flow");
	rules_goto(rules, brief);
	return chain;
}

static void add_outgoing(const struct nat_build *build, const struct nat_tables *t, size_t chain)
{
	size_t to = add_lessons(build, t, IP_CT_DIR_ORIGINAL);

	rules_add(build->rules, chain, "%s that goes out", t->name);
	rules_if_proto(build->rules, t->proto);
	rules_if_ct_direction(build->rules, IP_CT_DIR_ORIGINAL);
	rules_if_ct_status(build->rules, IPS_SRC_NAT);
	rules_goto(build->rules, to);
}

/* Only what came in through a mapping has one to go on; a static forward has not. */
static void add_answers(const struct nat_build *build, const struct nat_tables *t, size_t chain)
{
	size_t to = add_lessons(build, t, IP_CT_DIR_REPLY);
	struct rules *rules = build->rules;

	for (unsigned int i = 0; i < t->clocks; i++) {
		rules_add(rules, chain, "%s that answers through a mapping", t->name);
		rules_if_proto(rules, t->proto);
		rules_if_ct_direction(rules, IP_CT_DIR_REPLY);
		rules_if_ct_status(rules, IPS_DST_NAT);
		load_external(rules, KEY);
		rules_if_known(rules, t->in[i], KEY);
		rules_goto(rules, to);
	}
}

void nat_learn_add(const struct nat_build *build)
{
	struct rules *rules = build->rules;
	size_t chain;

	if (!nat_tables_remember(&build->protos[0]) && !nat_tables_remember(&build->protos[1]))
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

		if (!nat_tables_remember(t))
			continue;
		add_outgoing(build, t, chain);
		if (t->in[0] != NAT_NO_TABLE)
			add_answers(build, t, chain);
	}
}
