/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * The init is a clone of the lab's pid 1 that never executes anything. It may
 * have been cloned while another thread held a lock, so it allocates nothing,
 * uses no stdio, and forks with _Fork().
 *
 * It holds no descriptor but its end of the control socket, a signalfd and the
 * programs' user namespace. When the control socket closes, or anybody kills
 * it, the kernel ends everything in its pid namespace; and it cannot outlive
 * the lab's pid 1, below whose pid namespace its own is. Its programs can do it
 * no harm: they are another user, or (in a narrow lab) of a user namespace
 * without power over it, and signals from its own namespace do not reach a pid 1
 * that handles none.
 *
 * Life of a program: a row of the table is taken by INIT_SPAWN and given back
 * when INIT_ENDED was sent. An ended program stays a zombie until its report
 * fits into the socket, so a slow reader loses nothing and blocks nobody.
 */
#include "lab/sandbox_init.h"

#include "base/cleanup.h"
#include "lab/fdmsg.h"
#include "lab/root.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CONTROL_FD 3
#define USERNS_FD  4
#define FIRST_FREE 5

/**
 * struct program - a row of the table
 * @handle: 0 when the row is free
 * @pid: 0 when it could not be forked
 * @error: positive errno when it could not be executed
 */
struct program {
	uint32_t handle;
	pid_t pid;
	int error;
};

/**
 * struct init - the init's state
 * @guest_userns: USERNS_FD, or -1
 * @blocked: a report did not fit into the control socket
 */
struct init {
	int control;
	int signals;
	int guest_userns;
	bool blocked;
	struct program programs[SANDBOX_PROGRAMS_MAX];
};

/* Neither may lie on a stack of unknown size, and only one init is in a process. */
static struct init self;
static struct init_request request;

/** keep_only() - number the descriptors that stay; close what the lab's pid 1 had */
static int keep_only(int control, int guest_userns)
{
	/* Out of the way of the numbers they are to have. */
	int high = fcntl(control, F_DUPFD_CLOEXEC, FIRST_FREE);
	int userns = guest_userns < 0 ? -1 : fcntl(guest_userns, F_DUPFD_CLOEXEC, FIRST_FREE);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int zero_two;

	if (high < 0 || null < 0 || (guest_userns >= 0 && userns < 0))
		return -errno;
	null = fcntl(null, F_DUPFD_CLOEXEC, FIRST_FREE);
	if (null < 0)
		return -errno;
	for (zero_two = 0; zero_two < 3; zero_two++)
		if (dup2(null, zero_two) < 0)
			return -errno;
	if (dup3(high, CONTROL_FD, O_CLOEXEC) < 0)
		return -errno;
	if (userns >= 0 && dup3(userns, USERNS_FD, O_CLOEXEC) < 0)
		return -errno;
	return close_range(userns < 0 ? USERNS_FD : FIRST_FREE, ~0U, 0) < 0 ? -errno : 0;
}

static int start_signals(void)
{
	sigset_t mask;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &mask, NULL) < 0)
		return -errno;
	self.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return self.signals < 0 ? -errno : 0;
}

static int build(const struct sandbox_spec *spec, int control, int guest_userns, struct error *err)
{
	int r;

	(void)prctl(PR_SET_NAME, "boxlab-init");
	if (setns(spec->netns, CLONE_NEWNET) < 0)
		return error_sys(err, errno, "cannot enter its network namespace");
	r = keep_only(control, guest_userns);
	if (r < 0)
		return error_sys(err, -r, "cannot tidy its descriptors");
	self.control = CONTROL_FD;
	self.guest_userns = guest_userns < 0 ? -1 : USERNS_FD;
	if (setsid() < 0 || sethostname(spec->name, strlen(spec->name)) < 0)
		return error_sys(err, errno, "cannot set its hostname");
	r = root_enter_sandbox(spec, err);
	if (r < 0)
		return r;
	r = start_signals();
	if (r < 0)
		return error_sys(err, -r, "cannot wait for signals");
	return 0;
}

/** send_ended() - false when the socket is full */
static bool send_ended(const struct program *program, int status)
{
	struct init_report report = {
		.what = INIT_ENDED,
		.handle = program->handle,
		.error = program->error,
		.status = status,
	};
	const struct fdmsg msg = {.data = &report, .size = sizeof(report)};

	self.blocked = fdmsg_send(self.control, &msg, MSG_DONTWAIT) == -EAGAIN;
	return !self.blocked;
}

static struct program *find_program(pid_t pid)
{
	for (size_t i = 0; i < SANDBOX_PROGRAMS_MAX; i++)
		if (self.programs[i].handle && self.programs[i].pid == pid)
			return &self.programs[i];
	return NULL;
}

static int status_of(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return W_EXITCODE(info->si_status, 0);
	return W_EXITCODE(0, info->si_status) | (info->si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

/** reap() - report and reap all that has ended, as far as the socket takes it */
static void reap(void)
{
	struct program *program;
	siginfo_t info;

	while ((program = find_program(0))) {
		if (!send_ended(program, 0))
			return;
		program->handle = 0;
	}
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid)
			return;
		program = find_program(info.si_pid);
		if (program && !send_ended(program, status_of(&info)))
			return;
		if (program)
			program->handle = 0;
		(void)waitpid(info.si_pid, NULL, 0);
	}
}

/** start() - fork, and wait until the child has become the program or has failed to */
static void start(struct program *program, const int *fds)
{
	cleanup_close int from_child = -1;
	cleanup_close int to_init = -1;
	int report[2];

	program->pid = 0;
	program->error = 0;
	if (pipe2(report, O_CLOEXEC) < 0) {
		program->error = errno;
		return;
	}
	from_child = report[0];
	to_init = report[1];
	program->pid = _Fork();
	if (program->pid == 0)
		init_exec(&request, fds, self.guest_userns, to_init);
	if (program->pid < 0) {
		program->error = errno;
		program->pid = 0;
		return;
	}
	(void)close(take_fd(&to_init));
	if (read(from_child, &program->error, sizeof(program->error)) != sizeof(program->error))
		program->error = 0;
}

static void spawn(struct fdmsg *msg)
{
	struct program *program = NULL;

	for (size_t i = 0; !program && i < SANDBOX_PROGRAMS_MAX; i++)
		if (!self.programs[i].handle)
			program = &self.programs[i];
	/* The lab's side never has more under way. */
	if (!program)
		_exit(EXIT_FAILURE);
	program->handle = request.head.handle;
	start(program, msg->fds);
}

static void forward_signal(void)
{
	for (size_t i = 0; i < SANDBOX_PROGRAMS_MAX; i++) {
		const struct program *program = &self.programs[i];

		if (program->handle == request.head.handle && program->pid > 0)
			(void)kill(-program->pid, request.head.signal);
	}
}

static void serve(void)
{
	struct fdmsg msg = {.data = &request, .size = sizeof(request)};
	ssize_t len = fdmsg_recv(self.control, &msg, MSG_DONTWAIT);

	if (len == -EAGAIN)
		return;
	/* The lab has let go of this sandbox: end, and so all that is in it. */
	if (len < (ssize_t)sizeof(request.head))
		_exit(EXIT_SUCCESS);
	if (request.head.op == INIT_SPAWN)
		spawn(&msg);
	else if (request.head.op == INIT_SIGNAL)
		forward_signal();
	fdmsg_close(&msg);
}

void sandbox_init(const struct sandbox_spec *spec, int control, int guest_userns)
{
	struct init_first first = {.report.what = INIT_READY};
	const struct fdmsg msg = {.data = &first, .size = sizeof(first)};
	struct error err = {0};
	int r;

	self.control = control;
	r = build(spec, control, guest_userns, &err);
	if (r < 0) {
		first.report.what = INIT_FAILED;
		first.report.error = err.code;
		(void)memcpy(first.text, err.text, sizeof(first.text));
	}
	if (fdmsg_send(self.control, &msg, 0) < 0 || r < 0)
		_exit(EXIT_FAILURE);
	for (;;) {
		struct signalfd_siginfo ignored;
		struct pollfd fds[] = {
			{.fd = self.control,
			 .events = (short)(POLLIN | (self.blocked ? POLLOUT : 0))},
			{.fd = self.signals, .events = POLLIN},
		};

		(void)poll(fds, ARRAY_SIZE(fds), -1);
		if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
			serve();
		while (read(self.signals, &ignored, sizeof(ignored)) > 0)
			;
		reap();
	}
}
