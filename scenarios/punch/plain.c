/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * An ordinary client and an ordinary server, which know nothing of NATs or of Boxer:
 * one connects to a name, the other listens on a port. Under `boxer exec`, this is what
 * `boxlab matrix` tries Boxer with.
 *
 *	client	NONCE "connect" ------> server
 *	client	<------- NONCE "listen"
 *	client	a block ------> server, and back
 *
 * Who does not know the nonce is somebody else: the server forgets about him and waits
 * for the next one, the client has failed.
 *
 * Exit status: 0 connected, and bytes went both ways; 1 not; 2 misused.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK	 32768 /* bytes each way: more than any conversation about them */
#define GREETING 64
#define REASON	 160
#define BACKLOG	 8
#define QUIET_MS 2000 /* a connection that says nothing is somebody else's */

/**
 * struct talk - what is asked for, and what came of it
 * @deadline: CLOCK_MONOTONIC, ms
 * @ms: connect() took that long; negative: it never did
 */
struct talk {
	bool connects, nonblocking;
	const char *peer, *port, *nonce;
	double deadline;
	double ms;
	unsigned long sent, received;
	char reason[REASON];
};

static double now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int __attribute__((format(printf, 2, 3))) because(struct talk *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(t->reason, sizeof(t->reason), fmt, ap);
	va_end(ap);
	return -1;
}

/* Return: 1 ready, 0 too late. */
static int await(const struct talk *t, int fd, short events)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	double left = t->deadline - now_ms();

	while (left > 0) {
		int r = poll(&pfd, 1, (int)left + 1);

		if (r > 0)
			return 1;
		left = t->deadline - now_ms();
	}
	return 0;
}

/* ---- bytes ---- */

/* For either kind of socket; a blocking one has its own time limits. */
static int move(const struct talk *t, int fd, bool sends, char *buf, size_t len,
		unsigned long *count)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = sends ? send(fd, buf + done, len - done, MSG_NOSIGNAL)
				  : recv(fd, buf + done, len - done, 0);

		if (n < 0 && errno == EAGAIN && t->nonblocking) {
			if (!await(t, fd, sends ? POLLOUT : POLLIN))
				return -1;
			continue;
		}
		if (n <= 0)
			return -1;
		done += (size_t)n;
		if (count)
			*count += (unsigned long)n;
	}
	return 0;
}

static void greet(const struct talk *t, const char *role, char greeting[static GREETING])
{
	(void)memset(greeting, 0, GREETING);
	(void)snprintf(greeting, GREETING, "%s %s", t->nonce, role);
}

/* Say who we are, and hear it. Return: 0, or -1 for somebody else. */
static int exchange_greetings(const struct talk *t, int fd)
{
	char mine[GREETING], expected[GREETING], theirs[GREETING];

	greet(t, t->connects ? "connect" : "listen", mine);
	greet(t, t->connects ? "listen" : "connect", expected);
	if (t->connects && move(t, fd, true, mine, GREETING, NULL) < 0)
		return -1;
	if (move(t, fd, false, theirs, GREETING, NULL) < 0 ||
	    memcmp(theirs, expected, GREETING) != 0)
		return -1;
	return t->connects ? 0 : move(t, fd, true, mine, GREETING, NULL);
}

static int exchange(struct talk *t, int fd)
{
	static char block[BLOCK], back[BLOCK];
	char rest;

	if (exchange_greetings(t, fd) < 0)
		return because(t, "it is somebody else, or nobody any more");
	for (size_t i = 0; i < BLOCK; i++)
		block[i] = t->nonce[i % strlen(t->nonce)];
	if (t->connects) {
		if (move(t, fd, true, block, BLOCK, &t->sent) < 0 ||
		    move(t, fd, false, back, BLOCK, &t->received) < 0)
			return because(t, "the connection does not carry: %s", strerror(errno));
		if (memcmp(block, back, BLOCK) != 0)
			return because(t, "what came back is not what was sent");
		return 0;
	}
	if (move(t, fd, false, back, BLOCK, &t->received) < 0 ||
	    move(t, fd, true, back, BLOCK, &t->sent) < 0)
		return because(t, "the connection does not carry: %s", strerror(errno));
	/* Until the client has it all and goes. */
	if (!t->nonblocking || await(t, fd, POLLIN))
		(void)recv(fd, &rest, 1, 0);
	return 0;
}

static void limit(int fd, int ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

static int open_socket(const struct talk *t)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (t->nonblocking ? SOCK_NONBLOCK : 0),
		      0);
}

/* ---- the client ---- */

static int finish_connect(const struct talk *t, int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (!await(t, fd, POLLOUT))
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

static int connect_to(struct talk *t, const struct addrinfo *ai)
{
	double began = now_ms();
	int fd = open_socket(t), error = 0;

	if (fd < 0)
		return because(t, "socket: %s", strerror(errno));
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) < 0)
		error = errno;
	if (error == EINPROGRESS)
		error = finish_connect(t, fd);
	if (!error) {
		t->ms = now_ms() - began;
		return fd;
	}
	(void)close(fd);
	return because(t, "connect: %s", strerror(error));
}

static int be_client(struct talk *t)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *ai;
	int r = getaddrinfo(t->peer, t->port, &hints, &ai);
	int fd;

	if (r)
		return because(t, "%s: %s", t->peer, gai_strerror(r));
	fd = connect_to(t, ai);
	freeaddrinfo(ai);
	if (fd < 0)
		return -1;
	limit(fd, QUIET_MS);
	r = exchange(t, fd);
	(void)close(fd);
	return r;
}

/* ---- the server ---- */

static int open_listener(struct talk *t)
{
	struct sockaddr_in any = {.sin_family = AF_INET,
				  .sin_port = htons((uint16_t)strtoul(t->port, NULL, 10))};
	int fd = open_socket(t), one = 1;

	if (fd < 0)
		return because(t, "socket: %s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	(void)because(t, "cannot listen: %s", strerror(errno));
	(void)close(fd);
	return -1;
}

static int be_server(struct talk *t)
{
	int listener = open_listener(t), r = -1;

	while (listener >= 0 && r < 0) {
		int fd = -1;

		if (await(t, listener, POLLIN))
			fd = accept4(listener, NULL, NULL,
				     SOCK_CLOEXEC | (t->nonblocking ? SOCK_NONBLOCK : 0));
		else
			break;
		if (fd < 0)
			continue;
		limit(fd, QUIET_MS);
		r = exchange(t, fd);
		(void)close(fd);
	}
	if (listener < 0)
		return -1;
	(void)close(listener);
	return r < 0 && !*t->reason ? because(t, "nobody came") : r;
}

/* ---- the whole ---- */

static const char *need(const char *name)
{
	const char *value = getenv(name);

	if (!value || !*value)
		(void)fprintf(stderr, "plain: %s is not set; see docs/matrix.md\n", name);
	return value && *value ? value : NULL;
}

static int read_environment(struct talk *t)
{
	const char *role = need("BOXLAB_ROLE"), *deadline = need("BOXLAB_DEADLINE_MS");

	t->peer = need("BOXLAB_PEER");
	t->port = need("BOXLAB_PORT");
	t->nonce = need("BOXLAB_NONCE");
	if (!role || !deadline || !t->peer || !t->port || !t->nonce)
		return -1;
	t->connects = strcmp(role, "connect") == 0;
	t->deadline = now_ms() + strtod(deadline, NULL);
	return 0;
}

static void tell(const struct talk *t)
{
	(void)printf("{\"result\": \"%s\", \"who_accepted\": %s, ",
		     *t->reason ? "failed" : "direct", t->ms < 0 ? "null" : "\"listen\"");
	if (t->ms < 0)
		(void)printf("\"ms\": null, ");
	else
		(void)printf("\"ms\": %.3f, ", t->ms);
	(void)printf("\"sent\": %lu, \"received\": %lu, \"reason\": \"%s\"}\n", t->sent,
		     t->received, t->reason);
}

int main(int argc, char **argv)
{
	struct talk t = {.ms = -1};
	int r;

	t.nonblocking = argc == 2 && strcmp(argv[1], "--nonblocking") == 0;
	if (argc > 2 || (argc == 2 && !t.nonblocking)) {
		(void)fputs("usage: plain [--nonblocking]\n", stderr);
		return 2;
	}
	if (read_environment(&t) < 0)
		return 2;
	r = t.connects ? be_client(&t) : be_server(&t);
	if (r == 0)
		t.reason[0] = '\0';
	tell(&t);
	return r == 0 ? 0 : 1;
}
