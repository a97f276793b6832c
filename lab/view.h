/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for views: the connections of the two nodes of a proof, found in the
 * tables of the NATs in between. Pure; a part of lab/proof, which judges them.
 */
#ifndef LAB_VIEW_H
#define LAB_VIEW_H

#include "lab/proof.h"

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

/**
 * struct view - one entry, from the standpoint of the node behind that NAT
 * @flow: NULL for a public node
 * @outbound: the entry's original direction leads away from the node
 * @stage: how far it has come by itself
 * @key: what its mirror image has too; empty where that is of a public node
 */
struct view {
	const struct conntrack_flow *flow;
	bool outbound;
	struct addr inner, outer, peer;
	enum stage stage;
	struct addr key[2];
};

/** struct hop - one connection: both nodes' views */
struct hop {
	struct view from, to;
};

/** struct finding - the furthest that any connection has come, and the NAT that stopped it */
struct finding {
	enum stage stage;
	struct hop hop;
	const struct proof_router *router;
	const struct conntrack_flow *flow;
};

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

/**
 * view_search() - look at every connection
 * @ret_finding: of the one that has come furthest
 * @ret_sums: of those that have come to the end, in the NATs of @from and of @to
 *
 * Return: 0, or -ENOMEM.
 */
int view_search(const struct proof_case *c, struct finding *ret_finding,
		struct carried ret_sums[static 2]);

/** view_is_public() - no NAT is in front of that node. */
bool view_is_public(const struct proof_end *end);
/** view_router_of() - the NAT in front of a node of that case, or NULL. */
const struct proof_router *view_router_of(const struct proof_case *c, const struct proof_end *end);
/** view_is_seen_as() - may the world see @end by that address? */
bool view_is_seen_as(const struct proof_end *end, const struct addr *addr);
/** view_find_known() - the flow of that id as it was before the step, or NULL. */
const struct proof_known *view_find_known(const struct proof_router *router, uint32_t id);

#endif
