/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * connect() to a member goes one of two ways.
 *
 * Early, where the profiles of both NATs promise that it will do (TABLE_EARLY): the
 * kernel's connect() begins at once, towards the member's external address, and the
 * node gets a copy of the descriptor just before (LOCAL_CONNECTING) and makes the
 * other side answer. Nothing waits here, and a non-blocking socket is in SYN_SENT
 * and pollable as its program expects. If it fails, the node shuts the socket down: a
 * blocking connect() asks for another way; otherwise the program wakes, and
 * getsockopt(SO_ERROR) or a second connect() learns the reason from the node
 * (LOCAL_RESULT).
 *
 * Else the node is asked first (LOCAL_PUNCH). It binds the socket, opens the hole for
 * that port, and says where the program's own socket shall connect to; or it makes
 * the connection itself, which then takes the socket's place. A blocking connect()
 * asks again if that fails. One that does not block is held meanwhile, for
 * PATIENCE_NS at most.
 *
 * A blocking connect() that a signal or SO_SNDTIMEO ends is, by POSIX, still
 * under way, and programs poll for its end: so it goes on in the background.
 */
#include "base/clock.h"
#include "boxer/shim/agent.h"
#include "boxer/shim/libc.h"
#include "boxer/shim/options.h"
#include "boxer/shim/pending.h"
#include "boxer/shim/port.h"
#include "boxer/shim/shim.h"
#include "boxer/shim/sockopt.h"
#include "boxer/shim/table.h"
#include "boxer/shim/way.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#define DEADLINE_NS (30 * NS_PER_S)
#define PATIENCE_NS (2 * NS_PER_S)

/**
 * struct attempt - one connect() to a member
 * @family: the socket's
 * @target: where to, as the program gave it
 * @member: the row of @target
 */
struct attempt {
	const struct agent *agent;
	int fd;
	int family;
	struct addr target;
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

/* The same, and if it goes on in the background the node knows how it ends. */
static int begin(const struct attempt *at, const struct addr *host, uint16_t port)
{
	uint64_t cookie = sockopt_cookie(at->fd);
	int r;

	pending_add(cookie);
	r = connect_to(at, host, port);
	if (r != -EINPROGRESS && r != -EINTR)
		pending_drop(cookie);
	return r;
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

/* Tell the node that the kernel's connect() begins now. */
static int announce(const struct attempt *at)
{
	struct local_request request = {
		.op = LOCAL_CONNECTING,
		.cookie = sockopt_cookie(at->fd),
		.target = at->target,
	};
	struct agent_talk talk;
	int r = agent_open(at->agent, &talk);

	if (r < 0)
		return way_error(r);
	/* Before the node knows of it, for it may fail at once. */
	pending_add(request.cookie);
	r = agent_send(&talk, &request, at->fd);
	agent_close(&talk);
	if (r < 0)
		pending_drop(request.cookie);
	return r < 0 ? way_error(r) : 0;
}

/* It begins at once, as the program expects, and the node sees to it that it ends well. */
static int begin_early(const struct attempt *at)
{
	struct addr local;
	int r = port_bind(atomic_load(&at->agent->cursor), at->fd, &local);

	if (r < 0)
		return r == -EADDRINUSE ? -EADDRNOTAVAIL : r;
	r = announce(at);
	if (r < 0)
		return r;
	return begin(at, &at->member.external, at->target.port);
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
	way_clear(at->fd);
	r = begin_early(at);
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

static uint64_t send_timeout(int fd)
{
	struct timeval tv = {0};

	if (libc()->getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &(socklen_t){sizeof(tv)}) < 0)
		return 0;
	return (uint64_t)tv.tv_sec * NS_PER_S + (uint64_t)tv.tv_usec * NS_PER_US;
}

/*
 * Put the connection that the node has made in the place of the program's socket,
 * with that one's options. Who has polled the socket before it connected polls
 * another one now; hardly any program does (it would see POLLHUP all the time).
 */
static int take(const struct attempt *at, int flags, int real)
{
	int fd_flags = fcntl(at->fd, F_GETFD);
	int r = 0;

	if (fd_flags < 0 || fcntl(real, F_SETFL, flags) < 0)
		r = -errno;
	if (r == 0)
		options_copy(at->fd, real);
	while (r == 0 && dup3(real, at->fd, fd_flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
		if (errno != EINTR && errno != EBUSY)
			r = -errno;
	(void)close(real);
	return r;
}

static int ask(const struct attempt *at, uint64_t deadline, enum agent_wait wait,
	       bool (*restart)(void), struct way *ret_way)
{
	return way_ask(at->agent, at->fd, sockopt_cookie(at->fd), &at->target, deadline, wait,
		       restart, ret_way);
}

/* The socket is blocking: one way after the other, until one leads there or none is left. */
static int in_foreground(const struct attempt *at, int flags)
{
	uint64_t limit = send_timeout(at->fd);
	bool limited = limit && limit < DEADLINE_NS;
	uint64_t deadline = clock_now() + (limited ? limit : DEADLINE_NS);
	bool tried = at->member.flags & TABLE_EARLY;
	int r = tried ? begin_early(at) : -ECONNREFUSED;

	for (; way_again(r) && is_unconnected_tcp(at->fd, at->family); tried = true) {
		struct way way;

		/* With SO_SNDTIMEO the kernel does not restart connect() either. */
		r = ask(at, deadline, AGENT_INTERRUPTIBLE, limit ? NULL : handlers_restart, &way);
		if (r == -EINTR)
			return leave_in_background(at, flags, -EINTR);
		if (limited && r == -ETIMEDOUT && clock_now() >= deadline)
			return leave_in_background(at, flags, -EINPROGRESS);
		if (r < 0)
			return r;
		if (way.fd >= 0)
			return take(at, flags, way.fd);
		if (tried)
			way_clear(at->fd);
		r = begin(at, &way.to, way.to.port);
	}
	return r;
}

/* It must not be held for long: only where nothing can begin before the node has been asked. */
static int held(const struct attempt *at, int flags)
{
	struct way way;
	int r = ask(at, clock_now() + PATIENCE_NS, AGENT_STEADY, NULL, &way);

	if (r < 0)
		return r;
	if (way.fd >= 0)
		return take(at, flags, way.fd);
	return begin(at, &way.to, way.to.port);
}

static int connect_member(struct attempt *at)
{
	int flags = fcntl(at->fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (at->member.flags & TABLE_SELF)
		return connect_to(at, &at->member.inside, at->target.port);
	if (!(flags & O_NONBLOCK))
		return in_foreground(at, flags);
	if (at->member.flags & TABLE_EARLY)
		return begin_early(at);
	return held(at, flags);
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
