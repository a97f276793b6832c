/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nat_parts.h"

#include "base/cleanup.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>

/* Slots: of a key, of the inside endpoint found by it. */
#define KEY   0
#define FOUND 4

static const struct rule_chain prerouting = {
	"prerouting",
	"nat",
	NF_INET_PRE_ROUTING,
	NF_IP_PRI_NAT_DST,
};

/* Without hairpinning only what comes from the public side is for the inside. */
static void if_from_outside(const struct nat_build *build, const struct nat_tables *t)
{
	if (t->behaviour->hairpin == NAT_HAIRPIN_OFF)
		rules_if_in(build->rules, build->site->wan);
}

static void add_forwards(const struct nat_build *build, const struct nat_tables *t, size_t chain)
{
	for (size_t i = 0; i < build->nat->n_forwards; i++) {
		const struct nat_forward *f = &build->nat->forwards[i];
		char to[ADDR_TEXT_MAX];

		if (f->proto != t->proto)
			continue;
		rules_add(build->rules, chain, "forward %s %u to %s", t->name, f->port,
			  addr_format(&f->to, to));
		if_from_outside(build, t);
		rules_if_destination(build->rules, &build->site->pool[0]);
		rules_if_proto(build->rules, f->proto);
		rules_if_destination_port(build->rules, f->port);
		rules_dnat(build->rules, &f->to);
	}
}

static void add_static(const struct nat_build *build, const struct nat_static *s, size_t chain)
{
	struct rules *rules = build->rules;
	char text[ADDR_TEXT_MAX];

	rules_add(rules, chain, "one-to-one: %s", addr_format(&s->inside, text));
	rules_if_in(rules, build->site->wan);
	rules_if_destination(rules, &s->external);
	rules_dnat(rules, &s->inside);
	for (size_t i = 0; i < NAT_PROTOS; i++) {
		const struct nat_tables *t = &build->protos[i];

		if (t->behaviour->hairpin == NAT_HAIRPIN_OFF)
			continue;
		rules_add(rules, chain, "one-to-one, %s hairpin: %s", t->name, text);
		rules_if_destination(rules, &s->external);
		rules_if_proto(rules, t->proto);
		rules_dnat(rules, &s->inside);
	}
}

/* Was the source written to through what is in slots KEY and KEY + 1? */
static size_t add_contacted(const struct nat_build *build, const struct nat_tables *t, size_t to)
{
	struct rules *rules = build->rules;
	size_t chain = rules_add_subchain(rules, "%s_contacted", t->name);

	for (unsigned int i = 0; i < t->clocks; i++) {
		rules_add(rules, chain, "who was written to");
		rules_load_destination(rules, KEY);
		rules_load_destination_port(rules, KEY + 1);
		rules_load_source(rules, KEY + 2);
		rules_if_known(rules, t->contacted[i], KEY);
		rules_goto(rules, to);
	}
	return chain;
}

/* To the inside endpoint whose mapping it is, if there is one. */
static size_t add_mapped(const struct nat_build *build, const struct nat_tables *t)
{
	struct rules *rules = build->rules;
	size_t chain = rules_add_subchain(rules, "%s_in", t->name);

	for (unsigned int i = 0; i < t->clocks; i++) {
		rules_add(rules, chain, "whose port it is");
		rules_load_destination(rules, KEY);
		rules_load_destination_port(rules, KEY + 1);
		rules_if_found(rules, t->in[i], KEY, FOUND);
		rules_dnat_slots(rules, FOUND, FOUND + 1);
	}
	return chain;
}

static void add_filtering(const struct nat_build *build, const struct nat_tables *t, size_t chain)
{
	enum nat_filtering filtering = t->behaviour->filtering;
	struct rules *rules = build->rules;
	size_t mapped, to;

	if (t->in[0] == NAT_NO_TABLE)
		return;
	mapped = add_mapped(build, t);
	to = filtering == NAT_FILTERING_ADF ? add_contacted(build, t, mapped) : mapped;
	if (t->behaviour->hairpin != NAT_HAIRPIN_OFF) {
		rules_add(rules, chain, "%s hairpin", t->name);
		rules_unless_in(rules, build->site->wan);
		rules_if_proto(rules, t->proto);
		rules_goto(rules, mapped);
	}
	if (filtering != NAT_FILTERING_APDF) {
		rules_add(rules, chain, "%s filtering: %s", t->name,
			  nat_filtering_names[filtering]);
		rules_if_in(rules, build->site->wan);
		rules_if_proto(rules, t->proto);
		rules_goto(rules, to);
	}
}

void nat_inbound_add(const struct nat_build *build)
{
	size_t chain = rules_add_chain(build->rules, &prerouting);

	for (size_t i = 0; i < NAT_PROTOS; i++)
		add_forwards(build, &build->protos[i], chain);
	for (size_t i = 0; i < build->nat->n_statics; i++)
		add_static(build, &build->nat->statics[i], chain);
	for (size_t i = 0; i < NAT_PROTOS; i++)
		add_filtering(build, &build->protos[i], chain);
}
