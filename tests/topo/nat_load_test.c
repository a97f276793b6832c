/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever nat_check() accepts, the kernel takes. */
#include "tests/support/userns.h"
#include "topo/nat_rules.h"
#include "topo/nft.h"
#include "topo/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define TIMEOUT_MS 120000

static struct nat_site site_of(const struct nat *nat)
{
	struct nat_site site = {.wan = "wan"};

	for (uint32_t i = 0; i < nat->addresses; i++)
		site.pool[i] = addr_v4(0xc6336401 + i, 0);
	return site;
}

static const char *describe(const struct nat *nat)
{
	static char text[256];

	(void)snprintf(text, sizeof(text), "%s %s %s/%s hairpin %s, %u addresses %s",
		       nat_mapping_names[nat->tcp.mapping], nat_filtering_names[nat->tcp.filtering],
		       nat_allocation_names[nat->tcp.allocation],
		       nat_conflict_names[nat->tcp.conflict], nat_hairpin_names[nat->tcp.hairpin],
		       nat->addresses, nat_pooling_names[nat->pooling]);
	return text;
}

/* Return: was it consistent, and so loaded? */
static bool load(int netns, const struct nat *nat)
{
	struct nat_site site = site_of(nat);
	struct error err = {0};
	struct rules rules;
	int r;

	if (nat_check(nat, &err) < 0)
		return false;
	nat_rules(nat, &site, &rules);
	r = nft_apply(netns, &rules, &err);
	USERNS_CHECK(r == 0, "%s: %s", describe(nat), err.text);
	USERNS_CHECK(nft_remove(netns, rules.table, &err) == 0, "%s", err.text);
	rules_done(&rules);
	return true;
}

/* The n-th composition of all enums. */
static struct nat composition(unsigned n)
{
	struct nat nat = nat_preset_find("lambda")->nat;

	nat.tcp.mapping = n % (NAT_MAPPING_APDM + 1);
	n /= NAT_MAPPING_APDM + 1;
	nat.tcp.filtering = n % (NAT_FILTERING_APDF + 1);
	n /= NAT_FILTERING_APDF + 1;
	nat.tcp.allocation = n % (NAT_ALLOCATION_BLOCK + 1);
	n /= NAT_ALLOCATION_BLOCK + 1;
	nat.tcp.conflict = n % (NAT_CONFLICT_SEQUENTIAL + 1);
	n /= NAT_CONFLICT_SEQUENTIAL + 1;
	nat.tcp.hairpin = n % (NAT_HAIRPIN_INTERNAL + 1);
	n /= NAT_HAIRPIN_INTERNAL + 1;
	nat.pooling = n % (NAT_POOLING_ARBITRARY + 1);
	n /= NAT_POOLING_ARBITRARY + 1;
	nat.addresses = n % 2 ? 3 : 1;
	nat.udp = nat.tcp;
	return nat;
}

#define COMPOSITIONS (3 * 3 * 5 * 3 * 3 * 2 * 2)

static void all_compositions(void *arg)
{
	int netns = ns_new(NULL);
	unsigned loaded = 0;

	(void)arg;
	USERNS_CHECK(netns >= 0, "no namespace");
	for (unsigned i = 0; i < COMPOSITIONS; i++) {
		struct nat nat = composition(i);

		loaded += load(netns, &nat);
	}
	userns_say("%u of %d compositions are consistent, and load", loaded, COMPOSITIONS);
	/* Overloaded ports go with one mapping, one filtering and no hairpinning. */
	USERNS_CHECK(loaded == COMPOSITIONS - (27 - 1) * 4, "%u", loaded);
}

Test(nat_load, every_consistent_composition_loads)
{
	userns_test(all_compositions, NULL, TIMEOUT_MS);
}

static void largest(void *arg)
{
	struct nat nat = nat_preset_find("cgnat-blocks")->nat;
	int netns = ns_new(NULL);

	(void)arg;
	nat.addresses = NAT_ADDRESSES_MAX;
	for (int i = 0; i < NAT_STATICS_MAX; i++)
		nat.statics[nat.n_statics++] = (struct nat_static){
			addr_v4(0x0a000002 + (uint32_t)i, 0), addr_v4(0xc6336480 + (uint32_t)i, 0)};
	for (uint16_t i = 0; i < NAT_FORWARDS_MAX; i++)
		nat.forwards[nat.n_forwards++] = (struct nat_forward){
			IPPROTO_TCP, (uint16_t)(8000 + i), addr_v4(0x0a010002, 80)};
	nat.limits = (struct nat_limits){1, 2, 3, 4};
	nat.simultaneous_open = false;
	nat.unsolicited = NAT_UNSOLICITED_RST;
	USERNS_CHECK(load(netns, &nat), "inconsistent");
	nat.tcp.filtering = nat.udp.filtering = NAT_FILTERING_ADF;
	nat.tcp.mapping = nat.udp.mapping = NAT_MAPPING_ADM;
	nat.tcp.allocation = nat.udp.allocation = NAT_ALLOCATION_PRESERVE;
	nat.tcp.conflict = nat.udp.conflict = NAT_CONFLICT_SEQUENTIAL;
	USERNS_CHECK(load(netns, &nat), "inconsistent");
	nat.tcp.allocation = nat.udp.allocation = NAT_ALLOCATION_SEEDED;
	USERNS_CHECK(load(netns, &nat), "inconsistent");
}

Test(nat_load, the_largest_declarations_load)
{
	userns_test(largest, NULL, TIMEOUT_MS);
}

static void presets(void *arg)
{
	int netns = ns_new(NULL);
	size_t n;
	const struct nat_preset *all = nat_presets(&n);

	(void)arg;
	for (size_t i = 0; i < n; i++)
		USERNS_CHECK(load(netns, &all[i].nat), "%s", all[i].nat.preset);
}

Test(nat_load, every_preset_loads)
{
	userns_test(presets, NULL, TIMEOUT_MS);
}
