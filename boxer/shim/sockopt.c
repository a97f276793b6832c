/* SPDX-License-Identifier: MIT */
#include "boxer/shim/sockopt.h"

#include "boxer/shim/agent.h"
#include "boxer/shim/libc.h"
#include "boxer/shim/pending.h"
#include "boxer/shim/shim.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>

int sockopt_number(int fd, int level, int name)
{
	int value = -1;

	if (libc()->getsockopt(fd, level, name, &value, &(socklen_t){sizeof(value)}) < 0)
		return -1;
	return value;
}

uint64_t sockopt_cookie(int fd)
{
	uint64_t cookie = 0;

	if (libc()->getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &(socklen_t){sizeof(cookie)}) <
	    0)
		return 0;
	return cookie;
}

int sockopt_tcp_state(int fd)
{
	uint8_t state;

	/* The first byte of struct tcp_info; the kernel gives as much as is asked for. */
	_Static_assert(offsetof(struct tcp_info, tcpi_state) == 0, "tcpi_state comes first");
	if (sockopt_number(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP ||
	    libc()->getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &(socklen_t){sizeof(state)}) < 0)
		return -1;
	return state;
}

int sockopt_explain(int fd, int error)
{
	struct local_request request = {.op = LOCAL_RESULT, .cookie = sockopt_cookie(fd)};
	const struct agent *agent = shim_agent();
	struct agent_answer answer;

	pending_drop(request.cookie);
	if (!agent || agent_call(agent, &request, &answer) < 0)
		return error;
	agent_drop_fds(&answer);
	if (answer.reply.error <= 0 || answer.reply.error > 4095)
		return error;
	return answer.reply.error;
}

/* ECONNRESET is what the node leaves when it abandons a socket that was connecting. */
static void correct(int fd, int *error)
{
	uint64_t cookie = sockopt_cookie(fd);

	if (!pending_has(cookie))
		return;
	if (*error == ECONNRESET || *error == EPIPE)
		*error = sockopt_explain(fd, *error);
	else if (*error || sockopt_tcp_state(fd) == TCP_ESTABLISHED)
		pending_drop(cookie);
}

HOOK int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
	int saved = errno;
	int r = libc()->getsockopt(fd, level, name, value, len);

	if (r == 0 && level == SOL_SOCKET && name == SO_ERROR && pending_any() &&
	    *len == sizeof(int) && shim_agent()) {
		correct(fd, value);
		errno = saved;
	}
	return r;
}
