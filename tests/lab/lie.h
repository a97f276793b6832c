/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the cases that the judge of path proofs is given: each begins as
 * the truth, and is bent by the test before it is judged.
 *
 *	fn1 10.0.1.2 -- fn1-nat 203.1.0.2 -- internet -- 203.1.0.1 fn0-nat -- 10.0.0.2 fn0
 *	                                        |
 *	                                    seed 203.0.113.10
 *
 * fn1 connects from port 40001, which its NAT makes 50001, to fn0's port 5201,
 * and says that it sent 1,000,000 bytes and received 2,000. The step runs from
 * second 100 to second 110.
 */
#ifndef TESTS_LAB_LIE_H
#define TESTS_LAB_LIE_H

#include "lab/proof.h"

#define LIE_SENT     1000000
#define LIE_RECEIVED 2000
#define LIE_FLOWS    4

/* Where the routers are in the case; the last one only where NATs are behind NATs. */
enum { FROM_NAT, TO_NAT, OUTER_NAT, LIE_NATS };

/**
 * struct lie - a case that may be bent before it is judged
 * @flows, @known, @others, @partner: what @c points to
 */
struct lie {
	struct conntrack_flow flows[LIE_NATS][LIE_FLOWS];
	struct proof_known known[LIE_NATS][LIE_FLOWS];
	struct proof_link others[2];
	struct addr partner;
	struct proof_case c;
};

/** lie_at() - an address with a port or without. */
struct addr lie_at(const char *text);
/** lie_flow() - a connection that was established within the step. */
struct conntrack_flow lie_flow(uint32_t id, const char *src, const char *dst, const char *reply_src,
			       const char *reply_dst, uint64_t bytes, uint64_t reply_bytes);
/** lie_from_truth() - what really happened; it points into @l. */
void lie_from_truth(struct lie *l);
/** lie_set_flows() - how many of its flows router @nat tells of. */
void lie_set_flows(struct lie *l, int nat, size_t n);
/** lie_expect() - judge it: that must come of it, for that reason. */
void lie_expect(const struct lie *l, enum proof_kind kind, const char *reason);

#endif
