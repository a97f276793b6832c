/* SPDX-License-Identifier: MIT */
#include "boxer/shim/agent.h"
#include "boxer/shim/libc.h"
#include "boxer/shim/shim.h"
#include "boxer/shim/table.h"

#include <errno.h>

/* @host is an address of this function that no interface of it has. */
static bool is_own(struct agent *agent, const struct addr *host, struct addr *ret_inside)
{
	struct table_row self;

	if (agent_map(agent) < 0 || !table_find_self(atomic_load(&agent->table), &self))
		return false;
	*ret_inside = self.inside;
	return addr_same_host(host, &self.overlay) || addr_same_host(host, &self.external);
}

/* Programs bind the address under which the others know them: it is outside. */
HOOK int bind(int fd, __CONST_SOCKADDR_ARG sa, socklen_t len)
{
	const struct sockaddr *given = sa.__sockaddr__;
	struct agent *agent = shim_agent();
	struct sockaddr_storage ss;
	struct addr host, inside;
	int saved = errno;
	int r;

	if (!agent || !given || addr_from_sockaddr(given, len, &host) < 0 || addr_is_any(&host) ||
	    addr_is_loopback(&host) || !is_own(agent, &host, &inside)) {
		errno = saved;
		return libc()->bind(fd, given, len);
	}
	inside.port = host.port;
	r = addr_to_sockaddr(&inside, given->sa_family, &ss);
	errno = saved;
	if (r < 0)
		return libc()->bind(fd, given, len);
	return libc()->bind(fd, (struct sockaddr *)&ss, (socklen_t)r);
}
