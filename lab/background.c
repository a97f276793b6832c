/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * Control connections carry pings all the time, so with n functions the internet
 * sees n^2 of them, and in a long step with few bytes they sum up to more than
 * was moved. That is no relay. So each control connection has an allowance
 * (PROOF_CONTROL_*), and what stays within it is not suspected; what passes it is
 * suspected as a whole, since a relay may use a control connection too. All other
 * traffic is suspected from its first byte.
 *
 *  - In a node's NAT, a control connection is known by the node's control port, or
 *    by the seed's address and port. What one peer got over several of them, one
 *    after the other, counts as one.
 *  - On a link nobody tells connections apart, so its allowance is that of all
 *    control connections that can pass it. Who relays receives all of it and sends
 *    all of it, so a link counts for the smaller of its directions.
 *
 * What is not suspected may still hide a relay of that size; proof.c says when.
 */
#include "lab/background.h"

#include "base/clock.h"
#include "lab/view.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

/** struct control - what went over one control connection */
struct control {
	struct addr peer;
	uint64_t bytes;
};

/* What one control connection may carry. */
static uint64_t allowance(const struct proof_case *c)
{
	uint64_t ms = c->ended > c->began ? (c->ended - c->began) / NS_PER_MS : 0;

	return PROOF_CONTROL_BYTES + PROOF_CONTROL_RATE * ms / 1000;
}

static int cmp_host(const void *a, const void *b)
{
	return addr_cmp_host(a, b);
}

static bool is_partner(const struct proof_case *c, const struct addr *a)
{
	return c->n_partners &&
	       bsearch(a, c->partners, c->n_partners, sizeof(*c->partners), cmp_host);
}

static int cmp_control(const void *a, const void *b)
{
	const struct addr *x = &((const struct control *)a)->peer;
	const struct addr *y = &((const struct control *)b)->peer;
	int r = addr_cmp_host(x, y);

	return r ? r : x->port - y->port;
}

static void suspect(struct background_flows *flows, const struct addr *peer, uint64_t bytes,
		    uint64_t *most)
{
	flows->suspect += bytes;
	if (bytes < *most)
		return;
	*most = bytes;
	flows->most = *peer;
}

/* Control connections to the same peer are one. */
static void weigh_controls(struct control *controls, size_t n, uint64_t allowed, uint64_t *most,
			   struct background_flows *flows)
{
	qsort(controls, n, sizeof(*controls), cmp_control);
	for (size_t i = 0, next; i < n; i = next) {
		uint64_t bytes = controls[i].bytes;

		for (next = i + 1; next < n && !cmp_control(&controls[i], &controls[next]); next++)
			bytes += controls[next].bytes;
		if (bytes > allowed)
			suspect(flows, &controls[i].peer, bytes, most);
	}
}

/* An entry that is older than the step counts from where it stood. */
static uint64_t bytes_meanwhile(const struct proof_router *router,
				const struct conntrack_flow *flow)
{
	const struct proof_known *known = view_find_known(router, flow->id);
	uint64_t bytes = flow->bytes + flow->reply_bytes;

	return known && known->bytes <= bytes ? bytes - known->bytes : bytes;
}

static int weigh_flows(const struct proof_case *c, const struct proof_end *end,
		       const struct proof_end *other, struct background_flows *ret_flows)
{
	const struct proof_router *router = view_router_of(c, end);
	struct background_flows flows = {0};
	struct control *controls;
	size_t n_controls = 0;
	uint64_t most = 0;

	*ret_flows = flows;
	if (!router)
		return 0;
	controls = calloc(router->n_flows + 1, sizeof(*controls));
	if (!controls)
		return -ENOMEM;
	for (size_t i = 0; i < router->n_flows; i++) {
		const struct conntrack_flow *flow = &router->flows[i];
		bool outbound = addr_same_host(&flow->src, &end->inside);
		const struct addr *inner = outbound ? &flow->src : &flow->reply_src;
		const struct addr *peer = outbound ? &flow->reply_src : &flow->src;
		uint64_t bytes = bytes_meanwhile(router, flow);

		/* Those that had ended before are in no list of known ones. */
		if (flow->gone && flow->ended_at < c->began)
			continue;
		if (!addr_same_host(inner, &end->inside) || view_is_seen_as(other, peer) ||
		    addr_same_host(peer, &other->inside) || is_partner(c, peer))
			continue;
		flows.all += bytes;
		if (flow->proto == IPPROTO_TCP && ((end->control && inner->port == end->control) ||
						   (c->seed.port && addr_equal(peer, &c->seed))))
			controls[n_controls++] = (struct control){*peer, bytes};
		else
			suspect(&flows, peer, bytes, &most);
	}
	weigh_controls(controls, n_controls, allowance(c), &most, &flows);
	free(controls);
	*ret_flows = flows;
	return 0;
}

static struct background_links weigh_links(const struct proof_case *c)
{
	struct background_links links = {0};
	uint64_t most = 0;

	for (size_t i = 0; i < c->n_others; i++) {
		const struct proof_link *link = &c->others[i];
		uint64_t passed = link->received < link->sent ? link->received : link->sent;

		links.bytes += link->received + link->sent;
		links.all += passed;
		if (passed <= link->controls * allowance(c))
			continue;
		links.suspect += passed;
		if (passed > most) {
			most = passed;
			links.most = link->name;
		}
	}
	return links;
}

int background_weigh(const struct proof_case *c, struct background *ret_background)
{
	int r = weigh_flows(c, &c->from, &c->to, &ret_background->from);

	if (!r)
		r = weigh_flows(c, &c->to, &c->from, &ret_background->to);
	ret_background->links = weigh_links(c);
	return r;
}
