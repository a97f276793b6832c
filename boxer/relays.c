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

/** struct search - for somebody who relays to @id, and has not been tried */
struct search {
	const struct node *node;
	uint32_t id;
	const struct addr *tried;
	size_t n_tried;
};

static bool is_tried(const struct search *s, const struct addr *relay)
{
	for (size_t i = 0; i < s->n_tried; i++)
		if (addr_equal(&s->tried[i], relay))
			return true;
	return false;
}

static bool may_relay(const struct search *s, const struct frame_member *m)
{
	return m->flags & FRAME_FLAG_RELAY && profile_is_public(&m->profile) && m->id != s->id &&
	       m->id != s->node->id;
}

/* Each pair begins with another one, the same for both of them, so that all have to do. */
static const struct frame_member *find_member(const struct search *s)
{
	const struct members *members = &s->node->members;
	const struct frame_member *found = NULL;
	size_t n = 0, at = 0, first, nearest = 0;

	for (size_t i = 0; i < members->n; i++)
		n += may_relay(s, &members->list[i]);
	first = n > 0 ? ((size_t)s->id + s->node->id) % n : 0;
	for (size_t i = 0; i < members->n; i++) {
		const struct frame_member *m = &members->list[i];
		size_t distance;

		if (!may_relay(s, m))
			continue;
		distance = (n + at++ - first) % n;
		if (is_tried(s, &m->external) || (found && distance > nearest))
			continue;
		found = m;
		nearest = distance;
	}
	return found;
}

bool relays_find(const struct node *node, uint32_t id, const struct addr *tried, size_t n_tried,
		 struct addr *ret_relay)
{
	const struct search search = {node, id, tried, n_tried};
	const struct addr *seed = &node->options->seed[0];
	bool joined = node->seed_state == LOCAL_SEED_JOINED;
	bool may_seed = node->seed_relays && !is_tried(&search, seed);
	const struct frame_member *m = may_seed && joined ? NULL : find_member(&search);

	/* One that is lost, so far as we can see, is better than nobody. */
	if (!m && !may_seed)
		return false;
	*ret_relay = m ? m->external : *seed;
	return true;
}

static bool is_seed(const struct node *node, const struct addr *relay)
{
	for (size_t i = 0; i < node->options->n_seed; i++)
		if (addr_equal(relay, &node->options->seed[i]))
			return true;
	for (size_t i = 0; i < node->n_observers; i++)
		if (addr_equal(relay, &node->observers[i]))
			return true;
	return false;
}

bool relays_is_one(const struct node *node, const struct addr *relay)
{
	if (node->seed_relays && is_seed(node, relay))
		return true;
	for (size_t i = 0; i < node->members.n; i++)
		if (node->members.list[i].flags & FRAME_FLAG_RELAY &&
		    addr_equal(&node->members.list[i].external, relay))
			return true;
	return false;
}
