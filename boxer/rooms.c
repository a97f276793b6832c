/* SPDX-License-Identifier: MIT */
#include "boxer/rooms.h"

#include "boxer/answer.h"
#include "boxer/api.h"
#include "boxer/dial.h"
#include "boxer/guest.h"
#include "boxer/handoff.h"
#include "boxer/node.h"
#include "boxer/ports.h"
#include "boxer/probe.h"
#include "boxer/relay.h"
#include "boxer/relays.h"
#include "boxer/shown.h"
#include "boxer/uplink.h"

#include <errno.h>

static void send_to_seed(void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	struct node *node = arg;

	(void)uplink_send(node->uplink, type, body, len);
}

int rooms_open(struct node *node, const struct peer_ops *peer_ops,
	       const struct roster_ops *roster_ops)
{
	struct peers_config config = {
		.loop = node->loop,
		.key = node->options->key,
		.self = node->id,
		.inside = node->inside,
		.external = node->external,
		.lazy = node->options->lazy,
		.silence_ns = node->silence_ns,
		.ops = peer_ops,
		.arg = node,
	};
	int r;

	node->roster = roster_new(node->loop, &node->members, roster_ops, node);
	node->shown = shown_new(node);
	node->ports = ports_new(node);
	node->dials = dials_new(node);
	node->answers = answers_new(node);
	node->handoff = handoff_new(node->loop, &node->inside);
	node->waiters = waiters_new(send_to_seed, node);
	if (!node->roster || !node->shown || !node->ports || !node->dials || !node->answers ||
	    !node->handoff || !node->waiters)
		return -ENOMEM;
	r = relays_open(node);
	config.relay = node->relay;
	if (r == 0)
		r = peers_new(&config, &node->peers);
	return r < 0 ? r : api_new(node, &node->api);
}

void rooms_close(struct node *node)
{
	guest_free(node->guest);
	probe_free(node->probe);
	api_free(node->api);
	waiters_free(node->waiters);
	handoff_free(node->handoff);
	answers_free(node->answers);
	dials_free(node->dials);
	ports_free(node->ports);
	history_free(&node->history);
	peers_free(node->peers);
	relay_free(node->relay);
	roster_free(node->roster);
	shown_free(node->shown);
}
