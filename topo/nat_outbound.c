/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nat_parts.h"

#include "base/cleanup.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>

/* Slots: of a key, of the external endpoint found by it, of a choice. */
#define KEY    0
#define FOUND  4
#define CHOICE 4

static const struct rule_chain postrouting = {
	"postrouting",
	"nat",
	NF_INET_POST_ROUTING,
	NF_IP_PRI_NAT_SRC,
};

/* A mapping that is there is used again. Where ports are overloaded it is only the
 * address that was remembered; the kernel keeps the port, or finds another one. */
static void add_mapping(const struct nat_build *build, const struct nat_tables *t, size_t chain)
{
	struct rules *rules = build->rules;

	for (unsigned int i = 0; i < t->clocks; i++) {
		rules_add(rules, chain, "the mapping it has, %s",
			  nat_mapping_names[t->behaviour->mapping]);
		rules_load_source(rules, KEY);
		rules_load_source_port(rules, KEY + 1);
		if (t->behaviour->mapping == NAT_MAPPING_ADM)
			rules_load_ct(rules, KEY + 2, NFT_CT_DST_IP, IP_CT_DIR_ORIGINAL);
		rules_if_found(rules, t->out[i], KEY, FOUND);
		rules_snat_slots(rules, FOUND,
				 t->used[0] == NAT_NO_TABLE ? RULES_NO_SLOT : FOUND + 1);
	}
}

/* Which address of the pool, for a mapping that is to be made. */
static void add_pool(const struct nat_build *build, const struct nat_tables *t, size_t chain)
{
	uint32_t n = build->nat->addresses;
	struct rules *rules = build->rules;

	for (uint32_t i = 0; i < n; i++) {
		size_t to = rules_add_subchain(rules, "%s_%u", t->name, i);
		char text[ADDR_TEXT_MAX];

		rules_add(rules, chain, "pool: %s", addr_format(&build->site->pool[i], text));
		if (i + 1 < n && build->nat->pooling == NAT_POOLING_PAIRED) {
			rules_load_source(rules, KEY);
			rules_load_hash(rules, CHOICE, KEY, 1, build->nat->hash_seed, 0, n);
			rules_if_number(rules, CHOICE, i);
		} else if (i + 1 < n) {
			rules_load_number(rules, CHOICE, NFT_NG_RANDOM, 0, n - i);
			rules_if_number(rules, CHOICE, 0);
		}
		rules_goto(rules, to);
		nat_ports_add(build, t, to, i);
	}
}

static size_t add_proto(const struct nat_build *build, const struct nat_tables *t)
{
	size_t chain = rules_add_subchain(build->rules, "translate_%s", t->name);

	if (t->out[0] != NAT_NO_TABLE)
		add_mapping(build, t, chain);
	if (t->block != NAT_NO_TABLE)
		nat_blocks_add(build, t, chain);
	if (build->nat->addresses > 1)
		add_pool(build, t, chain);
	else
		nat_ports_add(build, t, chain, 0);
	return chain;
}

static void add_statics(const struct nat_build *build, size_t chain)
{
	for (size_t i = 0; i < build->nat->n_statics; i++) {
		const struct nat_static *s = &build->nat->statics[i];
		char text[ADDR_TEXT_MAX];

		rules_add(build->rules, chain, "one-to-one: %s", addr_format(&s->inside, text));
		rules_if_source(build->rules, &s->inside, 32);
		rules_snat(build->rules, &s->external);
	}
}

void nat_outbound_add(const struct nat_build *build)
{
	struct rules *rules = build->rules;
	size_t base = rules_add_chain(rules, &postrouting);
	size_t translate = rules_add_subchain(rules, "translate");

	/* An answer of the router's own, such as a reset, belongs to the direction that it
	 * answers, and takes no port. */
	rules_add(rules, base, "to the public side: translate");
	rules_if_out(rules, build->site->wan);
	rules_if_ct_direction(rules, IP_CT_DIR_ORIGINAL);
	rules_goto(rules, translate);
	add_statics(build, translate);
	for (size_t i = 0; i < NAT_PROTOS; i++) {
		const struct nat_tables *t = &build->protos[i];
		size_t chain = add_proto(build, t);

		rules_add(rules, translate, "%s", t->name);
		rules_if_proto(rules, t->proto);
		rules_goto(rules, chain);
		if (t->behaviour->hairpin != NAT_HAIRPIN_EXTERNAL)
			continue;
		rules_add(rules, base, "%s hairpin: translate", t->name);
		rules_unless_in(rules, build->site->wan);
		rules_if_proto(rules, t->proto);
		rules_if_ct_status(rules, IPS_DST_NAT);
		rules_goto(rules, translate);
	}
	/* ICMP has no ports; what is neither must not leave untranslated either. */
	rules_add(rules, translate, "other protocols: the first address");
	rules_snat(rules, &build->site->pool[0]);
}
