/* SPDX-License-Identifier: MIT */
#include "boxer/shim/incoming.h"

#include "base/cleanup.h"
#include "boxer/shim/libc.h"
#include "boxer/shim/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>

/* A signal, or somebody who looks like one: the node will know. */
static bool is_signal(const struct incoming_peer *peer, struct addr *ret_from)
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
		const struct addr *signal, struct incoming_peer *peer)
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

int incoming_accept(const struct agent *agent, int listener, int flags,
		    struct incoming_peer *ret_peer)
{
	for (;;) {
		struct incoming_peer peer = {.len = sizeof(peer.ss)};
		struct addr signal;
		int fd, r;

		fd = libc()->accept4(listener, (struct sockaddr *)&peer.ss, &peer.len, flags);
		if (fd < 0)
			return -errno;
		r = is_signal(&peer, &signal) ? swap(agent, listener, fd, flags, &signal, &peer)
					      : 0;
		if (r == 0 || r == -ENOENT) {
			*ret_peer = peer;
			return fd;
		}
		(void)close(fd);
		if (is_shortage(r))
			return r;
	}
}
