/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * Two sockets in the watched namespace. One has joined the groups of events and
 * is only ever read; the other asks for dumps and flushes. The kernel queues an
 * event in the context of the packet that caused it, and drops it when the
 * queue is full, of which the next read tells once by ENOBUFS. Then the table is
 * set right by a dump: what the dump shows is open, what it does not show has
 * ended unseen.
 *
 * Events carry no counters but for the last one, so counters of open flows come
 * by dumps. A dump may still show an entry whose end was reported already, since
 * the kernel reports before it unlinks; such entries bear IPS_DYING, and are
 * passed over. And it may no longer show one that ended since the events were read, so
 * they are read again after it.
 */
#include "topo/conntrack.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "topo/flowtable.h"
#include "topo/nl.h"
#include "topo/ns.h"

#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

/* A part of a dump is at most 32 KiB (NLMSG_GOODSIZE is less). */
#define READ_BYTES 32768
/* Room for some ten thousand events, if net.core.rmem_max allows it. */
#define EVENT_QUEUE_BYTES (8 << 20)
/* How often a dump is begun again when the table changed under it. */
#define DUMP_TRIES 8
/* The kernel answers before send() returns; this only keeps a lost answer from
 * becoming a hang. */
#define ANSWER_TIMEOUT_S 10

struct conntrack {
	struct mnl_socket *events;
	struct mnl_socket *requests;
	struct flowtable *table;
	uint32_t seq;
	bool overrun;
	bool full;
	char buf[READ_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static int open_socket(int netns, unsigned int groups, struct mnl_socket **ret_nl,
		       struct error *err)
{
	cleanup_close int fd = ns_socket(netns, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, err);
	struct timeval patience = {.tv_sec = ANSWER_TIMEOUT_S};
	struct mnl_socket *nl;

	if (fd < 0)
		return fd;
	nl_say_more(fd);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return error_sys(err, errno, "cannot set up a conntrack socket");
	nl = mnl_socket_fdopen(fd);
	if (!nl)
		return error_sys(err, errno, "cannot open a conntrack socket");
	(void)take_fd(&fd);
	*ret_nl = nl;
	if (mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) < 0)
		return error_sys(err, errno, "cannot listen to conntrack events");
	return 0;
}

static void enlarge_queue(struct mnl_socket *nl)
{
	int bytes = EVENT_QUEUE_BYTES;
	int fd = mnl_socket_get_fd(nl);

	/* Past rmem_max only with privileges over the machine; an overrun is mended
	 * anyway, so less will do. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

int conntrack_open(int netns, struct conntrack **ret_watch, struct error *err)
{
	struct conntrack *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return error_sys(err, ENOMEM, "conntrack watch");
	watch->table = flowtable_new();
	if (!watch->table) {
		free(watch);
		return error_sys(err, ENOMEM, "conntrack watch");
	}
	r = open_socket(netns, 0, &watch->requests, err);
	if (!r)
		r = open_socket(netns,
				NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_UPDATE |
					NF_NETLINK_CONNTRACK_DESTROY,
				&watch->events, err);
	if (r < 0) {
		conntrack_close(watch);
		return r;
	}
	enlarge_queue(watch->events);
	*ret_watch = watch;
	return 0;
}

void conntrack_close(struct conntrack *watch)
{
	if (!watch)
		return;
	if (watch->events)
		(void)mnl_socket_close(watch->events);
	if (watch->requests)
		(void)mnl_socket_close(watch->requests);
	flowtable_free(watch->table);
	free(watch);
}

int conntrack_fd(const struct conntrack *watch)
{
	return mnl_socket_get_fd(watch->events);
}

/* The attributes of one endpoint of a tuple, for either family. */
struct endpoint_attrs {
	enum nf_conntrack_attr v4, v6, port;
};

static const struct endpoint_attrs orig_src = {ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC,
					       ATTR_ORIG_PORT_SRC};
static const struct endpoint_attrs orig_dst = {ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST,
					       ATTR_ORIG_PORT_DST};
static const struct endpoint_attrs repl_src = {ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC,
					       ATTR_REPL_PORT_SRC};
static const struct endpoint_attrs repl_dst = {ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST,
					       ATTR_REPL_PORT_DST};

static struct addr decode_endpoint(const struct nf_conntrack *ct,
				   const struct endpoint_attrs *attrs)
{
	struct addr addr = {0};
	const void *bytes;

	bytes = nfct_get_attr(ct, attrs->v4);
	if (bytes) {
		addr.family = AF_INET;
		(void)memcpy(addr.bytes, bytes, 4);
	} else {
		bytes = nfct_get_attr(ct, attrs->v6);
		if (!bytes)
			return addr;
		addr.family = AF_INET6;
		(void)memcpy(addr.bytes, bytes, 16);
	}
	if (nfct_attr_is_set(ct, attrs->port) > 0)
		addr.port = ntohs(nfct_get_attr_u16(ct, attrs->port));
	return addr;
}

static enum conntrack_tcp decode_tcp(uint8_t state)
{
	switch (state) {
	case TCP_CONNTRACK_SYN_SENT:
	case TCP_CONNTRACK_SYN_SENT2:
	case TCP_CONNTRACK_SYN_RECV:
		return CONNTRACK_TCP_OPENING;
	case TCP_CONNTRACK_ESTABLISHED:
		return CONNTRACK_TCP_ESTABLISHED;
	case TCP_CONNTRACK_FIN_WAIT:
	case TCP_CONNTRACK_CLOSE_WAIT:
	case TCP_CONNTRACK_LAST_ACK:
	case TCP_CONNTRACK_TIME_WAIT:
		return CONNTRACK_TCP_CLOSING;
	case TCP_CONNTRACK_CLOSE:
		return CONNTRACK_TCP_CLOSED;
	default:
		return CONNTRACK_TCP_NONE;
	}
}

static struct flow_report decode(const struct nf_conntrack *ct)
{
	struct flow_report report = {
		.flow =
			{
				.id = nfct_get_attr_u32(ct, ATTR_ID),
				.proto = nfct_get_attr_u8(ct, ATTR_L4PROTO),
				.src = decode_endpoint(ct, &orig_src),
				.dst = decode_endpoint(ct, &orig_dst),
				.reply_src = decode_endpoint(ct, &repl_src),
				.reply_dst = decode_endpoint(ct, &repl_dst),
			},
		.has_counters = nfct_attr_is_set(ct, ATTR_ORIG_COUNTER_BYTES) > 0,
		.has_timeout = nfct_attr_is_set(ct, ATTR_TIMEOUT) > 0,
		.has_tcp = nfct_attr_is_set(ct, ATTR_TCP_STATE) > 0,
		.assured = nfct_get_attr_u32(ct, ATTR_STATUS) & IPS_ASSURED,
	};

	if (report.has_counters) {
		report.flow.bytes = nfct_get_attr_u64(ct, ATTR_ORIG_COUNTER_BYTES);
		report.flow.reply_bytes = nfct_get_attr_u64(ct, ATTR_REPL_COUNTER_BYTES);
		report.flow.packets = nfct_get_attr_u64(ct, ATTR_ORIG_COUNTER_PACKETS);
		report.flow.reply_packets = nfct_get_attr_u64(ct, ATTR_REPL_COUNTER_PACKETS);
	}
	if (report.has_timeout)
		report.flow.expires_s = nfct_get_attr_u32(ct, ATTR_TIMEOUT);
	if (report.has_tcp)
		report.flow.tcp = decode_tcp(nfct_get_attr_u8(ct, ATTR_TCP_STATE));
	return report;
}

static enum flow_source source_of(const struct nlmsghdr *h, bool dump)
{
	if (dump)
		return FLOW_DUMP;
	if ((h->nlmsg_type & 0xff) == IPCTNL_MSG_CT_DELETE)
		return FLOW_END;
	return FLOW_EVENT;
}

static void free_ct(struct nf_conntrack **ct)
{
	if (*ct)
		nfct_destroy(*ct);
}

static int take_message(struct conntrack *watch, const struct nlmsghdr *h, bool dump,
			struct error *err)
{
	cleanup_with(free_ct) struct nf_conntrack *ct = NULL;
	struct flow_report report;

	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_CTNETLINK)
		return 0;
	ct = nfct_new();
	if (!ct)
		return error_sys(err, ENOMEM, "conntrack watch");
	if (nfct_nlmsg_parse(h, ct) < 0)
		return error_set(err, EPROTO, "a conntrack message is not understood");
	if (dump && nfct_get_attr_u32(ct, ATTR_STATUS) & IPS_DYING)
		return 0;
	report = decode(ct);
	if (flowtable_put(watch->table, source_of(h, dump), &report, clock_now()) < 0)
		watch->full = true;
	return 0;
}

/* Takes in one datagram of events. Return: 1, 0 when none waits, or -errno. */
static int read_events(struct conntrack *watch, struct error *err)
{
	ssize_t n = recv(mnl_socket_get_fd(watch->events), watch->buf, sizeof(watch->buf),
			 MSG_DONTWAIT);
	int len = (int)n;
	int r = 0;

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0 && errno == ENOBUFS) {
		watch->overrun = true;
		return 1;
	}
	if (n < 0)
		return error_sys(err, errno, "cannot read conntrack events");
	for (const struct nlmsghdr *h = (const struct nlmsghdr *)watch->buf;
	     r == 0 && mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len))
		r = take_message(watch, h, false, err);
	return r < 0 ? r : 1;
}

static int drain_events(struct conntrack *watch, struct error *err)
{
	int r;

	do
		r = read_events(watch, err);
	while (r > 0);
	return r;
}

static int send_request(struct conntrack *watch, uint16_t type, uint16_t flags, struct error *err)
{
	char buf[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct nfgenmsg))]
		__attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;

	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = ++watch->seq;
	nfg = mnl_nlmsg_put_extra_header(h, sizeof(*nfg));
	nfg->nfgen_family = AF_UNSPEC;
	nfg->version = NFNETLINK_V0;
	if (mnl_socket_sendto(watch->requests, h, h->nlmsg_len) < 0)
		return error_sys(err, errno, "cannot send to conntrack");
	return 0;
}

/*
 * Reads answers until the one that ends them.
 *
 * Return: 0; 1 when the table changed while it was dumped; or -errno.
 */
static int read_answers(struct conntrack *watch, const char *what, struct error *err)
{
	bool interrupted = false;

	for (;;) {
		ssize_t n =
			recv(mnl_socket_get_fd(watch->requests), watch->buf, sizeof(watch->buf), 0);
		int len = (int)n;

		if (n < 0)
			return error_sys(err, errno, "%s: no answer", what);
		for (const struct nlmsghdr *h = (const struct nlmsghdr *)watch->buf;
		     mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len)) {
			int r;

			if (h->nlmsg_seq != watch->seq)
				continue;
			interrupted |= h->nlmsg_flags & NLM_F_DUMP_INTR;
			if (h->nlmsg_type == NLMSG_DONE)
				return interrupted;
			if (h->nlmsg_type == NLMSG_ERROR)
				return nl_answer(h, what, err);
			r = take_message(watch, h, true, err);
			if (r < 0)
				return r;
		}
	}
}

static int dump(struct conntrack *watch, struct error *err)
{
	int r = 1;

	for (int i = 0; i < DUMP_TRIES && r == 1; i++) {
		flowtable_dump_begin(watch->table);
		r = send_request(watch, IPCTNL_MSG_CT_GET, NLM_F_DUMP, err);
		if (!r)
			r = read_answers(watch, "conntrack dump", err);
	}
	if (r == 1)
		return error_set(err, EINTR, "conntrack dump: the table never stood still");
	return r;
}

/* What both ways of reading end with. */
static int say_if_full(struct conntrack *watch, struct error *err)
{
	if (!watch->full)
		return 0;
	watch->full = false;
	return error_set(err, ENOSPC, "more than %d flows are open", CONNTRACK_FLOWS_MAX);
}

static int process(struct conntrack *watch, bool counters, struct error *err)
{
	int r = drain_events(watch, err);

	if (r < 0)
		return r;
	if (watch->overrun || counters) {
		r = dump(watch, err);
		if (r < 0)
			return r;
		if (watch->overrun)
			flowtable_dump_end(watch->table, clock_now());
		watch->overrun = false;
		r = drain_events(watch, err);
		if (r < 0)
			return r;
	}
	return say_if_full(watch, err);
}

int conntrack_process(struct conntrack *watch, struct error *err)
{
	return process(watch, false, err);
}

int conntrack_refresh(struct conntrack *watch, struct error *err)
{
	return process(watch, true, err);
}

const struct conntrack_flow *conntrack_flows(const struct conntrack *watch, size_t *ret_n)
{
	return flowtable_flows(watch->table, ret_n);
}

uint64_t conntrack_forgot_until(const struct conntrack *watch)
{
	return flowtable_forgot_until(watch->table);
}

int conntrack_flush(struct conntrack *watch, struct error *err)
{
	int r = send_request(watch, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, err);

	if (!r)
		r = read_answers(watch, "conntrack flush", err);
	/* The ends that the flush itself has caused wait here. */
	if (!r)
		r = drain_events(watch, err);
	if (r < 0)
		return r;
	flowtable_clear(watch->table);
	watch->overrun = false;
	watch->full = false;
	return 0;
}
