/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A relay for tests: `lab-relay PORT HOST HOST_PORT` listens, goes into the
 * background in a session of its own, so that it outlives the step that started
 * it, and passes on one connection after the other. It is there to be found out.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (const struct sockaddr *)&sin, sizeof(sin)) < 0 || listen(fd, 8) < 0)
		return -1;
	return fd;
}

static int connect_to(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *ai;
	int fd;

	if (getaddrinfo(host, port, &hints, &ai))
		return -1;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) < 0) {
		(void)close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	return fd;
}

static bool pass_on(int from, int to)
{
	char buf[65536];
	ssize_t n = recv(from, buf, sizeof(buf), 0);

	for (ssize_t done = 0, r; done < n; done += r) {
		r = send(to, buf + done, (size_t)(n - done), MSG_NOSIGNAL);
		if (r < 0)
			return false;
	}
	return n > 0;
}

static void relay(int a, int b)
{
	struct pollfd p[] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
	bool open = true;

	while (open && poll(p, 2, -1) > 0)
		open = (!p[0].revents || pass_on(a, b)) && (!p[1].revents || pass_on(b, a));
}

int main(int argc, char **argv)
{
	int listener = argc == 4 ? listen_on((uint16_t)atoi(argv[1])) : -1;

	if (listener < 0) {
		perror("lab-relay");
		return EXIT_FAILURE;
	}
	if (daemon(1, 0) < 0)
		return EXIT_FAILURE;
	for (;;) {
		int a = accept(listener, NULL, NULL);
		int b = a < 0 ? -1 : connect_to(argv[2], argv[3]);

		if (b >= 0)
			relay(a, b);
		(void)close(a);
		(void)close(b);
	}
}
