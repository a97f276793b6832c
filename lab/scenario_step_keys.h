/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the table of what a scenario says of a step; see lab/keys.h.
 */
#ifndef LAB_SCENARIO_STEP_KEYS_H
#define LAB_SCENARIO_STEP_KEYS_H

#include "lab/keys.h"

/** The table of struct scenario_step. */
extern const struct keys scenario_step_keys;
/** The words of enums that a step has, NULL-terminated, indexed by value. */
extern const char *const scenario_path_words[];
extern const char *const scenario_exit_words[];

#endif
