/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/client/handle.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_NS (2 * NS_PER_S)

struct boxer_watch {
	int conn;
};

static int begin(const struct agent *agent)
{
	struct local_request request = {.op = LOCAL_WATCH};
	struct agent_answer answer;
	struct agent_talk talk;
	int r = agent_open(agent, &talk);

	if (r < 0)
		return r;
	r = agent_send(&talk, &request, -1);
	if (r == 0)
		r = agent_receive(&talk, clock_now() + ANSWER_NS, AGENT_STEADY, &answer);
	if (r == 0) {
		agent_drop_fds(&answer);
		r = client_reply(&answer.reply);
	}
	if (r == 0)
		return agent_keep(&talk);
	agent_close(&talk);
	return r;
}

API int boxer_watch(struct boxer *boxer, struct boxer_watch **ret_watch)
{
	cleanup_free struct boxer_watch *watch = calloc(1, sizeof(*watch));

	client_begin();
	if (!watch)
		return -ENOMEM;
	watch->conn = begin(&boxer->agent);
	if (watch->conn < 0)
		return watch->conn;
	*ret_watch = take_ptr(watch);
	return 0;
}

API int boxer_watch_fd(const struct boxer_watch *watch)
{
	return watch->conn;
}

API void boxer_unwatch(struct boxer_watch *watch)
{
	if (watch)
		(void)close(watch->conn);
	free(watch);
}

/* Return: 0; -EAGAIN: nothing has come yet. */
static int receive(int conn, struct local_change *ret_change)
{
	struct local_change change;
	ssize_t n = recv(conn, &change, sizeof(change), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ECONNRESET;
	if (n != sizeof(change) || change.version != LOCAL_VERSION)
		return -EPROTO;
	*ret_change = change;
	return 0;
}

static int wait_until(int conn, uint64_t deadline)
{
	struct pollfd p = {.fd = conn, .events = POLLIN};
	uint64_t now = clock_now();
	uint64_t ms = deadline > now ? (deadline - now + NS_PER_MS - 1) / NS_PER_MS : 0;

	if (poll(&p, 1, deadline == UINT64_MAX ? -1 : ms < INT_MAX ? (int)ms : INT_MAX) < 0)
		return -errno;
	return !p.revents && clock_now() >= deadline ? -ETIMEDOUT : 0;
}

API int boxer_next(struct boxer_watch *watch, int timeout_ms, struct boxer_change *ret_change)
{
	uint64_t deadline = client_deadline(timeout_ms);
	struct local_change change;
	int r;

	client_begin();
	for (;;) {
		r = receive(watch->conn, &change);
		if (r != -EAGAIN)
			break;
		r = wait_until(watch->conn, deadline);
		if (r < 0)
			break;
	}
	if (r < 0)
		return r;
	(void)memset(ret_change, 0, sizeof(*ret_change));
	ret_change->kind = (int)change.kind;
	ret_change->version = change.membership;
	(void)snprintf(ret_change->reason, sizeof(ret_change->reason), "%s",
		       reason_name((enum reason)change.reason));
	client_member(&change.member, &ret_change->member);
	return 0;
}
