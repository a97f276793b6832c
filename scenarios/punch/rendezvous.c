/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * Two machines that cannot reach each other meet here, on a public machine, over
 * TCP or UDP, in lines of plain text:
 *
 *	they say	connect			(or "listen": the role)
 *	both hear	go YOU PEER NONCE	when both are there
 *
 * YOU and PEER are endpoints as they are seen from here: ADDRESS:PORT. Over TCP
 * every further line is passed on to the other, and when one goes, so does the
 * other. Over UDP who has heard nothing asks again.
 *
 * usage: rendezvous PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define GUESTS_MAX 16
#define LINE_MAX   128

/** struct guest - a machine; @fd: -1 for a free place, @role: -1 while unknown */
struct guest {
	int fd;
	int role;
	struct guest *partner;
	struct sockaddr_in at;
	char line[LINE_MAX];
	size_t len;
};

static struct guest guests[GUESTS_MAX];
/* Over UDP there is one pair. */
static struct sockaddr_in datagrams_from[2];
static char datagrams_nonce[17];

static int role_of(const char *word)
{
	if (strcmp(word, "connect") == 0)
		return 0;
	return strcmp(word, "listen") == 0 ? 1 : -1;
}

static void make_nonce(char nonce[static 17])
{
	uint64_t random = 0;

	(void)!getrandom(&random, sizeof(random), 0);
	(void)snprintf(nonce, 17, "%016llx", (unsigned long long)random);
}

static int make_go(char *buf, const struct sockaddr_in *you, const struct sockaddr_in *peer,
		   const char *nonce)
{
	char a[INET_ADDRSTRLEN], b[INET_ADDRSTRLEN];

	(void)inet_ntop(AF_INET, &you->sin_addr, a, sizeof(a));
	(void)inet_ntop(AF_INET, &peer->sin_addr, b, sizeof(b));
	return snprintf(buf, LINE_MAX, "go %s:%u %s:%u %s\n", a, ntohs(you->sin_port), b,
			ntohs(peer->sin_port), nonce);
}

/* ---- TCP ---- */

static void leave(struct guest *guest)
{
	struct guest *partner = guest->partner;

	(void)close(guest->fd);
	guest->fd = -1;
	if (!partner)
		return;
	(void)close(partner->fd);
	partner->fd = -1;
}

static void tell(const struct guest *guest, const char *nonce)
{
	char text[LINE_MAX];
	int len = make_go(text, &guest->at, &guest->partner->at, nonce);

	(void)send(guest->fd, text, (size_t)len, MSG_NOSIGNAL);
}

static void find_partner(struct guest *guest)
{
	char nonce[17];

	for (struct guest *other = guests; other < guests + GUESTS_MAX; other++) {
		if (other->fd < 0 || other->partner || other->role != 1 - guest->role)
			continue;
		guest->partner = other;
		other->partner = guest;
		make_nonce(nonce);
		tell(other, nonce);
		tell(guest, nonce);
		return;
	}
}

/* Return: false when it makes no sense. */
static bool take_line(struct guest *guest)
{
	if (guest->partner) {
		guest->line[guest->len++] = '\n';
		(void)send(guest->partner->fd, guest->line, guest->len, MSG_NOSIGNAL);
	} else {
		guest->line[guest->len] = '\0';
		guest->role = role_of(guest->line);
		if (guest->role < 0)
			return false;
		find_partner(guest);
	}
	guest->len = 0;
	return true;
}

static void hear(struct guest *guest)
{
	char text[LINE_MAX];
	ssize_t n = recv(guest->fd, text, sizeof(text), 0);

	if (n <= 0) {
		leave(guest);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		/* Room for the line's end. */
		bool fits = guest->len < sizeof(guest->line) - 1;

		if (text[i] != '\n' && fits)
			guest->line[guest->len++] = text[i];
		else if (!fits || !take_line(guest)) {
			leave(guest);
			return;
		}
	}
}

static void let_in(int listener)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	int fd = accept4(listener, (struct sockaddr *)&at, &len, SOCK_CLOEXEC);

	for (struct guest *guest = guests; fd >= 0 && guest < guests + GUESTS_MAX; guest++) {
		if (guest->fd >= 0)
			continue;
		*guest = (struct guest){.fd = fd, .role = -1, .at = at};
		return;
	}
	if (fd >= 0)
		(void)close(fd);
}

/* ---- UDP ---- */

static void answer_datagram(int fd)
{
	char text[LINE_MAX];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &len);
	int role;

	text[n > 0 ? n : 0] = '\0';
	role = role_of(text);
	if (role < 0)
		return;
	if (memcmp(&datagrams_from[role], &from, sizeof(from)) != 0)
		make_nonce(datagrams_nonce);
	datagrams_from[role] = from;
	if (!datagrams_from[1 - role].sin_port)
		return;
	for (int i = 0; i < 2; i++) {
		int size =
			make_go(text, &datagrams_from[i], &datagrams_from[1 - i], datagrams_nonce);

		(void)sendto(fd, text, (size_t)size, 0, (struct sockaddr *)&datagrams_from[i],
			     sizeof(datagrams_from[i]));
	}
}

/* ---- the server ---- */

static int open_port(int type, uint16_t port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	int one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, GUESTS_MAX) < 0)) {
		perror("rendezvous");
		return -1;
	}
	return fd;
}

static void serve(int listener, int datagrams)
{
	struct pollfd fds[GUESTS_MAX + 2] = {{.fd = listener, .events = POLLIN},
					     {.fd = datagrams, .events = POLLIN}};

	for (int i = 0; i < GUESTS_MAX; i++)
		fds[i + 2] = (struct pollfd){.fd = guests[i].fd, .events = POLLIN};
	if (poll(fds, GUESTS_MAX + 2, -1) < 0)
		return;
	for (int i = 0; i < GUESTS_MAX; i++)
		/* Its partner may have taken it along. */
		if (fds[i + 2].revents && guests[i].fd >= 0)
			hear(&guests[i]);
	if (fds[0].revents)
		let_in(listener);
	if (fds[1].revents)
		answer_datagram(datagrams);
}

int main(int argc, char **argv)
{
	char *end = NULL;
	long port = argc == 2 ? strtol(argv[1], &end, 10) : 0;
	int listener, datagrams;

	if (port <= 0 || port > 65535 || *end) {
		(void)fputs("usage: rendezvous PORT\n", stderr);
		return 2;
	}
	for (int i = 0; i < GUESTS_MAX; i++)
		guests[i].fd = -1;
	/* Who sees it listen may use either. */
	datagrams = open_port(SOCK_DGRAM, (uint16_t)port);
	listener = datagrams < 0 ? -1 : open_port(SOCK_STREAM, (uint16_t)port);
	if (listener < 0)
		return 1;
	for (;;)
		serve(listener, datagrams);
}
