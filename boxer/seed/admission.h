/* SPDX-License-Identifier: MIT */
/*
 * Interface for admission: who may become a member, and with which id. Pure: it
 * knows the membership and what somebody asks for, and decides.
 */
#ifndef BOXER_SEED_ADMISSION_H
#define BOXER_SEED_ADMISSION_H

#include "boxer/members.h"
#include "boxer/reason.h"
#include "boxer/seed/places.h"

#include <stdbool.h>

/* The overlay has an address for each id, the network's own two left out. */
#define ADMISSION_IDS (~LOCAL_OVERLAY_MASK - 1)

/**
 * struct admission_policy - what the seed was told
 * @members_max: no more members than these
 * @unique_address: only one member for each external address
 * @over_provision: those who are too many are told that they are surplus
 */
struct admission_policy {
	size_t members_max;
	bool unique_address, over_provision;
};

/**
 * struct admission_request - somebody who wants to join
 * @from: as the seed sees it
 * @same: the id that is its own, for a member or a place has the same token; or
 *	FRAME_ID_JOINING
 */
struct admission_request {
	const struct frame_join *join;
	struct addr from;
	uint32_t same;
};

/**
 * admission_decide() - may it?
 * @places: of members that have not come back yet
 * @next_id: for who claims none
 * @ret_id: @request->same if that is who has come back; untouched unless admitted
 *
 * Who claims an id that is free is believed, for it holds the key and a seed that was
 * restarted may know of nobody.
 *
 * Return: REASON_NONE, or why not.
 */
enum reason admission_decide(const struct admission_policy *policy, const struct members *members,
			     const struct places *places, const struct admission_request *request,
			     uint32_t next_id, uint32_t *ret_id);

#endif
