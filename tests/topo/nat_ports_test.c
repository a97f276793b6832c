/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which external port, and which external address, a new mapping gets. */
#include "base/cleanup.h"
#include "tests/support/userns.h"
#include "tests/topo/natlab.h"
#include "tests/topo/net.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TIMEOUT_MS 120000

#define EIM_EIF(allocation_, conflict_)                                     \
	((struct nat_behaviour){.mapping = NAT_MAPPING_EIM,                 \
				.filtering = NAT_FILTERING_EIF,             \
				.allocation = NAT_ALLOCATION_##allocation_, \
				.conflict = NAT_CONFLICT_##conflict_})
#define APDM(allocation_, conflict_)                                        \
	((struct nat_behaviour){.mapping = NAT_MAPPING_APDM,                \
				.filtering = NAT_FILTERING_APDF,            \
				.allocation = NAT_ALLOCATION_##allocation_, \
				.conflict = NAT_CONFLICT_##conflict_})

/* Two machines, one source port: both are endpoint-independent, and a stranger reaches
 * each of them. */
static void two_hosts(void *arg)
{
	static const enum nat_allocation all[] = {NAT_ALLOCATION_PRESERVE, NAT_ALLOCATION_RANDOM,
						  NAT_ALLOCATION_SEQUENTIAL, NAT_ALLOCATION_SEEDED,
						  NAT_ALLOCATION_BLOCK};

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct nat_behaviour b = EIM_EIF(PRESERVE, RANDOM);
		struct addr a[2], n[2];
		struct natlab l;
		struct nat nat;
		int fd, other;

		b.allocation = all[i];
		nat = natlab_nat(b);
		natlab_make(&l, &nat);
		fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
		other = natlab_socket(&l, l.neighbour, SOCK_DGRAM, 5000);
		for (int j = 0; j < 2; j++) {
			uint32_t host = j ? NATLAB_SECOND : NATLAB_SEED;
			size_t node = j ? l.second : l.seed;

			a[j] = natlab_udp(&l, fd, node, host, 80);
			n[j] = natlab_udp(&l, other, node, host, 80);
		}
		USERNS_CHECK(addr_equal(&a[0], &a[1]) && addr_equal(&n[0], &n[1]), "%s",
			     nat_allocation_names[all[i]]);
		USERNS_CHECK(!addr_equal(&a[0], &n[0]), "%s: overloaded",
			     nat_allocation_names[all[i]]);
		if (all[i] == NAT_ALLOCATION_PRESERVE)
			USERNS_CHECK(a[0].port == 5000, "port %u", a[0].port);
		USERNS_CHECK(natlab_try_udp(&l, l.stranger, 9, &a[0], fd), "fn");
		USERNS_CHECK(natlab_try_udp(&l, l.stranger, 9, &n[0], other), "neighbour");
		natlab_done(&l);
	}
}

Test(nat_ports, two_machines_with_one_source_port_are_told_apart)
{
	userns_test(two_hosts, NULL, TIMEOUT_MS);
}

/* ---- at the same moment ---- */

#define MOMENTS 100

/** struct starter - a machine that sends when it is told, from one port after the other */
struct starter {
	int fds[MOMENTS];
	struct addr to;
	atomic_int *moment;
};

static void *send_at_each_moment(void *arg)
{
	struct starter *s = arg;
	struct sockaddr_storage ss;
	socklen_t len = (socklen_t)addr_to_sockaddr(&s->to, AF_INET, &ss);

	for (int i = 0; i < MOMENTS; i++) {
		while (atomic_load(s->moment) <= i)
			;
		(void)sendto(s->fds[i], "x", 1, 0, (struct sockaddr *)&ss, len);
	}
	return NULL;
}

static uint16_t hear_port(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr from;
	char byte;

	USERNS_CHECK(poll(&p, 1, TIMEOUT_MS) == 1 &&
			     recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&ss, &len) == 1 &&
			     addr_from_sockaddr((struct sockaddr *)&ss, len, &from) == 0,
		     "%m");
	return from.port;
}

static void at_once(void *arg)
{
	struct nat nat = natlab_nat(EIM_EIF(PRESERVE, RANDOM));
	static struct starter s[2];
	atomic_int moment = 0;
	pthread_t thread[2];
	struct natlab l;
	int heard[2];

	(void)arg;
	nat.port_min = 40000; /* so that no random port is one that is to be kept later */
	natlab_make(&l, &nat);
	heard[0] = natlab_socket(&l, l.seed, SOCK_DGRAM, 80);
	heard[1] = natlab_socket(&l, l.second, SOCK_DGRAM, 80);
	s[0].to = addr_v4(NATLAB_SEED, 80);
	s[1].to = addr_v4(NATLAB_SECOND, 80);
	for (int j = 0; j < 2; j++) {
		s[j].moment = &moment;
		for (int i = 0; i < MOMENTS; i++)
			s[j].fds[i] = natlab_socket(&l, j ? l.neighbour : l.fn, SOCK_DGRAM,
						    (uint16_t)(5000 + i));
		USERNS_CHECK(pthread_create(&thread[j], NULL, send_at_each_moment, &s[j]) == 0,
			     "%m");
	}
	for (int i = 0; i < MOMENTS; i++) {
		uint16_t port[2];

		atomic_store(&moment, i + 1);
		for (int j = 0; j < 2; j++)
			port[j] = hear_port(heard[j]);
		USERNS_CHECK(port[0] != port[1], "both are seen as %u", port[0]);
		USERNS_CHECK(port[0] == 5000 + i || port[1] == 5000 + i, "%u and %u, not %d",
			     port[0], port[1], 5000 + i);
	}
	for (int j = 0; j < 2; j++)
		USERNS_CHECK(pthread_join(thread[j], NULL) == 0, "%m");
	natlab_done(&l);
}

/* On as many processors as there are: a port was given to both. */
Test(nat_ports, two_machines_that_begin_at_once_are_told_apart)
{
	userns_test(at_once, NULL, TIMEOUT_MS);
}

static void tcp_two_hosts(void *arg)
{
	struct nat nat = natlab_nat(EIM_EIF(PRESERVE, SEQUENTIAL));
	struct addr a, n;
	struct natlab l;
	int listener, other;

	(void)arg;
	nat.port_min = 40000;
	natlab_make(&l, &nat);
	listener = net_listen(world_netns(&l.world, l.fn), 5000);
	other = net_listen(world_netns(&l.world, l.neighbour), 5000);
	a = natlab_tcp(&l, l.fn, 5000, l.seed, NATLAB_SEED, 80);
	n = natlab_tcp(&l, l.neighbour, 5000, l.seed, NATLAB_SEED, 80);
	natlab_check(&a, NATLAB_NAT, 5000);
	natlab_check(&n, NATLAB_NAT, 40000);
	n = natlab_tcp(&l, l.neighbour, 5000, l.second, NATLAB_SECOND, 80);
	natlab_check(&n, NATLAB_NAT, 40000);
	USERNS_CHECK(natlab_try_tcp(&l, l.stranger, &a, listener), "fn");
	USERNS_CHECK(natlab_try_tcp(&l, l.stranger, &n, other), "neighbour");
	natlab_done(&l);
}

Test(nat_ports, a_kept_port_that_is_taken_gives_way_to_the_next_one)
{
	userns_test(tcp_two_hosts, NULL, TIMEOUT_MS);
}

/* linux: both keep the port, towards different destinations. */
static void overload(void *arg)
{
	struct nat nat = *world_preset("linux");
	struct natlab l;
	struct addr a, n;
	int fd, other;

	(void)arg;
	natlab_make(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	other = natlab_socket(&l, l.neighbour, SOCK_DGRAM, 5000);
	a = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	n = natlab_udp(&l, other, l.second, NATLAB_SECOND, 80);
	natlab_check(&a, NATLAB_NAT, 5000);
	natlab_check(&n, NATLAB_NAT, 5000);
	n = natlab_udp(&l, other, l.seed, NATLAB_SEED, 80);
	USERNS_CHECK(n.port != 5000, "one 4-tuple for two");
	natlab_done(&l);
}

Test(nat_ports, an_overloaded_port_is_shared_towards_different_destinations)
{
	userns_test(overload, NULL, TIMEOUT_MS);
}

static void sequence(void *arg)
{
	bool preserving = arg;
	struct nat nat =
		natlab_nat(preserving ? APDM(PRESERVE, SEQUENTIAL) : APDM(SEQUENTIAL, RANDOM));
	struct natlab l;
	int fd;

	nat.port_min = 40000;
	natlab_make(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	for (uint16_t i = 0; i < 10; i++) {
		struct addr seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, (uint16_t)(80 + i));
		struct addr tcp =
			natlab_tcp(&l, l.fn, 5000, l.seed, NATLAB_SEED, (uint16_t)(80 + i));
		uint16_t expected = (uint16_t)(40000 + i - preserving);

		natlab_check(&seen, NATLAB_NAT, preserving && !i ? 5000 : expected);
		natlab_check(&tcp, NATLAB_NAT, preserving && !i ? 5000 : expected);
	}
	natlab_done(&l);
}

Test(nat_ports, sequential_ports_follow_one_another)
{
	userns_test(sequence, NULL, TIMEOUT_MS);
}

Test(nat_ports, a_symmetric_nat_keeps_the_first_port_and_counts_from_then_on)
{
	userns_test(sequence, (char[]){"preserving"}, TIMEOUT_MS);
}

/*
 * fn's flow is idle for longer than its port is remembered to be used, but open. The
 * neighbour has the same port, and goes to the same place.
 */
static void open_but_forgotten(void *arg)
{
	struct nat nat = *world_preset("symmetric-preserving");
	struct topo_nat_state state;
	struct addr first, second;
	struct error err = {0};
	struct natlab l;
	int listener, accepted[2];
	size_t n;

	(void)arg;
	nat.tcp.filtering = NAT_FILTERING_EIF; /* so that the state shows it */
	nat.timeouts.tcp_syn_sent = nat.timeouts.tcp_syn_received = 1;
	natlab_make(&l, &nat);
	listener = net_listen(world_netns(&l.world, l.seed), 80);
	(void)net_connect(world_netns(&l.world, l.fn), 5000, listener, NATLAB_SEED, 80,
			  &accepted[0], &first);
	natlab_check(&first, NATLAB_NAT, 5000);
	do {
		(void)poll(NULL, 0, 10);
		USERNS_CHECK(topo_nat_state(l.world.topo, l.nat, &state, &err) == 0, "%s",
			     err.text);
		n = state.n_mappings;
		topo_nat_state_done(&state);
	} while (n);
	(void)net_connect(world_netns(&l.world, l.neighbour), 5000, listener, NATLAB_SEED, 80,
			  &accepted[1], &second);
	USERNS_CHECK(second.port != 5000, "two flows are one");
	natlab_done(&l);
}

Test(nat_ports, a_flow_that_is_open_but_forgotten_is_in_nobodys_way)
{
	userns_test(open_but_forgotten, NULL, TIMEOUT_MS);
}

/* A reset or an ICMP error that the NAT answers a stranger with is no flow from inside. */
static void answers_of_its_own(void *arg)
{
	struct nat nat = *world_preset("symmetric-sequential");
	struct addr first, second;
	struct natlab l;

	(void)arg;
	nat.unsolicited = NAT_UNSOLICITED_RST;
	natlab_make(&l, &nat);
	first = natlab_tcp(&l, l.fn, 5000, l.seed, NATLAB_SEED, 80);
	for (uint16_t i = 0; i < 5; i++) {
		int fd = natlab_socket(&l, l.stranger, SOCK_STREAM, 0);

		net_begin(fd, NATLAB_NAT, (uint16_t)(50000 + i));
		USERNS_CHECK(net_outcome(fd) == -ECONNREFUSED, "no reset");
		(void)close(fd);
	}
	second = natlab_tcp(&l, l.fn, 5000, l.second, NATLAB_SECOND, 80);
	natlab_check(&second, NATLAB_NAT, (uint16_t)(first.port + 1));
	natlab_done(&l);
}

Test(nat_ports, an_answer_of_the_nats_own_takes_no_port)
{
	userns_test(answers_of_its_own, NULL, TIMEOUT_MS);
}

/* A port of the sequence that is another's is left out, and the counting goes on. */
static void sequence_with_gap(void *arg)
{
	struct nat nat = natlab_nat(EIM_EIF(PRESERVE, SEQUENTIAL));
	static const uint16_t expected[] = {40000, 40002, 40003};
	struct natlab l;
	struct addr seen;
	int fd;

	(void)arg;
	nat.port_min = 40000;
	natlab_make(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 40001);
	seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	natlab_check(&seen, NATLAB_NAT, 40001);
	for (uint16_t i = 0; i < 3; i++) {
		uint16_t port = (uint16_t)(5000 + i);

		fd = natlab_socket(&l, l.fn, SOCK_DGRAM, port);
		(void)natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
		fd = natlab_socket(&l, l.neighbour, SOCK_DGRAM, port);
		seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
		natlab_check(&seen, NATLAB_NAT, expected[i]);
	}
	natlab_done(&l);
}

Test(nat_ports, counting_leaves_out_what_is_taken)
{
	userns_test(sequence_with_gap, NULL, TIMEOUT_MS);
}

static uint16_t seeded_port(uint32_t seed, enum nat_mapping mapping, uint16_t to)
{
	struct nat_behaviour b = EIM_EIF(SEEDED, RANDOM);
	struct addr seen;
	struct natlab l;
	struct nat nat;

	b.mapping = mapping;
	nat = natlab_nat(b);
	nat.hash_seed = seed;
	natlab_make(&l, &nat);
	seen = natlab_udp(&l, natlab_socket(&l, l.fn, SOCK_DGRAM, 5000), l.seed, NATLAB_SEED, to);
	natlab_done(&l);
	return seen.port;
}

static void seeded(void *arg)
{
	uint16_t port = seeded_port(7, NAT_MAPPING_EIM, 80);

	(void)arg;
	USERNS_CHECK(port == seeded_port(7, NAT_MAPPING_EIM, 80), "it is not repeated");
	USERNS_CHECK(port == seeded_port(7, NAT_MAPPING_EIM, 81), "the destination matters");
	USERNS_CHECK(port != seeded_port(8, NAT_MAPPING_EIM, 80), "the seed does not matter");
	USERNS_CHECK(seeded_port(7, NAT_MAPPING_APDM, 80) != seeded_port(7, NAT_MAPPING_APDM, 81),
		     "the destination does not matter");
}

Test(nat_ports, a_hashed_port_is_the_same_in_another_run)
{
	userns_test(seeded, NULL, TIMEOUT_MS);
}

/* Many endpoints share one NAT: none may lose its way in to another. */
#define ENDPOINTS 4000

static void raise_fd_limit(void)
{
	struct rlimit limit;

	USERNS_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	limit.rlim_cur = limit.rlim_max;
	USERNS_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	if (limit.rlim_cur < ENDPOINTS + 100)
		userns_skip("a limit of %d open files", ENDPOINTS + 100);
}

static void crowd(void *arg)
{
	struct nat nat = natlab_nat(*(struct nat_behaviour *)arg);
	static bool taken[65536];
	static int fds[ENDPOINTS];
	static struct addr seen[ENDPOINTS];
	struct natlab l;
	int at, stranger;

	raise_fd_limit();
	natlab_make(&l, &nat);
	at = natlab_socket(&l, l.seed, SOCK_DGRAM, 80);
	for (uint16_t i = 0; i < ENDPOINTS; i++) {
		size_t node = i % 2 ? l.fn : l.neighbour;

		fds[i] = natlab_socket(&l, node, SOCK_DGRAM, (uint16_t)(10000 + i / 2));
		net_send(fds[i], NATLAB_SEED, 80);
		net_receive(at, &seen[i]);
		USERNS_CHECK(!taken[seen[i].port], "port %u is two endpoints'", seen[i].port);
		taken[seen[i].port] = true;
	}
	stranger = natlab_socket(&l, l.stranger, SOCK_DGRAM, 9);
	for (uint16_t i = 0; i < ENDPOINTS; i++) {
		struct addr from;

		net_send(stranger, NATLAB_NAT, seen[i].port);
		net_receive(fds[i], &from);
		natlab_check(&from, NATLAB_STRANGER, 9);
		(void)close(fds[i]);
	}
	natlab_done(&l);
}

Test(nat_ports, four_thousand_endpoints_with_kept_ports_are_all_reached)
{
	userns_test(crowd, &EIM_EIF(PRESERVE, RANDOM), TIMEOUT_MS);
}

Test(nat_ports, four_thousand_endpoints_with_random_ports_are_all_reached)
{
	userns_test(crowd, &EIM_EIF(RANDOM, RANDOM), TIMEOUT_MS);
}

Test(nat_ports, four_thousand_endpoints_with_sequential_ports_are_all_reached)
{
	userns_test(crowd, &EIM_EIF(SEQUENTIAL, RANDOM), TIMEOUT_MS);
}

Test(nat_ports, four_thousand_endpoints_with_hashed_ports_are_all_reached)
{
	userns_test(crowd, &EIM_EIF(SEEDED, RANDOM), TIMEOUT_MS);
}

/* The fifth endpoint of a block of four finds no port, whatever its destination. */
static void block_exhausted(void *arg)
{
	struct nat nat = natlab_nat(EIM_EIF(BLOCK, RANDOM));
	struct addr seen[4], other;
	struct natlab l;
	int fd;

	(void)arg;
	nat.block_size = 4;
	natlab_make(&l, &nat);
	for (uint16_t i = 0; i < 4; i++) {
		fd = natlab_socket(&l, l.fn, SOCK_DGRAM, (uint16_t)(5000 + i));
		seen[i] = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
		USERNS_CHECK(seen[i].port >= nat.port_min && seen[i].port < nat.port_min + 4,
			     "port %u", seen[i].port);
	}
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 6000);
	net_send(fd, NATLAB_SECOND, 80);
	world_expect_packets(&l.world, l.nat, TOPO_COUNTER_LIMITED, 1);
	/* Those that have one go on, and the neighbour has a block of its own. */
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	other = natlab_udp(&l, fd, l.second, NATLAB_SECOND, 80);
	USERNS_CHECK(addr_equal(&other, &seen[0]), "another port");
	fd = natlab_socket(&l, l.neighbour, SOCK_DGRAM, 5000);
	other = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	USERNS_CHECK(other.port >= nat.port_min + 4 && other.port < nat.port_min + 8, "port %u",
		     other.port);
	natlab_done(&l);
}

Test(nat_ports, a_block_that_is_full_gives_no_port)
{
	userns_test(block_exhausted, NULL, TIMEOUT_MS);
}

static struct nat pool_of(uint32_t n, enum nat_pooling pooling, struct nat_behaviour b)
{
	struct nat nat = natlab_nat(b);

	nat.addresses = n;
	nat.pooling = pooling;
	return nat;
}

/* How many of the pool's addresses 64 endpoints of fn come from. */
static unsigned spread(const struct nat *nat)
{
	bool seen_at[NAT_ADDRESSES_MAX] = {false};
	unsigned n = 0;
	struct natlab l;

	natlab_make(&l, nat);
	for (uint16_t i = 0; i < 64; i++) {
		int fd = natlab_socket(&l, l.fn, SOCK_DGRAM, (uint16_t)(5000 + i));
		struct addr seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
		struct addr again = natlab_udp(&l, fd, l.second, NATLAB_SECOND, 80);
		uint32_t host = addr_v4_value(&seen);
		size_t at = host == NATLAB_NAT ? 0 : host - NATLAB_OTHER(0) + 1;

		USERNS_CHECK(at < nat->addresses, "%08x is not in the pool", host);
		USERNS_CHECK(nat->udp.mapping != NAT_MAPPING_EIM || addr_equal(&seen, &again),
			     "another endpoint for another destination");
		n += !seen_at[at];
		seen_at[at] = true;
		/* It is reached there, too. */
		if (nat->udp.filtering == NAT_FILTERING_EIF)
			USERNS_CHECK(natlab_try_udp(&l, l.stranger, 9, &seen, fd), "not reached");
		(void)close(fd);
	}
	natlab_done(&l);
	return n;
}

static void paired(void *arg)
{
	struct nat nat = pool_of(4, NAT_POOLING_PAIRED, *(struct nat_behaviour *)arg);

	USERNS_CHECK(spread(&nat) == 1, "several addresses for one machine");
}

Test(nat_ports, a_paired_pool_has_one_address_for_a_machine)
{
	userns_test(paired, &EIM_EIF(RANDOM, RANDOM), TIMEOUT_MS);
}

static void arbitrary(void *arg)
{
	struct nat nat = pool_of(4, NAT_POOLING_ARBITRARY, *(struct nat_behaviour *)arg);

	/* One in 4^63 misses: by chance never. */
	USERNS_CHECK(spread(&nat) > 1, "one address for all");
}

Test(nat_ports, an_arbitrary_pool_has_any_address_for_a_mapping)
{
	userns_test(arbitrary, &EIM_EIF(PRESERVE, SEQUENTIAL), TIMEOUT_MS);
}

Test(nat_ports, an_arbitrary_pool_overloads_and_keeps_the_address_of_an_endpoint)
{
	userns_test(arbitrary,
		    &(struct nat_behaviour){NAT_MAPPING_EIM, NAT_FILTERING_APDF,
					    NAT_ALLOCATION_PRESERVE, NAT_CONFLICT_OVERLOAD,
					    NAT_HAIRPIN_OFF},
		    TIMEOUT_MS);
}

static void static_pair(struct natlab *l, struct nat *nat)
{
	nat->statics[0] = (struct nat_static){addr_v4(NATLAB_FN, 0), addr_v4(NATLAB_OTHER(0), 0)};
	nat->n_statics = 1;
	natlab_make(l, nat);
}

static void one_to_one(void *arg)
{
	struct nat nat = natlab_nat(EIM_EIF(RANDOM, RANDOM));
	struct addr ext = addr_v4(NATLAB_OTHER(0), 7000);
	int fd, listener;
	struct addr seen;
	struct natlab l;

	(void)arg;
	static_pair(&l, &nat);
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 5000);
	seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	natlab_check(&seen, NATLAB_OTHER(0), 5000);
	seen = natlab_tcp(&l, l.fn, 5001, l.seed, NATLAB_SEED, 80);
	natlab_check(&seen, NATLAB_OTHER(0), 5001);
	/* Every port is the machine's, whether it has sent from there or not. */
	fd = natlab_socket(&l, l.fn, SOCK_DGRAM, 7000);
	USERNS_CHECK(natlab_try_udp(&l, l.stranger, 9, &ext, fd), "udp");
	listener = net_listen(world_netns(&l.world, l.fn), 7000);
	USERNS_CHECK(natlab_try_tcp(&l, l.stranger, &ext, listener), "tcp");
	/* The neighbour has the pool's. */
	fd = natlab_socket(&l, l.neighbour, SOCK_DGRAM, 5000);
	seen = natlab_udp(&l, fd, l.seed, NATLAB_SEED, 80);
	USERNS_CHECK(addr_v4_value(&seen) == NATLAB_NAT, "%08x", addr_v4_value(&seen));
	natlab_done(&l);
}

Test(nat_ports, a_one_to_one_machine_has_all_ports_of_its_address)
{
	userns_test(one_to_one, NULL, TIMEOUT_MS);
}
