/* SPDX-License-Identifier: MIT */
#include "boxer/request.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* A descriptor may come with it. */
static bool may_carry(uint32_t op)
{
	return op == LOCAL_PUNCH || op == LOCAL_CONNECTING;
}

static bool is_known(uint32_t op)
{
	switch ((enum local_op)op) {
	case LOCAL_TABLE:
	case LOCAL_PUNCH:
	case LOCAL_CONNECTING:
	case LOCAL_RESULT:
	case LOCAL_FETCH:
	case LOCAL_ENV:
	case LOCAL_WATCH:
	case LOCAL_STATUS:
	case LOCAL_BARRIER:
		return true;
	}
	return false;
}

int request_check(const struct local_request *request, size_t len, size_t n_fds, bool lost_fds)
{
	if (len != sizeof(*request) || request->version != LOCAL_VERSION ||
	    !memchr(request->name, '\0', sizeof(request->name)))
		return -EPROTO;
	if (!is_known(request->op))
		return -EOPNOTSUPP;
	if (n_fds > (may_carry(request->op) ? 1 : 0))
		return -EPROTO;
	if (lost_fds)
		return may_carry(request->op) && n_fds == 0 ? -EMFILE : -EPROTO;
	return 0;
}

static size_t take_fds(struct msghdr *msg, int *ret_fd)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	/* There is room for one only; more make the message MSG_CTRUNC. */
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len < CMSG_LEN(sizeof(int)))
		return 0;
	(void)memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	return 1;
}

bool request_is_waiting(int conn, enum local_op op)
{
	struct local_request request;
	size_t least = offsetof(struct local_request, op) + sizeof(request.op);
	/* Without room for its descriptor, which stays there, too. */
	ssize_t n = recv(conn, &request, sizeof(request), MSG_PEEK | MSG_DONTWAIT);

	return n >= (ssize_t)least && request.op == op;
}

int request_receive(int conn, struct local_request *ret_request, int *ret_fd)
{
	struct local_request request = {0};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = &request, .iov_len = sizeof(request)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		/* CMSG_SPACE would have room for two: alignment. */
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	/* MSG_TRUNC: what it returns is the whole length, also of what is too long. */
	ssize_t n = recvmsg(conn, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT | MSG_TRUNC);
	cleanup_close int fd = -1;
	size_t n_fds;
	int r;

	if (n < 0)
		return -errno;
	n_fds = take_fds(&msg, &fd);
	if (n == 0 && n_fds == 0)
		return -ECONNRESET;
	r = request_check(&request, (size_t)n, n_fds, msg.msg_flags & MSG_CTRUNC);
	if (r == 0 || r == -EMFILE)
		*ret_request = request;
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}
