/* SPDX-License-Identifier: MIT */
/*
 * Interface for an observer: it tells whoever holds the cluster's key from where
 * it sees their connection. That connection may stay open, which keeps the
 * mapping of a NAT alive, and may ask again. Who does not hold the key, or
 * repeats what somebody else has said, is hung up on without a word. The other
 * side is boxer/observation.
 */
#ifndef BOXER_OBSERVER_H
#define BOXER_OBSERVER_H

#include "boxer/auth.h"
#include "boxer/profile.h"
#include "boxer/reception.h"

#define OBSERVER_MAX	8192 /* connections that stay; who has asked least recently gives way */
#define OBSERVER_SHARE	2    /* or fewer, see sock_quota() */
#define OBSERVER_IDLE_S 20   /* between two keepalives, three of which may be lost */

struct observer;

/**
 * observer_seen - somebody with the key was seen, for the first time on its connection
 * @token: what it called itself; all zero: nobody
 */
typedef void observer_seen(void *arg, const uint8_t token[static FRAME_TOKEN_LEN],
			   const struct profile_view *view);

/**
 * observer_new() - @key stays the caller's
 * @seen: called before the answer is sent; NULL when nobody wants to know
 *
 * Return: an observer, or NULL without memory.
 */
struct observer *observer_new(struct ev_loop *loop, const uint8_t *key, observer_seen *seen,
			      void *arg);
/** observer_free() - hangs up on all; NULL is legal. */
void observer_free(struct observer *o);
/** observer_take() - a connection that has said FRAME_OBSERVE; for struct reception_ops. */
void observer_take(struct observer *o, const struct arrival *a, const uint8_t *body, size_t len);

#endif
