/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/nsprobe.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define COUNT_MAX 16 /* where counting stops */

static const struct {
	const char *name;
	int flag;
} kinds[] = {
	{"user", CLONE_NEWUSER}, {"net", CLONE_NEWNET}, {"mnt", CLONE_NEWNS},
	{"pid", CLONE_NEWPID},	 {"uts", CLONE_NEWUTS}, {"ipc", CLONE_NEWIPC},
};

static int write_text(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_id_file(pid_t pid, const char *name, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return write_text(path, text);
}

static int write_maps(pid_t pid)
{
	static const char wide[] = "0 0 65536\n1000000 1000000 65536\n";
	char uids[64], gids[64];
	int r;

	if (geteuid() == 0 && write_id_file(pid, "uid_map", wide) == 0)
		return write_id_file(pid, "gid_map", wide);
	(void)snprintf(uids, sizeof(uids), "0 %u 1\n", (unsigned)geteuid());
	(void)snprintf(gids, sizeof(gids), "0 %u 1\n", (unsigned)getegid());
	r = write_id_file(pid, "setgroups", "deny");
	if (!r)
		r = write_id_file(pid, "uid_map", uids);
	return r ? r : write_id_file(pid, "gid_map", gids);
}

/* The child stays outside, where more than one id may be mapped. */
static pid_t start_mapper(int *ret_tell)
{
	pid_t parent = getpid();
	char byte;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		(void)close(fds[1]);
		_exit(read(fds[0], &byte, 1) == 1 ? -write_maps(parent) : ECANCELED);
	}
	(void)close(fds[0]);
	*ret_tell = fds[1];
	return pid < 0 ? -errno : pid;
}

int nsprobe_enter(void)
{
	cleanup_close int tell = -1;
	int r, status;
	pid_t mapper;

	/* An orphan that nobody reaps keeps its namespaces, and not every init is quick. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -errno;
	mapper = start_mapper(&tell);
	if (mapper < 0)
		return mapper;
	r = unshare(CLONE_NEWUSER) < 0 ? -errno : 0;
	if (!r && write(tell, "", 1) != 1)
		r = -EPIPE;
	(void)close(take_fd(&tell));
	if (waitpid(mapper, &status, 0) < 0 || !WIFEXITED(status))
		return -ECHILD;
	return r ? r : -WEXITSTATUS(status);
}

int nsprobe_limit(const char *kind, long max)
{
	char path[64], text[32];

	(void)snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", kind);
	(void)snprintf(text, sizeof(text), "%ld", max);
	return write_text(path, text);
}

/* Return: 1 when one could be made, 0 when the limit is reached, or -errno. */
static int make_one(int flag)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(unshare(flag) < 0 ? errno : 0);
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return -ECHILD;
	if (WEXITSTATUS(status) == ENOSPC)
		return 0;
	return WEXITSTATUS(status) ? -WEXITSTATUS(status) : 1;
}

static long read_limit(const char *kind)
{
	char path[64];
	long max = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", kind);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%ld", &max) != 1)
		max = 0;
	if (f)
		(void)fclose(f);
	return max;
}

/* With what limit can one more be made? Return: as make_one(). */
static int make_one_within(size_t kind, long limit)
{
	long before = read_limit(kinds[kind].name);
	int r = nsprobe_limit(kinds[kind].name, limit);

	if (!r)
		r = make_one(kinds[kind].flag);
	/* For those who start something next. */
	(void)nsprobe_limit(kinds[kind].name, before);
	return r;
}

/* Appends "3 net": how many there are. Counting makes one, which goes when it likes. */
static void say_count(size_t kind, char *left, size_t size)
{
	size_t used = strlen(left);
	int n = 1;

	while (n < COUNT_MAX && make_one_within(kind, n + 1) == 0)
		n++;
	(void)snprintf(left + used, size - used, "%s%d%s %s", used ? ", " : "", n,
		       n == COUNT_MAX ? " or more" : "", kinds[kind].name);
}

int nsprobe_none_left(int timeout_ms, char *ret_left, size_t size)
{
	const struct timespec pause = {.tv_nsec = 2 * (long)NS_PER_MS};
	uint64_t deadline = clock_now() + (uint64_t)timeout_ms * NS_PER_MS;
	bool gone[ARRAY_SIZE(kinds)] = {false};
	bool all;

	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		all = true;
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			int r = gone[i] ? 1 : make_one_within(i, 1);

			if (r < 0)
				return r;
			gone[i] = r;
			all = all && r;
		}
		ret_left[0] = '\0';
		if (all)
			return 0;
		if (clock_now() >= deadline)
			break;
		/* Nothing tells when the kernel is done: ask again. */
		(void)nanosleep(&pause, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!gone[i])
			say_count(i, ret_left, size);
	return -ETIMEDOUT;
}
