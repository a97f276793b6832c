/* SPDX-License-Identifier: MIT */
/*
 * Interface for the uplink: a node's connection to the seed. It connects (again
 * and again until the deadline, for a function may start before its seed),
 * authenticates, joins, and hands on what the seed streams.
 */
#ifndef BOXER_UPLINK_H
#define BOXER_UPLINK_H

#include "boxer/auth.h"
#include "boxer/frame.h"
#include "boxer/reason.h"

#include <ev.h>

#define UPLINK_RETRY_NS (100 * 1000000ULL)

struct uplink;

/** struct uplink_ops - what it tells its owner */
struct uplink_ops {
	/* admitted; @local is the control port's address */
	void (*joined)(void *arg, const struct frame_joined *joined, const struct addr *local);
	void (*member)(void *arg, const struct frame_member *member);
	void (*gone)(void *arg, const struct frame_gone *gone);
	/* not admitted for @reason, or lost; the uplink is dead and may be freed */
	void (*ended)(void *arg, enum reason reason);
};

/**
 * uplink_new() - start to join
 * @key: stays the caller's for the uplink's life
 * @name: this node's
 * @deadline: CLOCK_MONOTONIC ns; not admitted by then: REASON_SEED_UNREACHABLE or
 *	      REASON_TIMEOUT
 *
 * Return: the uplink, or NULL without memory.
 */
struct uplink *uplink_new(struct ev_loop *loop, const struct addr *seed, const uint8_t *key,
			  const char *name, uint64_t deadline, const struct uplink_ops *ops,
			  void *arg);
/** uplink_free() - leave, if it had joined; NULL is legal. */
void uplink_free(struct uplink *up);

#endif
