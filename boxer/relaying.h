/* SPDX-License-Identifier: MIT */
/*
 * Interface for being relayed: one end of a connection through a relay. It
 * connects to the relay, says with whom it wants to be joined, and gives out the
 * socket once the relay has joined them; what comes on it then is the other end's.
 */
#ifndef BOXER_RELAYING_H
#define BOXER_RELAYING_H

#include "boxer/frame.h"
#include "boxer/reason.h"

#include <ev.h>

struct relaying;

/**
 * relaying_done - the end of it, which frees it
 * @fd: connected, taken over by the callee; -1: see @reason
 */
typedef void relaying_done(void *arg, enum reason reason, int fd);

/**
 * relaying_start() - begin
 * @family: of the socket
 * @relay: where the relay is
 * @key: the cluster's
 * @hello: .token, .from and .to; the code is made here
 *
 * It has no deadline of its own.
 *
 * Return: NULL when there is no memory or no socket.
 */
struct relaying *relaying_start(struct ev_loop *loop, int family, const struct addr *relay,
				const uint8_t *key, const struct frame_relay *hello,
				relaying_done *done, void *arg);
/** relaying_free() - hang up; NULL is legal. */
void relaying_free(struct relaying *r);

#endif
