/* SPDX-License-Identifier: MIT */
#include "tests/shim/guest.h"

#include "tests/shim/net.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* After the fork of a threaded process: nothing here but what such a child may do. */
static void __attribute__((noreturn)) become_probe(int in, int out, char *const env[])
{
	char *const argv[] = {(char[]){"probe"}, NULL};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(in, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	/* LD_PRELOAD is split at spaces, and a checkout may have one in its path. */
	if (chdir(SHIM_DIR) < 0)
		_exit(126);
	(void)execve(PROBE_PATH, argv, env);
	_exit(127);
}

struct guest guest_start(const struct fakenode *node, enum guest_how how)
{
	char preload[] = "LD_PRELOAD=./" SHIM_NAME;
	char id[32];
	char *env[3] = {NULL};
	struct guest guest;
	int in[2], out[2];
	size_t n = 0;

	(void)snprintf(id, sizeof(id), "BOXER_ID=%u", node->id);
	if (how != GUEST_BARE)
		env[n++] = preload;
	if (how != GUEST_FOREIGN)
		env[n++] = id;
	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	guest.pid = fork();
	cr_assert_geq(guest.pid, 0);
	if (guest.pid == 0)
		become_probe(in[0], out[1], env);
	(void)close(in[0]);
	(void)close(out[1]);
	guest.in = in[1];
	guest.out = out[0];
	return guest;
}

static void __attribute__((format(printf, 2, 0)))
tell(struct guest *guest, const char *fmt, va_list ap)
{
	char line[GUEST_LINE_MAX];
	int len = vsnprintf(line, sizeof(line) - 1, fmt, ap);

	line[len++] = '\n';
	cr_assert_eq(write(guest->in, line, (size_t)len), len);
}

void guest_tell(struct guest *guest, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(guest, fmt, ap);
	va_end(ap);
}

const char *guest_hear(struct guest *guest)
{
	size_t len = 0;

	for (;;) {
		net_wait(guest->out, POLLIN, "the guest's answer");
		cr_assert_eq(read(guest->out, &guest->line[len], 1), 1, "the guest has ended");
		if (guest->line[len] == '\n')
			break;
		cr_assert_lt(++len, sizeof(guest->line));
	}
	guest->line[len] = '\0';
	return guest->line;
}

const char *guest_ask(struct guest *guest, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(guest, fmt, ap);
	va_end(ap);
	return guest_hear(guest);
}

void guest_wait_asleep(const struct guest *guest)
{
	char path[64], stat[256];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", guest->pid);
	for (int i = 0; i < NET_DEADLINE_MS; i++) {
		FILE *file = fopen(path, "re");

		cr_assert_not_null(file);
		cr_assert_not_null(fgets(stat, sizeof(stat), file));
		(void)fclose(file);
		if (strstr(stat, ") S "))
			return;
		(void)poll(NULL, 0, 1);
	}
	cr_assert_fail("the guest does not come to rest");
}

/* The first one may come a moment before the wait that it should end. */
const char *guest_signal_until_heard(struct guest *guest, int sig)
{
	struct pollfd p = {.fd = guest->out, .events = POLLIN};

	for (int i = 0; i < NET_DEADLINE_MS / 10; i++) {
		cr_assert_eq(kill(guest->pid, sig), 0);
		if (poll(&p, 1, 10) == 1)
			return guest_hear(guest);
	}
	cr_assert_fail("signals did not end the call");
	return NULL;
}

int guest_end(struct guest *guest)
{
	int status;

	(void)close(guest->in);
	net_wait(guest->out, 0, "the guest's end");
	cr_assert_eq(waitpid(guest->pid, &status, 0), guest->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
