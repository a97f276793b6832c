/* SPDX-License-Identifier: MIT */
#include "boxer/shim/agent.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* What the kernel shows for a uid that has no mapping: nobody may be recognised by it. */
#define OVERFLOW_UID 65534
#define TALKS_MAX    64
/* How long the node may take over a question that it can answer at once. */
#define ANSWER_NS (2 * NS_PER_S)

/*
 * The agent calls connect() and getsockopt() by their names; in the shim these
 * are its own hooks, and so they are for any library that stands in between.
 */
static __thread bool busy;
static __thread int own_conn = -1;

/* Descriptor + 1 of each talk of the process, so that a forked child can close them. */
static _Atomic int talks[TALKS_MAX];

bool agent_is_busy(void)
{
	return busy;
}

static void talks_add(int conn)
{
	for (size_t i = 0; i < TALKS_MAX; i++) {
		int none = 0;

		if (atomic_compare_exchange_strong(&talks[i], &none, conn + 1))
			return;
	}
}

static void talks_remove(int conn)
{
	for (size_t i = 0; i < TALKS_MAX; i++) {
		int expected = conn + 1;

		if (atomic_compare_exchange_strong(&talks[i], &expected, 0))
			return;
	}
}

/*
 * The node takes a closed connection for "no longer wanted"; a child that holds
 * its parent's would keep a dead parent's request alive.
 */
void agent_forked(void)
{
	int saved = errno;

	for (size_t i = 0; i < TALKS_MAX; i++) {
		int conn = atomic_exchange(&talks[i], 0) - 1;

		if (conn >= 0 && conn != own_conn)
			(void)close(conn);
	}
	errno = saved;
}

int agent_id_from_env(uint32_t *ret_id)
{
	const char *text = secure_getenv("BOXER_ID");
	int saved = errno;
	unsigned long id;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return -ENXIO;
	errno = 0;
	id = strtoul(text, &end, 10);
	if (errno || *end || id > UINT32_MAX) {
		errno = saved;
		return -ENXIO;
	}
	errno = saved;
	*ret_id = (uint32_t)id;
	return 0;
}

/* LOCAL_NAME_FMT, without stdio. */
static socklen_t node_name(uint32_t id, struct sockaddr_un *ret_un)
{
	static const char prefix[] = "boxer/";
	char digits[10];
	size_t n = 0;
	size_t len = 1;

	(void)memset(ret_un, 0, sizeof(*ret_un));
	ret_un->sun_family = AF_UNIX;
	(void)memcpy(ret_un->sun_path + len, prefix, sizeof(prefix) - 1);
	len += sizeof(prefix) - 1;
	do
		digits[n++] = (char)('0' + id % 10);
	while (id /= 10);
	while (n)
		ret_un->sun_path[len++] = digits[--n];
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int check_peer(int conn)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	uid_t self = geteuid();

	if (getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	return cred.uid == self && self != OVERFLOW_UID ? 0 : -EPERM;
}

static int connect_node(uint32_t id)
{
	cleanup_close int conn = -1;
	struct sockaddr_un un;
	socklen_t len = node_name(id, &un);
	int r;

	conn = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (conn < 0 || connect(conn, (struct sockaddr *)&un, len) < 0)
		return -errno;
	r = check_peer(conn);
	return r < 0 ? r : take_fd(&conn);
}

int agent_open(const struct agent *agent, struct agent_talk *ret_talk)
{
	struct agent_talk talk = {.outer_conn = own_conn};

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &talk.cancel_state);
	busy = true;
	talk.conn = connect_node(agent->id);
	busy = false;
	if (talk.conn < 0) {
		(void)pthread_setcancelstate(talk.cancel_state, NULL);
		return talk.conn;
	}
	own_conn = talk.conn;
	talks_add(talk.conn);
	*ret_talk = talk;
	return 0;
}

void agent_close(struct agent_talk *talk)
{
	/* In this order: a child forked in between must not close a reused number. */
	talks_remove(talk->conn);
	(void)close(talk->conn);
	own_conn = talk->outer_conn;
	(void)pthread_setcancelstate(talk->cancel_state, NULL);
}

int agent_keep(struct agent_talk *talk)
{
	talks_remove(talk->conn);
	own_conn = talk->outer_conn;
	(void)pthread_setcancelstate(talk->cancel_state, NULL);
	return talk->conn;
}

int agent_send(const struct agent_talk *talk, struct local_request *request, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = request, .iov_len = sizeof(*request)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	request->version = LOCAL_VERSION;
	if (fd >= 0) {
		struct cmsghdr *cmsg = &control.align;

		(void)memset(&control, 0, sizeof(control));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
		(void)memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	n = sendmsg(talk->conn, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 ? -errno : 0;
}

void agent_drop_fds(struct agent_answer *answer)
{
	while (answer->n_fds)
		(void)close(answer->fds[--answer->n_fds]);
}

/* -EAGAIN: nothing has come yet. */
static int read_answer(int conn, struct agent_answer *ret_answer)
{
	struct agent_answer answer = {.n_fds = 0};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(AGENT_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = &answer.reply, .iov_len = sizeof(answer.reply)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t n = recvmsg(conn, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS) {
		answer.n_fds = (unsigned)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		(void)memcpy(answer.fds, CMSG_DATA(cmsg), answer.n_fds * sizeof(int));
	}
	if (n == sizeof(answer.reply) && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    answer.reply.version == LOCAL_VERSION) {
		*ret_answer = answer;
		return 0;
	}
	agent_drop_fds(&answer);
	if (msg.msg_flags & MSG_CTRUNC)
		return -EMFILE;
	return n == 0 ? -ECONNRESET : -EPROTO;
}

static void close_cancelled(void *talk)
{
	agent_close(talk);
}

static int poll_cancellable(struct agent_talk *talk, struct pollfd *p, int timeout)
{
	int r;

	pthread_cleanup_push(close_cancelled, talk);
	(void)pthread_setcancelstate(talk->cancel_state, NULL);
	r = poll(p, 1, timeout);
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cleanup_pop(0);
	return r;
}

int agent_receive(struct agent_talk *talk, uint64_t deadline, enum agent_wait wait,
		  struct agent_answer *ret_answer)
{
	for (;;) {
		struct pollfd p = {.fd = talk->conn, .events = POLLIN};
		uint64_t now = clock_now();
		uint64_t left = now < deadline ? deadline - now : 0;
		uint64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS;
		int timeout = ms < INT_MAX ? (int)ms : INT_MAX;
		int r = wait == AGENT_STEADY ? poll(&p, 1, timeout)
					     : poll_cancellable(talk, &p, timeout);

		if (r < 0 && (errno != EINTR || wait == AGENT_INTERRUPTIBLE))
			return -errno;
		if (r > 0) {
			r = read_answer(talk->conn, ret_answer);
			if (r != -EAGAIN && r != -EINTR)
				return r;
		}
		if (!left)
			return -ETIMEDOUT;
	}
}

int agent_call(const struct agent *agent, struct local_request *request,
	       struct agent_answer *ret_answer)
{
	struct agent_talk talk;
	int r = agent_open(agent, &talk);

	if (r < 0)
		return r;
	r = agent_send(&talk, request, -1);
	if (r == 0)
		r = agent_receive(&talk, clock_now() + ANSWER_NS, AGENT_STEADY, ret_answer);
	agent_close(&talk);
	return r;
}

/* A page that is shorter than it should be would end the host with SIGBUS. */
static void *map_page(int fd, size_t size, int protection)
{
	struct stat st;
	void *page;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)size)
		return NULL;
	page = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
	return page == MAP_FAILED ? NULL : page;
}

static void unmap_page(const void *page, size_t size)
{
	void *p;

	(void)memcpy(&p, &page, sizeof(p));
	if (p)
		(void)munmap(p, size);
}

/* Two threads may come here at once: the one that is late throws its own pages away. */
static int publish(struct agent *agent, const struct table *table, struct cursor *cursor)
{
	struct cursor *no_cursor = NULL;
	const struct table *no_table = NULL;
	bool good =
		table && cursor && table->magic == TABLE_MAGIC && table->version == LOCAL_VERSION;

	if (!good || !atomic_compare_exchange_strong(&agent->cursor, &no_cursor, cursor))
		unmap_page(cursor, sizeof(*cursor));
	if (!good || !atomic_compare_exchange_strong(&agent->table, &no_table, table))
		unmap_page(table, sizeof(*table));
	return good ? 0 : -EPROTO;
}

int agent_take_pages(struct agent *agent, struct agent_answer *answer)
{
	int r = -EPROTO;

	if (!answer->reply.error && answer->n_fds == 2)
		r = publish(
			agent, map_page(answer->fds[0], sizeof(struct table), PROT_READ),
			map_page(answer->fds[1], sizeof(struct cursor), PROT_READ | PROT_WRITE));
	agent_drop_fds(answer);
	return r;
}

int agent_map(struct agent *agent)
{
	struct local_request request = {.op = LOCAL_TABLE};
	struct agent_answer answer;
	int r;

	if (atomic_load(&agent->table))
		return 0;
	r = agent_call(agent, &request, &answer);
	return r < 0 ? r : agent_take_pages(agent, &answer);
}

void agent_unmap(struct agent *agent)
{
	unmap_page(atomic_exchange(&agent->table, NULL), sizeof(struct table));
	unmap_page(atomic_exchange(&agent->cursor, NULL), sizeof(struct cursor));
}
