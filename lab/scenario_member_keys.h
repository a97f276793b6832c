/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the tables of what a step says of Boxer processes; see lab/keys.h.
 */
#ifndef LAB_SCENARIO_MEMBER_KEYS_H
#define LAB_SCENARIO_MEMBER_KEYS_H

#include "lab/keys.h"

/** The table of struct scenario_member_change. */
extern const struct keys scenario_member_keys;
/** The table of struct scenario_event. */
extern const struct keys scenario_event_keys;
/** The words of enum scenario_member_do, NULL-terminated. */
extern const char *const scenario_member_do_words[];

#endif
