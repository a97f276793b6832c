/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 *	front process		pid 1 of the lab
 *	-------------		----------------
 *	take the lab's name
 *	(wide: open grafts, for
 *	 it may reach more)
 *	clone()	-------------->	wait on "news"
 *	map ids
 *	NEWS_GO	-------------->	become uid 0, build the common root,
 *				ask to die with the front process, run the body
 *	serve "rpc"	<------	files
 *	NEWS_CLIENT	------>	lab_next_client()
 *	NEWS_END	------>	lab_ending()
 *	wait		<------	exit code of the body
 *
 * Who dies when: pid 1 dies with the front process by PR_SET_PDEATHSIG. That is
 * set after the last change of ids (which clears it), so until then, and against
 * a front process that died just before, pid 1 looks at "news", whose other end
 * only the front process holds. All else dies with pid 1, by the kernel's hand.
 *
 * Where the kernel gives the machine's root no user namespace at all, the lab
 * does without; lab_uids() is 0 then, and the caller says so in its report.
 */
#include "lab/lab.h"

#include "base/cleanup.h"
#include "lab/fdmsg.h"
#include "lab/files.h"
#include "lab/front.h"
#include "lab/graft.h"
#include "lab/lab_name.h"
#include "lab/root.h"
#include "lab/userns.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/**
 * struct lab - the lab, as its pid 1 holds it
 * @uids: how many are mapped; 0 when there is no user namespace
 * @ending: NEWS_END has come
 */
struct lab {
	char id[LAB_ID_MAX + 1];
	unsigned uids;
	int rpc;
	int news;
	bool ending;
};

/**
 * struct start - what lab_start() has made so far
 * @grafts: a wide lab's, opened before its user namespace exists
 * @rpc, @news: [0] the front process's end, [1] pid 1's
 * @mask: the caller's signal mask
 */
struct start {
	const struct lab_options *options;
	struct lab lab;
	struct front front;
	struct grafts grafts;
	int rpc[2];
	int news[2];
	sigset_t mask;
};

/** end_now() - the front process is gone */
static void __attribute__((noreturn)) end_now(void)
{
	_exit(128 + SIGKILL);
}

static void wait_for_go(const struct lab *lab)
{
	uint32_t news;
	struct fdmsg msg = {.data = &news, .size = sizeof(news)};

	if (fdmsg_recv(lab->news, &msg, 0) != sizeof(news) || news != NEWS_GO)
		end_now();
}

/** die_with_front() - after all changes of ids */
static void die_with_front(const struct lab *lab)
{
	struct pollfd fd = {.fd = lab->news, .events = 0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* getppid() is 0 here, whether the parent lives or not. */
	if (poll(&fd, 1, 0) > 0 && (fd.revents & POLLHUP))
		end_now();
}

/** settle() - from a fresh clone to uid 0 of a lab with its own root */
static int settle(struct start *start, struct error *err)
{
	struct lab *lab = &start->lab;
	struct rlimit files;
	int r;

	/* Still with the uid that the front process has. */
	if (!start->grafts.n) {
		r = grafts_open(start->options->task_dir, lab->uids != 1, &start->grafts, err);
		if (r < 0)
			return r;
	}
	r = lab->uids ? userns_become_root(lab->uids == USERNS_WIDE_IDS) : 0;
	if (r < 0)
		return error_sys(err, -r, "cannot become the lab's uid 0");
	/* A change of ids clears it, and with it what pid 1 may see of its own children. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	die_with_front(lab);
	/* Signals of the terminal are the front process's to pass on. */
	(void)setsid();
	(void)umask(022);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	r = root_enter_common(&start->grafts, err);
	if (r < 0 || lab->uids != USERNS_WIDE_IDS)
		return r;
	/* As in a narrow lab's userns_guest(): a function makes no namespaces. */
	r = file_write("/proc/sys/user/max_user_namespaces", "0");
	return r < 0 ? error_sys(err, -r, "cannot limit user namespaces") : 0;
}

/** explain() - a security module lets user namespaces be made, but without any power */
static void explain(struct error *err)
{
	char remedy[256];
	size_t len = strlen(err->text);

	if ((err->code == EPERM || err->code == EACCES) &&
	    userns_remedy(err->code, remedy, sizeof(remedy)))
		(void)snprintf(err->text + len, sizeof(err->text) - len, " (%s)", remedy);
}

/** run_pid1() - the life of the lab's pid 1 */
static void __attribute__((noreturn))
run_pid1(struct start *start, int (*body)(struct lab *lab, void *arg), void *arg)
{
	struct front_request failure = {.op = FRONT_FAILED};
	const struct fdmsg msg = {.data = &failure, .size = sizeof(failure)};
	struct error err = {0};
	int r;

	(void)close(start->rpc[0]);
	(void)close(start->news[0]);
	(void)close(start->front.door);
	(void)close(start->front.signals);
	(void)sigprocmask(SIG_SETMASK, &start->mask, NULL);
	start->lab.rpc = start->rpc[1];
	start->lab.news = start->news[1];
	wait_for_go(&start->lab);
	r = settle(start, &err);
	if (r < 0) {
		explain(&err);
		failure.code = err.code;
		(void)memcpy(failure.text, err.text, sizeof(failure.text));
		(void)fdmsg_send(start->lab.rpc, &msg, 0);
		_exit(EXIT_FAILURE);
	}
	r = body(&start->lab, arg);
	(void)fflush(NULL);
	_exit(r & 0xff);
}

static pid_t clone_pid1(int *ret_pidfd, unsigned long userns)
{
	const unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS |
				    CLONE_NEWIPC | CLONE_PIDFD | SIGCHLD;

	return (pid_t)syscall(SYS_clone, flags | userns, NULL, ret_pidfd, NULL, 0);
}

/** refused() - words for a refused clone() */
static int refused(int code, struct error *err)
{
	char remedy[256];

	(void)userns_remedy(code, remedy, sizeof(remedy));
	return error_set(err, code, "the kernel refuses a user namespace (%s): %s", strerror(code),
			 remedy);
}

/** clone_and_go() - Return: 0 in the front process, -errno; pid 1 does not return */
static int clone_and_go(struct start *start, int (*body)(struct lab *lab, void *arg), void *arg,
			struct error *err)
{
	uint32_t go = NEWS_GO;
	const struct fdmsg msg = {.data = &go, .size = sizeof(go)};
	bool wide = start->lab.uids == USERNS_WIDE_IDS;
	pid_t pid;
	int r;

	(void)fflush(NULL);
	pid = clone_pid1(&start->front.pidfd, CLONE_NEWUSER);
	r = errno;
	if (pid < 0 && wide && userns_has_id(USERNS_GUEST)) {
		/* It has not been made yet, so the child will see this too. */
		start->lab.uids = 0;
		pid = clone_pid1(&start->front.pidfd, 0);
	}
	if (pid < 0)
		return refused(r, err);
	if (pid == 0)
		run_pid1(start, body, arg);
	r = start->lab.uids ? userns_map(pid, wide, err) : 0;
	if (r < 0)
		return r;
	/* Should it be gone already, its exit code tells. */
	(void)fdmsg_send(start->front.news, &msg, 0);
	return 0;
}

static int block_signals(struct start *start, struct error *err)
{
	sigset_t mask;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGINT);
	(void)sigaddset(&mask, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return error_sys(err, errno, "cannot block signals");
	/* Who ignores it, as some parents leave it, cannot wait for children. */
	(void)signal(SIGCHLD, SIG_DFL);
	start->front.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return start->front.signals < 0 ? error_sys(err, errno, "signalfd") : 0;
}

static void close_fds(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_close int fd = take_fd(&fds[i]);
	}
}

static int open_sockets(struct start *start, struct error *err)
{
	int r = fdmsg_pair(start->rpc);

	if (!r)
		r = fdmsg_pair(start->news);
	if (r < 0)
		return error_sys(err, -r, "cannot make a socket pair");
	start->front.rpc = start->rpc[0];
	start->front.news = start->news[0];
	return 0;
}

/** begin() - everything up to a running pid 1. Return: 0 in the front process, or -errno */
static int begin(struct start *start, int (*body)(struct lab *lab, void *arg), void *arg,
		 struct error *err)
{
	const struct lab_options *options = start->options;
	int r;

	if (userns_is_overflow())
		return error_set(err, EPERM,
				 "uid %u is nobody in particular here: an unmapped uid can make "
				 "no lab",
				 (unsigned)geteuid());
	start->lab.uids = userns_may_be_wide() ? USERNS_WIDE_IDS : 1;
	r = block_signals(start, err);
	if (r < 0)
		return r;
	start->front.door = lab_name_listen(options->id, start->lab.id, err);
	if (start->front.door < 0)
		return start->front.door;
	r = open_sockets(start, err);
	if (r < 0)
		return r;
	if (start->lab.uids == USERNS_WIDE_IDS)
		r = grafts_open(options->task_dir, true, &start->grafts, err);
	/* Root of a user namespace that has no mount namespace: pid 1 will open them. */
	if (r < 0 && r != -EPERM)
		return r;
	return clone_and_go(start, body, arg, err);
}

/** finish() - let go of all; a pid 1 that was never told to go ends by that */
static void finish(struct start *start)
{
	siginfo_t info;

	grafts_close(&start->grafts);
	close_fds(start->rpc, 2);
	close_fds(start->news, 2);
	close_fds(&start->front.door, 1);
	close_fds(&start->front.signals, 1);
	if (start->front.pidfd >= 0)
		(void)waitid(P_PIDFD, (id_t)start->front.pidfd, &info, WEXITED);
	close_fds(&start->front.pidfd, 1);
	(void)sigprocmask(SIG_SETMASK, &start->mask, NULL);
}

int lab_start(const struct lab_options *options, int (*body)(struct lab *lab, void *arg), void *arg,
	      struct error *err)
{
	struct start start = {
		.options = options,
		.front = {.out_dir = options->out_dir, .signals = -1, .pidfd = -1, .door = -1},
		.rpc = {-1, -1},
		.news = {-1, -1},
	};
	int r;

	(void)sigprocmask(SIG_BLOCK, NULL, &start.mask);
	r = begin(&start, body, arg, err);
	if (!r) {
		grafts_close(&start.grafts);
		close_fds(&start.rpc[1], 1);
		close_fds(&start.news[1], 1);
		r = front_run(&start.front, err);
	}
	finish(&start);
	return r;
}

const char *lab_id(const struct lab *lab)
{
	return lab->id;
}

unsigned lab_uids(const struct lab *lab)
{
	return lab->uids;
}

int lab_create_file(struct lab *lab, const char *name, struct error *err)
{
	struct front_request request = {.op = FRONT_CREATE};
	struct front_reply reply;
	struct fdmsg msg = {.data = &request, .size = sizeof(request)};
	ssize_t len;
	int r;

	if (strlen(name) >= sizeof(request.text))
		return error_sys(err, ENAMETOOLONG, "a file of the results");
	(void)snprintf(request.text, sizeof(request.text), "%s", name);
	r = fdmsg_send(lab->rpc, &msg, 0);
	if (r < 0)
		return error_sys(err, -r, "cannot ask for the file %s", name);
	msg = (struct fdmsg){.data = &reply, .size = sizeof(reply)};
	len = fdmsg_recv(lab->rpc, &msg, 0);
	if (len == 0)
		end_now();
	if (len != (ssize_t)sizeof(reply))
		return error_sys(err, len < 0 ? (int)-len : EPROTO, "no reply for the file %s",
				 name);
	if (reply.code)
		return error_set(err, reply.code, "%s", reply.text);
	return fdmsg_take(&msg, 0);
}

int lab_fd(const struct lab *lab)
{
	return lab->news;
}

int lab_next_client(struct lab *lab)
{
	uint32_t news;
	struct fdmsg msg = {.data = &news, .size = sizeof(news)};
	ssize_t len;

	while ((len = fdmsg_recv(lab->news, &msg, MSG_DONTWAIT)) > 0) {
		int client = fdmsg_take(&msg, 0);

		fdmsg_close(&msg);
		if (news == NEWS_END)
			lab->ending = true;
		if (client >= 0)
			return client;
	}
	if (len == 0)
		end_now();
	return -EAGAIN;
}

bool lab_ending(const struct lab *lab)
{
	return lab->ending;
}
