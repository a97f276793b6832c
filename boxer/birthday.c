/* SPDX-License-Identifier: MIT */
#include "boxer/birthday.h"

static uint64_t round_ns(uint64_t round_trip_ns)
{
	return BIRTHDAY_ROUND_NS + 2 * round_trip_ns;
}

struct volley_plan birthday_many(const struct addr *to, bool refuses, uint64_t round_trip_ns)
{
	/* Held for as long as the peer's rounds last. */
	struct volley_plan plan = {
		.remote = *to,
		.aim = VOLLEY_SAME,
		.sockets = VOLLEY_SOCKETS_MAX,
		.rounds = 1,
		.hold_ns = BIRTHDAY_ROUNDS * round_ns(round_trip_ns),
	};

	/* Those that are refused would be too few by the second round. */
	if (refuses) {
		plan.rounds = BIRTHDAY_ROUNDS;
		plan.hold_ns = round_ns(round_trip_ns);
	}
	return plan;
}

struct volley_plan birthday_rounds(const struct addr *to, uint64_t round_trip_ns)
{
	return (struct volley_plan){
		.remote = *to,
		.aim = VOLLEY_RANDOM,
		.sockets = VOLLEY_SOCKETS_MAX,
		.rounds = BIRTHDAY_ROUNDS,
		.hold_ns = round_ns(round_trip_ns),
	};
}
