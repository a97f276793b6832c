/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * The result lies in memory that the test and its helper share, so that what
 * was said is there even after a crash. The helper unshares the user namespace,
 * the test writes its maps (only a process outside may map more than one uid),
 * then the helper becomes uid 0 and unshares the rest. Two pipes keep the two in
 * step. As root the map goes to a range that is not the machine's, since uid 0
 * outside might still write global sysctls.
 */
#include "tests/support/userns.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Of the helper; the test's own points into the same memory. */
static struct userns_result *report;
static bool own;

bool userns_is_own(void)
{
	return own;
}

static void __attribute__((format(printf, 1, 0))) say(const char *fmt, va_list ap)
{
	size_t len = strlen(report->text);

	(void)vsnprintf(report->text + len, sizeof(report->text) - len, fmt, ap);
}

void userns_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	(void)strncat(report->text, "\n", sizeof(report->text) - strlen(report->text) - 1);
}

void userns_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	size_t len = strlen(report->text);
	va_list ap;

	(void)snprintf(report->text + len, sizeof(report->text) - len,
		       "%s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	report->verdict = USERNS_FAILED;
	_exit(1);
}

void userns_skip(const char *fmt, ...)
{
	va_list ap;

	report->text[0] = '\0';
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	report->verdict = USERNS_SKIPPED;
	_exit(0);
}

/* PR_SET_PDEATHSIG is lost at every change of uid, and says nothing of a parent
 * that died before. */
static void die_with_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
}

static void become_root(int tell, int wait_for)
{
	char byte = 0;

	if (write(tell, "u", 1) != 1 || read(wait_for, &byte, 1) != 1)
		_exit(1);
	if (byte != 'm')
		userns_skip("a user namespace whose uids may be mapped");
	/* Refused where setgroups had to be denied for the map's sake. */
	(void)setgroups(0, NULL);
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		userns_skip("uid 0 in a user namespace: %s", strerror(errno));
	(void)prctl(PR_SET_DUMPABLE, 1);
}

static void run_helper(void (*body)(void *arg), void *arg, pid_t parent, int tell, int wait_for)
{
	die_with_parent(parent);
	own = unshare(CLONE_NEWUSER) == 0;
	if (own)
		become_root(tell, wait_for);
	else if (geteuid() == 0)
		(void)close(tell); /* nothing to map: the test waits no longer */
	else
		userns_skip("user namespaces for ordinary users (%s): see sysctls "
			    "user.max_user_namespaces, kernel.unprivileged_userns_clone and "
			    "kernel.apparmor_restrict_unprivileged_userns",
			    strerror(errno));
	die_with_parent(parent);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		userns_skip("network and mount namespaces (CONFIG_NET_NS): %s", strerror(errno));
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		userns_fail(__FILE__, __LINE__, "cannot make mounts private: %s", strerror(errno));
	body(arg);
	report->verdict = USERNS_PASSED;
	_exit(0);
}

static int write_file(pid_t pid, const char *name, const char *text)
{
	cleanup_close int fd = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

static int write_maps(pid_t pid)
{
	static const char range[] = "0 1000000 65536";
	char one[64];
	int r;

	if (geteuid() == 0 && write_file(pid, "uid_map", range) == 0)
		return write_file(pid, "gid_map", range);
	(void)snprintf(one, sizeof(one), "0 %u 1", geteuid());
	r = write_file(pid, "uid_map", one);
	if (r < 0)
		return r;
	(void)write_file(pid, "setgroups", "deny");
	(void)snprintf(one, sizeof(one), "0 %u 1", getegid());
	return write_file(pid, "gid_map", one);
}

/* Waits until the helper has unshared (or ended), maps it, and lets it go on. */
static void admit(pid_t pid, int hear, int answer)
{
	char byte;

	if (read(hear, &byte, 1) != 1)
		return;
	byte = write_maps(pid) == 0 ? 'm' : 'x';
	(void)!write(answer, &byte, 1);
}

static void reap(pid_t pid, int timeout_ms, struct userns_result *result)
{
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int status = 0;

	if (pidfd < 0 || poll(&p, 1, timeout_ms) != 1) {
		(void)kill(pid, SIGKILL);
		(void)strncat(result->text, "killed: out of time\n",
			      sizeof(result->text) - strlen(result->text) - 1);
	}
	(void)waitpid(pid, &status, 0);
}

void userns_run(void (*body)(void *arg), void *arg, int timeout_ms,
		struct userns_result *ret_result)
{
	int up[2], down[2];
	pid_t parent = getpid();
	pid_t pid;

	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (report == MAP_FAILED || pipe2(up, O_CLOEXEC) < 0 || pipe2(down, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		(void)close(up[0]);
		(void)close(down[1]);
		run_helper(body, arg, parent, up[1], down[0]);
		_exit(1);
	}
	(void)close(up[1]);
	(void)close(down[0]);
	admit(pid, up[0], down[1]);
	reap(pid, timeout_ms, report);
	(void)close(up[0]);
	(void)close(down[1]);
	*ret_result = *report;
	(void)munmap(report, sizeof(*report));
	report = NULL;
}

void userns_test(void (*body)(void *arg), void *arg, int timeout_ms)
{
	const char *must_work = getenv("BOXLAB_MUST_WORK");
	struct userns_result result;

	userns_run(body, arg, timeout_ms, &result);
	switch (result.verdict) {
	case USERNS_PASSED:
		/* Criterion's own log would show it only when asked to be verbose. */
		(void)fputs(result.text, stderr);
		return;
	case USERNS_SKIPPED:
		if (must_work && strcmp(must_work, "1") == 0)
			cr_assert_fail("BOXLAB_MUST_WORK=1, but this is missing: %s", result.text);
		cr_skip_test("missing: %s", result.text);
		return;
	case USERNS_FAILED:
	case USERNS_CRASHED:
	default:
		cr_assert_fail("%s%s",
			       result.verdict == USERNS_CRASHED
				       ? "the helper ended without a verdict\n"
				       : "",
			       result.text);
	}
}
