/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/ns.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>

/* Of the thread, not of the process: setns() and unshare() change one thread. */
static const char own_netns[] = "/proc/thread-self/ns/net";

int ns_current(struct error *err)
{
	int fd = open(own_netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open %s", own_netns);
	return fd;
}

static void come_back(int home)
{
	if (setns(home, CLONE_NEWNET) == 0)
		return;
	(void)dprintf(STDERR_FILENO, "cannot return to the own network namespace: %m\n");
	abort();
}

int ns_new(struct error *err)
{
	cleanup_close int home = ns_current(err);
	int fd;

	if (home < 0)
		return home;
	if (unshare(CLONE_NEWNET) < 0) {
		/* The kernel says "no space" where a person would say "too many". */
		if (errno == ENOSPC)
			return error_set(err, ENOSPC,
					 "cannot make a network namespace: the limit "
					 "user.max_net_namespaces is reached");
		return error_sys(err, errno, "cannot make a network namespace");
	}
	fd = ns_current(err);
	come_back(home);
	return fd;
}

int ns_call(int netns, int (*fn)(void *arg), void *arg, struct error *err)
{
	cleanup_close int home = ns_current(err);
	int r;

	if (home < 0)
		return home;
	if (setns(netns, CLONE_NEWNET) < 0)
		return error_sys(err, errno, "cannot enter a network namespace");
	r = fn(arg);
	come_back(home);
	return r;
}

struct socket_args {
	int domain;
	int type;
	int protocol;
};

static int make_socket(void *arg)
{
	const struct socket_args *args = arg;
	int fd = socket(args->domain, args->type | SOCK_CLOEXEC, args->protocol);

	return fd < 0 ? -errno : fd;
}

int ns_socket(int netns, int domain, int type, int protocol, struct error *err)
{
	struct socket_args args = {domain, type, protocol};
	struct error inner = {0};
	int r = ns_call(netns, make_socket, &args, &inner);

	if (r >= 0)
		return r;
	if (!inner.code)
		return error_sys(err, -r, "cannot open a socket in a network namespace");
	return error_set(err, inner.code, "%s", inner.text);
}
