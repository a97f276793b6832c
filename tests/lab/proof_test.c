/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The judge of path proofs, fed with truths and with lies. */
#include "base/clock.h"
#include "lab/proof.h"
#include "tests/lab/lie.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

/* Without a NAT of its own, so that its link must tell. */
static struct proof_end public_end(const char *name, const char *address, uint64_t sent,
				   uint64_t received)
{
	return (struct proof_end){
		.name = name,
		.inside = lie_at(address),
		.external = lie_at(address),
		.router = PROOF_PUBLIC,
		.link_sent = sent,
		.link_received = received,
	};
}

/* ---- truths ---- */

Test(proof, believes_a_punched_hole)
{
	struct proof proof;
	struct addr expected;
	struct lie l;

	lie_from_truth(&l);
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
	cr_assert_eq(proof_judge(&l.c, &proof), 0);
	cr_assert_eq(proof.n_nats, 2);
	cr_expect_eq(proof.connections, 1);
	cr_expect_str_eq(proof.nats[0].name, "fn1-nat");
	cr_expect_str_eq(proof.nats[1].name, "fn0-nat");
	/* The translated pair, as each of the two has it. */
	expected = lie_at("203.1.0.2:50001");
	cr_expect(addr_equal(&proof.nats[0].reply_dst, &expected));
	cr_expect(addr_equal(&proof.nats[1].dst, &expected));
	expected = lie_at("203.1.0.1:5201");
	cr_expect(addr_equal(&proof.nats[0].dst, &expected));
	cr_expect(addr_equal(&proof.nats[1].reply_dst, &expected));
	/* In the directions of the tuples that are shown. */
	cr_expect_eq(proof.nats[0].bytes, LIE_SENT + 100);
	cr_expect_eq(proof.nats[1].bytes, LIE_RECEIVED + 100);
	cr_expect_eq(proof.nats[1].reply_bytes, LIE_SENT + 100);
}

Test(proof, believes_a_static_forward)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[TO_NAT][0] = lie_flow(3, "203.1.0.2:50001", "203.1.0.1:8080", "10.0.0.2:5201",
				      "203.1.0.2:50001", LIE_SENT, LIE_RECEIVED);
	l.flows[FROM_NAT][0] = lie_flow(1, "10.0.1.2:40001", "203.1.0.1:8080", "203.1.0.1:8080",
					"203.1.0.2:50001", LIE_SENT, LIE_RECEIVED);
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
}

Test(proof, believes_a_nat_that_changed_the_listening_port)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[TO_NAT][0].reply_dst = lie_at("203.1.0.1:61000");
	l.flows[FROM_NAT][0].dst = l.flows[FROM_NAT][0].reply_src = lie_at("203.1.0.1:61000");
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
}

Test(proof, believes_one_nat_before_a_public_listener)
{
	struct lie l;

	lie_from_truth(&l);
	l.c.to = public_end("pub", "203.0.113.11", LIE_RECEIVED, LIE_SENT);
	l.c.n_routers = 1;
	l.flows[FROM_NAT][0] =
		lie_flow(1, "10.0.1.2:40001", "203.0.113.11:5201", "203.0.113.11:5201",
			 "203.1.0.2:50001", LIE_SENT, LIE_RECEIVED);
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat");
	l.c.to.link_received--;
	lie_expect(&l, PROOF_NONE,
		   "the link of pub carried 999999 B from fn1 to pub, the program says it moved "
		   "1000000 B");
	l.c.port = 5202;
	lie_expect(&l, PROOF_NONE,
		   "fn1-nat holds no connection of fn1 (10.0.1.2) with pub (203.0.113.11:5202)");
}

/* Who connected was connected to, on a port of its own: that is what is known then. */
Test(proof, believes_a_connection_that_is_known_by_the_other_end)
{
	struct lie l;

	lie_from_truth(&l);
	l.c.port = 9999;
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat holds no connection of fn0 (10.0.0.2:9999) with fn1 (203.1.0.2)");
	l.c.from_port = 40001;
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
	l.c.from_port = 40002;
	lie_expect(&l, PROOF_NONE,
		   "fn1-nat holds no connection of fn1 (10.0.1.2:40002) with fn0 "
		   "(203.1.0.1:5201)");
	/* In front of a public machine it is the peer's. */
	lie_from_truth(&l);
	l.c.routers[0] = l.c.routers[TO_NAT];
	l.c.n_routers = 1;
	l.c.to.router = 0;
	l.c.from = public_end("pub", "203.1.0.2", LIE_SENT, LIE_RECEIVED);
	l.c.from_port = 50001;
	lie_expect(&l, PROOF_DIRECT, "through fn0-nat");
	l.c.from_port = 50002;
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat holds no connection of fn0 (10.0.0.2) with pub (203.1.0.2)");
}

Test(proof, believes_one_nat_before_the_listener)
{
	struct lie l;

	lie_from_truth(&l);
	l.c.routers[0] = l.c.routers[TO_NAT];
	l.c.n_routers = 1;
	l.c.to.router = 0;
	l.c.from = public_end("pub", "203.1.0.2", LIE_SENT, LIE_RECEIVED);
	lie_expect(&l, PROOF_DIRECT, "through fn0-nat");
}

Test(proof, believes_two_public_nodes_by_their_links)
{
	struct lie l;

	lie_from_truth(&l);
	l.c.n_routers = 0;
	l.c.from = public_end("a", "203.0.113.11", LIE_SENT, LIE_RECEIVED);
	l.c.to = public_end("b", "203.0.113.12", LIE_RECEIVED, LIE_SENT);
	lie_expect(&l, PROOF_DIRECT, "with no NAT in between");
	l.c.from.link_sent = 5;
	lie_expect(&l, PROOF_NONE,
		   "the link of a carried 5 B from a to b, the program says it moved 1 MB");
}

/* Both behind one NAT: routed, or by a hairpin with the external source. */
Test(proof, believes_a_shared_nat)
{
	struct lie l;

	lie_from_truth(&l);
	l.c.n_routers = 1;
	l.c.from.router = l.c.to.router = 0;
	l.c.from.external = l.c.to.external;
	l.flows[0][0] = lie_flow(1, "10.0.1.2:40001", "10.0.0.2:5201", "10.0.0.2:5201",
				 "10.0.1.2:40001", LIE_SENT, LIE_RECEIVED);
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat");
	l.flows[0][0] = lie_flow(1, "10.0.1.2:40001", "203.1.0.1:5201", "10.0.0.2:5201",
				 "203.1.0.1:40001", LIE_SENT, LIE_RECEIVED);
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat");
	l.flows[0][0].reply_src.port++;
	lie_expect(&l, PROOF_NONE,
		   "fn1-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.1)");
}

Test(proof, sums_up_several_connections)
{
	struct proof proof;
	struct lie l;

	lie_from_truth(&l);
	l.flows[FROM_NAT][2] = l.flows[FROM_NAT][0];
	l.flows[FROM_NAT][2].id = 12;
	l.flows[FROM_NAT][2].src.port = 40002;
	l.flows[FROM_NAT][2].reply_dst.port = 50002;
	lie_set_flows(&l, FROM_NAT, 3);
	/* The second one was forwarded, so its directions are the other way round. */
	l.flows[TO_NAT][1] = lie_flow(13, "203.1.0.2:50002", "203.1.0.1:5201", "10.0.0.2:5201",
				      "203.1.0.2:50002", LIE_SENT + 300, LIE_RECEIVED);
	lie_set_flows(&l, TO_NAT, 2);
	l.c.sent = 2 * LIE_SENT;
	l.c.received = 2 * LIE_RECEIVED;
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
	cr_assert_eq(proof_judge(&l.c, &proof), 0);
	cr_expect_eq(proof.connections, 2);
	cr_expect_eq(proof.nats[1].bytes, 2 * LIE_SENT + 400);
	cr_expect_eq(proof.nats[1].reply_bytes, 2 * LIE_RECEIVED + 100);
	l.c.sent += 1000;
	lie_expect(
		&l, PROOF_NONE,
		"fn1-nat carried 2000200 B from fn1 to fn0, the program says it moved 2001000 B");
}

/* The NAT shows its machine another source port when that one is talking to the true
 * one already, by a mapping of its own. */
Test(proof, believes_a_connection_whose_source_port_was_changed_on_the_inside)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[TO_NAT][0] = lie_flow(13, "203.1.0.2:50001", "203.1.0.1:5201", "10.0.0.2:5201",
				      "203.1.0.2:61000", LIE_SENT + 300, LIE_RECEIVED + 100);
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
	l.flows[TO_NAT][0].reply_dst = lie_at("203.1.0.9:50001");
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.2)");
}

/* ---- lies ---- */

Test(proof, refuses_a_nat_without_the_connection)
{
	struct lie l;

	lie_from_truth(&l);
	lie_set_flows(&l, TO_NAT, 0);
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.2)");
	lie_from_truth(&l);
	l.flows[FROM_NAT][0] = l.flows[FROM_NAT][1];
	lie_set_flows(&l, FROM_NAT, 1);
	lie_expect(&l, PROOF_NONE,
		   "fn1-nat holds no connection of fn1 (10.0.1.2) with fn0 (203.1.0.1:5201)");
}

Test(proof, refuses_another_router)
{
	struct lie l;

	lie_from_truth(&l);
	/* The right machines, but translated to an address that is not fn0's NAT's. */
	l.flows[TO_NAT][0].reply_dst = lie_at("203.1.0.9:5201");
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.2)");
}

Test(proof, refuses_another_port_and_another_protocol)
{
	struct lie l;

	lie_from_truth(&l);
	l.c.port = 5202;
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat holds no connection of fn0 (10.0.0.2:5202) with fn1 (203.1.0.2)");
	lie_from_truth(&l);
	l.flows[TO_NAT][0].proto = IPPROTO_UDP;
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.2)");
}

/* UDP is never established; what proves it is that both have sent. */
static void make_datagrams(struct conntrack_flow *f)
{
	f->proto = IPPROTO_UDP;
	f->tcp = CONNTRACK_TCP_NONE;
	f->was_established = false;
	f->established_at = 0;
	f->packets = f->reply_packets = 9;
}

Test(proof, believes_datagrams_that_went_both_ways)
{
	struct lie l;

	lie_from_truth(&l);
	l.c.proto = IPPROTO_UDP;
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.2)");
	make_datagrams(&l.flows[FROM_NAT][0]);
	make_datagrams(&l.flows[TO_NAT][0]);
	lie_expect(&l, PROOF_DIRECT, "through fn1-nat and fn0-nat");
	l.flows[TO_NAT][0].reply_packets = 0;
	lie_expect(&l, PROOF_NONE, "the connection in fn0-nat was never established");
	l.flows[TO_NAT][0].reply_packets = 9;
	l.c.proto = IPPROTO_TCP;
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat holds no connection of fn0 (10.0.0.2:5201) with fn1 (203.1.0.2)");
}

Test(proof, refuses_tuples_that_do_not_match)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[FROM_NAT][0].reply_dst.port = 50002;
	lie_expect(&l, PROOF_NONE,
		   "the NATs hold different connections: fn1-nat has 203.1.0.2:50002 to "
		   "203.1.0.1:5201, fn0-nat has 203.1.0.2:50001 to 203.1.0.1:5201");
	lie_from_truth(&l);
	l.flows[TO_NAT][0].reply_dst.port = 61000;
	lie_expect(&l, PROOF_NONE,
		   "the NATs hold different connections: fn1-nat has 203.1.0.2:50001 to "
		   "203.1.0.1:5201, fn0-nat has 203.1.0.2:50001 to 203.1.0.1:61000");
}

/* A reply that comes from somebody else than was written to. */
Test(proof, refuses_a_redirected_connection)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[FROM_NAT][0].reply_src = lie_at("203.0.113.10:5201");
	l.flows[FROM_NAT][0].bytes = l.flows[FROM_NAT][0].reply_bytes = 10;
	lie_expect(&l, PROOF_NONE,
		   "fn1-nat holds no connection of fn1 (10.0.1.2) with fn0 (203.1.0.1:5201)");
}

Test(proof, refuses_a_connection_from_before_the_step)
{
	struct lie l;

	lie_from_truth(&l);
	l.known[FROM_NAT][1] = l.known[FROM_NAT][0];
	l.known[FROM_NAT][0] = (struct proof_known){1, 0};
	l.c.routers[FROM_NAT].n_known = 2;
	lie_expect(&l, PROOF_NONE, "the connection in fn1-nat is older than the step");
	lie_from_truth(&l);
	l.flows[TO_NAT][0].established_at = 98 * NS_PER_S;
	lie_expect(&l, PROOF_NONE,
		   "the connection in fn0-nat was established 2 s before the step began");
	l.flows[TO_NAT][0].established_at = 111 * NS_PER_S;
	lie_expect(&l, PROOF_NONE, "the connection in fn0-nat was established only after the step");
}

Test(proof, refuses_what_was_never_established)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[TO_NAT][0].was_established = false;
	lie_expect(&l, PROOF_NONE, "the connection in fn0-nat was never established");
	lie_from_truth(&l);
	l.flows[FROM_NAT][0].was_established = false;
	lie_expect(&l, PROOF_NONE, "the connection in fn1-nat was never established");
}

Test(proof, refuses_too_few_bytes_in_either_direction_and_router)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[FROM_NAT][0].bytes = 1234;
	lie_expect(&l, PROOF_NONE,
		   "fn1-nat carried 1.2 kB from fn1 to fn0, the program says it moved 1 MB");
	lie_from_truth(&l);
	l.flows[TO_NAT][0].reply_bytes = 1234;
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat carried 1.2 kB from fn1 to fn0, the program says it moved 1 MB");
	lie_from_truth(&l);
	l.flows[TO_NAT][0].bytes = 17;
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat carried 17 B from fn0 to fn1, the program says it moved 2 kB");
	lie_from_truth(&l);
	l.flows[FROM_NAT][0].reply_bytes = 17;
	lie_expect(&l, PROOF_NONE,
		   "fn1-nat carried 17 B from fn0 to fn1, the program says it moved 2 kB");
}

/* Bytes of connections that are no part of the proof do not count for it. */
Test(proof, does_not_count_the_bytes_of_other_connections)
{
	struct lie l;

	lie_from_truth(&l);
	l.flows[TO_NAT][1] = l.flows[TO_NAT][0];
	l.flows[TO_NAT][1].id = 9;
	l.flows[TO_NAT][1].dst.port = l.flows[TO_NAT][1].reply_src.port = 50009;
	l.flows[TO_NAT][0].reply_bytes = 1234;
	lie_set_flows(&l, TO_NAT, 2);
	lie_expect(&l, PROOF_NONE,
		   "fn0-nat carried 1.2 kB from fn1 to fn0, the program says it moved 1 MB");
}

Test(proof, refuses_a_program_that_moved_nothing)
{
	struct lie l;

	lie_from_truth(&l);
	l.c.sent = l.c.received = 0;
	lie_expect(&l, PROOF_NONE, "the program does not say that it moved anything");
}

/* ---- many flows ---- */

Test(proof, says_when_there_were_more_flows_than_can_be_proven)
{
	struct lie l;

	lie_from_truth(&l);
	l.c.routers[TO_NAT].lost = true;
	lie_expect(&l, PROOF_NONE, "fn0-nat saw more flows than can be proven, which are 16384");
}

/* It took seconds for a few thousand, in the lab's only loop. */
Test(proof, is_quick_about_as_many_flows_as_there_can_be)
{
	static struct conntrack_flow flows[2][CONNTRACK_FLOWS_MAX];
	struct proof proof;
	struct lie l;
	uint64_t began;

	lie_from_truth(&l);
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
	l.c.sent = (uint64_t)CONNTRACK_FLOWS_MAX * LIE_SENT;
	began = clock_now();
	cr_assert_eq(proof_judge(&l.c, &proof), 0);
	cr_expect_eq(proof.kind, PROOF_DIRECT, "%s", proof.reason);
	cr_expect_eq(proof.connections, CONNTRACK_FLOWS_MAX);
	cr_expect_lt(clock_now() - began, NS_PER_S);
}
