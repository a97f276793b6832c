/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A NAT that is changed while it works, and what it says it remembers. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/support/userns.h"
#include "tests/topo/natlab.h"
#include "tests/topo/net.h"
#include "topo/conntrack.h"
#include "topo/nat_rules.h"
#include "topo/nft.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 60000

static struct nat_behaviour cone(enum nat_filtering filtering)
{
	return (struct nat_behaviour){NAT_MAPPING_EIM, filtering, NAT_ALLOCATION_RANDOM,
				      NAT_CONFLICT_RANDOM, NAT_HAIRPIN_OFF};
}

static struct topo_nat_state state_of(const struct natlab *l)
{
	struct topo_nat_state state;
	struct error err = {0};

	USERNS_CHECK(topo_nat_state(l->world.topo, l->nat, &state, &err) == 0, "%s", err.text);
	return state;
}

static void reboot(void *arg)
{
	struct nat nat = natlab_nat(cone(NAT_FILTERING_EIF));
	struct topo_nat_state state;
	struct addr first, second;
	struct natlab l;
	int fd, accepted, tcp;

	(void)arg;
	nat.loose = false;
	natlab_make(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	first = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	tcp = net_connect(world_netns(&l.world, l.fn), 5000,
			  net_listen(world_netns(&l.world, l.seed), 80), NATLAB_SEED, 80, &accepted,
			  NULL);
	natlab_change(&l, &nat, NULL, true);
	state = state_of(&l);
	USERNS_CHECK(!state.n_mappings && !state.n_filters, "something is remembered");
	topo_nat_state_done(&state);
	USERNS_CHECK(!natlab_try_udp(&l, l.stranger, 9, &first, fd), "the old mapping is open");
	net_say(tcp, 100);
	while (world_packets(&l.world, l.nat, TOPO_COUNTER_INVALID) == 0)
		(void)usleep(1000);
	second = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	USERNS_CHECK(second.port != first.port, "the old port");
	USERNS_CHECK(natlab_try_udp(&l, l.stranger, 9, &second, fd), "the new mapping is shut");
	/* Counters are not forgotten. */
	world_expect_packets(&l.world, l.nat, TOPO_COUNTER_UNSOLICITED, l.unsolicited);
	natlab_done(&l);
}

Test(nat_change, a_reboot_forgets_all)
{
	userns_test(reboot, NULL, TIMEOUT_MS);
}

static void rebind(void *arg)
{
	struct nat nat = natlab_nat(cone(NAT_FILTERING_EIF));
	struct addr spare = addr_v4(NATLAB_OTHER(0), 0), home = addr_v4(NATLAB_NAT, 0);
	struct addr old, seen;
	struct natlab l;
	int fd;

	(void)arg;
	natlab_make(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	old = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	natlab_change(&l, &nat, &spare, true);
	seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	USERNS_CHECK(addr_same_host(&seen, &spare), "%08x", addr_v4_value(&seen));
	USERNS_CHECK(natlab_try_udp(&l, l.stranger, 9, &seen, fd), "the new address is shut");
	USERNS_CHECK(!natlab_try_udp(&l, l.stranger, 9, &old, fd), "the old address is open");
	natlab_change(&l, &nat, &home, true);
	seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	USERNS_CHECK(addr_same_host(&seen, &home), "%08x", addr_v4_value(&seen));
	natlab_done(&l);
}

Test(nat_change, a_nat_moves_to_another_address_and_back)
{
	userns_test(rebind, NULL, TIMEOUT_MS);
}

/* Every pair of mapping and filtering takes over from every other one, and what is open
 * stays open. */
static void behaviours(void *arg)
{
	struct nat nat = *world_preset("linux");
	int fd, accepted, udp;
	struct natlab l;
	struct addr seen;

	(void)arg;
	natlab_make(&l, &nat);
	fd = net_connect(world_netns(&l.world, l.fn), 5000,
			 net_listen(world_netns(&l.world, l.seed), 80), NATLAB_SEED, 80, &accepted,
			 &seen);
	natlab_check(&seen, NATLAB_NAT, 5000);
	udp = natlab_socket(&l, l.neighbour, SOCK_DGRAM, 5000);
	for (unsigned i = 0; i < 18; i++) {
		nat = natlab_nat((struct nat_behaviour){.mapping = i % 9 / 3,
							.filtering = i % 3,
							.allocation = i % 5,
							.conflict = NAT_CONFLICT_RANDOM,
							.hairpin = i % 2 * NAT_HAIRPIN_EXTERNAL});
		nat.limits.flows_per_host = i % 3 ? 1000 : 0;
		natlab_change(&l, &nat, NULL, false);
		net_say(fd, 1000);
		net_hear(accepted, 1000);
		net_say(accepted, 1000);
		net_hear(fd, 1000);
		seen = natlab_udp(&l, udp, l.seed, NATLAB_SEED, (uint16_t)(100 + i));
		/* A flow of its own, since one that came in before is open still. */
		USERNS_CHECK(natlab_try_udp(&l, l.stranger, (uint16_t)(200 + i), &seen, udp) ==
				     (nat.udp.filtering == NAT_FILTERING_EIF),
			     "%s %s", nat_mapping_names[nat.udp.mapping],
			     nat_filtering_names[nat.udp.filtering]);
	}
	nat = *world_preset("linux");
	natlab_change(&l, &nat, NULL, false);
	net_say(fd, 1000);
	net_hear(accepted, 1000);
	natlab_done(&l);
}

Test(nat_change, a_change_of_behaviour_keeps_what_is_open)
{
	userns_test(behaviours, NULL, TIMEOUT_MS);
}

/* What a mapping lets in changes under it, and changes back. */
static void filter_there_and_back(void *arg)
{
	struct nat open = natlab_nat(cone(NAT_FILTERING_EIF));
	struct nat shut = natlab_nat(cone(NAT_FILTERING_ADF));
	struct natlab l;
	struct addr seen;
	int fd;

	(void)arg;
	natlab_make(&l, &open);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	USERNS_CHECK(natlab_try_udp(&l, l.stranger, 1, &seen, fd), "open");
	natlab_change(&l, &shut, NULL, false);
	USERNS_CHECK(!natlab_try_udp(&l, l.stranger, 2, &seen, fd), "shut");
	natlab_change(&l, &open, NULL, false);
	USERNS_CHECK(natlab_try_udp(&l, l.stranger, 3, &seen, fd), "open again");
	natlab_done(&l);
}

Test(nat_change, a_mapping_survives_a_change_of_filtering)
{
	userns_test(filter_there_and_back, NULL, TIMEOUT_MS);
}

/* A change of something else does not begin the counting anew. */
static void count_goes_on(void *arg)
{
	struct nat_behaviour b = {NAT_MAPPING_APDM, NAT_FILTERING_APDF, NAT_ALLOCATION_SEQUENTIAL,
				  NAT_CONFLICT_RANDOM, NAT_HAIRPIN_OFF};
	struct nat nat = natlab_nat(b);
	struct natlab l;
	struct addr seen;
	int fd;

	(void)arg;
	nat.port_min = 40000;
	natlab_make(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	for (uint16_t i = 0; i < 4; i++) {
		seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, (uint16_t)(80 + i));
		natlab_check(&seen, NATLAB_NAT, (uint16_t)(40000 + i));
		nat.unsolicited = i % 2 ? NAT_UNSOLICITED_DROP : NAT_UNSOLICITED_RST;
		natlab_change(&l, &nat, NULL, false);
	}
	/* A reboot does. */
	natlab_change(&l, &nat, NULL, true);
	seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 90);
	natlab_check(&seen, NATLAB_NAT, 40000);
	natlab_done(&l);
}

Test(nat_change, counting_goes_on_over_a_change)
{
	userns_test(count_goes_on, NULL, TIMEOUT_MS);
}

/* Nor are blocks given anew that somebody has. */
static void blocks_go_on(void *arg)
{
	struct nat_behaviour b = {NAT_MAPPING_EIM, NAT_FILTERING_EIF, NAT_ALLOCATION_BLOCK,
				  NAT_CONFLICT_RANDOM, NAT_HAIRPIN_OFF};
	struct nat nat = natlab_nat(b);
	struct addr fn, neighbour;
	struct natlab l;

	(void)arg;
	natlab_make(&l, &nat);
	fn = natlab_udp(&l, natlab_socket(&l, l.fn, SOCK_DGRAM, 5000), l.seed, NATLAB_SEED, 80);
	nat.unsolicited = NAT_UNSOLICITED_RST;
	natlab_change(&l, &nat, NULL, false);
	neighbour = natlab_udp(&l, natlab_socket(&l, l.neighbour, SOCK_DGRAM, 5000), l.seed,
			       NATLAB_SEED, 80);
	USERNS_CHECK((uint32_t)(fn.port - nat.port_min) / nat.block_size == 0 &&
			     (uint32_t)(neighbour.port - nat.port_min) / nat.block_size == 1,
		     "ports %u and %u", fn.port, neighbour.port);
	natlab_done(&l);
}

Test(nat_change, a_block_stays_one_machines_over_a_change)
{
	userns_test(blocks_go_on, NULL, TIMEOUT_MS);
}

static void full_and_not(void *arg)
{
	struct nat nat = natlab_nat(cone(NAT_FILTERING_EIF));
	struct natlab l;
	int fd;

	(void)arg;
	natlab_make(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	(void)natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	nat.limits.table = 1;
	natlab_change(&l, &nat, NULL, false);
	(void)natlab_udp(&l, fd, l.seed, NATLAB_SEED, 81);
	net_send(fd, NATLAB_SEED, 82);
	world_expect_packets(&l.world, l.nat, TOPO_COUNTER_LIMITED, 1);
	(void)natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	nat.limits.table = 0;
	natlab_change(&l, &nat, NULL, false);
	(void)natlab_udp(&l, fd, l.seed, NATLAB_SEED, 82);
	natlab_done(&l);
}

Test(nat_change, a_table_is_full_for_a_while)
{
	userns_test(full_and_not, NULL, TIMEOUT_MS);
}

static void shorter(void *arg)
{
	struct nat nat = natlab_nat(cone(NAT_FILTERING_EIF));
	struct nat brief = nat;
	struct natlab l;
	struct addr seen;
	int fd;

	(void)arg;
	brief.timeouts.udp = brief.timeouts.udp_stream = 1;
	natlab_make(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	natlab_change(&l, &brief, NULL, false);
	(void)natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	for (;;) {
		struct topo_nat_state state = state_of(&l);
		size_t n = state.n_mappings;

		topo_nat_state_done(&state);
		if (!n)
			break;
		(void)usleep(10000);
	}
	natlab_change(&l, &nat, NULL, false);
	seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	USERNS_CHECK(natlab_try_udp(&l, l.stranger, 9, &seen, fd), "shut");
	{
		struct topo_nat_state state = state_of(&l);

		USERNS_CHECK(state.n_mappings == 1 && state.mappings[0].expires_ms > 20000,
			     "still brief");
		topo_nat_state_done(&state);
	}
	natlab_done(&l);
}

Test(nat_change, timeouts_are_shorter_for_a_while)
{
	userns_test(shorter, NULL, TIMEOUT_MS);
}

static void refused(void *arg)
{
	struct nat nat = natlab_nat(cone(NAT_FILTERING_EIF)), bad = nat;
	struct addr nowhere = addr_v4(0xc0000201, 0);
	struct topo_nat_change change = {.nat = &bad};
	struct error err = {0};
	struct natlab l;
	struct addr seen;
	int fd;

	(void)arg;
	natlab_make(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	bad.port_min = 0;
	USERNS_CHECK(topo_nat_change(l.world.topo, l.nat, &change, &err) == -EINVAL, "taken");
	bad = nat;
	bad.addresses = 16;
	USERNS_CHECK(topo_nat_change(l.world.topo, l.nat, &change, &err) == -EINVAL, "taken");
	bad = nat;
	change.external = &nowhere;
	USERNS_CHECK(topo_nat_change(l.world.topo, l.nat, &change, &err) == -EINVAL, "taken");
	USERNS_CHECK(strstr(err.text, "no address of this NAT"), "%s", err.text);
	change.external = NULL;
	USERNS_CHECK(topo_nat_change(l.world.topo, l.seed, &change, &err) == -EINVAL, "taken");
	/* The NAT is as it was. */
	USERNS_CHECK(natlab_try_udp(&l, l.stranger, 9, &seen, fd), "shut");
	natlab_done(&l);
}

Test(nat_change, a_change_that_is_refused_changes_nothing)
{
	userns_test(refused, NULL, TIMEOUT_MS);
}

static void several(void *arg)
{
	struct nat nat = natlab_nat(cone(NAT_FILTERING_EIF)), bad = nat;
	struct topo_nat_order orders[] = {
		{.change = {.nat = &nat, .forget = true}},
		{.change = {.nat = &bad}},
		{.change = {.nat = &nat}},
	};
	struct topo_nat_order many[150];
	struct topo_nat_state state;
	struct error err = {0};
	struct natlab l;

	(void)arg;
	natlab_make(&l, &nat);
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		orders[i].node = l.nat;
	(void)natlab_udp(&l, natlab_socket(&l, l.fn, SOCK_DGRAM, 5000), l.seed, NATLAB_SEED, 80);
	bad.port_min = 0;
	USERNS_CHECK(topo_nats_change(l.world.topo, orders, 3, &err) == -EINVAL, "taken");
	USERNS_CHECK(strncmp(err.text, "nat", 3) == 0, "%s", err.text);
	/* The first has been carried out. */
	state = state_of(&l);
	USERNS_CHECK(!state.n_mappings, "something is remembered");
	topo_nat_state_done(&state);
	/* More than the kernel is waited for at once. */
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = orders[0];
	USERNS_CHECK(topo_nats_change(l.world.topo, many, ARRAY_SIZE(many), &err) == 0, "%s",
		     err.text);
	orders[1] = orders[0];
	orders[2].node = l.seed;
	USERNS_CHECK(topo_nats_change(l.world.topo, orders, 3, &err) == -EINVAL, "no NAT");
	natlab_done(&l);
}

Test(nat_change, several_are_changed_up_to_the_first_that_fails)
{
	userns_test(several, NULL, TIMEOUT_MS);
}

static void states(void *arg)
{
	struct nat nat = natlab_nat(cone(NAT_FILTERING_ADF));
	struct topo_nat_state state;
	struct addr tcp, udp;
	struct natlab l;

	(void)arg;
	nat.tcp.mapping = NAT_MAPPING_ADM;
	natlab_make(&l, &nat);
	tcp = natlab_tcp(&l, l.fn, 5000, l.seed, NATLAB_SEED, 80);
	udp = natlab_udp(&l, natlab_socket(&l, l.neighbour, SOCK_DGRAM, 6000), l.second,
			 NATLAB_SECOND, 80);
	state = state_of(&l);
	USERNS_CHECK(state.n_mappings == 2 && state.n_filters == 2, "%zu and %zu", state.n_mappings,
		     state.n_filters);
	USERNS_CHECK(state.mappings[0].proto == IPPROTO_TCP &&
			     state.mappings[1].proto == IPPROTO_UDP,
		     "protocols");
	natlab_check(&state.mappings[0].inside, NATLAB_FN, 5000);
	USERNS_CHECK(addr_equal(&state.mappings[0].external, &tcp), "external");
	natlab_check(&state.mappings[0].remote, NATLAB_SEED, 0);
	natlab_check(&state.mappings[1].inside, WORLD_NEIGHBOUR_ADDR(0), 6000);
	USERNS_CHECK(addr_equal(&state.mappings[1].external, &udp), "external");
	USERNS_CHECK(state.mappings[1].remote.family == AF_UNSPEC, "for one alone");
	USERNS_CHECK(addr_equal(&state.filters[0].external, &tcp), "external");
	natlab_check(&state.filters[0].remote, NATLAB_SEED, 0);
	natlab_check(&state.filters[1].remote, NATLAB_SECOND, 0);
	for (size_t i = 0; i < 2; i++)
		USERNS_CHECK(state.mappings[i].expires_ms > 1000 &&
				     state.filters[i].expires_ms > 1000,
			     "no time left");
	topo_nat_state_done(&state);
	natlab_done(&l);
}

Test(nat_change, the_state_shows_mappings_and_filters)
{
	userns_test(states, NULL, TIMEOUT_MS);
}

/* A set of another shape has the name of one that blocks of ports need. */
static void squat(const struct natlab *l)
{
	static const struct rule_set shape = {"tcp_block", .key = {RULE_FIELD_PORT}};
	cleanup_with(rules_done) struct rules before, after;
	struct nft_change change = {.from = &before, .to = &after};
	struct error err = {0};

	rules_init(&before, NAT_RULES_TABLE);
	rules_init(&after, NAT_RULES_TABLE);
	(void)rules_add_set(&after, &shape);
	USERNS_CHECK(nft_change(world_netns(&l->world, l->nat), &change, &err) == 0, "%s",
		     err.text);
}

static void refused_by_the_kernel(void *arg)
{
	struct nat nat = natlab_nat(cone(NAT_FILTERING_EIF)), bad = nat;
	struct topo_nat_change change = {.nat = &bad, .forget = false};
	struct error err = {0};
	struct natlab l;
	struct addr seen;
	int fd;

	(void)arg;
	natlab_make(&l, &nat);
	squat(&l);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	bad.tcp.allocation = NAT_ALLOCATION_BLOCK;
	bad.udp.filtering = NAT_FILTERING_APDF;
	USERNS_CHECK(topo_nat_change(l.world.topo, l.nat, &change, &err) < 0, "taken");
	USERNS_CHECK(strstr(err.text, "tcp_block"), "%s", err.text);
	/* Rules and flows are what they were, and the gate is open. */
	USERNS_CHECK(natlab_try_udp(&l, l.stranger, 9, &seen, fd), "shut");
	seen = natlab_udp(&l, fd, l.second, NATLAB_SECOND, 80);
	USERNS_CHECK(natlab_try_udp(&l, l.stranger, 8, &seen, fd), "shut");
	bad.tcp = nat.tcp;
	natlab_change(&l, &bad, NULL, false);
	USERNS_CHECK(!natlab_try_udp(&l, l.stranger, 7, &seen, fd), "open");
	natlab_done(&l);
}

Test(nat_change, a_change_that_the_kernel_refuses_changes_nothing)
{
	userns_test(refused_by_the_kernel, NULL, TIMEOUT_MS);
}

/* More is refused than the queue has room for answers. */
static void refused_altogether(void *arg)
{
	struct nat nat = natlab_nat((struct nat_behaviour){
		.filtering = NAT_FILTERING_EIF, .allocation = NAT_ALLOCATION_SEQUENTIAL});
	struct topo_nat_change change = {.nat = &nat};
	struct error err = {0};
	struct natlab l;
	int netns;

	(void)arg;
	nat.addresses = NAT_ADDRESSES_MAX;
	natlab_make(&l, &nat);
	netns = world_netns(&l.world, l.nat);
	USERNS_CHECK(nft_remove(netns, NAT_RULES_TABLE, &err) == 0, "%s", err.text);
	nat.addresses = 2;
	USERNS_CHECK(topo_nat_change(l.world.topo, l.nat, &change, &err) == -ENOENT, "%s",
		     err.text);
	USERNS_CHECK(strstr(err.text, "rules of nft chain prerouting"), "%s", err.text);
	USERNS_CHECK(nft_remove(netns, NAT_GATE_TABLE, &err) == -ENOENT, "the gate is shut");
	natlab_done(&l);
}

Test(nat_change, of_all_that_is_refused_the_first_is_told)
{
	userns_test(refused_altogether, NULL, TIMEOUT_MS);
}
