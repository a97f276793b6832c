/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for expectations: what a step's programs said and did, held against
 * what the scenario wants of them. Pure; every refusal comes with the sentence
 * that a person needs to see why.
 */
#ifndef LAB_EXPECT_H
#define LAB_EXPECT_H

#include "base/error.h"
#include "lab/scenario.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define EXPECT_STATUS_MAX 64

/* The code of an error that says: what the scenario expects is not so. It is an
 * errno that no system call of the lab gives, so that it can't be mistaken for a
 * failure of the lab itself. */
#define EXPECT_UNMET EBADE

/**
 * struct expect_end - how a program ended
 * @exec_error: positive errno when it could not be executed, else 0
 * @status: as from waitpid()
 * @by_boxer: it was started by `boxer exec`, which has exit codes of its own
 */
struct expect_end {
	int exec_error;
	int status;
	bool by_boxer;
};

/**
 * expect_code() - the exit code a shell would show
 *
 * Return: 0 to 255; 128 + n for signal n; 126 or 127 when it could not be executed.
 */
int expect_code(const struct expect_end *end);
/** expect_describe() - "ended with exit code 1", "was killed by signal 9 (Killed)". */
const char *expect_describe(const struct expect_end *end, char buf[static EXPECT_STATUS_MAX]);
/**
 * expect_exit() - did a program end as it should?
 *
 * A program that could not be executed, or crashed, is no proof of a failure
 * that a scenario wants to see: EXIT_NONZERO is met by an exit code of the
 * program's own alone.
 *
 * Return: 0, or -EXPECT_UNMET with words.
 */
int expect_exit(enum scenario_exit want, const struct expect_end *end, struct error *err);
/**
 * expect_dropped() - has the NAT refused somebody?
 * @nat: its name
 * @before, @after: its counter of packets without a mapping
 * @listening: the server was seen listening before the attempt; without that
 *	the attempt had to fail anyway and proves nothing
 *
 * Return: 0, or -EXPECT_UNMET with words.
 */
int expect_dropped(const char *nat, uint64_t before, uint64_t after, bool listening,
		   struct error *err);

/**
 * expect_pointer() - find a value in a JSON document
 * @pointer: RFC 6901: "" is the whole document, "/a/0/b" goes down
 *
 * Return: 0 with a borrowed reference; -ENOENT or -EINVAL with words that say
 * how far the way led and what is there.
 */
int expect_pointer(const json_t *doc, const char *pointer, const json_t **ret_value,
		   struct error *err);
/** expect_number() - as expect_pointer(), for a number; -EINVAL when it is something else. */
int expect_number(const json_t *doc, const char *pointer, double *ret_value, struct error *err);
/**
 * expect_document() - read the JSON document in a program's output
 *
 * Return: 0 with a new reference, or -EINVAL with words.
 */
int expect_document(const char *text, size_t len, json_t **ret_doc, struct error *err);

#endif
