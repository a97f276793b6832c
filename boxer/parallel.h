/* SPDX-License-Identifier: MIT */
/*
 * Interface for parallel punching: one attempt to get a control link to a peer, by
 * all of its endpoints at once, from the node's one control port. It drives the
 * state machine of boxer/punch with real sockets, and is there only as long as the
 * attempt lasts.
 */
#ifndef BOXER_PARALLEL_H
#define BOXER_PARALLEL_H

#include "boxer/channel.h"
#include "boxer/punch.h"

#include <ev.h>

#define PARALLEL_NS (4 * 1000000000ULL) /* one attempt; see also PUNCH_PROOF_NS */

struct parallel;

#define PARALLEL_REFUSALS 2 /* of one endpoint, until both sides agree upon a time */

/**
 * struct parallel_ops - what it tells its owner, and asks it
 * @won, @failed: how it ends: one of the two is called, once, and wants it freed.
 *	@ch leads to the peer and is the owner's now; channel_own() it
 * @agree: the next try is due: call the peer's parallel_now(). Return: about how long
 *	that takes, in ns; 0 when there is no way to do so
 */
struct parallel_ops {
	void (*won)(void *arg, struct channel *ch);
	void (*failed)(void *arg, enum reason reason);
	uint64_t (*agree)(void *arg);
};

/**
 * struct parallel_config - of an attempt
 * @key: stays the caller's for its life
 * @self, @peer: the ids of both sides; the lower one selects
 * @local: address and control port of this node
 * @silence_ns: of the channels, see channel_pace_of()
 */
struct parallel_config {
	struct ev_loop *loop;
	const uint8_t *key;
	uint32_t self, peer;
	struct addr local;
	uint64_t silence_ns;
};

/**
 * parallel_start() - begin
 * @candidates: the peer's endpoints, at least one; @n of them, the likeliest first
 *
 * Return: the attempt, or NULL without memory. Nothing is called before it returns.
 */
struct parallel *parallel_start(const struct parallel_config *config, const struct addr *candidates,
				size_t n, const struct parallel_ops *ops, void *arg);
/** parallel_free() - NULL is legal. */
void parallel_free(struct parallel *p);
/** parallel_now() - the peer tries just now. */
void parallel_now(struct parallel *p);
/**
 * parallel_adopt() - the peer came in by the listener and has proven itself
 * @selected: it has also selected this connection
 *
 * Return: true when @ch was taken over; the attempt may have ended within the call.
 */
bool parallel_adopt(struct parallel *p, struct channel *ch, bool selected);

#endif
