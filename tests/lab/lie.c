/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lab/lie.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

struct addr lie_at(const char *text)
{
	struct addr a;

	cr_assert_eq(addr_parse(text, &a), 0, "%s", text);
	return a;
}

struct conntrack_flow lie_flow(uint32_t id, const char *src, const char *dst, const char *reply_src,
			       const char *reply_dst, uint64_t bytes, uint64_t reply_bytes)
{
	return (struct conntrack_flow){
		.id = id,
		.proto = IPPROTO_TCP,
		.src = lie_at(src),
		.dst = lie_at(dst),
		.reply_src = lie_at(reply_src),
		.reply_dst = lie_at(reply_dst),
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
	return lie_flow(id, "10.0.0.2:5201", "203.1.0.2:50001", "203.1.0.2:50001", "203.1.0.1:5201",
			LIE_RECEIVED + 100, LIE_SENT + 100);
}

void lie_set_flows(struct lie *l, int nat, size_t n)
{
	l->c.routers[nat].n_flows = n;
}

/* Links to others carry what keepalives need. */
void lie_from_truth(struct lie *l)
{
	*l = (struct lie){
		.c =
			{
				.from = {"fn1", lie_at("10.0.1.2"), lie_at("203.1.0.2"), FROM_NAT,
					 0, 0, 40000, NULL, 0},
				.to = {"fn0", lie_at("10.0.0.2"), lie_at("203.1.0.1"), TO_NAT, 0, 0,
				       40000, NULL, 0},
				.port = 5201,
				.sent = LIE_SENT,
				.received = LIE_RECEIVED,
				.began = 100 * NS_PER_S,
				.ended = 110 * NS_PER_S,
				.n_routers = 2,
				.n_others = 2,
			},
	};
	l->others[0] = (struct proof_link){"seed", 450, 450, 3};
	l->others[1] = (struct proof_link){"fn2-nat", 350, 350, 3};
	l->c.seed = lie_at("203.0.113.10:7000");
	l->flows[FROM_NAT][0] = lie_flow(1, "10.0.1.2:40001", "203.1.0.1:5201", "203.1.0.1:5201",
					 "203.1.0.2:50001", LIE_SENT + 100, LIE_RECEIVED + 100);
	/* The link to the seed, older than the step. */
	l->flows[FROM_NAT][1] = lie_flow(2, "10.0.1.2:40000", "203.0.113.10:7000",
					 "203.0.113.10:7000", "203.1.0.2:40000", 90000000, 400);
	l->flows[FROM_NAT][1].established_at = 20 * NS_PER_S;
	l->known[FROM_NAT][0] = (struct proof_known){2, 90000000};
	l->flows[TO_NAT][0] = punched(3);
	l->c.others = l->others;
	l->c.routers[FROM_NAT] = (struct proof_router){
		"fn1-nat", l->flows[FROM_NAT], 2, l->known[FROM_NAT], 1, false, NULL};
	l->c.routers[TO_NAT] = (struct proof_router){
		"fn0-nat", l->flows[TO_NAT], 1, l->known[TO_NAT], 0, false, NULL};
}

void lie_expect(const struct lie *l, enum proof_kind kind, const char *reason)
{
	struct proof proof;

	cr_assert_eq(proof_judge(&l->c, &proof), 0);
	cr_expect_str_eq(proof.reason, reason);
	cr_expect_eq(proof.kind, kind, "%s: %s", proof_kind_name(proof.kind), proof.reason);
}
