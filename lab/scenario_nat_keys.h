/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the part of the table of keys that says how a NAT behaves, and
 * what a step makes of it.
 */
#ifndef LAB_SCENARIO_NAT_KEYS_H
#define LAB_SCENARIO_NAT_KEYS_H

#include "lab/keys.h"

/** Of a NAT in a scenario; it binds a struct scenario_nat. */
extern const struct keys scenario_nat_keys;
/** Of what is the NAT's own, whatever scenario it is in; it binds the same struct. */
extern const struct keys scenario_declaration_keys;
/** The table of struct scenario_nat_change. */
extern const struct keys scenario_nat_change_keys;

#endif
