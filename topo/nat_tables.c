/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nat_tables.h"

#include <stdio.h>
#include <string.h>

#define ADDR	 RULE_FIELD_ADDR
#define PORT	 RULE_FIELD_PORT
#define ENDPOINT ADDR, PORT

static bool overloads(const struct nat_behaviour *b)
{
	return b->allocation == NAT_ALLOCATION_PRESERVE && b->conflict == NAT_CONFLICT_OVERLOAD;
}

static bool needs_in(const struct nat_behaviour *b)
{
	return b->filtering != NAT_FILTERING_APDF || b->hairpin != NAT_HAIRPIN_OFF;
}

/* Two compositions are what Linux does by itself: to keep a port that others use
 * towards other destinations, and a random port for each connection. The first one
 * has to remember no more than the address, and only when there is a choice. */
static bool is_kernels_own(const struct nat_behaviour *b)
{
	if (needs_in(b))
		return false;
	return overloads(b) ||
	       (b->mapping == NAT_MAPPING_APDM && b->allocation == NAT_ALLOCATION_RANDOM);
}

static bool needs_out(const struct nat *nat, const struct nat_behaviour *b)
{
	if (b->mapping == NAT_MAPPING_APDM)
		return false;
	if (overloads(b))
		return nat->addresses > 1 && nat->pooling == NAT_POOLING_ARBITRARY;
	return true;
}

static size_t add_set(struct rules *rules, const struct nat_tables *t, const char *name,
		      struct rule_set set)
{
	(void)snprintf(set.name, sizeof(set.name), "%.3s_%s", t->name, name);
	return rules_add_set(rules, &set);
}

/* A set that rules teach, for each clock. */
static void add_clocks(struct rules *rules, const struct nat_tables *t, const char *name,
		       struct rule_set set, size_t ret[static NAT_CLOCKS])
{
	char assured[RULES_NAME_MAX - 8];

	set.timeout = true;
	ret[NAT_BRIEF] = add_set(rules, t, name, set);
	(void)snprintf(assured, sizeof(assured), "%s_assured", name);
	if (t->clocks > NAT_ASSURED)
		ret[NAT_ASSURED] = add_set(rules, t, assured, set);
}

static void add_reserved(struct rules *rules, const struct nat *nat, struct nat_tables *t)
{
	bool any = false;

	for (size_t i = 0; i < nat->n_forwards; i++)
		any |= nat->forwards[i].proto == t->proto;
	if (any)
		t->reserved = add_set(rules, t, "reserved",
				      (struct rule_set){.key = {PORT}, .transient = true});
	for (size_t i = 0; i < nat->n_forwards; i++) {
		struct rule_element element = {.set = t->reserved};
		uint16_t port = htons(nat->forwards[i].port);

		if (nat->forwards[i].proto != t->proto)
			continue;
		(void)memcpy(element.key, &port, sizeof(port));
		rules_add_element(rules, &element);
	}
}

/* The flows of an address- and port-dependent mapping have one clock: it serves a single
 * one, and kept for days after its end, ports would soon run out. What goes through it does not
 * need the entry. */
static struct nat_tables no_tables(const struct nat *nat, uint8_t proto)
{
	const struct nat_behaviour *b = proto == IPPROTO_TCP ? &nat->tcp : &nat->udp;
	struct nat_tables t = {.proto = proto,
			       .name = proto == IPPROTO_TCP ? "tcp" : "udp",
			       .behaviour = b,
			       .clocks = b->mapping == NAT_MAPPING_APDM ? 1 : NAT_CLOCKS,
			       .claimed = NAT_NO_TABLE,
			       .reserved = NAT_NO_TABLE,
			       .block = NAT_NO_TABLE,
			       .destinations = NAT_NO_TABLE};

	for (int i = 0; i < NAT_CLOCKS; i++) {
		t.out[i] = NAT_NO_TABLE;
		t.in[i] = NAT_NO_TABLE;
		t.used[i] = NAT_NO_TABLE;
		t.contacted[i] = NAT_NO_TABLE;
	}
	return t;
}

void nat_tables_add(struct rules *rules, const struct nat *nat, uint8_t proto,
		    struct nat_tables *ret_tables)
{
	static const struct rule_set eim = {.key = {ENDPOINT}, .data = {ENDPOINT}};
	static const struct rule_set adm = {.key = {ENDPOINT, ADDR}, .data = {ENDPOINT}};
	static const struct rule_set in = {.key = {ENDPOINT}, .data = {ENDPOINT}};
	static const struct rule_set used = {.key = {ENDPOINT}};
	static const struct rule_set claimed = {
		.key = {ENDPOINT}, .timeout = true, .transient = true};
	static const struct rule_set contacted = {.key = {ENDPOINT, ADDR}};
	static const struct rule_set block = {.key = {ADDR}, .data = {RULE_FIELD_NUMBER}};
	static const struct rule_set destinations = {.key = {ENDPOINT}, .transient = true};
	struct nat_tables t = no_tables(nat, proto);
	const struct nat_behaviour *b = t.behaviour;

	if (needs_out(nat, b) && b->mapping == NAT_MAPPING_EIM)
		add_clocks(rules, &t, "out_eim", eim, t.out);
	if (needs_out(nat, b) && b->mapping == NAT_MAPPING_ADM)
		add_clocks(rules, &t, "out_adm", adm, t.out);
	if (needs_in(b))
		add_clocks(rules, &t, "in", in, t.in);
	if (!is_kernels_own(b)) {
		add_clocks(rules, &t, "used", used, t.used);
		t.claimed = add_set(rules, &t, "claimed", claimed);
		add_reserved(rules, nat, &t);
	}
	if (b->filtering == NAT_FILTERING_ADF)
		add_clocks(rules, &t, "contacted", contacted, t.contacted);
	if (b->allocation == NAT_ALLOCATION_BLOCK)
		t.block = add_set(rules, &t, "block", block);
	if (nat->limits.flows_per_destination)
		t.destinations = add_set(rules, &t, "destinations", destinations);
	*ret_tables = t;
}

bool nat_tables_remember(const struct nat_tables *tables)
{
	return tables->out[0] != NAT_NO_TABLE || tables->used[0] != NAT_NO_TABLE;
}

bool nat_tables_is_exclusive(const struct nat_tables *tables)
{
	return needs_in(tables->behaviour) || tables->behaviour->mapping != NAT_MAPPING_APDM;
}
