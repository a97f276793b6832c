/* SPDX-License-Identifier: MIT */
#include "boxer/boxer.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/shim/agent.h"
#include "boxer/shim/port.h"
#include "boxer/shim/table.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define API __attribute__((visibility("default")))

#define DEADLINE_NS (30 * NS_PER_S)

_Static_assert(BOXER_NAME_MAX == TABLE_NAME_MAX, "names are copied whole");

struct boxer {
	struct agent agent;
};

static const struct table *table_of(struct boxer *boxer)
{
	return atomic_load(&boxer->agent.table);
}

API int boxer_open(struct boxer **ret_boxer)
{
	cleanup_free struct boxer *boxer = calloc(1, sizeof(*boxer));
	int r;

	if (!boxer)
		return -ENOMEM;
	r = agent_id_from_env(&boxer->agent.id);
	if (r == 0)
		r = agent_map(&boxer->agent);
	if (r < 0)
		return r;
	*ret_boxer = take_ptr(boxer);
	return 0;
}

API void boxer_close(struct boxer *boxer)
{
	if (boxer)
		agent_unmap(&boxer->agent);
	free(boxer);
}

static void to_member(const struct table_row *row, struct boxer_member *ret_member)
{
	(void)memset(ret_member, 0, sizeof(*ret_member));
	ret_member->id = row->id;
	ret_member->self = row->flags & TABLE_SELF ? 1 : 0;
	(void)memcpy(ret_member->name, row->name, sizeof(ret_member->name));
	(void)addr_to_sockaddr(&row->overlay, row->overlay.family, &ret_member->overlay);
	(void)addr_to_sockaddr(&row->external, row->external.family, &ret_member->external);
}

struct room {
	struct boxer_member *members;
	size_t max;
};

static void take_member(const struct table_row *row, size_t i, void *arg)
{
	struct room *room = arg;

	if (i < room->max)
		to_member(row, &room->members[i]);
}

API int boxer_members(struct boxer *boxer, struct boxer_member *members, size_t max)
{
	struct room room = {members, max};

	return table_each(table_of(boxer), take_member, &room);
}

API int boxer_resolve(struct boxer *boxer, const char *name, struct boxer_member *ret_member)
{
	struct table_row row;

	if (!table_find_name(table_of(boxer), name, &row))
		return -ENOENT;
	to_member(&row, ret_member);
	return 0;
}

/* Ask the node for the way to @target from @local. */
static int punch(const struct agent *agent, const struct addr *local, const struct addr *target,
		 struct addr *ret_to)
{
	struct local_request request = {.op = LOCAL_PUNCH, .target = *target, .local = *local};
	struct agent_answer answer;
	struct agent_talk talk;
	int r = agent_open(agent, &talk);

	if (r < 0)
		return r;
	r = agent_send(&talk, &request, -1);
	if (r == 0)
		r = agent_receive(&talk, clock_now() + DEADLINE_NS, AGENT_STEADY, &answer);
	agent_close(&talk);
	if (r < 0)
		return r;
	agent_drop_fds(&answer);
	if (answer.reply.error < 0 || answer.reply.error > 4095)
		return -EPROTO;
	*ret_to = answer.reply.addr;
	return -answer.reply.error;
}

/* An interrupted connect() goes on by itself: wait for its end. */
static int finish(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int error = 0;

	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)}) < 0)
		return -errno;
	return -error;
}

/*
 * Past libc, since the shim may be there too: it would take the address for a
 * member's, which it is, and ask for the hole once more.
 */
static int connect_past_shim(int fd, const struct addr *to, int family)
{
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(to, family, &ss);

	if (len < 0)
		return -EHOSTUNREACH;
	if (syscall(SYS_connect, fd, &ss, (socklen_t)len) == 0)
		return 0;
	return errno == EINTR ? finish(fd) : -errno;
}

static int connect_row(struct agent *agent, int fd, const struct table_row *row, int family,
		       uint16_t port)
{
	struct addr target = row->overlay;
	struct addr local, to;
	int r;

	if (row->flags & TABLE_SELF) {
		to = row->inside;
		to.port = port;
		return connect_past_shim(fd, &to, family);
	}
	target.port = port;
	r = port_bind(atomic_load(&agent->cursor), fd, &local);
	if (r == 0)
		r = punch(agent, &local, &target, &to);
	return r < 0 ? r : connect_past_shim(fd, &to, family);
}

API int boxer_connect(struct boxer *boxer, const char *name, uint16_t port)
{
	cleanup_close int fd = -1;
	struct table_row row;
	int family;
	int r;

	if (!table_find_name(table_of(boxer), name, &row))
		return -ENOENT;
	family = row.flags & TABLE_SELF ? row.inside.family : row.external.family;
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = connect_row(&boxer->agent, fd, &row, family, port);
	return r < 0 ? r : take_fd(&fd);
}
