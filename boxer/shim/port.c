/* SPDX-License-Identifier: MIT */
#include "boxer/shim/port.h"

#include <errno.h>
#include <sys/socket.h>

/* Ports in use that are passed over before the kernel is left to choose. */
#define TRIES_MAX 64

static int bind_to(int fd, const struct addr *local, int family)
{
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(local, family, &ss);

	if (len < 0)
		return len;
	return bind(fd, (struct sockaddr *)&ss, (socklen_t)len) < 0 ? -errno : 0;
}

static int bind_next(struct cursor *cursor, int fd, struct addr *local, int family)
{
	int r = -EADDRINUSE;

	for (int i = 0; cursor && i < TRIES_MAX && r == -EADDRINUSE; i++) {
		uint32_t n = atomic_fetch_add_explicit(&cursor->next, 1, memory_order_relaxed);

		local->port = (uint16_t)(CURSOR_PORT_FIRST + n % CURSOR_PORT_COUNT);
		r = bind_to(fd, local, family);
	}
	if (r != -EADDRINUSE)
		return r;
	local->port = 0;
	return bind_to(fd, local, family);
}

int port_bind(struct cursor *cursor, int fd, struct addr *ret_local)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr local;
	int r;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	r = addr_from_sockaddr((struct sockaddr *)&ss, len, &local);
	if (r < 0)
		return r;
	if (!local.port) {
		r = bind_next(cursor, fd, &local, ss.ss_family);
		if (r == 0 && !local.port)
			return port_bind(NULL, fd, ret_local);
	}
	if (r == 0)
		*ret_local = local;
	return r;
}
