/* SPDX-License-Identifier: MIT */
#include "boxer/dial_way.h"

static struct target *find(struct dials *set, uint32_t member, uint16_t port)
{
	for (size_t i = 0; i < set->n_targets; i++)
		if (set->targets[i].member == member && set->targets[i].port == port)
			return &set->targets[i];
	return NULL;
}

void dial_target_learn(struct dial *d, const struct addr *external)
{
	struct dials *set = d->set;
	struct target *t = find(set, d->member, d->target.port);

	if (!t) {
		t = &set->targets[set->next_target];
		set->next_target = (set->next_target + 1) % DIAL_TARGETS_MAX;
		if (set->n_targets < DIAL_TARGETS_MAX)
			set->n_targets++;
	}
	*t = (struct target){d->member, d->target.port, *external};
}

void dial_targets_forget(struct dials *set, uint32_t member)
{
	for (size_t i = 0; i < set->n_targets; i++)
		if (set->targets[i].member == member)
			set->targets[i].member = FRAME_ID_SEED;
}

bool dial_target_known(const struct dial *d, struct addr *ret)
{
	const struct frame_member *m = dial_peer(d);
	const struct target *t = find(d->set, d->member, d->target.port);

	if (t) {
		*ret = t->external;
		return true;
	}
	if (!m || m->profile.ports != PROFILE_PORTS_KEPT ||
	    members_share_address(&d->set->node->members, m))
		return false;
	*ret = m->external;
	ret->port = d->target.port;
	return true;
}
