/* SPDX-License-Identifier: MIT */
/*
 * Interface for waiters: programs of this function that have
 * come to a named barrier and wait until as many as they say have come, anywhere
 * in the cluster. The seed counts; this remembers who waits here, so that a seed
 * that is joined again can be told again.
 */
#ifndef BOXER_WAITER_H
#define BOXER_WAITER_H

#include "boxer/frame.h"
#include "boxer/reason.h"

#define WAITERS_MAX 64 /* as many as the seed lets a member have */

struct waiter;
struct waiters;

/** waiter_send - send a frame to the seed; no seed now: waiters_rejoined() will follow */
typedef void waiter_send(void *arg, uint8_t type, const uint8_t *body, size_t len);

/** waiters_new() - Return: NULL without memory. */
struct waiters *waiters_new(waiter_send *send, void *arg);
/** waiters_free() - no callback is made; NULL is legal. */
void waiters_free(struct waiters *set);
/**
 * waiter_come() - an arrival
 * @name: by frame_name_valid()
 * @count: how many must come; at least 1
 * @done: called once, with REASON_NONE when they have, unless waiter_leave() comes
 *	first. Not called from within this
 *
 * Return: the arrival, or NULL when too many wait, without memory, or after waiters_fail().
 */
struct waiter *waiter_come(struct waiters *set, const char *name, uint32_t count,
			   void (*done)(void *arg, enum reason reason), void *arg);
/** waiter_leave() - take it back: the seed is told by a count of 0. */
void waiter_leave(struct waiter *w);

/** waiters_released() - the seed's FRAME_RELEASED. */
void waiters_released(struct waiters *set, const struct frame_released *released);
/** waiters_rejoined() - this is another session with the seed: all arrivals are told again. */
void waiters_rejoined(struct waiters *set);
/** waiters_fail() - the seed will not come back: all arrivals end with @reason, also later ones. */
void waiters_fail(struct waiters *set, enum reason reason);
/** waiters_reason() - why waiter_come() has returned NULL. */
enum reason waiters_reason(const struct waiters *set);

#endif
