/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/doctor_rules.h"

#include "base/cleanup.h"
#include "topo/nft.h"
#include "topo/rules_steps.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <string.h>

#define TABLE "doctor"

static const struct rule_chain filter = {"filter", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER};
static const struct rule_chain snat = {"snat", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC};
static const struct rule_set ports = {.name = "ports", .key = {RULE_FIELD_PORT}, .timeout = true};
static const struct rule_set map = {.name = "map",
				    .key = {RULE_FIELD_ADDR, RULE_FIELD_PORT},
				    .data = {RULE_FIELD_ADDR, RULE_FIELD_PORT},
				    .timeout = true};
static const struct rule_set hosts = {.name = "hosts", .key = {RULE_FIELD_ADDR}};

static void put_set(struct rules *rules)
{
	rules_load_source_port(rules, 0);
	rules_learn(rules, rules_add_set(rules, &ports), 0, RULES_NO_SLOT, 1000);
}

static void put_map(struct rules *rules)
{
	rules_load_source(rules, 0);
	rules_load_source_port(rules, 1);
	rules_if_found(rules, rules_add_set(rules, &map), 0, 4);
}

static void put_ct(struct rules *rules)
{
	rules_if_ct_status(rules, IPS_SRC_NAT);
}

static void put_nat(struct rules *rules)
{
	struct addr to = addr_v4(0xcb010001, 0);

	rules_snat(rules, &to);
}

static void put_number(struct rules *rules)
{
	rules_load_number(rules, 0, NFT_NG_INCREMENTAL, 1024, 1000);
}

static void put_hash(struct rules *rules)
{
	rules_load_source(rules, 0);
	rules_load_hash(rules, 4, 0, 1, 1, 1024, 1000);
}

static void put_connlimit(struct rules *rules)
{
	rules_load_source(rules, 0);
	rules_if_crowded(rules, rules_add_set(rules, &hosts), 0, 10);
}

static void put_limit(struct rules *rules)
{
	rules_if_faster(rules, 10);
}

static void put_reject(struct rules *rules)
{
	rules_reject(rules, NFT_REJECT_ICMP_UNREACH, 3);
}

static const struct {
	const char *what, *module, *option;
	const struct rule_chain *chain;
	void (*put)(struct rules *rules);
} kinds[] = {
	{"sets with timeouts", "nf_tables", "CONFIG_NF_TABLES", &filter, put_set},
	{"maps of several fields", "nf_tables", "CONFIG_NF_TABLES", &filter, put_map},
	{"ct", "nft_ct", "CONFIG_NFT_CT", &filter, put_ct},
	{"nat", "nft_chain_nat nft_nat", "CONFIG_NFT_NAT", &snat, put_nat},
	{"numgen", "nft_numgen", "CONFIG_NFT_NUMGEN", &filter, put_number},
	{"hash", "nft_hash", "CONFIG_NFT_HASH", &filter, put_hash},
	{"connlimit", "nft_connlimit", "CONFIG_NFT_CONNLIMIT", &filter, put_connlimit},
	{"limit", "nft_limit", "CONFIG_NFT_LIMIT", &filter, put_limit},
	{"reject", "nft_reject_ipv4", "CONFIG_NFT_REJECT", &filter, put_reject},
};

_Static_assert(ARRAY_SIZE(kinds) <= 8 * sizeof(unsigned), "a bit for each");

static int try_kind(int netns, size_t i, struct error *err)
{
	cleanup_with(rules_done) struct rules rules;
	int r;

	rules_init(&rules, TABLE);
	rules_add(&rules, rules_add_chain(&rules, kinds[i].chain), "%s", kinds[i].what);
	kinds[i].put(&rules);
	r = nft_apply(netns, &rules, err);
	return r < 0 ? r : nft_remove(netns, TABLE, err);
}

static size_t append(char *buf, size_t size, size_t len, const char *text, const char *between)
{
	if (len < size)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? between : "", text);
	return len;
}

void doctor_rules_remedy(unsigned missing, char *buf, size_t size)
{
	size_t len = append(buf, size, 0, "modprobe", "");

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (missing & 1U << i)
			len = append(buf, size, len, kinds[i].module, " ");
	for (size_t i = 0, n = 0; i < ARRAY_SIZE(kinds); i++)
		if (missing & 1U << i)
			len = append(buf, size, len, kinds[i].option, n++ ? ", " : " (");
	(void)append(buf, size, len, ")", "");
}

void doctor_rules_names(unsigned which, char *buf, size_t size)
{
	size_t len = 0;

	*buf = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (which & 1U << i)
			len = append(buf, size, len, kinds[i].what, ", ");
}

int doctor_rules_try(int netns, unsigned *ret_there, unsigned *ret_missing, struct error *err)
{
	unsigned there = 0, missing = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct error why;
		int one = try_kind(netns, i, &why);

		if (one == 0)
			there |= 1U << i;
		else
			missing |= 1U << i;
		if (one < 0 && r == 0) {
			r = one;
			*err = why;
		}
	}
	*ret_there = there;
	*ret_missing = missing;
	return r;
}
