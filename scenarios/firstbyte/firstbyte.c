/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * What it costs to connect: from connect() to the first byte. The server writes one
 * byte to whom it has accepted, and echoes one byte after that; the client connects
 * again and again, one connection after the other, and takes three times of each:
 *
 *	client                     server
 *	connect() ---- SYN ------> |
 *	   | <------------------- |	connected
 *	   | ---- ACK -----------> | accept(), and a byte
 *	   | <------------------- |	first byte
 *	   | ---- a byte --------> |
 *	   | <--- the same byte -- |	reply, counted from the first byte on
 *
 * So over a plain path the first byte comes after two round trips, and a reply takes
 * one. The client closes with a reset, for there is nothing left to be said, and no
 * state that the next one would have to be kept apart from. The first connections
 * are warm-up, reported apart: what a function learns by them is not learned again.
 *
 * Exit status: 0, 1 when something failed, 2 for a wrong command line.
 */
#include "base/clock.h"
#include "scenarios/command.h"
#include "scenarios/sample.h"
#include "scenarios/stream.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT_MAX 1000000UL

/** struct times - of one connection, since its connect(); the reply since the first byte */
struct times {
	uint64_t connected, first, reply;
};

/* ---- the server ---- */

/* A client that goes is no failure of ours. */
static void greet(int fd)
{
	char byte = '!';

	stream_no_delay(fd);
	while (send(fd, &byte, 1, MSG_NOSIGNAL) == 1)
		if (recv(fd, &byte, 1, 0) != 1)
			return;
}

static int serve(uint16_t port)
{
	int listener = stream_listen(port, false);

	if (listener < 0)
		return command_fail("cannot listen on port %u: %s", port, strerror(-listener));
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			return command_fail("accept: %s", strerror(errno));
		if (fd < 0)
			continue;
		greet(fd);
		(void)close(fd);
	}
}

/* ---- the client ---- */

static int receive(int fd)
{
	char byte;
	ssize_t n;

	for (;;) {
		n = recv(fd, &byte, 1, 0);
		if (n == 1)
			return 0;
		if (n == 0)
			return -ECONNRESET;
		if (errno == EAGAIN)
			(void)stream_wait(fd, POLLIN);
		else if (errno != EINTR)
			return -errno;
	}
}

static int talk(int fd, const struct sockaddr_in *to, struct times *ret)
{
	uint64_t began = clock_now();
	int r = connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 ? -errno : 0;

	if (r == -EINPROGRESS)
		r = stream_connected(fd);
	ret->connected = clock_now() - began;
	if (r == 0)
		r = receive(fd);
	ret->first = clock_now() - began;
	stream_no_delay(fd);
	began = clock_now();
	if (r == 0 && send(fd, "?", 1, MSG_NOSIGNAL) != 1)
		r = -errno;
	if (r == 0)
		r = receive(fd);
	ret->reply = clock_now() - began;
	return r;
}

static int once(const struct sockaddr_in *to, bool nonblock, struct times *ret)
{
	const struct linger reset = {.l_onoff = 1};
	int fd = stream_open(nonblock);
	int r;

	if (fd < 0)
		return fd;
	r = talk(fd, to, ret);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void)close(fd);
	return r;
}

/* "NAME": {"median_us": ..., ...}, of the member at @offset. */
static void print(const char *name, const struct times *times, unsigned long n, size_t offset,
		  uint64_t *v)
{
	for (unsigned long i = 0; i < n; i++)
		(void)memcpy(&v[i], (const char *)&times[i] + offset, sizeof(*v));
	sample_sort(v, n);
	(void)printf(", \"%s\": {\"min_us\": %.1f, \"median_us\": %.1f, \"p90_us\": %.1f, "
		     "\"max_us\": %.1f}",
		     name, (double)v[0] / 1e3, sample_median(v, n), sample_percentile(v, n, 90),
		     (double)v[n - 1] / 1e3);
}

static int measure(const struct sockaddr_in *to, unsigned long count, unsigned long warmup,
		   bool nonblock)
{
	struct times *times = calloc(warmup + count, sizeof(*times));
	uint64_t *v = calloc(count, sizeof(*v));
	int r = times && v ? 0 : -ENOMEM;

	for (unsigned long i = 0; r == 0 && i < warmup + count; i++)
		r = once(to, nonblock, &times[i]);
	if (r == 0) {
		(void)printf("{\"connections\": %lu, \"very_first_us\": %.1f", count,
			     (double)times[0].first / 1e3);
		print("connected", times + warmup, count, offsetof(struct times, connected), v);
		print("first_byte", times + warmup, count, offsetof(struct times, first), v);
		print("reply", times + warmup, count, offsetof(struct times, reply), v);
		(void)puts("}");
	}
	free(times);
	free(v);
	return r < 0 ? command_fail("%s", strerror(-r)) : EXIT_SUCCESS;
}

/* ---- the command line ---- */

static const char usage[] =
	"usage: firstbyte --serve PORT\n"
	"       firstbyte [--count N] [--warmup N] [--nonblock] HOST PORT\n"
	"\n"
	"Measure what it costs to connect: from connect() to the first byte, and a request\n"
	"and its reply after that. One connection after the other; prints JSON.\n"
	"\n"
	"  --serve PORT  be the server, on all IPv4 addresses\n"
	"  --count N     connections to measure (200)\n"
	"  --warmup N    connections before, of which only the first is told (10)\n"
	"  --nonblock    non-blocking sockets and poll()\n";

static int resolve(const char *host, uint16_t port, struct sockaddr_in *ret)
{
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	int r = getaddrinfo(host, NULL, &hints, &list);

	if (r)
		return command_fail("%s: %s", host, gai_strerror(r));
	(void)memcpy(ret, list->ai_addr, sizeof(*ret));
	ret->sin_port = htons(port);
	freeaddrinfo(list);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"serve", required_argument, NULL, 's'},  {"count", required_argument, NULL, 'c'},
		{"warmup", required_argument, NULL, 'w'}, {"nonblock", no_argument, NULL, 'n'},
		{"help", no_argument, NULL, 'h'},	  {0},
	};
	unsigned long count = 200, warmup = 10, port = 0;
	struct sockaddr_in to;
	bool nonblock = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 's')
			port = command_number("--serve", optarg, 1, UINT16_MAX);
		else if (opt == 'c')
			count = command_number("--count", optarg, 1, COUNT_MAX);
		else if (opt == 'w')
			warmup = command_number("--warmup", optarg, 1, COUNT_MAX);
		else if (opt == 'n')
			nonblock = true;
		else
			return command_usage(usage, opt == 'h');
	}
	if (argc - optind != (port ? 0 : 2))
		return command_usage(usage, false);
	if (port)
		return serve((uint16_t)port);
	port = command_number("port", argv[optind + 1], 1, UINT16_MAX);
	if (resolve(argv[optind], (uint16_t)port, &to))
		return EXIT_FAILURE;
	return measure(&to, count, warmup, nonblock);
}
