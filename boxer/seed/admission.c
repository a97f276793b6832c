/* SPDX-License-Identifier: MIT */
#include "boxer/seed/admission.h"

/* What is taken, and by whom. */
struct taken {
	const struct members *members;
	const struct places *places;
	uint32_t same;
};

static bool by_another(const struct taken *t, uint32_t id)
{
	return t->same != id;
}

static enum reason check_claim(const struct taken *t, uint32_t claim)
{
	if (claim == FRAME_ID_JOINING)
		return REASON_NONE;
	if (claim >= ADMISSION_IDS)
		return REASON_PROTOCOL;
	if (t->same != FRAME_ID_JOINING ? claim != t->same
					: members_by_id(t->members, claim) != NULL ||
						  places_by_id(t->places, claim) != NULL)
		return REASON_DUPLICATE_ID;
	return REASON_NONE;
}

static bool has_name(const struct taken *t, const char *name)
{
	const struct frame_member *m = members_by_name(t->members, name);
	const struct place *p = places_by_name(t->places, name);

	return (m && by_another(t, m->id)) || (p && by_another(t, p->id));
}

static bool has_address(const struct taken *t, const struct addr *from)
{
	for (size_t i = 0; i < t->members->n; i++)
		if (by_another(t, t->members->list[i].id) &&
		    addr_same_host(&t->members->list[i].external, from))
			return true;
	for (size_t i = 0; i < t->places->n; i++)
		if (by_another(t, t->places->list[i].id) &&
		    addr_same_host(&t->places->list[i].external, from))
			return true;
	return false;
}

enum reason admission_decide(const struct admission_policy *policy, const struct members *members,
			     const struct places *places, const struct admission_request *request,
			     uint32_t next_id, uint32_t *ret_id)
{
	const struct frame_join *join = request->join;
	const struct taken taken = {members, places, request->same};
	bool is_new = request->same == FRAME_ID_JOINING;
	enum reason reason = check_claim(&taken, join->claim);
	uint32_t id = join->claim != FRAME_ID_JOINING ? join->claim : next_id;

	if (reason != REASON_NONE)
		return reason;
	if (!is_new)
		id = request->same;
	if (has_name(&taken, join->name))
		return REASON_DUPLICATE_NAME;
	/* Ids are never used twice; at last there is no address for the next one. */
	if (is_new && (members->n + places->n >= policy->members_max || id >= ADMISSION_IDS))
		return policy->over_provision ? REASON_SURPLUS : REASON_CLUSTER_FULL;
	if (policy->unique_address && has_address(&taken, &request->from))
		return REASON_DUPLICATE_ADDRESS;
	*ret_id = id;
	return REASON_NONE;
}
