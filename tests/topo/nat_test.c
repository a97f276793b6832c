/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The declaration of a NAT: presets, names, what is refused. */
#include "topo/nat.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <string.h>

static struct nat with_forward(uint8_t proto, uint16_t port, struct addr to)
{
	struct nat nat = nat_preset_find("linux")->nat;

	nat.forwards[nat.n_forwards++] = (struct nat_forward){proto, port, to};
	return nat;
}

static void assert_refused(const struct nat *nat, const char *words)
{
	struct error err = {0};

	cr_assert_eq(nat_check(nat, &err), -EINVAL);
	cr_assert_eq(err.code, EINVAL);
	cr_assert(strstr(err.text, words), "'%s' does not say '%s'", err.text, words);
}

Test(nat, presets_are_consistent_and_found_by_name)
{
	const struct nat_preset *presets;
	size_t n;

	presets = nat_presets(&n);
	cr_assert_geq(n, 3);
	for (size_t i = 0; i < n; i++) {
		struct error err = {0};

		cr_assert_eq(nat_check(&presets[i].nat, &err), 0, "%s: %s", presets[i].nat.preset,
			     err.text);
		cr_assert_not_null(presets[i].source, "%s has no source", presets[i].nat.preset);
		cr_assert_eq(nat_preset_find(presets[i].nat.preset), &presets[i]);
	}
	cr_assert_null(nat_preset_find("no-such-nat"));
}

Test(nat, lambda_is_liberal_by_assumption)
{
	const struct nat_preset *lambda = nat_preset_find("lambda");

	cr_assert_eq(lambda->nat.tcp.mapping, NAT_MAPPING_EIM);
	cr_assert_eq(lambda->nat.unsolicited, NAT_UNSOLICITED_DROP);
	cr_assert_eq(lambda->nat.tcp_tracking, NAT_TCP_LIBERAL);
	cr_assert(strstr(lambda->assumptions, "liberal"));
}

Test(nat, names_follow_the_enums)
{
	cr_assert_str_eq(nat_mapping_names[NAT_MAPPING_APDM], "apdm");
	cr_assert_str_eq(nat_filtering_names[NAT_FILTERING_APDF], "apdf");
	cr_assert_str_eq(nat_unsolicited_names[NAT_UNSOLICITED_ICMP], "icmp");
	cr_assert_str_eq(nat_tcp_tracking_names[NAT_TCP_LIBERAL], "liberal");
	cr_assert_null(nat_unsolicited_names[NAT_UNSOLICITED_ICMP + 1]);
}

Test(nat, a_forward_to_an_inside_host_is_accepted)
{
	struct nat nat = with_forward(IPPROTO_TCP, 8080, addr_v4(0x0a000002, 80));

	/* The same port of another protocol is another forward. */
	nat.forwards[nat.n_forwards++] =
		(struct nat_forward){IPPROTO_UDP, 8080, addr_v4(0x0a000002, 80)};
	cr_assert_eq(nat_check(&nat, NULL), 0);
}

Test(nat, refuses_values_outside_their_enum)
{
	struct nat nat = nat_preset_find("linux")->nat;

	nat.unsolicited = NAT_UNSOLICITED_ICMP + 1;
	assert_refused(&nat, "unsolicited");
	nat = nat_preset_find("linux")->nat;
	nat.tcp.mapping = NAT_MAPPING_NONE + 1;
	assert_refused(&nat, "mapping");
}

Test(nat, refuses_forwards_that_mean_nothing)
{
	struct nat nat = with_forward(IPPROTO_ICMP, 1, addr_v4(0x0a000002, 1));

	assert_refused(&nat, "neither TCP nor UDP");
	nat = with_forward(IPPROTO_TCP, 0, addr_v4(0x0a000002, 80));
	assert_refused(&nat, "port is missing");
	nat = with_forward(IPPROTO_TCP, 80, addr_v4(0x0a000002, 0));
	assert_refused(&nat, "port is missing");
	nat = with_forward(IPPROTO_TCP, 80, (struct addr){.family = AF_INET6, .port = 80});
	assert_refused(&nat, "not IPv4");
}

Test(nat, refuses_two_forwards_of_one_port)
{
	struct nat nat = with_forward(IPPROTO_TCP, 80, addr_v4(0x0a000002, 80));

	nat.forwards[nat.n_forwards++] =
		(struct nat_forward){IPPROTO_TCP, 80, addr_v4(0x0a000003, 80)};
	assert_refused(&nat, "TCP port 80");
}

Test(nat, refuses_more_forwards_than_there_is_room_for)
{
	struct nat nat = nat_preset_find("linux")->nat;

	nat.n_forwards = NAT_FORWARDS_MAX + 1;
	assert_refused(&nat, "more than 64");
}
