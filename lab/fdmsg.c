/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/fdmsg.h"

#include "base/cleanup.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

union control {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(FDMSG_FDS_MAX * sizeof(int))];
};

int fdmsg_pair(int ret_socks[static 2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_socks) < 0 ? -errno : 0;
}

int fdmsg_send(int sock, const struct fdmsg *msg, int flags)
{
	union control control = {0};
	struct iovec iov = {.iov_base = msg->data, .iov_len = msg->size};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t r;

	if (msg->n_fds > FDMSG_FDS_MAX)
		return -EINVAL;
	if (msg->n_fds) {
		struct cmsghdr *cmsg = &control.header;

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(msg->n_fds * sizeof(int));
		(void)memcpy(CMSG_DATA(cmsg), msg->fds, msg->n_fds * sizeof(int));
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(msg->n_fds * sizeof(int));
	}
	do {
		r = sendmsg(sock, &mh, MSG_NOSIGNAL | flags);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *mh, struct fdmsg *msg)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(mh); cmsg; cmsg = CMSG_NXTHDR(mh, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		/* The control buffer bounds this to FDMSG_FDS_MAX. */
		msg->n_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		(void)memcpy(msg->fds, CMSG_DATA(cmsg), msg->n_fds * sizeof(int));
	}
}

ssize_t fdmsg_recv(int sock, struct fdmsg *msg, int flags)
{
	union control control;
	struct iovec iov = {.iov_base = msg->data, .iov_len = msg->size};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t r;

	msg->n_fds = 0;
	(void)memset(msg->fds, 0xff, sizeof(msg->fds)); /* -1 each */
	do {
		r = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC | flags);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	take_fds(&mh, msg);
	if (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		fdmsg_close(msg);
		return -EMSGSIZE;
	}
	return r;
}

void fdmsg_close(struct fdmsg *msg)
{
	for (size_t i = 0; i < msg->n_fds; i++) {
		cleanup_close int fd = fdmsg_take(msg, i);
	}
	msg->n_fds = 0;
}

int fdmsg_take(struct fdmsg *msg, size_t i)
{
	return i < msg->n_fds ? take_fd(&msg->fds[i]) : -1;
}
