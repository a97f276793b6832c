/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a NAT lets pass beside its mappings: hairpinning, forwards, limits, lifetimes. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/support/userns.h"
#include "tests/topo/natlab.h"
#include "tests/topo/net.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 60000

static struct nat_behaviour behaviour(enum nat_filtering filtering, enum nat_hairpin hairpin)
{
	return (struct nat_behaviour){NAT_MAPPING_EIM, filtering, NAT_ALLOCATION_RANDOM,
				      NAT_CONFLICT_RANDOM, hairpin};
}

static int netns(const struct natlab *l, size_t node)
{
	return world_netns(&l->world, node);
}

/* The neighbour writes to fn's external endpoint. */
static void hairpin_udp(struct natlab *l, enum nat_hairpin hairpin)
{
	int fd = natlab_socket(l, l->fn, SOCK_DGRAM, 5000);
	int other = natlab_socket(l, l->neighbour, SOCK_DGRAM, 6000);
	struct addr ext = natlab_udp(l, fd, l->seed, NATLAB_SEED, 80);
	struct addr seen, back;

	net_send(other, addr_v4_value(&ext), ext.port);
	if (hairpin == NAT_HAIRPIN_OFF) {
		world_expect_packets(&l->world, l->nat, TOPO_COUNTER_UNSOLICITED, ++l->unsolicited);
		USERNS_CHECK(recv(fd, (char[1]){0}, 1, 0) < 0, "it came in");
		return;
	}
	net_receive(fd, &seen);
	if (hairpin == NAT_HAIRPIN_INTERNAL)
		natlab_check(&seen, WORLD_NEIGHBOUR_ADDR(0), 6000);
	else
		USERNS_CHECK(addr_v4_value(&seen) == NATLAB_NAT, "%08x", addr_v4_value(&seen));
	net_send(fd, addr_v4_value(&seen), seen.port);
	net_receive(other, &back);
	natlab_check(&back, addr_v4_value(&ext), ext.port);
	if (hairpin == NAT_HAIRPIN_EXTERNAL) {
		/* The sender's mapping is the one that everybody sees. */
		struct addr outside = natlab_udp(l, other, l->seed, NATLAB_SEED, 81);

		USERNS_CHECK(addr_equal(&outside, &seen), "another mapping");
	}
}

static void hairpin_tcp(struct natlab *l, enum nat_hairpin hairpin)
{
	int listener = net_listen(netns(l, l->fn), 5000);
	struct addr ext = natlab_tcp(l, l->fn, 5000, l->seed, NATLAB_SEED, 80);
	int fd = natlab_socket(l, l->neighbour, SOCK_STREAM, 6000);
	struct addr seen;
	int accepted;

	net_begin(fd, addr_v4_value(&ext), ext.port);
	if (hairpin == NAT_HAIRPIN_OFF) {
		world_expect_packets(&l->world, l->nat, TOPO_COUNTER_UNSOLICITED, ++l->unsolicited);
		USERNS_CHECK(net_is_silent(fd), "an answer");
		return;
	}
	accepted = net_accept(listener, &seen);
	USERNS_CHECK(net_outcome(fd) == 0, "not connected");
	if (hairpin == NAT_HAIRPIN_INTERNAL)
		natlab_check(&seen, WORLD_NEIGHBOUR_ADDR(0), 6000);
	else
		USERNS_CHECK(addr_v4_value(&seen) == NATLAB_NAT, "%08x", addr_v4_value(&seen));
	net_say(accepted, 1000);
	net_hear(fd, 1000);
}

static void hairpinning(void *arg)
{
	const enum nat_hairpin *hairpin = arg;

	for (unsigned filtering = NAT_FILTERING_EIF; filtering <= NAT_FILTERING_APDF; filtering++) {
		struct nat nat = natlab_nat(behaviour(filtering, *hairpin));
		struct natlab l;

		/* Whatever the policy for outside says, the inside gets no answer. */
		nat.unsolicited = NAT_UNSOLICITED_RST;
		natlab_make(&l, &nat);
		hairpin_udp(&l, *hairpin);
		hairpin_tcp(&l, *hairpin);
		natlab_done(&l);
	}
}

Test(nat_guards, without_hairpinning_an_own_external_endpoint_is_silent)
{
	userns_test(hairpinning, &(enum nat_hairpin){NAT_HAIRPIN_OFF}, TIMEOUT_MS);
}

Test(nat_guards, hairpinning_shows_the_senders_external_endpoint)
{
	userns_test(hairpinning, &(enum nat_hairpin){NAT_HAIRPIN_EXTERNAL}, TIMEOUT_MS);
}

Test(nat_guards, hairpinning_may_show_the_senders_inside_endpoint)
{
	userns_test(hairpinning, &(enum nat_hairpin){NAT_HAIRPIN_INTERNAL}, TIMEOUT_MS);
}

/* A port that is forwarded is nobody's else, and found from inside where NATs hairpin. */
static void forwards(void *arg)
{
	struct nat nat = natlab_nat(behaviour(NAT_FILTERING_EIF, NAT_HAIRPIN_EXTERNAL));
	struct addr ext = addr_v4(NATLAB_NAT, 8080), seen;
	struct natlab l;
	int fd, at, listener;

	(void)arg;
	nat.udp.allocation = NAT_ALLOCATION_PRESERVE;
	nat.forwards[0] = (struct nat_forward){IPPROTO_TCP, 8080, addr_v4(NATLAB_FN, 80)};
	nat.forwards[1] = (struct nat_forward){IPPROTO_UDP, 8080, addr_v4(NATLAB_FN, 80)};
	nat.n_forwards = 2;
	natlab_make(&l, &nat);
	listener = net_listen(netns(&l, l.fn), 80);
	at = natlab_socket(&l, l.fn, SOCK_DGRAM, 80);
	USERNS_CHECK(natlab_try_tcp(&l, l.stranger, &ext, listener), "tcp from outside");
	USERNS_CHECK(natlab_try_tcp(&l, l.neighbour, &ext, listener), "tcp from inside");
	USERNS_CHECK(natlab_try_udp(&l, l.stranger, 9, &ext, at), "udp from outside");
	USERNS_CHECK(natlab_try_udp(&l, l.neighbour, 9, &ext, at), "udp from inside");
	fd = natlab_socket(&l, l.neighbour, SOCK_DGRAM, 8080);
	seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	USERNS_CHECK(seen.port != 8080, "a forwarded port was given away");
	natlab_done(&l);
}

Test(nat_guards, a_forwarded_port_is_open_and_nobody_elses)
{
	userns_test(forwards, NULL, TIMEOUT_MS);
}

static void expect_limited(struct natlab *l, uint64_t n)
{
	world_expect_packets(&l->world, l->nat, TOPO_COUNTER_LIMITED, n);
}

static void limit_per_host(void *arg)
{
	struct nat nat = natlab_nat(behaviour(NAT_FILTERING_APDF, NAT_HAIRPIN_OFF));
	struct natlab l;

	(void)arg;
	nat.limits.flows_per_host = 3;
	natlab_make(&l, &nat);
	for (uint16_t i = 0; i < 3; i++)
		(void)natlab_udp(&l, natlab_socket(&l, l.fn, SOCK_DGRAM, 5000), l.seed, NATLAB_SEED,
				 (uint16_t)(80 + i));
	net_send(natlab_socket(&l, l.fn, SOCK_DGRAM, 5000), NATLAB_SECOND, 80);
	expect_limited(&l, 1);
	/* The neighbour has flows of its own; what is open goes on. */
	(void)natlab_udp(&l, natlab_socket(&l, l.neighbour, SOCK_DGRAM, 5000), l.seed, NATLAB_SEED,
			 80);
	(void)natlab_udp(&l, natlab_socket(&l, l.fn, SOCK_DGRAM, 5000), l.seed, NATLAB_SEED, 80);
	expect_limited(&l, 1);
	natlab_done(&l);
}

Test(nat_guards, a_limit_of_flows_per_host)
{
	userns_test(limit_per_host, NULL, TIMEOUT_MS);
}

static void limit_per_destination(void *arg)
{
	struct nat nat = *world_preset("aws-nat-gateway");
	struct natlab l;

	(void)arg;
	nat.limits.flows_per_destination = 2;
	natlab_make(&l, &nat);
	for (uint16_t i = 0; i < 2; i++)
		(void)natlab_tcp(&l, i ? l.fn : l.neighbour, 5000, l.seed, NATLAB_SEED, 80);
	net_begin(natlab_socket(&l, l.fn, SOCK_STREAM, 5001), NATLAB_SEED, 80);
	expect_limited(&l, 1);
	/* Another port, another address and another protocol are other destinations. */
	(void)natlab_tcp(&l, l.fn, 5002, l.seed, NATLAB_SEED, 81);
	(void)natlab_tcp(&l, l.fn, 5002, l.second, NATLAB_SECOND, 80);
	(void)natlab_udp(&l, natlab_socket(&l, l.fn, SOCK_DGRAM, 5000), l.seed, NATLAB_SEED, 80);
	expect_limited(&l, 1);
	natlab_done(&l);
}

Test(nat_guards, a_limit_of_flows_per_destination)
{
	userns_test(limit_per_destination, NULL, TIMEOUT_MS);
}

static void limit_of_rate(void *arg)
{
	struct nat nat = natlab_nat(behaviour(NAT_FILTERING_APDF, NAT_HAIRPIN_OFF));
	uint64_t limited;
	struct natlab l;
	int fd, at;

	(void)arg;
	nat.limits.new_flows_per_second = 20;
	natlab_make(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	at = natlab_socket(&l, l.seed, SOCK_DGRAM, 80);
	for (uint16_t i = 0; i < 200; i++)
		net_send(fd, NATLAB_SEED, (uint16_t)(80 + i));
	net_wait_readable(at);
	limited = world_packets(&l.world, l.nat, TOPO_COUNTER_LIMITED);
	USERNS_CHECK(limited > 0 && limited <= 180, "%lu", (unsigned long)limited);
	/* What is open is not new. */
	for (int i = 0; i < 200; i++)
		net_send(fd, NATLAB_SEED, 80);
	expect_limited(&l, limited);
	natlab_done(&l);
}

Test(nat_guards, a_limit_of_new_flows_in_a_second)
{
	userns_test(limit_of_rate, NULL, TIMEOUT_MS);
}

static void limit_of_table(void *arg)
{
	struct nat nat = natlab_nat(behaviour(NAT_FILTERING_APDF, NAT_HAIRPIN_OFF));
	struct natlab l;

	(void)arg;
	nat.limits.table = 4;
	natlab_make(&l, &nat);
	for (uint16_t i = 0; i < 4; i++)
		(void)natlab_udp(&l,
				 natlab_socket(&l, i % 2 ? l.fn : l.neighbour, SOCK_DGRAM, 5000),
				 l.seed, NATLAB_SEED, (uint16_t)(80 + i));
	net_send(natlab_socket(&l, l.fn, SOCK_DGRAM, 5000), NATLAB_SECOND, 80);
	expect_limited(&l, 1);
	natlab_done(&l);
}

Test(nat_guards, a_table_that_is_full)
{
	userns_test(limit_of_table, NULL, TIMEOUT_MS);
}

/* fn and the seed open simultaneously: the seed's first SYN is refused, fn's arrives. */
static void crossing_syns(void *arg)
{
	struct nat nat = *world_preset("lambda");
	struct natlab l;
	int a, b;

	(void)arg;
	natlab_make(&l, &nat);
	a = natlab_socket(&l, l.fn, SOCK_STREAM, 5000);
	b = natlab_socket(&l, l.seed, SOCK_STREAM, 80);
	net_begin(b, NATLAB_NAT, 5000);
	world_expect_packets(&l.world, l.nat, TOPO_COUNTER_UNSOLICITED, 1);
	net_begin(a, NATLAB_SEED, 80);
	USERNS_CHECK(net_outcome(a) == 0 && net_outcome(b) == 0, "not connected");
	natlab_done(&l);
}

Test(nat_guards, a_simultaneous_open_passes)
{
	userns_test(crossing_syns, NULL, TIMEOUT_MS);
}

/* A flow that the NAT has forgotten goes on where it is picked up in its middle; else
 * it ends in silence, or by a reset at once. */
static void forgotten(void *arg)
{
	const struct nat *how = arg;
	struct nat nat = *world_preset("lambda");
	struct natlab l;
	int fd, accepted;

	nat.loose = how->loose;
	nat.expired = how->expired;
	natlab_make(&l, &nat);
	fd = net_connect(netns(&l, l.fn), 5000, net_listen(netns(&l, l.seed), 80), NATLAB_SEED, 80,
			 &accepted, NULL);
	natlab_change(&l, &nat, NULL, true);
	net_say(fd, 100);
	if (how->loose) {
		net_hear(accepted, 100);
	} else if (how->expired == NAT_EXPIRED_RST) {
		net_wait_readable(fd);
		USERNS_CHECK(recv(fd, (char[1]){0}, 1, 0) < 0 && errno == ECONNRESET, "%m");
	} else {
		while (world_packets(&l.world, l.nat, TOPO_COUNTER_INVALID) == 0)
			(void)poll(NULL, 0, 1);
		USERNS_CHECK(recv(fd, (char[1]){0}, 1, 0) < 0 && errno == EAGAIN, "an answer");
	}
	natlab_done(&l);
}

Test(nat_guards, a_loose_nat_picks_up_a_flow_in_its_middle)
{
	userns_test(forgotten, &(struct nat){.loose = true}, TIMEOUT_MS);
}

Test(nat_guards, a_flow_that_is_forgotten_ends_in_silence)
{
	userns_test(forgotten, &(struct nat){.loose = false}, TIMEOUT_MS);
}

Test(nat_guards, a_flow_that_is_forgotten_may_be_reset)
{
	userns_test(forgotten, &(struct nat){.expired = NAT_EXPIRED_RST}, TIMEOUT_MS);
}

/* Entries of the NAT's own tables. */
static size_t entries(const struct natlab *l)
{
	struct topo_nat_state state;
	struct error err = {0};
	size_t n;

	USERNS_CHECK(topo_nat_state(l->world.topo, l->nat, &state, &err) == 0, "%s", err.text);
	n = state.n_mappings + state.n_filters;
	topo_nat_state_done(&state);
	return n;
}

static void wait_for_entries(const struct natlab *l, size_t n)
{
	uint64_t deadline = clock_now() + 10 * NS_PER_S;

	while (entries(l) != n && clock_now() < deadline)
		(void)poll(NULL, 0, 10);
	USERNS_CHECK(entries(l) == n, "%zu entries, not %zu", entries(l), n);
}

static void lifetime(void *arg)
{
	struct nat nat = natlab_nat(behaviour(NAT_FILTERING_ADF, NAT_HAIRPIN_OFF));
	struct addr first, second;
	struct natlab l;
	int fd;

	(void)arg;
	nat.timeouts.udp = 1;
	nat.timeouts.udp_stream = 2;
	natlab_make(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	first = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	USERNS_CHECK(natlab_try_udp(&l, l.seed, 99, &first, fd), "the filter is shut");
	wait_for_entries(&l, 0);
	/* One flow of it may live on in the tracker, but nobody new comes in. */
	USERNS_CHECK(!natlab_try_udp(&l, l.seed, 98, &first, fd), "the filter is open");
	second = natlab_udp(&l, fd, l.second, NATLAB_SECOND, 80);
	USERNS_CHECK(second.port != first.port, "the mapping has not ended");
	natlab_done(&l);
}

Test(nat_guards, mapping_and_filter_end_with_their_time)
{
	userns_test(lifetime, NULL, TIMEOUT_MS);
}

/* A flow that has begun only now must not cut short what an older one is remembered for. */
static void two_clocks(void *arg)
{
	struct nat nat = natlab_nat(behaviour(NAT_FILTERING_EIF, NAT_HAIRPIN_OFF));
	struct topo_nat_state state;
	struct addr first, second;
	struct error err = {0};
	struct natlab l;
	uint64_t expires_ms;
	int fd, accepted;

	(void)arg;
	nat.timeouts.tcp_established = 1000;
	nat.timeouts.tcp_syn_sent = nat.timeouts.tcp_syn_received = 1;
	natlab_make(&l, &nat);
	fd = net_connect(netns(&l, l.fn), 5000, net_listen(netns(&l, l.seed), 80), NATLAB_SEED, 80,
			 &accepted, &first);
	net_say(accepted, 100);
	net_hear(fd, 100);
	net_say(fd, 100);
	net_hear(accepted, 100);
	/* Nobody answers there. */
	net_begin(natlab_socket(&l, l.fn, SOCK_STREAM, 5000), 0xc0000201, 80);
	USERNS_CHECK(topo_nat_state(l.world.topo, l.nat, &state, &err) == 0, "%s", err.text);
	USERNS_CHECK(state.n_mappings == 1, "%zu mappings", state.n_mappings);
	expires_ms = state.mappings[0].expires_ms;
	USERNS_CHECK(expires_ms > 900000, "it ends in %lu ms", (unsigned long)expires_ms);
	topo_nat_state_done(&state);
	second = natlab_tcp(&l, l.fn, 5000, l.second, NATLAB_SECOND, 80);
	USERNS_CHECK(addr_equal(&first, &second), "another mapping");
	natlab_done(&l);
}

Test(nat_guards, a_new_flow_does_not_cut_short_an_older_ones_mapping)
{
	userns_test(two_clocks, NULL, TIMEOUT_MS);
}
