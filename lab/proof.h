/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for path proofs: did the bytes that a program says it moved really
 * go straight from one node to the other, through exactly the NATs in between
 * and nobody else? The answer rests on what the kernels of the routers say, not
 * on what the programs or Boxer say. Judging is pure: it is given flow tables and
 * counters, whoever read them (lab/run/evidence), so tests can lie to it.
 *
 * "Direct" means all of:
 *  - every NAT in between holds the connection, and what one has translated it to is
 *    what the next one has;
 *  - none of it is older than the step, and the trackers saw it established
 *    while the step ran (of UDP, which is never established, both have sent);
 *  - these connections carried at least as many bytes, in each direction and in
 *    each NAT, as the program says it moved;
 *  - nobody else carried that many: neither another flow of the two nodes, nor
 *    the internet's links to machines that had no part in the step.
 *
 * Control connections of Boxer are never silent, and may sum up to more than was
 * moved. Each may carry its allowance without being taken for a relay. Where
 * so little was moved that a relay could hide in what they carried, the proof
 * rests on the NATs' tables alone, and its reason says so; without a NAT, there
 * is none then.
 */
#ifndef LAB_PROOF_H
#define LAB_PROOF_H

#include "base/addr.h"
#include "topo/conntrack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROOF_ROUTERS_MAX 8    /* both ends as deep as NATs can be */
#define PROOF_PUBLIC	  (-1) /* the router of a node that has none */
#define PROOF_NAME_MAX	  64
#define PROOF_REASON_MAX  512
/*
 * What one control connection may carry, by the flow's sum or in one direction of
 * a link: at once, for being made, and per second. Pings need some 50 B/s.
 */
#define PROOF_CONTROL_BYTES 4096
#define PROOF_CONTROL_RATE  200

/** enum proof_kind - what is proven of the way the bytes took */
enum proof_kind {
	PROOF_NONE,    /* nothing; the reason says what is missing */
	PROOF_DIRECT,  /* straight through the NATs in between */
	PROOF_RELAYED, /* somebody else carried as much */
};

/**
 * struct proof_end - one of the two nodes
 * @inside, @external: its own address and what the world sees of it (port 0)
 * @router: index of the nearest NAT in proof_case.routers, or PROOF_PUBLIC
 * @link_sent, @link_received: bytes that went from and to it on its own link
 *	during the step; asked for only of a public node, which no NAT vouches for
 * @control: the port that its control connections leave from; 0: it has none
 * @others, @n_others: further addresses that the world may see of it
 */
struct proof_end {
	const char *name;
	struct addr inside, external;
	int router;
	uint64_t link_sent, link_received;
	uint16_t control;
	const struct addr *others;
	size_t n_others;
};

/** struct proof_known - a flow that was there before the step, and its bytes of both directions */
struct proof_known {
	uint32_t id;
	uint64_t bytes;
};

/**
 * struct proof_router - what one NAT's kernel says
 * @flows: its table after the step, the ended flows included
 * @known: what was in its table before the step, sorted by id
 * @lost: there were more, and some that ended while the step ran are not in @flows
 * @behind: the NAT in front of it, if that is in between too; else NULL
 */
struct proof_router {
	const char *name;
	const struct conntrack_flow *flows;
	size_t n_flows;
	const struct proof_known *known;
	size_t n_known;
	bool lost;
	const struct proof_router *behind;
};

/**
 * struct proof_link - a link of somebody who had no part in the step
 * @received, @sent: its bytes meanwhile, by direction
 * @controls: how many control connections may pass it
 */
struct proof_link {
	const char *name;
	uint64_t received, sent;
	size_t controls;
};

/**
 * struct proof_case - all that is known of one connection's way
 * @from: who connected
 * @to: who listened on @port
 * @from_port: the port of @from's own end, where that is what is known of the
 *	connection, whoever listened for it; 0: it is not
 * @proto: IPPROTO_TCP, which 0 means too, or IPPROTO_UDP
 * @sent: bytes that the program says went from @from to @to
 * @received: bytes that it says came back
 * @began, @ended: of the step, CLOCK_MONOTONIC ns
 * @routers: the NATs in between, in any order; none of those that both are behind but
 *	the nearest such
 * @others: links of the internet to everybody who had no part in the step
 * @partners: external addresses of further nodes that did have a part in it, sorted
 *	by addr_cmp_host()
 * @seed: where the seed listens; port 0: there is none
 */
struct proof_case {
	struct proof_end from, to;
	uint8_t proto;
	uint16_t port, from_port;
	uint64_t sent, received;
	uint64_t began, ended;
	struct proof_router routers[PROOF_ROUTERS_MAX];
	size_t n_routers;
	const struct proof_link *others;
	size_t n_others;
	const struct addr *partners;
	size_t n_partners;
	struct addr seed;
};

/**
 * struct proof_nat - what one NAT testifies
 * @src, @dst, @reply_src, @reply_dst: of the connection that carried most
 * @bytes, @reply_bytes: of all connections, in the directions that this one's
 *	original and reply tuples show
 * @established: the tracker saw it established
 */
struct proof_nat {
	char name[PROOF_NAME_MAX];
	struct addr src, dst, reply_src, reply_dst;
	uint64_t bytes, reply_bytes;
	bool established;
};

/**
 * struct proof - the verdict, as data
 * @connections: how many connections make it up
 * @reason: a sentence; for PROOF_DIRECT it says by which NATs, else what is wrong
 * @nats: those that testify, in the order of the way from @from to @to
 * @others_bytes: what the links of those who had no part in it carried meanwhile
 * @from_elsewhere, @to_elsewhere: what the two nodes exchanged with others
 *	meanwhile, as far as a NAT knows
 */
struct proof {
	enum proof_kind kind;
	char reason[PROOF_REASON_MAX];
	size_t connections;
	struct proof_nat nats[PROOF_ROUTERS_MAX];
	size_t n_nats;
	uint64_t others_bytes;
	uint64_t from_elsewhere, to_elsewhere;
};

/** proof_kind_name() - "none", "direct", "relayed". */
const char *proof_kind_name(enum proof_kind kind);
/** proof_judge() - see above; the case is not changed. Return: 0, or -ENOMEM. */
int proof_judge(const struct proof_case *c, struct proof *ret_proof);

#endif
