/* SPDX-License-Identifier: MIT */
/*
 * Interface for the reception of a listening port: it finds out what a connection
 * has come for, by its first frame, and shows it to the right room. Nobody has
 * proven anything here, so all of it is bounded: a table whose oldest entry gives
 * way to the newest, and a deadline. It is for a seed's ports and for a node's
 * control port alike.
 */
#ifndef BOXER_RECEPTION_H
#define BOXER_RECEPTION_H

#include "base/addr.h"

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#define RECEPTION_MAX	   1024 /* connections that have not said yet what they want */
#define RECEPTION_SHARE	   8	/* or fewer, see sock_quota() */
#define RECEPTION_NS	   (5 * 1000000000ULL)
#define RECEPTION_BODY_MAX 64 /* of a frame that is said instead of a session */

struct reception;

/**
 * struct arrival - a connection that has come
 * @fd: close-on-exec and non-blocking
 * @from: the other side
 * @at: our own address and port, to which it came
 */
struct arrival {
	int fd;
	struct addr from, at;
};

/**
 * struct reception_ops - the rooms; each takes over the descriptor. NULL: there is no such room,
 * and who asks for it is hung up on
 * @hello: wants a channel; nothing has been read from it
 * @observe, @relay: said that frame, with this body; it was taken off the connection
 */
struct reception_ops {
	void (*hello)(void *arg, const struct arrival *a);
	void (*observe)(void *arg, const struct arrival *a, const uint8_t *body, size_t len);
	void (*relay)(void *arg, const struct arrival *a, const uint8_t *body, size_t len);
};

/** reception_new() - Return: a reception, or NULL without memory. */
struct reception *reception_new(struct ev_loop *loop, const struct reception_ops *ops, void *arg);
/** reception_free() - hangs up on all who are still here; NULL is legal. */
void reception_free(struct reception *r);
/** reception_take() - somebody has come; @fd is taken over. May call back at once. */
void reception_take(struct reception *r, int fd, const struct addr *from);

#endif
