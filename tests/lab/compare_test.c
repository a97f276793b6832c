/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A declaration held against a measurement: what differs, and what only seems to.
 */
#include "base/cleanup.h"
#include "lab/nat_compare.h"

#include <criterion/criterion.h>
#include <string.h>

#define GRAIN_S 2

static const struct {
	const char *title;
	const char *declared; /* beside "linux" */
	const char *measured;
	const char *differences; /* each with a line break behind it */
} cases[] = {
	{"what was not measured", "{}", "{}", ""},
	{"the truth", "{}",
	 "{tcp: {mapping: eim, filtering: apdf, allocation: preserve, hairpin: off},"
	 " udp: {mapping: eim}, unsolicited: drop, tcp_tracking: strict, simultaneous_open: on}",
	 ""},
	{"everything else", "{}",
	 "{tcp: {mapping: adm, filtering: eif, allocation: random, hairpin: internal},"
	 " udp: {mapping: apdm}, unsolicited: rst, tcp_tracking: liberal, simultaneous_open: off}",
	 "mapping (tcp): declared eim, measured adm\n"
	 "filtering (tcp): declared apdf, measured eif\n"
	 "allocation (tcp): declared preserve, measured random\n"
	 "hairpin (tcp): declared off, measured internal\n"
	 "mapping (udp): declared eim, measured apdm\n"
	 "unsolicited: declared drop, measured rst\n"
	 "tcp_tracking: declared strict, measured liberal\n"
	 "simultaneous_open: declared on, measured off\n"},
	{"a conflict where ports are kept", "{conflict: random}", "{tcp: {conflict: overload}}",
	 "conflict (tcp): declared random, measured overload\n"},
	{"a conflict where they are not", "{allocation: random, conflict: random}",
	 "{tcp: {conflict: overload}}", ""},
	{"a hash looks random", "{allocation: seeded}", "{allocation: random}", ""},
	{"a hash does not look sequential", "{allocation: seeded}",
	 "{tcp: {allocation: sequential}}",
	 "allocation (tcp): declared seeded, measured sequential\n"},
	{"a small block", "{allocation: block, block_size: 512}", "{tcp: {allocation: random}}",
	 "allocation (tcp): declared block, measured random\n"},
	{"a block like a range", "{allocation: block, block_size: 60000}", "{allocation: random}",
	 ""},
	{"a range like a block", "{allocation: random, ports: 5000-6000}", "{allocation: block}",
	 ""},
	{"a range that is none", "{allocation: random}", "{udp: {allocation: block}}",
	 "allocation (udp): declared random, measured block\n"},
	{"no NAT", "{mapping: none}",
	 "{mapping: none, filtering: eif, allocation: preserve, hairpin: external}", ""},
	{"a NAT where none is", "{mapping: none}", "{tcp: {mapping: eim, filtering: apdf}}",
	 "mapping (tcp): declared none, measured eim\n"},
	{"a firewall where none is", "{mapping: none}", "{udp: {mapping: none, filtering: apdf}}",
	 "filtering (udp): declared eif, measured apdf\n"},
	{"a tracker that nobody sees", "{simultaneous_open: off}", "{tcp_tracking: liberal}", ""},
	{"fewer addresses than there are", "{addresses: 4, pooling: arbitrary}",
	 "{addresses: 2, pooling: arbitrary}", ""},
	{"a pool that is not spread", "{addresses: 4, pooling: arbitrary}",
	 "{addresses: 2, pooling: paired}", "pooling: declared arbitrary, measured paired\n"},
	{"a pool of which one address is seen", "{addresses: 4, pooling: arbitrary}", "{}",
	 "pooling: declared arbitrary, measured paired\n"},
	{"more addresses than there are", "{}", "{addresses: 2, pooling: paired}",
	 "addresses: declared 1, measured 2\n"},
	{"a pool that is spread", "{addresses: 4}", "{addresses: 3, pooling: arbitrary}",
	 "pooling: declared paired, measured arbitrary\n"},
	{"timeouts by and large", "{timeouts: {udp: 40s, tcp_established: 5s}}",
	 "{timeouts: {udp: 38s, tcp_established: 5s}}", ""},
	{"timeouts far from it", "{timeouts: {udp_stream: 4s}}", "{timeouts: {udp_stream: 1s}}",
	 "timeouts.udp_stream: declared 4s, measured 1s\n"},
};

static struct nat_part part_of(const char *text)
{
	struct nat_part part;
	struct error err;

	cr_assert_eq(nat_part_read(text, strlen(text), "t", &part, &err), 0, "%s: %s", text,
		     err.text);
	return part;
}

Test(compare, tells_what_differs)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nat declared = nat_preset_find("linux")->nat;
		struct nat_part changed = part_of(cases[i].declared);
		struct nat_part measured = part_of(cases[i].measured);
		struct nat_differences differences;
		char all[1024] = "";

		nat_part_apply(&changed, &declared);
		nat_compare(&declared, &measured, GRAIN_S, &differences);
		for (size_t k = 0; k < differences.n; k++) {
			(void)strcat(all, differences.text[k]);
			(void)strcat(all, "\n");
		}
		cr_expect_str_eq(all, cases[i].differences, "%s: %s", cases[i].title, all);
	}
}

Test(compare, every_preset_is_like_itself)
{
	size_t n;
	const struct nat_preset *presets = nat_presets(&n);

	for (size_t i = 0; i < n; i++) {
		struct nat_part measured = {.nat = presets[i].nat};
		struct nat_differences differences;

		(void)memset(&measured.known, 1, sizeof(measured.known));
		nat_compare(&presets[i].nat, &measured, GRAIN_S, &differences);
		cr_expect_eq(differences.n, 0, "%s: %s", presets[i].nat.preset,
			     differences.text[0]);
	}
}

/* What a prober said, and what is missing of it. */
static const struct {
	const char *declared, *measured;
	bool quick;
	const char *missing;
} gaps[] = {
	{"{}", "{}", true,
	 "mapping (tcp)\nfiltering (tcp)\nallocation (tcp)\nhairpin (tcp)\nmapping (udp)\n"
	 "filtering (udp)\nallocation (udp)\nhairpin (udp)\nunsolicited\n"},
	{"{}",
	 "{mapping: eim, filtering: apdf, allocation: preserve, hairpin: off, unsolicited: drop}",
	 true, ""},
	{"{}",
	 "{mapping: eim, filtering: apdf, allocation: preserve, hairpin: off, unsolicited: drop}",
	 false, "conflict (tcp)\nconflict (udp)\nsimultaneous_open\ntcp_tracking\n"},
	{"{mapping: apdm, allocation: random}",
	 "{mapping: apdm, filtering: apdf, allocation: random, hairpin: off, unsolicited: drop}",
	 false, ""},
	{"{simultaneous_open: off, allocation: random}",
	 "{mapping: eim, filtering: apdf, allocation: random, hairpin: off, unsolicited: drop}",
	 false, "simultaneous_open\n"},
	{"{addresses: 8}", "{mapping: eim, filtering: apdf, hairpin: off, unsolicited: drop}",
	 false, ""},
	{"{mapping: none}", "{mapping: none}", false, "filtering (tcp)\nfiltering (udp)\n"},
};

Test(compare, tells_what_was_not_measured)
{
	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
		struct nat declared = nat_preset_find("linux")->nat;
		struct nat_part changed = part_of(gaps[i].declared);
		struct nat_part measured = part_of(gaps[i].measured);
		struct nat_missing missing;
		char all[1024] = "";

		nat_part_apply(&changed, &declared);
		nat_missing(&declared, &measured, gaps[i].quick, &missing);
		for (size_t k = 0; k < missing.n; k++) {
			(void)strcat(all, missing.text[k]);
			(void)strcat(all, "\n");
		}
		cr_expect_str_eq(all, gaps[i].missing, "%s, %s: %s", gaps[i].declared,
				 gaps[i].measured, all);
	}
}
