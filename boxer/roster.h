/* SPDX-License-Identifier: MIT */
/*
 * Interface for the roster: who is a member, by the seed's word and by the node's
 * own eyes. The seed may be wrong about somebody: it lost the connection to a
 * member, or it was started again and does not know everybody yet. So nobody goes
 * as long as there is a control link to it, and a seed that is back gets some time
 * to speak of everybody.
 */
#ifndef BOXER_ROSTER_H
#define BOXER_ROSTER_H

#include "boxer/members.h"
#include "boxer/reason.h"

#include <ev.h>
#include <stdbool.h>

#define ROSTER_GRACE_NS (10 * 1000000000ULL) /* for members to come back to a seed that is back */

struct roster;

/**
 * struct roster_ops - what it tells its owner, and asks it
 * @left: @member is no longer in the table
 * @is_linked: is there a control link to that member?
 */
struct roster_ops {
	void (*left)(void *arg, const struct frame_member *member, enum reason reason);
	bool (*is_linked)(void *arg, uint32_t id);
};

/** roster_new() - over @members, which stays the caller's. Return: NULL without memory. */
struct roster *roster_new(struct ev_loop *loop, struct members *members,
			  const struct roster_ops *ops, void *arg);
/** roster_free() - NULL is legal. */
void roster_free(struct roster *r);
/** roster_put() - the seed announces a member. Return: as members_put(). */
int roster_put(struct roster *r, const struct frame_member *member);
/**
 * roster_replaced() - does @member, which is announced, have the id of another node?
 *
 * A seed that was restarted without knowing of a member may have given its id away. The
 * one that had it is lost then, link or not.
 *
 * Return: if so, true, and who that was.
 */
bool roster_replaced(struct roster *r, const struct frame_member *member,
		     struct frame_member *ret_former);
/** roster_gone() - the seed says that one has gone. */
void roster_gone(struct roster *r, const struct frame_gone *gone);
/** roster_link_lost() - the link to one has broken. */
void roster_link_lost(struct roster *r, uint32_t id);
/** roster_seed_lost() - the seed is not there. */
void roster_seed_lost(struct roster *r);
/** roster_seed_back() - it is back; whom it does not announce in time is lost. @self is not. */
void roster_seed_back(struct roster *r, uint32_t self);

#endif
