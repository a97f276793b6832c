/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/proof.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/background.h"
#include "lab/chain.h"
#include "lab/human.h"
#include "lab/view.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define NAMES_MAX 400

const char *proof_kind_name(enum proof_kind kind)
{
	static const char *const names[] = {
		[PROOF_NONE] = "none", [PROOF_DIRECT] = "direct", [PROOF_RELAYED] = "relayed"};

	return names[kind];
}

static void testify(const struct chain *chain, const struct carried *sum, bool of_from,
		    struct proof *proof)
{
	bool forth = sum->largest.outbound == of_from;

	for (size_t i = 0; i < chain->n_way; i++) {
		/* The listener's nearest NAT is the last one on the way. */
		size_t at = of_from ? i : chain->n_way - 1 - i;
		struct chain_part part = chain_part(chain, sum->largest.flow, at);
		bool same = forth != part.turned;
		struct proof_nat *nat = &proof->nats[proof->n_nats++];

		*nat = (struct proof_nat){.src = part.flow->src,
					  .dst = part.flow->dst,
					  .reply_src = part.flow->reply_src,
					  .reply_dst = part.flow->reply_dst,
					  .bytes = same ? sum->sent : sum->received,
					  .reply_bytes = same ? sum->received : sum->sent,
					  .established = true};
		(void)snprintf(nat->name, sizeof(nat->name), "%s", chain->way[at]->name);
	}
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
	const struct proof_router *from_nat = view_router_of(c, &c->from);
	const struct proof_router *to_nat = view_router_of(c, &c->to);
	const struct hop *hop = &f->hop;
	char t[4][ADDR_TEXT_MAX];
	char time[HUMAN_TEXT_MAX];
	struct addr at = c->to.inside, from = c->from.inside;

	at.port = c->from_port ? 0 : c->port;
	from.port = c->from_port;
	switch (f->stage) {
	case STAGE_NOT_IN_TO:
		because(proof, "%s holds no connection of %s (%s) with %s (%s)", to_nat->name,
			c->to.name, addr_format(&at, t[0]), c->from.name,
			addr_format(&c->from.external, t[1]));
		break;
	case STAGE_NOT_IN_FROM:
		at = hop->to.outer;
		if (view_is_public(&c->to)) {
			at = c->to.external;
			at.port = c->from_port ? 0 : c->port;
		}
		because(proof, "%s holds no connection of %s (%s) with %s (%s)", from_nat->name,
			c->from.name, addr_format(&from, t[0]), c->to.name, addr_format(&at, t[1]));
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
static bool end_vouches(const struct chains *chains, const struct proof_end *end,
			const struct carried *sum, struct proof *proof)
{
	const struct proof_case *c = &chains->seen;
	bool of_from = end == &c->from;
	const struct proof_router *router = view_router_of(c, end);
	char who[PROOF_NAME_MAX + sizeof("the link of ")];

	if (!router) {
		(void)snprintf(who, sizeof(who), "the link of %s", end->name);
		return carried_enough(c, who, of_from ? end->link_sent : end->link_received,
				      of_from ? end->link_received : end->link_sent, proof);
	}
	testify(&chains->chain[of_from ? 0 : 1], sum, of_from, proof);
	return carried_enough(c, router->name, sum->sent, sum->received, proof);
}

/* Return: 1, 0 when it is not, or -ENOMEM. */
static int is_direct(const struct proof_case *all, struct proof *proof)
{
	cleanup_with(chains_free) struct chains chains = {0};
	const struct proof_case *c = &chains.seen;
	struct carried sums[2];
	struct finding f;
	int r = chains_make(all, &chains);

	if (!r)
		r = view_search(c, &f, sums);
	if (r < 0)
		return r;
	if (f.stage != STAGE_GOOD) {
		say_finding(c, &f, proof);
		return 0;
	}
	if (!end_vouches(&chains, &c->from, &sums[0], proof))
		return 0;
	/* A shared NAT has spoken already. */
	if (!view_is_public(&c->to) && c->from.router == c->to.router)
		return 1;
	return end_vouches(&chains, &c->to, &sums[1], proof);
}

static uint64_t moved(const struct proof_case *c)
{
	return c->sent + c->received;
}

static bool relayed_by_flows(const struct proof_case *c, const struct proof_end *end,
			     const struct background_flows *flows, struct proof *proof)
{
	char bytes[HUMAN_TEXT_MAX], all[HUMAN_TEXT_MAX], whom[ADDR_TEXT_MAX];

	if (flows->suspect < moved(c))
		return false;
	because(proof,
		"%s exchanged %s with others meanwhile, %s above all, as much as the %s that the "
		"program moved",
		end->name, human_format((double)flows->suspect, "B", bytes),
		addr_format(&flows->most, whom), human_format((double)moved(c), "B", all));
	return true;
}

static bool relayed_by_links(const struct proof_case *c, const struct background_links *links,
			     struct proof *proof)
{
	char bytes[HUMAN_TEXT_MAX], all[HUMAN_TEXT_MAX];

	if (links->suspect < moved(c))
		return false;
	because(proof,
		"the links of those who had no part in it carried %s each way meanwhile, %s above "
		"all, as much as the %s that the program moved",
		human_format((double)links->suspect, "B", bytes), links->most,
		human_format((double)moved(c), "B", all));
	return true;
}

static bool is_relayed(const struct proof_case *c, const struct background *b, struct proof *proof)
{
	return relayed_by_flows(c, &c->from, &b->from, proof) ||
	       relayed_by_flows(c, &c->to, &b->to, proof) || relayed_by_links(c, &b->links, proof);
}

/* Did others, unsuspected, carry so much that a relay could hide in it? */
static bool could_hide(const struct proof_case *c, const struct background *b)
{
	return b->from.all >= moved(c) || b->to.all >= moved(c) || b->links.all >= moved(c);
}

static bool is_lost(const struct proof_case *c, struct proof *proof)
{
	for (size_t i = 0; i < c->n_routers; i++) {
		if (!c->routers[i].lost)
			continue;
		because(proof, "%s saw more flows than can be proven, which are %d",
			c->routers[i].name, CONNTRACK_FLOWS_MAX);
		return true;
	}
	return false;
}

/* "a", "a and b", "a, b and c" */
static const char *name_nats(const struct proof *proof, char buf[static NAMES_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < proof->n_nats && len < NAMES_MAX; i++) {
		const char *between = i + 1 == proof->n_nats ? " and " : ", ";

		len += (size_t)snprintf(buf + len, NAMES_MAX - len, "%s%s", i ? between : "",
					proof->nats[i].name);
	}
	return buf;
}

/* The verdict's words for a connection that the NATs, if any, have vouched for. */
static enum proof_kind conclude(const struct proof_case *c, const struct background *b,
				struct proof *proof)
{
	bool alone = could_hide(c, b);
	char names[NAMES_MAX];

	if (proof->n_nats == 0 && alone) {
		because(proof, "others carried as much as the program moved, and "
			       "there is no NAT whose table could tell");
		return PROOF_NONE;
	}
	if (proof->n_nats == 0)
		because(proof, "with no NAT in between");
	else
		because(proof, "through %s%s", name_nats(proof, names),
			alone ? " by their tables alone, as other traffic was no less" : "");
	return PROOF_DIRECT;
}

int proof_judge(const struct proof_case *c, struct proof *ret_proof)
{
	struct proof proof = {.kind = PROOF_NONE};
	struct background b;
	int r = background_weigh(c, &b);

	assert(c->n_routers <= PROOF_ROUTERS_MAX);
	if (r < 0)
		return r;
	proof.others_bytes = b.links.bytes;
	proof.from_elsewhere = b.from.all;
	proof.to_elsewhere = b.to.all;
	if (moved(c) == 0) {
		because(&proof, "the program does not say that it moved anything");
	} else if (is_relayed(c, &b, &proof)) {
		proof.kind = PROOF_RELAYED;
	} else if (!is_lost(c, &proof)) {
		r = is_direct(c, &proof);
		if (r > 0)
			proof.kind = conclude(c, &b, &proof);
	}
	if (r < 0)
		return r;
	*ret_proof = proof;
	return 0;
}
