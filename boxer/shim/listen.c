/* SPDX-License-Identifier: MIT */
#include "base/addr.h"
#include "boxer/shim/libc.h"
#include "boxer/shim/shim.h"
#include "boxer/shim/sockopt.h"

#include <errno.h>
#include <netinet/tcp.h>

/* A listener that members may reach: TCP, and not on the loopback interface only. */
static bool is_reachable(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr local;

	return sockopt_tcp_state(fd) == TCP_LISTEN &&
	       getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
	       addr_from_sockaddr((struct sockaddr *)&ss, len, &local) == 0 &&
	       !addr_is_loopback(&local);
}

/*
 * The node must be able to bind beside the listener, to send a SYN from its
 * port. The kernel looks at SO_REUSEPORT when the node binds. It is set after
 * listen() and never before bind(), so that a second instance of the program,
 * which binds without it, still gets EADDRINUSE.
 */
HOOK int listen(int fd, int backlog)
{
	int saved = errno;
	int r = libc()->listen(fd, backlog);

	if (r == 0 && shim_agent() && is_reachable(fd))
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
	if (r == 0)
		errno = saved;
	return r;
}
