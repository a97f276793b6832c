/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of each preset, in full. Masks are shown as they lie in a little-endian register. */
#include "topo/nat_rules.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define HEAD                      \
	"table ip boxlab\n"       \
	"  counter unsolicited\n" \
	"  counter invalid\n"     \
	"  chain prerouting: nat hook prerouting priority -100\n"

#define MAPPING(name, flags)                                       \
	"  chain postrouting: nat hook postrouting priority 100\n" \
	"    # mapping: " name "\n"                                \
	"    [ meta load oifname => reg 1 ]\n"                     \
	"    [ cmp eq reg 1 \"wan\" ]\n"                           \
	"    [ immediate 0xc6336401 => reg 1 ]\n"                  \
	"    [ nat snat addr reg 1" flags " ]\n"                   \
	"  chain input: filter hook input priority 0\n"

#define FROM_WAN                               \
	"    [ meta load iifname => reg 1 ]\n" \
	"    [ cmp eq reg 1 \"wan\" ]\n"

#define STATE(mask)                          \
	"    [ ct load state => reg 1 ]\n"   \
	"    [ bitwise reg 1 & " mask " ]\n" \
	"    [ cmp neq reg 1 0x00000000 ]\n"
#define NEW	       STATE("0x08000000")
#define INVALID	       STATE("0x01000000")
#define NEW_OR_INVALID STATE("0x09000000")

#define RESET                                                                            \
	"    # unsolicited: reset\n" FROM_WAN NEW "    [ meta load l4proto => reg 1 ]\n" \
	"    [ cmp eq reg 1 0x06 ]\n"                                                    \
	"    [ counter unsolicited ]\n"                                                  \
	"    [ reject tcp reset ]\n"

#define UNREACHABLE                                                                          \
	"    # unsolicited: port unreachable\n" FROM_WAN NEW "    [ counter unsolicited ]\n" \
	"    [ reject icmp unreachable code 3 ]\n"

#define DROP                                                                                \
	"    # unsolicited: drop\n" FROM_WAN NEW_OR_INVALID "    [ counter unsolicited ]\n" \
	"    [ drop ]\n"

#define GUARDS                                                           \
	"  chain forward: filter hook forward priority 0\n"              \
	"    # untranslated: drop\n" INVALID "    [ counter invalid ]\n" \
	"    [ drop ]\n"                                                 \
	"    # routed straight to the inside: drop\n" FROM_WAN NEW       \
	"    [ ct load status => reg 1 ]\n"                              \
	"    [ bitwise reg 1 & 0x20000000 ]\n"                           \
	"    [ cmp eq reg 1 0x00000000 ]\n"                              \
	"    [ counter unsolicited ]\n"                                  \
	"    [ drop ]\n"

#define FORWARD                                                     \
	"    # forward tcp 8080 to 10.0.0.2:80\n" FROM_WAN          \
	"    [ payload load 4b @ network header + 16 => reg 1 ]\n"  \
	"    [ cmp eq reg 1 0xc6336401 ]\n"                         \
	"    [ meta load l4proto => reg 1 ]\n"                      \
	"    [ cmp eq reg 1 0x06 ]\n"                               \
	"    [ payload load 2b @ transport header + 2 => reg 1 ]\n" \
	"    [ cmp eq reg 1 0x1f90 ]\n"                             \
	"    [ immediate 0x0a000002 => reg 1 ]\n"                   \
	"    [ immediate 0x0050 => reg 2 ]\n"                       \
	"    [ nat dnat addr reg 1 port reg 2 ]\n"

#define LEAK(prefix, mask, value)                                  \
	"    # leak: source in " prefix "\n"                       \
	"    [ payload load 4b @ network header + 12 => reg 1 ]\n" \
	"    [ bitwise reg 1 & " mask " ]\n"                       \
	"    [ cmp eq reg 1 " value " ]\n"                         \
	"    [ counter leak ]\n"                                   \
	"    [ drop ]\n"

static void assert_prints(struct rules *rules, const char *expected)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	cr_assert(to);
	rules_print(rules, to);
	(void)fclose(to);
	cr_assert(rules_ok(rules));
	cr_assert_str_eq(text, expected);
	free(text);
	rules_done(rules);
}

static void assert_nat_prints(const struct nat *nat, const char *expected)
{
	struct addr external = addr_v4(0xc6336401, 0);
	struct rules rules;

	nat_rules(nat, &external, "wan", &rules);
	assert_prints(&rules, expected);
}

Test(nat_rules, lambda)
{
	assert_nat_prints(&nat_preset_find("lambda")->nat, HEAD MAPPING("eim", "") DROP GUARDS);
}

/* Strict tracking is a sysctl; the rules are lambda's. */
Test(nat_rules, linux_nat)
{
	assert_nat_prints(&nat_preset_find("linux")->nat, HEAD MAPPING("eim", "") DROP GUARDS);
}

Test(nat_rules, symmetric)
{
	assert_nat_prints(&nat_preset_find("symmetric")->nat,
			  HEAD MAPPING("apdm", " fully-random") DROP GUARDS);
}

Test(nat_rules, a_reset_is_for_tcp_and_invalid_packets_get_no_answer)
{
	struct nat nat = nat_preset_find("linux")->nat;

	nat.unsolicited = NAT_UNSOLICITED_RST;
	assert_nat_prints(&nat, HEAD MAPPING("eim", "") RESET UNREACHABLE DROP GUARDS);
}

Test(nat_rules, port_unreachable_is_for_all)
{
	struct nat nat = nat_preset_find("linux")->nat;

	nat.unsolicited = NAT_UNSOLICITED_ICMP;
	assert_nat_prints(&nat, HEAD MAPPING("eim", "") UNREACHABLE DROP GUARDS);
}

Test(nat_rules, a_static_forward)
{
	struct nat nat = nat_preset_find("linux")->nat;

	nat.forwards[0] = (struct nat_forward){IPPROTO_TCP, 8080, addr_v4(0x0a000002, 80)};
	nat.n_forwards = 1;
	assert_nat_prints(&nat, HEAD FORWARD MAPPING("eim", "") DROP GUARDS);
}

Test(nat_rules, the_public_side_knows_no_private_source)
{
	struct rules rules;

	nat_internet_rules(&rules);
	assert_prints(&rules,
		      "table ip boxlab\n"
		      "  counter leak\n"
		      "  chain prerouting: filter hook prerouting priority -300\n" LEAK(
			      "10.0.0.0/8", "0xff000000",
			      "0x0a000000") LEAK("172.16.0.0/12", "0xfff00000", "0xac100000")
			      LEAK("192.168.0.0/16", "0xffff0000", "0xc0a80000")
				      LEAK("100.64.0.0/10", "0xffc00000", "0x64400000")
					      LEAK("198.18.0.0/15", "0xfffe0000", "0xc6120000"));
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
