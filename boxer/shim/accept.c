/* SPDX-License-Identifier: MIT */
#include "boxer/shim/incoming.h"
#include "boxer/shim/libc.h"
#include "boxer/shim/shim.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* As the kernel does it: as much as there is room for, but the whole length. */
static void tell(const struct incoming_peer *peer, struct sockaddr *sa, socklen_t *len)
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
	struct incoming_peer peer;
	int r;

	/* What the kernel finds fault with, it shall. */
	if (!agent || (sa && (!len || *len > INT32_MAX)))
		return libc()->accept4(fd, sa, len, flags);
	r = incoming_accept(agent, fd, flags, &peer);
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
