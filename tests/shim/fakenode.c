/* SPDX-License-Identifier: MIT */
#include "tests/shim/fakenode.h"

#include "tests/shim/net.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/un.h>
#include <unistd.h>

static int bind_name(uint32_t id)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int len = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, LOCAL_NAME_FMT, id);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&un,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void *make_page(size_t size, int *ret_fd)
{
	void *page;

	*ret_fd = memfd_create("page", MFD_CLOEXEC);
	cr_assert_geq(*ret_fd, 0);
	cr_assert_eq(ftruncate(*ret_fd, (off_t)size), 0);
	page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *ret_fd, 0);
	cr_assert_neq(page, MAP_FAILED);
	return page;
}

struct fakenode fakenode_start(void)
{
	struct fakenode node = {.listener = -1};
	uint32_t start;

	while (node.listener < 0) {
		cr_assert_eq(getrandom(&node.id, sizeof(node.id), 0), sizeof(node.id));
		node.listener = bind_name(node.id);
	}
	cr_assert_eq(listen(node.listener, 64), 0);
	node.table = make_page(sizeof(*node.table), &node.table_fd);
	node.cursor = make_page(sizeof(*node.cursor), &node.cursor_fd);
	node.table->magic = TABLE_MAGIC;
	node.table->version = LOCAL_VERSION;
	/* Tests in parallel share the loopback interface's ports. */
	cr_assert_eq(getrandom(&start, sizeof(start), 0), sizeof(start));
	atomic_store(&node.cursor->next, start);
	return node;
}

void fakenode_kill(struct fakenode *node)
{
	(void)close(node->listener);
	node->listener = -1;
}

void fakenode_add(struct fakenode *node, uint32_t id, const char *name, uint32_t flags,
		  const char *external)
{
	struct table_row *row = &node->table->rows[node->table->n];

	atomic_fetch_add(&node->table->seq, 1);
	row->id = id;
	row->flags = flags;
	row->overlay = addr_v4(LOCAL_OVERLAY_NET + id + 1, 0);
	row->inside = addr_v4(INADDR_LOOPBACK, 0);
	cr_assert_eq(addr_parse(external, &row->external), 0);
	(void)snprintf(row->name, sizeof(row->name), "%s", name);
	node->table->n++;
	atomic_fetch_add(&node->table->seq, 1);
}

static void read_request(struct call *call)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = &call->request, .iov_len = sizeof(call->request)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	net_wait(call->conn, POLLIN, "the request");
	n = recvmsg(call->conn, &msg, MSG_CMSG_CLOEXEC);
	cr_assert_eq(n, sizeof(call->request), "a request of %zd bytes", n);
	cr_assert_eq(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC), 0);
	cr_assert_eq(call->request.version, LOCAL_VERSION);
	cmsg = CMSG_FIRSTHDR(&msg);
	call->fd = -1;
	if (cmsg)
		(void)memcpy(&call->fd, CMSG_DATA(cmsg), sizeof(call->fd));
}

struct call fakenode_take(const struct fakenode *node)
{
	struct call call;

	net_wait(node->listener, POLLIN, "a call");
	call.conn = accept4(node->listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_geq(call.conn, 0);
	read_request(&call);
	return call;
}

void fakenode_give_table(const struct fakenode *node, struct call *call)
{
	struct local_reply reply = {.version = LOCAL_VERSION};
	int fds[] = {node->table_fd, node->cursor_fd};

	call_answer_raw(call, &reply, sizeof(reply), fds, 2);
}

struct call fakenode_next(const struct fakenode *node, enum local_op op)
{
	for (;;) {
		struct call call = fakenode_take(node);

		if (call.request.op == op)
			return call;
		cr_assert_eq(call.request.op, LOCAL_TABLE, "op %u instead of %u", call.request.op,
			     op);
		fakenode_give_table(node, &call);
	}
}

bool fakenode_is_idle(const struct fakenode *node)
{
	struct pollfd p = {.fd = node->listener, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

struct addr call_check_socket(const struct call *call)
{
	cr_assert_geq(call->fd, 0, "no descriptor");
	cr_assert_eq(call->request.cookie, net_cookie(call->fd));
	return net_name(call->fd);
}

uint16_t call_bind(const struct call *call)
{
	return net_bind(call->fd).port;
}

void call_answer_raw(struct call *call, const void *bytes, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	char copy[256];
	struct iovec iov = {.iov_base = copy, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	cr_assert_leq(len, sizeof(copy));
	(void)memcpy(copy, bytes, len);
	if (n) {
		(void)memset(&control, 0, sizeof(control));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n * sizeof(int));
		(void)memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	cr_assert_eq(sendmsg(call->conn, &msg, MSG_NOSIGNAL), (ssize_t)len);
	call_hang_up(call);
}

void call_answer(struct call *call, int error, const struct addr *to, int fd)
{
	struct local_reply reply = {.version = LOCAL_VERSION, .error = error};

	if (to)
		reply.addr = *to;
	call_answer_raw(call, &reply, sizeof(reply), &fd, fd >= 0);
	if (fd >= 0)
		(void)close(fd);
}

void call_hang_up(struct call *call)
{
	(void)close(call->conn);
	if (call->fd >= 0)
		(void)close(call->fd);
}

void call_wait_hang_up(const struct call *call)
{
	char byte;

	net_wait(call->conn, POLLIN, "the asker to hang up");
	cr_assert_eq(recv(call->conn, &byte, 1, MSG_DONTWAIT), 0);
}
