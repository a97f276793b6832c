/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: wire-bench PAIRS SECONDS ROUNDS
 * What a wire without delay costs against the veth pair that a plain link is:
 * TCP throughput and 1 KiB round trips, A B A B ... in one run, client and server
 * pinned to a processor each. Prints the figures as JSON; scripts/bench makes a
 * comparison of them.
 */
#include "base/clock.h"
#include "tests/support/userns.h"
#include "tests/topo/net.h"
#include "tests/topo/pair.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS_MAX  100
#define ROUNDS_MAX 1000000
#define PING_BYTES 1024
#define PORT	   80

/* One of them is without a wire. */
enum { PLAIN, WIRE, WAYS };

struct plan {
	unsigned int pairs, seconds, rounds;
};

struct figures {
	double throughput[WAYS][PAIRS_MAX]; /* bit/s */
	double round_trip[WAYS][PAIRS_MAX]; /* us, the median */
};

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* On a machine with one processor both run there. */
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static bool read_all(int fd, char *buf, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = read(fd, buf + got, len - got);

		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

/* Reads until the end, and tells the rate at which it came. */
static void sink(int fd, int result)
{
	static char buf[1 << 17];
	uint64_t begun = clock_now();
	double rate, bytes = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		bytes += (double)n;
	rate = 8e9 * bytes / (double)(clock_now() - begun);
	(void)!write(result, &rate, sizeof(rate));
}

static void echo(int fd, int result)
{
	char buf[PING_BYTES];

	(void)result;
	while (read_all(fd, buf, sizeof(buf)))
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			return;
}

static int connect_blocking(const struct pair *pair, int *ret_accepted)
{
	int listener = net_listen(pair_netns(pair, 1), PORT);
	int fd = net_connect(pair_netns(pair, 0), 0, listener, pair_addr(0, 1), PORT, ret_accepted,
			     NULL);
	int on = 1;

	(void)close(listener);
	USERNS_CHECK(fcntl(fd, F_SETFL, 0) == 0 && fcntl(*ret_accepted, F_SETFL, 0) == 0, "%m");
	(void)setsockopt(fd, SOL_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(*ret_accepted, SOL_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* Runs @serve at b's end in a process of its own. Return: a's end. */
static int start(const struct pair *pair, void (*serve)(int fd, int result), pid_t *ret_pid,
		 int *ret_result)
{
	int results[2], accepted, fd = connect_blocking(pair, &accepted);

	USERNS_CHECK(pipe2(results, O_CLOEXEC) == 0, "%m");
	*ret_pid = fork();
	USERNS_CHECK(*ret_pid >= 0, "%m");
	if (*ret_pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(fd);
		pin(1);
		serve(accepted, results[1]);
		_exit(0);
	}
	(void)close(accepted);
	(void)close(results[1]);
	*ret_result = results[0];
	return fd;
}

static double measure_throughput(const struct pair *pair, unsigned int seconds)
{
	static const char buf[1 << 17];
	uint64_t end;
	int result, fd;
	double rate;
	pid_t pid;

	fd = start(pair, sink, &pid, &result);
	end = clock_now() + seconds * NS_PER_S;
	while (clock_now() < end)
		USERNS_CHECK(write(fd, buf, sizeof(buf)) > 0, "%m");
	(void)close(fd);
	USERNS_CHECK(read(result, &rate, sizeof(rate)) == sizeof(rate), "no result");
	(void)close(result);
	(void)waitpid(pid, NULL, 0);
	return rate;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double measure_round_trip(const struct pair *pair, unsigned int rounds)
{
	static uint64_t took[ROUNDS_MAX];
	char buf[PING_BYTES] = {0};
	int result, fd;
	pid_t pid;

	fd = start(pair, echo, &pid, &result);
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t begun = clock_now();

		USERNS_CHECK(write(fd, buf, sizeof(buf)) == sizeof(buf), "%m");
		USERNS_CHECK(read_all(fd, buf, sizeof(buf)), "the echo ended");
		took[i] = clock_now() - begun;
	}
	(void)close(fd);
	(void)close(result);
	(void)waitpid(pid, NULL, 0);
	qsort(took, rounds, sizeof(*took), compare);
	return (double)took[rounds / 2] / 1e3;
}

static void say_row(const char *name, const double *values, unsigned int n, const char *after)
{
	char line[PAIRS_MAX * 24] = "";

	for (unsigned int i = 0; i < n; i++) {
		size_t len = strlen(line);

		(void)snprintf(line + len, sizeof(line) - len, "%s%.1f", i ? "," : "", values[i]);
	}
	userns_say("\"%s\":[%s]%s", name, line, after);
}

static void bench(void *arg)
{
	static const struct topo_wire wire = {0};
	const struct plan *plan = arg;
	static struct figures figures;
	struct wire_stats stats;
	struct pair pairs[WAYS];

	pair_make(&pairs[PLAIN], 1, NULL, 0);
	pair_make(&pairs[WIRE], 1, &wire, 0);
	pin(0);
	for (unsigned int i = 0; i < plan->pairs; i++) {
		for (int way = 0; way < WAYS; way++) {
			figures.throughput[way][i] = measure_throughput(&pairs[way], plan->seconds);
			figures.round_trip[way][i] = measure_round_trip(&pairs[way], plan->rounds);
		}
	}
	stats = pair_stats(&pairs[WIRE], 0, 0);
	userns_say("{\"throughput\":{");
	say_row("plain", figures.throughput[PLAIN], plan->pairs, ",");
	say_row("wire", figures.throughput[WIRE], plan->pairs, "},\"round_trip\":{");
	say_row("plain", figures.round_trip[PLAIN], plan->pairs, ",");
	say_row("wire", figures.round_trip[WIRE], plan->pairs, "},");
	userns_say("\"packets\":%lu,\"bytes\":%lu,\"missed\":%lu}", (unsigned long)stats.passed,
		   (unsigned long)stats.passed_bytes, (unsigned long)stats.missed);
	for (int way = 0; way < WAYS; way++)
		pair_done(&pairs[way]);
}

static unsigned int number(const char *text, unsigned int max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	return *end || value > max ? 0 : (unsigned int)value;
}

int main(int argc, char **argv)
{
	struct userns_result result;
	struct plan plan = {0};

	if (argc == 4)
		plan = (struct plan){number(argv[1], PAIRS_MAX), number(argv[2], 600),
				     number(argv[3], ROUNDS_MAX)};
	if (!plan.pairs || !plan.seconds || !plan.rounds) {
		(void)fprintf(stderr, "usage: wire-bench PAIRS SECONDS ROUNDS\n");
		return 2;
	}
	userns_run(bench, &plan, 1 << 30, &result);
	(void)fputs(result.text, result.verdict == USERNS_PASSED ? stdout : stderr);
	return result.verdict == USERNS_PASSED ? 0 : result.verdict == USERNS_SKIPPED ? 3 : 1;
}
