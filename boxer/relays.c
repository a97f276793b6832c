/* SPDX-License-Identifier: MIT */
#include "boxer/relays.h"

#include "boxer/node.h"
#include "boxer/relay.h"

#include <errno.h>

static enum reason on_asked(void *arg, uint32_t from, uint32_t to)
{
	const struct node *node = arg;

	return members_by_id(&node->members, from) && members_by_id(&node->members, to)
		       ? REASON_NONE
		       : REASON_NOT_A_MEMBER;
}

static void on_ended(void *arg, const struct relay_account *account)
{
	const struct node *node = arg;

	EMIT(&node->options->events, "relayed", EV_NUMBER("from", account->from),
	     EV_NUMBER("to", account->to), EV_NUMBER("there", account->there),
	     EV_NUMBER("back", account->back), EV_MS("ms", account->took_ns));
}

static const struct relay_ops relay_ops = {on_asked, on_ended};

int relays_open(struct node *node)
{
	if (!node->options->relay)
		return 0;
	node->relay = relay_new(node->loop, node->options->key, &relay_ops, node);
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
