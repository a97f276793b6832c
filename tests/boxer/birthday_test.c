/* SPDX-License-Identifier: MIT */
#include "boxer/birthday.h"

#include "base/addr.h"
#include "base/clock.h"

#include <criterion/criterion.h>

#define ROUND_TRIP_NS (30 * NS_PER_MS)

static uint64_t duration(const struct volley_plan *plan)
{
	return plan->rounds * plan->hold_ns;
}

Test(birthday, holds_many_for_as_long_as_the_other_end_has_rounds)
{
	const struct addr to = addr_v4(0xcb007101, 4000);
	struct volley_plan many = birthday_many(&to, false, ROUND_TRIP_NS);
	struct volley_plan rounds = birthday_rounds(&to, ROUND_TRIP_NS);

	cr_expect(many.aim == VOLLEY_SAME && addr_equal(&many.remote, &to));
	cr_expect(rounds.aim == VOLLEY_RANDOM && addr_same_host(&rounds.remote, &to));
	cr_expect_eq(many.rounds, 1);
	cr_expect_eq(rounds.rounds, BIRTHDAY_ROUNDS);
	cr_expect_eq(duration(&many), duration(&rounds));
	cr_expect(many.sockets == VOLLEY_SOCKETS_MAX && rounds.sockets == VOLLEY_SOCKETS_MAX);
}

Test(birthday, opens_many_anew_in_each_round_where_they_are_refused)
{
	const struct addr to = addr_v4(0xcb007101, 4000);
	struct volley_plan many = birthday_many(&to, true, ROUND_TRIP_NS);
	struct volley_plan rounds = birthday_rounds(&to, ROUND_TRIP_NS);

	cr_expect(many.aim == VOLLEY_SAME && addr_equal(&many.remote, &to));
	cr_expect_eq(many.rounds, rounds.rounds);
	cr_expect_eq(many.hold_ns, rounds.hold_ns);
}

/* What is sent must have come, and its answer too. */
Test(birthday, holds_a_round_for_more_than_two_round_trips)
{
	const struct addr to = addr_v4(0xcb007101, 4000);

	cr_expect_eq(birthday_rounds(&to, ROUND_TRIP_NS).hold_ns,
		     BIRTHDAY_ROUND_NS + 2 * ROUND_TRIP_NS);
	cr_expect_eq(birthday_rounds(&to, 0).hold_ns, BIRTHDAY_ROUND_NS);
}
