/* SPDX-License-Identifier: MIT */
/*
 * Interface for dialling: connections that programs of this function ask for. A
 * dial finds the member that is meant, plans by both profiles in which ways it may
 * be reached, and tries them one after the other until one has led to a connection
 * or the deadline passes. In most ways the program's own socket connects; in the
 * others the node makes the connection, which takes the place of that socket.
 */
#ifndef BOXER_DIAL_H
#define BOXER_DIAL_H

#include "boxer/frame.h"
#include "boxer/reason.h"

#include <ev.h>
#include <stdint.h>
#include <sys/types.h>

#define DIAL_DEADLINE_NS  (10 * 1000000000ULL) /* for all ways together */
#define DIAL_HELD_NS	  (1900 * 1000000ULL)  /* where the program's socket does not block */
#define DIALS_MAX	  1024		       /* under way at once */
#define DIAL_RESULTS_MAX  1024 /* failures remembered for LOCAL_RESULT; the oldest goes */
#define DIAL_TARGETS_MAX  512  /* members' ports whose external endpoints are remembered */
#define DIAL_VOLLEYS_MAX  2    /* under way at once, for want of descriptors; others wait */
#define DIAL_OWNERS_MAX	  256  /* processes whose end is noticed */
#define DIAL_OWNERS_SHARE 8    /* or fewer, see sock_quota() */

struct node;
struct dial;
struct dials;

/**
 * dial_done - what a program that asked has to do
 * @reason: why there is no connection, or REASON_NONE
 * @target: where to connect to now; if that fails, ask again
 * @fd: or the connection, which the callee takes over; -1: there is none
 */
typedef void dial_done(void *arg, enum reason reason, const struct addr *target, int fd);

/** dials_new() - Return: NULL without memory. */
struct dials *dials_new(struct node *node);
/** dials_free() - everything under way is dropped without a callback; NULL is legal. */
void dials_free(struct dials *dials);

/**
 * dial_ask() - a program is about to connect, or what it was told has failed
 * @target: as the program gave it
 * @fd: a duplicate of its socket, taken over
 * @cookie: the socket's SO_COOKIE. When a dial of it exists, that one goes on
 *
 * Return: the dial, which ends the question with one call of @done unless
 * dial_cancel() comes first; NULL when too many are under way.
 */
struct dial *dial_ask(struct dials *dials, const struct addr *target, int fd, uint64_t cookie,
		      dial_done *done, void *arg);
/** dial_asked_at() - it has been waited for since then already, ns. */
void dial_asked_at(struct dial *dial, uint64_t at);
/** dial_cancel() - @done will not be called. */
void dial_cancel(struct dial *dial);
/**
 * dial_follow() - for a connect() to the member's external address that is already being made
 * @fd: a duplicate of the program's socket, taken over; shut down on failure
 * @cookie: its SO_COOKIE, for dial_result()
 */
void dial_follow(struct dials *dials, const struct addr *target, int fd, uint64_t cookie);
/**
 * dial_owned_by() - the newest dial of @cookie ends with the process @pid
 *
 * Not while it waits for @done: then dial_cancel() has to come. Nor when another process
 * has the same socket, or may have it: then it ends when its time is up.
 */
void dial_owned_by(struct dials *dials, uint64_t cookie, pid_t pid);
/** dial_note_failure() - a dial that could not even begin: @reason is kept for dial_result(). */
void dial_note_failure(struct dials *dials, uint64_t cookie, enum reason reason);
/**
 * dial_result() - why the socket failed, told once. No other way is tried any more
 *
 * Return: REASON_NONE when nothing is known.
 */
enum reason dial_result(struct dials *dials, uint64_t cookie);
/** dial_take_result() - the same, of a dial that has ended; one that may go on does. */
enum reason dial_take_result(struct dials *dials, uint64_t cookie);

/** dial_answered() - a peer's FRAME_PUNCHED. */
void dial_answered(struct dials *dials, uint32_t from, const struct frame_punched *punched);
/** dial_member_changed() - its link, or its record, is another one: what waited for it goes on. */
void dial_member_changed(struct dials *dials, uint32_t id);
/** dial_link_lost() - what was asked over it is asked again. */
void dial_link_lost(struct dials *dials, uint32_t id);
/** dial_member_gone() - what was meant for it fails. */
void dial_member_gone(struct dials *dials, uint32_t id);

#endif
