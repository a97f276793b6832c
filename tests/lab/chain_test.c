/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The judge of path proofs, where NATs are behind NATs. */
#include "lab/proof.h"
#include "tests/lab/lie.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

/*
 * fn0's NAT is behind another one, which is behind nobody:
 *
 *	internet -- 203.1.0.1 isp -- 10.0.9.2 fn0-nat -- 10.0.0.2 fn0
 */
static void tell_nested_truth(struct lie *l)
{
	lie_from_truth(l);
	l->flows[TO_NAT][0].reply_dst = lie_at("10.0.9.2:6000");
	/* It thinks that the other side began. */
	l->flows[OUTER_NAT][0] = lie_flow(9, "203.1.0.2:50001", "203.1.0.1:5201", "10.0.9.2:6000",
					  "203.1.0.2:50001", LIE_SENT + 200, LIE_RECEIVED + 200);
	l->c.routers[OUTER_NAT] = (struct proof_router){
		"isp", l->flows[OUTER_NAT], 1, l->known[OUTER_NAT], 0, false, NULL};
	l->c.routers[TO_NAT].behind = &l->c.routers[OUTER_NAT];
	l->c.n_routers = 3;
}

/*
 * Both are at home, behind the same carrier, which turns them around:
 *
 *	fn1 10.0.1.2 -- fn1-nat 10.0.9.3 --- isp 203.1.0.1
 *	fn0 10.0.0.2 -- fn0-nat 10.0.9.2 -----+
 */
static void tell_shared_truth(struct lie *l)
{
	tell_nested_truth(l);
	l->c.from.external = lie_at("203.1.0.1");
	l->c.routers[FROM_NAT].behind = &l->c.routers[OUTER_NAT];
	l->flows[FROM_NAT][0] = lie_flow(1, "10.0.1.2:40001", "203.1.0.1:5201", "203.1.0.1:5201",
					 "10.0.9.3:50001", LIE_SENT + 100, LIE_RECEIVED + 100);
	l->flows[OUTER_NAT][0] = lie_flow(9, "10.0.9.3:50001", "203.1.0.1:5201", "10.0.9.2:6000",
					  "203.1.0.1:61000", LIE_SENT + 200, LIE_RECEIVED + 200);
	l->flows[TO_NAT][0] = lie_flow(3, "10.0.0.2:5201", "203.1.0.1:61000", "203.1.0.1:61000",
				       "10.0.9.2:6000", LIE_RECEIVED + 100, LIE_SENT + 100);
}

Test(proof, believes_a_nat_behind_another)
{
	struct proof proof;
	struct addr expected;
	struct lie l;

	tell_nested_truth(&l);
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat, isp and fn0-nat");
	cr_assert_eq(proof_judge(&l.c, &proof), 0);
	cr_assert_eq(proof.n_nats, 3);
	/* As each has it, and in the directions of its own tuples. */
	expected = lie_at("10.0.9.2:6000");
	cr_expect(addr_equal(&proof.nats[1].reply_src, &expected));
	cr_expect(addr_equal(&proof.nats[2].reply_dst, &expected));
	cr_expect_eq(proof.nats[0].bytes, LIE_SENT + 100);
	cr_expect_eq(proof.nats[1].bytes, LIE_SENT + 100);
	cr_expect_eq(proof.nats[2].reply_bytes, LIE_SENT + 100);
}

/* Of datagrams nobody says that they are established. */
Test(proof, believes_datagrams_through_a_nat_behind_another)
{
	struct lie l;

	tell_nested_truth(&l);
	l.c.proto = IPPROTO_UDP;
	for (int i = 0; i < LIE_NATS; i++) {
		struct conntrack_flow *flow = &l.flows[i][0];

		flow->proto = IPPROTO_UDP;
		flow->was_established = false;
		flow->packets = flow->reply_packets = 8;
	}
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat, isp and fn0-nat");
	l.flows[OUTER_NAT][0].reply_packets = 0;
	lie_expect(&l, PROOF_NONE, "the connection in fn0-nat behind isp was never established");
}

Test(proof, doubts_a_nat_behind_another)
{
	struct lie l;

	tell_nested_truth(&l);
	l.flows[OUTER_NAT][0].reply_src = lie_at("10.0.9.2:6001");
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat behind isp holds no connection of fn0 (10.0.0.2:5201) with fn1 "
		   "(203.1.0.2)");
	tell_nested_truth(&l);
	l.flows[OUTER_NAT][0].dst = lie_at("203.1.0.1:5202");
	lie_expect(&l, PROOF_NONE,
		   "the NATs hold different connections: fn1-nat has 203.1.0.2:50001 to "
		   "203.1.0.1:5201, fn0-nat behind isp has 203.1.0.2:50001 to 203.1.0.1:5202");
	tell_nested_truth(&l);
	l.flows[OUTER_NAT][0].bytes = LIE_SENT - 1;
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat behind isp carried 999999 B from fn1 to fn0, the program says it moved "
		   "1000000 B");
	tell_nested_truth(&l);
	l.known[OUTER_NAT][0] = (struct proof_known){9, 0};
	l.c.routers[OUTER_NAT].n_known = 1;
	lie_expect(&l, PROOF_NONE, "the connection in fn0-nat behind isp is older than the step");
	tell_nested_truth(&l);
	l.flows[OUTER_NAT][0].was_established = false;
	lie_expect(&l, PROOF_NONE, "the connection in fn0-nat behind isp was never established");
	tell_nested_truth(&l);
	l.c.routers[OUTER_NAT].lost = true;
	lie_expect(&l, PROOF_NONE, "isp saw more flows than can be proven, which are 16384");
}

Test(proof, believes_two_homes_behind_one_carrier)
{
	struct proof proof;
	struct lie l;

	tell_shared_truth(&l);
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat, isp and fn0-nat");
	cr_assert_eq(proof_judge(&l.c, &proof), 0);
	cr_expect_eq(proof.nats[1].bytes, LIE_SENT + 100);
	cr_expect_eq(proof.nats[2].reply_bytes, LIE_SENT + 100);
	l.flows[OUTER_NAT][0].reply_dst = lie_at("203.1.0.1:61001");
	lie_expect(
		&l, PROOF_NONE,
		"fn1-nat with isp and fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 "
		"(203.1.0.1)");
}

/* Of two that had the same addresses, one after the other, each entry counts once. */
Test(proof, counts_an_entry_of_a_chain_once)
{
	struct lie l;

	tell_nested_truth(&l);
	l.flows[OUTER_NAT][1] = l.flows[OUTER_NAT][0];
	l.flows[OUTER_NAT][1].id = 10;
	l.flows[OUTER_NAT][1].bytes = 60;
	l.c.routers[OUTER_NAT].n_flows = 2;
	l.flows[TO_NAT][1] = l.flows[TO_NAT][0];
	l.flows[TO_NAT][1].id = 4;
	l.flows[TO_NAT][0].reply_bytes = l.flows[TO_NAT][1].reply_bytes = LIE_SENT / 2;
	l.c.routers[TO_NAT].n_flows = 2;
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat behind isp carried 500 kB from fn1 to fn0, the program says it moved "
		   "1 MB");
}

Test(proof, knows_every_address_of_a_pool)
{
	struct addr pool[] = {lie_at("203.1.0.8"), lie_at("203.1.0.9")};
	struct lie l;

	lie_from_truth(&l);
	l.flows[FROM_NAT][0].reply_dst = lie_at("203.1.0.9:50001");
	l.flows[TO_NAT][0].dst = l.flows[TO_NAT][0].reply_src = lie_at("203.1.0.9:50001");
	lie_expect(
		&l, PROOF_RELAYED,
		"fn0 exchanged 1.0 MB with others meanwhile, 203.1.0.9:50001 above all, as much as "
		"the 1.0 MB that the program moved");
	l.c.from.others = pool;
	l.c.from.n_others = ARRAY_SIZE(pool);
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
}
