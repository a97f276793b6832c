/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the one table of keys: all that a scenario may say. Everything
 * that knows keys - the binder, the reference, the schema, the release of
 * memory - goes by it.
 */
#ifndef LAB_SCENARIO_KEYS_H
#define LAB_SCENARIO_KEYS_H

#include "lab/keys.h"

#define SCENARIO_NAME_MAX (KEYS_NAME_MAX + 4) /* with the number that a count appends */

/** The table of a document's top level; it binds a struct scenario. */
extern const struct keys scenario_keys;

/** The words of a scenario for each enum, NULL-terminated, indexed by value. */
extern const char *const scenario_role_words[];
extern const char *const scenario_path_words[];
extern const char *const scenario_exit_words[];

#endif
