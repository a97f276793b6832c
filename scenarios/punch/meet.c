/* SPDX-License-Identifier: MIT */
#include "meet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REPEAT_MS 100 /* a datagram to the rendezvous, until it answers */

double meet_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

int meet_left(const struct meeting *m)
{
	double left = m->deadline - meet_now();

	return left > 0 ? (int)left + 1 : 0;
}

int meet_because(struct outcome *outcome, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(outcome->reason, sizeof(outcome->reason), fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- the environment ---- */

static const char *need(const char *name)
{
	const char *value = getenv(name);

	if (!value || !*value)
		(void)fprintf(stderr, "punch: %s is not set; see docs/matrix.md\n", name);
	return value && *value ? value : NULL;
}

static int number(const char *name, int fallback, int max)
{
	const char *value = getenv(name);
	char *end;
	long n;

	if (!value || !*value)
		return fallback;
	n = strtol(value, &end, 10);
	if (*end || n < 0 || n > max) {
		(void)fprintf(stderr, "punch: %s: %s is no number up to %d\n", name, value, max);
		return -1;
	}
	return (int)n;
}

/* "203.0.113.10:7000" */
static int parse_endpoint(const char *text, struct sockaddr_in *ret)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');
	char *end;
	long port;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -1;
	(void)memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	port = strtol(colon + 1, &end, 10);
	*ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (*end || port <= 0 || port > 65535 || inet_pton(AF_INET, host, &ret->sin_addr) != 1)
		return -1;
	return 0;
}

int meet_init(struct meeting *m)
{
	const char *role = need("BOXLAB_ROLE");
	const char *rendezvous = need("BOXLAB_RENDEZVOUS");
	int port = number("BOXLAB_PORT", 0, 65535);

	*m = (struct meeting){
		.fd = -1,
		.gap_ms = number("BOXLAB_GAP_MS", 0, 60000),
		.deadline_ms = number("BOXLAB_DEADLINE_MS", 2000, 600000),
	};
	if (!role || !rendezvous || port < 0 || m->gap_ms < 0 || m->deadline_ms < 0)
		return -1;
	m->connects = strcmp(role, "connect") == 0;
	m->port = (uint16_t)port;
	if (!m->connects && strcmp(role, "listen") != 0) {
		(void)fprintf(stderr, "punch: BOXLAB_ROLE is \"connect\" or \"listen\"\n");
		return -1;
	}
	if (parse_endpoint(rendezvous, &m->rendezvous) == 0)
		return 0;
	(void)fprintf(stderr, "punch: BOXLAB_RENDEZVOUS: \"%s\" is no ADDRESS:PORT\n", rendezvous);
	return -1;
}

int meet_socket(const struct meeting *m, int type)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(m->port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* ---- the rendezvous ---- */

static const char *role(const struct meeting *m)
{
	return m->connects ? "connect" : "listen";
}

/* "go 203.1.0.1:7100 203.1.0.2:7100 6ad3": the time runs from here. */
static int take_go(struct meeting *m, const char *line, struct outcome *outcome)
{
	char me[32], peer[32];

	if (sscanf(line, "go %31s %31s %39s", me, peer, m->nonce) != 3 ||
	    parse_endpoint(me, &m->me) < 0 || parse_endpoint(peer, &m->peer) < 0)
		return meet_because(outcome, "the rendezvous does not speak plainly");
	m->began = meet_now();
	m->deadline = m->began + m->deadline_ms;
	return 0;
}

/* A line without its end, byte by byte, so that nothing behind it is taken. */
static int read_line(const struct meeting *m, char line[static MEET_LINE_MAX],
		     struct outcome *outcome)
{
	struct pollfd fd = {.fd = m->fd, .events = POLLIN};
	size_t len = 0;

	while (len < MEET_LINE_MAX - 1) {
		if (poll(&fd, 1, meet_left(m)) == 0)
			return meet_because(outcome, "nothing from the rendezvous in time");
		if (recv(m->fd, &line[len], 1, 0) != 1)
			return meet_because(outcome, "the other side has given up");
		if (line[len] == '\n')
			break;
		len++;
	}
	line[len] = '\0';
	return 0;
}

int meet_tcp(struct meeting *m, struct outcome *outcome)
{
	char line[MEET_LINE_MAX];

	/* Machines may start at different times; only then does the deadline count. */
	m->deadline = meet_now() + 5.0 * m->deadline_ms;
	m->fd = meet_socket(m, SOCK_STREAM);
	if (m->fd < 0 ||
	    connect(m->fd, (struct sockaddr *)&m->rendezvous, sizeof(m->rendezvous)) < 0)
		return meet_because(outcome, "no rendezvous: %s", strerror(errno));
	meet_say(m, role(m));
	if (read_line(m, line, outcome) < 0)
		return -1;
	return take_go(m, line, outcome);
}

int meet_udp(struct meeting *m, struct outcome *outcome)
{
	char line[MEET_LINE_MAX];
	ssize_t n;

	m->deadline = meet_now() + 5.0 * m->deadline_ms;
	m->fd = meet_socket(m, SOCK_DGRAM);
	if (m->fd < 0)
		return meet_because(outcome, "no socket: %s", strerror(errno));
	while (meet_left(m)) {
		struct pollfd fd = {.fd = m->fd, .events = POLLIN};

		(void)sendto(m->fd, role(m), strlen(role(m)), 0, (struct sockaddr *)&m->rendezvous,
			     sizeof(m->rendezvous));
		if (poll(&fd, 1, REPEAT_MS) <= 0)
			continue;
		n = recv(m->fd, line, sizeof(line) - 1, 0);
		line[n > 0 ? n : 0] = '\0';
		/* The other side may be a step ahead. */
		if (strncmp(line, "go ", 3) == 0)
			return take_go(m, line, outcome);
	}
	return meet_because(outcome, "nothing from the rendezvous in time");
}

void meet_say(const struct meeting *m, const char *line)
{
	char text[MEET_LINE_MAX];
	int len = snprintf(text, sizeof(text), "%s\n", line);

	(void)send(m->fd, text, (size_t)len, MSG_NOSIGNAL);
}

int meet_hear(const struct meeting *m, const char *line, struct outcome *outcome)
{
	char heard[MEET_LINE_MAX];

	do
		if (read_line(m, heard, outcome) < 0)
			return -1;
	while (strcmp(heard, line) != 0);
	return 0;
}

/* ---- the result ---- */

static const char *endpoint(const struct sockaddr_in *a, char buf[static 32])
{
	char host[INET_ADDRSTRLEN];

	(void)inet_ntop(AF_INET, &a->sin_addr, host, sizeof(host));
	(void)snprintf(buf, 32, "%s:%u", host, ntohs(a->sin_port));
	return buf;
}

void meet_tell(const struct meeting *m, const char *technique, const struct outcome *outcome)
{
	char me[32], peer[32];

	(void)printf("{\"technique\": \"%s\", \"role\": \"%s\", \"me\": \"%s\", \"peer\": \"%s\", "
		     "\"result\": \"%s\", ",
		     technique, role(m), endpoint(&m->me, me), endpoint(&m->peer, peer),
		     *outcome->reason ? "failed" : "direct");
	if (outcome->who)
		(void)printf("\"who_accepted\": \"%s\", \"ms\": %.3f, ", outcome->who, outcome->ms);
	else
		(void)printf("\"who_accepted\": null, \"ms\": null, ");
	(void)printf("\"sent\": %lu, \"received\": %lu, \"reason\": \"%s\"}\n", outcome->sent,
		     outcome->received, outcome->reason);
}
