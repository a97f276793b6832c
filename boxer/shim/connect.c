/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * connect() to a member does not replace the program's socket: it sees to it
 * that the socket has a local port, lets the node open the hole for that port,
 * and has the kernel connect that very socket. There are two ways.
 *
 * In the foreground, for a blocking socket: the node is asked and waited for
 * (LOCAL_PUNCH), then the kernel connects to the address that it named.
 *
 * In the background, for a non-blocking one: the kernel's connect() starts at
 * once, towards the member's external address, so that the socket is in SYN_SENT
 * and pollable as the program expects; the node gets a copy of the descriptor
 * (LOCAL_CONNECTING) and makes the other side answer. If it fails, it shuts the
 * socket down: the program wakes, and getsockopt(SO_ERROR) or a second connect()
 * learns the reason from the node (LOCAL_RESULT). Nothing waits here. Where the
 * member's NAT would refuse the early SYN (TABLE_WAIT) the node is asked first
 * after all, for PATIENCE_NS at most.
 *
 * A blocking connect() that a signal or SO_SNDTIMEO ends is, by POSIX, still
 * under way, and programs poll for its end: so it goes on in the background.
 */
#include "base/clock.h"
#include "boxer/shim/agent.h"
#include "boxer/shim/libc.h"
#include "boxer/shim/pending.h"
#include "boxer/shim/port.h"
#include "boxer/shim/shim.h"
#include "boxer/shim/sockopt.h"
#include "boxer/shim/table.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/time.h>

#define DEADLINE_NS (30 * NS_PER_S)
#define PATIENCE_NS (2 * NS_PER_S)

/**
 * struct attempt - one connect() to a member
 * @family: the socket's
 * @target: where to, as the program gave it
 * @local: what the socket is bound to
 * @member: the row of @target
 */
struct attempt {
	const struct agent *agent;
	int fd;
	int family;
	struct addr target;
	struct addr local;
	struct table_row member;
};

/* Without a system call: could this be the address of a member? */
static bool may_be_member(const struct sockaddr *sa, socklen_t len, struct addr *ret_target)
{
	return sa && addr_from_sockaddr(sa, len, ret_target) == 0 && ret_target->port &&
	       !addr_is_loopback(ret_target) && !addr_is_any(ret_target);
}

/* A TCP socket that takes addresses of that family and neither is nor is being connected. */
static bool is_unconnected_tcp(int fd, int family)
{
	return sockopt_tcp_state(fd) == TCP_CLOSE &&
	       sockopt_number(fd, SOL_SOCKET, SO_DOMAIN) == family;
}

/* The kernel's connect(), to @host at @port. */
static int connect_to(const struct attempt *at, const struct addr *host, uint16_t port)
{
	struct addr to = *host;
	struct sockaddr_storage ss;
	int len;

	to.port = port;
	len = addr_to_sockaddr(&to, at->family, &ss);
	if (len < 0)
		return -EHOSTUNREACH;
	return libc()->connect(at->fd, (struct sockaddr *)&ss, (socklen_t)len) < 0 ? -errno : 0;
}

/*
 * What connect() gives for a failure of the agent. The node is this function's
 * way into the network; without it there is none. Its errnos are not the
 * connection's: a node that refuses calls is no port that nobody listens on.
 */
static int from_agent(int r)
{
	switch (-r) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
		return -ENOBUFS;
	case ETIMEDOUT:
	case EINTR:
		return r;
	default:
		return -ENETUNREACH;
	}
}

/* What connect() gives for an answer of the node. */
static int from_reply(const struct local_reply *reply)
{
	if (reply->error < 0 || reply->error > 4095)
		return -EHOSTUNREACH;
	return -reply->error;
}

/* An earlier attempt of this socket failed and the program comes to hear of it. */
static int earlier_failure(int fd)
{
	int error;

	if (!pending_any() || !pending_has(sockopt_cookie(fd)))
		return 0;
	error = sockopt_number(fd, SOL_SOCKET, SO_ERROR);
	return -sockopt_explain(fd, error > 0 ? error : 0);
}

/* Undo a kernel connect() that nobody will ever answer. */
static void abandon(const struct attempt *at)
{
	(void)shutdown(at->fd, SHUT_RDWR);
	(void)sockopt_number(at->fd, SOL_SOCKET, SO_ERROR);
	pending_drop(sockopt_cookie(at->fd));
}

/* The socket is non-blocking. */
static int in_background(const struct attempt *at)
{
	struct local_request request = {
		.op = LOCAL_CONNECTING,
		.cookie = sockopt_cookie(at->fd),
		.target = at->target,
		.local = at->local,
	};
	struct agent_talk talk;
	int r = agent_open(at->agent, &talk);

	if (r < 0)
		return from_agent(r);
	r = connect_to(at, &at->member.external, at->target.port);
	if (r == -EINPROGRESS) {
		/* Before the node knows of it, for it may fail at once. */
		pending_add(request.cookie);
		if (agent_send(&talk, &request, at->fd) < 0) {
			abandon(at);
			r = -ENETUNREACH;
		}
	}
	agent_close(&talk);
	return r;
}

/*
 * A blocking connect() ends here, unfinished, with -EINTR or -EINPROGRESS as
 * @how says; the connection goes on.
 */
static int leave_in_background(const struct attempt *at, int flags, int how)
{
	int r;

	if (fcntl(at->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	r = in_background(at);
	(void)fcntl(at->fd, F_SETFL, flags);
	return r == -EINPROGRESS ? how : r;
}

/*
 * The kernel would restart an interrupted connect() without a time limit if the
 * handler has SA_RESTART; poll() is never restarted and does not say whose
 * handler ran. If all handlers have it, that one had it too.
 */
static bool handlers_restart(void)
{
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction sa;

		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL &&
		    sa.sa_handler != SIG_IGN && !(sa.sa_flags & SA_RESTART))
			return false;
	}
	return true;
}

/* Ask for the hole and wait for it; 0: connect to @ret_to. */
static int punch(const struct attempt *at, uint64_t deadline, enum agent_wait wait, bool restart,
		 struct addr *ret_to)
{
	struct local_request request = {
		.op = LOCAL_PUNCH, .target = at->target, .local = at->local};
	struct agent_answer answer;
	struct agent_talk talk;
	int r = agent_open(at->agent, &talk);

	if (r < 0)
		return from_agent(r);
	r = agent_send(&talk, &request, -1);
	if (r == 0) {
		do
			r = agent_receive(&talk, deadline, wait, &answer);
		while (r == -EINTR && restart && handlers_restart());
	}
	agent_close(&talk);
	if (r < 0)
		return from_agent(r);
	agent_drop_fds(&answer);
	r = from_reply(&answer.reply);
	if (r == 0)
		*ret_to = answer.reply.addr;
	return r;
}

static uint64_t send_timeout(int fd)
{
	struct timeval tv = {0};

	if (libc()->getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &(socklen_t){sizeof(tv)}) < 0)
		return 0;
	return (uint64_t)tv.tv_sec * NS_PER_S + (uint64_t)tv.tv_usec * NS_PER_US;
}

/* The socket is blocking. */
static int in_foreground(const struct attempt *at, int flags)
{
	uint64_t limit = send_timeout(at->fd);
	bool limited = limit && limit < DEADLINE_NS;
	uint64_t deadline = clock_now() + (limited ? limit : DEADLINE_NS);
	struct addr to;
	int r;

	/* With SO_SNDTIMEO the kernel does not restart connect() either. */
	r = punch(at, deadline, AGENT_INTERRUPTIBLE, !limit, &to);
	if (r == -EINTR)
		return leave_in_background(at, flags, -EINTR);
	if (limited && r == -ETIMEDOUT && clock_now() >= deadline)
		return leave_in_background(at, flags, -EINPROGRESS);
	return r < 0 ? r : connect_to(at, &to, to.port);
}

static int connect_member(struct attempt *at)
{
	int flags = fcntl(at->fd, F_GETFL);
	struct addr to;
	int r;

	if (flags < 0)
		return -errno;
	if (at->member.flags & TABLE_SELF)
		return connect_to(at, &at->member.inside, at->target.port);
	r = port_bind(atomic_load(&at->agent->cursor), at->fd, &at->local);
	if (r < 0)
		return r == -EADDRINUSE ? -EADDRNOTAVAIL : r;
	if (!(flags & O_NONBLOCK))
		return in_foreground(at, flags);
	if (!(at->member.flags & TABLE_WAIT))
		return in_background(at);
	r = punch(at, clock_now() + PATIENCE_NS, AGENT_STEADY, false, &to);
	return r < 0 ? r : connect_to(at, &to, to.port);
}

HOOK int connect(int fd, __CONST_SOCKADDR_ARG sa, socklen_t len)
{
	const struct sockaddr *given = sa.__sockaddr__;
	struct agent *agent = shim_agent();
	struct attempt at = {.agent = agent, .fd = fd};
	int saved = errno;
	bool is_member;
	int r;

	if (!agent || !may_be_member(given, len, &at.target))
		return libc()->connect(fd, given, len);
	at.family = given->sa_family;
	is_member = agent_map(agent) == 0 &&
		    table_find_host(atomic_load(&agent->table), &at.target, &at.member);
	if ((!is_member && !table_in_overlay(&at.target)) || !is_unconnected_tcp(fd, at.family)) {
		errno = saved;
		return libc()->connect(fd, given, len);
	}
	r = earlier_failure(fd);
	if (r == 0)
		r = is_member ? connect_member(&at) : -EHOSTUNREACH;
	return shim_return(r, saved);
}
