/* SPDX-License-Identifier: MIT */
/*
 * Interface for barriers: places with a name where members wait for each other,
 * until as many have arrived as was said. An arrival is a member's request: several
 * programs of one function may arrive each for itself. A barrier that has opened may
 * be used again under the same name. Pure but for the callback.
 */
#ifndef BOXER_SEED_BARRIERS_H
#define BOXER_SEED_BARRIERS_H

#include "boxer/frame.h"
#include "boxer/reason.h"

#include <stddef.h>
#include <stdint.h>

#define BARRIERS_MAX	      1024 /* names; those where nobody waits give way */
#define BARRIERS_PER_MEMBER   64   /* arrivals of one member that wait at the same time */
#define BARRIERS_ARRIVALS_MAX 8192 /* at one barrier, and so the highest count */

struct barriers;

/** barriers_released - @member's @request is over: all are there, or @reason says why not */
typedef void barriers_released(void *arg, uint32_t member, uint32_t request, enum reason reason);

/** barriers_new() - Return: none so far, or NULL without memory. */
struct barriers *barriers_new(barriers_released *released, void *arg);
/** barriers_free() - releases nobody; NULL is legal. */
void barriers_free(struct barriers *b);
/**
 * barriers_arrive() - @member has sent FRAME_BARRIER
 *
 * .count 0 takes the request back, without an answer. A request that was sent before
 * counts once, and one that was released already is so again: a member whose
 * connection to the seed broke does not know. Else there is one answer: REASON_NONE,
 * REASON_PROTOCOL for a count that is not the one of those who wait already or far too
 * high, REASON_LOCAL when there is no room.
 */
void barriers_arrive(struct barriers *b, uint32_t member, const struct frame_barrier *m);
/** barriers_forget() - @member has gone: its arrivals count no more. */
void barriers_forget(struct barriers *b, uint32_t member);

#endif
