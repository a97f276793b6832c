/* SPDX-License-Identifier: MIT */
/*
 * Sockets: who listens, and what may be bound beside it. Addresses that this
 * machine does not have are bound by IP_FREEBIND, so no namespace is needed.
 */
#include "boxer/sock.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 10000
#define BACKLOG	    7

static const struct addr inside = {.family = AF_INET, .bytes = {10, 77, 0, 2}};

enum { V6ONLY = 1, NOT_LISTENING = 2 };

/* A skip names what this kernel lacks, and is a failure where everything must work. */
static void missing(const char *what)
{
	const char *must_work = getenv("BOXLAB_MUST_WORK");

	if (must_work && strcmp(must_work, "1") == 0)
		cr_assert_fail("BOXLAB_MUST_WORK=1, but this is missing: %s", what);
	cr_skip_test("missing: %s", what);
}

/* Bound to @host and a port of the kernel's choice, or to *@port if that is not 0. */
static int bound(const char *host, int flags, uint16_t *port)
{
	const int one = 1, only = flags & V6ONLY ? 1 : 0;
	struct sockaddr_storage ss;
	struct addr a;
	int fd, len;

	cr_assert_eq(addr_parse(host, &a), 0);
	a.port = *port;
	fd = socket(a.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 && a.family == AF_INET6)
		missing("IPv6");
	cr_assert_geq(fd, 0, "%m");
	(void)setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	if (a.family == AF_INET6)
		cr_assert_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)), 0);
	len = addr_to_sockaddr(&a, a.family, &ss);
	cr_assert_eq(bind(fd, (struct sockaddr *)&ss, (socklen_t)len), 0, "%s: %m", host);
	if (!(flags & NOT_LISTENING))
		cr_assert_eq(listen(fd, BACKLOG), 0, "%m");
	cr_assert_eq(sock_local(fd, &a), 0);
	*port = a.port;
	return fd;
}

static const struct {
	const char *host;
	int flags;
	int result;
	const char *found; /* where it is said to be bound; the family is the host's */
} listeners[] = {
	{"0.0.0.0", 0, 0, "0.0.0.0"},
	{"::", 0, 0, "::"},
	{"10.77.0.2", 0, 0, "10.77.0.2"},
	{"::ffff:10.77.0.2", 0, 0, "10.77.0.2"},
	{"10.77.0.3", 0, -ENOENT, NULL},
	{"::ffff:10.77.0.3", 0, -ENOENT, NULL},
	{"127.0.0.1", 0, -ENOENT, NULL},
	{"127.77.0.1", 0, -ENOENT, NULL},
	{"::ffff:127.0.0.1", 0, -ENOENT, NULL},
	{"::1", 0, -ENOENT, NULL},
	{"2001:db8::2", 0, -ENOENT, NULL},
	{"::", V6ONLY, -ENOENT, NULL},
	{"0.0.0.0", NOT_LISTENING, -ENOENT, NULL},
};

Test(sock, finds_the_listeners_that_can_be_reached_from_outside)
{
	for (size_t i = 0; i < ARRAY_SIZE(listeners); i++) {
		struct sock_listener l = {.family = -1};
		uint16_t port = 0;
		struct addr host;
		int r;
		cleanup_close int fd = bound(listeners[i].host, listeners[i].flags, &port);
		char text[ADDR_TEXT_MAX];

		r = sock_find_listener(port, &inside, &l);
		cr_expect_eq(r, listeners[i].result, "%s: %s", listeners[i].host, strerror(-r));
		if (r < 0)
			continue;
		(void)addr_parse(listeners[i].host, &host);
		cr_expect_eq(l.family, host.family, "%s", listeners[i].host);
		cr_expect_eq(l.bound.port, port, "%s", listeners[i].host);
		cr_expect_str_eq(addr_format_host(&l.bound, text), listeners[i].found);
		cr_expect_eq(l.backlog, BACKLOG);
		cr_expect_eq(l.queued, 0);
	}
}

Test(sock, finds_nobody_on_a_port_that_nobody_has)
{
	struct sock_listener l;
	uint16_t port = 0;
	int fd = bound("0.0.0.0", NOT_LISTENING, &port);

	/* Ours by now, so nobody else's. */
	cr_expect_eq(sock_find_listener(port, &inside, &l), -ENOENT);
	(void)close(fd);
}

/* Even where the machine's own address is one: it is the listener's word that counts. */
Test(sock, passes_over_a_loopback_listener_on_loopback_too)
{
	struct addr here = addr_v4(INADDR_LOOPBACK, 0);
	uint16_t port = 0, other = 0;
	cleanup_close int loopback = bound("127.0.0.1", 0, &port);
	cleanup_close int all = bound("0.0.0.0", 0, &other);
	struct sock_listener l;

	(void)loopback;
	(void)all;
	cr_expect_eq(sock_find_listener(port, &here, &l), -ENOENT);
	cr_expect_eq(sock_find_listener(other, &here, &l), 0);
}

/* The reachable one counts, whatever else there is on the port. */
Test(sock, finds_the_listener_beside_one_on_loopback)
{
	uint16_t port = 0;
	cleanup_close int loopback = bound("127.0.0.1", 0, &port);
	cleanup_close int specific = bound("10.77.0.2", 0, &port);
	struct sock_listener l;
	char text[ADDR_TEXT_MAX];

	(void)loopback;
	(void)specific;
	cr_assert_eq(sock_find_listener(port, &inside, &l), 0);
	cr_expect_str_eq(addr_format_host(&l.bound, text), "10.77.0.2");
}

static int connected_to(uint16_t port)
{
	struct addr to = addr_v4(INADDR_LOOPBACK, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(sock_connect(fd, &to, AF_INET), 0, "%m");
	return fd;
}

Test(sock, says_how_many_wait_in_a_listeners_queue)
{
	uint16_t port = 0;
	cleanup_close int fd = bound("0.0.0.0", 0, &port);
	int clients[BACKLOG];

	(void)fd;
	for (unsigned i = 0; i < BACKLOG; i++) {
		struct sock_listener l;

		clients[i] = connected_to(port);
		cr_assert_eq(sock_find_listener(port, &inside, &l), 0);
		cr_expect_eq(l.queued, i + 1);
		cr_expect_eq(l.backlog, BACKLOG);
	}
	for (unsigned i = 0; i < BACKLOG; i++)
		(void)close(clients[i]);
}

/* Forms of a listener, and how the node binds beside it. */
static const struct {
	const char *host;
	const char *beside;
	int family;
} shareable[] = {
	{"0.0.0.0", "0.0.0.0", AF_INET},
	{"127.0.0.1", "127.0.0.1", AF_INET},
	{"127.0.0.1", "0.0.0.0", AF_INET},
	{"::", "::", AF_INET6},
	{"::ffff:127.0.0.1", "127.0.0.1", AF_INET6},
};

Test(sock, binds_beside_a_listener_that_shares_its_port_and_only_then)
{
	const int one = 1;

	for (size_t i = 0; i < ARRAY_SIZE(shareable); i++) {
		uint16_t port = 0;
		cleanup_close int listener = bound(shareable[i].host, 0, &port);
		cleanup_close int beside = -1;
		struct addr a, local;

		cr_assert_eq(addr_parse(shareable[i].beside, &a), 0);
		a.port = port;
		cr_expect_eq(sock_shared(&a, shareable[i].family), -EADDRINUSE, "%s",
			     shareable[i].host);
		/* As the shim does, after a successful listen(). */
		cr_assert_eq(setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
		beside = sock_shared(&a, shareable[i].family);
		cr_assert_geq(beside, 0, "%s: %s", shareable[i].host, strerror(-beside));
		cr_assert_eq(sock_local(beside, &local), 0);
		cr_expect(addr_equal(&local, &a), "%s", shareable[i].host);
		cr_expect_eq(fcntl(beside, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		cr_expect_eq(fcntl(beside, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	}
}

Test(sock, two_of_ours_share_a_port)
{
	struct addr a = addr_v4(INADDR_LOOPBACK, 0);
	cleanup_close int first = sock_shared(&a, AF_INET), second = -1;

	cr_assert_geq(first, 0);
	cr_assert_eq(sock_local(first, &a), 0);
	cr_expect_neq(a.port, 0);
	second = sock_shared(&a, AF_INET);
	cr_expect_geq(second, 0, "%s", strerror(-second));
}

Test(sock, has_no_ipv4_socket_for_an_ipv6_address)
{
	struct addr v6, v4 = addr_v4(INADDR_LOOPBACK, 1);
	cleanup_close int fd = sock_shared(&(struct addr){.family = AF_INET}, AF_INET);

	cr_assert_eq(addr_parse("[::1]:80", &v6), 0);
	cr_expect_eq(sock_shared(&v6, AF_INET), -EAFNOSUPPORT);
	cr_expect_eq(sock_connect(fd, &v6, AF_INET), -EAFNOSUPPORT);
	cr_expect_eq(sock_connect(fd, &v4, AF_UNIX), -EAFNOSUPPORT);
}

Test(sock, refusal_is_an_error_of_the_socket)
{
	uint16_t port = 0;
	cleanup_close int nobody = bound("127.0.0.1", NOT_LISTENING, &port);
	struct addr any = {.family = AF_INET}, to = addr_v4(INADDR_LOOPBACK, port);
	cleanup_close int fd = sock_shared(&any, AF_INET);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int r;

	(void)nobody;
	r = sock_connect(fd, &to, AF_INET);
	if (r == 0) {
		cr_assert_eq(poll(&p, 1, PATIENCE_MS), 1);
		r = sock_error(fd);
	}
	cr_expect_eq(r, -ECONNREFUSED);
}

Test(sock, knows_both_ends)
{
	uint16_t port = 0;
	cleanup_close int listener = bound("127.0.0.1", 0, &port);
	cleanup_close int client = connected_to(port);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	cleanup_close int server = accept4(listener, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC);
	struct addr a, b;

	cr_assert_geq(server, 0);
	cr_assert(sock_local(client, &a) == 0 && sock_remote(server, &b) == 0);
	cr_expect(addr_equal(&a, &b));
	cr_assert(sock_local(server, &a) == 0 && sock_remote(client, &b) == 0);
	cr_expect(addr_equal(&a, &b));
	cr_expect_eq(sock_remote(listener, &a), -ENOTCONN);
}

static int number(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, IPPROTO_TCP, name, &value, &len) < 0 ? 0 : value;
}

/* Kernels older than 6.15 can't be hurried, and are left alone. */
Test(sock, is_hastened_for_a_handshake_and_then_as_it_was)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int retries = 3;
	int before = number(fd, TCP_RTO_MAX_MS);
	struct sock_haste was;

	cr_assert_eq(setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &retries, sizeof(retries)), 0);
	was = sock_hasten(fd);
	if (before > 0) {
		cr_expect_eq(number(fd, TCP_RTO_MAX_MS), 1000);
		cr_expect_gt(number(fd, TCP_SYNCNT), 10);
	}
	sock_unhasten(fd, &was);
	cr_expect_eq(number(fd, TCP_RTO_MAX_MS), before);
	cr_expect_eq(number(fd, TCP_SYNCNT), retries);
	(void)close(fd);
}

Test(sock, that_is_reset_says_so_to_its_peer)
{
	uint16_t port = 0;
	cleanup_close int listener = bound("127.0.0.1", 0, &port);
	int client = connected_to(port);
	cleanup_close int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct pollfd p = {.fd = server, .events = POLLIN};
	char byte;

	cr_assert_geq(server, 0);
	sock_reset(client);
	cr_assert_eq(poll(&p, 1, PATIENCE_MS), 1);
	cr_expect_eq(read(server, &byte, 1), -1);
	cr_expect_eq(errno, ECONNRESET);
}

static void unique_name(char ret_name[static 64])
{
	(void)snprintf(ret_name, 64, "boxer-sock-test/%d", getpid());
}

Test(sock, local_name_is_reached_by_its_own_uid)
{
	cleanup_close int listener = -1, client = -1, server = -1;
	char name[64];

	unique_name(name);
	cr_expect_eq(sock_connect_local(name), -ECONNREFUSED);
	listener = sock_listen_local(name);
	cr_assert_geq(listener, 0);
	cr_expect_eq(sock_listen_local(name), -EADDRINUSE);
	client = sock_connect_local(name);
	cr_assert_geq(client, 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_geq(server, 0);
	cr_expect(sock_peer_is_us(server));
	cr_expect(sock_peer_is_us(client));
}

/* The message in one piece, descriptors with it. */
Test(sock, passes_descriptors)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * 4)];
	} control;
	char text[16];
	struct iovec iov = {.iov_base = text, .iov_len = sizeof(text)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = sizeof(control.room)};
	int pair[2], p[2], got[2], five[5] = {0};

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	cr_expect_eq(sock_send_fds(pair[0], "five", 4, five, 5), -EINVAL);
	cr_assert_eq(sock_send_fds(pair[0], "two", 3, p, 2), 0);
	cr_assert_eq(recvmsg(pair[1], &msg, MSG_CMSG_CLOEXEC), 3);
	cr_assert(CMSG_FIRSTHDR(&msg));
	cr_assert_eq(CMSG_FIRSTHDR(&msg)->cmsg_len, CMSG_LEN(sizeof(got)));
	(void)memcpy(got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
	cr_assert_eq(write(got[1], "x", 1), 1);
	cr_assert_eq(read(p[0], text, 1), 1);
	cr_expect_eq(text[0], 'x');
	for (int i = 0; i < 2; i++) {
		(void)close(pair[i]);
		(void)close(p[i]);
		(void)close(got[i]);
	}
}
