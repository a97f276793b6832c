/* SPDX-License-Identifier: MIT */
/*
 * Interface for acceptors: a listening socket in an event loop. Out of
 * descriptors, accept() fails and the socket stays readable, which would spin. An
 * acceptor keeps one descriptor in reserve, with which it hangs up on those for
 * whom there is no other; without even that one it rests for a moment.
 */
#ifndef BOXER_ACCEPTOR_H
#define BOXER_ACCEPTOR_H

#include "base/addr.h"

#include <ev.h>

#define ACCEPTOR_RUN	 64		   /* connections taken before others get their turn */
#define ACCEPTOR_REST_NS (50 * 1000000ULL) /* when descriptors have run out */

/**
 * struct acceptor - embedded by its owner
 * @accepted: takes over @fd, which is close-on-exec and non-blocking; @from is
 *	AF_UNSPEC for a local socket
 */
struct acceptor {
	struct ev_loop *loop;
	struct ev_io io;
	struct ev_timer timer;
	int reserve;
	void (*accepted)(void *arg, int fd, const struct addr *from);
	void *arg;
};

/** acceptor_start() - @fd: listening, non-blocking; taken over. */
void acceptor_start(struct acceptor *a, struct ev_loop *loop, int fd,
		    void (*accepted)(void *arg, int fd, const struct addr *from), void *arg);
/** acceptor_stop() - stop and close; one that was never started (all zero) is legal. */
void acceptor_stop(struct acceptor *a);

#endif
