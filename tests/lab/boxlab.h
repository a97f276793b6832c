/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for tests of the whole program: a scenario is written into a new
 * directory, build/bin/boxlab is run on it, and what it leaves is read. Every
 * results.json that comes of it is held against docs/results.schema.json.
 */
#ifndef TESTS_LAB_BOXLAB_H
#define TESTS_LAB_BOXLAB_H

#include "tests/lab/helper.h"

#include <jansson.h>
#include <sys/types.h>

/**
 * struct boxlab - one use of boxlab
 * @dir: its own directory, with scenario.yaml and, later, out/
 * @ended: exit code, stdout and stderr
 * @results: out/results.json, or NULL when there is none
 */
struct boxlab {
	char dir[64];
	struct outcome ended;
	json_t *results;
};

/** boxlab_open() - a new directory with that scenario. */
void boxlab_open(struct boxlab *b, const char *scenario);
/** boxlab_close() - the directory is removed. */
void boxlab_close(struct boxlab *b);
/** boxlab_path() - a name in the directory; one at a time. */
const char *boxlab_path(const struct boxlab *b, const char *name);

/** boxlab_run() - `boxlab run scenario.yaml --out out`, and read the results. */
void boxlab_run(struct boxlab *b);
/** boxlab_try() - boxlab_open() and boxlab_run() */
void boxlab_try(struct boxlab *b, const char *scenario);
/** boxlab_load() - read the results, if there are any. */
void boxlab_load(struct boxlab *b);
/** boxlab_start() - as boxlab_run(), but do not wait; what it prints is read from @ret_out. */
pid_t boxlab_start(struct boxlab *b, int *ret_out);

/** boxlab_step() - the entry of a step, which must be there. */
const json_t *boxlab_step(const struct boxlab *b, const char *name);
/** boxlab_text() - a string member, "" when it is null or missing. */
const char *boxlab_text(const json_t *object, const char *key);
/**
 * boxlab_expect_step() - a step's status and reason
 * @reason: must be found in its reason; NULL: it has none
 */
void boxlab_expect_step(const struct boxlab *b, const char *name, const char *status,
			const char *reason);
/** boxlab_expect() - the exit code and the verdict of the whole run. */
void boxlab_expect(const struct boxlab *b, int code, const char *verdict);

#endif
