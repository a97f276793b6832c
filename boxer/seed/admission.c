/* SPDX-License-Identifier: MIT */
#include "boxer/seed/admission.h"

static enum reason check_claim(const struct members *members,
			       const struct admission_request *request)
{
	uint32_t claim = request->join->claim;

	if (claim == FRAME_ID_JOINING)
		return REASON_NONE;
	if (claim >= ADMISSION_IDS)
		return REASON_PROTOCOL;
	if (request->same ? claim != request->same->id : members_by_id(members, claim) != NULL)
		return REASON_DUPLICATE_ID;
	return REASON_NONE;
}

static bool has_address(const struct members *members, const struct admission_request *request)
{
	for (size_t i = 0; i < members->n; i++)
		if ((!request->same || members->list[i].id != request->same->id) &&
		    addr_same_host(&members->list[i].external, &request->from))
			return true;
	return false;
}

enum reason admission_decide(const struct admission_policy *policy, const struct members *members,
			     const struct admission_request *request, uint32_t next_id,
			     uint32_t *ret_id)
{
	const struct frame_join *join = request->join;
	const struct frame_member *namesake = members_by_name(members, join->name);
	enum reason reason = check_claim(members, request);
	uint32_t id = join->claim != FRAME_ID_JOINING ? join->claim : next_id;

	if (reason != REASON_NONE)
		return reason;
	if (request->same)
		id = request->same->id;
	if (namesake && (!request->same || namesake->id != id))
		return REASON_DUPLICATE_NAME;
	/* Ids are never used twice; at last there is no address for the next one. */
	if (!request->same && (members->n >= policy->members_max || id >= ADMISSION_IDS))
		return policy->over_provision ? REASON_SURPLUS : REASON_CLUSTER_FULL;
	if (policy->unique_address && has_address(members, request))
		return REASON_DUPLICATE_ADDRESS;
	*ret_id = id;
	return REASON_NONE;
}
