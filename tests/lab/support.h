/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for what the tests of scenarios and plans share. Everything that is
 * returned as a char * is the caller's to free; what can't be done ends the test.
 */
#ifndef TESTS_LAB_SUPPORT_H
#define TESTS_LAB_SUPPORT_H

#include "lab/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/**
 * struct refused - a document that must be refused
 * @title: what is wrong with it
 * @text: the document, called t.yaml
 * @errors: every error, each with a line break behind it
 */
struct refused {
	const char *title;
	const char *text;
	const char *errors;
};

/** Beginnings of documents that are fine as far as they go. */
#define HEAD "name: t\nnodes:\n"
#define NATS "name: t\nnats:\n"
#define SEED "  seed: {role: seed}\n"
#define FN   "  fn: {count: 2, nat: lambda}\n"
#define BASE HEAD SEED FN
#define STEP BASE "steps:\n"

/** expect_refused() - read each of @n documents, and compare all errors. */
void expect_refused(const struct refused *refused, size_t n);
/** errors_of() - every error of a document, each with a line break behind it; "" for none. */
char *errors_of(const char *text, size_t len);
/** scenario_of() - read a document that is fine. */
struct scenario *scenario_of(const char *text);
/** plan_of() - plan it. */
struct plan *plan_of(const struct scenario *scenario);

/** read_text() - a file below the source tree. */
char *read_text(const char *path);
/** printed() - what @print writes. */
char *printed(void (*print)(FILE *out, const void *arg), const void *arg);
/**
 * expect_golden() - a file below the source tree must hold @text
 *
 * With BOXLAB_UPDATE=1 it is written instead: look at what git says then.
 */
void expect_golden(const char *path, const char *text);
/** test_count() - @n, times BOXLAB_COUNT. */
size_t test_count(size_t n);

#endif
