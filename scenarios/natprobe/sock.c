/* SPDX-License-Identifier: MIT */
#include "scenarios/natprobe/sock.h"

#include "base/cleanup.h"

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

/* For a connection to oneself. */
#define FILL_MS 1000

/* Whoever closes it means at once. */
static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

int sock_bind(int type, const struct addr *at)
{
	cleanup_close int fd = socket(at->family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(at, at->family, &ss);
	int on = 1;

	if (fd < 0)
		return -errno;
	if (len < 0)
		return len;
	/* Datagrams would be shared out among the sockets of a port. */
	if (type == SOCK_STREAM && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
				    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
				    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0))
		return -errno;
	/*
	 * Also when this process is killed: a FIN that nobody answers any more would be sent
	 * again for a minute, and keep a network namespace alive for as long. What is
	 * accepted inherits it.
	 */
	if (type == SOCK_STREAM &&
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&ss, (socklen_t)len) < 0)
		return -errno;
	return take_fd(&fd);
}

int sock_listen(const struct addr *at)
{
	cleanup_close int fd = sock_bind(SOCK_STREAM, at);

	if (fd < 0)
		return fd;
	if (listen(fd, SOMAXCONN) < 0)
		return -errno;
	return take_fd(&fd);
}

int sock_deafen(int fd)
{
	/* A filter that keeps no byte of any packet. */
	static struct sock_filter nothing[] = {{.code = BPF_RET | BPF_K, .k = 0}};
	static const struct sock_fprog program = {.len = 1, .filter = nothing};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

int sock_connect(int fd, const struct addr *to)
{
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(to, to->family, &ss);

	if (len < 0)
		return len;
	if (connect(fd, (const struct sockaddr *)&ss, (socklen_t)len) < 0 && errno != EINPROGRESS)
		return -errno;
	return 0;
}

/*
 * A listener whose queue is full drops SYNs as well, and needs no filter. Of the kernels
 * that let not everybody attach one, this is the way.
 */
static int fill(int listener, const struct addr *at, int *ret_filler)
{
	cleanup_close int fd = -1;
	struct pollfd p;
	int r;

	if (listen(listener, 0) < 0)
		return -errno;
	fd = socket(at->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = sock_connect(fd, at);
	if (r < 0)
		return r;
	p = (struct pollfd){.fd = fd, .events = POLLOUT};
	if (poll(&p, 1, FILL_MS) <= 0)
		return -ETIMEDOUT;
	r = sock_error(fd);
	if (r < 0)
		return r;
	*ret_filler = take_fd(&fd);
	return 0;
}

int sock_listen_silent(const struct addr *at, int *ret_filler)
{
	cleanup_close int fd = sock_bind(SOCK_STREAM, at);
	int r;

	if (fd < 0)
		return fd;
	*ret_filler = -1;
	/* Before it listens, so that no SYN is ever answered. */
	r = sock_deafen(fd);
	if (r == 0)
		r = listen(fd, 1) < 0 ? -errno : 0;
	else if (r == -EPERM)
		r = fill(fd, at, ret_filler);
	return r < 0 ? r : take_fd(&fd);
}

int sock_connect_from(const struct addr *from, const struct addr *to)
{
	cleanup_close int fd = sock_bind(SOCK_STREAM, from);
	int r;

	if (fd < 0)
		return fd;
	r = sock_connect(fd, to);
	return r < 0 ? r : take_fd(&fd);
}

int sock_send_to(int fd, const void *data, size_t len, const struct addr *to)
{
	struct sockaddr_storage ss;
	int ss_len = addr_to_sockaddr(to, to->family, &ss);

	if (ss_len < 0)
		return ss_len;
	if (sendto(fd, data, len, MSG_NOSIGNAL, (const struct sockaddr *)&ss, (socklen_t)ss_len) <
	    0)
		return -errno;
	return 0;
}

int sock_receive_from(int fd, void *buf, size_t size, struct addr *ret_from)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	ssize_t n = recvfrom(fd, buf, size, 0, (struct sockaddr *)&ss, &len);

	if (n < 0)
		return -errno;
	if (addr_from_sockaddr((const struct sockaddr *)&ss, len, ret_from) < 0)
		return -EAFNOSUPPORT;
	return (int)n;
}

int sock_accept(int fd, struct addr *ret_peer)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	cleanup_close int accepted =
		accept4(fd, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int on = 1;

	if (accepted < 0)
		return -errno;
	if (addr_from_sockaddr((const struct sockaddr *)&ss, len, ret_peer) < 0)
		return -EAFNOSUPPORT;
	(void)setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return take_fd(&accepted);
}

int sock_local(int fd, struct addr *ret_addr)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	return addr_from_sockaddr((const struct sockaddr *)&ss, len, ret_addr);
}

int sock_error(int fd)
{
	int code = 0;
	socklen_t len = sizeof(code);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		return -errno;
	return -code;
}

int sock_tcp_state(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return -errno;
	return info.tcpi_state;
}

void sock_reset(int fd)
{
	if (fd < 0)
		return;
	/* No TCP socket: nothing to reset, ignoring. */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(fd);
}

void sock_want_icmp(int fd, int family)
{
	int on = 1;

	if (family == AF_INET6)
		(void)setsockopt(fd, SOL_IPV6, IPV6_RECVERR, &on, sizeof(on));
	else
		(void)setsockopt(fd, SOL_IP, IP_RECVERR, &on, sizeof(on));
}

bool sock_got_icmp(int fd)
{
	char control[512], payload[256];
	struct iovec iov = {payload, sizeof(payload)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};

	if (recvmsg(fd, &msg, MSG_ERRQUEUE) < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		struct sock_extended_err ee;

		if (!(c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		(void)memcpy(&ee, CMSG_DATA(c), sizeof(ee));
		if (ee.ee_origin == SO_EE_ORIGIN_ICMP || ee.ee_origin == SO_EE_ORIGIN_ICMP6)
			return true;
	}
	return false;
}
