/* SPDX-License-Identifier: MIT */
/* Programs that ask the node for a way, as it sees them: by its local socket, without the shim. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/api.h"
#include "boxer/dial.h"
#include "boxer/local.h"
#include "boxer/reason.h"
#include "boxer/sock.h"
#include "tests/boxer/duo.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* A program's socket without the shim, and what the node is told and asked of it. */
struct bare {
	int fd, conn;
	struct local_request request;
};

static void bare_send(struct bare *b, enum local_op op)
{
	b->request.op = op;
	b->conn = sock_connect_local("boxer/0");
	USERNS_CHECK(b->conn >= 0 && sock_send_fds(b->conn, &b->request, sizeof(b->request), &b->fd,
						   op == LOCAL_PUNCH ? 1 : 0) == 0,
		     "%s", strerror(-b->conn));
}

static struct local_reply bare_reply(struct bare *b)
{
	struct local_reply reply;

	USERNS_CHECK(recv(b->conn, &reply, sizeof(reply), 0) == sizeof(reply), "no reply: %m");
	(void)close(b->conn);
	return reply;
}

static struct bare bare_new(uint32_t overlay)
{
	struct bare b = {
		.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
		.request = {.version = LOCAL_VERSION, .target = addr_v4(overlay, 80)},
	};
	socklen_t len = sizeof(b.request.cookie);

	USERNS_CHECK(b.fd >= 0 &&
			     getsockopt(b.fd, SOL_SOCKET, SO_COOKIE, &b.request.cookie, &len) == 0,
		     "%m");
	return b;
}

/* The errno alone was kept, and the reason was "none". */
CLUSTER_TEST(dial, tells_a_program_that_comes_later_the_reason_too)
{
	static const enum local_op later[] = {LOCAL_RESULT, LOCAL_PUNCH};
	struct addr at;
	struct duo d;

	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		struct bare b = bare_new(LOCAL_OVERLAY_NET + 2);
		struct pollfd p = {.fd = b.fd};
		struct local_reply reply;
		struct frame_punch q;

		duo_start_by(&d, "sequential");
		at = duo_silent_port();
		bare_send(&b, LOCAL_PUNCH);
		q = mate_hear_question(&d.mate);
		mate_answer(&d.mate, q.request, REASON_NONE, &at);
		reply = bare_reply(&b);
		USERNS_CHECK(reply.error == 0, "%d", reply.error);
		USERNS_CHECK(sock_connect(b.fd, &reply.addr, AF_INET) == 0, "%m");
		mate_leave(&d.mate);
		USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "it connects on and on");
		/* One asks what has come of it, the other one for a way that there is not. */
		if (later[i] == LOCAL_PUNCH)
			child_await(&d.node, "connect");
		bare_send(&b, later[i]);
		reply = bare_reply(&b);
		USERNS_CHECK(reply.error == EHOSTUNREACH, "%d", reply.error);
		USERNS_CHECK(reply.reason == REASON_LEFT, "%s", reason_name(reply.reason));
		if (later[i] == LOCAL_RESULT)
			child_await(&d.node, "connect");
		(void)close(b.fd);
		duo_stop(&d);
	}
}

/* A program that is about to connect to the @id-th member. Return: its talk with the node. */
static int begin_connect(uint32_t id)
{
	const struct local_request request = {
		.version = LOCAL_VERSION,
		.op = LOCAL_PUNCH,
		.target = addr_v4(LOCAL_OVERLAY_NET + id + 1, 80),
	};
	int program = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = sock_connect_local("boxer/0");

	USERNS_CHECK(fd >= 0 && sock_send_fds(fd, &request, sizeof(request), &program, 1) == 0,
		     "%m");
	(void)close(program);
	return fd;
}

static int error_of(int talk)
{
	struct pollfd p = {.fd = talk, .events = POLLIN};
	struct local_reply reply;

	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1 &&
			     recv(talk, &reply, sizeof(reply), 0) == sizeof(reply),
		     "no reply");
	return reply.error;
}

/* Whoever asks something short is answered, and what was said before has been taken in. */
static void check_answers(void)
{
	const struct local_request ask = {.version = LOCAL_VERSION, .op = LOCAL_RESULT};
	int fd = sock_connect_local("boxer/0");

	USERNS_CHECK(fd >= 0 && sock_send_fds(fd, &ask, sizeof(ask), NULL, 0) == 0 &&
			     error_of(fd) == 0,
		     "no answer");
	(void)close(fd);
}

static void hold_still(const struct child *c)
{
	int status;

	USERNS_CHECK(kill(c->pid, SIGSTOP) == 0 && waitpid(c->pid, &status, WUNTRACED) == c->pid &&
			     WIFSTOPPED(status),
		     "%m");
}

#define NOBODY 99

/* They hold descriptors, and there is a bound; it must not keep others out. */
CLUSTER_TEST(dial, of_many_programs_waits_its_turn_and_keeps_nobody_out)
{
	static int fds[API_DIALLING_MAX + API_QUEUED_MAX];
	struct rlimit limit;
	struct duo d;
	int next, last;
	uint64_t begun;
	size_t before;

	/* Without a link they wait. */
	duo_start(&d);
	USERNS_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	limit.rlim_cur = limit.rlim_max;
	USERNS_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	if (limit.rlim_cur < (rlim_t)API_QUEUED_MAX * API_QUEUED_SHARE)
		userns_skip("only %llu descriptors are allowed",
			    (unsigned long long)limit.rlim_cur);
	/* Who has connected and said nothing yet would be overtaken. */
	hold_still(&d.node);
	begun = clock_now();
	for (size_t i = 0; i < API_DIALLING_MAX; i++)
		fds[i] = begin_connect(1);
	next = begin_connect(NOBODY);
	for (size_t i = 1; i < API_QUEUED_MAX; i++)
		fds[API_DIALLING_MAX + i] = begin_connect(1);
	USERNS_CHECK(kill(d.node.pid, SIGCONT) == 0, "%m");
	check_answers();
	USERNS_CHECK(poll(&(struct pollfd){.fd = next, .events = POLLIN}, 1, 0) == 0,
		     "out of turn");
	last = begin_connect(1);
	USERNS_CHECK(error_of(last) == EADDRNOTAVAIL, "one too many");
	/* One has ended, and another one may begin. */
	(void)close(fds[0]);
	USERNS_CHECK(error_of(next) == EHOSTUNREACH, "there is no such member");
	check_answers();
	/* The dead take no place, and whose turn does not come is told in time. */
	before = child_descriptors(&d.node);
	for (size_t i = 2; i + 1 < API_QUEUED_MAX; i++)
		(void)close(fds[API_DIALLING_MAX + i]);
	child_await_descriptors_below(&d.node, before - API_QUEUED_MAX + 8);
	USERNS_CHECK(error_of(fds[ARRAY_SIZE(fds) - 1]) != 0, "not in time");
	USERNS_CHECK(clock_now() - begun < DIAL_DEADLINE_NS * 3 / 2, "too late");
	duo_stop(&d);
}
