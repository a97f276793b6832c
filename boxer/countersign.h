/* SPDX-License-Identifier: MIT */
/*
 * Interface for countersigning: that a connection that was met by chance leads to
 * the node that is meant, and that both ends mean the same one. Before either
 * program has it, the caller sends the token of its PUNCH over each connection that
 * it has; the other node answers the first that comes, with the same token, and
 * hangs up on all others. Not one byte more is read: what follows is the programs'.
 */
#ifndef BOXER_COUNTERSIGN_H
#define BOXER_COUNTERSIGN_H

#include "base/addr.h"
#include "boxer/frame.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTERSIGN_MAX 16 /* connections at a time; further ones are hung up on */

/** struct countersign_conn - one connection; internal */
struct countersign_conn {
	struct countersign *set;
	struct ev_io io;
	struct addr remote;
	uint8_t in[FRAME_TOKEN_LEN];
	size_t n;
};

/**
 * struct countersign - the connections of one punch; embedded by its owner
 * @calling: this is the caller, who sends the token first
 * @done: @fd is the one, connected to @remote, and taken over by the callee, who
 *	  may stop the set
 */
struct countersign {
	struct ev_loop *loop;
	bool calling;
	uint8_t token[FRAME_TOKEN_LEN];
	void (*done)(void *arg, int fd, const struct addr *remote);
	void *arg;
	struct countersign_conn conns[COUNTERSIGN_MAX];
};

/** countersign_init() - without a connection yet. */
void countersign_init(struct countersign *set, struct ev_loop *loop, bool calling,
		      const uint8_t token[static FRAME_TOKEN_LEN],
		      void (*done)(void *arg, int fd, const struct addr *remote), void *arg);
/** countersign_add() - @fd is taken over. */
void countersign_add(struct countersign *set, int fd, const struct addr *remote);
/** countersign_waits() - is there a connection whose token has not come yet? */
bool countersign_waits(const struct countersign *set);
/** countersign_stop() - hang up on all that are left; one that is zero is legal. */
void countersign_stop(struct countersign *set);

#endif
