/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the tables of what a scenario says of links; see lab/keys.h.
 */
#ifndef LAB_SCENARIO_LINK_KEYS_H
#define LAB_SCENARIO_LINK_KEYS_H

#include "lab/keys.h"

/** The table of struct scenario_link. */
extern const struct keys scenario_link_keys;
/** The table of one direction, struct fate_spec. */
extern const struct keys scenario_direction_keys;
/** The table of struct scenario_wire_change. */
extern const struct keys scenario_wire_keys;

#endif
