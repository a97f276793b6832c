/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP for tests: `lab-udp PORT` sends back what comes there; `lab-udp HOST PORT COUNT`
 * sends so many datagrams, one after the other's answer, and prints what it moved.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE	  1000
#define ANSWER_MS 200
#define TRIES_MAX 10

static int serve(const char *port)
{
	const struct sockaddr_in sin = {.sin_family = AF_INET,
					.sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char data[SIZE];

	if (fd < 0 || bind(fd, (const struct sockaddr *)&sin, sizeof(sin)) < 0)
		return EXIT_FAILURE;
	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &len);

		if (n >= 0)
			(void)sendto(fd, data, (size_t)n, 0, (const struct sockaddr *)&from, len);
	}
}

static int connect_to(const char *host, const char *port)
{
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (getaddrinfo(host, port, &hints, &found))
		return -1;
	if (connect(fd, found->ai_addr, found->ai_addrlen) < 0)
		fd = -1;
	freeaddrinfo(found);
	return fd;
}

static int talk(const char *host, const char *port, long count)
{
	int fd = connect_to(host, port);
	long sent = 0, received = 0;
	char data[SIZE] = "";
	int tries = 0;

	while (fd >= 0 && received < count && tries < TRIES_MAX) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		sent += send(fd, data, sizeof(data), 0) == SIZE;
		if (poll(&p, 1, ANSWER_MS) > 0 && recv(fd, data, sizeof(data), 0) == SIZE)
			received++;
		else
			tries++;
	}
	(void)printf("{\"sent\": %ld, \"received\": %ld}\n", sent * SIZE, received * SIZE);
	return received == count ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return serve(argv[1]);
	return argc == 4 ? talk(argv[1], argv[2], atol(argv[3])) : EXIT_FAILURE;
}
