/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * The node is asked for the way from a socket to a member (boxer/shim/way.h). It
 * names an address to connect to, or hands over the connection itself. Where
 * connect() fails the node is asked again for the same socket, and names the next
 * way, or says that there is none.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/client/handle.h"
#include "boxer/shim/libc.h"
#include "boxer/shim/table.h"
#include "boxer/shim/way.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gnu/lib-names.h>
#include <poll.h>

#define DEADLINE_NS (30 * NS_PER_S)
#define WAYS_MAX    32 /* of a node that would never come to an end */

/** struct call - one boxer_connect() */
struct call {
	const struct agent *agent;
	int family;
	struct addr target;
	uint64_t deadline;
};

/*
 * In the boxer command, which comes before all libraries, the next one may be the shim:
 * it would take the address for a member's, which it is, and ask for the way once more.
 */
void *libc_whose(void)
{
	void *handle = dlopen(LIBC_SO, RTLD_LAZY | RTLD_NOLOAD);

	return handle ? handle : RTLD_NEXT;
}

/* An interrupted connect() goes on by itself: wait for its end. */
static int finish(int fd, uint64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int error = 0;

	for (;;) {
		uint64_t now = clock_now();
		int left = now < deadline ? (int)((deadline - now) / NS_PER_MS) : 0;
		int r = poll(&p, 1, left);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
		if (r > 0)
			break;
	}
	if (libc()->getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)}) < 0)
		return -errno;
	return -error;
}

/* Past the shim, which may be there too. */
static int connect_to(const struct call *call, int fd, const struct addr *to)
{
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(to, call->family, &ss);

	if (len < 0)
		return -EHOSTUNREACH;
	if (libc()->connect(fd, (struct sockaddr *)&ss, (socklen_t)len) == 0)
		return 0;
	return errno == EINTR ? finish(fd, call->deadline) : -errno;
}

static int connect_self(const struct call *call, const struct table_row *self, uint16_t port)
{
	cleanup_close int fd = socket(call->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct addr to = self->inside;
	int r;

	to.port = port;
	if (fd < 0)
		return -errno;
	r = connect_to(call, fd, &to);
	if (r < 0)
		client_note(reason_of_errno(-r));
	return r < 0 ? r : take_fd(&fd);
}

/* What the node has made does not block. Return: @fd, or -errno. */
static int set_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	int r = flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : fd;

	if (r < 0)
		(void)close(fd);
	return r;
}

static int connect_member(const struct call *call)
{
	cleanup_close int fd = socket(call->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	int r;

	if (fd < 0 || libc()->getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie,
					 &(socklen_t){sizeof(cookie)}) < 0)
		return -errno;
	for (int i = 0; i < WAYS_MAX; i++) {
		struct way way = {.fd = -1};

		r = way_ask(call->agent, fd, cookie, &call->target, call->deadline, AGENT_STEADY,
			    NULL, &way);
		if (r < 0) {
			client_note(way.reason);
			return r;
		}
		if (way.fd >= 0)
			return set_blocking(way.fd);
		if (i > 0)
			way_clear(fd);
		r = connect_to(call, fd, &way.to);
		if (!way_again(r))
			break;
	}
	if (r < 0)
		client_note(reason_of_errno(-r));
	return r < 0 ? r : take_fd(&fd);
}

static int connect_row(struct boxer *boxer, const struct table_row *row, uint16_t port)
{
	struct call call = {
		.agent = &boxer->agent,
		.family = row->inside.family,
		.target = row->overlay,
		.deadline = clock_now() + DEADLINE_NS,
	};

	if (row->flags & TABLE_SELF)
		return connect_self(&call, row, port);
	call.family = row->external.family;
	call.target.port = port;
	return connect_member(&call);
}

API int boxer_connect(struct boxer *boxer, const char *name, uint16_t port)
{
	struct table_row row;

	client_begin();
	if (!table_find_name(atomic_load(&boxer->agent.table), name, &row))
		return client_unknown();
	return connect_row(boxer, &row, port);
}

API int boxer_connect_id(struct boxer *boxer, uint32_t id, uint16_t port)
{
	struct addr overlay = addr_v4(LOCAL_OVERLAY_NET + id + 1, 0);
	struct table_row row;

	client_begin();
	if (id >= ~LOCAL_OVERLAY_MASK ||
	    !table_find_host(atomic_load(&boxer->agent.table), &overlay, &row))
		return client_unknown();
	return connect_row(boxer, &row, port);
}
