/* SPDX-License-Identifier: MIT */
#include "scenarios/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

int stream_open(bool nonblock)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0), 0);

	return fd < 0 ? -errno : fd;
}

int stream_listen(uint16_t port, bool nonblock)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	const int one = 1;
	int fd = stream_open(nonblock);
	int r;

	if (fd < 0 ||
	    (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	     bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 && listen(fd, SOMAXCONN) == 0))
		return fd;
	r = -errno;
	(void)close(fd);
	return r;
}

int stream_wait(int fd, short events)
{
	struct pollfd pfd = {.fd = fd, .events = events};

	while (poll(&pfd, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int stream_connected(int fd)
{
	socklen_t len = sizeof(int);
	int error = 0;
	int r = stream_wait(fd, POLLOUT);

	if (r < 0)
		return r;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? -errno : -error;
}

void stream_no_delay(int fd)
{
	const int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}
