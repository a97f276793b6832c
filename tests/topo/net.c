/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/topo/net.h"

#include "base/cleanup.h"
#include "tests/support/userns.h"
#include "topo/ns.h"

#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

static void check_poll(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	USERNS_CHECK(poll(&p, 1, NET_PATIENCE_MS) == 1, "nothing came in %d ms", NET_PATIENCE_MS);
}

static void send_to(int fd, uint32_t host, uint16_t port, struct sockaddr_storage *ret_ss,
		    socklen_t *ret_len)
{
	struct addr to = addr_v4(host, port);
	int len = addr_to_sockaddr(&to, AF_INET, ret_ss);

	USERNS_CHECK(len > 0, "fd %d", fd);
	*ret_len = (socklen_t)len;
}

int net_socket(int netns, int type, uint16_t port)
{
	struct error err = {0};
	int fd = ns_socket(netns, AF_INET, type | SOCK_NONBLOCK, 0, &err);
	struct sockaddr_storage ss;
	socklen_t len;
	int on = 1;

	USERNS_CHECK(fd >= 0, "%s", err.text);
	USERNS_CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0, "%m");
	USERNS_CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0, "%m");
	send_to(fd, INADDR_ANY, port, &ss, &len);
	USERNS_CHECK(bind(fd, (const struct sockaddr *)&ss, len) == 0, "port %u: %m", port);
	return fd;
}

int net_listen(int netns, uint16_t port)
{
	int fd = net_socket(netns, SOCK_STREAM, port);

	USERNS_CHECK(listen(fd, 16) == 0, "%m");
	return fd;
}

void net_begin(int fd, uint32_t host, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len;

	send_to(fd, host, port, &ss, &len);
	USERNS_CHECK(connect(fd, (const struct sockaddr *)&ss, len) == 0 || errno == EINPROGRESS,
		     "%m");
}

int net_outcome(int fd)
{
	socklen_t len = sizeof(int);
	int code = 0;

	check_poll(fd, POLLOUT);
	USERNS_CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) == 0, "%m");
	return -code;
}

bool net_is_silent(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	return poll(&p, 1, 0) == 0;
}

int net_accept(int listener, struct addr *ret_peer)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd;

	check_poll(listener, POLLIN);
	fd = accept4(listener, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	USERNS_CHECK(fd >= 0, "%m");
	if (ret_peer)
		USERNS_CHECK(addr_from_sockaddr((const struct sockaddr *)&ss, len, ret_peer) == 0,
			     "family %u", ss.ss_family);
	return fd;
}

int net_connect(int from_netns, uint16_t from_port, int listener, uint32_t host, uint16_t port,
		int *ret_accepted, struct addr *ret_peer)
{
	int fd = net_socket(from_netns, SOCK_STREAM, from_port);
	int r;

	net_begin(fd, host, port);
	r = net_outcome(fd);
	USERNS_CHECK(r == 0, "%s", strerror(-r));
	*ret_accepted = net_accept(listener, ret_peer);
	return fd;
}

void net_say(int fd, size_t bytes)
{
	static const char text[65536];

	USERNS_CHECK(bytes <= sizeof(text), "%zu", bytes);
	USERNS_CHECK(send(fd, text, bytes, MSG_NOSIGNAL) == (ssize_t)bytes, "%m");
}

void net_send(int fd, uint32_t host, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len;

	send_to(fd, host, port, &ss, &len);
	USERNS_CHECK(sendto(fd, "?", 1, 0, (const struct sockaddr *)&ss, len) == 1, "%m");
}

void net_receive(int fd, struct addr *ret_from)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char byte;

	check_poll(fd, POLLIN);
	USERNS_CHECK(recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&ss, &len) == 1, "%m");
	USERNS_CHECK(addr_from_sockaddr((const struct sockaddr *)&ss, len, ret_from) == 0,
		     "family %u", ss.ss_family);
}

void net_hear(int fd, size_t bytes)
{
	char buf[65536];

	while (bytes) {
		ssize_t n;

		check_poll(fd, POLLIN);
		n = recv(fd, buf, bytes < sizeof(buf) ? bytes : sizeof(buf), 0);
		USERNS_CHECK(n > 0, "%zd: %m", n);
		bytes -= (size_t)n;
	}
}

void net_hear_end(int fd)
{
	char byte;

	check_poll(fd, POLLIN);
	USERNS_CHECK(recv(fd, &byte, 1, 0) == 0, "%m");
}

void net_wait_readable(int fd)
{
	check_poll(fd, POLLIN);
}

void net_want_icmp_errors(int fd)
{
	int on = 1;

	USERNS_CHECK(setsockopt(fd, SOL_IP, IP_RECVERR, &on, sizeof(on)) == 0, "%m");
}

int net_icmp_error(int fd, struct addr *ret_from)
{
	char control[512];
	char payload[256];
	struct iovec iov = {payload, sizeof(payload)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};

	check_poll(fd, 0); /* POLLERR needs no asking for */
	USERNS_CHECK(recvmsg(fd, &msg, MSG_ERRQUEUE) >= 0, "%m");
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		struct {
			struct sock_extended_err ee;
			struct sockaddr_in offender;
		} told;

		if (c->cmsg_level != SOL_IP || c->cmsg_type != IP_RECVERR)
			continue;
		(void)memcpy(&told, CMSG_DATA(c), sizeof(told));
		USERNS_CHECK(told.ee.ee_origin == SO_EE_ORIGIN_ICMP, "origin %u",
			     told.ee.ee_origin);
		*ret_from = addr_v4(ntohl(told.offender.sin_addr.s_addr), 0);
		return told.ee.ee_type << 8 | told.ee.ee_code;
	}
	userns_fail(__FILE__, __LINE__, "an error without its source");
}

static uint32_t add_words(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

void net_raw_tcp(int fd, const struct addr *from, const struct addr *to, uint8_t flags)
{
	struct tcphdr tcp = {
		.th_sport = htons(from->port),
		.th_dport = htons(to->port),
		.th_seq = htonl(1),
		.th_off = sizeof(tcp) / 4,
		.th_flags = flags,
		.th_win = htons(1024),
	};
	uint32_t sum = IPPROTO_TCP + sizeof(tcp);
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(to, AF_INET, &ss);

	((struct sockaddr_in *)&ss)->sin_port = 0;
	sum = add_words(sum, from->bytes, 4);
	sum = add_words(sum, to->bytes, 4);
	sum = add_words(sum, &tcp, sizeof(tcp));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	tcp.th_sum = htons((uint16_t)~sum);
	USERNS_CHECK(sendto(fd, &tcp, sizeof(tcp), 0, (const struct sockaddr *)&ss,
			    (socklen_t)len) == sizeof(tcp),
		     "%m");
}
