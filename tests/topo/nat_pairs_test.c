/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nine pairs of mapping and filtering, measured with sockets.
 *
 *   fn0 -- nat0 --+            +-- seed
 *                 +-- internet +-- second
 *                              +-- stranger
 *
 * fn0 sends from one port to two ports of the seed and one of the second, then three
 * who try to come in: the seed from the port that was written to, the seed from another
 * port, the stranger.
 */
#include "tests/support/userns.h"
#include "tests/topo/net.h"
#include "tests/topo/world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#define TIMEOUT_MS    120000
#define SECOND_ADDR   (WORLD_SEED_ADDR + 1)
#define STRANGER_ADDR (WORLD_SEED_ADDR + 2)
#define INSIDE_PORT   5000

struct lab {
	struct world world;
	size_t fn, seed, second, stranger;
	uint64_t refused;
	const char *what;
};

static void make(struct lab *l, const struct nat *nat, const char *what)
{
	world_init(&l->world);
	l->fn = world_add_function(&l->world, nat);
	l->seed = world_add_host(&l->world, "seed", WORLD_SEED_ADDR);
	l->second = world_add_host(&l->world, "second", SECOND_ADDR);
	l->stranger = world_add_host(&l->world, "stranger", STRANGER_ADDR);
	l->refused = 0;
	l->what = what;
	world_apply(&l->world);
}

static void done(struct lab *l)
{
	world_expect_packets(&l->world, 0, TOPO_COUNTER_LEAK, 0);
	world_done(&l->world);
}

static int netns(const struct lab *l, size_t node)
{
	return world_netns(&l->world, node);
}

/* The external port that a datagram from @fd arrives with. */
static uint16_t udp_port(const struct lab *l, int fd, size_t node, uint32_t host, uint16_t port)
{
	int at = net_socket(netns(l, node), SOCK_DGRAM, port);
	struct addr seen;

	net_send(fd, host, port);
	net_receive(at, &seen);
	USERNS_CHECK(addr_v4_value(&seen) == WORLD_NAT_ADDR(0), "%s: %08x", l->what,
		     addr_v4_value(&seen));
	(void)close(at);
	return seen.port;
}

static uint16_t tcp_port(const struct lab *l, size_t node, uint32_t host, uint16_t port)
{
	int listener = net_listen(netns(l, node), port);
	struct addr seen;
	int accepted;

	(void)net_connect(netns(l, l->fn), INSIDE_PORT, listener, host, port, &accepted, &seen);
	USERNS_CHECK(addr_v4_value(&seen) == WORLD_NAT_ADDR(0), "%s: %08x", l->what,
		     addr_v4_value(&seen));
	return seen.port;
}

static void check_refused(struct lab *l)
{
	world_expect_packets(&l->world, l->fn - 1, TOPO_COUNTER_UNSOLICITED, ++l->refused);
}

/* Does a datagram from there come in, to @port? */
static void try_udp(struct lab *l, int inside, size_t node, uint16_t from, uint16_t port,
		    bool expected)
{
	int fd = net_socket(netns(l, node), SOCK_DGRAM, from);
	struct addr seen;

	net_send(fd, WORLD_NAT_ADDR(0), port);
	if (expected) {
		net_receive(inside, &seen);
		USERNS_CHECK(seen.port == from, "%s: from port %u", l->what, seen.port);
	} else {
		check_refused(l);
		USERNS_CHECK(recv(inside, (char[1]){0}, 1, 0) < 0, "%s: it came in", l->what);
	}
	(void)close(fd);
}

static void try_tcp(struct lab *l, int listener, size_t node, uint16_t port, bool expected)
{
	int fd = net_socket(netns(l, node), SOCK_STREAM, 0);

	net_begin(fd, WORLD_NAT_ADDR(0), port);
	if (expected) {
		int accepted = net_accept(listener, NULL);

		USERNS_CHECK(net_outcome(fd) == 0, "%s", l->what);
		net_say(accepted, 100);
		net_hear(fd, 100);
	} else {
		check_refused(l);
		USERNS_CHECK(net_is_silent(fd), "%s: an answer", l->what);
	}
	(void)close(fd);
}

static void check_mapping(const struct lab *l, enum nat_mapping mapping, const uint16_t ports[3])
{
	bool same_for_ports = mapping != NAT_MAPPING_APDM;
	bool same_for_hosts = mapping == NAT_MAPPING_EIM;

	USERNS_CHECK((ports[0] == ports[1]) == same_for_ports &&
			     (ports[0] == ports[2]) == same_for_hosts,
		     "%s: ports %u %u %u", l->what, ports[0], ports[1], ports[2]);
}

static void measure_udp(const struct nat *nat, const char *what)
{
	enum nat_filtering filtering = nat->udp.filtering;
	uint16_t ports[3];
	struct lab l;
	int fd;

	make(&l, nat, what);
	fd = net_socket(netns(&l, l.fn), SOCK_DGRAM, INSIDE_PORT);
	ports[0] = udp_port(&l, fd, l.seed, WORLD_SEED_ADDR, 80);
	ports[1] = udp_port(&l, fd, l.seed, WORLD_SEED_ADDR, 81);
	ports[2] = udp_port(&l, fd, l.second, SECOND_ADDR, 80);
	check_mapping(&l, nat->udp.mapping, ports);
	try_udp(&l, fd, l.seed, 80, ports[0], true);
	try_udp(&l, fd, l.seed, 82, ports[0], filtering != NAT_FILTERING_APDF);
	try_udp(&l, fd, l.stranger, 82, ports[0], filtering == NAT_FILTERING_EIF);
	done(&l);
}

static void measure_tcp(const struct nat *nat, const char *what)
{
	enum nat_filtering filtering = nat->tcp.filtering;
	uint16_t ports[3];
	struct lab l;
	int listener;

	make(&l, nat, what);
	listener = net_listen(netns(&l, l.fn), INSIDE_PORT);
	ports[0] = tcp_port(&l, l.seed, WORLD_SEED_ADDR, 80);
	ports[1] = tcp_port(&l, l.seed, WORLD_SEED_ADDR, 81);
	ports[2] = tcp_port(&l, l.second, SECOND_ADDR, 80);
	check_mapping(&l, nat->tcp.mapping, ports);
	try_tcp(&l, listener, l.seed, ports[0], filtering != NAT_FILTERING_APDF);
	try_tcp(&l, listener, l.stranger, ports[0], filtering == NAT_FILTERING_EIF);
	done(&l);
}

/* All nine pairs of one protocol and one allocation. */
struct series {
	bool tcp;
	enum nat_allocation allocation;
};

static void nine_pairs(void *arg)
{
	const struct series *series = arg;

	for (unsigned i = 0; i < 9; i++) {
		struct nat nat = *world_preset("lambda");
		struct nat_behaviour b = {.mapping = i / 3,
					  .filtering = i % 3,
					  .allocation = series->allocation,
					  .conflict = NAT_CONFLICT_RANDOM};
		char what[128];

		(void)snprintf(what, sizeof(what), "%s, %s, %s, %s", series->tcp ? "TCP" : "UDP",
			       nat_mapping_names[b.mapping], nat_filtering_names[b.filtering],
			       nat_allocation_names[b.allocation]);
		/* The other protocol keeps lambda's: they are declared apart. */
		if (series->tcp)
			nat.tcp = b;
		else
			nat.udp = b;
		if (series->tcp)
			measure_tcp(&nat, what);
		else
			measure_udp(&nat, what);
	}
}

#define SERIES(tcp, allocation) (&(struct series){tcp, allocation})

Test(nat_pairs, udp_with_ports_kept)
{
	userns_test(nine_pairs, SERIES(false, NAT_ALLOCATION_PRESERVE), TIMEOUT_MS);
}

Test(nat_pairs, udp_with_random_ports)
{
	userns_test(nine_pairs, SERIES(false, NAT_ALLOCATION_RANDOM), TIMEOUT_MS);
}

Test(nat_pairs, udp_with_sequential_ports)
{
	userns_test(nine_pairs, SERIES(false, NAT_ALLOCATION_SEQUENTIAL), TIMEOUT_MS);
}

Test(nat_pairs, udp_with_seeded_ports)
{
	userns_test(nine_pairs, SERIES(false, NAT_ALLOCATION_SEEDED), TIMEOUT_MS);
}

Test(nat_pairs, udp_with_blocks_of_ports)
{
	userns_test(nine_pairs, SERIES(false, NAT_ALLOCATION_BLOCK), TIMEOUT_MS);
}

Test(nat_pairs, tcp_with_ports_kept)
{
	userns_test(nine_pairs, SERIES(true, NAT_ALLOCATION_PRESERVE), TIMEOUT_MS);
}

Test(nat_pairs, tcp_with_random_ports)
{
	userns_test(nine_pairs, SERIES(true, NAT_ALLOCATION_RANDOM), TIMEOUT_MS);
}

Test(nat_pairs, tcp_with_sequential_ports)
{
	userns_test(nine_pairs, SERIES(true, NAT_ALLOCATION_SEQUENTIAL), TIMEOUT_MS);
}

Test(nat_pairs, tcp_with_seeded_ports)
{
	userns_test(nine_pairs, SERIES(true, NAT_ALLOCATION_SEEDED), TIMEOUT_MS);
}

Test(nat_pairs, tcp_with_blocks_of_ports)
{
	userns_test(nine_pairs, SERIES(true, NAT_ALLOCATION_BLOCK), TIMEOUT_MS);
}
