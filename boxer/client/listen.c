/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "boxer/client/handle.h"
#include "boxer/shim/incoming.h"
#include "boxer/shim/libc.h"
#include "boxer/shim/table.h"

#include <string.h>

static int bind_to(int fd, const struct addr *local)
{
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(local, local->family, &ss);

	if (len < 0)
		return len;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	return libc()->bind(fd, (struct sockaddr *)&ss, (socklen_t)len) < 0 ? -errno : 0;
}

API int boxer_listen(struct boxer *boxer, uint16_t port, int backlog)
{
	cleanup_close int fd = -1;
	struct table_row self;
	struct addr any;
	int r;

	client_begin();
	if (!table_find_self(atomic_load(&boxer->agent.table), &self))
		return -EAGAIN;
	any = (struct addr){.family = self.inside.family, .port = port};
	fd = socket(any.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = bind_to(fd, &any);
	if (r < 0)
		return r;
	if (libc()->listen(fd, backlog) < 0)
		return -errno;
	/* The node sends SYNs from this port, too. Not before: see the shim's listen(). */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)) < 0)
		return -errno;
	return take_fd(&fd);
}

API int boxer_accept(struct boxer *boxer, int listener, struct sockaddr *peer, socklen_t *len)
{
	struct incoming_peer from;
	int fd;

	client_begin();
	if (peer && !len)
		return -EFAULT;
	fd = incoming_accept(&boxer->agent, listener, SOCK_CLOEXEC, &from);
	if (fd < 0 || !peer)
		return fd;
	(void)memcpy(peer, &from.ss, *len < from.len ? *len : from.len);
	*len = from.len;
	return fd;
}
