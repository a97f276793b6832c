/* SPDX-License-Identifier: MIT */
/*
 * Interface for birthdays: what each end of a connection sends when the ports of
 * one end are random. That end goes from many ports to the other's one, and the
 * other from its one port to many; which of the two began it does not matter.
 */
#ifndef BOXER_BIRTHDAY_H
#define BOXER_BIRTHDAY_H

#include "boxer/volley.h"

#include <stdbool.h>

#define BIRTHDAY_ROUNDS	  24
#define BIRTHDAY_ROUND_NS (20 * 1000000ULL) /* how long each is held, beside two round trips */

/**
 * birthday_many() - from many of our ports, which are random, to the peer's one
 * @to: the peer's end
 * @refuses: the NAT there answers with resets
 * @round_trip_ns: to the peer; 0: unknown
 *
 * Return: all of the plan but where it comes from and whom it tells.
 */
struct volley_plan birthday_many(const struct addr *to, bool refuses, uint64_t round_trip_ns);
/** birthday_rounds() - the same, from our one port to many of those of the address @to. */
struct volley_plan birthday_rounds(const struct addr *to, uint64_t round_trip_ns);

#endif
