/* SPDX-License-Identifier: MIT */
#include "boxer/profile.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>

#define INSIDE 0x0a000002
#define SEEN   0xcb007109

/* Views in the order of the columns: the seed's two ports, and its second address. */
struct row {
	const char *what;
	uint16_t seen[3]; /* 0: it did not look */
	enum profile_mapping mapping;
	enum profile_ports ports;
	int step;
};

static const struct row rows[] = {
	{"one view tells nothing of the mapping",
	 {4000},
	 PROFILE_MAPPING_UNKNOWN,
	 PROFILE_PORTS_KEPT,
	 0},
	{"one view, another port", {4001}, PROFILE_MAPPING_UNKNOWN, PROFILE_PORTS_CHANGED, 0},
	{"kept for both ports", {4000, 4000}, PROFILE_MAPPING_NOT_APDM, PROFILE_PORTS_KEPT, 0},
	{"kept for all", {4000, 4000, 4000}, PROFILE_MAPPING_EIM, PROFILE_PORTS_KEPT, 0},
	{"the same for all", {61000, 61000, 61000}, PROFILE_MAPPING_EIM, PROFILE_PORTS_CHANGED, 0},
	{"the same for two addresses",
	 {61000, 0, 61000},
	 PROFILE_MAPPING_EIM,
	 PROFILE_PORTS_CHANGED,
	 0},
	{"one for each address",
	 {61000, 61000, 50000},
	 PROFILE_MAPPING_ADM,
	 PROFILE_PORTS_CHANGED,
	 0},
	{"another for another address, perhaps for another port",
	 {61000, 0, 50000},
	 PROFILE_MAPPING_APDM,
	 PROFILE_PORTS_CHANGED,
	 0},
	{"one for each port", {61000, 3000, 50000}, PROFILE_MAPPING_APDM, PROFILE_PORTS_CHANGED, 0},
	{"one after the other",
	 {40000, 40001, 40002},
	 PROFILE_MAPPING_APDM,
	 PROFILE_PORTS_SEQUENTIAL,
	 1},
	{"backwards", {40009, 40005, 40003}, PROFILE_MAPPING_APDM, PROFILE_PORTS_SEQUENTIAL, -2},
	{"others were quicker",
	 {40000, 40007, 40009},
	 PROFILE_MAPPING_APDM,
	 PROFILE_PORTS_SEQUENTIAL,
	 2},
	{"to and fro", {40000, 40007, 40005}, PROFILE_MAPPING_APDM, PROFILE_PORTS_CHANGED, 0},
	{"far apart", {40000, 40100, 40200}, PROFILE_MAPPING_APDM, PROFILE_PORTS_CHANGED, 0},
	{"the first is kept", {4000, 40000, 40001}, PROFILE_MAPPING_APDM, PROFILE_PORTS_KEPT, 0},
};

static size_t views_of(const struct row *row, struct profile_view ret[static 3])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(row->seen); i++)
		if (row->seen[i])
			ret[n++] = (struct profile_view){
				.observer = addr_v4(i < 2 ? 0xc6336401 : 0xc6336402,
						    (uint16_t)(7000 + i)),
				.seen = addr_v4(SEEN, row->seen[i]),
			};
	return n;
}

Test(profile, is_measured_by_what_each_observer_sees)
{
	const struct addr inside = addr_v4(INSIDE, 4000);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct profile p = {.filtering = PROFILE_FILTERING_ADF};
		struct profile_view views[3];

		profile_measure(&p, &inside, views, views_of(&rows[i], views));
		cr_expect_eq(p.mapping, rows[i].mapping, "%s: %s", rows[i].what,
			     profile_mapping_names[p.mapping]);
		cr_expect_eq(p.ports, rows[i].ports, "%s: %s", rows[i].what,
			     profile_ports_names[p.ports]);
		cr_expect_eq(p.step, rows[i].step, "%s: %d", rows[i].what, p.step);
		cr_expect_eq(p.filtering, PROFILE_FILTERING_ADF, "%s", rows[i].what);
	}
}

Test(profile, of_a_machine_that_is_seen_as_it_sees_itself_is_public)
{
	const struct addr inside = addr_v4(SEEN, 4000), loopback = addr_v4(INADDR_LOOPBACK, 4000);
	struct profile p = {0};

	profile_measure(&p, &inside, &(struct profile_view){.seen = inside}, 1);
	cr_expect(profile_is_public(&p) && profile_is_stable(&p) && profile_is_open(&p));
	/* Nobody else can reach that address. */
	profile_measure(&p, &loopback, &(struct profile_view){.seen = loopback}, 1);
	cr_expect_not(profile_is_public(&p));
}

Test(profile, of_nothing_says_nothing)
{
	const struct addr inside = addr_v4(INSIDE, 4000);
	struct profile p = {0};

	profile_measure(&p, &inside, NULL, 0);
	cr_expect_eq(p.mapping, PROFILE_MAPPING_UNKNOWN);
	cr_expect_eq(p.ports, PROFILE_PORTS_UNKNOWN);
	cr_expect_not(profile_is_public(&p) || profile_is_stable(&p) || profile_is_open(&p) ||
		      profile_lets_host(&p) || profile_is_predictable(&p));
}

Test(profile, another_address_for_another_observer_is_another_mapping)
{
	const struct addr inside = addr_v4(INSIDE, 4000);
	const struct profile_view views[] = {
		{addr_v4(0xc6336401, 7000), addr_v4(SEEN, 4000)},
		{addr_v4(0xc6336402, 7000), addr_v4(SEEN + 1, 4000)},
	};
	struct profile p = {0};

	profile_measure(&p, &inside, views, ARRAY_SIZE(views));
	cr_expect_not(profile_is_stable(&p));
}

#define MAP(m, f)                                                                  \
	{                                                                          \
		.mapping = PROFILE_MAPPING_##m, .filtering = PROFILE_FILTERING_##f \
	}

static const struct {
	struct profile a, b;
	bool may;
} pairs[] = {
	{MAP(EIM, APDF), MAP(EIM, APDF), true},
	{MAP(NOT_APDM, APDF), MAP(NONE, UNKNOWN), true},
	{MAP(APDM, APDF), MAP(NONE, UNKNOWN), true},
	{MAP(APDM, APDF), MAP(EIM, EIF), true},
	{MAP(APDM, APDF), MAP(EIM, ADF), true},
	{MAP(APDM, APDF), MAP(EIM, NOT_APDF), true},
	{MAP(APDM, APDF), MAP(EIM, APDF), false},
	{MAP(ADM, APDF), MAP(EIM, APDF), false},
	{MAP(APDM, APDF), MAP(APDM, APDF), false},
	/* It lets in whom it has written to, but nobody knows where. */
	{MAP(APDM, APDF), MAP(APDM, ADF), false},
	{MAP(APDM, ADF), MAP(EIM, APDF), false},
	{MAP(APDM, EIF), MAP(APDM, APDF), true},
	/* What is not known yet is given the chance. */
	{MAP(APDM, UNKNOWN), MAP(EIM, APDF), true},
	{MAP(UNKNOWN, APDF), MAP(EIM, APDF), true},
	{MAP(UNKNOWN, UNKNOWN), MAP(UNKNOWN, UNKNOWN), true},
};

Test(profile, of_both_sides_says_whether_there_may_be_a_link)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		cr_expect_eq(profile_may_link(&pairs[i].a, &pairs[i].b), pairs[i].may, "row %zu",
			     i);
		cr_expect_eq(profile_may_link(&pairs[i].b, &pairs[i].a), pairs[i].may, "row %zu",
			     i);
	}
}
