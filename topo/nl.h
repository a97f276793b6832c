/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for rtnetlink: the one place that sends to the kernel, waits for
 * the answer to *this* message, and gives back the kernel's own words. Messages
 * are queued and sent many at a time, since a topology is made of thousands of
 * small ones; each carries what it is for, so that a refusal is reported with
 * the object it was about.
 */
#ifndef TOPO_NL_H
#define TOPO_NL_H

#include "base/error.h"

#include <linux/netlink.h>

struct nl_batch;
struct nl_msg;

/**
 * nl_batch_open() - a socket for rtnetlink in @netns, and a queue
 * @who: whose namespace that is; put before every error
 *
 * Return: 0, or -errno.
 */
int nl_batch_open(int netns, const char *who, struct nl_batch **ret_batch, struct error *err);
/** nl_batch_close() - drops what was queued and not sent; NULL is legal. */
void nl_batch_close(struct nl_batch *batch);
/** nl_batch_free() - nl_batch_close() for cleanup_with(). */
void nl_batch_free(struct nl_batch **batch);

/**
 * nl_batch_add() - queue a request; sends what is queued when the queue is full
 * @msg: the request; always consumed. NULL: building it failed for want of memory
 * @fmt: what the request is for: "link eth0"
 *
 * Return: 0, or -errno, which may be the answer to an earlier message.
 */
int nl_batch_add(struct nl_batch *batch, struct nl_msg *msg, struct error *err, const char *fmt,
		 ...) __attribute__((format(printf, 4, 5)));
/**
 * nl_batch_send() - send what is queued and read every answer
 *
 * Return: 0, or -errno of the first message that was refused; the others have
 * been carried out all the same.
 */
int nl_batch_send(struct nl_batch *batch, struct error *err);

/**
 * nl_batch_ask() - send what is queued, then a request that an object answers
 * @msg: the request; always consumed. NULL as for nl_batch_add()
 * @take: called with the answer
 * @fmt: what is asked for
 *
 * Return: 0, or -errno.
 */
int nl_batch_ask(struct nl_batch *batch, struct nl_msg *msg,
		 void (*take)(const struct nlmsghdr *answer, void *arg), void *arg,
		 struct error *err, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/**
 * nl_answer() - what an NLMSG_ERROR message says; of any netlink family
 * @what: what the request was for
 *
 * Return: 0 for an acknowledgement, or -errno with the kernel's words in @err.
 */
int nl_answer(const struct nlmsghdr *h, const char *what, struct error *err);

/**
 * nl_say_more() - ask the kernel for words in refusals, and for short answers
 *
 * Kernels before 4.12 have neither, which is no error.
 */
void nl_say_more(int fd);

#endif
