/* SPDX-License-Identifier: MIT */
/*
 * Interface for a relay: it joins two connections of two members, for pairs of NATs
 * between which there is no other way. Each says with FRAME_RELAY who it is, whom it
 * wants, and a token that the two have agreed on; both hold the cluster's key. From
 * FRAME_RELAYED on the relay passes bytes, and an end of one direction as such. A
 * token is good for one attempt: what was heard once is not believed again.
 */
#ifndef BOXER_RELAY_H
#define BOXER_RELAY_H

#include "boxer/auth.h"
#include "boxer/reason.h"
#include "boxer/reception.h"

#define RELAY_PAIRS_MAX	  256
#define RELAY_WAITING_MAX 256 /* without their other half; the oldest gives way */
#define RELAY_SHARE	  8   /* or fewer, see sock_quota(); a pair has two */
#define RELAY_WAITING_NS  (10 * 1000000000ULL)
#define RELAY_BUFFER	  (64UL * 1024) /* for each direction of a pair */

struct relay;

/**
 * struct relay_account - of a pair that is over
 * @from: who came first
 * @there, @back: bytes from @from to @to, and the other way
 */
struct relay_account {
	uint32_t from, to;
	uint64_t there, back;
	uint64_t took_ns;
};

/**
 * struct relay_ops - what it asks and tells its owner
 * @allow: REASON_NONE, or why these two are not served
 * @ended: NULL when nobody wants to know
 */
struct relay_ops {
	enum reason (*allow)(void *arg, uint32_t from, uint32_t to);
	void (*ended)(void *arg, const struct relay_account *account);
};

/** relay_new() - @key stays the caller's. Return: a relay, or NULL without memory. */
struct relay *relay_new(struct ev_loop *loop, const uint8_t *key, const struct relay_ops *ops,
			void *arg);
/** relay_free() - hangs up on all, nobody is told; NULL is legal. */
void relay_free(struct relay *r);
/**
 * relay_take() - a connection that has said FRAME_RELAY; for struct reception_ops
 *
 * Without the key it is hung up on. Else it is answered with REASON_NONE once its other
 * half is there, what @allow says, REASON_TIMEOUT, or REASON_LOCAL without room.
 */
void relay_take(struct relay *r, const struct arrival *a, const uint8_t *body, size_t len);

#endif
