/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/client/handle.h"
#include "boxer/shim/table.h"

#include <string.h>

_Static_assert(BOXER_NAME_MAX == TABLE_NAME_MAX, "names are copied whole");

static __thread enum reason last_reason;

void client_begin(void)
{
	last_reason = REASON_NONE;
}

int client_reason(enum reason reason)
{
	last_reason = reason;
	return -reason_errno(reason);
}

int client_unknown(void)
{
	last_reason = REASON_NOT_A_MEMBER;
	return -ENOENT;
}

void client_note(uint32_t reason)
{
	last_reason = reason < REASON_MAX ? (enum reason)reason : REASON_NONE;
}

int client_reply(const struct local_reply *reply)
{
	if (reply->error < 0 || reply->error > 4095)
		return -EPROTO;
	if (reply->error)
		client_note(reply->reason);
	return -reply->error;
}

uint64_t client_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : clock_now() + (uint64_t)timeout_ms * NS_PER_MS;
}

API const char *boxer_reason(void)
{
	return reason_name(last_reason);
}

int client_new(uint32_t id, struct boxer **ret_boxer)
{
	cleanup_free struct boxer *boxer = calloc(1, sizeof(*boxer));
	int r;

	if (!boxer)
		return -ENOMEM;
	boxer->agent.id = id;
	boxer->pidfd = -1;
	boxer->lifeline = -1;
	r = agent_map(&boxer->agent);
	if (r < 0)
		return r;
	*ret_boxer = take_ptr(boxer);
	return 0;
}

API int boxer_open(struct boxer **ret_boxer)
{
	uint32_t id;
	int r = agent_id_from_env(&id);

	client_begin();
	return r < 0 ? r : client_new(id, ret_boxer);
}

API int boxer_open_id(uint32_t id, struct boxer **ret_boxer)
{
	client_begin();
	return client_new(id, ret_boxer);
}

API void boxer_close(struct boxer *boxer)
{
	if (!boxer)
		return;
	client_end_node(boxer);
	agent_unmap(&boxer->agent);
	free(boxer);
}

API uint32_t boxer_id(const struct boxer *boxer)
{
	return boxer->agent.id;
}

void client_member(const struct table_row *row, struct boxer_member *ret_member)
{
	(void)memset(ret_member, 0, sizeof(*ret_member));
	ret_member->id = row->id;
	ret_member->self = row->flags & TABLE_SELF ? 1 : 0;
	(void)memcpy(ret_member->name, row->name, sizeof(ret_member->name));
	(void)memcpy(ret_member->role, row->role, sizeof(ret_member->role));
	ret_member->role[BOXER_NAME_MAX - 1] = '\0';
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
		client_member(row, &room->members[i]);
}

API int boxer_members(struct boxer *boxer, struct boxer_member *members, size_t max)
{
	struct room room = {members, max};

	client_begin();
	return table_each(atomic_load(&boxer->agent.table), take_member, &room);
}

API int boxer_resolve(struct boxer *boxer, const char *name, struct boxer_member *ret_member)
{
	struct table_row row;

	client_begin();
	if (!table_find_name(atomic_load(&boxer->agent.table), name, &row))
		return client_unknown();
	client_member(&row, ret_member);
	return 0;
}

API int boxer_barrier(struct boxer *boxer, const char *name, unsigned count, int timeout_ms)
{
	struct local_request request = {.op = LOCAL_BARRIER, .count = count};
	uint64_t deadline = client_deadline(timeout_ms);
	struct agent_answer answer;
	struct agent_talk talk;
	int r;

	client_begin();
	if (strlen(name) >= sizeof(request.name))
		return -EINVAL;
	(void)memcpy(request.name, name, strlen(name));
	r = agent_open(&boxer->agent, &talk);
	if (r < 0)
		return r;
	r = agent_send(&talk, &request, -1);
	if (r == 0)
		r = agent_receive(&talk, deadline, AGENT_INTERRUPTIBLE, &answer);
	agent_close(&talk);
	if (r < 0)
		return r;
	agent_drop_fds(&answer);
	return client_reply(&answer.reply);
}
