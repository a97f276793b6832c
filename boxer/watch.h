/* SPDX-License-Identifier: MIT */
/*
 * Interface for watches: local programs that are told of every change of the
 * membership, as struct local_change (boxer/local.h), one packet each. Nothing is
 * queued for any of them: all read one log of the last WATCH_LOG_MAX changes,
 * which is there only while somebody watches. Who falls behind by more than that,
 * and by what the kernel holds for its socket, is cut off.
 */
#ifndef BOXER_WATCH_H
#define BOXER_WATCH_H

#include "boxer/local.h"
#include "boxer/members.h"
#include "boxer/reason.h"

#include <ev.h>

#define WATCH_LOG_MAX 1024
#define WATCHES_MAX   128

struct watch;
struct watches;

/** watches_new() - @members: stay the caller's; @self: this node's id. NULL without memory. */
struct watches *watches_new(struct ev_loop *loop, const struct members *members, uint32_t self);
/** watches_free() - all watches must have been freed; NULL is legal. */
void watches_free(struct watches *set);
/** watches_put() - the membership has @member now, which was @is_new or has changed. */
void watches_put(struct watches *set, const struct frame_member *member, bool is_new);
/** watches_gone() - the membership is without @member now. */
void watches_gone(struct watches *set, const struct frame_member *member, enum reason reason);

/**
 * watch_new() - tell somebody of all members, and then of every change
 * @fd: a non-blocking SOCK_SEQPACKET; stays the caller's
 * @ended: it has been cut off, or has gone; the watch is to be freed then. Not
 *	called from within watch_new()
 *
 * Return: the watch, or NULL when there are too many, or without memory.
 */
struct watch *watch_new(struct watches *set, int fd, void (*ended)(void *arg), void *arg);
/** watch_free() - NULL is legal. */
void watch_free(struct watch *w);

#endif
