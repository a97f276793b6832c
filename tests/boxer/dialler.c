/* SPDX-License-Identifier: MIT */
#include "tests/boxer/dialler.h"

#include "boxer/dial_way.h"
#include "boxer/sock.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAT(m, p, f, r)                                                             \
	{                                                                           \
		.mapping = PROFILE_MAPPING_##m, .ports = PROFILE_PORTS_##p,         \
		.filtering = PROFILE_FILTERING_##f, .refusal = PROFILE_REFUSAL_##r, \
	}

const struct profile nat_plain = NAT(EIM, KEPT, APDF, NONE);
const struct profile nat_by_address = NAT(EIM, KEPT, ADF, NONE);
const struct profile nat_refusing = NAT(EIM, KEPT, APDF, REFUSES);
const struct profile nat_public = NAT(NONE, KEPT, EIF, REFUSES);
const struct profile nat_symmetric = NAT(APDM, CHANGED, APDF, NONE);
const struct profile nat_counting = {
	.mapping = PROFILE_MAPPING_APDM,
	.ports = PROFILE_PORTS_SEQUENTIAL,
	.filtering = PROFILE_FILTERING_APDF,
	.refusal = PROFILE_REFUSAL_NONE,
	.step = 1,
};

static void on_done(void *arg, enum reason reason, const struct addr *target, int fd)
{
	struct program *p = arg;

	p->calls++;
	p->reason = reason;
	p->target = *target;
	p->given = fd;
	p->dial = NULL;
}

struct addr member_port(uint32_t id)
{
	struct addr a = overlay_addr(id);

	a.port = PROGRAM_PORT;
	return a;
}

struct program program_new(int family)
{
	struct program p = {.given = -1};

	p.fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(p.fd >= 0 && getsockopt(p.fd, SOL_SOCKET, SO_COOKIE, &p.cookie,
					     &(socklen_t){sizeof(p.cookie)}) == 0,
		     "%m");
	return p;
}

void program_ask_for(struct program *p, uint32_t id)
{
	const struct addr to = member_port(id);

	p->calls = 0;
	p->dial = dial_ask(stage.node.dials, &to, dup(p->fd), p->cookie, on_done, p);
	USERNS_CHECK(p->dial && p->calls == 0, "it comes from the loop");
}

void program_ask(struct program *p)
{
	program_ask_for(p, 1);
}

void program_connect(struct program *p, const struct addr *to)
{
	int flags = fcntl(p->fd, F_GETFL);

	/* The loop goes on meanwhile. */
	(void)fcntl(p->fd, F_SETFL, flags | O_NONBLOCK);
	(void)sock_connect(p->fd, to, sock_family(p->fd));
	(void)fcntl(p->fd, F_SETFL, flags);
}

void program_check_told(const struct program *p, enum reason reason)
{
	USERNS_CHECK(p->calls == 1, "%u answers", p->calls);
	USERNS_CHECK(p->reason == reason, "%s", reason_name(p->reason));
}

void program_end(struct program *p)
{
	if (p->given >= 0)
		(void)close(p->given);
	(void)close(p->fd);
	stage_run();
}

void peer_answer(const struct stage_sent *s, enum reason reason, const struct addr *target)
{
	struct frame_punched punched = {.request = s->punch.request, .reason = (uint16_t)reason};

	if (target)
		punched.target = *target;
	dial_answered(stage.node.dials, 1, &punched);
}

const struct frame_punch *peer_hear(size_t nth, enum strategy_id strategy)
{
	const struct stage_sent *s = stage_await(FRAME_PUNCH, nth);

	USERNS_CHECK(s->to == 1 && s->punch.strategy == strategy, "strategy %u", s->punch.strategy);
	USERNS_CHECK(s->punch.port == PROGRAM_PORT, "port %u", s->punch.port);
	return &s->punch;
}

struct addr peer_silent_port(int fds[static 2])
{
	struct addr at;

	/* A listener whose queue is full drops SYNs. */
	fds[0] = stage_listen(STAGE_PEER, &at);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(listen(fds[0], 0) == 0 && sock_connect(fds[1], &at, AF_INET) == 0, "%m");
	return at;
}

void dials_check_over(void)
{
	STAGE_UNTIL(LIST_EMPTY(&stage.node.dials->list));
	USERNS_CHECK(stage.node.dials->n == 0 && stage.node.dials->volleys == 0, "counted wrong");
}
