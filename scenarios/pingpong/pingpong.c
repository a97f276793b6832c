/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A round trip over TCP, measured by an ordinary program: it knows names,
 * ports and sockets, and nothing of NATs or of Boxer. The client sends a message
 * of a fixed size and waits until the server has echoed all of it, round after
 * round; each round's content differs and is compared, so that neither a stale
 * nor a foreign echo is counted. What it prints is one JSON object.
 *
 * Both sides exist in two kinds, since a shim has to serve both: with blocking
 * sockets (the server forks for each client) and, by --nonblock, with
 * non-blocking ones and poll() (the server is one process).
 *
 * Exit status: 0, 1 when something failed, 2 for a wrong command line.
 */
#include "base/clock.h"
#include "scenarios/command.h"
#include "scenarios/sample.h"
#include "scenarios/stream.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX  10000000UL
#define PAUSE_MAX   60000UL
#define MESSAGE_MAX (64UL << 20)
#define CLIENTS_MAX 1000
#define CHUNK	    65536

/**
 * struct client - what the client was asked to do, and what it measured
 * @rtt_ns: one entry per round; the warm-up is not in it
 * @sent, @received: bytes, the warm-up's included
 */
struct client {
	const char *host, *port;
	unsigned long rounds, warmup, size, pause_ms;
	bool nonblock;
	uint64_t connect_ns;
	uint64_t *rtt_ns;
	uint64_t sent, received;
};

/* ---- the server ---- */

/* Until the client goes. A client that resets its connection is no failure of ours. */
static int echo_blocking(int fd)
{
	static char buf[CHUNK];
	ssize_t n, done, r;

	stream_no_delay(fd);
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		for (done = 0; done < n; done += r) {
			r = send(fd, buf + done, (size_t)(n - done), MSG_NOSIGNAL);
			if (r < 0)
				return EXIT_FAILURE;
		}
	}
	return n < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int serve_blocking(int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		pid_t child;

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return command_fail("accept: %s", strerror(errno));
		child = fork();
		if (child < 0)
			return command_fail("fork: %s", strerror(errno));
		if (child == 0) {
			(void)close(listener);
			_exit(echo_blocking(fd));
		}
		(void)close(fd);
	}
}

/** struct pending - a client of the polling server, and what it has not taken back yet */
struct pending {
	size_t begin, end;
	char buf[CHUNK];
};

/* Return: false when the client has gone. */
static bool echo_some(struct pollfd *pfd, struct pending *p)
{
	ssize_t n;

	if (p->begin == p->end) {
		n = recv(pfd->fd, p->buf, sizeof(p->buf), 0);
		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		p->begin = 0;
		p->end = (size_t)n;
	}
	n = send(pfd->fd, p->buf + p->begin, p->end - p->begin, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	if (n > 0)
		p->begin += (size_t)n;
	pfd->events = p->begin < p->end ? POLLOUT : POLLIN;
	return true;
}

static int serve_polling(int listener)
{
	static struct pollfd pfds[1 + CLIENTS_MAX];
	static struct pending *pending[1 + CLIENTS_MAX];
	nfds_t n = 1;

	pfds[0] = (struct pollfd){.fd = listener};
	for (;;) {
		pfds[0].events = n < 1 + CLIENTS_MAX ? POLLIN : 0;
		if (poll(pfds, n, -1) < 0 && errno != EINTR)
			return command_fail("poll: %s", strerror(errno));
		for (nfds_t i = n - 1; i > 0; i--) {
			if (!pfds[i].revents || echo_some(&pfds[i], pending[i]))
				continue;
			(void)close(pfds[i].fd);
			free(pending[i]);
			n--;
			pfds[i] = pfds[n];
			pending[i] = pending[n];
		}
		if (pfds[0].revents) {
			int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

			if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				return command_fail("accept: %s", strerror(errno));
			if (fd < 0)
				continue;
			stream_no_delay(fd);
			pending[n] = calloc(1, sizeof(*pending[n]));
			if (!pending[n])
				return command_fail("%s", strerror(ENOMEM));
			pfds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
		}
	}
}

static int serve(uint16_t port, bool nonblock)
{
	/* The kernel reaps the children of the forking server. */
	struct sigaction sa = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
	int fd = stream_listen(port, nonblock);

	if (fd < 0)
		return command_fail("cannot listen on port %u: %s", port, strerror(-fd));
	(void)sigaction(SIGCHLD, &sa, NULL);
	return nonblock ? serve_polling(fd) : serve_blocking(fd);
}

/* ---- the client ---- */

/* Return: a connected socket, or -errno. */
static int connect_to(const struct addrinfo *ai, bool nonblock)
{
	int type = SOCK_STREAM | SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0);
	int fd = socket(ai->ai_family, type, ai->ai_protocol);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) < 0)
		error = errno;
	if (error == EINPROGRESS)
		error = -stream_connected(fd);
	if (error) {
		(void)close(fd);
		return -error;
	}
	stream_no_delay(fd);
	return fd;
}

static int connect_any(struct client *c, int *ret_fd)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list, *ai;
	int r = getaddrinfo(c->host, c->port, &hints, &list);
	int fd = -EADDRNOTAVAIL;

	if (r)
		return command_fail("%s port %s: %s", c->host, c->port, gai_strerror(r));
	for (ai = list; ai && fd < 0; ai = ai->ai_next) {
		uint64_t began = clock_now();

		fd = connect_to(ai, c->nonblock);
		c->connect_ns = clock_now() - began;
	}
	freeaddrinfo(list);
	if (fd < 0)
		return command_fail("cannot connect to %s port %s: %s", c->host, c->port,
				    strerror(-fd));
	*ret_fd = fd;
	return 0;
}

/*
 * Send @out and take as much back. A message may be larger than all the buffers
 * on the way, so the echo is read while it is still being sent; that takes poll(),
 * which a blocking client otherwise does without.
 */
static int exchange(struct client *c, int fd, const char *out, char *in)
{
	size_t sent = 0, received = 0;

	while (received < c->size) {
		bool wait = c->nonblock;
		ssize_t n;

		if (sent < c->size) {
			n = send(fd, out + sent, c->size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				return -errno;
			if (n > 0)
				sent += (size_t)n;
			wait |= sent < c->size;
		}
		if (wait) {
			int r = stream_wait(fd, sent < c->size ? POLLIN | POLLOUT : POLLIN);

			if (r < 0)
				return r;
		}
		n = recv(fd, in + received, c->size - received, wait ? MSG_DONTWAIT : 0);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0)
			received += (size_t)n;
	}
	c->sent += sent;
	c->received += received;
	return 0;
}

static void fill(char *message, size_t size, uint64_t round)
{
	uint64_t x = round * 0x9e3779b97f4a7c15 + 1;

	for (size_t i = 0; i < size; i++) {
		if (i % sizeof(x) == 0) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		message[i] = (char)(x >> 8 * (i % sizeof(x)));
	}
}

/* Signals may cut it short, which does no harm. */
static void rest(unsigned long ms)
{
	const struct timespec pause = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	if (ms)
		(void)nanosleep(&pause, NULL);
}

static int play(struct client *c, int fd, char *out, char *in)
{
	for (unsigned long i = 0; i < c->warmup + c->rounds; i++) {
		uint64_t began;
		int r;

		fill(out, c->size, i);
		if (i > 0)
			rest(c->pause_ms);
		began = clock_now();
		r = exchange(c, fd, out, in);
		if (r < 0)
			return command_fail("round %lu with %s port %s: %s", i, c->host, c->port,
					    strerror(-r));
		if (i >= c->warmup)
			c->rtt_ns[i - c->warmup] = clock_now() - began;
		if (memcmp(out, in, c->size) != 0)
			return command_fail("round %lu with %s port %s: another content came back",
					    i, c->host, c->port);
	}
	return 0;
}

static void report(struct client *c)
{
	unsigned long n = c->rounds;
	uint64_t *v = c->rtt_ns;
	double mean = 0, variance = 0;

	sample_sort(v, n);
	for (unsigned long i = 0; i < n; i++)
		mean += (double)v[i] / (double)n;
	for (unsigned long i = 0; i < n; i++)
		variance += ((double)v[i] - mean) * ((double)v[i] - mean) / (double)n;
	(void)printf("{\"rounds\": %lu, \"size\": %lu, \"sent_bytes\": %" PRIu64
		     ", \"received_bytes\": %" PRIu64 ", \"connect_us\": %.3f, \"min_us\": %.3f, "
		     "\"median_us\": %.3f, \"mean_us\": %.3f, \"p99_us\": %.3f, \"max_us\": %.3f, "
		     "\"stddev_us\": %.3f}\n",
		     n, c->size, c->sent, c->received, (double)c->connect_ns / 1e3,
		     (double)v[0] / 1e3, sample_median(v, n), mean / 1e3,
		     sample_percentile(v, n, 99), (double)v[n - 1] / 1e3, sqrt(variance) / 1e3);
}

static int measure(struct client *c)
{
	char *out = malloc(c->size), *in = malloc(c->size);
	int fd = -1;
	int r;

	c->rtt_ns = calloc(c->rounds, sizeof(*c->rtt_ns));
	if (!out || !in || !c->rtt_ns)
		r = command_fail("%s", strerror(ENOMEM));
	else
		r = connect_any(c, &fd);
	if (!r)
		r = play(c, fd, out, in);
	if (!r)
		report(c);
	if (fd >= 0)
		(void)close(fd);
	free(c->rtt_ns);
	free(in);
	free(out);
	return r;
}

/* ---- the command line ---- */

static const char usage[] =
	"usage: pingpong --serve PORT [--nonblock]\n"
	"       pingpong [--rounds N] [--size BYTES] [--warmup N] [--pause MS] [--nonblock]\n"
	"                HOST PORT\n"
	"\n"
	"Measure round trips over TCP. The server echoes; the client sends a message,\n"
	"waits for all of it to come back, and prints JSON.\n"
	"\n"
	"  --serve PORT   be the server, on all IPv4 addresses\n"
	"  --rounds N     rounds to measure (1000)\n"
	"  --size BYTES   size of a message (1024)\n"
	"  --warmup N     rounds before, which are not measured (0)\n"
	"  --pause MS     before each round but the first (0)\n"
	"  --nonblock     non-blocking sockets and poll()\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"serve", required_argument, NULL, 'l'}, {"rounds", required_argument, NULL, 'r'},
		{"size", required_argument, NULL, 's'},	 {"warmup", required_argument, NULL, 'w'},
		{"pause", required_argument, NULL, 'p'}, {"nonblock", no_argument, NULL, 'n'},
		{"help", no_argument, NULL, 'h'},	 {0},
	};
	struct client c = {.rounds = 1000, .size = 1024};
	unsigned long serve_port = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'l')
			serve_port = command_number("--serve", optarg, 1, UINT16_MAX);
		else if (opt == 'r')
			c.rounds = command_number("--rounds", optarg, 1, ROUNDS_MAX);
		else if (opt == 's')
			c.size = command_number("--size", optarg, 1, MESSAGE_MAX);
		else if (opt == 'w')
			c.warmup = command_number("--warmup", optarg, 0, ROUNDS_MAX);
		else if (opt == 'p')
			c.pause_ms = command_number("--pause", optarg, 0, PAUSE_MAX);
		else if (opt == 'n')
			c.nonblock = true;
		else
			return command_usage(usage, opt == 'h');
	}
	if (argc - optind != (serve_port ? 0 : 2))
		return command_usage(usage, false);
	if (serve_port)
		return serve((uint16_t)serve_port, c.nonblock);
	c.host = argv[optind];
	c.port = argv[optind + 1];
	/* getaddrinfo() takes larger numbers, and cuts them off. */
	(void)command_number("port", c.port, 1, UINT16_MAX);
	return measure(&c);
}
