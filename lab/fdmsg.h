/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for messages that carry descriptors: one message is one packet of a
 * SOCK_SEQPACKET socket. Descriptors that are sent stay the sender's; those
 * that are received are CLOEXEC and belong to the receiver.
 */
#ifndef LAB_FDMSG_H
#define LAB_FDMSG_H

#include <stddef.h>
#include <sys/types.h>

#define FDMSG_FDS_MAX 8

/**
 * struct fdmsg - a message with its descriptors
 * @data: the bytes
 * @size: how many; when receiving, how many fit
 * @fds: the descriptors; unused ones are -1 after fdmsg_recv()
 * @n_fds: how many
 */
struct fdmsg {
	void *data;
	size_t size;
	int fds[FDMSG_FDS_MAX];
	size_t n_fds;
};

/** fdmsg_pair() - two connected SOCK_SEQPACKET sockets. Return: 0, or -errno. */
int fdmsg_pair(int ret_socks[static 2]);

/**
 * fdmsg_send() - send one message; never raises SIGPIPE
 * @flags: MSG_DONTWAIT, or 0
 *
 * Return: 0, or -errno (-EAGAIN, -EPIPE, -EMSGSIZE).
 */
int fdmsg_send(int sock, const struct fdmsg *msg, int flags);

/**
 * fdmsg_recv() - receive one message
 * @flags: MSG_DONTWAIT, or 0
 *
 * Return: its length, 0 when the other side has closed, or -errno; -EMSGSIZE
 * when bytes or descriptors did not fit (the message is gone then, and nothing
 * of it is left open).
 */
ssize_t fdmsg_recv(int sock, struct fdmsg *msg, int flags);

/** fdmsg_close() - close all descriptors of a message. */
void fdmsg_close(struct fdmsg *msg);
/** fdmsg_take() - hand over the descriptor at @i, or -1 when there is none. */
int fdmsg_take(struct fdmsg *msg, size_t i);

#endif
