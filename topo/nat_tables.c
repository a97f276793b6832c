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
	(void)snprintf(set.name, sizeof(set.name), "%s_%s", t->name, name);
	return rules_add_set(rules, &set);
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

void nat_tables_add(struct rules *rules, const struct nat *nat, uint8_t proto,
		    struct nat_tables *ret_tables)
{
	const struct nat_behaviour *b = proto == IPPROTO_TCP ? &nat->tcp : &nat->udp;
	struct nat_tables t = {.proto = proto,
			       .name = proto == IPPROTO_TCP ? "tcp" : "udp",
			       .behaviour = b,
			       .out = NAT_NO_TABLE,
			       .in = NAT_NO_TABLE,
			       .used = NAT_NO_TABLE,
			       .contacted = NAT_NO_TABLE,
			       .reserved = NAT_NO_TABLE,
			       .block = NAT_NO_TABLE,
			       .destinations = NAT_NO_TABLE};

	if (needs_out(nat, b) && b->mapping == NAT_MAPPING_EIM)
		t.out = add_set(
			rules, &t, "out_eim",
			(struct rule_set){.key = {ENDPOINT}, .data = {ENDPOINT}, .timeout = true});
	if (needs_out(nat, b) && b->mapping == NAT_MAPPING_ADM)
		t.out = add_set(rules, &t, "out_adm",
				(struct rule_set){.key = {ENDPOINT, ADDR},
						  .data = {ENDPOINT},
						  .timeout = true});
	if (needs_in(b))
		t.in = add_set(
			rules, &t, "in",
			(struct rule_set){.key = {ENDPOINT}, .data = {ENDPOINT}, .timeout = true});
	if (!is_kernels_own(b)) {
		t.used = add_set(rules, &t, "used",
				 (struct rule_set){.key = {ENDPOINT}, .timeout = true});
		add_reserved(rules, nat, &t);
	}
	if (b->filtering == NAT_FILTERING_ADF)
		t.contacted = add_set(rules, &t, "contacted",
				      (struct rule_set){.key = {ENDPOINT, ADDR}, .timeout = true});
	if (b->allocation == NAT_ALLOCATION_BLOCK)
		t.block = add_set(rules, &t, "block",
				  (struct rule_set){.key = {ADDR}, .data = {RULE_FIELD_NUMBER}});
	if (nat->limits.flows_per_destination)
		t.destinations = add_set(rules, &t, "destinations",
					 (struct rule_set){.key = {ENDPOINT}, .transient = true});
	*ret_tables = t;
}

bool nat_tables_is_exclusive(const struct nat_tables *tables)
{
	return needs_in(tables->behaviour) || tables->behaviour->mapping != NAT_MAPPING_APDM;
}
