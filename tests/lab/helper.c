/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lab/helper.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PATIENCE_MS 60000

const char *helper_path(const char *program)
{
	static char path[PATH_MAX + NAME_MAX];
	char exe[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	cr_assert_gt(len, 0);
	exe[len] = '\0';
	(void)snprintf(path, sizeof(path), "%s/%s", dirname(exe), program);
	return path;
}

const char *helper_id(void)
{
	static char id[32];

	/* The same in a child. */
	if (!*id)
		(void)snprintf(id, sizeof(id), "t%d", (int)getpid());
	return id;
}

unsigned test_count(unsigned n)
{
	const char *count = getenv("BOXLAB_COUNT");

	return count ? n * (unsigned)atoi(count) : n;
}

int wait_code(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In the child: stdout and stderr to @out; the end of the test is its end too. */
static void settle_child(int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(125);
}

/* Until the end of file, the end of patience, or the end of the buffer. */
static void read_all(int fd, pid_t pid, struct outcome *ret)
{
	uint64_t deadline = clock_now() + PATIENCE_MS * NS_PER_MS;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t used = 0;

	for (;;) {
		uint64_t now = clock_now();
		ssize_t n;

		if (now >= deadline || poll(&p, 1, (int)((deadline - now) / NS_PER_MS) + 1) < 0) {
			(void)kill(pid, SIGKILL);
			break;
		}
		if (!p.revents)
			continue;
		n = read(fd, ret->out + used, sizeof(ret->out) - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	ret->out[used] = '\0';
}

void child_run(struct outcome *ret, int (*body)(void *arg), void *arg)
{
	int fds[2];
	pid_t pid;

	cr_assert(pipe2(fds, O_CLOEXEC) == 0);
	(void)fflush(NULL);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		int code;

		settle_child(fds[1]);
		(void)close(fds[1]);
		(void)close(fds[0]);
		code = body(arg);
		(void)fflush(NULL);
		_exit(code);
	}
	(void)close(fds[1]);
	read_all(fds[0], pid, ret);
	(void)close(fds[0]);
	ret->code = wait_code(pid);
}

static int execute(void *arg)
{
	char *const *argv = arg;
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return 125;
	(void)execvp(argv[0], argv);
	(void)dprintf(STDERR_FILENO, "%s: %m\n", argv[0]);
	return 125;
}

void command_run(struct outcome *ret, const char *const *argv)
{
	union {
		const char *const *in;
		void *out;
	} cast = {.in = argv};

	child_run(ret, execute, cast.out);
}

/* lab-helper and its arguments, as one vector. */
static void with_helper(const char *const *argv, const char *ret[static 32])
{
	size_t n = 0;

	ret[n++] = helper_path("lab-helper");
	while (*argv && n < 31)
		ret[n++] = *argv++;
	ret[n] = NULL;
}

void helper_run(struct outcome *ret, const char *const *argv)
{
	const char *all[32];

	with_helper(argv, all);
	command_run(ret, all);
}

pid_t helper_start(const char *const *argv, int *ret_out)
{
	union {
		const char **in;
		void *out;
	} cast;
	const char *all[32];
	int fds[2];
	pid_t pid;

	with_helper(argv, all);
	cast.in = all;
	cr_assert(pipe2(fds, O_CLOEXEC) == 0);
	(void)fflush(NULL);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		settle_child(fds[1]);
		_exit(execute(cast.out));
	}
	(void)close(fds[1]);
	*ret_out = fds[0];
	return pid;
}

bool wait_line(int fd, char *ret_line, size_t size)
{
	size_t used = 0;
	char c;

	while (read(fd, &c, 1) == 1 && c != '\n')
		if (used < size - 1)
			ret_line[used++] = c;
	ret_line[used] = '\0';
	return used > 0;
}

void expect(const struct outcome *outcome, int code, const char *text)
{
	cr_assert(outcome->code == code && strstr(outcome->out, text),
		  "expected code %d and \"%s\"; got code %d and\n%s", code, text, outcome->code,
		  outcome->out);
}

void need_labs(void)
{
	const char *must_work = getenv("BOXLAB_MUST_WORK");
	static struct outcome outcome;

	HELPER(&outcome, "leave", "0");
	if (outcome.code == 0)
		return;
	cr_assert(outcome.code == 3 && strstr(outcome.out, "refuses a user namespace"),
		  "code %d: %s", outcome.code, outcome.out);
	if (must_work && strcmp(must_work, "1") == 0)
		cr_assert_fail("BOXLAB_MUST_WORK=1, but this is missing: %s", outcome.out);
	cr_skip_test("missing: %s", outcome.out);
}

void helper_write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}
