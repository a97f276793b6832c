/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What wires do to datagrams: nothing that was not declared, and all that was. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/support/userns.h"
#include "tests/topo/net.h"
#include "tests/topo/pair.h"
#include "topo/wire_msg.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define TIMEOUT_MS 120000
/* As many small datagrams fit the buffer of a socket wherever the wire waits. */
#define BURST 64

struct note {
	uint64_t number;
	uint64_t sent;
};

static void send_note(int fd, uint64_t number)
{
	struct note note = {number, clock_now()};

	USERNS_CHECK(send(fd, &note, sizeof(note), 0) == sizeof(note), "%m");
}

/* Return: false if nothing waits. */
static bool read_note(int fd, struct note *ret_note)
{
	ssize_t n = recv(fd, ret_note, sizeof(*ret_note), 0);

	USERNS_CHECK(n == sizeof(*ret_note) || (n < 0 && errno == EAGAIN), "%zd: %m", n);
	return n > 0;
}

static struct note wait_note(int fd)
{
	struct note note;

	net_wait_readable(fd);
	USERNS_CHECK(read_note(fd, &note), "nothing to read");
	return note;
}

static void expect_note(int fd, uint64_t number)
{
	struct note note = wait_note(fd);

	USERNS_CHECK(note.number == number, "%lu, not %lu", (unsigned long)note.number,
		     (unsigned long)number);
}

/*
 * Sends @n notes from @end and reads what arrives, which must be what fate says,
 * in order, and no more.
 */
static void check_fates(const struct pair *pair, int end, const struct fate_spec *spec, uint64_t n)
{
	uint64_t stream = fate_stream(pair->spec.seed, 0, (unsigned int)end);
	cleanup_close int from = pair_socket(pair, 0, end);
	cleanup_close int to = pair_socket(pair, 0, !end);
	struct wire_stats stats;
	uint64_t lost = 0;
	struct note note;

	for (uint64_t i = 0; i < n; i += BURST) {
		uint64_t after = i + BURST < n ? i + BURST : n;

		for (uint64_t k = i; k < after; k++)
			send_note(from, k);
		pair_wait_taken(pair, 0, end, after);
		for (uint64_t k = i; k < after; k++) {
			if (fate_of(spec, stream, k).lost)
				lost++;
			else
				expect_note(to, k);
		}
	}
	stats = pair_stats(pair, 0, end);
	USERNS_CHECK(!read_note(to, &note), "%lu has come in spite of its fate",
		     (unsigned long)note.number);
	USERNS_CHECK(stats.lost == lost && stats.passed == n - lost && stats.queued == 0 &&
			     stats.overflowed == 0 && stats.refused == 0 && stats.missed == 0,
		     "lost %lu, passed %lu, missed %lu", (unsigned long)stats.lost,
		     (unsigned long)stats.passed, (unsigned long)stats.missed);
	/* Ethernet, IPv4, UDP */
	USERNS_CHECK(stats.passed_bytes == stats.passed * (14 + 20 + 8 + sizeof(note)), "%lu bytes",
		     (unsigned long)stats.passed_bytes);
	userns_say("end %d: %lu of %lu lost", end, (unsigned long)lost, (unsigned long)n);
}

static void all_in_order(void *arg)
{
	static const struct topo_wire wire = {0};
	struct pair pair;

	(void)arg;
	pair_make(&pair, 1, &wire, 1);
	check_fates(&pair, 0, &wire.from[0], 20000);
	check_fates(&pair, 1, &wire.from[1], 20000);
	pair_done(&pair);
}

Test(wire, of_which_nothing_is_declared_passes_all_in_order)
{
	userns_test(all_in_order, NULL, TIMEOUT_MS);
}

static void losses(void *arg)
{
	static const struct topo_wire wire = {.from = {{.loss_ppm = 100000}, {.loss_ppm = 500000}}};
	struct pair pair;

	(void)arg;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		pair_make(&pair, 1, &wire, seed);
		check_fates(&pair, 0, &wire.from[0], 10000);
		check_fates(&pair, 1, &wire.from[1], 2000);
		pair_done(&pair);
	}
}

Test(wire, loses_exactly_the_packets_that_fate_says)
{
	userns_test(losses, NULL, TIMEOUT_MS);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Sends packets one by one, the first ones of that direction. */
static void check_delays(const struct pair *pair, int end, const struct fate_spec *spec)
{
	enum { N = 51 };
	uint64_t stream = fate_stream(pair->spec.seed, 0, (unsigned int)end);
	cleanup_close int from = pair_socket(pair, 0, end);
	cleanup_close int to = pair_socket(pair, 0, !end);
	uint64_t excess[N];

	for (uint64_t i = 0; i < N; i++) {
		uint64_t fated = fate_of(spec, stream, i).delay_ns;
		uint64_t took;

		send_note(from, i);
		took = wait_note(to).sent;
		took = clock_now() - took;
		USERNS_CHECK(took >= fated, "packet %lu took %lu of %lu ns", (unsigned long)i,
			     (unsigned long)took, (unsigned long)fated);
		excess[i] = took - fated;
	}
	qsort(excess, N, sizeof(*excess), compare);
	userns_say("end %d: late by %lu us in the median, %lu at most", end,
		   (unsigned long)(excess[N / 2] / NS_PER_US),
		   (unsigned long)(excess[N - 1] / NS_PER_US));
	USERNS_CHECK(excess[N / 2] < 20 * NS_PER_MS, "late");
}

static void delays(void *arg)
{
	static const struct topo_wire wire = {
		.from = {{.delay_ns = 20 * NS_PER_MS},
			 {.delay_ns = 10 * NS_PER_MS, .jitter_ns = 9 * NS_PER_MS}}};
	struct pair pair;

	(void)arg;
	pair_make(&pair, 1, &wire, 3);
	check_delays(&pair, 0, &wire.from[0]);
	check_delays(&pair, 1, &wire.from[1]);
	pair_done(&pair);
}

Test(wire, delays_by_what_fate_says_and_hardly_more)
{
	userns_test(delays, NULL, TIMEOUT_MS);
}

static void jitter_in_order(void *arg)
{
	static const struct topo_wire wire = {
		.from[0] = {.delay_ns = 20 * NS_PER_MS, .jitter_ns = 20 * NS_PER_MS}};
	struct pair pair;
	int from, to;

	(void)arg;
	pair_make(&pair, 1, &wire, 4);
	from = pair_socket(&pair, 0, 0);
	to = pair_socket(&pair, 0, 1);
	for (uint64_t i = 0; i < BURST; i++)
		send_note(from, i);
	for (uint64_t i = 0; i < BURST; i++)
		expect_note(to, i);
	pair_done(&pair);
}

Test(wire, jitter_keeps_the_order)
{
	userns_test(jitter_in_order, NULL, TIMEOUT_MS);
}

static void set(void *arg)
{
	static const struct topo_wire wire = {0};
	static const struct fate_spec deaf = {.loss_ppm = FATE_CERTAIN_PPM};
	struct wire_stats stats;
	struct note note;
	struct pair pair;
	int a, b;

	(void)arg;
	pair_make(&pair, 1, &wire, 5);
	a = pair_socket(&pair, 0, 0);
	b = pair_socket(&pair, 0, 1);
	for (uint64_t i = 0; i < BURST; i++)
		send_note(a, i);
	/* What was sent before must arrive; what is sent after must not. */
	pair_set(&pair, 0, 0, &deaf);
	for (uint64_t i = 0; i < BURST; i++)
		send_note(a, BURST + i);
	pair_wait_taken(&pair, 0, 0, 2 * BURST);
	send_note(b, 7);
	expect_note(a, 7);
	pair_set(&pair, 0, 0, &wire.from[0]);
	send_note(a, 2 * BURST);
	for (uint64_t i = 0; i < BURST; i++)
		expect_note(b, i);
	expect_note(b, 2 * BURST);
	USERNS_CHECK(!read_note(b, &note), "%lu is one too many", (unsigned long)note.number);
	stats = pair_stats(&pair, 0, 0);
	USERNS_CHECK(stats.lost == BURST && stats.passed == BURST + 1, "lost %lu, passed %lu",
		     (unsigned long)stats.lost, (unsigned long)stats.passed);
	stats = pair_stats(&pair, 0, 1);
	USERNS_CHECK(stats.lost == 0 && stats.passed == 1, "the other direction");
	pair_done(&pair);
}

Test(wire, is_changed_from_one_packet_to_the_next_and_in_one_direction)
{
	userns_test(set, NULL, TIMEOUT_MS);
}

/* While it sleeps, more packets come than it takes at once, then a request. */
static void set_behind_packets(void *arg)
{
	enum { PACKETS = 200 };
	static const struct topo_wire wire = {0};
	struct wire_request request = {
		.op = WIRE_OP_SET, .end = 0, .spec = {.loss_ppm = FATE_CERTAIN_PPM}};
	struct wire_answer answer;
	struct pair pair;
	int a, b, status;

	(void)arg;
	pair_make(&pair, 1, &wire, 5);
	a = pair_socket(&pair, 0, 0);
	b = pair_socket(&pair, 0, 1);
	USERNS_CHECK(kill(pair.pid, SIGSTOP) == 0, "%m");
	USERNS_CHECK(waitpid(pair.pid, &status, WUNTRACED) == pair.pid && WIFSTOPPED(status), "%m");
	for (uint64_t i = 0; i < PACKETS; i++)
		send_note(a, i);
	USERNS_CHECK(send(pair.control, &request, sizeof(request), 0) == sizeof(request), "%m");
	USERNS_CHECK(kill(pair.pid, SIGCONT) == 0, "%m");
	for (uint64_t i = 0; i < PACKETS; i++)
		expect_note(b, i);
	net_wait_readable(pair.control);
	USERNS_CHECK(recv(pair.control, &answer, sizeof(answer), 0) == sizeof(answer), "%m");
	USERNS_CHECK(answer.code == 0, "%ld", (long)answer.code);
	USERNS_CHECK(pair_stats(&pair, 0, 0).passed == PACKETS, "not all");
	pair_done(&pair);
}

Test(wire, what_was_sent_before_a_change_is_treated_as_before)
{
	userns_test(set_behind_packets, NULL, TIMEOUT_MS);
}

static void waits(void *arg)
{
	static const struct topo_wire wire = {.from = {{.delay_ns = NS_PER_MS}}};
	struct fate_spec later = {.delay_ns = NS_PER_S};
	struct timespec used;
	struct pair pair;
	clockid_t clock;
	int a, b;

	(void)arg;
	pair_make(&pair, 1, &wire, 5);
	a = pair_socket(&pair, 0, 0);
	b = pair_socket(&pair, 0, 1);
	/* Its timer has gone off once, and waits for the second packet. */
	send_note(a, 0);
	expect_note(b, 0);
	pair_set(&pair, 0, 0, &later);
	send_note(a, 1);
	expect_note(b, 1);
	USERNS_CHECK(clock_getcpuclockid(pair.pid, &clock) == 0, "%m");
	USERNS_CHECK(clock_gettime(clock, &used) == 0, "%m");
	USERNS_CHECK(used.tv_sec == 0 && used.tv_nsec < 300000000, "%ld.%09ld s of the processor",
		     (long)used.tv_sec, used.tv_nsec);
	pair_done(&pair);
}

Test(wire, sleeps_while_packets_are_under_way)
{
	userns_test(waits, NULL, TIMEOUT_MS);
}

static void restarted(void *arg)
{
	static const struct topo_wire wire = {.from = {{.loss_ppm = 500000}, {.loss_ppm = 500000}}};
	static const struct fate_spec slow = {.delay_ns = 50 * NS_PER_MS};
	struct pair pair;
	struct note note;
	int a, b;

	(void)arg;
	pair_make(&pair, 1, &wire, 8);
	check_fates(&pair, 0, &wire.from[0], 100);
	/* One that is under way, and what may still wait at the other end. */
	pair_set(&pair, 0, 0, &slow);
	a = pair_socket(&pair, 0, 0);
	b = pair_socket(&pair, 0, 1);
	send_note(a, 1000);
	pair_wait_taken(&pair, 0, 0, 101);
	for (uint64_t i = 0; i < BURST; i++)
		send_note(b, i);
	pair_set(&pair, 0, 0, &wire.from[0]);
	USERNS_CHECK(wires_restart(pair.control) == 0, "refused");
	USERNS_CHECK(pair_stats(&pair, 0, 0).taken == 0, "statistics go on");
	while (read_note(a, &note))
		;
	(void)close(a);
	(void)close(b);
	check_fates(&pair, 0, &wire.from[0], 1000);
	check_fates(&pair, 1, &wire.from[1], 1000);
	pair_done(&pair);
}

Test(wire, begins_anew_when_it_is_restarted)
{
	userns_test(restarted, NULL, TIMEOUT_MS);
}

static void own_files(void *arg)
{
	enum { N = 3 };
	static const struct topo_wire wire = {0};
	struct pair pair;
	char path[64];
	size_t n = 0;
	DIR *dir;

	(void)arg;
	pair_make(&pair, N, &wire, 5);
	/* It answers, so it is past closing what is not its own. */
	(void)pair_stats(&pair, 0, 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pair.pid);
	dir = opendir(path);
	USERNS_CHECK(dir, "%s: %m", path);
	for (struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.' && atoi(entry->d_name) > STDERR_FILENO;
	(void)closedir(dir);
	/* Two sockets each; what waits, what times, and what it is told by. */
	USERNS_CHECK(n == 2 * N + 3, "%zu", n);
	pair_done(&pair);
}

Test(wire, keeps_no_descriptor_but_its_own)
{
	userns_test(own_files, NULL, TIMEOUT_MS);
}

static void set_shorter(void *arg)
{
	static const struct topo_wire wire = {.from[0] = {.delay_ns = 100 * NS_PER_MS}};
	struct fate_spec none = {0};
	struct pair pair;
	int a, b;

	(void)arg;
	pair_make(&pair, 1, &wire, 5);
	a = pair_socket(&pair, 0, 0);
	b = pair_socket(&pair, 0, 1);
	send_note(a, 0);
	pair_set(&pair, 0, 0, &none);
	send_note(a, 1);
	expect_note(b, 0);
	expect_note(b, 1);
	pair_done(&pair);
}

Test(wire, keeps_the_order_when_a_delay_becomes_shorter)
{
	userns_test(set_shorter, NULL, TIMEOUT_MS);
}

static void refusals(void *arg)
{
	static const struct topo_wire wire = {0};
	static const struct fate_spec bad = {.loss_ppm = FATE_CERTAIN_PPM + 1};
	struct wire_stats stats = {.taken = 99};
	struct pair pair;

	(void)arg;
	pair_make(&pair, 2, &wire, 5);
	USERNS_CHECK(wires_set(pair.control, 0, 0, &bad) == -EINVAL, "a bad spec");
	USERNS_CHECK(wires_set(pair.control, 2, 0, &wire.from[0]) == -ENOENT, "a link too many");
	USERNS_CHECK(wires_set(pair.control, 1, 2, &wire.from[0]) == -ENOENT, "an end too many");
	USERNS_CHECK(wires_stats(pair.control, 1, -1, &stats) == -ENOENT, "a negative end");
	USERNS_CHECK(stats.taken == 99, "an output touched on failure");
	USERNS_CHECK(wires_set(pair.control, 1, 1, &wire.from[0]) == 0, "a good one");
	pair_done(&pair);
}

Test(wire, refuses_what_cannot_be_and_goes_on)
{
	userns_test(refusals, NULL, TIMEOUT_MS);
}

static void many(void *arg)
{
	enum { N = 100 };
	static const struct topo_wire wire = {.from[0] = {.delay_ns = 5 * NS_PER_MS}};
	static const struct fate_spec deaf = {.loss_ppm = FATE_CERTAIN_PPM};
	int a[N], b[N];
	struct pair pair;

	(void)arg;
	pair_make(&pair, N, &wire, 6);
	for (size_t i = 0; i < N; i++) {
		a[i] = pair_socket(&pair, i, 0);
		b[i] = pair_socket(&pair, i, 1);
		if (i % 2)
			pair_set(&pair, i, 0, &deaf);
	}
	for (uint64_t round = 0; round < 10; round++)
		for (size_t i = 0; i < N; i++)
			send_note(a[i], round);
	for (size_t i = 0; i < N; i++) {
		struct note note;

		pair_wait_taken(&pair, i, 0, 10);
		for (uint64_t round = 0; i % 2 == 0 && round < 10; round++)
			expect_note(b[i], round);
		USERNS_CHECK(!read_note(b[i], &note), "link %zu", i);
		USERNS_CHECK(pair_stats(&pair, i, 0).lost == (i % 2 ? 10 : 0), "link %zu", i);
	}
	pair_done(&pair);
}

Test(wire, a_hundred_of_them_in_one_process)
{
	userns_test(many, NULL, TIMEOUT_MS);
}

static void killed(void *arg)
{
	static const struct topo_wire wire = {0};
	struct wire_stats stats;
	struct pollfd p;
	struct note note;
	struct pair pair;
	int a, b;

	(void)arg;
	pair_make(&pair, 1, &wire, 7);
	a = pair_socket(&pair, 0, 0);
	b = pair_socket(&pair, 0, 1);
	send_note(a, 1);
	expect_note(b, 1);
	p = (struct pollfd){.fd = pair.control, .events = POLLIN};
	USERNS_CHECK(poll(&p, 1, 0) == 0, "news of a living one");
	USERNS_CHECK(kill(pair.pid, SIGKILL) == 0, "%m");
	USERNS_CHECK(poll(&p, 1, NET_PATIENCE_MS) == 1 && p.revents & POLLHUP, "not noticed");
	USERNS_CHECK(wires_stats(pair.control, 0, 0, &stats) == -EPIPE, "answered");
	USERNS_CHECK(wires_set(pair.control, 0, 0, &wire.from[0]) == -EPIPE, "answered");
	USERNS_CHECK(waitpid(pair.pid, NULL, 0) == pair.pid, "%m");
	pair.pid = 0;
	(void)close(pair.control);
	send_note(a, 2);
	USERNS_CHECK(!read_note(b, &note), "something carries packets all the same");
	pair_done(&pair);
}

Test(wire, kill_9_of_its_process_is_noticed_and_ends_the_links)
{
	userns_test(killed, NULL, TIMEOUT_MS);
}

/* Sends packets of @size until @packets of them are under way. */
static void fill(const struct pair *pair, size_t size, uint64_t packets)
{
	cleanup_close int a = pair_socket(pair, 0, 0);
	static const char payload[2000];
	struct wire_stats stats;
	uint64_t sent;

	for (sent = 0; sent < packets + 5 * BURST; sent++) {
		if (sent % BURST == 0)
			pair_wait_taken(pair, 0, 0, sent);
		USERNS_CHECK(send(a, payload, size, 0) == (ssize_t)size, "%m");
	}
	pair_wait_taken(pair, 0, 0, sent);
	stats = pair_stats(pair, 0, 0);
	USERNS_CHECK(stats.queued == packets && stats.overflowed == 5 * BURST && stats.passed == 0,
		     "queued %lu, overflowed %lu", (unsigned long)stats.queued,
		     (unsigned long)stats.overflowed);
}

static void overflow(void *arg)
{
	static const struct topo_wire wire = {.from[0] = {.delay_ns = FATE_DELAY_MAX_NS}};
	/* Ethernet, IPv4 and UDP, and what the packet socket puts before them. */
	size_t size = 1472, frame = 1472 + 14 + 20 + 8 + 10;
	struct pair pair;

	(void)arg;
	pair_make(&pair, 1, &wire, 8);
	fill(&pair, 1, WIRE_QUEUE_PACKETS);
	pair_done(&pair);
	pair_make(&pair, 1, &wire, 8);
	fill(&pair, size, WIRE_QUEUE_BYTES / frame);
	pair_done(&pair);
}

Test(wire, what_is_under_way_is_bounded_and_the_rest_counted)
{
	userns_test(overflow, NULL, TIMEOUT_MS);
}
