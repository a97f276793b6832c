/* SPDX-License-Identifier: MIT */
#include "boxer/sock.h"

#include "base/cleanup.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>

#define HASTE_MS      1000 /* the least that the kernel takes */
#define HASTE_RETRIES 30   /* so as not to give up the earlier for it */

int sock_shared(const struct addr *local, int family)
{
	cleanup_close int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage ss;
	const int one = 1, zero = 0;
	int len;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0)
		return -errno;
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	len = addr_to_sockaddr(local, family, &ss);
	if (len < 0)
		return len;
	if (bind(fd, (struct sockaddr *)&ss, (socklen_t)len) < 0)
		return -errno;
	return take_fd(&fd);
}

int sock_connect(int fd, const struct addr *remote, int family)
{
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(remote, family, &ss);

	if (len < 0)
		return len;
	if (connect(fd, (struct sockaddr *)&ss, (socklen_t)len) < 0 && errno != EINPROGRESS)
		return -errno;
	return 0;
}

static int tcp_number(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, IPPROTO_TCP, name, &value, &len) < 0 ? 0 : value;
}

struct sock_haste sock_hasten(int fd)
{
	const struct sock_haste was = {tcp_number(fd, TCP_RTO_MAX_MS), tcp_number(fd, TCP_SYNCNT)};
	const int ms = HASTE_MS, retries = HASTE_RETRIES;

	if (was.rto_max_ms <= ms || was.retries == 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &ms, sizeof(ms)) < 0)
		return (struct sock_haste){0};
	if (was.retries < retries)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &retries, sizeof(retries));
	return was;
}

void sock_unhasten(int fd, const struct sock_haste *was)
{
	if (was->rto_max_ms == 0)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &was->rto_max_ms,
			 sizeof(was->rto_max_ms));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &was->retries, sizeof(was->retries));
}

int sock_listen(int fd, int backlog)
{
	return listen(fd, backlog) < 0 ? -errno : 0;
}

void sock_abandon(int fd)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	const int one = 1;
	int state = sock_state(fd);

	if (state == TCP_SYN_SENT)
		(void)shutdown(fd, SHUT_RDWR);
	/* Its shutdown is put off until it is open (Linux 6.10), which it may never be. To
	 * disconnect it is refused while somebody waits (6.4 to 6.6): then at least it must
	 * not send its SYN again. */
	else if (state == TCP_SYN_RECV && connect(fd, &none, sizeof(none)) < 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof(one));
}

bool sock_is_open(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_state != TCP_SYN_SENT && info.tcpi_state != TCP_CLOSE;
}

static int option(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -errno : value;
}

int sock_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ? -errno : info.tcpi_state;
}

int sock_family(int fd)
{
	return option(fd, SO_DOMAIN);
}

void sock_share(int fd)
{
	const int one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
}

int sock_bind_shared(int fd, const struct addr *local)
{
	int address = option(fd, SO_REUSEADDR), port = option(fd, SO_REUSEPORT);
	struct sockaddr_storage ss;
	int family = sock_family(fd), len, r;

	if (family < 0)
		return family;
	len = addr_to_sockaddr(local, family, &ss);
	if (len < 0)
		return len;
	if (family == AF_INET6 && addr_is_any(local))
		((struct sockaddr_in6 *)&ss)->sin6_addr = in6addr_any;
	sock_share(fd);
	r = bind(fd, (struct sockaddr *)&ss, (socklen_t)len) < 0 ? -errno : 0;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &address, sizeof(address));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &port, sizeof(port));
	return r;
}

void sock_acknowledge(int fd)
{
	const int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

uint64_t sock_round_trip_ns(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return 0;
	return (uint64_t)info.tcpi_rtt * 1000;
}

size_t sock_quota(size_t max, size_t share)
{
	struct rlimit limit;
	size_t n;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return max;
	n = (size_t)limit.rlim_cur / share;
	return n == 0 ? 1 : n < max ? n : max;
}

int sock_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

int sock_local(int fd, struct addr *ret)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	return addr_from_sockaddr((struct sockaddr *)&ss, len, ret);
}

int sock_remote(int fd, struct addr *ret)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	return addr_from_sockaddr((struct sockaddr *)&ss, len, ret);
}

void sock_tune_control(int fd, unsigned user_timeout_ms)
{
	const int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	/* A few small frames: after a cut, or where much is lost, waiting ever longer to
	 * send them again would only make the peer look dead. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, &one, sizeof(one));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms,
			 sizeof(user_timeout_ms));
}

void sock_reset_on_close(int fd)
{
	const struct linger now = {.l_onoff = 1};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void sock_finish_on_close(int fd)
{
	const struct linger never = {0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &never, sizeof(never));
}

void sock_reset(int fd)
{
	sock_reset_on_close(fd);
	(void)close(fd);
}

static socklen_t local_name(const char *name, struct sockaddr_un *ret)
{
	size_t len = strlen(name);

	(void)memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	if (len > sizeof(ret->sun_path) - 1)
		len = sizeof(ret->sun_path) - 1;
	(void)memcpy(ret->sun_path + 1, name, len);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
}

int sock_listen_local(const char *name)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sun;
	socklen_t len = local_name(name, &sun);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sun, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	return take_fd(&fd);
}

bool sock_peer_is_us(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.uid == geteuid();
}

pid_t sock_peer_pid(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 ? cred.pid : 0;
}

int sock_connect_local(const char *name)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun;
	socklen_t len = local_name(name, &sun);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sun, len) < 0)
		return -errno;
	if (!sock_peer_is_us(fd))
		return -EPERM;
	return take_fd(&fd);
}

int sock_send_fds(int fd, const void *data, size_t len, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * 4)];
	} control = {0};
	struct iovec iov = {.iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	/* iovec has no const variant; sendmsg() does not write to it. */
	(void)memcpy(&iov.iov_base, &data, sizeof(data));
	if (n_fds > 4)
		return -EINVAL;
	if (n_fds > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		(void)memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int diag_request(int nl, int family, uint16_t port)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} request = {
		.head = {.nlmsg_len = sizeof(request),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = (uint8_t)family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_states = 1u << TCP_LISTEN,
			 .idiag_ext = 0},
	};

	request.body.id.idiag_sport = htons(port);
	return send(nl, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

/* Could a connection from outside, by IPv4, reach this listener? */
static bool reachable(const struct inet_diag_msg *m, const struct addr *inside,
		      struct sock_listener *ret)
{
	struct addr bound = {.family = m->idiag_family, .port = ntohs(m->id.idiag_sport)};

	(void)memcpy(bound.bytes, m->id.idiag_src, m->idiag_family == AF_INET ? 4 : 16);
	if (m->idiag_family == AF_INET6) {
		struct sockaddr_storage ss;
		int len = addr_to_sockaddr(&bound, AF_INET6, &ss);

		/* Back through a sockaddr: a v4-mapped address becomes AF_INET. */
		if (len < 0 ||
		    addr_from_sockaddr((struct sockaddr *)&ss, (socklen_t)len, &bound) < 0)
			return false;
	}
	if (addr_is_loopback(&bound))
		return false;
	if (!addr_is_any(&bound) && !addr_same_host(&bound, inside))
		return false;
	ret->bound = bound;
	ret->family = m->idiag_family;
	ret->queued = m->idiag_rqueue;
	ret->backlog = m->idiag_wqueue;
	return true;
}

static bool v6_only(struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	const char *at = (const char *)(m + 1);
	const char *end = (const char *)h + h->nlmsg_len;

	while (at + sizeof(struct nlattr) <= end) {
		struct nlattr a;

		(void)memcpy(&a, at, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > (size_t)(end - at))
			break;
		if (a.nla_type == INET_DIAG_SKV6ONLY && a.nla_len > sizeof(a))
			return at[sizeof(a)] != 0;
		at += NLA_ALIGN(a.nla_len);
	}
	return false;
}

/* Return: 1 found, 0 not found, or -errno. */
static int diag_read(int nl, const struct addr *inside, struct sock_listener *ret)
{
	_Alignas(struct nlmsghdr) char buf[16384];
	bool found = false;

	for (;;) {
		ssize_t n = recv(nl, buf, sizeof(buf), 0);

		if (n < 0)
			return -errno;
		for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, (size_t)n);
		     h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return found;
			if (h->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = NLMSG_DATA(h);

				return e->error;
			}
			if (!found && !v6_only(h))
				found = reachable(NLMSG_DATA(h), inside, ret);
		}
	}
}

int sock_find_listener(uint16_t port, const struct addr *inside, struct sock_listener *ret)
{
	static const int families[] = {AF_INET, AF_INET6};
	cleanup_close int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (nl < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r = diag_request(nl, families[i], port);

		if (r == 0)
			r = diag_read(nl, inside, ret);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return -ENOENT;
}
