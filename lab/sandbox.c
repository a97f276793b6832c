/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/sandbox.h"

#include "base/cleanup.h"
#include "lab/fdmsg.h"
#include "lab/sandbox_init.h"
#include "lab/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/**
 * struct sandbox - a sandbox, as the lab's pid 1 holds it
 * @pid, @pidfd: its init
 * @control: socket to it
 * @live: handles of the programs whose end has not been reported
 * @ended: its end has been reported
 */
struct sandbox {
	pid_t pid;
	int pidfd;
	int control;
	uint32_t live[SANDBOX_PROGRAMS_MAX];
	size_t n_live;
	bool ended;
};

/* One per lab: a process has one lab at most. */
static uint32_t last_handle;
static int guest_userns = -1;

static const char *const base_env[] = {
	"PATH=" SANDBOX_TOOLS "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LD_LIBRARY_PATH=" SANDBOX_TOOLS "/lib",
	"HOME=" SANDBOX_HOME,
	"TMPDIR=" SANDBOX_HOME,
	"LANG=C.UTF-8",
	"TERM=dumb",
	NULL,
};

static int check_spec(const struct sandbox_spec *spec, struct error *err)
{
	if (!*spec->name || strlen(spec->name) > SANDBOX_NAME_MAX)
		return error_set(err, EINVAL, "\"%s\" is no hostname", spec->name);
	for (size_t i = 0; i < spec->n_files; i++) {
		const char *path = spec->files[i].path;

		if ((strncmp(path, "/etc/", 5) != 0 && strncmp(path, "/run/", 5) != 0) ||
		    strstr(path, "/../") || path[strlen(path) - 1] == '/')
			return error_set(err, EINVAL, "%s: no file below /etc or /run", path);
	}
	return 0;
}

/** need_guest_userns() - in a narrow lab, programs need one: made once */
static int need_guest_userns(struct error *err)
{
	int r;

	if (guest_userns >= 0 || userns_has_id(USERNS_GUEST))
		return 0;
	r = userns_guest(err);
	if (r < 0)
		return r;
	guest_userns = r;
	return 0;
}

static int wait_ready(struct sandbox *sandbox, struct error *err)
{
	struct init_first first;
	struct fdmsg msg = {.data = &first, .size = sizeof(first)};
	ssize_t len = fdmsg_recv(sandbox->control, &msg, 0);

	if (len < 0)
		return error_sys(err, (int)-len, "no word from the init");
	if (len < (ssize_t)sizeof(first))
		return error_set(err, ECHILD, "the init ended before it was ready");
	if (first.report.what == INIT_READY)
		return 0;
	return error_set(err, first.report.error, "%s", first.text);
}

/** clone_init() - as fork(), without glibc's handlers: the child takes no lock */
static int clone_init(const struct sandbox_spec *spec, struct sandbox *sandbox)
{
	const unsigned long flags =
		CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_PIDFD | SIGCHLD;
	const int size = 4 * SANDBOX_REQUEST_MAX;
	int socks[2];
	int r;

	r = fdmsg_pair(socks);
	if (r < 0)
		return r;
	/* A smaller default would refuse the largest request. */
	(void)setsockopt(socks[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	sandbox->control = socks[0];
	sandbox->pid = (pid_t)syscall(SYS_clone, flags, NULL, &sandbox->pidfd, NULL, 0);
	if (sandbox->pid == 0)
		sandbox_init(spec, socks[1], guest_userns);
	r = sandbox->pid < 0 ? -errno : 0;
	(void)close(socks[1]);
	return r;
}

int sandbox_start(const struct sandbox_spec *spec, struct sandbox **ret_sandbox, struct error *err)
{
	struct sandbox *sandbox;
	int r;

	r = check_spec(spec, err);
	if (!r)
		r = need_guest_userns(err);
	if (r < 0)
		return r;
	sandbox = calloc(1, sizeof(*sandbox));
	if (!sandbox)
		return error_sys(err, ENOMEM, "sandbox %s", spec->name);
	sandbox->control = sandbox->pidfd = -1;
	r = clone_init(spec, sandbox);
	if (r < 0)
		(void)error_sys(err, -r, "cannot make its namespaces");
	else
		r = wait_ready(sandbox, err);
	if (r < 0) {
		(void)error_wrap(err, "sandbox %s", spec->name);
		sandbox_kill(sandbox);
		return r;
	}
	*ret_sandbox = sandbox;
	return 0;
}

void sandbox_kill(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	if (sandbox->pid > 0) {
		siginfo_t info;

		/* The init is gone when all that was in its pid namespace is. */
		(void)pidfd_send_signal(sandbox->pidfd, SIGKILL, NULL, 0);
		while (waitid(P_PIDFD, (id_t)sandbox->pidfd, &info, WEXITED) < 0 && errno == EINTR)
			;
		(void)close(sandbox->pidfd);
	}
	if (sandbox->control >= 0)
		(void)close(sandbox->control);
	free(sandbox);
}

pid_t sandbox_pid(const struct sandbox *sandbox)
{
	return sandbox->pid;
}

int sandbox_fd(const struct sandbox *sandbox)
{
	return sandbox->control;
}

static size_t find_live(const struct sandbox *sandbox, uint32_t handle)
{
	size_t i = 0;

	while (i < sandbox->n_live && sandbox->live[i] != handle)
		i++;
	return i;
}

int sandbox_next_event(struct sandbox *sandbox, struct sandbox_event *ret_event)
{
	struct init_report report;
	struct fdmsg msg = {.data = &report, .size = sizeof(report)};
	ssize_t len;
	size_t i;

	if (sandbox->ended)
		return 0;
	len = fdmsg_recv(sandbox->control, &msg, MSG_DONTWAIT);
	if (len == -EAGAIN)
		return 0;
	if (len == 0 || len == -ECONNRESET) {
		sandbox->ended = true;
		*ret_event = (struct sandbox_event){0};
		return 1;
	}
	if (len < 0)
		return (int)len;
	i = find_live(sandbox, report.handle);
	if (len != (ssize_t)sizeof(report) || report.what != INIT_ENDED || i == sandbox->n_live)
		return -EPROTO;
	sandbox->live[i] = sandbox->live[--sandbox->n_live];
	*ret_event = (struct sandbox_event){
		.handle = report.handle,
		.exec_error = report.error,
		.status = report.status,
	};
	return 1;
}

/** put_string() - append; what does not fit is noticed by the caller from @size */
static void put_string(struct init_request *request, const char *text)
{
	size_t len = strlen(text) + 1;

	if (len <= sizeof(request->strings) - request->head.size) {
		(void)memcpy(request->strings + request->head.size, text, len);
		request->head.size += (uint32_t)len;
	} else {
		request->head.size = sizeof(request->strings);
	}
}

/** sets_name() - does @env have a value for the name of "NAME=VALUE"? */
static bool sets_name(char *const *env, const char *entry)
{
	size_t len = (size_t)(strchr(entry, '=') - entry) + 1;

	for (; env && *env; env++)
		if (strncmp(*env, entry, len) == 0)
			return true;
	return false;
}

static int put_strings(struct init_request *request, const struct sandbox_program *program)
{
	for (char *const *arg = program->argv; *arg; arg++, request->head.argc++)
		put_string(request, *arg);
	for (size_t i = 0; base_env[i]; i++) {
		if (sets_name(program->env, base_env[i]))
			continue;
		put_string(request, base_env[i]);
		request->head.envc++;
	}
	for (char *const *env = program->env; env && *env; env++, request->head.envc++)
		put_string(request, *env);
	/* One byte is never used, so that a full table says "too large". */
	return request->head.size < sizeof(request->strings) ? 0 : -E2BIG;
}

int sandbox_spawn(struct sandbox *sandbox, const struct sandbox_program *program,
		  uint32_t *ret_handle, struct error *err)
{
	cleanup_free struct init_request *request = NULL;
	struct fdmsg msg = {0};
	int r;

	if (!program->argv[0] || program->n_fds < 3 || program->n_fds > SANDBOX_FDS_MAX)
		return error_set(err, EINVAL, "no program, or a bad number of descriptors");
	if (sandbox->n_live == SANDBOX_PROGRAMS_MAX)
		return error_set(err, EAGAIN, "more than %d programs at once",
				 SANDBOX_PROGRAMS_MAX);
	request = malloc(sizeof(*request));
	if (!request)
		return error_sys(err, ENOMEM, "%s", program->argv[0]);
	(void)memset(&request->head, 0, sizeof(request->head));
	request->head.op = INIT_SPAWN;
	request->head.handle = last_handle + 1;
	request->head.cpu = program->cpu;
	request->head.tty = program->tty;
	request->head.n_fds = (uint32_t)program->n_fds;
	for (size_t i = 0; i < program->n_fds; i++) {
		if (program->fds[i] < 0)
			request->head.no_fds |= 1u << i;
		else
			msg.fds[msg.n_fds++] = program->fds[i];
	}
	r = put_strings(request, program);
	if (r < 0)
		return error_set(err, -r, "%s: arguments and environment are over %d bytes",
				 program->argv[0], SANDBOX_REQUEST_MAX);
	msg.data = request;
	msg.size = sizeof(request->head) + request->head.size;
	r = fdmsg_send(sandbox->control, &msg, 0);
	if (r < 0)
		return error_sys(err, -r, "cannot ask the sandbox to start %s", program->argv[0]);
	sandbox->live[sandbox->n_live++] = request->head.handle;
	*ret_handle = last_handle = request->head.handle;
	return 0;
}

int sandbox_signal(struct sandbox *sandbox, uint32_t handle, int signal)
{
	struct init_head head = {.op = INIT_SIGNAL, .handle = handle, .signal = signal};
	const struct fdmsg msg = {.data = &head, .size = sizeof(head)};

	if (find_live(sandbox, handle) == sandbox->n_live)
		return -ESRCH;
	return fdmsg_send(sandbox->control, &msg, 0);
}

int sandbox_open_tty(struct sandbox *sandbox, int *ret_master, int *ret_tty, struct error *err)
{
	cleanup_close int master = -1;
	cleanup_close int tty = -1;
	char path[64];
	int unlock = 0;

	/* The init is not reaped before sandbox_kill(), so the pid is still its own. */
	(void)snprintf(path, sizeof(path), "/proc/%d/root/dev/pts/ptmx", (int)sandbox->pid);
	master = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		return error_sys(err, errno, "cannot open a terminal");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return error_sys(err, errno, "cannot unlock a terminal");
	tty = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0)
		return error_sys(err, errno, "cannot open the near side of a terminal");
	/* In a narrow lab its owner is that user already, under another number. */
	if (guest_userns < 0 && fchown(tty, USERNS_GUEST, USERNS_GUEST) < 0)
		return error_sys(err, errno, "cannot give a terminal away");
	*ret_master = take_fd(&master);
	*ret_tty = take_fd(&tty);
	return 0;
}
