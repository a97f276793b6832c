/* SPDX-License-Identifier: MIT */
/*
 * Interface for the nodes of a cluster: `boxer node`, `boxer run` and `boxer
 * exec` as processes, beside a seed of tests/boxer/cluster.
 */
#ifndef TESTS_BOXER_NODE_H
#define TESTS_BOXER_NODE_H

#include "tests/boxer/cluster.h"

#define NODE_ARGUMENTS_MAX 32

/**
 * node_start() - boxer @verb --seed ... --key-file ... --events ... --name @name
 * @...: further arguments, up to NULL
 */
void node_start(struct child *n, const struct cluster *c, const char *verb, const char *name, ...)
	__attribute__((sentinel));
/** node_exec() - boxer exec @..., up to NULL. */
void node_exec(struct child *n, ...) __attribute__((sentinel));
/** node_id() - wait for its "joined". */
uint32_t node_id(struct child *n);
/** node_stop() - SIGTERM to a `boxer node`, which must end with 0. */
void node_stop(struct child *n);
/** node_check_end() - wait for its end: with that status, and @words on standard error. */
void node_check_end(struct child *n, int status, const char *words);
/** node_check_failed() - it ends with 125, for that reason, in its event and in words. */
void node_check_failed(struct child *n, const char *reason);
/** node_read_file() - a whole file; "" when it is not there. */
const char *node_read_file(const char *path);

#endif
