/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The judge of path proofs, fed with truths and with lies.
 *
 *	fn1 10.0.1.2 -- fn1-nat 203.1.0.2 -- internet -- 203.1.0.1 fn0-nat -- 10.0.0.2 fn0
 *	                                        |
 *	                                    seed 203.0.113.10
 *
 * fn1 connects from port 40001, which its NAT makes 50001, to fn0's port 5201,
 * and says that it sent 1,000,000 bytes and received 2,000. The step runs from
 * second 100 to second 110.
 */
#include "base/clock.h"
#include "lab/proof.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define SENT	 1000000
#define RECEIVED 2000
#define FLOWS	 4

enum { FROM_NAT, TO_NAT };

/** struct lie - a case that may be bent before it is judged */
struct lie {
	struct conntrack_flow flows[2][FLOWS];
	struct proof_known known[2][FLOWS];
	struct proof_link others[2];
	struct addr partner;
	struct proof_case c;
};

static struct addr at(const char *text)
{
	struct addr a;

	cr_assert_eq(addr_parse(text, &a), 0, "%s", text);
	return a;
}

static struct conntrack_flow flow(uint32_t id, const char *src, const char *dst,
				  const char *reply_src, const char *reply_dst, uint64_t bytes,
				  uint64_t reply_bytes)
{
	return (struct conntrack_flow){
		.id = id,
		.proto = IPPROTO_TCP,
		.src = at(src),
		.dst = at(dst),
		.reply_src = at(reply_src),
		.reply_dst = at(reply_dst),
		.bytes = bytes,
		.reply_bytes = reply_bytes,
		.tcp = CONNTRACK_TCP_ESTABLISHED,
		.was_established = true,
		.established_at = 105 * NS_PER_S,
	};
}

/* fn0's NAT thinks that fn0 began: its SYN opened the hole. */
static struct conntrack_flow punched(uint32_t id)
{
	return flow(id, "10.0.0.2:5201", "203.1.0.2:50001", "203.1.0.2:50001", "203.1.0.1:5201",
		    RECEIVED + 100, SENT + 100);
}

static void set_flows(struct lie *l, int nat, size_t n)
{
	l->c.routers[nat].n_flows = n;
}

/* The truth; links to others carry what keepalives need. */
static void tell_truth(struct lie *l)
{
	*l = (struct lie){
		.c =
			{
				.from = {"fn1", at("10.0.1.2"), at("203.1.0.2"), FROM_NAT, 0, 0,
					 40000},
				.to = {"fn0", at("10.0.0.2"), at("203.1.0.1"), TO_NAT, 0, 0, 40000},
				.port = 5201,
				.sent = SENT,
				.received = RECEIVED,
				.began = 100 * NS_PER_S,
				.ended = 110 * NS_PER_S,
				.n_routers = 2,
				.n_others = 2,
			},
	};
	l->others[0] = (struct proof_link){"seed", 450, 450, 3};
	l->others[1] = (struct proof_link){"fn2-nat", 350, 350, 3};
	l->c.seed = at("203.0.113.10:7000");
	l->flows[FROM_NAT][0] = flow(1, "10.0.1.2:40001", "203.1.0.1:5201", "203.1.0.1:5201",
				     "203.1.0.2:50001", SENT + 100, RECEIVED + 100);
	/* The link to the seed, older than the step. */
	l->flows[FROM_NAT][1] = flow(2, "10.0.1.2:40000", "203.0.113.10:7000", "203.0.113.10:7000",
				     "203.1.0.2:40000", 90000000, 400);
	l->flows[FROM_NAT][1].established_at = 20 * NS_PER_S;
	l->known[FROM_NAT][0] = (struct proof_known){2, 90000000};
	l->flows[TO_NAT][0] = punched(3);
	l->c.others = l->others;
	l->c.routers[FROM_NAT] = (struct proof_router){
		"fn1-nat", l->flows[FROM_NAT], 2, l->known[FROM_NAT], 1, false};
	l->c.routers[TO_NAT] =
		(struct proof_router){"fn0-nat", l->flows[TO_NAT], 1, l->known[TO_NAT], 0, false};
}

static void expect(const struct lie *l, enum proof_kind kind, const char *reason)
{
	struct proof proof;

	cr_assert_eq(proof_judge(&l->c, &proof), 0);
	cr_expect_str_eq(proof.reason, reason);
	cr_expect_eq(proof.kind, kind, "%s: %s", proof_kind_name(proof.kind), proof.reason);
}

/* ---- truths ---- */

Test(proof, believes_a_punched_hole)
{
	struct proof proof;
	struct addr expected;
	struct lie l;

	tell_truth(&l);
	expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
	cr_assert_eq(proof_judge(&l.c, &proof), 0);
	cr_assert_eq(proof.n_nats, 2);
	cr_expect_eq(proof.connections, 1);
	cr_expect_str_eq(proof.nats[0].name, "fn1-nat");
	cr_expect_str_eq(proof.nats[1].name, "fn0-nat");
	/* The translated pair, as each of the two has it. */
	expected = at("203.1.0.2:50001");
	cr_expect(addr_equal(&proof.nats[0].reply_dst, &expected));
	cr_expect(addr_equal(&proof.nats[1].dst, &expected));
	expected = at("203.1.0.1:5201");
	cr_expect(addr_equal(&proof.nats[0].dst, &expected));
	cr_expect(addr_equal(&proof.nats[1].reply_dst, &expected));
	/* In the directions of the tuples that are shown. */
	cr_expect_eq(proof.nats[0].bytes, SENT + 100);
	cr_expect_eq(proof.nats[1].bytes, RECEIVED + 100);
	cr_expect_eq(proof.nats[1].reply_bytes, SENT + 100);
}

Test(proof, believes_a_static_forward)
{
	struct lie l;

	tell_truth(&l);
	l.flows[TO_NAT][0] = flow(3, "203.1.0.2:50001", "203.1.0.1:8080", "10.0.0.2:5201",
				  "203.1.0.2:50001", SENT, RECEIVED);
	l.flows[FROM_NAT][0] = flow(1, "10.0.1.2:40001", "203.1.0.1:8080", "203.1.0.1:8080",
				    "203.1.0.2:50001", SENT, RECEIVED);
	expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
}

Test(proof, believes_a_nat_that_changed_the_listening_port)
{
	struct lie l;

	tell_truth(&l);
	l.flows[TO_NAT][0].reply_dst = at("203.1.0.1:61000");
	l.flows[FROM_NAT][0].dst = l.flows[FROM_NAT][0].reply_src = at("203.1.0.1:61000");
	expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
}

Test(proof, believes_one_nat_before_a_public_listener)
{
	struct lie l;

	tell_truth(&l);
	l.c.to = (struct proof_end){
		"pub", at("203.0.113.11"), at("203.0.113.11"), PROOF_PUBLIC, RECEIVED, SENT, 0};
	l.c.n_routers = 1;
	l.flows[FROM_NAT][0] = flow(1, "10.0.1.2:40001", "203.0.113.11:5201", "203.0.113.11:5201",
				    "203.1.0.2:50001", SENT, RECEIVED);
	expect(&l, PROOF_DIRECT, "through fn1-nat");
	l.c.to.link_received--;
	expect(&l, PROOF_NONE,
	       "the link of pub carried 999999 B from fn1 to pub, the program says it moved "
	       "1000000 B");
	l.c.port = 5202;
	expect(&l, PROOF_NONE,
	       "fn1-nat holds no connection of fn1 (10.0.1.2) with pub (203.0.113.11:5202)");
}

Test(proof, believes_one_nat_before_the_listener)
{
	struct lie l;

	tell_truth(&l);
	l.c.routers[0] = l.c.routers[TO_NAT];
	l.c.n_routers = 1;
	l.c.to.router = 0;
	l.c.from = (struct proof_end){
		"pub", at("203.1.0.2"), at("203.1.0.2"), PROOF_PUBLIC, SENT, RECEIVED, 0};
	expect(&l, PROOF_DIRECT, "through fn0-nat");
}

Test(proof, believes_two_public_nodes_by_their_links)
{
	struct lie l;

	tell_truth(&l);
	l.c.n_routers = 0;
	l.c.from = (struct proof_end){
		"a", at("203.0.113.11"), at("203.0.113.11"), PROOF_PUBLIC, SENT, RECEIVED, 0};
	l.c.to = (struct proof_end){
		"b", at("203.0.113.12"), at("203.0.113.12"), PROOF_PUBLIC, RECEIVED, SENT, 0};
	expect(&l, PROOF_DIRECT, "with no NAT in between");
	l.c.from.link_sent = 5;
	expect(&l, PROOF_NONE,
	       "the link of a carried 5 B from a to b, the program says it moved 1 MB");
}

/* Both behind one NAT: routed, or by a hairpin with the external source. */
Test(proof, believes_a_shared_nat)
{
	struct lie l;

	tell_truth(&l);
	l.c.n_routers = 1;
	l.c.from.router = l.c.to.router = 0;
	l.c.from.external = l.c.to.external;
	l.flows[0][0] = flow(1, "10.0.1.2:40001", "10.0.0.2:5201", "10.0.0.2:5201",
			     "10.0.1.2:40001", SENT, RECEIVED);
	expect(&l, PROOF_DIRECT, "through fn1-nat");
	l.flows[0][0] = flow(1, "10.0.1.2:40001", "203.1.0.1:5201", "10.0.0.2:5201",
			     "203.1.0.1:40001", SENT, RECEIVED);
	expect(&l, PROOF_DIRECT, "through fn1-nat");
	l.flows[0][0].reply_src.port++;
	expect(&l, PROOF_NONE,
	       "fn1-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.1)");
}

Test(proof, sums_up_several_connections)
{
	struct proof proof;
	struct lie l;

	tell_truth(&l);
	l.flows[FROM_NAT][2] = l.flows[FROM_NAT][0];
	l.flows[FROM_NAT][2].id = 12;
	l.flows[FROM_NAT][2].src.port = 40002;
	l.flows[FROM_NAT][2].reply_dst.port = 50002;
	set_flows(&l, FROM_NAT, 3);
	/* The second one was forwarded, so its directions are the other way round. */
	l.flows[TO_NAT][1] = flow(13, "203.1.0.2:50002", "203.1.0.1:5201", "10.0.0.2:5201",
				  "203.1.0.2:50002", SENT + 300, RECEIVED);
	set_flows(&l, TO_NAT, 2);
	l.c.sent = 2 * SENT;
	l.c.received = 2 * RECEIVED;
	expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
	cr_assert_eq(proof_judge(&l.c, &proof), 0);
	cr_expect_eq(proof.connections, 2);
	cr_expect_eq(proof.nats[1].bytes, 2 * SENT + 400);
	cr_expect_eq(proof.nats[1].reply_bytes, 2 * RECEIVED + 100);
	l.c.sent += 1000;
	expect(&l, PROOF_NONE,
	       "fn1-nat carried 2000200 B from fn1 to fn0, the program says it moved 2001000 B");
}

/* ---- lies ---- */

Test(proof, refuses_a_nat_without_the_connection)
{
	struct lie l;

	tell_truth(&l);
	set_flows(&l, TO_NAT, 0);
	expect(&l, PROOF_NONE,
	       "fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.2)");
	tell_truth(&l);
	l.flows[FROM_NAT][0] = l.flows[FROM_NAT][1];
	set_flows(&l, FROM_NAT, 1);
	expect(&l, PROOF_NONE,
	       "fn1-nat holds no connection of fn1 (10.0.1.2) with fn0 (203.1.0.1:5201)");
}

Test(proof, refuses_another_router)
{
	struct lie l;

	tell_truth(&l);
	/* The right machines, but translated to an address that is not fn0's NAT's. */
	l.flows[TO_NAT][0].reply_dst = at("203.1.0.9:5201");
	expect(&l, PROOF_NONE,
	       "fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.2)");
}

Test(proof, refuses_another_port_and_another_protocol)
{
	struct lie l;

	tell_truth(&l);
	l.c.port = 5202;
	expect(&l, PROOF_NONE,
	       "fn0-nat holds no connection of fn0 (10.0.0.2:5202) with fn1 (203.1.0.2)");
	tell_truth(&l);
	l.flows[TO_NAT][0].proto = IPPROTO_UDP;
	expect(&l, PROOF_NONE,
	       "fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.2)");
}

Test(proof, refuses_tuples_that_do_not_match)
{
	struct lie l;

	tell_truth(&l);
	l.flows[FROM_NAT][0].reply_dst.port = 50002;
	expect(&l, PROOF_NONE,
	       "the NATs hold different connections: fn1-nat has 203.1.0.2:50002 to "
	       "203.1.0.1:5201, fn0-nat has 203.1.0.2:50001 to 203.1.0.1:5201");
	tell_truth(&l);
	l.flows[TO_NAT][0].reply_dst.port = 61000;
	expect(&l, PROOF_NONE,
	       "the NATs hold different connections: fn1-nat has 203.1.0.2:50001 to "
	       "203.1.0.1:5201, fn0-nat has 203.1.0.2:50001 to 203.1.0.1:61000");
}

/* A reply that comes from somebody else than was written to. */
Test(proof, refuses_a_redirected_connection)
{
	struct lie l;

	tell_truth(&l);
	l.flows[FROM_NAT][0].reply_src = at("203.0.113.10:5201");
	l.flows[FROM_NAT][0].bytes = l.flows[FROM_NAT][0].reply_bytes = 10;
	expect(&l, PROOF_NONE,
	       "fn1-nat holds no connection of fn1 (10.0.1.2) with fn0 (203.1.0.1:5201)");
}

Test(proof, refuses_a_connection_from_before_the_step)
{
	struct lie l;

	tell_truth(&l);
	l.known[FROM_NAT][1] = l.known[FROM_NAT][0];
	l.known[FROM_NAT][0] = (struct proof_known){1, 0};
	l.c.routers[FROM_NAT].n_known = 2;
	expect(&l, PROOF_NONE, "the connection in fn1-nat is older than the step");
	tell_truth(&l);
	l.flows[TO_NAT][0].established_at = 98 * NS_PER_S;
	expect(&l, PROOF_NONE,
	       "the connection in fn0-nat was established 2 s before the step began");
	l.flows[TO_NAT][0].established_at = 111 * NS_PER_S;
	expect(&l, PROOF_NONE, "the connection in fn0-nat was established only after the step");
}

Test(proof, refuses_what_was_never_established)
{
	struct lie l;

	tell_truth(&l);
	l.flows[TO_NAT][0].was_established = false;
	expect(&l, PROOF_NONE, "the connection in fn0-nat was never established");
	tell_truth(&l);
	l.flows[FROM_NAT][0].was_established = false;
	expect(&l, PROOF_NONE, "the connection in fn1-nat was never established");
}

Test(proof, refuses_too_few_bytes_in_either_direction_and_router)
{
	struct lie l;

	tell_truth(&l);
	l.flows[FROM_NAT][0].bytes = 1234;
	expect(&l, PROOF_NONE,
	       "fn1-nat carried 1.2 kB from fn1 to fn0, the program says it moved 1 MB");
	tell_truth(&l);
	l.flows[TO_NAT][0].reply_bytes = 1234;
	expect(&l, PROOF_NONE,
	       "fn0-nat carried 1.2 kB from fn1 to fn0, the program says it moved 1 MB");
	tell_truth(&l);
	l.flows[TO_NAT][0].bytes = 17;
	expect(&l, PROOF_NONE,
	       "fn0-nat carried 17 B from fn0 to fn1, the program says it moved 2 kB");
	tell_truth(&l);
	l.flows[FROM_NAT][0].reply_bytes = 17;
	expect(&l, PROOF_NONE,
	       "fn1-nat carried 17 B from fn0 to fn1, the program says it moved 2 kB");
}

/* Bytes of connections that are no part of the proof do not count for it. */
Test(proof, does_not_count_the_bytes_of_other_connections)
{
	struct lie l;

	tell_truth(&l);
	l.flows[TO_NAT][1] = l.flows[TO_NAT][0];
	l.flows[TO_NAT][1].id = 9;
	l.flows[TO_NAT][1].dst.port = l.flows[TO_NAT][1].reply_src.port = 50009;
	l.flows[TO_NAT][0].reply_bytes = 1234;
	set_flows(&l, TO_NAT, 2);
	expect(&l, PROOF_NONE,
	       "fn0-nat carried 1.2 kB from fn1 to fn0, the program says it moved 1 MB");
}

Test(proof, sees_the_relay_on_the_link_of_the_seed)
{
	struct lie l;

	tell_truth(&l);
	l.others[0].received = l.others[0].sent = SENT + RECEIVED;
	expect(&l, PROOF_RELAYED,
	       "the links of those who had no part in it carried 1.0 MB each way meanwhile, seed "
	       "above all, as much as the 1.0 MB that the program moved");
	/* Also when it is spread. */
	l.others[0].received = l.others[0].sent = SENT;
	l.others[1].received = l.others[1].sent = RECEIVED + 20000;
	expect(&l, PROOF_RELAYED,
	       "the links of those who had no part in it carried 1.0 MB each way meanwhile, seed "
	       "above all, as much as the 1.0 MB that the program moved");
}

/* Who only receives, or only sends, passes nothing on. */
Test(proof, does_not_take_a_download_for_a_relay)
{
	struct lie l;

	tell_truth(&l);
	l.others[0].received = 9 * SENT;
	l.others[0].sent = SENT / 100;
	expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
}

/* Over a connection that is older than the step, as the link to the seed is. */
Test(proof, sees_the_relay_in_an_old_flow)
{
	struct lie l;

	tell_truth(&l);
	l.flows[FROM_NAT][1].bytes += SENT;
	l.flows[FROM_NAT][1].reply_bytes += RECEIVED;
	expect(&l, PROOF_RELAYED,
	       "fn1 exchanged 1.0 MB with others meanwhile, 203.0.113.10:7000 above all, as "
	       "much as the 1.0 MB that the program moved");
}

Test(proof, sees_the_relay_at_the_listening_end)
{
	struct lie l;

	tell_truth(&l);
	l.flows[TO_NAT][1] = flow(9, "10.0.0.2:40000", "203.0.113.10:7000", "203.0.113.10:7000",
				  "203.1.0.1:40000", 400000, SENT);
	l.flows[TO_NAT][1].proto = IPPROTO_UDP;
	set_flows(&l, TO_NAT, 2);
	expect(&l, PROOF_RELAYED,
	       "fn0 exchanged 1.4 MB with others meanwhile, 203.0.113.10:7000 above all, as "
	       "much as the 1.0 MB that the program moved");
}

/* Another client of the same step is no relay. */
Test(proof, leaves_partners_of_the_step_out_of_it)
{
	struct lie l;

	tell_truth(&l);
	l.flows[TO_NAT][1] = flow(9, "10.0.0.2:5201", "203.1.0.3:50001", "203.1.0.3:50001",
				  "203.1.0.1:5201", 10, SENT * 9);
	set_flows(&l, TO_NAT, 2);
	expect(&l, PROOF_RELAYED,
	       "fn0 exchanged 9.0 MB with others meanwhile, 203.1.0.3:50001 above all, as much "
	       "as the 1.0 MB that the program moved");
	l.partner = at("203.1.0.3");
	l.c.partners = &l.partner;
	l.c.n_partners = 1;
	expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
}

Test(proof, refuses_a_program_that_moved_nothing)
{
	struct lie l;

	tell_truth(&l);
	l.c.sent = l.c.received = 0;
	expect(&l, PROOF_NONE, "the program does not say that it moved anything");
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
	k->flows[nat][router->n_flows] = flow(100 + i, self, peer, peer, outer, 2500, 2500 + bytes);
	k->flows[nat][router->n_flows++].established_at = 20 * NS_PER_S;
}

/* A step of @seconds in which @moved bytes went each way; others' flows carried @pings each. */
static void tell_of_twelve(struct cluster *k, unsigned seconds, uint64_t moved, uint64_t pings)
{
	struct lie *l = &k->lie;

	*k = (struct cluster){0};
	tell_truth(l);
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
	expect(&k.lie, PROOF_DIRECT, "through fn1-nat and fn0-nat" ALONE);
	/* 12 s, 12.8 kB. */
	tell_of_twelve(&k, 12, 6400, 540);
	expect(&k.lie, PROOF_DIRECT, "through fn1-nat and fn0-nat" ALONE);
	/* An hour. */
	tell_of_twelve(&k, 3600, 1000, 180000);
	expect(&k.lie, PROOF_DIRECT, "through fn1-nat and fn0-nat" ALONE);
	/* Nothing could hide. */
	tell_of_twelve(&k, 12, 1000000, 540);
	expect(&k.lie, PROOF_DIRECT, "through fn1-nat and fn0-nat");
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
	expect(&k.lie, PROOF_RELAYED,
	       "fn1 exchanged 2.0 MB with others meanwhile, 203.0.113.10:7000 above all, as much "
	       "as the 2 MB that the program moved");
	/* By the links alone. */
	k.lie.c.seed.port = 0;
	for (int nat = 0; nat < 2; nat++)
		k.flows[nat][1].reply_bytes = 2500;
	expect(&k.lie, PROOF_RELAYED,
	       "the links of those who had no part in it carried 2.0 MB each way meanwhile, seed "
	       "above all, as much as the 2 MB that the program moved");
	/* A little hides in the pings; but then no NAT holds the connection. */
	relay_by_the_seed(&k, 512);
	k.flows[TO_NAT][0] = k.flows[TO_NAT][1];
	expect(&k.lie, PROOF_NONE,
	       "fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.2)");
	/* Nor, when there is one for show, did it carry enough. */
	relay_by_the_seed(&k, 512);
	k.flows[TO_NAT][0].reply_bytes = 100;
	expect(&k.lie, PROOF_NONE,
	       "fn0-nat carried 100 B from fn1 to fn0, the program says it moved 512 B");
}

/* What is no control connection has no allowance, and nor has a link without any. */
Test(proof, finds_the_small_relay_over_a_new_connection)
{
	struct cluster k;

	tell_of_twelve(&k, 12, 512, 90);
	k.flows[FROM_NAT][2] = flow(90, "10.0.1.2:41000", "203.1.0.3:7100", "203.1.0.3:7100",
				    "203.1.0.2:41000", 600, 600);
	expect(&k.lie, PROOF_RELAYED,
	       "fn1 exchanged 1.2 kB with others meanwhile, 203.1.0.3:7100 above all, as much as "
	       "the 1.0 kB that the program moved");
	tell_of_twelve(&k, 12, 512, 90);
	k.others[4] = (struct proof_link){"pub", 1100, 1100, 0};
	expect(&k.lie, PROOF_RELAYED,
	       "the links of those who had no part in it carried 1.1 kB each way meanwhile, pub "
	       "above all, as much as the 1.0 kB that the program moved");
}

Test(proof, finds_the_relay_over_another_function_and_its_control_port)
{
	struct cluster k;

	tell_of_twelve(&k, 12, 20000, 540);
	k.flows[TO_NAT][5].bytes += 40000;
	expect(&k.lie, PROOF_RELAYED,
	       "fn0 exchanged 40.5 kB with others meanwhile, 203.1.0.6:40000 above all, as much "
	       "as the 40 kB that the program moved");
	/* Many short connections to the same peer are no way around it. */
	tell_of_twelve(&k, 12, 20000, 540);
	for (int i = 1; i <= OTHERS; i++) {
		k.flows[TO_NAT][i].dst = k.flows[TO_NAT][i].reply_src = at("203.1.0.6:40000");
		k.flows[TO_NAT][i].bytes += 4000;
	}
	expect(&k.lie, PROOF_RELAYED,
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
	expect(&k.lie, PROOF_NONE,
	       "others carried as much as the program moved, and there is no NAT whose table could "
	       "tell");
}

/* ---- many flows ---- */

Test(proof, says_when_there_were_more_flows_than_can_be_proven)
{
	struct lie l;

	tell_truth(&l);
	l.c.routers[TO_NAT].lost = true;
	expect(&l, PROOF_NONE, "fn0-nat saw more flows than can be proven, which are 16384");
}

/* It took seconds for a few thousand, in the lab's only loop. */
Test(proof, is_quick_about_as_many_flows_as_there_can_be)
{
	static struct conntrack_flow flows[2][CONNTRACK_FLOWS_MAX];
	struct proof proof;
	struct lie l;
	uint64_t began;

	tell_truth(&l);
	for (int nat = 0; nat < 2; nat++) {
		for (uint32_t i = 0; i < CONNTRACK_FLOWS_MAX; i++) {
			/* In no order. */
			uint16_t port = (uint16_t)(20000 + (i * 7919 + (uint32_t)nat * 5) %
								   CONNTRACK_FLOWS_MAX);
			struct conntrack_flow *f = &flows[nat][i];

			*f = l.flows[nat][0];
			f->id = 1000 + i;
			if (nat == FROM_NAT)
				f->src.port = f->reply_dst.port = port;
			else
				f->dst.port = f->reply_src.port = port;
		}
		l.c.routers[nat].flows = flows[nat];
		l.c.routers[nat].n_flows = CONNTRACK_FLOWS_MAX;
	}
	l.c.sent = (uint64_t)CONNTRACK_FLOWS_MAX * SENT;
	began = clock_now();
	cr_assert_eq(proof_judge(&l.c, &proof), 0);
	cr_expect_eq(proof.kind, PROOF_DIRECT, "%s", proof.reason);
	cr_expect_eq(proof.connections, CONNTRACK_FLOWS_MAX);
	cr_expect_lt(clock_now() - began, NS_PER_S);
}
