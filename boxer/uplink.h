/* SPDX-License-Identifier: MIT */
/*
 * Interface for the uplink: a node's connection to the seed. It connects (again
 * and again until the deadline, for a function may start before its seed), lets
 * the seed's observers see the control port, authenticates, joins, and hands on
 * what the seed streams. When the seed is lost it joins again, from the same port
 * and as the same member, for as long as it takes.
 */
#ifndef BOXER_UPLINK_H
#define BOXER_UPLINK_H

#include "boxer/auth.h"
#include "boxer/frame.h"
#include "boxer/reason.h"

#include <ev.h>

#define UPLINK_RETRY_NS	    (100 * 1000000ULL) /* between two attempts; doubles once it had joined */
#define UPLINK_RETRY_MAX_NS (2 * 1000000000ULL)
#define UPLINK_STEADY_NS    (5 * 1000000000ULL)	 /* a connection that lasted was a good one */
#define UPLINK_OBSERVE_NS   (1 * 1000000000ULL)	 /* before an observer is asked again, */
#define UPLINK_OBSERVE_MAX  5			 /* so often in all */
#define UPLINK_CONNECT_NS   (4 * 1000000000ULL)	 /* for the connection: the third SYN */
#define UPLINK_JOIN_NS	    (10 * 1000000000ULL) /* for all of an attempt */

struct uplink;

/**
 * struct uplink_ops - what it tells its owner
 * @joined: admitted; @local is the control port's address. Again after each @lost
 * @frame: a FRAME_VIA or FRAME_RELEASED, or what this build doesn't know
 * @lost: the connection broke; it will join again, and @claim the id that it had
 * @refused: the seed is back, but another one has what was ours, as @reason says; it will
 *	go on trying, and @claim the same
 * @ended: not admitted for @reason; nothing will follow
 */
struct uplink_ops {
	void (*joined)(void *arg, const struct frame_joined *joined, const struct addr *local);
	void (*member)(void *arg, const struct frame_member *member);
	void (*gone)(void *arg, const struct frame_gone *gone);
	void (*frame)(void *arg, uint8_t type, const uint8_t *body, size_t len);
	void (*lost)(void *arg, enum reason reason);
	void (*refused)(void *arg, enum reason reason);
	void (*ended)(void *arg, enum reason reason);
};

/**
 * struct uplink_config - how to join
 * @seed: endpoints of the seed. The first one is joined; the others observe the
 *	control port on the way, and so do those that JOINED tells of
 * @key: stays the caller's for the uplink's life
 * @name, @role: this node's; @role may be NULL
 * @token: of this node's life, see struct frame_join
 * @flags: FRAME_FLAG_*
 * @deadline: CLOCK_MONOTONIC ns; never admitted by then: REASON_SEED_UNREACHABLE or
 *	REASON_TIMEOUT
 * @silence_ns: for so long a silent seed is believed in
 */
struct uplink_config {
	struct ev_loop *loop;
	struct addr seed[FRAME_OBSERVERS];
	size_t n_seed;
	const uint8_t *key;
	const char *name, *role;
	uint8_t token[FRAME_TOKEN_LEN];
	uint8_t flags;
	uint64_t deadline, silence_ns;
	const struct uplink_ops *ops;
	void *arg;
};

/** uplink_new() - start to join. Return: the uplink, or NULL without memory. */
struct uplink *uplink_new(const struct uplink_config *config);
/** uplink_free() - leave, if it had joined; NULL is legal. */
void uplink_free(struct uplink *up);
/** uplink_send() - Return: 0, -ENOTCONN while it has not joined, -ENOBUFS. */
int uplink_send(struct uplink *up, uint8_t type, const uint8_t *body, size_t len);
/** uplink_ask_probe() - the seed shall dial in to that port of ours; for boxer/probe. */
void uplink_ask_probe(struct uplink *up, uint16_t external_port);
/** uplink_round_trip_ns() - to the seed and back, as the kernel has measured it; 0: unknown. */
uint64_t uplink_round_trip_ns(const struct uplink *up);

#endif
