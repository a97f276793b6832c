/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nine pairs of mapping and filtering, measured with sockets: fn sends from one
 * port to two ports of the seed and one of the second; then three try to come in: the
 * seed from the port that was written to, the seed from another port, the stranger.
 */
#include "tests/support/userns.h"
#include "tests/topo/natlab.h"
#include "tests/topo/net.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#define TIMEOUT_MS  120000
#define INSIDE_PORT 5000

static void check_mapping(const char *what, enum nat_mapping mapping, const struct addr seen[3])
{
	bool same_for_ports = mapping != NAT_MAPPING_APDM;
	bool same_for_hosts = mapping == NAT_MAPPING_EIM;

	USERNS_CHECK((seen[0].port == seen[1].port) == same_for_ports &&
			     (seen[0].port == seen[2].port) == same_for_hosts,
		     "%s: ports %u %u %u", what, seen[0].port, seen[1].port, seen[2].port);
	for (int i = 0; i < 3; i++)
		USERNS_CHECK(addr_v4_value(&seen[i]) == NATLAB_NAT, "%s", what);
}

static void check(const char *what, const char *who, bool in, bool expected)
{
	USERNS_CHECK(in == expected, "%s: %s %s", what, who, in ? "came in" : "was refused");
}

static void measure_udp(struct natlab *l, const struct nat_behaviour *b, const char *what)
{
	int fd = natlab_socket(l, l->fn, SOCK_DGRAM, INSIDE_PORT);
	struct addr seen[3];

	seen[0] = natlab_udp(l, fd, l->seed, NATLAB_SEED, 80);
	seen[1] = natlab_udp(l, fd, l->seed, NATLAB_SEED, 81);
	seen[2] = natlab_udp(l, fd, l->second, NATLAB_SECOND, 80);
	check_mapping(what, b->mapping, seen);
	check(what, "who was written to", natlab_try_udp(l, l->seed, 80, &seen[0], fd), true);
	check(what, "another port", natlab_try_udp(l, l->seed, 82, &seen[0], fd),
	      b->filtering != NAT_FILTERING_APDF);
	check(what, "a stranger", natlab_try_udp(l, l->stranger, 82, &seen[0], fd),
	      b->filtering == NAT_FILTERING_EIF);
}

static void measure_tcp(struct natlab *l, const struct nat_behaviour *b, const char *what)
{
	int listener = net_listen(world_netns(&l->world, l->fn), INSIDE_PORT);
	struct addr seen[3];

	seen[0] = natlab_tcp(l, l->fn, INSIDE_PORT, l->seed, NATLAB_SEED, 80);
	seen[1] = natlab_tcp(l, l->fn, INSIDE_PORT, l->seed, NATLAB_SEED, 81);
	seen[2] = natlab_tcp(l, l->fn, INSIDE_PORT, l->second, NATLAB_SECOND, 80);
	check_mapping(what, b->mapping, seen);
	check(what, "another port", natlab_try_tcp(l, l->seed, &seen[0], listener),
	      b->filtering != NAT_FILTERING_APDF);
	check(what, "a stranger", natlab_try_tcp(l, l->stranger, &seen[0], listener),
	      b->filtering == NAT_FILTERING_EIF);
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
		struct natlab lab;
		char what[128];

		(void)snprintf(what, sizeof(what), "%s, %s, %s", nat_mapping_names[b.mapping],
			       nat_filtering_names[b.filtering],
			       nat_allocation_names[b.allocation]);
		/* The other protocol keeps lambda's: they are declared apart. */
		if (series->tcp)
			nat.tcp = b;
		else
			nat.udp = b;
		natlab_make(&lab, &nat);
		if (series->tcp)
			measure_tcp(&lab, &b, what);
		else
			measure_udp(&lab, &b, what);
		natlab_done(&lab);
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
