/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams, large frames and whole topologies over wires. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/support/userns.h"
#include "tests/topo/net.h"
#include "tests/topo/pair.h"
#include "tests/topo/world.h"
#include "topo/ns.h"

#include <criterion/criterion.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>

#define TIMEOUT_MS 120000
#define MTU	   1500

/* A byte that depends on its place, with no period that a frame could have. */
static uint8_t byte_at(uint64_t place)
{
	return (uint8_t)(((place ^ place >> 13) * 0x9e3779b97f4a7c15ULL) >> 56);
}

static void fill(uint8_t *buf, size_t len, uint64_t place)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = byte_at(place + i);
}

static void check(const uint8_t *buf, size_t len, uint64_t place)
{
	for (size_t i = 0; i < len; i++)
		USERNS_CHECK(buf[i] == byte_at(place + i), "byte %lu", (unsigned long)(place + i));
}

/* @from is -1 when all has been sent. */
static void wait_for(int from, int to)
{
	struct pollfd p[2] = {{.fd = from, .events = POLLOUT}, {.fd = to, .events = POLLIN}};

	USERNS_CHECK(poll(p, 2, 60000) > 0, "the stream stands still");
}

/* Sends @bytes through @from, and reads them at @to. */
static void stream(int from, int to, uint64_t bytes)
{
	static uint8_t buf[1 << 18];
	uint64_t sent = 0, got = 0;

	while (got < bytes) {
		uint64_t left = bytes - sent;
		ssize_t n;

		wait_for(left ? from : -1, to);
		if (left) {
			size_t len = left < sizeof(buf) ? left : sizeof(buf);

			fill(buf, len, sent);
			n = send(from, buf, len, MSG_NOSIGNAL);
			USERNS_CHECK(n > 0 || errno == EAGAIN, "%m");
			sent += n > 0 ? (uint64_t)n : 0;
		}
		n = recv(to, buf, sizeof(buf), 0);
		USERNS_CHECK(n > 0 || (n < 0 && errno == EAGAIN), "%zd: %m", n);
		if (n > 0)
			check(buf, (size_t)n, got);
		got += n > 0 ? (uint64_t)n : 0;
	}
}

static void connect_pair(const struct pair *pair, int *ret_a, int *ret_b)
{
	int listener = net_listen(pair_netns(pair, 1), 80);

	*ret_a = net_connect(pair_netns(pair, 0), 0, listener, pair_addr(0, 1), 80, ret_b, NULL);
	(void)close(listener);
}

static void intact(void *arg)
{
	static const struct topo_wire wire = {0};
	struct wire_stats stats;
	uint64_t begun, bytes = 256 << 20;
	struct pair pair;
	int a, b;

	(void)arg;
	pair_make(&pair, 1, &wire, 1);
	connect_pair(&pair, &a, &b);
	begun = clock_now();
	stream(a, b, bytes);
	userns_say("%.2f Gbit/s in one thread, each byte made and checked",
		   8.0 * (double)bytes / (double)(clock_now() - begun));
	stream(b, a, bytes / 8);
	stats = pair_stats(&pair, 0, 0);
	userns_say("%lu bytes per packet; %lu overflowed, %lu missed",
		   (unsigned long)(stats.passed_bytes / stats.passed),
		   (unsigned long)stats.overflowed, (unsigned long)stats.missed);
	USERNS_CHECK(stats.passed_bytes / stats.passed > (uint64_t)2 * MTU, "no large frames");
	USERNS_CHECK(stats.refused == 0, "%lu refused", (unsigned long)stats.refused);
	pair_done(&pair);
}

Test(wire, a_stream_in_large_frames_arrives_intact)
{
	userns_test(intact, NULL, TIMEOUT_MS);
}

static void lossy(void *arg)
{
	static const struct topo_wire wire = {
		.from = {{.loss_ppm = 300000, .delay_ns = NS_PER_MS}, {.delay_ns = NS_PER_MS}}};
	struct wire_stats stats;
	uint64_t begun = clock_now();
	struct pair pair;
	int a, b;

	(void)arg;
	pair_make(&pair, 1, &wire, 1);
	connect_pair(&pair, &a, &b);
	stream(a, b, 128 << 10);
	stats = pair_stats(&pair, 0, 0);
	userns_say("%lu of %lu packets lost, done after %lu ms", (unsigned long)stats.lost,
		   (unsigned long)stats.taken, (unsigned long)((clock_now() - begun) / NS_PER_MS));
	USERNS_CHECK(stats.lost > 0, "nothing was lost");
	pair_done(&pair);
}

Test(wire, a_stream_survives_the_loss_of_three_packets_in_ten)
{
	userns_test(lossy, NULL, TIMEOUT_MS);
}

/* One datagram of @len bytes; with @segment, cut into datagrams of that size. */
static void send_datagram(const struct pair *pair, size_t len, int segment)
{
	static uint8_t buf[65536];
	cleanup_close int a = pair_socket(pair, 0, 0);
	cleanup_close int b = pair_socket(pair, 0, 1);
	size_t got = 0;

	USERNS_CHECK(!segment ||
			     setsockopt(a, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) == 0,
		     "%m");
	fill(buf, len, 0);
	USERNS_CHECK(send(a, buf, len, 0) == (ssize_t)len, "%m");
	while (got < len) {
		ssize_t n;

		net_wait_readable(b);
		n = recv(b, buf, sizeof(buf), 0);
		USERNS_CHECK(n == (segment ? segment : (ssize_t)len), "%zd of %zu bytes", n, len);
		check(buf, (size_t)n, got);
		got += (size_t)n;
	}
}

static void datagrams(void *arg)
{
	static const struct topo_wire wire = {0};
	struct pair pair;

	(void)arg;
	pair_make(&pair, 1, &wire, 1);
	send_datagram(&pair, 1, 0);
	send_datagram(&pair, MTU - 28, 0);
	/* In fragments: checksums are computed by the sender. */
	send_datagram(&pair, 20000, 0);
	send_datagram(&pair, 65507, 0);
	USERNS_CHECK(pair_stats(&pair, 0, 0).missed == 0, "missed");
	pair_done(&pair);
}

Test(wire, datagrams_of_any_size_arrive_intact)
{
	userns_test(datagrams, NULL, TIMEOUT_MS);
}

static void segments(void *arg)
{
	static const struct topo_wire wire = {0};
	struct pair pair;

	(void)arg;
	pair_make(&pair, 1, &wire, 1);
	send_datagram(&pair, 40 * 1400, 1400);
	userns_say("in %lu packets", (unsigned long)pair_stats(&pair, 0, 0).taken);
	pair_done(&pair);
}

Test(wire, segmented_datagrams_arrive_intact)
{
	userns_test(segments, NULL, TIMEOUT_MS);
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* An echo of @len bytes, from a to b and back; @len is even. */
static void ping(const struct pair *pair, size_t len)
{
	static uint8_t sent[32768], got[32768];
	struct icmphdr icmp = {.type = ICMP_ECHO, .un.echo.sequence = htons(1)};
	struct addr to = addr_v4(pair_addr(0, 1), 0);
	struct sockaddr_storage ss;
	int ss_len = addr_to_sockaddr(&to, AF_INET, &ss);
	struct error err = {0};
	cleanup_close int fd = ns_socket(pair_netns(pair, 0), AF_INET, SOCK_RAW | SOCK_NONBLOCK,
					 IPPROTO_ICMP, &err);
	ssize_t n;

	USERNS_CHECK(fd >= 0, "%s", err.text);
	fill(sent, len, 0);
	(void)memcpy(sent, &icmp, sizeof(icmp));
	icmp.checksum = checksum(sent, len);
	(void)memcpy(sent, &icmp, sizeof(icmp));
	USERNS_CHECK(sendto(fd, sent, len, 0, (const struct sockaddr *)&ss, (socklen_t)ss_len) ==
			     (ssize_t)len,
		     "%m");
	net_wait_readable(fd);
	n = recv(fd, got, sizeof(got), 0);
	USERNS_CHECK(n == (ssize_t)(20 + len), "%zd bytes", n);
	USERNS_CHECK(got[20] == ICMP_ECHOREPLY, "type %u", got[20]);
	USERNS_CHECK(memcmp(got + 28, sent + 8, len - 8) == 0, "not what was sent");
}

static void pings(void *arg)
{
	static const struct topo_wire wire = {0};
	struct pair pair;

	(void)arg;
	pair_make(&pair, 1, &wire, 1);
	ping(&pair, 64);
	ping(&pair, 20000);
	pair_done(&pair);
}

Test(wire, echoes_come_back_intact)
{
	userns_test(pings, NULL, TIMEOUT_MS);
}

/*
 *  fn0 --wire-- nat0 --wire-- internet --wire-- seed
 */
static void through_a_nat(void *arg)
{
	enum { FN_LINK = 1, DELAY_MS = 3 };
	static const struct topo_wire wire = {
		.from = {{.delay_ns = DELAY_MS * NS_PER_MS}, {.delay_ns = DELAY_MS * NS_PER_MS}}};
	struct error err = {0};
	uint64_t begun, took, rx, tx;
	struct world world;
	struct addr seen;
	struct pair pair;
	size_t fn, seed;
	int fd, accepted;

	(void)arg;
	world_init(&world);
	fn = world_add_function(&world, world_preset("lambda"));
	seed = world_add_host(&world, "seed", WORLD_SEED_ADDR);
	for (size_t i = 0; i < world.spec.n_links; i++)
		world.spec.links[i].wire = &wire;
	world_apply(&world);
	pair = (struct pair){.topo = world.topo};
	pair_run_wires(&pair);
	begun = clock_now();
	fd = net_connect(world_netns(&world, fn), 5000, net_listen(world_netns(&world, seed), 80),
			 WORLD_SEED_ADDR, 80, &accepted, &seen);
	took = clock_now() - begun;
	/* SYN, SYN-ACK and ACK over three wires each. */
	USERNS_CHECK(took >= 9 * DELAY_MS * NS_PER_MS, "%lu ns", (unsigned long)took);
	USERNS_CHECK(addr_v4_value(&seen) == WORLD_NAT_ADDR(0) && seen.port == 5000, "port %u",
		     seen.port);
	/* The kernel sends a SYN again after a second. */
	USERNS_CHECK(pair_stats(&pair, FN_LINK, 1).taken == 1, "the first SYN-ACK was lost");
	net_say(fd, 20000);
	net_hear(accepted, 20000);
	USERNS_CHECK(topo_link_bytes(world.topo, FN_LINK, 0, &rx, &tx, &err) == 0, "%s", err.text);
	USERNS_CHECK(tx > 20000 && tx < 25000, "%lu out", (unsigned long)tx);
	USERNS_CHECK(rx > 0 && rx < 5000, "%lu in", (unsigned long)rx);
	world_expect_packets(&world, 0, TOPO_COUNTER_LEAK, 0);
	pair_stop_wires(&pair);
	world_done(&world);
}

Test(wire, nodes_see_nothing_of_it_but_the_delay)
{
	userns_test(through_a_nat, NULL, TIMEOUT_MS);
}

static void quiet(void *arg)
{
	static const struct topo_wire wire = {0};
	uint64_t rx, tx;
	struct pair pair;

	(void)arg;
	pair_make(&pair, 1, &wire, 1);
	for (int end = 0; end < 2; end++) {
		USERNS_CHECK(topo_link_bytes(pair.topo, 0, end, &rx, &tx, NULL) == 0, "end %d",
			     end);
		USERNS_CHECK(rx == 0 && tx == 0, "%lu in, %lu out", (unsigned long)rx,
			     (unsigned long)tx);
		USERNS_CHECK(pair_stats(&pair, 0, end).taken == 0, "end %d", end);
	}
	pair_done(&pair);
}

Test(wire, carries_nothing_that_no_node_has_sent)
{
	userns_test(quiet, NULL, TIMEOUT_MS);
}
