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
 * A node without a NAT has no view; it mirrors anything.
 */
#include "lab/proof.h"

#include "base/clock.h"
#include "lab/human.h"

#include <assert.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/**
 * struct view - one entry, from the standpoint of the node behind that NAT
 * @flow: NULL for a public node
 * @outbound: the entry's original direction leads away from the node
 */
struct view {
	const struct conntrack_flow *flow;
	bool outbound;
	struct addr inner, outer, peer;
};

/** struct hop - one connection: both nodes' views */
struct hop {
	struct view from, to;
};

/**
 * enum stage - how far towards a proof one connection has come
 *
 * The best connection's stage gives the reason, so the order matters.
 */
enum stage {
	STAGE_NOTHING,
	STAGE_NOT_IN_TO,   /* the NAT of the listening node does not hold it */
	STAGE_NOT_IN_FROM, /* only that one does */
	STAGE_MISMATCH,	   /* both hold one, but not the same */
	STAGE_STALE,	   /* it was there before the step */
	STAGE_NEVER,	   /* it was never established */
	STAGE_ELSEWHEN,	   /* it was, but not while the step ran */
	STAGE_GOOD,
};

/** struct finding - the furthest that any connection has come, and the NAT that stopped it */
struct finding {
	enum stage stage;
	struct hop hop;
	const struct proof_router *router;
	const struct conntrack_flow *flow;
};

const char *proof_kind_name(enum proof_kind kind)
{
	static const char *const names[] = {
		[PROOF_NONE] = "none", [PROOF_DIRECT] = "direct", [PROOF_RELAYED] = "relayed"};

	return names[kind];
}

static bool is_public(const struct proof_end *end)
{
	return end->router == PROOF_PUBLIC;
}

static const struct proof_router *router_of(const struct proof_case *c, const struct proof_end *end)
{
	return is_public(end) ? NULL : &c->routers[end->router];
}

static size_t n_views(const struct proof_case *c, const struct proof_end *end)
{
	return is_public(end) ? 1 : router_of(c, end)->n_flows;
}

/* Both nodes share one NAT, so one entry must name both of them. */
static bool shared_view(const struct conntrack_flow *flow, const struct proof_end *end,
			const struct proof_end *other, struct view *ret_view)
{
	if (addr_same_host(&flow->src, &end->inside) &&
	    addr_same_host(&flow->reply_src, &other->inside))
		*ret_view = (struct view){flow, true, flow->src, flow->reply_dst, flow->reply_src};
	else if (addr_same_host(&flow->reply_src, &end->inside) &&
		 addr_same_host(&flow->src, &other->inside))
		*ret_view = (struct view){flow, false, flow->reply_src, flow->dst, flow->src};
	else
		return false;
	return true;
}

/*
 * The entry @i of @end's NAT as a view of a connection to @other.
 *
 * Return: false when it is none.
 */
static bool view_at(const struct proof_case *c, const struct proof_end *end,
		    const struct proof_end *other, size_t i, struct view *ret_view)
{
	const struct conntrack_flow *flow;

	if (is_public(end)) {
		*ret_view = (struct view){0};
		return true;
	}
	flow = &router_of(c, end)->flows[i];
	if (flow->proto != IPPROTO_TCP)
		return false;
	if (end->router == other->router)
		return shared_view(flow, end, other, ret_view);
	if (addr_same_host(&flow->src, &end->inside) && addr_equal(&flow->dst, &flow->reply_src) &&
	    addr_same_host(&flow->dst, &other->external) &&
	    addr_same_host(&flow->reply_dst, &end->external)) {
		*ret_view = (struct view){flow, true, flow->src, flow->reply_dst, flow->dst};
		return true;
	}
	if (addr_same_host(&flow->reply_src, &end->inside) &&
	    addr_equal(&flow->src, &flow->reply_dst) &&
	    addr_same_host(&flow->src, &other->external) &&
	    addr_same_host(&flow->dst, &end->external)) {
		*ret_view = (struct view){flow, false, flow->reply_src, flow->dst, flow->src};
		return true;
	}
	return false;
}

/* As view_at(), for the listening node: its port is known. */
static bool view_to(const struct proof_case *c, size_t i, struct view *ret_view)
{
	struct view v;

	if (!view_at(c, &c->to, &c->from, i, &v) || (v.flow && v.inner.port != c->port))
		return false;
	*ret_view = v;
	return true;
}

/* As view_at(), for the connecting node: a public listener's port is known. */
static bool view_from(const struct proof_case *c, size_t i, struct view *ret_view)
{
	struct view v;

	if (!view_at(c, &c->from, &c->to, i, &v) ||
	    (v.flow && is_public(&c->to) && v.peer.port != c->port))
		return false;
	*ret_view = v;
	return true;
}

static bool mirrors(const struct proof_case *c, const struct hop *hop)
{
	if (!hop->from.flow || !hop->to.flow)
		return true;
	if (c->from.router == c->to.router)
		return hop->from.flow == hop->to.flow;
	return addr_equal(&hop->from.outer, &hop->to.peer) &&
	       addr_equal(&hop->from.peer, &hop->to.outer);
}

static int cmp_known(const void *key, const void *entry)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct proof_known *)entry)->id;

	return a < b ? -1 : a > b;
}

static const struct proof_known *find_known(const struct proof_router *router, uint32_t id)
{
	if (!router->n_known)
		return NULL;
	return bsearch(&id, router->known, router->n_known, sizeof(*router->known), cmp_known);
}

static enum stage flow_stage(const struct proof_case *c, const struct proof_router *router,
			     const struct conntrack_flow *flow)
{
	if (find_known(router, flow->id))
		return STAGE_STALE;
	if (!flow->was_established)
		return STAGE_NEVER;
	if (flow->established_at < c->began || flow->established_at > c->ended)
		return STAGE_ELSEWHEN;
	return STAGE_GOOD;
}

/* How far has @hop come, and if not to the end, whose testimony is missing? */
static struct finding examine(const struct proof_case *c, const struct hop *hop)
{
	const struct view *views[] = {&hop->from, &hop->to};
	const struct proof_end *ends[] = {&c->from, &c->to};
	struct finding f = {.stage = STAGE_GOOD, .hop = *hop};

	if (!mirrors(c, hop)) {
		f.stage = STAGE_MISMATCH;
		return f;
	}
	for (int i = 0; i < 2; i++) {
		const struct proof_router *router = router_of(c, ends[i]);
		enum stage stage;

		if (!router)
			continue;
		stage = flow_stage(c, router, views[i]->flow);
		if (stage < f.stage) {
			f.stage = stage;
			f.router = router;
			f.flow = views[i]->flow;
		}
	}
	return f;
}

/* Look at every possible connection and keep the best. */
static struct finding search(const struct proof_case *c)
{
	struct finding best = {.stage = STAGE_NOT_IN_TO};
	struct hop hop;

	for (size_t t = 0; t < n_views(c, &c->to); t++) {
		if (!view_to(c, t, &hop.to))
			continue;
		if (best.stage < STAGE_NOT_IN_FROM)
			best = (struct finding){.stage = STAGE_NOT_IN_FROM, .hop.to = hop.to};
		for (size_t f = 0; f < n_views(c, &c->from); f++) {
			struct finding found;

			if (!view_from(c, f, &hop.from))
				continue;
			found = examine(c, &hop);
			if (found.stage > best.stage)
				best = found;
		}
	}
	return best;
}

static bool is_good(const struct proof_case *c, const struct view *from, const struct view *to)
{
	struct hop hop = {*from, *to};

	return examine(c, &hop).stage == STAGE_GOOD;
}

/* Does the view @v of @end have a mirror image that makes it part of the proof? */
static bool has_mirror(const struct proof_case *c, bool of_from, const struct view *v)
{
	const struct proof_end *other = of_from ? &c->to : &c->from;
	struct view w;

	for (size_t i = 0; i < n_views(c, other); i++) {
		if (of_from ? view_to(c, i, &w) && is_good(c, v, &w)
			    : view_from(c, i, &w) && is_good(c, &w, v))
			return true;
	}
	return false;
}

/**
 * struct carried - what the good connections in one NAT sum up to
 * @sent: bytes from @from to @to
 * @received: bytes back
 * @largest: the one that carried most
 */
struct carried {
	uint64_t sent, received;
	size_t connections;
	struct view largest;
};

static uint64_t both_ways(const struct conntrack_flow *flow)
{
	return flow->bytes + flow->reply_bytes;
}

static struct carried sum_up(const struct proof_case *c, bool of_from)
{
	const struct proof_end *end = of_from ? &c->from : &c->to;
	struct carried sum = {0};
	struct view v;

	for (size_t i = 0; i < n_views(c, end); i++) {
		if (!(of_from ? view_from(c, i, &v) : view_to(c, i, &v)) ||
		    !has_mirror(c, of_from, &v))
			continue;
		/* The original direction leads from @from to @to in one of two cases. */
		sum.sent += v.outbound == of_from ? v.flow->bytes : v.flow->reply_bytes;
		sum.received += v.outbound == of_from ? v.flow->reply_bytes : v.flow->bytes;
		sum.connections++;
		if (!sum.largest.flow || both_ways(v.flow) > both_ways(sum.largest.flow))
			sum.largest = v;
	}
	return sum;
}

static void testify(const struct proof_router *router, const struct carried *sum, bool of_from,
		    struct proof *proof)
{
	const struct conntrack_flow *flow = sum->largest.flow;
	bool forth = sum->largest.outbound == of_from;
	struct proof_nat *nat = &proof->nats[proof->n_nats++];

	*nat = (struct proof_nat){.src = flow->src,
				  .dst = flow->dst,
				  .reply_src = flow->reply_src,
				  .reply_dst = flow->reply_dst,
				  .bytes = forth ? sum->sent : sum->received,
				  .reply_bytes = forth ? sum->received : sum->sent,
				  .established = true};
	(void)snprintf(nat->name, sizeof(nat->name), "%s", router->name);
	if (sum->connections > proof->connections)
		proof->connections = sum->connections;
}

/* The first reason is the one that is given. */
static void __attribute__((format(printf, 2, 3))) because(struct proof *proof, const char *fmt, ...)
{
	va_list ap;

	if (*proof->reason)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(proof->reason, sizeof(proof->reason), fmt, ap);
	va_end(ap);
}

/* The sentence for a connection that did not come all the way. */
static void say_finding(const struct proof_case *c, const struct finding *f, struct proof *proof)
{
	const struct proof_router *from_nat = router_of(c, &c->from);
	const struct proof_router *to_nat = router_of(c, &c->to);
	const struct hop *hop = &f->hop;
	char t[4][ADDR_TEXT_MAX];
	char time[HUMAN_TEXT_MAX];
	struct addr at = c->to.inside;

	at.port = c->port;
	switch (f->stage) {
	case STAGE_NOT_IN_TO:
		because(proof, "%s holds no connection of %s (%s) with %s (%s)", to_nat->name,
			c->to.name, addr_format(&at, t[0]), c->from.name,
			addr_format(&c->from.external, t[1]));
		break;
	case STAGE_NOT_IN_FROM:
		at = hop->to.outer;
		if (is_public(&c->to)) {
			at = c->to.external;
			at.port = c->port;
		}
		because(proof, "%s holds no connection of %s (%s) with %s (%s)", from_nat->name,
			c->from.name, addr_format(&c->from.inside, t[0]), c->to.name,
			addr_format(&at, t[1]));
		break;
	case STAGE_MISMATCH:
		because(proof,
			"the NATs hold different connections: %s has %s to %s, %s has %s to %s",
			from_nat->name, addr_format(&hop->from.outer, t[0]),
			addr_format(&hop->from.peer, t[1]), to_nat->name,
			addr_format(&hop->to.peer, t[2]), addr_format(&hop->to.outer, t[3]));
		break;
	case STAGE_STALE:
		because(proof, "the connection in %s is older than the step", f->router->name);
		break;
	case STAGE_NEVER:
		because(proof, "the connection in %s was never established", f->router->name);
		break;
	case STAGE_ELSEWHEN:
		if (f->flow->established_at < c->began)
			because(proof,
				"the connection in %s was established %s before the step began",
				f->router->name,
				human_format((double)(c->began - f->flow->established_at), "ns",
					     time));
		else
			because(proof, "the connection in %s was established only after the step",
				f->router->name);
		break;
	case STAGE_NOTHING:
	case STAGE_GOOD:
		break;
	}
}

/* Two numbers of bytes that a reader can tell apart. */
static void describe_bytes(uint64_t carried, uint64_t claimed, char a[static HUMAN_TEXT_MAX],
			   char b[static HUMAN_TEXT_MAX])
{
	if (carried < claimed - claimed / 10) {
		(void)human_format((double)carried, "B", a);
		(void)human_format((double)claimed, "B", b);
	} else {
		(void)snprintf(a, HUMAN_TEXT_MAX, "%" PRIu64 " B", carried);
		(void)snprintf(b, HUMAN_TEXT_MAX, "%" PRIu64 " B", claimed);
	}
}

/* Did @who carry what is claimed, each way? */
static bool carried_enough(const struct proof_case *c, const char *who, uint64_t sent,
			   uint64_t received, struct proof *proof)
{
	bool forth = sent < c->sent;
	char carried[HUMAN_TEXT_MAX], claimed[HUMAN_TEXT_MAX];

	if (sent >= c->sent && received >= c->received)
		return true;
	describe_bytes(forth ? sent : received, forth ? c->sent : c->received, carried, claimed);
	because(proof, "%s carried %s from %s to %s, the program says it moved %s", who, carried,
		forth ? c->from.name : c->to.name, forth ? c->to.name : c->from.name, claimed);
	return false;
}

/* The node's NAT, or the link of a public one, vouches for the bytes. */
static bool end_vouches(const struct proof_case *c, const struct proof_end *end,
			struct proof *proof)
{
	bool of_from = end == &c->from;
	const struct proof_router *router = router_of(c, end);
	struct carried sum;
	char who[PROOF_NAME_MAX + sizeof("the link of ")];

	if (!router) {
		(void)snprintf(who, sizeof(who), "the link of %s", end->name);
		return carried_enough(c, who, of_from ? end->link_sent : end->link_received,
				      of_from ? end->link_received : end->link_sent, proof);
	}
	sum = sum_up(c, of_from);
	testify(router, &sum, of_from, proof);
	return carried_enough(c, router->name, sum.sent, sum.received, proof);
}

static bool is_direct(const struct proof_case *c, struct proof *proof)
{
	struct finding f = search(c);

	if (f.stage != STAGE_GOOD) {
		say_finding(c, &f, proof);
		return false;
	}
	if (!end_vouches(c, &c->from, proof))
		return false;
	/* A shared NAT has spoken already. */
	if (!is_public(&c->to) && c->from.router == c->to.router)
		return true;
	return end_vouches(c, &c->to, proof);
}

static bool is_partner(const struct proof_case *c, const struct addr *a)
{
	for (size_t i = 0; i < c->n_partners; i++)
		if (addr_same_host(&c->partners[i], a))
			return true;
	return false;
}

/*
 * What @end exchanged during the step with anybody but @other: a relay would
 * have to be among them. Entries that are older count from where they stood.
 */
static uint64_t elsewhere(const struct proof_case *c, const struct proof_end *end,
			  const struct proof_end *other, struct addr *ret_whom)
{
	const struct proof_router *router = router_of(c, end);
	uint64_t sum = 0, most = 0;

	for (size_t i = 0; router && i < router->n_flows; i++) {
		const struct conntrack_flow *flow = &router->flows[i];
		const struct proof_known *known = find_known(router, flow->id);
		bool outbound = addr_same_host(&flow->src, &end->inside);
		const struct addr *peer = outbound ? &flow->reply_src : &flow->src;
		uint64_t bytes = both_ways(flow);

		if (!outbound && !addr_same_host(&flow->reply_src, &end->inside))
			continue;
		if (addr_same_host(peer, &other->external) ||
		    addr_same_host(peer, &other->inside) || is_partner(c, peer))
			continue;
		if (known && known->bytes <= bytes)
			bytes -= known->bytes;
		sum += bytes;
		if (bytes >= most) {
			most = bytes;
			*ret_whom = *peer;
		}
	}
	return sum;
}

/* What the two nodes exchanged with others. Return: true when it is as much as was moved. */
static bool others_in_flows(const struct proof_case *c, const char *moved, struct proof *proof)
{
	const struct proof_end *ends[] = {&c->from, &c->to, &c->from};
	uint64_t sums[2];
	char bytes[HUMAN_TEXT_MAX], whom[ADDR_TEXT_MAX];
	bool found = false;

	for (int i = 0; i < 2; i++) {
		struct addr peer = {0};

		sums[i] = elsewhere(c, ends[i], ends[i + 1], &peer);
		if (sums[i] < c->sent + c->received)
			continue;
		found = true;
		because(proof,
			"%s exchanged %s with others meanwhile, %s above all, as much as the "
			"%s that the program moved",
			ends[i]->name, human_format((double)sums[i], "B", bytes),
			addr_format(&peer, whom), moved);
	}
	proof->from_elsewhere = sums[0];
	proof->to_elsewhere = sums[1];
	return found;
}

/* What the links of others carried. Return: true when it is as much as was moved. */
static bool others_on_links(const struct proof_case *c, const char *moved, struct proof *proof)
{
	const struct proof_link *most = NULL;
	char bytes[HUMAN_TEXT_MAX];

	for (size_t i = 0; i < c->n_others; i++) {
		proof->others_bytes += c->others[i].bytes;
		if (!most || c->others[i].bytes > most->bytes)
			most = &c->others[i];
	}
	if (!most || proof->others_bytes < c->sent + c->received)
		return false;
	because(proof,
		"the links of those who had no part in it carried %s meanwhile, %s above all, as "
		"much as the %s that the program moved",
		human_format((double)proof->others_bytes, "B", bytes), most->name, moved);
	return true;
}

/* Both are looked at in any case, for the report. */
static bool is_relayed(const struct proof_case *c, struct proof *proof)
{
	char moved[HUMAN_TEXT_MAX];
	bool flows, links;

	(void)human_format((double)(c->sent + c->received), "B", moved);
	flows = others_in_flows(c, moved, proof);
	links = others_on_links(c, moved, proof);
	return flows || links;
}

void proof_judge(const struct proof_case *c, struct proof *ret_proof)
{
	struct proof proof = {.kind = PROOF_NONE};

	assert(c->n_routers <= PROOF_ROUTERS_MAX);
	if (c->sent + c->received == 0)
		because(&proof, "the program does not say that it moved anything");
	else if (is_relayed(c, &proof))
		proof.kind = PROOF_RELAYED;
	else if (is_direct(c, &proof))
		proof.kind = PROOF_DIRECT;
	if (proof.kind == PROOF_DIRECT && proof.n_nats == 0)
		because(&proof, "with no NAT in between");
	else if (proof.kind == PROOF_DIRECT)
		because(&proof, "through %s%s%s", proof.nats[0].name,
			proof.n_nats > 1 ? " and " : "",
			proof.n_nats > 1 ? proof.nats[1].name : "");
	*ret_proof = proof;
}
