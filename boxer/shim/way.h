/* SPDX-License-Identifier: MIT */
/*
 * Interface for ways: how the node says a connection to a member is to be made. It
 * says where the program's own socket shall connect to, or gives the connection
 * itself, which takes the socket's place. Compiled into the shim and into libboxer.
 */
#ifndef BOXER_SHIM_WAY_H
#define BOXER_SHIM_WAY_H

#include "boxer/shim/agent.h"

/**
 * struct way - what the node said
 * @to: where to connect to; if that fails, way_ask() again
 * @fd: or the connection, close-on-exec and the caller's; -1: there is none
 * @reason: enum reason, when it has said that there is no way
 */
struct way {
	struct addr to;
	int fd;
	uint32_t reason;
};

/** way_error() - what connect() gives when the agent gave @r, a negative errno. */
int way_error(int r);

/**
 * way_ask() - ask, and wait
 * @fd: the program's socket; it is bound by the node unless it is bound
 * @cookie: its SO_COOKIE
 * @target: the member's address, and the port
 * @wait: see enum agent_wait
 * @restart: shall the wait go on after a signal? NULL: never
 *
 * Return: 0; the errno that connect() should give, negative; -EINTR.
 */
int way_ask(const struct agent *agent, int fd, uint64_t cookie, const struct addr *target,
	    uint64_t deadline, enum agent_wait wait, bool (*restart)(void), struct way *ret_way);
/**
 * way_clear() - before @fd connects once more
 *
 * The node shuts a socket down that is not going to be connected. Where that comes
 * a moment after the socket has failed by itself, its next connection would begin shut.
 */
void way_clear(int fd);
/** way_again() - may another way lead there, when the kernel's connect() gave @r? */
bool way_again(int r);

#endif
