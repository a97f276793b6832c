/* SPDX-License-Identifier: MIT */
#include "boxer/strategy.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ALL UINT32_MAX

Test(strategy, is_spread_no_further_than_agreed)
{
	cr_expect_eq(strategy_spread(0), 1);
	cr_expect_eq(strategy_spread(3), 3);
	cr_expect_eq(strategy_spread(UINT16_MAX), STRATEGY_SPREAD);
}

Test(strategy, is_found_by_the_number_and_the_name_of_the_protocol)
{
	static const char *const names[] = {
		NULL,		"sequential", "simultaneous", "direct",	  "private",
		"synchronised", "reverse",    "predict",      "birthday", "relay",
	};

	cr_expect_null(strategy_by_id(0));
	for (unsigned id = 1; id < ARRAY_SIZE(names); id++) {
		cr_assert(strategy_by_id(id), "%u", id);
		cr_expect_str_eq(strategy_by_id(id)->name, names[id]);
		cr_expect_eq(strategy_by_name(names[id]), strategy_by_id(id));
	}
	cr_expect_null(strategy_by_id(ARRAY_SIZE(names)));
	cr_expect_null(strategy_by_id(UINT32_MAX));
	cr_expect_null(strategy_by_name("magic"));
}

enum kind {
	PUBLIC,
	CONE,
	RESTRICTED,
	PORT,
	RST,
	SYMMETRIC,
	SEQUENTIAL,
	KEEPING,
	UNKNOWN,
	ADM,
	KINDS
};

static const struct profile profiles[KINDS] = {
	[PUBLIC] = {PROFILE_MAPPING_NONE, PROFILE_PORTS_KEPT, 0, 0, 0},
	[CONE] = {PROFILE_MAPPING_EIM, PROFILE_PORTS_KEPT, PROFILE_FILTERING_EIF,
		  PROFILE_REFUSAL_NONE, 0},
	[RESTRICTED] = {PROFILE_MAPPING_EIM, PROFILE_PORTS_CHANGED, PROFILE_FILTERING_ADF,
			PROFILE_REFUSAL_NONE, 0},
	[PORT] = {PROFILE_MAPPING_EIM, PROFILE_PORTS_KEPT, PROFILE_FILTERING_APDF,
		  PROFILE_REFUSAL_NONE, 0},
	[RST] = {PROFILE_MAPPING_EIM, PROFILE_PORTS_KEPT, PROFILE_FILTERING_APDF,
		 PROFILE_REFUSAL_REFUSES, 0},
	[SYMMETRIC] = {PROFILE_MAPPING_APDM, PROFILE_PORTS_CHANGED, PROFILE_FILTERING_APDF,
		       PROFILE_REFUSAL_NONE, 0},
	[SEQUENTIAL] = {PROFILE_MAPPING_APDM, PROFILE_PORTS_SEQUENTIAL, PROFILE_FILTERING_APDF,
			PROFILE_REFUSAL_NONE, 1},
	[KEEPING] = {PROFILE_MAPPING_APDM, PROFILE_PORTS_KEPT, PROFILE_FILTERING_APDF,
		     PROFILE_REFUSAL_NONE, 0},
	[UNKNOWN] = {0},
	[ADM] = {PROFILE_MAPPING_ADM, PROFILE_PORTS_CHANGED, PROFILE_FILTERING_APDF,
		 PROFILE_REFUSAL_NONE, 0},
};

static const char *plan_of(const struct strategy_request *request, char *text, size_t size)
{
	const struct strategy *plan[STRATEGY_COUNT];
	enum reason reason;
	size_t n = strategy_plan(request, plan, &reason), used = 0;

	*text = '\0';
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "",
					 plan[i]->name);
	cr_expect_eq(reason == REASON_NONE, n > 0);
	if (n == 0)
		(void)snprintf(text, size, "%s", reason_name(reason));
	return text;
}

/* Rows connect, columns listen. */
static const struct {
	enum kind from, to;
	const char *plan;
} pairs[] = {
	{PORT, PUBLIC, "direct simultaneous sequential"},
	{SYMMETRIC, PUBLIC, "direct sequential birthday"},
	{PUBLIC, PORT, "simultaneous reverse"},
	{PUBLIC, RST, "reverse"},
	{PUBLIC, SYMMETRIC, "reverse birthday"},
	{PORT, PORT, "simultaneous sequential"},
	{PORT, RST, "simultaneous sequential"},
	{RST, PORT, "simultaneous"},
	{RST, RST, "synchronised"},
	{PORT, CONE, "simultaneous sequential"},
	{CONE, PORT, "simultaneous reverse"},
	{RESTRICTED, SYMMETRIC, "reverse birthday"},
	{SYMMETRIC, RESTRICTED, "sequential birthday"},
	{SYMMETRIC, CONE, "sequential birthday"},
	{SYMMETRIC, PORT, "birthday"},
	{PORT, SYMMETRIC, "birthday"},
	{ADM, PORT, "birthday"},
	{SEQUENTIAL, PORT, "predict birthday"},
	{PORT, KEEPING, "predict birthday"},
	{SEQUENTIAL, KEEPING, "predict"},
	{SYMMETRIC, SEQUENTIAL, "no-strategy"},
	{SYMMETRIC, SYMMETRIC, "no-strategy"},
	{UNKNOWN, UNKNOWN, "simultaneous sequential"},
};

Test(strategy, plan_follows_from_both_profiles)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct strategy_request request = {
			.self = profiles[pairs[i].from],
			.peer = profiles[pairs[i].to],
			.allowed = ALL,
		};
		char text[160];

		cr_expect_str_eq(plan_of(&request, text, sizeof(text)), pairs[i].plan,
				 "row %zu: %s", i, text);
	}
}

Test(strategy, plan_prefers_the_private_way_and_comes_to_the_relay_last)
{
	struct strategy_request request = {.self = profiles[PORT],
					   .peer = profiles[PORT],
					   .near = true,
					   .relay = true,
					   .allowed = ALL};
	char text[160];

	cr_expect_str_eq(plan_of(&request, text, sizeof(text)),
			 "private simultaneous sequential relay");
}

Test(strategy, plan_has_only_what_is_allowed)
{
	struct strategy_request request = {
		.self = profiles[SYMMETRIC],
		.peer = profiles[SYMMETRIC],
		.relay = true,
		.allowed = STRATEGY_DEFAULT,
	};
	char text[160];

	cr_expect_str_eq(plan_of(&request, text, sizeof(text)), "not-allowed");
	request.allowed |= STRATEGY_BIT(STRATEGY_RELAY);
	cr_expect_str_eq(plan_of(&request, text, sizeof(text)), "relay");
	request.self = profiles[PORT];
	request.peer = profiles[PORT];
	request.allowed = STRATEGY_BIT(STRATEGY_SEQUENTIAL);
	cr_expect_str_eq(plan_of(&request, text, sizeof(text)), "sequential");
}

Test(strategy, begins_early_only_where_no_reset_can_come_back)
{
	cr_expect(strategy_may_begin_early(&profiles[PORT], &profiles[PORT]));
	cr_expect(strategy_may_begin_early(&profiles[PORT], &profiles[CONE]));
	cr_expect(strategy_may_begin_early(&profiles[PUBLIC], &profiles[PORT]));
	cr_expect_not(strategy_may_begin_early(&profiles[PUBLIC], &profiles[RST]));
	cr_expect_not(strategy_may_begin_early(&profiles[PORT], &profiles[RST]));
	cr_expect_not(strategy_may_begin_early(&profiles[PORT], &profiles[UNKNOWN]));
	cr_expect_not(strategy_may_begin_early(&profiles[SYMMETRIC], &profiles[PORT]));
}

/* Whatever may be used but @without does it depend on the filtering? */
static bool needs(const struct profile *self, const struct profile *peer, unsigned without)
{
	return strategy_needs_filtering(self, peer, STRATEGY_DEFAULT & ~without);
}

Test(strategy, waits_for_the_filtering_only_where_the_choice_depends_on_it)
{
	struct profile unmeasured = profiles[PORT];

	unmeasured.filtering = PROFILE_FILTERING_UNKNOWN;
	cr_expect(needs(&profiles[SYMMETRIC], &unmeasured, 0));
	cr_expect(needs(&unmeasured, &profiles[SEQUENTIAL], 0));
	cr_expect_not(needs(&unmeasured, &unmeasured, 0));
	/* Not even the mapping is known: what is tried first works in either case. */
	cr_expect_not(needs(&unmeasured, &(struct profile){0}, 0));
	cr_expect_not(needs(&(struct profile){0}, &unmeasured, 0));
	cr_expect_not(needs(&profiles[SYMMETRIC], &profiles[PORT], 0));
	cr_expect_not(needs(&profiles[SYMMETRIC], &profiles[PUBLIC], 0));
	cr_expect_not(needs(&profiles[SYMMETRIC], &profiles[SYMMETRIC], 0));
}

/* Found in a lab: where only the relay was allowed, it began after the measurement. */
Test(strategy, waits_for_the_filtering_only_where_that_choice_is_allowed)
{
	const unsigned reverse = STRATEGY_BIT(STRATEGY_REVERSE);
	const unsigned sequential = STRATEGY_BIT(STRATEGY_SEQUENTIAL);
	struct profile unmeasured = profiles[PORT];

	unmeasured.filtering = PROFILE_FILTERING_UNKNOWN;
	cr_expect_not(strategy_needs_filtering(&unmeasured, &profiles[SYMMETRIC],
					       STRATEGY_BIT(STRATEGY_RELAY)));
	cr_expect_not(strategy_needs_filtering(&unmeasured, &profiles[SYMMETRIC], 0));
	cr_expect(needs(&unmeasured, &profiles[SYMMETRIC], sequential));
	cr_expect_not(needs(&unmeasured, &profiles[SYMMETRIC], sequential | reverse));
	cr_expect(needs(&profiles[SYMMETRIC], &unmeasured, reverse));
	cr_expect_not(needs(&profiles[SYMMETRIC], &unmeasured, sequential | reverse));
}

Test(strategy, list_is_parsed)
{
	unsigned allowed = 0;

	cr_assert_eq(strategy_parse("direct,relay", &allowed), 0);
	cr_expect_eq(allowed, STRATEGY_BIT(STRATEGY_DIRECT) | STRATEGY_BIT(STRATEGY_RELAY));
	allowed = 7;
	cr_expect_eq(strategy_parse("direct,magic", &allowed), -EINVAL);
	cr_expect_eq(strategy_parse("", &allowed), -EINVAL);
	cr_expect_eq(strategy_parse(",", &allowed), -EINVAL);
	cr_expect_eq(strategy_parse("direct,", &allowed), -EINVAL);
	cr_expect_eq(strategy_parse("direct,,relay", &allowed), -EINVAL);
	cr_expect_eq(strategy_parse("directdirectdirectdirectdirectdirectdirect", &allowed),
		     -EINVAL);
	cr_expect_eq(allowed, 7);
	cr_expect_eq(STRATEGY_DEFAULT & STRATEGY_BIT(STRATEGY_RELAY), 0);
	cr_expect_neq(STRATEGY_DEFAULT & STRATEGY_BIT(STRATEGY_BIRTHDAY), 0);
}
