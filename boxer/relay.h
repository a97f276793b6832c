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

#include "boxer/events.h"
#include "boxer/members.h"
#include "boxer/reception.h"

#define RELAY_PAIRS_MAX	  256
#define RELAY_WAITING_MAX 256 /* without their other half; the oldest gives way */
#define RELAY_SHARE	  8   /* or fewer, see sock_quota(); a pair has two */
#define RELAY_WAITING_NS  (10 * 1000000000ULL)
#define RELAY_BUFFER	  (64UL * 1024) /* for each direction of a pair */

struct relay;

/**
 * struct relay_config - what it needs of its owner, for its life
 * @members: only they are served; NULL: nobody
 * @events: where "relayed" goes, of each pair that is over
 */
struct relay_config {
	struct ev_loop *loop;
	const uint8_t *key;
	const struct members *members;
	const struct events *events;
};

/** relay_new() - Return: a relay, or NULL without memory. @config is copied. */
struct relay *relay_new(const struct relay_config *config);
/** relay_free() - hangs up on all, nobody is told; NULL is legal. */
void relay_free(struct relay *r);
/**
 * relay_take() - a connection that has said FRAME_RELAY; for struct reception_ops
 *
 * Without the key it is hung up on. Else it is answered with REASON_NONE once its other
 * half is there, why the two are not served, REASON_TIMEOUT, or REASON_LOCAL without room.
 */
void relay_take(struct relay *r, const struct arrival *a, const uint8_t *body, size_t len);

#endif
