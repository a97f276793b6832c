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
	cr_assert_geq(n, 12);
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

/* One contradiction, put into a declaration that has none. */
#define REFUSES(from, spoil, words)                          \
	do {                                                 \
		struct nat nat = nat_preset_find(from)->nat; \
                                                             \
		cr_assert_eq(nat_check(&nat, NULL), 0);      \
		spoil;                                       \
		assert_refused(&nat, words);                 \
	} while (0)

Test(nat, refuses_behaviours_that_do_not_exist)
{
	REFUSES("linux", nat.udp.mapping = NAT_MAPPING_NONE + 1, "mapping: there is no value");
	REFUSES("linux", nat.udp.filtering = 3, "filtering: there is no value");
	REFUSES("linux", nat.tcp.allocation = 5, "allocation: there is no value");
	REFUSES("linux", nat.udp.conflict = 3, "conflict: there is no value");
	REFUSES("linux", nat.tcp.hairpin = 3, "hairpin: there is no value");
	REFUSES("linux", nat.tcp_tracking = 2, "tcp_tracking: there is no value");
	REFUSES("linux", nat.expired = 2, "expired: there is no value");
	REFUSES("linux", nat.pooling = 2, "pooling: there is no value");
	REFUSES("linux", (void)memset(nat.preset, 'x', sizeof(nat.preset)), "has no end");
}

Test(nat, refuses_overloaded_ports_where_they_can_not_be_told_apart)
{
	REFUSES("linux", nat.tcp.mapping = NAT_MAPPING_ADM,
		"TCP: with 'conflict: overload' a port is always kept");
	REFUSES("linux", nat.udp.mapping = NAT_MAPPING_APDM,
		"UDP: with 'conflict: overload' a port is always kept");
	REFUSES("linux", nat.tcp.mapping = nat.udp.mapping = NAT_MAPPING_ADM,
		"TCP and UDP: with 'conflict: overload'");
	REFUSES("linux", nat.tcp.mapping = NAT_MAPPING_ADM;
		nat.udp.hairpin = NAT_HAIRPIN_INTERNAL, "; UDP: with 'conflict: overload' several");
	REFUSES("linux", nat.tcp.mapping = NAT_MAPPING_ADM, "; choose 'conflict: random'");
	REFUSES("linux", nat.tcp.filtering = NAT_FILTERING_EIF, "eif filtering can't tell whom");
	REFUSES("linux", nat.udp.filtering = NAT_FILTERING_ADF, "adf filtering can't tell whom");
	REFUSES("linux", nat.tcp.hairpin = NAT_HAIRPIN_EXTERNAL, "hairpinning can't tell whom");
	REFUSES("linux", nat.udp.hairpin = NAT_HAIRPIN_INTERNAL, "hairpinning can't tell whom");
}

Test(nat, refuses_ports_and_pools_that_are_none)
{
	REFUSES("linux", nat.port_min = 0, "there is no port 0");
	REFUSES("linux", (nat.port_min = 2000, nat.port_max = 1999), "ports 2000 to 1999 are none");
	REFUSES("cgnat-blocks", nat.block_size = 0, "a block of no ports");
	REFUSES("cgnat-blocks", nat.block_size = 64513, "does not fit ports 1024 to 65535");
	REFUSES("linux", nat.addresses = 0, "1 to 16 addresses, not 0");
	REFUSES("linux", nat.addresses = NAT_ADDRESSES_MAX + 1, "1 to 16 addresses, not 17");
}

Test(nat, refuses_times_that_are_none)
{
	REFUSES("linux", nat.expired = NAT_EXPIRED_RST, "picks up TCP flows in their middle");
	REFUSES("linux", nat.timeouts.udp_stream = 0, "timeout udp_stream is no time at all");
	REFUSES("linux", nat.timeouts.tcp_close = 0, "timeout tcp_close is no time at all");
	REFUSES("linux", nat.timeouts.tcp_established = 2000001, "is more than 2000000 s");
}

Test(nat, refuses_a_public_machine_with_anything_of_a_nat)
{
	REFUSES("linux", nat.udp.mapping = NAT_MAPPING_NONE, "for TCP and UDP alike");
	REFUSES("none", nat.udp.filtering = NAT_FILTERING_ADF, "no filtering without a NAT");
	REFUSES("none", nat.tcp.hairpin = NAT_HAIRPIN_EXTERNAL, "no hairpinning without a NAT");
	REFUSES("none", nat.unsolicited = NAT_UNSOLICITED_RST, "no answer to the unsolicited");
	REFUSES("none", nat.simultaneous_open = false, "no refusal of a simultaneous open");
	REFUSES("none", (nat.loose = false, nat.expired = NAT_EXPIRED_RST), "to the expired");
	REFUSES("none", nat.addresses = 2, "no pool without a NAT");
	REFUSES("none", nat.limits.table = 1, "no limit without a NAT");
	REFUSES("none",
		nat.forwards[nat.n_forwards++] =
			((struct nat_forward){IPPROTO_TCP, 80, addr_v4(0x0a000002, 80)}),
		"no forward without a NAT");
	REFUSES("none",
		nat.statics[nat.n_statics++] =
			((struct nat_static){addr_v4(0x0a000002, 0), addr_v4(0xc6336402, 0)}),
		"no one-to-one translation without a NAT");
}

static void add_static(struct nat *nat, uint32_t inside, uint32_t external)
{
	nat->statics[nat->n_statics++] =
		(struct nat_static){addr_v4(inside, 0), addr_v4(external, 0)};
}

static void add_two_statics(struct nat *nat, uint32_t inside, uint32_t external)
{
	add_static(nat, 0x0a000002, 0xc6336402);
	add_static(nat, inside, external);
}

Test(nat, refuses_one_to_one_machines_that_are_not_one)
{
	REFUSES("linux", add_static(&nat, 0, 0xc6336402), "the inside address is not IPv4");
	REFUSES("linux", add_static(&nat, 0x0a000002, 0), "the external address is not IPv4");
	REFUSES("linux", add_two_statics(&nat, 0x0a000002, 0xc6336403), "of the same machine");
	REFUSES("linux", add_two_statics(&nat, 0x0a000003, 0xc6336402), "to the same external");
	REFUSES("linux", nat.n_statics = NAT_STATICS_MAX + 1, "more than 16");
}
