/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A connection that was hole punched never comes out of the program's listener.
 * The node holds it, and wakes the program by a signal connection to the real
 * listener, from an address in LOCAL_SIGNAL_NET. So epoll, poll and a blocking
 * accept() all work without being hooked. We take the signal off the queue,
 * fetch the real socket from the node, give it the listener's options, and put
 * it where the signal's descriptor was.
 *
 * A signal whose connection can't be had any more is dropped, and the next one
 * in the queue taken, as though it had never come: a blocking listener waits
 * on, a non-blocking one gets EAGAIN. Only a lack of descriptors is reported,
 * for the program has a way of dealing with that.
 */
#include "base/cleanup.h"
#include "boxer/shim/agent.h"
#include "boxer/shim/libc.h"
#include "boxer/shim/options.h"
#include "boxer/shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

/**
 * struct peer - the other end of an accepted connection, as accept() tells it
 */
struct peer {
	struct sockaddr_storage ss;
	socklen_t len;
};

/* A signal, or somebody who looks like one: the node will know. */
static bool is_signal(const struct peer *peer, struct addr *ret_from)
{
	return addr_from_sockaddr((const struct sockaddr *)&peer->ss, peer->len, ret_from) == 0 &&
	       (addr_v4_value(ret_from) & LOCAL_SIGNAL_MASK) == LOCAL_SIGNAL_NET;
}

/* The connection that the signal stands for; -ENOENT: it stands for itself. */
static int fetch(const struct agent *agent, int listener, const struct addr *signal,
		 struct addr *ret_peer)
{
	struct local_request request = {.op = LOCAL_FETCH, .target = *signal};
	struct agent_answer answer;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int r;

	if (getsockname(listener, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	r = addr_from_sockaddr((struct sockaddr *)&ss, len, &request.local);
	if (r == 0)
		r = agent_call(agent, &request, &answer);
	if (r < 0)
		/* Only the node's own word makes a connection ordinary. */
		return r == -ENOENT ? -ECONNABORTED : r;
	if (!answer.reply.error && answer.n_fds == 1) {
		*ret_peer = answer.reply.addr;
		return answer.fds[0];
	}
	agent_drop_fds(&answer);
	return answer.reply.error == ENOENT ? -ENOENT : -ECONNABORTED;
}

/* O_NONBLOCK belongs to the open description, which the node had: set it or clear it. */
static int set_flags(int fd, int flags)
{
	int now = fcntl(fd, F_GETFL);
	int wanted = (now & ~O_NONBLOCK) | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0);

	if (now < 0 || (wanted != now && fcntl(fd, F_SETFL, wanted) < 0))
		return -errno;
	return 0;
}

/*
 * Put the connection that @fd, a signal, stands for in its place, and its peer in
 * @peer. The program does not know @fd yet, so nobody disturbs the exchange.
 */
static int swap(const struct agent *agent, int listener, int fd, int flags,
		const struct addr *signal, struct peer *peer)
{
	cleanup_close int real = -1;
	struct addr from;
	int r;

	real = fetch(agent, listener, signal, &from);
	if (real < 0)
		return real;
	r = set_flags(real, flags);
	if (r < 0)
		return r;
	options_inherit(listener, real);
	r = addr_to_sockaddr(&from, peer->ss.ss_family, &peer->ss);
	if (r < 0)
		return r;
	peer->len = (socklen_t)r;
	while (dup3(real, fd, flags & SOCK_CLOEXEC ? O_CLOEXEC : 0) < 0)
		if (errno != EINTR && errno != EBUSY)
			return -errno;
	return 0;
}

static bool is_shortage(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOBUFS;
}

static int accept_one(const struct agent *agent, int listener, int flags, struct peer *peer)
{
	for (;;) {
		struct addr signal;
		int fd, r;

		peer->len = sizeof(peer->ss);
		fd = libc()->accept4(listener, (struct sockaddr *)&peer->ss, &peer->len, flags);
		if (fd < 0)
			return -errno;
		if (!is_signal(peer, &signal))
			return fd;
		r = swap(agent, listener, fd, flags, &signal, peer);
		if (r == 0 || r == -ENOENT)
			return fd;
		(void)close(fd);
		if (is_shortage(r))
			return r;
	}
}

/* As the kernel does it: as much as there is room for, but the whole length. */
static void tell(const struct peer *peer, struct sockaddr *sa, socklen_t *len)
{
	if (!sa)
		return;
	(void)memcpy(sa, &peer->ss, *len < peer->len ? *len : peer->len);
	*len = peer->len;
}

static int accept_any(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	const struct agent *agent = shim_agent();
	int saved = errno;
	struct peer peer;
	int r;

	/* What the kernel finds fault with, it shall. */
	if (!agent || (sa && (!len || *len > INT32_MAX)))
		return libc()->accept4(fd, sa, len, flags);
	r = accept_one(agent, fd, flags, &peer);
	if (r >= 0)
		tell(&peer, sa, len);
	return shim_return(r, saved);
}

HOOK int accept4(int fd, __SOCKADDR_ARG sa, socklen_t *restrict len, int flags)
{
	return accept_any(fd, sa.__sockaddr__, len, flags);
}

HOOK int accept(int fd, __SOCKADDR_ARG sa, socklen_t *restrict len)
{
	return accept_any(fd, sa.__sockaddr__, len, 0);
}
