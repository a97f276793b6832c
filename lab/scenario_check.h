/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the checks of a scenario that no single key can make: what is
 * named exists, what excludes each other is not given together, what is
 * expected can be measured.
 */
#ifndef LAB_SCENARIO_CHECK_H
#define LAB_SCENARIO_CHECK_H

#include "lab/keys.h"

/**
 * scenario_check() - complain about all that does not fit together
 * @scenario: bound, perhaps with complaints: a member that could not be
 *	      understood holds its default
 * @places: of its members
 *
 * Return: 0, also when there were complaints, or -ENOMEM.
 */
int scenario_check(const struct scenario *scenario, const struct keys_places *places,
		   struct source *source);

/** scenario_nat_blame() - where is what nat_check() refuses in @nat? Its own place when unknown. */
struct where scenario_nat_blame(const struct scenario_nat *nat, const struct keys_places *places);

#endif
