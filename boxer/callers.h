/* SPDX-License-Identifier: MIT */
/*
 * Interface for callers: who comes in by a node's control port. A caller proves who
 * it is; then the owner of the links takes its channel, or sends it away, or has not
 * heard of it yet, and then it waits for a while to be announced. All of them are
 * bounded; the oldest gives way. Who asks for a relay is handed on.
 */
#ifndef BOXER_CALLERS_H
#define BOXER_CALLERS_H

#include "boxer/channel.h"
#include "boxer/relay.h"

#include <ev.h>
#include <stdbool.h>

#define CALLERS_MAX	   64		       /* not yet taken */
#define CALLERS_UNKNOWN_NS (1 * 1000000000ULL) /* for one to be announced */

struct callers;

/**
 * enum caller_verdict - what becomes of one who has proven its id
 * @CALLER_TAKEN: the channel is the owner's now
 * @CALLER_UNWANTED: it is hung up on
 * @CALLER_UNKNOWN: it holds the key, but nobody has spoken of that id
 */
enum caller_verdict { CALLER_TAKEN, CALLER_UNWANTED, CALLER_UNKNOWN };

/**
 * struct callers_config - of a control port
 * @inside: this node's address and control port
 * @key: stays the caller's for its life
 * @self: this node's id
 * @relay: for who wants one; NULL: we don't relay
 * @silence_ns: for so long a silent one is believed in
 * @judge: a member has come, and perhaps selected this connection. Not called before
 *	callers_new() has returned
 */
struct callers_config {
	struct ev_loop *loop;
	struct addr inside;
	const uint8_t *key;
	uint32_t self;
	struct relay *relay;
	uint64_t silence_ns;
	enum caller_verdict (*judge)(void *arg, struct channel *ch, bool selected);
	void *arg;
};

/** callers_new() - Return: 0, or -errno when the control port can't be listened on. */
int callers_new(const struct callers_config *config, struct callers **ret_callers);
/** callers_free() - hangs up on all of them; NULL is legal. */
void callers_free(struct callers *callers);
/** callers_announce() - @id is a member now: is it here already? */
void callers_announce(struct callers *callers, uint32_t id);

#endif
