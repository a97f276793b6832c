/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relays that the judge of path proofs must see, and what it must not take for one. */
#include "base/clock.h"
#include "lab/proof.h"
#include "tests/lab/lie.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>

Test(proof, sees_the_relay_on_the_link_of_the_seed)
{
	struct lie l;

	lie_from_truth(&l);
	l.others[0].received = l.others[0].sent = LIE_SENT + LIE_RECEIVED;
	lie_expect(
		&l, PROOF_RELAYED,
		"the links of those who had no part in it carried 1.0 MB each way meanwhile, seed "
		"above all, as much as the 1.0 MB that the program moved");
	/* Also when it is spread. */
	l.others[0].received = l.others[0].sent = LIE_SENT;
	l.others[1].received = l.others[1].sent = LIE_RECEIVED + 20000;
	lie_expect(
		&l, PROOF_RELAYED,
		"the links of those who had no part in it carried 1.0 MB each way meanwhile, seed "
		"above all, as much as the 1.0 MB that the program moved");
}

/* Who only receives, or only sends, passes nothing on. */
Test(proof, does_not_take_a_download_for_a_relay)
{
	struct lie l;

	lie_from_truth(&l);
	l.others[0].received = 9 * LIE_SENT;
	l.others[0].sent = LIE_SENT / 100;
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
}

/* Over a connection that is older than the step, as the link to the seed is. */
Test(proof, sees_the_relay_in_an_old_flow)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[FROM_NAT][1].bytes += LIE_SENT;
	l.flows[FROM_NAT][1].reply_bytes += LIE_RECEIVED;
	lie_expect(&l, PROOF_RELAYED,
		   "fn1 exchanged 1.0 MB with others meanwhile, 203.0.113.10:7000 above all, as "
		   "much as the 1.0 MB that the program moved");
}

Test(proof, sees_the_relay_at_the_listening_end)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[TO_NAT][1] = lie_flow(9, "10.0.0.2:40000", "203.0.113.10:7000", "203.0.113.10:7000",
				      "203.1.0.1:40000", 400000, LIE_SENT);
	l.flows[TO_NAT][1].proto = IPPROTO_UDP;
	lie_set_flows(&l, TO_NAT, 2);
	lie_expect(&l, PROOF_RELAYED,
		   "fn0 exchanged 1.4 MB with others meanwhile, 203.0.113.10:7000 above all, as "
		   "much as the 1.0 MB that the program moved");
}

/* Another client of the same step is no relay. */
Test(proof, leaves_partners_of_the_step_out_of_it)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[TO_NAT][1] = lie_flow(9, "10.0.0.2:5201", "203.1.0.3:50001", "203.1.0.3:50001",
				      "203.1.0.1:5201", 10, LIE_SENT * 9);
	lie_set_flows(&l, TO_NAT, 2);
	lie_expect(&l, PROOF_RELAYED,
		   "fn0 exchanged 9.0 MB with others meanwhile, 203.1.0.3:50001 above all, as much "
		   "as the 1.0 MB that the program moved");
	l.partner = lie_at("203.1.0.3");
	l.c.partners = &l.partner;
	l.c.n_partners = 1;
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
}

/* ---- control traffic ---- */

#define OTHERS	    11
#define TABLE_FLOWS 16
#define ALONE	    " by their tables alone, as other traffic was no less"

/** struct cluster - twelve functions: the truth, among ten others' pings */
struct cluster {
	struct lie lie;
	struct conntrack_flow flows[2][TABLE_FLOWS];
	struct proof_known known[2][TABLE_FLOWS];
	struct proof_link others[OTHERS];
};

/* One node's control connection number @i, which carried @bytes in this step. */
static void ping(struct cluster *k, int nat, unsigned i, uint64_t bytes)
{
	struct proof_router *router = &k->lie.c.routers[nat];
	const char *self = nat == FROM_NAT ? "10.0.1.2:40000" : "10.0.0.2:40000";
	const char *outer = nat == FROM_NAT ? "203.1.0.2:40000" : "203.1.0.1:40000";
	char peer[ADDR_TEXT_MAX];

	(void)snprintf(peer, sizeof(peer), i ? "203.1.0.%u:40000" : "203.0.113.10:7000", i + 2);
	k->known[nat][router->n_known++] = (struct proof_known){100 + i, 5000};
	k->flows[nat][router->n_flows] =
		lie_flow(100 + i, self, peer, peer, outer, 2500, 2500 + bytes);
	k->flows[nat][router->n_flows++].established_at = 20 * NS_PER_S;
}

/* A step of @seconds in which @moved bytes went each way; others' flows carried @pings each. */
static void tell_of_twelve(struct cluster *k, unsigned seconds, uint64_t moved, uint64_t pings)
{
	struct lie *l = &k->lie;

	*k = (struct cluster){0};
	lie_from_truth(l);
	l->c.ended = l->c.began + seconds * NS_PER_S;
	l->flows[FROM_NAT][0].established_at = l->flows[TO_NAT][0].established_at = l->c.began;
	l->c.sent = l->c.received = moved;
	for (int nat = 0; nat < 2; nat++) {
		l->flows[nat][0].bytes = l->flows[nat][0].reply_bytes = moved;
		k->flows[nat][0] = l->flows[nat][0];
		l->c.routers[nat].flows = k->flows[nat];
		l->c.routers[nat].n_flows = 1;
		l->c.routers[nat].known = k->known[nat];
		l->c.routers[nat].n_known = 0;
		for (unsigned i = 0; i < OTHERS; i++)
			ping(k, nat, i, pings);
	}
	for (unsigned i = 0; i < OTHERS; i++)
		k->others[i] = (struct proof_link){i ? "fn-nat" : "seed", 12 * pings / 2,
						   12 * pings / 2, 12};
	l->c.others = k->others;
	l->c.n_others = OTHERS;
}

Test(proof, does_not_take_the_pings_of_twelve_functions_for_a_relay)
{
	struct cluster k;

	/* Right after the links were made. */
	tell_of_twelve(&k, 1, 512, 90);
	lie_expect(&k.lie, PROOF_DIRECT, "through fn1-nat and fn0-nat" ALONE);
	/* 12 s, 12.8 kB. */
	tell_of_twelve(&k, 12, 6400, 540);
	lie_expect(&k.lie, PROOF_DIRECT, "through fn1-nat and fn0-nat" ALONE);
	/* An hour. */
	tell_of_twelve(&k, 3600, 1000, 180000);
	lie_expect(&k.lie, PROOF_DIRECT, "through fn1-nat and fn0-nat" ALONE);
	/* Nothing could hide. */
	tell_of_twelve(&k, 12, 1000000, 540);
	lie_expect(&k.lie, PROOF_DIRECT, "through fn1-nat and fn0-nat");
}

/* The seed passes on everything, over links that are older than the step. */
static void relay_by_the_seed(struct cluster *k, uint64_t moved)
{
	tell_of_twelve(k, 12, moved, 540);
	for (int nat = 0; nat < 2; nat++)
		k->flows[nat][1].reply_bytes += 2 * moved;
	k->others[0].received += 2 * moved;
	k->others[0].sent += 2 * moved;
}

Test(proof, finds_the_relay_over_an_old_link_to_the_seed)
{
	struct cluster k;

	relay_by_the_seed(&k, 1000000);
	lie_expect(
		&k.lie, PROOF_RELAYED,
		"fn1 exchanged 2.0 MB with others meanwhile, 203.0.113.10:7000 above all, as much "
		"as the 2 MB that the program moved");
	/* By the links alone. */
	k.lie.c.seed.port = 0;
	for (int nat = 0; nat < 2; nat++)
		k.flows[nat][1].reply_bytes = 2500;
	lie_expect(
		&k.lie, PROOF_RELAYED,
		"the links of those who had no part in it carried 2.0 MB each way meanwhile, seed "
		"above all, as much as the 2 MB that the program moved");
	/* A little hides in the pings; but then no NAT holds the connection. */
	relay_by_the_seed(&k, 512);
	k.flows[TO_NAT][0] = k.flows[TO_NAT][1];
	lie_expect(&k.lie, PROOF_NONE,
		   "fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.2)");
	/* Nor, when there is one for show, did it carry enough. */
	relay_by_the_seed(&k, 512);
	k.flows[TO_NAT][0].reply_bytes = 100;
	lie_expect(&k.lie, PROOF_NONE,
		   "fn0-nat carried 100 B from fn1 to fn0, the program says it moved 512 B");
}

/* What is no control connection has no allowance, and nor has a link without any. */
Test(proof, finds_the_small_relay_over_a_new_connection)
{
	struct cluster k;

	tell_of_twelve(&k, 12, 512, 90);
	k.flows[FROM_NAT][2] = lie_flow(90, "10.0.1.2:41000", "203.1.0.3:7100", "203.1.0.3:7100",
					"203.1.0.2:41000", 600, 600);
	lie_expect(
		&k.lie, PROOF_RELAYED,
		"fn1 exchanged 1.2 kB with others meanwhile, 203.1.0.3:7100 above all, as much as "
		"the 1.0 kB that the program moved");
	tell_of_twelve(&k, 12, 512, 90);
	k.others[4] = (struct proof_link){"pub", 1100, 1100, 0};
	lie_expect(
		&k.lie, PROOF_RELAYED,
		"the links of those who had no part in it carried 1.1 kB each way meanwhile, pub "
		"above all, as much as the 1.0 kB that the program moved");
}

Test(proof, finds_the_relay_over_another_function_and_its_control_port)
{
	struct cluster k;

	tell_of_twelve(&k, 12, 20000, 540);
	k.flows[TO_NAT][5].bytes += 40000;
	lie_expect(
		&k.lie, PROOF_RELAYED,
		"fn0 exchanged 40.5 kB with others meanwhile, 203.1.0.6:40000 above all, as much "
		"as the 40 kB that the program moved");
	/* Many short connections to the same peer are no way around it. */
	tell_of_twelve(&k, 12, 20000, 540);
	for (int i = 1; i <= OTHERS; i++) {
		k.flows[TO_NAT][i].dst = k.flows[TO_NAT][i].reply_src = lie_at("203.1.0.6:40000");
		k.flows[TO_NAT][i].bytes += 4000;
	}
	lie_expect(
		&k.lie, PROOF_RELAYED,
		"fn0 exchanged 49.9 kB with others meanwhile, 203.1.0.6:40000 above all, as much "
		"as the 40 kB that the program moved");
}

/* No table tells of two public nodes. */
Test(proof, proves_nothing_of_public_nodes_where_a_relay_could_hide)
{
	struct cluster k;

	tell_of_twelve(&k, 12, 512, 540);
	k.lie.c.n_routers = 0;
	k.lie.c.from.router = k.lie.c.to.router = PROOF_PUBLIC;
	k.lie.c.from.link_sent = k.lie.c.from.link_received = 9000;
	k.lie.c.to.link_sent = k.lie.c.to.link_received = 9000;
	lie_expect(
		&k.lie, PROOF_NONE,
		"others carried as much as the program moved, and there is no NAT whose table could "
		"tell");
}

/* What ended before the step carried nothing meanwhile, though nobody remembers it. */
Test(proof, does_not_suspect_what_had_ended_before)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[FROM_NAT][2] =
		lie_flow(7, "10.0.1.2:40002", "203.0.113.252:3900", "203.0.113.252:3900",
			 "203.1.0.2:40002", LIE_SENT, LIE_RECEIVED);
	lie_set_flows(&l, FROM_NAT, 3);
	l.flows[FROM_NAT][2].gone = true;
	l.flows[FROM_NAT][2].ended_at = 99 * NS_PER_S;
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
	l.flows[FROM_NAT][2].ended_at = 105 * NS_PER_S;
	lie_expect(&l, PROOF_RELAYED,
		   "fn1 exchanged 1.0 MB with others meanwhile, 203.0.113.252:3900 above all, as "
		   "much as the 1.0 MB that the program moved");
}
