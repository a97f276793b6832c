/* SPDX-License-Identifier: MIT */
#include "boxer/shim/way.h"

#include "boxer/shim/libc.h"

#include <errno.h>
#include <sys/socket.h>

/*
 * What connect() gives for a failure of the agent. The node is this function's
 * way into the network; without it there is none. Its errnos are not the
 * connection's: a node that refuses calls is no port that nobody listens on.
 */
int way_error(int r)
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

/* EPIPE is what a waiting program gets when the node disconnects its socket. */
bool way_again(int r)
{
	return r == -EPIPE || r == -ECONNREFUSED || r == -ECONNRESET || r == -ECONNABORTED ||
	       r == -ETIMEDOUT || r == -EHOSTUNREACH || r == -ENETUNREACH;
}

void way_clear(int fd)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};

	/* It stays bound. */
	(void)libc()->connect(fd, &none, sizeof(none));
}

/* Return: 0; the node's errno, negative; one that connect() may give, whatever it said. */
static int judge(const struct local_reply *reply)
{
	return reply->error < 0 || reply->error > 4095 ? -EHOSTUNREACH : -reply->error;
}

int way_ask(const struct agent *agent, int fd, uint64_t cookie, const struct addr *target,
	    uint64_t deadline, enum agent_wait wait, bool (*restart)(void), struct way *ret_way)
{
	struct local_request request = {.op = LOCAL_PUNCH, .cookie = cookie, .target = *target};
	struct agent_answer answer;
	struct agent_talk talk;
	int r = agent_open(agent, &talk);

	if (r < 0)
		return way_error(r);
	r = agent_send(&talk, &request, fd);
	if (r == 0) {
		do
			r = agent_receive(&talk, deadline, wait, &answer);
		while (r == -EINTR && restart && restart());
	}
	agent_close(&talk);
	if (r < 0)
		return way_error(r);
	r = judge(&answer.reply);
	if (r == 0 && answer.n_fds > 0) {
		ret_way->fd = answer.fds[0];
		answer.fds[0] = answer.fds[--answer.n_fds];
	} else {
		ret_way->fd = -1;
	}
	agent_drop_fds(&answer);
	ret_way->to = answer.reply.addr;
	ret_way->reason = answer.reply.reason;
	return r;
}
