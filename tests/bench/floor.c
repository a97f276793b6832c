/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * The floor is what any program must pay the kernel for this topology: its
 * messages are those of a real topo_apply(), taken down where topo hands them to
 * the kernel (send() and sendmsg(), wrapped by the linker), and sent again in a
 * process that knows nothing of nodes, links or NATs.
 *
 * It makes as many namespaces and sends the same bytes in the same order. Sysctls
 * are written by topo's own code, since how fast that goes depends on how it is
 * done. It leaves out all else: to compute and to check anything; to ask for
 * acknowledgements, and to read them; to come home after each namespace (it goes
 * from one into the next one, and opens its sockets while it is inside); and
 * to wait until the links carry packets. If the kernel refuses something, nobody
 * notices here: that the result is the same is for a test to see.
 */
#include "tests/bench/bench.h"

#include "base/cleanup.h"
#include "topo/ns.h"
#include "topo/sysctl.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define BYTES_PER_NODE	  (64 * 1024UL)
#define MESSAGES_PER_NODE 16

/**
 * struct floor_message - one datagram
 * @netns: the inode of the namespace it was sent in
 * @node: that namespace's node
 * @nft: of nfnetlink, else of rtnetlink
 * @at: where its bytes lie
 */
struct floor_message {
	ino_t netns;
	size_t node;
	bool nft;
	size_t at, len;
};

/**
 * struct floor_log - what was sent
 * @fds: the descriptor of each node's namespace then; messages name it
 * @failed: something did not fit
 */
struct floor_log {
	struct floor_message *messages;
	size_t n_messages, messages_max;
	char *bytes;
	size_t n_bytes, bytes_max;
	int *fds;
	bool failed;
};

/* Of the process that is listened to. */
static struct floor_log *listener;

static void *share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct floor_log *floor_log_new(size_t n_nodes)
{
	struct floor_log *log = share(sizeof(*log));

	if (!log)
		return NULL;
	log->messages_max = n_nodes * MESSAGES_PER_NODE;
	log->bytes_max = n_nodes * BYTES_PER_NODE;
	log->messages = share(log->messages_max * sizeof(*log->messages));
	log->bytes = share(log->bytes_max);
	log->fds = share(n_nodes * sizeof(*log->fds));
	return log->messages && log->bytes && log->fds ? log : NULL;
}

void floor_listen(struct floor_log *log)
{
	listener = log;
}

static int inode_of(int fd, ino_t *ret_inode)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	*ret_inode = st.st_ino;
	return 0;
}

static void note(int fd, const struct iovec *iov, size_t n_iov)
{
	struct floor_log *log = listener;
	struct floor_message *m = &log->messages[log->n_messages];
	cleanup_close int netns = ioctl(fd, SIOCGSKNS);
	socklen_t size = sizeof(int);
	int protocol = 0;

	log->failed |= log->n_messages == log->messages_max || inode_of(netns, &m->netns) < 0 ||
		       getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0;
	if (log->failed)
		return;
	m->nft = protocol == NETLINK_NETFILTER;
	m->at = log->n_bytes;
	for (size_t i = 0; i < n_iov; i++) {
		if (iov[i].iov_len > log->bytes_max - log->n_bytes) {
			log->failed = true;
			return;
		}
		(void)memcpy(log->bytes + log->n_bytes, iov[i].iov_base, iov[i].iov_len);
		log->n_bytes += iov[i].iov_len;
	}
	m->len = log->n_bytes - m->at;
	log->n_messages++;
}

/* The linker gives our names to topo's calls, and the real ones to us. */
ssize_t __real_send(int fd, const void *buf, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	union {
		const void *from;
		void *to;
	} cast = {buf};

	if (listener)
		note(fd, &(struct iovec){.iov_base = cast.to, .iov_len = len}, 1);
	return __real_send(fd, buf, len, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (listener)
		note(fd, msg->msg_iov, msg->msg_iovlen);
	return __real_sendmsg(fd, msg, flags);
}

/* Nobody will read an acknowledgement. Return: false for a question, which topo only waits by. */
static bool make_blind(struct floor_log *log, const struct floor_message *m)
{
	char *at = log->bytes + m->at;
	size_t left = m->len;

	while (left >= NLMSG_HDRLEN) {
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)at;
		size_t step = NLMSG_ALIGN(h->nlmsg_len);

		if (!m->nft && h->nlmsg_type == RTM_GETLINK)
			return false;
		h->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
		if (step < NLMSG_HDRLEN || step > left)
			break;
		at += step;
		left -= step;
	}
	return true;
}

int floor_prepare(struct bench *bench, struct error *err)
{
	size_t n_nodes = bench->spec->n_nodes;
	cleanup_free ino_t *inodes = calloc(n_nodes, sizeof(*inodes));
	struct floor_log *log = bench->log;
	size_t kept = 0;

	if (!inodes || log->failed)
		return error_sys(err, ENOMEM, "cannot record what topo sends");
	for (size_t n = 0; n < n_nodes; n++) {
		log->fds[n] = bench->netns[n];
		if (inode_of(log->fds[n], &inodes[n]) < 0)
			return error_sys(err, errno, "cannot tell namespaces apart");
	}
	for (size_t i = 0; i < log->n_messages; i++) {
		struct floor_message m = log->messages[i];

		for (m.node = 0; m.node < n_nodes && inodes[m.node] != m.netns;)
			m.node++;
		if (m.node == n_nodes)
			return error_set(err, EPROTO, "a message for no node was recorded");
		if (make_blind(log, &m))
			log->messages[kept++] = m;
	}
	log->n_messages = kept;
	return 0;
}

static int send_nft(const struct floor_log *log, size_t node, size_t *next)
{
	const struct floor_message *m = &log->messages[*next];
	cleanup_close int fd = -1;

	/* Those of nft come first, and node by node, as their namespaces were made. */
	if (*next == log->n_messages || !m->nft || m->node != node)
		return 0;
	(*next)++;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	return fd < 0 || __real_send(fd, log->bytes + m->at, m->len, 0) < 0 ? -errno : 0;
}

/* Leaves the caller in the new namespace. */
static int make_node(struct bench *bench, size_t node, int proc, int *ret_rtnl, size_t *next)
{
	const struct topo_node *n = &bench->spec->nodes[node];
	cleanup_close int netns = -1;
	int r;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	netns = ns_current(NULL);
	/* Links are sent to it by this number. */
	if (netns < 0 || dup3(netns, bench->log->fds[node], O_CLOEXEC) < 0)
		return -errno;
	bench->netns[node] = bench->log->fds[node];
	*ret_rtnl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (*ret_rtnl < 0)
		return -errno;
	r = send_nft(bench->log, node, next);
	return r ? r : sysctl_write(proc, n->kind, n->nat, NULL);
}

int floor_build(struct bench *bench, struct error *err)
{
	const struct floor_log *log = bench->log;
	cleanup_free int *rtnl = calloc(bench->spec->n_nodes, sizeof(*rtnl));
	cleanup_close int proc = -1;
	size_t next = 0;
	int r = rtnl ? 0 : -ENOMEM;

	/* What is opened on the way must not get in theirs. */
	for (size_t n = 0; r == 0 && n < bench->spec->n_nodes; n++)
		r = dup3(STDERR_FILENO, log->fds[n], O_CLOEXEC) < 0 ? -errno : 0;
	for (size_t n = 0; r == 0 && n < bench->spec->n_nodes; n++) {
		if (n % SYSCTL_NAMESPACES_MAX == 0) {
			if (proc >= 0)
				(void)close(proc);
			proc = sysctl_open_proc(err);
			if (proc < 0)
				return proc;
		}
		r = make_node(bench, n, proc, &rtnl[n], &next);
	}
	for (; r == 0 && next < log->n_messages; next++) {
		const struct floor_message *m = &log->messages[next];

		if (__real_send(rtnl[m->node], log->bytes + m->at, m->len, 0) < 0)
			r = -errno;
	}
	return r < 0 ? error_sys(err, -r, "floor") : 0;
}
