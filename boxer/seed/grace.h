/* SPDX-License-Identifier: MIT */
/*
 * Interface for the time of grace: for a while after its start a seed lets those who
 * were members before go first. It may know of them from its state, or only when the
 * first one claims its id; newcomers who are in the way of what it knows wait for
 * their answer until then.
 */
#ifndef BOXER_SEED_GRACE_H
#define BOXER_SEED_GRACE_H

#include "boxer/seed/clients.h"

/*
 * A node that knows that its seed is gone knocks every three seconds or more often, see
 * boxer/uplink.h, and what it says may be lost once. One that was told by nobody learns
 * it by its limit of silence, and may come too late. Less than UPLINK_JOIN_NS and CLIENTS_PENDING_NS: who waits
 * is answered.
 */
#define GRACE_NS (5 * 1000000000ULL)

/** grace_start() - the seed begins to serve; grace_stop() - nobody is answered any more. */
void grace_start(struct seed *seed);
void grace_stop(struct seed *seed);
/**
 * grace_holds() - must the answer to the JOIN of @c wait?
 * @known: its id, as its token shows, or FRAME_ID_JOINING
 * @reason: why it would not be admitted now, though it will be if nobody claims the
 *	open places; or REASON_NONE
 *
 * If so, it is asked for again by membership_join() in time.
 */
bool grace_holds(struct client *c, const struct frame_join *join, uint32_t known,
		 enum reason reason);

#endif
