/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the one table of keys: all that a scenario may say. Everything
 * that knows keys - the binder, the reference, the schema, the release of
 * memory - goes by it.
 */
#ifndef LAB_SCENARIO_KEYS_H
#define LAB_SCENARIO_KEYS_H

#include "base/clock.h"
#include "lab/keys.h"

#define SCENARIO_NAME_MAX (KEYS_NAME_MAX + 4) /* with the number that a count appends */

/** Rows of a change that a step makes to the network; @type has after_ns. */
#define SCENARIO_AT_ROW(type)                                                                \
	{                                                                                    \
		.name = "at", .kind = KEY_DURATION, .max = 24 * 3600 * (int64_t)NS_PER_S,    \
		.initial = "0ns", .absent = "before any program of the step is started",     \
		KEY_MEMBER(type, after_ns),                                                  \
		.doc = "How long after the programs of `run` were started. Should they end " \
		       "earlier, it does not happen.",                                       \
	}

/** The table of a document's top level; it binds a struct scenario. */
extern const struct keys scenario_keys;

/** The words of enum scenario_role, NULL-terminated, indexed by value. */
extern const char *const scenario_role_words[];

#endif
