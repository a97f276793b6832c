/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for chains: several NATs, one behind the other, seen as one. The judge
 * of a path knows of one NAT in front of each node, or of one that both share. Where
 * there are more, their tables are joined here into the table of one: an entry of it
 * is a connection that each of them holds, as the next one has translated it. Pure;
 * a part of lab/proof.
 */
#ifndef LAB_CHAIN_H
#define LAB_CHAIN_H

#include "lab/proof.h"

#define CHAIN_NAME_MAX 320

/** struct chain_part - what one NAT holds of a connection; @turned: begun by the other end */
struct chain_part {
	const struct conntrack_flow *flow;
	bool turned;
};

/**
 * struct chain - NATs in a row
 * @way: the row; @n_way of them, the node's nearest first
 * @proto: of the connection
 * @router: what they are as one
 * @parts: @n_way for each flow of @router; NULL when there is only one NAT
 */
struct chain {
	const struct proof_router *way[PROOF_ROUTERS_MAX];
	size_t n_way;
	uint8_t proto;
	struct proof_router router;
	char name[CHAIN_NAME_MAX];
	struct conntrack_flow *flows;
	struct proof_known *known;
	struct chain_part *parts;
};

/**
 * struct chains - all NATs of a case
 * @seen: the case with one NAT in front of each node, or one that both share
 */
struct chains {
	struct chain chain[2];
	struct proof_case seen;
};

/** chains_make() - Return: 0, or -ENOMEM. chains_free() it in either case. */
int chains_make(const struct proof_case *c, struct chains *ret_chains);
/** chains_free() - zeroed is legal. */
void chains_free(struct chains *chains);
/** chain_part() - what NAT number @i of the row holds of a connection of the whole. */
struct chain_part chain_part(const struct chain *chain, const struct conntrack_flow *flow,
			     size_t i);

#endif
