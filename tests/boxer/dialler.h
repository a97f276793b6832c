/* SPDX-License-Identifier: MIT */
/*
 * Interface for a dialler: a program on the stage that asks the node for a connection
 * to the peer's port, and the peer, as far as it answers; the test is both of them.
 * For use in the helper of tests/support/userns.
 */
#ifndef TESTS_BOXER_DIALLER_H
#define TESTS_BOXER_DIALLER_H

#include "boxer/profile.h"
#include "boxer/reason.h"
#include "tests/boxer/stage.h"

#define PROGRAM_PORT 80 /* of the member that it wants */

/** What may be known of a NAT: each is settled. */
extern const struct profile nat_plain, nat_by_address, nat_refusing, nat_public, nat_symmetric,
	nat_counting;

/**
 * struct program - that connects
 * @fd: its socket
 * @given: the connection that the node has made for it; -1: none
 * @calls: how often it was answered since it asked; @reason, @target: what
 * @dial: while it is not answered
 */
struct program {
	int fd, given;
	uint64_t cookie;
	unsigned calls;
	enum reason reason;
	struct addr target;
	struct dial *dial;
};

/** program_new() - with a socket of that family. */
struct program program_new(int family);
/** program_ask() - for the peer's port; @p must not move before it is answered. */
void program_ask(struct program *p);
/** program_ask_for() - the same, of member @id. */
void program_ask_for(struct program *p, uint32_t id);
/** program_connect() - as it was told; a socket that waits is left one that waits. */
void program_connect(struct program *p, const struct addr *to);
/** program_check_told() - it was answered once, with @reason. */
void program_check_told(const struct program *p, enum reason reason);
/** program_end() - close its sockets. */
void program_end(struct program *p);

/** member_port() - the port that is wanted, as programs name it. */
struct addr member_port(uint32_t id);

/** peer_hear() - wait for the @nth PUNCH (from 0), which is for @strategy. */
const struct frame_punch *peer_hear(size_t nth, enum strategy_id strategy);
/** peer_answer() - PUNCHED; @target: NULL: none. */
void peer_answer(const struct stage_sent *s, enum reason reason, const struct addr *target);
/** peer_silent_port() - one that answers no SYN. Close both @fds at the end. */
struct addr peer_silent_port(int fds[static 2]);

/** dials_check_over() - wait until no dial is left, and nothing is counted that is not there. */
void dials_check_over(void);

#endif
