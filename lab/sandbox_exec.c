/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last steps between a sandbox's init and a program: what it inherits, who
 * it is, what it may not do. Runs in a child of the init, so it allocates
 * nothing; each step's failure ends in the errno that the init is told.
 */
#include "lab/sandbox_init.h"

#include "base/cleanup.h"
#include "lab/userns.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define FDS_LIMIT 1024 /* Lambda's; the same soft and hard */

/* More strings than bytes cannot be; one NULL ends each of the two lists. */
static char *strings[SANDBOX_REQUEST_MAX / 2 + 2];

/** parse() - the request's strings as argv and envp. Return: 0, or a positive errno. */
static int parse(struct init_request *request, char ***ret_argv, char ***ret_env)
{
	const struct init_head *head = &request->head;
	size_t total = (size_t)head->argc + head->envc;
	char *at = request->strings;
	char *end = at + head->size;
	size_t n = 0;

	if (!head->argc || total + 2 > ARRAY_SIZE(strings) ||
	    head->size > sizeof(request->strings) || (head->size && end[-1]))
		return E2BIG;
	for (size_t i = 0; i < total; i++) {
		if (at == end)
			return EINVAL;
		if (i == head->argc)
			strings[n++] = NULL;
		strings[n++] = at;
		at += strlen(at) + 1;
	}
	if (!head->envc)
		strings[n++] = NULL;
	strings[n] = NULL;
	*ret_argv = strings;
	*ret_env = &strings[head->argc + 1];
	return 0;
}

/**
 * arrange_fds() - exactly the program's descriptors, from 0; after them only the CLOEXEC @report
 *
 * Return: the new number of @report, or -errno.
 */
static int arrange_fds(const struct init_head *head, const int *fds, int report)
{
	const int above = 2 * SANDBOX_FDS_MAX;
	int n = (int)head->n_fds;
	int high[SANDBOX_FDS_MAX];
	int null;

	if (n > SANDBOX_FDS_MAX)
		return -EINVAL;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	report = fcntl(report, F_DUPFD_CLOEXEC, above);
	if (null < 0 || report < 0)
		return -errno;
	for (int i = 0, next = 0; i < n; i++) {
		high[i] =
			fcntl(head->no_fds & 1u << i ? null : fds[next++], F_DUPFD_CLOEXEC, above);
		if (high[i] < 0)
			return -errno;
	}
	for (int i = 0; i < n; i++)
		if (dup2(high[i], i) < 0)
			return -errno;
	if (dup3(report, n, O_CLOEXEC) < 0)
		return -errno;
	if (close_range((unsigned)n + 1, ~0U, 0) < 0)
		return -errno;
	return n;
}

/** give_pipes() - whoever opens /dev/stdout opens its pipe again, as somebody else */
static void give_pipes(const struct init_head *head, const int *fds)
{
	struct stat st;

	for (uint32_t i = 0, next = 0; i < head->n_fds; i++) {
		if (head->no_fds & 1u << i)
			continue;
		if (fstat(fds[next], &st) == 0 && S_ISFIFO(st.st_mode))
			(void)fchown(fds[next], USERNS_GUEST, USERNS_GUEST);
		next++;
	}
}

static int set_limits(const struct init_head *head)
{
	static const struct {
		int resource;
		struct rlimit limit;
	} limits[] = {
		{RLIMIT_NOFILE, {FDS_LIMIT, FDS_LIMIT}},
		{RLIMIT_CORE, {0, 0}},
	};
	cpu_set_t cpus;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (setrlimit((__rlimit_resource_t)limits[i].resource, &limits[i].limit) < 0)
			return errno;
	if (head->cpu >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET((size_t)head->cpu, &cpus);
		if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
			return errno;
	}
	return 0;
}

/** become_guest() - uid 1000 without any capability, for good */
static int become_guest(int guest_userns)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[2] = {0};
	gid_t gid = USERNS_GUEST;
	uid_t uid = USERNS_GUEST;

	/* In a narrow lab: the same user still, whom that namespace calls 1000. */
	if (guest_userns >= 0 && setns(guest_userns, CLONE_NEWUSER) < 0)
		return errno;
	for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
	if (guest_userns < 0 && setgroups(0, NULL) < 0)
		return errno;
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return errno;
	if (syscall(SYS_capset, &header, none) < 0)
		return errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : 0;
}

/** settle() - the last things, as the guest: terminal, directory, signals */
static int settle(const struct init_head *head)
{
	sigset_t none;

	if (head->tty && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		return errno;
	(void)umask(022);
	if (chdir(SANDBOX_TASK) < 0)
		return errno;
	(void)sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? errno : 0;
}

/** become_program() - Return: only on failure, the positive errno; @report moves meanwhile */
static int become_program(struct init_request *request, const int *fds, int guest_userns,
			  int *report)
{
	const struct init_head *head = &request->head;
	char **argv, **env;
	int r;

	r = parse(request, &argv, &env);
	if (r)
		return r;
	/* Or an earlier program could take the init's descriptors from us before exec(). */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (setsid() < 0)
		return errno;
	r = set_limits(head);
	if (r)
		return r;
	if (guest_userns < 0)
		give_pipes(head, fds);
	/* Before the descriptors: one of those that then go is @guest_userns. */
	r = become_guest(guest_userns);
	if (r)
		return r;
	r = arrange_fds(head, fds, *report);
	if (r < 0)
		return -r;
	*report = r;
	r = settle(head);
	if (r)
		return r;
	environ = env;
	/* The first string is argv[0]. */
	(void)execvp(request->strings, argv);
	return errno;
}

void init_exec(struct init_request *request, const int *fds, int guest_userns, int report)
{
	int code = become_program(request, fds, guest_userns, &report);

	(void)write(report, &code, sizeof(code));
	_exit(127);
}
