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

/* Whom the mapping is for, in slots FOUND and FOUND + 1. */
static void find(const struct nat_build *build, const struct nat_tables *t, bool contacted)
{
	struct rules *rules = build->rules;

	rules_if_proto(rules, t->proto);
	rules_load_destination(rules, KEY);
	rules_load_destination_port(rules, KEY + 1);
	if (contacted) {
		rules_load_source(rules, KEY + 2);
		rules_if_known(rules, t->contacted, KEY);
	}
	rules_if_found(rules, t->in, KEY, FOUND);
	rules_dnat_slots(rules, FOUND, FOUND + 1);
}

static void add_filtering(const struct nat_build *build, const struct nat_tables *t, size_t chain)
{
	enum nat_filtering filtering = t->behaviour->filtering;

	if (filtering != NAT_FILTERING_APDF) {
		rules_add(build->rules, chain, "%s through a mapping, %s", t->name,
			  nat_filtering_names[filtering]);
		rules_if_in(build->rules, build->site->wan);
		find(build, t, filtering == NAT_FILTERING_ADF);
	}
	if (t->behaviour->hairpin != NAT_HAIRPIN_OFF) {
		rules_add(build->rules, chain, "%s hairpin through a mapping", t->name);
		rules_unless_in(build->rules, build->site->wan);
		find(build, t, false);
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
