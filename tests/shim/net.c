/* SPDX-License-Identifier: MIT */
#include "tests/shim/net.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <unistd.h>

void net_wait(int fd, short events, const char *what)
{
	struct pollfd p = {.fd = fd, .events = events};

	cr_assert_eq(poll(&p, 1, NET_DEADLINE_MS), 1, "waited in vain for %s", what);
}

static void bind_host(int fd, uint32_t host)
{
	struct addr local = addr_v4(host, 0);
	struct sockaddr_storage ss;
	int family = 0, len;

	cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &(socklen_t){sizeof(family)}),
		     0);
	len = addr_to_sockaddr(&local, family, &ss);

	cr_assert_eq(bind(fd, (struct sockaddr *)&ss, (socklen_t)len), 0);
}

struct addr net_name(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr name;

	cr_assert_eq(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	cr_assert_eq(addr_from_sockaddr((struct sockaddr *)&ss, len, &name), 0);
	return name;
}

struct addr net_bind(int fd)
{
	bind_host(fd, INADDR_LOOPBACK);
	return net_name(fd);
}

static int listen_with(int backlog, struct addr *ret_addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	bind_host(fd, INADDR_LOOPBACK);
	cr_assert_eq(listen(fd, backlog), 0);
	*ret_addr = net_name(fd);
	return fd;
}

int net_listener(struct addr *ret_addr)
{
	return listen_with(1024, ret_addr);
}

int net_accept(int listener, struct addr *ret_from)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd;

	net_wait(listener, POLLIN, "a connection");
	fd = accept4(listener, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC);
	cr_assert_geq(fd, 0);
	if (ret_from)
		cr_assert_eq(addr_from_sockaddr((struct sockaddr *)&ss, len, ret_from), 0);
	return fd;
}

static int connect_from(int fd, int family, const struct addr *to)
{
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(to, family, &ss);

	cr_assert_eq(connect(fd, (struct sockaddr *)&ss, (socklen_t)len), 0);
	return fd;
}

int net_connect(const char *from_host, const struct addr *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct addr from;

	cr_assert_geq(fd, 0);
	if (from_host) {
		cr_assert_eq(addr_parse(from_host, &from), 0);
		bind_host(fd, addr_v4_value(&from));
	}
	return connect_from(fd, AF_INET, to);
}

void net_pair(int family, int ret_fds[2])
{
	struct addr addr;
	int listener = net_listener(&addr);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	ret_fds[1] = connect_from(fd, family, &addr);
	ret_fds[0] = net_accept(listener, NULL);
	(void)close(listener);
}

/* A full accept queue drops SYNs: with a backlog of 0 one connection fills it. */
struct addr net_silent(void)
{
	struct addr addr;

	(void)listen_with(0, &addr);
	(void)net_connect(NULL, &addr);
	return addr;
}

uint64_t net_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}
