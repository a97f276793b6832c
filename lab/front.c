/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/front.h"

#include "base/cleanup.h"
#include "lab/fdmsg.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/** is_plain() - may @name be one component of a path below the result directory? */
static bool is_plain(const char *name, size_t len)
{
	return len > 0 && len <= NAME_MAX && !(len == 1 && name[0] == '.') &&
	       !(len == 2 && name[0] == '.' && name[1] == '.');
}

/**
 * create_below() - one component after the other, so that no link leads elsewhere: what
 * the lab's programs wrote is not trusted to have left none
 */
static int create_below(int dir, const char *path)
{
	cleanup_close int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	char name[NAME_MAX + 1];

	while (at >= 0) {
		size_t len = strcspn(path, "/");
		int next;

		if (!is_plain(path, len))
			return -EINVAL;
		(void)memcpy(name, path, len);
		name[len] = '\0';
		if (!path[len]) {
			next = openat(at, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				      0666);
			return next < 0 ? -errno : next;
		}
		if (mkdirat(at, name, 0777) < 0 && errno != EEXIST)
			return -errno;
		next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		(void)close(at);
		at = next;
		path += len + 1;
	}
	return -errno;
}

static int create_file(int out_dir, const char *name, struct error *err)
{
	int fd;

	if (out_dir < 0)
		return error_set(err, ENOENT, "%s: the lab has no result directory", name);
	fd = create_below(out_dir, name);
	if (fd == -EINVAL)
		return error_set(err, EINVAL, "%s: not a name below the result directory", name);
	return fd < 0 ? error_sys(err, -fd, "%s", name) : fd;
}

static void serve_create(struct front *front, struct front_request *request)
{
	struct front_reply reply = {0};
	struct fdmsg msg = {.data = &reply, .size = sizeof(reply)};
	struct error err = {0};
	cleanup_close int fd = -1;

	request->text[sizeof(request->text) - 1] = '\0';
	fd = create_file(front->out_dir, request->text, &err);
	if (fd < 0) {
		reply.code = err.code;
		(void)memcpy(reply.text, err.text, sizeof(reply.text));
	} else {
		msg.fds[msg.n_fds++] = fd;
	}
	/* Who asked may be gone: then the pidfd says so. */
	(void)fdmsg_send(front->rpc, &msg, MSG_DONTWAIT);
}

/** serve_request() - false when pid 1 has closed its end, or nothing waits */
static bool serve_request(struct front *front)
{
	struct front_request request;
	struct fdmsg msg = {.data = &request, .size = sizeof(request)};
	ssize_t len = fdmsg_recv(front->rpc, &msg, MSG_DONTWAIT);

	fdmsg_close(&msg);
	if (len != (ssize_t)sizeof(request))
		return false;
	if (request.op == FRONT_CREATE)
		serve_create(front, &request);
	else if (request.op == FRONT_FAILED)
		(void)error_set(&front->failure, request.code, "%.*s",
				(int)sizeof(request.text) - 1, request.text);
	return true;
}

static int tell(struct front *front, uint32_t news, int fd)
{
	struct fdmsg msg = {.data = &news, .size = sizeof(news)};

	if (fd >= 0)
		msg.fds[msg.n_fds++] = fd;
	return fdmsg_send(front->news, &msg, MSG_DONTWAIT);
}

/** let_in() - pass a client on, if it is the same user */
static void let_in(struct front *front)
{
	cleanup_close int client = accept4(front->door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (client < 0)
		return;
	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != geteuid())
		return;
	/* A client that pid 1 has no room for sees its connection closed. */
	(void)tell(front, NEWS_CLIENT, client);
}

static void take_signal(struct front *front)
{
	struct signalfd_siginfo info;

	while (read(front->signals, &info, sizeof(info)) == sizeof(info)) {
		if (front->ended_by++ == 0 && tell(front, NEWS_END, -1) == 0)
			continue;
		(void)pidfd_send_signal(front->pidfd, SIGKILL, NULL, 0);
	}
}

static int reap(struct front *front, struct error *err)
{
	siginfo_t info;

	while (waitid(P_PIDFD, (id_t)front->pidfd, &info, WEXITED) < 0)
		if (errno != EINTR)
			return error_sys(err, errno, "cannot wait for the lab's pid 1");
	/* It may have said why just before. */
	while (serve_request(front))
		;
	if (front->failure.code)
		return error_set(err, front->failure.code, "%s", front->failure.text);
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int front_run(struct front *front, struct error *err)
{
	struct pollfd fds[] = {
		{.fd = front->pidfd, .events = POLLIN},
		{.fd = front->signals, .events = POLLIN},
		{.fd = front->rpc, .events = POLLIN},
		{.fd = front->door, .events = POLLIN},
	};

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return error_sys(err, errno, "poll");
		if (fds[0].revents)
			return reap(front, err);
		if (fds[1].revents & POLLIN)
			take_signal(front);
		if (fds[2].revents && !serve_request(front))
			fds[2].fd = -1; /* closed; pid 1 is about to end */
		if (fds[3].revents & POLLIN)
			let_in(front);
	}
}
