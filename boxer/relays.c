/* SPDX-License-Identifier: MIT */
#include "boxer/relays.h"

#include "boxer/node.h"
#include "boxer/relay.h"

#include <errno.h>

int relays_open(struct node *node)
{
	const struct relay_config config = {
		.loop = node->loop,
		.key = node->options->key,
		.members = &node->members,
		.events = &node->options->events,
	};

	if (!node->options->relay)
		return 0;
	node->relay = relay_new(&config);
	return node->relay ? 0 : -ENOMEM;
}

bool relays_find(const struct node *node, uint32_t id, struct addr *ret_relay)
{
	if (node->seed_relays) {
		if (ret_relay)
			*ret_relay = node->options->seed[0];
		return true;
	}
	for (size_t i = 0; i < node->members.n; i++) {
		const struct frame_member *m = &node->members.list[i];

		if (!(m->flags & FRAME_FLAG_RELAY) || !profile_is_public(&m->profile) ||
		    m->id == id || m->id == node->id)
			continue;
		if (ret_relay)
			*ret_relay = m->external;
		return true;
	}
	return false;
}

bool relays_is_one(const struct node *node, const struct addr *relay)
{
	if (node->seed_relays && addr_equal(relay, &node->options->seed[0]))
		return true;
	for (size_t i = 0; i < node->members.n; i++)
		if (node->members.list[i].flags & FRAME_FLAG_RELAY &&
		    addr_equal(&node->members.list[i].external, relay))
			return true;
	return false;
}
