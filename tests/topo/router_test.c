/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the applied routers do to packets.
 *
 *   fn0 -- nat0 --+
 *                 +-- internet -- seed
 *   fn1 -- nat1 --+
 */
#include "tests/support/userns.h"
#include "tests/topo/net.h"
#include "tests/topo/world.h"
#include "topo/ns.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 60000
#define NAT_OF(fn) ((fn)-1)

struct pair {
	struct world world;
	size_t fn0, fn1, seed;
};

static void make_pair(struct pair *p, const struct nat *nat)
{
	world_init(&p->world);
	p->fn0 = world_add_function(&p->world, nat);
	p->fn1 = world_add_function(&p->world, nat);
	p->seed = world_add_host(&p->world, "seed", WORLD_SEED_ADDR);
	world_apply(&p->world);
}

static int netns(const struct pair *p, size_t node)
{
	return world_netns(&p->world, node);
}

static void expect_unsolicited(const struct pair *p, size_t fn, uint64_t n)
{
	world_expect_packets(&p->world, NAT_OF(fn), TOPO_COUNTER_UNSOLICITED, n);
}

static void expect_leaks(const struct pair *p, uint64_t n)
{
	world_expect_packets(&p->world, 0, TOPO_COUNTER_LEAK, n);
}

static void check_is(const struct addr *addr, uint32_t host, uint16_t port)
{
	struct addr expected = addr_v4(host, port);
	char is[ADDR_TEXT_MAX], want[ADDR_TEXT_MAX];

	USERNS_CHECK(addr_equal(addr, &expected), "%s is not %s", addr_format(addr, is),
		     addr_format(&expected, want));
}

static void outbound(void *arg)
{
	struct pair p;
	struct addr seen;
	int listener, accepted;

	make_pair(&p, world_preset(arg));
	listener = net_listen(netns(&p, p.seed), 80);
	for (uint16_t port = 5000; port < 5003; port++) {
		int fd = net_connect(netns(&p, p.fn0), port, listener, WORLD_SEED_ADDR, 80,
				     &accepted, &seen);

		check_is(&seen, WORLD_NAT_ADDR(0), port);
		net_say(fd, 1000);
		net_hear(accepted, 1000);
		net_say(accepted, 1000);
		net_hear(fd, 1000);
	}
	expect_leaks(&p, 0);
	expect_unsolicited(&p, p.fn0, 0);
	world_done(&p.world);
}

Test(router, lambda_translates_the_source_and_keeps_the_port)
{
	userns_test(outbound, (char[]){"lambda"}, TIMEOUT_MS);
}

Test(router, linux_translates_the_source_and_keeps_the_port)
{
	userns_test(outbound, (char[]){"linux"}, TIMEOUT_MS);
}

/* One local port towards two ports of the seed, and once more. */
static void one_port_or_many(void *arg)
{
	const char *preset = arg;
	struct addr seen[3];
	struct pair p;
	bool same = true;

	make_pair(&p, world_preset(preset));
	for (uint16_t i = 0; i < 3; i++) {
		int listener = net_listen(netns(&p, p.seed), (uint16_t)(80 + i));
		int accepted;

		(void)net_connect(netns(&p, p.fn0), 5000, listener, WORLD_SEED_ADDR,
				  (uint16_t)(80 + i), &accepted, &seen[i]);
		same &= seen[i].port == seen[0].port;
	}
	if (strcmp(preset, "symmetric") == 0)
		USERNS_CHECK(!same, "three times port %u", seen[0].port);
	else
		USERNS_CHECK(same, "ports %u %u %u", seen[0].port, seen[1].port, seen[2].port);
	world_done(&p.world);
}

Test(router, an_eim_mapping_has_one_port_for_all_destinations)
{
	userns_test(one_port_or_many, (char[]){"lambda"}, TIMEOUT_MS);
}

Test(router, a_symmetric_mapping_has_a_port_for_each_destination)
{
	userns_test(one_port_or_many, (char[]){"symmetric"}, TIMEOUT_MS);
}

static void unsolicited_dropped(void *arg)
{
	struct addr seen;
	struct pair p;
	int fd, listener, accepted;

	(void)arg;
	make_pair(&p, world_preset("lambda"));
	fd = net_socket(netns(&p, p.seed), SOCK_STREAM, 80);
	net_begin(fd, WORLD_NAT_ADDR(0), 5000);
	/* A reset would have come before connect() returned. */
	expect_unsolicited(&p, p.fn0, 1);
	USERNS_CHECK(net_is_silent(fd), "an answer");
	(void)close(fd);
	/* The poisoning packet: its tuple must be free for the inside host. */
	listener = net_listen(netns(&p, p.seed), 80);
	(void)net_connect(netns(&p, p.fn0), 5000, listener, WORLD_SEED_ADDR, 80, &accepted, &seen);
	check_is(&seen, WORLD_NAT_ADDR(0), 5000);
	world_done(&p.world);
}

Test(router, an_unsolicited_syn_is_dropped_counted_and_leaves_no_trace)
{
	userns_test(unsolicited_dropped, NULL, TIMEOUT_MS);
}

static void unsolicited_reset(void *arg)
{
	struct nat nat = *world_preset("linux");
	struct addr from;
	struct pair p;
	int fd;

	(void)arg;
	nat.unsolicited = NAT_UNSOLICITED_RST;
	make_pair(&p, &nat);
	fd = net_socket(netns(&p, p.seed), SOCK_STREAM, 0);
	net_want_icmp_errors(fd);
	net_begin(fd, WORLD_NAT_ADDR(0), 5000);
	USERNS_CHECK(net_outcome(fd) == -ECONNREFUSED, "no reset");
	USERNS_CHECK(recv(fd, (char[1]){0}, 1, MSG_ERRQUEUE) < 0, "an ICMP error");
	expect_unsolicited(&p, p.fn0, 1);

	fd = net_socket(netns(&p, p.seed), SOCK_DGRAM, 0);
	net_want_icmp_errors(fd);
	net_begin(fd, WORLD_NAT_ADDR(0), 5000);
	net_say(fd, 1);
	USERNS_CHECK(net_icmp_error(fd, &from) == (ICMP_DEST_UNREACH << 8 | ICMP_PORT_UNREACH),
		     "another error");
	check_is(&from, WORLD_NAT_ADDR(0), 0);
	expect_unsolicited(&p, p.fn0, 2);
	world_done(&p.world);
}

Test(router, the_reset_policy_resets_tcp_and_answers_udp_by_icmp)
{
	userns_test(unsolicited_reset, NULL, TIMEOUT_MS);
}

static void unsolicited_icmp(void *arg)
{
	struct nat nat = *world_preset("linux");
	struct addr from;
	struct pair p;

	(void)arg;
	nat.unsolicited = NAT_UNSOLICITED_ICMP;
	make_pair(&p, &nat);
	/* More than the kernel's default rate of ICMP errors allows. */
	for (uint64_t i = 1; i <= 20; i++) {
		int fd = net_socket(netns(&p, p.seed), SOCK_STREAM, 0);

		net_want_icmp_errors(fd);
		net_begin(fd, WORLD_NAT_ADDR(0), 5000);
		USERNS_CHECK(net_icmp_error(fd, &from) ==
				     (ICMP_DEST_UNREACH << 8 | ICMP_PORT_UNREACH),
			     "another error");
		check_is(&from, WORLD_NAT_ADDR(0), 0);
		expect_unsolicited(&p, p.fn0, i);
		(void)close(fd);
	}
	world_done(&p.world);
}

Test(router, the_icmp_policy_answers_every_syn_with_port_unreachable)
{
	userns_test(unsolicited_icmp, NULL, TIMEOUT_MS);
}

static void invalid_is_silent(void *arg)
{
	struct addr from = addr_v4(WORLD_SEED_ADDR, 80);
	struct addr to = addr_v4(WORLD_NAT_ADDR(0), 5000);
	struct nat nat = *world_preset("linux");
	struct error err = {0};
	struct pair p;
	char buf[64];
	int raw;

	(void)arg;
	nat.unsolicited = NAT_UNSOLICITED_RST;
	make_pair(&p, &nat);
	raw = ns_socket(netns(&p, p.seed), AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_TCP, &err);
	USERNS_CHECK(raw >= 0, "%s", err.text);
	net_raw_tcp(raw, &from, &to, TH_SYN | TH_FIN);
	expect_unsolicited(&p, p.fn0, 1);
	USERNS_CHECK(recv(raw, buf, sizeof(buf), 0) < 0, "an answer to an invalid packet");
	/* The same segment without the FIN is answered. */
	net_raw_tcp(raw, &from, &to, TH_SYN);
	net_wait_readable(raw);
	world_done(&p.world);
}

Test(router, an_invalid_packet_gets_no_answer_under_any_policy)
{
	userns_test(invalid_is_silent, NULL, TIMEOUT_MS);
}

static void static_forward(void *arg)
{
	struct nat nat = *world_preset("linux");
	struct addr seen;
	struct pair p;
	int listener, accepted, fd;

	(void)arg;
	nat.forwards[0] =
		(struct nat_forward){IPPROTO_TCP, 8080, addr_v4(WORLD_FUNCTION_ADDR(0), 80)};
	nat.n_forwards = 1;
	world_init(&p.world);
	p.fn0 = world_add_function(&p.world, &nat);
	p.seed = world_add_host(&p.world, "seed", WORLD_SEED_ADDR);
	world_apply(&p.world);
	listener = net_listen(netns(&p, p.fn0), 80);
	fd = net_connect(netns(&p, p.seed), 7000, listener, WORLD_NAT_ADDR(0), 8080, &accepted,
			 &seen);
	check_is(&seen, WORLD_SEED_ADDR, 7000);
	net_say(accepted, 10);
	net_hear(fd, 10);
	expect_unsolicited(&p, p.fn0, 0);
	/* Only that port. */
	fd = net_socket(netns(&p, p.seed), SOCK_STREAM, 0);
	net_begin(fd, WORLD_NAT_ADDR(0), 80);
	expect_unsolicited(&p, p.fn0, 1);
	USERNS_CHECK(net_is_silent(fd), "port 80 is open too");
	world_done(&p.world);
}

Test(router, a_static_forward_lets_its_port_in_and_no_other)
{
	userns_test(static_forward, NULL, TIMEOUT_MS);
}

static void simultaneous_open(void *arg)
{
	struct pair p;
	int a, b;

	make_pair(&p, world_preset(arg));
	a = net_socket(netns(&p, p.fn0), SOCK_STREAM, 5000);
	b = net_socket(netns(&p, p.fn1), SOCK_STREAM, 5000);
	net_begin(a, WORLD_NAT_ADDR(1), 5000);
	expect_unsolicited(&p, p.fn1, 1);
	net_begin(b, WORLD_NAT_ADDR(0), 5000);
	USERNS_CHECK(net_outcome(b) == 0, "b");
	USERNS_CHECK(net_outcome(a) == 0, "a");
	net_say(a, 1000);
	net_hear(b, 1000);
	net_say(b, 1000);
	net_hear(a, 1000);
	expect_unsolicited(&p, p.fn0, 0);
	expect_leaks(&p, 0);
	world_done(&p.world);
}

Test(router, two_functions_open_simultaneously_through_lambda)
{
	userns_test(simultaneous_open, (char[]){"lambda"}, TIMEOUT_MS);
}

Test(router, two_functions_open_simultaneously_through_strict_tracking)
{
	userns_test(simultaneous_open, (char[]){"linux"}, TIMEOUT_MS);
}

/* Both have sent a SYN, and neither gets the other's; a connection that one side only begins
 * is none of this. */
static void no_simultaneous_open(void *arg)
{
	struct nat nat = *world_preset("lambda");
	int a, b, accepted;
	struct pair p;

	(void)arg;
	nat.simultaneous_open = false;
	make_pair(&p, &nat);
	a = net_socket(netns(&p, p.fn0), SOCK_STREAM, 5000);
	b = net_socket(netns(&p, p.fn1), SOCK_STREAM, 5000);
	net_begin(a, WORLD_NAT_ADDR(1), 5000);
	expect_unsolicited(&p, p.fn1, 1);
	net_begin(b, WORLD_NAT_ADDR(0), 5000);
	expect_unsolicited(&p, p.fn0, 1);
	USERNS_CHECK(net_is_silent(a) && net_is_silent(b), "it came in");
	(void)net_connect(netns(&p, p.fn0), 6000, net_listen(netns(&p, p.seed), 80),
			  WORLD_SEED_ADDR, 80, &accepted, NULL);
	expect_leaks(&p, 0);
	world_done(&p.world);
}

Test(router, two_functions_do_not_open_simultaneously_where_that_is_refused)
{
	userns_test(no_simultaneous_open, NULL, TIMEOUT_MS);
}

/* fn1 opens its NAT from its listening port, gives that socket up, and a while
 * later fn0 connects: the listener's answer has another initial sequence number,
 * which strict tracking holds for invalid once it has left the window. */
static void sequential(void *arg)
{
	const char *preset = arg;
	struct pair p;
	int opener, listener, fd;

	make_pair(&p, world_preset(preset));
	listener = net_listen(netns(&p, p.fn1), 5000);
	opener = net_socket(netns(&p, p.fn1), SOCK_STREAM, 5000);
	net_begin(opener, WORLD_NAT_ADDR(0), 5000);
	expect_unsolicited(&p, p.fn0, 1);
	(void)close(opener);
	/* The sequence numbers' clock ticks every 64 ns: 20 ms are five windows. */
	(void)poll(NULL, 0, 20);
	fd = net_socket(netns(&p, p.fn0), SOCK_STREAM, 5000);
	net_begin(fd, WORLD_NAT_ADDR(1), 5000);
	if (strcmp(preset, "linux") == 0) {
		world_expect_packets(&p.world, NAT_OF(p.fn1), TOPO_COUNTER_INVALID, 1);
		USERNS_CHECK(net_is_silent(fd), "connected all the same");
	} else {
		USERNS_CHECK(net_outcome(fd) == 0, "not connected");
		(void)net_accept(listener, NULL);
	}
	expect_leaks(&p, 0);
	world_done(&p.world);
}

Test(router, sequential_punching_passes_liberal_tracking)
{
	userns_test(sequential, (char[]){"lambda"}, TIMEOUT_MS);
}

Test(router, sequential_punching_fails_at_strict_tracking_without_a_leak)
{
	userns_test(sequential, (char[]){"linux"}, TIMEOUT_MS);
}

static void resets_prevent_simultaneous_open(void *arg)
{
	struct nat nat = *world_preset("linux");
	struct pair p;
	int a;

	(void)arg;
	nat.unsolicited = NAT_UNSOLICITED_RST;
	make_pair(&p, &nat);
	a = net_socket(netns(&p, p.fn0), SOCK_STREAM, 5000);
	net_begin(a, WORLD_NAT_ADDR(1), 5000);
	USERNS_CHECK(net_outcome(a) == -ECONNREFUSED, "the early SYN was not reset");
	world_done(&p.world);
}

Test(router, a_nat_that_resets_kills_the_early_side_of_a_simultaneous_open)
{
	userns_test(resets_prevent_simultaneous_open, NULL, TIMEOUT_MS);
}

/* A datagram to @host from the seed. */
static int ask(const struct pair *p, uint32_t host)
{
	int fd = net_socket(netns(p, p->seed), SOCK_DGRAM, 0);

	net_want_icmp_errors(fd);
	net_begin(fd, host, 9);
	net_say(fd, 1);
	return fd;
}

static void private_is_black(void *arg)
{
	static const uint32_t private[] = {0x0a636363, 0xac1f0001, 0xc0a80505, 0x64400001,
					   0xc6120001};
	struct addr from;
	struct pair p;
	int fd;

	(void)arg;
	make_pair(&p, world_preset("lambda"));
	/* That silence is no chance: an unknown public address is answered, publicly. */
	fd = ask(&p, 0xc0000201);
	USERNS_CHECK(net_icmp_error(fd, &from) >> 8 == ICMP_DEST_UNREACH, "another error");
	check_is(&from, TOPO_INTERNET_ADDR, 0);
	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
		struct pollfd none = {.fd = ask(&p, private[i]), .events = POLLIN};

		USERNS_CHECK(poll(&none, 1, 0) == 0, "%08x was answered", private[i]);
	}
	expect_leaks(&p, 0);
	world_done(&p.world);
}

Test(router, the_public_side_swallows_private_destinations)
{
	userns_test(private_is_black, NULL, TIMEOUT_MS);
}

static void leak_is_counted(void *arg)
{
	struct pair p;
	size_t rogue;
	int fd, at_seed;

	(void)arg;
	world_init(&p.world);
	p.seed = world_add_host(&p.world, "seed", WORLD_SEED_ADDR);
	rogue = world_add_host(&p.world, "rogue", 0xc0a84d02);
	world_apply(&p.world);
	at_seed = net_socket(netns(&p, p.seed), SOCK_DGRAM, 53);
	fd = net_socket(netns(&p, rogue), SOCK_DGRAM, 0);
	net_begin(fd, WORLD_SEED_ADDR, 53);
	net_say(fd, 1);
	expect_leaks(&p, 1);
	USERNS_CHECK(recv(at_seed, (char[1]){0}, 1, 0) < 0 && errno == EAGAIN, "it arrived");
	/* Also one that a black hole takes. */
	fd = net_socket(netns(&p, rogue), SOCK_DGRAM, 0);
	net_begin(fd, 0x0a000001, 53);
	net_say(fd, 1);
	expect_leaks(&p, 2);
	world_done(&p.world);
}

Test(router, a_private_source_on_the_public_side_is_counted_and_dropped)
{
	userns_test(leak_is_counted, NULL, TIMEOUT_MS);
}

static void no_way_straight_in(void *arg)
{
	struct pair p;
	struct topo_route inside = {.node = 0,
				    .dst = addr_v4(WORLD_FUNCTION_ADDR(0), 0),
				    .prefix_len = 32,
				    .ifname = "eth0"};
	int fd, listener;

	(void)arg;
	world_init(&p.world);
	p.fn0 = world_add_function(&p.world, world_preset("lambda"));
	p.seed = world_add_host(&p.world, "seed", WORLD_SEED_ADDR);
	world_add_route(&p.world, &inside);
	world_apply(&p.world);
	listener = net_listen(netns(&p, p.fn0), 80);
	fd = net_socket(netns(&p, p.seed), SOCK_STREAM, 0);
	net_begin(fd, WORLD_FUNCTION_ADDR(0), 80);
	expect_unsolicited(&p, p.fn0, 1);
	USERNS_CHECK(net_is_silent(listener) && net_is_silent(fd), "it came in");
	world_done(&p.world);
}

Test(router, nobody_outside_routes_straight_to_an_inside_address)
{
	userns_test(no_way_straight_in, NULL, TIMEOUT_MS);
}

static void inside_to_inside(void *arg)
{
	struct addr seen;
	struct pair p;
	size_t neighbour;
	int listener, accepted;

	(void)arg;
	world_init(&p.world);
	p.fn0 = world_add_function(&p.world, world_preset("lambda"));
	neighbour = world_add_neighbour(&p.world, NAT_OF(p.fn0));
	world_apply(&p.world);
	listener = net_listen(netns(&p, p.fn0), 80);
	(void)net_connect(netns(&p, neighbour), 6000, listener, WORLD_FUNCTION_ADDR(0), 80,
			  &accepted, &seen);
	check_is(&seen, 0x0aff0002U, 6000);
	world_done(&p.world);
}

Test(router, two_functions_behind_one_nat_meet_untranslated)
{
	userns_test(inside_to_inside, NULL, TIMEOUT_MS);
}

/* 0x6 is ATF_PERM | ATF_COM */
static int check_arp(void *arg)
{
	FILE *arp = fopen("/proc/thread-self/net/arp", "re");
	size_t *n = arg;
	char line[256];

	if (!arp || !fgets(line, sizeof(line), arp))
		return -EIO;
	while (fgets(line, sizeof(line), arp)) {
		(*n)++;
		if (!strstr(line, " 0x6 "))
			userns_say("%s", line);
		if (!strstr(line, " 0x6 "))
			return -EINVAL;
	}
	(void)fclose(arp);
	return 0;
}

static void neighbours(void *arg)
{
	struct pair p;
	struct addr seen;
	int accepted;

	(void)arg;
	make_pair(&p, world_preset("lambda"));
	(void)net_connect(netns(&p, p.fn0), 0, net_listen(netns(&p, p.seed), 80), WORLD_SEED_ADDR,
			  80, &accepted, &seen);
	for (size_t node = 0; node < p.world.spec.n_nodes; node++) {
		size_t n = 0;

		USERNS_CHECK(ns_call(netns(&p, node), check_arp, &n, NULL) == 0,
			     "%s has a neighbour that is not permanent",
			     p.world.spec.nodes[node].name);
		USERNS_CHECK(n > 0, "%s has no neighbour", p.world.spec.nodes[node].name);
	}
	world_done(&p.world);
}

Test(router, every_neighbour_is_permanent)
{
	userns_test(neighbours, NULL, TIMEOUT_MS);
}
