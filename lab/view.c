/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A connection is one entry in each NAT that it passes, and which end began it
 * differs from one to the other: after a punch, each NAT thinks that its own
 * node did. So every entry is first turned into a *view*: the node's own
 * address (inner), what its NAT made of it (outer), and the other node's
 * address as the public side sees it (peer), whichever side began. The two views
 * of one connection are mirror images: the outer of each is the peer of the
 * other. That holds for punched holes, plain client connections and static
 * forwards alike, and whatever ports the NATs chose.
 *
 * So both nodes' views are sorted by that pair, the one's (outer, peer) and the
 * other's (peer, outer), and looked through side by side: views with the same key
 * are the same connection. (Several entries may have had one key, one after the
 * other.) A node without a NAT has one empty view, which mirrors anything: then all
 * keys are empty too.
 */
#include "lab/view.h"

#include "base/cleanup.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

/** struct views - those of one node; a part of them has the same key */
struct views {
	struct view *list;
	size_t n;
};

bool view_is_public(const struct proof_end *end)
{
	return end->router == PROOF_PUBLIC;
}

const struct proof_router *view_router_of(const struct proof_case *c, const struct proof_end *end)
{
	return view_is_public(end) ? NULL : &c->routers[end->router];
}

bool view_is_seen_as(const struct proof_end *end, const struct addr *addr)
{
	bool is = addr_same_host(addr, &end->external);

	for (size_t i = 0; !is && i < end->n_others; i++)
		is = addr_same_host(addr, &end->others[i]);
	return is;
}

static struct view outbound_view(const struct conntrack_flow *flow, struct addr peer)
{
	return (struct view){.flow = flow,
			     .outbound = true,
			     .inner = flow->src,
			     .outer = flow->reply_dst,
			     .peer = peer};
}

static struct view inbound_view(const struct conntrack_flow *flow)
{
	return (struct view){
		.flow = flow, .inner = flow->reply_src, .outer = flow->dst, .peer = flow->src};
}

/* Both nodes share one NAT, so one entry must name both of them. */
static bool shared_view(const struct conntrack_flow *flow, const struct proof_end *end,
			const struct proof_end *other, struct view *ret_view)
{
	if (addr_same_host(&flow->src, &end->inside) &&
	    addr_same_host(&flow->reply_src, &other->inside))
		*ret_view = outbound_view(flow, flow->reply_src);
	else if (addr_same_host(&flow->reply_src, &end->inside) &&
		 addr_same_host(&flow->src, &other->inside))
		*ret_view = inbound_view(flow);
	else
		return false;
	return true;
}

/*
 * An entry of @end's NAT as a view of a connection to @other.
 *
 * Return: false when it is none.
 */
static bool view_of(const struct proof_end *end, const struct proof_end *other,
		    const struct conntrack_flow *flow, struct view *ret_view)
{
	if (end->router == other->router)
		return shared_view(flow, end, other, ret_view);
	if (addr_same_host(&flow->src, &end->inside) && addr_equal(&flow->dst, &flow->reply_src) &&
	    view_is_seen_as(other, &flow->dst) && view_is_seen_as(end, &flow->reply_dst)) {
		*ret_view = outbound_view(flow, flow->dst);
		return true;
	}
	/* The inside may be shown another source port, when it is about to talk to the true one. */
	if (addr_same_host(&flow->reply_src, &end->inside) &&
	    addr_same_host(&flow->src, &flow->reply_dst) && view_is_seen_as(other, &flow->src) &&
	    view_is_seen_as(end, &flow->dst)) {
		*ret_view = inbound_view(flow);
		return true;
	}
	return false;
}

static int cmp_known(const void *key, const void *entry)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct proof_known *)entry)->id;

	return a < b ? -1 : a > b;
}

const struct proof_known *view_find_known(const struct proof_router *router, uint32_t id)
{
	if (!router->n_known)
		return NULL;
	return bsearch(&id, router->known, router->n_known, sizeof(*router->known), cmp_known);
}

static enum stage flow_stage(const struct proof_case *c, const struct proof_router *router,
			     const struct conntrack_flow *flow)
{
	if (view_find_known(router, flow->id))
		return STAGE_STALE;
	if (c->proto == IPPROTO_UDP)
		return flow->packets && flow->reply_packets ? STAGE_GOOD : STAGE_NEVER;
	if (!flow->was_established)
		return STAGE_NEVER;
	if (flow->established_at < c->began || flow->established_at > c->ended)
		return STAGE_ELSEWHEN;
	return STAGE_GOOD;
}

/* One end's port is known: of the end itself, or, of a public one, of its peer. */
static bool has_port(const struct proof_case *c, bool of_from, const struct view *v)
{
	bool know_from = c->from_port;
	const struct proof_end *other = of_from ? &c->to : &c->from;
	uint16_t port = know_from ? c->from_port : c->port;

	if (of_from == know_from)
		return v->inner.port == port;
	return !view_is_public(other) || v->peer.port == port;
}

static void set_key(const struct proof_case *c, bool of_from, struct view *v)
{
	if (view_is_public(&c->from) || view_is_public(&c->to))
		return;
	if (c->from.router == c->to.router) {
		v->key[0] = v->flow->src;
		v->key[1] = v->flow->reply_src;
		return;
	}
	v->key[0] = of_from ? v->outer : v->peer;
	v->key[1] = of_from ? v->peer : v->outer;
}

static int cmp_key(const void *a, const void *b)
{
	const struct view *x = a, *y = b;
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		r = addr_cmp_host(&x->key[i], &y->key[i]);
		if (!r)
			r = x->key[i].port - y->key[i].port;
	}
	return r;
}

static void free_views(struct views *views)
{
	free(views->list);
}

/* All views of one node, sorted. */
static int make_views(const struct proof_case *c, bool of_from, struct views *ret_views)
{
	const struct proof_end *end = of_from ? &c->from : &c->to;
	const struct proof_end *other = of_from ? &c->to : &c->from;
	const struct proof_router *router = view_router_of(c, end);
	struct view *list = calloc((router ? router->n_flows : 0) + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	if (!router)
		list[n++] = (struct view){.stage = STAGE_GOOD};
	for (size_t i = 0; router && i < router->n_flows; i++) {
		struct view *v = &list[n];

		if (router->flows[i].proto != (c->proto ? c->proto : IPPROTO_TCP) ||
		    !view_of(end, other, &router->flows[i], v) || !has_port(c, of_from, v))
			continue;
		v->stage = flow_stage(c, router, v->flow);
		set_key(c, of_from, v);
		n++;
	}
	qsort(list, n, sizeof(*list), cmp_key);
	*ret_views = (struct views){list, n};
	return 0;
}

static uint64_t both_ways(const struct conntrack_flow *flow)
{
	return flow->bytes + flow->reply_bytes;
}

/* Those from @at on that have its key. */
static struct views same_key(const struct views *views, size_t at)
{
	size_t next = at + 1;

	while (next < views->n && !cmp_key(&views->list[at], &views->list[next]))
		next++;
	return (struct views){&views->list[at], next - at};
}

static const struct view *furthest(const struct views *views)
{
	const struct view *best = &views->list[0];

	for (size_t i = 1; i < views->n; i++)
		if (views->list[i].stage > best->stage)
			best = &views->list[i];
	return best;
}

static void add_good(const struct views *views, bool of_from, struct carried *sum)
{
	for (size_t i = 0; i < views->n; i++) {
		const struct view *v = &views->list[i];

		if (v->stage != STAGE_GOOD || !v->flow)
			continue;
		/* The original direction leads from @from to @to in one of two cases. */
		sum->sent += v->outbound == of_from ? v->flow->bytes : v->flow->reply_bytes;
		sum->received += v->outbound == of_from ? v->flow->reply_bytes : v->flow->bytes;
		sum->connections++;
		if (!sum->largest.flow || both_ways(v->flow) > both_ways(sum->largest.flow))
			sum->largest = *v;
	}
}

/* Both NATs hold it: how far has it come, and if not to the end, who says so? */
static struct finding examine(const struct proof_case *c, const struct view *from,
			      const struct view *to)
{
	bool by_to = to->stage < from->stage;
	const struct view *weaker = by_to ? to : from;

	return (struct finding){.stage = weaker->stage,
				.hop = {*from, *to},
				.router = view_router_of(c, by_to ? &c->to : &c->from),
				.flow = weaker->flow};
}

/* What is known when no view has a mirror image. */
static struct finding nothing_mirrored(const struct views *from, const struct views *to)
{
	if (!to->n)
		return (struct finding){.stage = STAGE_NOT_IN_TO};
	if (!from->n)
		return (struct finding){.stage = STAGE_NOT_IN_FROM, .hop.to = to->list[0]};
	return (struct finding){.stage = STAGE_MISMATCH, .hop = {from->list[0], to->list[0]}};
}

static struct finding search(const struct proof_case *c, const struct views *from,
			     const struct views *to, struct carried sums[static 2])
{
	struct finding best = nothing_mirrored(from, to);

	for (size_t f = 0, t = 0; f < from->n && t < to->n;) {
		int order = cmp_key(&from->list[f], &to->list[t]);
		struct views same_from, same_to;
		struct finding found;

		if (order) {
			f += order < 0;
			t += order > 0;
			continue;
		}
		same_from = same_key(from, f);
		same_to = same_key(to, t);
		f += same_from.n;
		t += same_to.n;
		found = examine(c, furthest(&same_from), furthest(&same_to));
		if (found.stage > best.stage)
			best = found;
		if (found.stage != STAGE_GOOD)
			continue;
		add_good(&same_from, true, &sums[0]);
		add_good(&same_to, false, &sums[1]);
	}
	return best;
}

int view_search(const struct proof_case *c, struct finding *ret_finding,
		struct carried ret_sums[static 2])
{
	cleanup_with(free_views) struct views from = {0};
	cleanup_with(free_views) struct views to = {0};
	int r = make_views(c, true, &from);

	if (!r)
		r = make_views(c, false, &to);
	if (r < 0)
		return r;
	ret_sums[0] = ret_sums[1] = (struct carried){0};
	*ret_finding = search(c, &from, &to, ret_sums);
	return 0;
}
