/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of representative declarations, in full, as files in golden/. Masks and
 * numbers are shown as they lie in a little-endian register.
 */
#include "topo/nat_rules.h"

#include "base/cleanup.h"
#include "topo/rules_steps.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct nat_site site(void)
{
	return (struct nat_site){
		.wan = "wan",
		.pool = {addr_v4(0xc6336401, 0), addr_v4(0xc6336402, 0), addr_v4(0xc6336403, 0)},
	};
}

static char *print(struct rules *rules)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	cr_assert(to);
	rules_print(rules, to);
	(void)fclose(to);
	cr_assert(rules_ok(rules));
	rules_done(rules);
	return text;
}

static char *slurp(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "re");
	ssize_t n = f ? getdelim(&text, &size, '\0', f) : -1;

	if (f)
		(void)fclose(f);
	if (n >= 0)
		return text;
	free(text);
	return NULL;
}

static void assert_golden(struct rules *rules, const char *name)
{
	cleanup_free char *text = print(rules);
	cleanup_free char *golden = NULL;
	char path[512];
	size_t line = 1, i = 0;

	(void)snprintf(path, sizeof(path), "%s/tests/topo/golden/%s.txt", SOURCE_DIR, name);
	if (getenv("BOXLAB_UPDATE")) {
		FILE *f = fopen(path, "we");

		cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
	}
	golden = slurp(path);
	cr_assert(golden, "%s is not there (BOXLAB_UPDATE=1 writes it)", path);
	for (; text[i] && text[i] == golden[i]; i++)
		line += text[i] == '\n';
	cr_assert(text[i] == golden[i],
		  "%s differs in line %zu:\nhas  %.60s\nnot  %.60s\n(BOXLAB_UPDATE=1 rewrites it)",
		  path, line, golden + i, text + i);
}

static void assert_nat(const struct nat *nat, const char *name)
{
	struct nat_site here = site();
	struct error err = {0};
	struct rules rules;

	cr_assert_eq(nat_check(nat, &err), 0, "%s", err.text);
	nat_rules(nat, &here, &rules);
	assert_golden(&rules, name);
}

static struct nat preset(const char *name)
{
	return nat_preset_find(name)->nat;
}

static void set_both(struct nat *nat, struct nat_behaviour b)
{
	nat->tcp = b;
	nat->udp = b;
}

Test(nat_rules, lambda)
{
	struct nat nat = preset("lambda");

	assert_nat(&nat, "lambda");
}

/* Strict tracking is a sysctl; nothing is remembered beside the kernel's own. */
Test(nat_rules, linux_nat)
{
	struct nat nat = preset("linux");

	assert_nat(&nat, "linux");
}

Test(nat_rules, symmetric)
{
	struct nat nat = preset("symmetric");

	assert_nat(&nat, "symmetric");
}

Test(nat_rules, full_cone)
{
	struct nat nat = preset("full-cone");

	assert_nat(&nat, "full-cone");
}

Test(nat_rules, aws_nat_gateway)
{
	struct nat nat = preset("aws-nat-gateway");

	assert_nat(&nat, "aws-nat-gateway");
}

/* The rarer half of each enum, TCP and UDP apart, and everything else there is. */
Test(nat_rules, everything)
{
	struct nat nat = preset("linux");

	nat.tcp = (struct nat_behaviour){NAT_MAPPING_ADM, NAT_FILTERING_ADF, NAT_ALLOCATION_SEEDED,
					 0, NAT_HAIRPIN_INTERNAL};
	nat.udp = (struct nat_behaviour){NAT_MAPPING_APDM, NAT_FILTERING_EIF,
					 NAT_ALLOCATION_SEQUENTIAL, 0, NAT_HAIRPIN_EXTERNAL};
	nat.unsolicited = NAT_UNSOLICITED_RST;
	nat.simultaneous_open = false;
	nat.addresses = 3;
	nat.pooling = NAT_POOLING_ARBITRARY;
	nat.port_min = 40000;
	nat.limits = (struct nat_limits){10, 20, 30, 40};
	nat.forwards[0] = (struct nat_forward){IPPROTO_TCP, 8080, addr_v4(0x0a000002, 80)};
	nat.n_forwards = 1;
	nat.statics[0] = (struct nat_static){addr_v4(0x0a000003, 0), addr_v4(0xc6336404, 0)};
	nat.n_statics = 1;
	assert_nat(&nat, "everything");
}

Test(nat_rules, blocks_of_a_paired_pool)
{
	struct nat nat = preset("cgnat-blocks");

	nat.addresses = 2;
	nat.block_size = 20000;
	assert_nat(&nat, "blocks");
}

Test(nat_rules, symmetric_preserving_answers_by_icmp)
{
	struct nat nat = preset("symmetric-preserving");

	nat.unsolicited = NAT_UNSOLICITED_ICMP;
	assert_nat(&nat, "symmetric-preserving");
}

/* Overloaded ports with a choice of addresses: the address alone is remembered. */
Test(nat_rules, overload_in_an_arbitrary_pool)
{
	struct nat nat = preset("linux");

	nat.addresses = 2;
	nat.pooling = NAT_POOLING_ARBITRARY;
	assert_nat(&nat, "overload-pool");
}

Test(nat_rules, a_public_machine_is_not_translated)
{
	struct nat nat = preset("none");

	assert_nat(&nat, "none");
}

Test(nat_rules, the_public_side_knows_no_private_source)
{
	struct rules rules;

	nat_internet_rules(&rules);
	assert_golden(&rules, "internet");
}

Test(nat_rules, nothing_is_remembered_that_no_rule_asks_for)
{
	struct nat_site here = site();
	struct nat nat = preset("linux");
	struct rules rules;

	nat_rules(&nat, &here, &rules);
	cr_assert_eq(rules.n_sets, 0);
	rules_done(&rules);
	set_both(&nat, (struct nat_behaviour){NAT_MAPPING_APDM, NAT_FILTERING_APDF,
					      NAT_ALLOCATION_RANDOM, 0, NAT_HAIRPIN_OFF});
	nat_rules(&nat, &here, &rules);
	cr_assert_eq(rules.n_sets, 0);
	rules_done(&rules);
}

Test(rules, remembers_that_room_ran_out)
{
	struct rules rules;

	rules_init(&rules, "t");
	for (int i = 0; i <= RULES_CHAINS_MAX; i++)
		(void)rules_add_chain(&rules, &(struct rule_chain){.name = "c", .type = "filter"});
	cr_assert_not(rules_ok(&rules));
	rules_done(&rules);
}
