/* SPDX-License-Identifier: MIT */
/*
 * Interface for the hand-off: connected sockets that the node holds are given to
 * unmodified listening programs. For each one a signal connection is made to
 * the program's own listening socket, from 127.77.0.0/16; whatever the program
 * waits with (accept, poll, epoll, a signal) is woken by the kernel as by any
 * other connection; the shim sees where the accepted connection comes from,
 * fetches the real socket and puts it in its place.
 */
#ifndef BOXER_HANDOFF_H
#define BOXER_HANDOFF_H

#include "base/addr.h"

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#define HANDOFF_PENDING_MAX 512 /* connections that wait to be fetched, over all ports */
#define HANDOFF_PORT_MAX    256 /* of them on one port: one program that hangs is not all */
#define HANDOFF_BREAKS_MAX  8	/* signals in a row that nobody fetched: the port is given up */
#define HANDOFF_PAUSE_NS    (10 * 1000000ULL) /* before a signal is sent again; doubles */

struct handoff;

/** handoff_new() - @inside: the machine's own address. Return: NULL without memory. */
struct handoff *handoff_new(struct ev_loop *loop, const struct addr *inside);
/** handoff_free() - what has not been fetched is reset; NULL is legal. */
void handoff_free(struct handoff *h);
/**
 * handoff_give() - a connection for whoever listens on @port
 * @fd: connected; taken over, reset when it can't be handed over
 * @remote: its peer
 *
 * Return: 0, or -errno.
 */
int handoff_give(struct handoff *h, uint16_t port, int fd, const struct addr *remote);
/**
 * handoff_fetch() - a program accepted the signal connection from @signal on @port
 * @ret_remote: the real peer
 *
 * Signals are credits: the connection that has waited longest on @port is given,
 * whichever signal came, so the order of arrival is kept.
 *
 * Return: the connected socket, which the caller owns; -ENOENT when @signal is
 * none of ours.
 */
int handoff_fetch(struct handoff *h, const struct addr *signal, uint16_t port,
		  struct addr *ret_remote);
/** handoff_pending() - connections that wait. */
size_t handoff_pending(const struct handoff *h);
/** handoff_pending_on() - those of them that wait on @port. */
size_t handoff_pending_on(const struct handoff *h, uint16_t port);

#endif
