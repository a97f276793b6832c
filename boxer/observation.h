/* SPDX-License-Identifier: MIT */
/*
 * Interface for observations: under which endpoint the world sees a local port. An
 * observation connects from that very port to an observer (an endpoint of the
 * seed), asks from where the connection comes, and checks that the answer was
 * given by somebody who holds the cluster's key. The connection then stays open
 * until the observation is freed: while it lives the NAT keeps the mapping, and
 * when it breaks the mapping may be gone.
 */
#ifndef BOXER_OBSERVATION_H
#define BOXER_OBSERVATION_H

#include "base/addr.h"
#include "boxer/auth.h"
#include "boxer/reason.h"

#include <ev.h>

#define OBSERVATION_NS	    (5 * 1000000000ULL) /* for connecting and the answer */
#define OBSERVATION_IDLE_S  5			/* between two keepalives */
#define OBSERVATION_DEAD_MS 10000		/* nothing acknowledged: it is broken */

struct observation;

/**
 * struct observation_ops - what it tells its owner, never before observation_start() returns
 * @seen: the answer; at most once. May free it
 * @ended: there was no answer, or the connection broke after it; nothing follows, and
 *	it wants to be freed, in this call or later
 */
struct observation_ops {
	void (*seen)(void *arg, const struct addr *seen);
	void (*ended)(void *arg, enum reason reason);
};

/**
 * observation_start() - connect and ask
 * @local: address and port to ask for; bound beside others that share it (sock_shared())
 * @key: stays the caller's for the observation's life
 * @token: of this node's life, see struct frame_join; NULL unless it is the control port that
 *	is observed: the seed makes a profile of what it sees under a token
 *
 * Return: the observation, or NULL without memory.
 */
struct observation *observation_start(struct ev_loop *loop, const struct addr *local,
				      const struct addr *observer, const uint8_t *key,
				      const uint8_t *token, const struct observation_ops *ops,
				      void *arg);
/**
 * observation_free() - hang up; NULL is legal
 *
 * By a reset, so that the same two endpoints can be connected again at once.
 */
void observation_free(struct observation *o);

#endif
