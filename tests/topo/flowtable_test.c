/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bounded table behind a conntrack watch. */
#include "topo/flowtable.h"

#include <criterion/criterion.h>
#include <errno.h>

static struct flow_report report(uint32_t id, enum conntrack_tcp tcp)
{
	return (struct flow_report){
		.flow = {.id = id, .proto = IPPROTO_TCP, .tcp = tcp},
		.has_tcp = true,
	};
}

static struct flow_report counted(uint32_t id, uint64_t bytes)
{
	return (struct flow_report){
		.flow = {.id = id, .proto = IPPROTO_TCP, .bytes = bytes},
		.has_counters = true,
	};
}

static void put(struct flowtable *table, enum flow_source source, struct flow_report r,
		uint64_t now)
{
	cr_assert_eq(flowtable_put(table, source, &r, now), 0);
}

Test(flowtable, follows_a_flow_to_its_end)
{
	struct flowtable *table = flowtable_new();
	const struct conntrack_flow *flow;
	size_t n;

	put(table, FLOW_EVENT, report(7, CONNTRACK_TCP_OPENING), 1);
	put(table, FLOW_EVENT, report(7, CONNTRACK_TCP_ESTABLISHED), 2);
	put(table, FLOW_EVENT, report(7, CONNTRACK_TCP_CLOSING), 3);
	put(table, FLOW_END, counted(7, 1234), 4);
	flow = flowtable_flows(table, &n);
	cr_assert_eq(n, 1);
	cr_assert(flow->was_established);
	cr_assert_eq(flow->established_at, 2);
	cr_assert_eq(flow->tcp, CONNTRACK_TCP_CLOSING, "an end without a state keeps the last one");
	cr_assert_eq(flow->bytes, 1234);
	cr_assert(flow->gone);
	cr_assert_not(flow->end_missed);
	flowtable_free(table);
}

Test(flowtable, takes_the_assured_bit_for_a_lost_established)
{
	struct flowtable *table = flowtable_new();
	struct flow_report late = report(7, CONNTRACK_TCP_CLOSED);
	size_t n;

	late.assured = true;
	put(table, FLOW_DUMP, late, 9);
	cr_assert(flowtable_flows(table, &n)->was_established);
	cr_assert_eq(flowtable_flows(table, &n)->established_at, 9);
	flowtable_free(table);
}

Test(flowtable, an_id_that_is_given_again_is_another_flow)
{
	struct flowtable *table = flowtable_new();
	const struct conntrack_flow *flows;
	size_t n;

	put(table, FLOW_EVENT, report(7, CONNTRACK_TCP_ESTABLISHED), 1);
	put(table, FLOW_END, counted(7, 10), 2);
	put(table, FLOW_EVENT, report(7, CONNTRACK_TCP_OPENING), 3);
	flows = flowtable_flows(table, &n);
	cr_assert_eq(n, 2);
	cr_assert(flows[0].gone);
	cr_assert_eq(flows[0].bytes, 10);
	cr_assert_not(flows[1].gone);
	cr_assert_not(flows[1].was_established);
	flowtable_free(table);
}

Test(flowtable, a_dump_ends_what_it_does_not_show)
{
	struct flowtable *table = flowtable_new();
	const struct conntrack_flow *flows;
	size_t n;

	put(table, FLOW_EVENT, report(1, CONNTRACK_TCP_ESTABLISHED), 1);
	put(table, FLOW_EVENT, report(2, CONNTRACK_TCP_ESTABLISHED), 1);
	flowtable_dump_begin(table);
	put(table, FLOW_DUMP, counted(2, 5), 2);
	flowtable_dump_end(table, 2);
	flows = flowtable_flows(table, &n);
	cr_assert(flows[0].gone && flows[0].end_missed);
	cr_assert_not(flows[1].gone);

	/* Its end was on the way after all. */
	put(table, FLOW_END, counted(1, 99), 3);
	flows = flowtable_flows(table, &n);
	cr_assert_eq(n, 2);
	cr_assert(flows[0].gone && !flows[0].end_missed);
	cr_assert_eq(flows[0].bytes, 99);
	flowtable_free(table);
}

Test(flowtable, full_of_open_flows_it_says_so_and_keeps_them)
{
	struct flowtable *table = flowtable_new();
	struct flow_report more = report(CONNTRACK_FLOWS_MAX, CONNTRACK_TCP_OPENING);
	size_t n;

	for (uint32_t id = 0; id < CONNTRACK_FLOWS_MAX; id++)
		put(table, FLOW_EVENT, report(id, CONNTRACK_TCP_OPENING), 1);
	cr_assert_eq(flowtable_put(table, FLOW_EVENT, &more, 2), -ENOSPC);
	put(table, FLOW_EVENT, report(0, CONNTRACK_TCP_ESTABLISHED), 3);
	cr_assert(flowtable_flows(table, &n)[0].was_established);
	cr_assert_eq(n, CONNTRACK_FLOWS_MAX);
	flowtable_free(table);
}

Test(flowtable, new_flows_take_the_place_of_ended_ones)
{
	struct flowtable *table = flowtable_new();
	const struct conntrack_flow *flows;
	size_t n, open = 0;

	for (uint32_t id = 0; id < CONNTRACK_FLOWS_MAX; id++) {
		put(table, FLOW_EVENT, report(id, CONNTRACK_TCP_OPENING), 1);
		if (id % 2)
			put(table, FLOW_END, counted(id, 1), 1);
	}
	cr_assert_eq(flowtable_forgot_until(table), 0);
	for (uint32_t i = 0; i < CONNTRACK_FLOWS_MAX / 2; i++)
		put(table, FLOW_EVENT, report(1000000 + i, CONNTRACK_TCP_OPENING), 2);
	cr_assert_eq(flowtable_forgot_until(table), 1, "the last end that is known no more");
	flows = flowtable_flows(table, &n);
	for (size_t i = 0; i < n; i++)
		open += !flows[i].gone;
	cr_assert_eq(open, CONNTRACK_FLOWS_MAX);
	/* Those that were open are found again, and so are the new ones. */
	put(table, FLOW_END, counted(0, 1), 3);
	put(table, FLOW_END, counted(1000000, 1), 3);
	flows = flowtable_flows(table, &n);
	cr_assert_eq(n, CONNTRACK_FLOWS_MAX);
	flowtable_free(table);
}
