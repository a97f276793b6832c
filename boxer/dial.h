/* SPDX-License-Identifier: MIT */
/*
 * Interface for dialling: connections that programs of this function ask for. A
 * dial finds the member that is meant, chooses a strategy, asks the member's
 * node over the control link, and gives the answer back: to a program that
 * waits in connect(), or to the socket of one that doesn't.
 */
#ifndef BOXER_DIAL_H
#define BOXER_DIAL_H

#include "boxer/frame.h"
#include "boxer/reason.h"

#include <ev.h>
#include <stdint.h>

#define DIAL_DEADLINE_NS (10 * 1000000000ULL)
#define DIALS_MAX	 1024 /* under way at once */
#define DIAL_RESULTS_MAX 1024 /* failures remembered for LOCAL_RESULT; the oldest goes */

struct node;
struct dial;
struct dials;

/**
 * dial_done - the end of a dial that a program waits for
 * @target: where to connect to when @reason is REASON_NONE
 */
typedef void dial_done(void *arg, enum reason reason, const struct addr *target);

/** dials_new() - Return: NULL without memory. */
struct dials *dials_new(struct node *node);
/** dials_free() - everything under way is dropped without a callback; NULL is legal. */
void dials_free(struct dials *dials);

/**
 * dial_wait() - for a blocking connect()
 * @target: as the program gave it
 * @local: where its socket is bound
 *
 * Return: the dial, which ends with one call of @done unless dial_cancel() comes
 * first; NULL when too many are under way.
 */
struct dial *dial_wait(struct dials *dials, const struct addr *target, const struct addr *local,
		       dial_done *done, void *arg);
/** dial_cancel() - @done will not be called. */
void dial_cancel(struct dial *dial);
/**
 * dial_follow() - for a non-blocking connect() that is already under way
 * @fd: a duplicate of the program's socket, taken over; shut down on failure
 * @cookie: its SO_COOKIE, for dial_result()
 */
void dial_follow(struct dials *dials, const struct addr *target, const struct addr *local, int fd,
		 uint64_t cookie);
/** dial_note_failure() - a dial that could not even begin: @reason is kept for dial_result(). */
void dial_note_failure(struct dials *dials, uint64_t cookie, enum reason reason);
/** dial_result() - why the socket failed, told once: a positive errno, 0 when nothing is known. */
int dial_result(struct dials *dials, uint64_t cookie);

/** dial_answered() - a peer's FRAME_PUNCHED. */
void dial_answered(struct dials *dials, uint32_t from, const struct frame_punched *punched);
/** dial_link_up() - a link came up: what waited for it goes on. */
void dial_link_up(struct dials *dials, uint32_t id);
/** dial_link_lost() - what was asked over it is asked again when it is back. */
void dial_link_lost(struct dials *dials, uint32_t id);
/** dial_member_gone() - what was meant for it fails. */
void dial_member_gone(struct dials *dials, uint32_t id);

#endif
