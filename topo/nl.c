/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * rtnetlink works a datagram off message by message, in the sender's context,
 * and answers each with a datagram of its own. So a batch is one send() and as
 * many answers as messages; what bounds it is the room for answers in our
 * receive queue, of which an answer takes the better part of 1 KiB however
 * short it is: 64 of them fit the smallest default (net.core.rmem_default,
 * 212,992) three times over.
 *
 * An acknowledgement carries the sequence number of its message; the numbers of
 * one batch are consecutive, so that the number alone finds what it was for.
 */
#include "topo/nl.h"

#include "base/cleanup.h"
#include "topo/ns.h"

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BATCH_MSGS  64
#define BATCH_BYTES 32768
/* An answer to RTM_GETLINK with all its statistics takes about 2 KiB. */
#define ANSWER_BYTES 16384
#define WHO_MAX	     80
#define WHAT_MAX     128
/* The kernel answers before send() returns; this only keeps a lost answer from
 * becoming a hang. */
#define ANSWER_TIMEOUT_S 10

struct nl_batch {
	int fd;
	char who[WHO_MAX];
	uint32_t first_seq;
	size_t n;
	size_t len;
	char what[BATCH_MSGS][WHAT_MAX];
	char bytes[BATCH_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
};

void nl_say_more(int fd)
{
	int on = 1;

	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
}

static int open_socket(int netns, struct error *err)
{
	struct timeval patience = {.tv_sec = ANSWER_TIMEOUT_S};
	cleanup_close int fd = ns_socket(netns, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, err);

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return error_sys(err, errno, "cannot set up a netlink socket");
	nl_say_more(fd);
	return take_fd(&fd);
}

int nl_batch_open(int netns, const char *who, struct nl_batch **ret_batch, struct error *err)
{
	struct nl_batch *batch = malloc(sizeof(*batch));

	if (!batch)
		return error_sys(err, ENOMEM, "%s", who);
	batch->fd = open_socket(netns, err);
	if (batch->fd < 0) {
		free(batch);
		return error_wrap(err, "%s", who);
	}
	(void)snprintf(batch->who, sizeof(batch->who), "%s", who);
	batch->first_seq = 1;
	batch->n = 0;
	batch->len = 0;
	*ret_batch = batch;
	return 0;
}

void nl_batch_close(struct nl_batch *batch)
{
	if (!batch)
		return;
	(void)close(batch->fd);
	free(batch);
}

void nl_batch_free(struct nl_batch **batch)
{
	nl_batch_close(*batch);
}

/* The kernel's words stand behind a copy of the request, whole or its header alone. */
static const char *kernel_words(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = nlmsg_data(h);
	const struct nlattr *text;
	size_t skip = sizeof(*e);

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	if (h->nlmsg_len <= NLMSG_HDRLEN + skip)
		return NULL;
	text = nla_find((const struct nlattr *)((const char *)e + skip),
			(int)(h->nlmsg_len - NLMSG_HDRLEN - skip), NLMSGERR_ATTR_MSG);
	if (!text || nla_len(text) < 1 ||
	    strnlen(nla_data(text), (size_t)nla_len(text)) == (size_t)nla_len(text))
		return NULL;
	return nla_data(text);
}

int nl_answer(const struct nlmsghdr *h, const char *what, struct error *err)
{
	const struct nlmsgerr *e = nlmsg_data(h);
	const char *words;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)))
		return error_set(err, EPROTO, "%s: the kernel's answer is cut short", what);
	if (!e->error)
		return 0;
	words = kernel_words(h);
	if (!words)
		return error_sys(err, -e->error, "%s", what);
	return error_set(err, -e->error, "%s: %s (%s)", what, strerror(-e->error), words);
}

/* Takes in one datagram of answers; how many messages it answered is in @answered. */
static int read_answers(struct nl_batch *batch, size_t *answered, struct error *err)
{
	char buf[ANSWER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n = recv(batch->fd, buf, sizeof(buf), 0);
	struct nlmsghdr *h = (struct nlmsghdr *)buf;
	int len = (int)n;
	int r = 0;

	if (n < 0)
		return error_sys(err, errno, "no answer from rtnetlink");
	for (; nlmsg_ok(h, len); h = nlmsg_next(h, &len)) {
		uint32_t index = h->nlmsg_seq - batch->first_seq;

		if (h->nlmsg_type != NLMSG_ERROR || index >= batch->n)
			continue;
		(*answered)++;
		if (!r)
			r = nl_answer(h, batch->what[index], err);
	}
	return r;
}

int nl_batch_send(struct nl_batch *batch, struct error *err)
{
	struct error later;
	size_t answered = 0;
	int r = 0;

	if (!batch->n)
		return 0;
	if (send(batch->fd, batch->bytes, batch->len, 0) < 0) {
		(void)error_sys(err, errno, "cannot send to rtnetlink");
		return error_wrap(err, "%s", batch->who);
	}
	while (answered < batch->n) {
		size_t before = answered;
		int q = read_answers(batch, &answered, r ? &later : err);

		if (!r)
			r = q;
		/* Nothing was read: the queue is lost, further waiting is in vain. */
		if (q < 0 && answered == before)
			break;
	}
	batch->first_seq += (uint32_t)batch->n;
	batch->n = 0;
	batch->len = 0;
	if (r < 0 && err)
		return error_wrap(err, "%s", batch->who);
	return r;
}

int nl_batch_add(struct nl_batch *batch, struct nl_msg *msg, struct error *err, const char *fmt,
		 ...)
{
	struct nlmsghdr *h;
	va_list ap;
	int r = 0;

	if (!msg)
		return error_sys(err, ENOMEM, "%s", batch->who);
	h = nlmsg_hdr(msg);
	if (batch->n == BATCH_MSGS || batch->len + NLMSG_ALIGN(h->nlmsg_len) > BATCH_BYTES)
		r = nl_batch_send(batch, err);
	if (!r) {
		h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
		h->nlmsg_seq = batch->first_seq + (uint32_t)batch->n;
		h->nlmsg_pid = 0;
		(void)memcpy(batch->bytes + batch->len, h, h->nlmsg_len);
		(void)memset(batch->bytes + batch->len + h->nlmsg_len, 0,
			     NLMSG_ALIGN(h->nlmsg_len) - h->nlmsg_len);
		batch->len += NLMSG_ALIGN(h->nlmsg_len);
		va_start(ap, fmt);
		(void)vsnprintf(batch->what[batch->n], WHAT_MAX, fmt, ap);
		va_end(ap);
		batch->n++;
	}
	nlmsg_free(msg);
	return r;
}

/* Sends @ask and hands its answer to @take. */
static int exchange(struct nl_batch *batch, struct nlmsghdr *ask, const char *what,
		    void (*take)(const struct nlmsghdr *answer, void *arg), void *arg,
		    struct error *err)
{
	char buf[ANSWER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
	ssize_t n;

	ask->nlmsg_flags |= NLM_F_REQUEST;
	ask->nlmsg_seq = batch->first_seq++;
	ask->nlmsg_pid = 0;
	if (send(batch->fd, ask, ask->nlmsg_len, 0) < 0)
		return error_sys(err, errno, "%s: cannot send to rtnetlink", what);
	n = recv(batch->fd, buf, sizeof(buf), 0);
	if (n < 0)
		return error_sys(err, errno, "%s: no answer from rtnetlink", what);
	if (!nlmsg_ok(h, (int)n) || h->nlmsg_seq != ask->nlmsg_seq)
		return error_set(err, EPROTO, "%s: the kernel's answer is cut short", what);
	if (h->nlmsg_type == NLMSG_ERROR)
		return nl_answer(h, what, err);
	take(h, arg);
	return 0;
}

int nl_batch_ask(struct nl_batch *batch, struct nl_msg *msg,
		 void (*take)(const struct nlmsghdr *answer, void *arg), void *arg,
		 struct error *err, const char *fmt, ...)
{
	char what[WHAT_MAX];
	va_list ap;
	int r;

	if (!msg)
		return error_sys(err, ENOMEM, "%s", batch->who);
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	r = nl_batch_send(batch, err);
	if (!r) {
		r = exchange(batch, nlmsg_hdr(msg), what, take, arg, err);
		if (r < 0 && err)
			r = error_wrap(err, "%s", batch->who);
	}
	nlmsg_free(msg);
	return r;
}
