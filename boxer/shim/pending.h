/* SPDX-License-Identifier: MIT */
/*
 * Interface for the connections under way that the node looks after: a set of
 * socket cookies, so that an error of one of these sockets, and of no other, is
 * asked about. It has no lock: it is used in signal handlers and forked children.
 */
#ifndef BOXER_SHIM_PENDING_H
#define BOXER_SHIM_PENDING_H

#include <stdbool.h>
#include <stdint.h>

/**
 * pending_add() - note a socket
 *
 * The set has a fixed size. When it overflows, an older socket is forgotten: the
 * program then reads ECONNRESET where ECONNREFUSED or the like would be right.
 */
void pending_add(uint64_t cookie);
/** pending_has() - whether it is noted. */
bool pending_has(uint64_t cookie);
/** pending_drop() - forget it. */
void pending_drop(uint64_t cookie);
/** pending_any() - whether any is noted; costs nothing. */
bool pending_any(void);

#endif
