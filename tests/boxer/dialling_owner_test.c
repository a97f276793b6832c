/* SPDX-License-Identifier: MIT */
/* Whose a dial is: what comes of it when the program that has asked ends. */
#include "base/cleanup.h"
#include "boxer/dial_way.h"
#include "boxer/history.h"
#include "boxer/sock.h"
#include "tests/boxer/dialler.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that does nothing, and keeps @fd, or -1, alone; its end is the test's. */
static pid_t process(int fd)
{
	pid_t parent = getpid(), pid;
	int closed[2], high;
	char byte;

	USERNS_CHECK(pipe2(closed, O_CLOEXEC) == 0, "%m");
	high = fcntl(closed[1], F_DUPFD_CLOEXEC, 64);
	(void)close(closed[1]);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || (fd >= 0 && dup2(fd, 3) < 0))
			_exit(99);
		(void)syscall(SYS_close_range, fd < 0 ? 3 : 4, ~0U, 0);
		for (;;)
			(void)pause();
	}
	(void)close(high);
	/* Until then it has copies of all that we have. */
	USERNS_CHECK(pid > 0 && read(closed[0], &byte, 1) == 0, "%m");
	(void)close(closed[0]);
	return pid;
}

static void kill_it(pid_t pid)
{
	USERNS_CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid, "%m");
}

/* Told where to connect to, or begun early: nobody waits for us, and nothing else is heard. */
STAGE_TEST(dialling, ends_with_the_program_that_connects)
{
	const struct addr to = member_port(1), told = addr_v4(STAGE_PEER, PROGRAM_PORT);
	struct addr any = addr_v4(INADDR_ANY, 0), at;
	size_t before = stage_descriptors();
	int silent[2];

	at = peer_silent_port(silent);
	for (int early = 0; early < 2; early++) {
		struct program p = program_new(AF_INET), q = program_new(AF_INET);
		pid_t pid = process(-1), other = process(-1);
		const struct stage_sent *s;

		stage_forget();
		USERNS_CHECK(sock_bind_shared(p.fd, &any) == 0, "%m");
		if (early)
			dial_follow(stage.node.dials, &to, dup(p.fd), p.cookie);
		else
			program_ask(&p);
		dial_owned_by(stage.node.dials, p.cookie, pid);
		(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
		peer_answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &told);
		program_connect(&p, &at);
		/* Another one's goes on. */
		program_ask(&q);
		dial_owned_by(stage.node.dials, q.cookie, other);
		(void)peer_hear(1, STRATEGY_SIMULTANEOUS);
		kill_it(pid);
		s = stage_await(FRAME_DONE, 0);
		USERNS_CHECK(s->done.reason == REASON_LEFT &&
				     s->done.request == stage_find(FRAME_PUNCH, 0)->punch.request,
			     "%s", reason_name((enum reason)s->done.reason));
		USERNS_CHECK(stage.node.dials->n == 1, "%zu dials", stage.node.dials->n);
		kill_it(other);
		dials_check_over();
		program_end(&p);
		program_end(&q);
	}
	(void)close(silent[0]);
	(void)close(silent[1]);
	USERNS_CHECK(stage_descriptors() == before, "%zu, not %zu", stage_descriptors(), before);
}

/* It forks, as one that becomes a daemon does; the child goes on with the socket. */
STAGE_TEST(dialling, goes_on_for_a_child_that_has_the_socket)
{
	const struct addr to = member_port(1), told = addr_v4(STAGE_PEER, PROGRAM_PORT);
	struct addr any = addr_v4(INADDR_ANY, 0), at;
	struct program kept[2], left = program_new(AF_INET);
	pid_t pid = process(-1), heir;
	struct dials *dials = stage.node.dials;
	int silent[2];

	at = peer_silent_port(silent);
	for (size_t i = 0; i <= ARRAY_SIZE(kept); i++) {
		struct program *p = i < ARRAY_SIZE(kept) ? &kept[i] : &left;

		if (p != &left)
			*p = program_new(AF_INET);
		USERNS_CHECK(sock_bind_shared(p->fd, &any) == 0, "%m");
		dial_follow(dials, &to, dup(p->fd), p->cookie);
		dial_owned_by(dials, p->cookie, pid);
		(void)peer_hear(i, STRATEGY_SIMULTANEOUS);
		peer_answer(stage_find(FRAME_PUNCH, i), REASON_NONE, &told);
		program_connect(p, &at);
	}
	heir = process(kept[0].fd);
	(void)close(kept[1].fd);
	kill_it(pid);
	STAGE_UNTIL(LIST_EMPTY(&dials->owners));
	USERNS_CHECK(dials->n == 1 && dials->n_owners == 0, "%zu dials", dials->n);
	USERNS_CHECK(LIST_FIRST(&dials->list)->cookie == kept[0].cookie, "the wrong one");
	/* The port is no longer silent, and it connects. */
	(void)close(stage_accept(silent[0], &any));
	(void)close(stage_accept(silent[0], &any));
	dials_check_over();
	USERNS_CHECK(sock_is_open(kept[0].fd), "it was cut off");
	kill_it(heir);
	program_end(&kept[0]);
	program_end(&left);
	(void)close(silent[0]);
	(void)close(silent[1]);
}

/* Short jobs may be over before the node has looked. */
STAGE_TEST(dialling, of_a_program_that_connected_and_ended_was_none_in_vain)
{
	const struct addr to = member_port(1);
	struct addr any = addr_v4(INADDR_ANY, 0), at;
	int listener = stage_listen(STAGE_PEER, &at), fd;
	pid_t pid = process(-1);
	struct program p = program_new(AF_INET);
	const struct history_event *last;

	USERNS_CHECK(sock_bind_shared(p.fd, &any) == 0, "%m");
	dial_follow(stage.node.dials, &to, dup(p.fd), p.cookie);
	dial_owned_by(stage.node.dials, p.cookie, pid);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	program_connect(&p, &at);
	while ((fd = stage_accept_now(listener, &any)) < 0)
		(void)sched_yield();
	ev_timer_stop(stage.node.loop, &LIST_FIRST(&stage.node.dials->list)->watch);
	kill_it(pid);
	dials_check_over();
	last = history_last(&stage.node.history, 1);
	USERNS_CHECK(last && last->reason == REASON_NONE, "not noted");
	(void)close(fd);
	(void)close(listener);
	program_end(&p);
}

/* Each takes a descriptor, which others may need. */
STAGE_TEST(dialling, notices_the_end_of_so_many_programs_only)
{
	struct program p = program_new(AF_INET), q = program_new(AF_INET);
	pid_t pid = process(-1), other = process(-1);
	struct dials *dials = stage.node.dials;

	dials->max_owners = 1;
	program_ask(&p);
	dial_owned_by(dials, p.cookie, pid);
	program_ask(&q);
	dial_owned_by(dials, q.cookie, other);
	USERNS_CHECK(dials->n_owners == 1 && LIST_FIRST(&dials->list)->owner == NULL, "%zu owners",
		     dials->n_owners);
	/* There is room again. */
	dial_cancel(p.dial);
	dial_owned_by(dials, q.cookie, other);
	USERNS_CHECK(dials->n_owners == 1 && LIST_FIRST(&dials->list)->owner, "%zu owners",
		     dials->n_owners);
	dial_cancel(q.dial);
	dials_check_over();
	kill_it(pid);
	kill_it(other);
	program_end(&p);
	program_end(&q);
}
