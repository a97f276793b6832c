/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The linker sends every allocation of the code under test here; one of them
 * fails. What is not freed then, the leak sanitizer finds.
 */
#include "support.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

static int left = INT_MAX; /* allocations until the one that fails */

static bool fails(void)
{
	if (left == INT_MAX)
		return false;
	if (left-- != 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
	return fails() ? NULL : __real_strndup(text, len);
}

/* Return: 0, or the first -errno. */
static int read_and_plan(const char *text)
{
	struct scenario *scenario = NULL;
	struct scenario_errors errors;
	struct plan *plan = NULL;
	int r;

	r = scenario_read(text, strlen(text), "t.yaml", &scenario, &errors);
	if (r == 0)
		r = plan_make(scenario, &plan, NULL);
	plan_free(plan);
	scenario_free(scenario);
	scenario_errors_free(&errors);
	return r;
}

/* Let the first allocation fail, then the second, until none is left to fail. */
static void starve(const char *text, int expected)
{
	int n;
	int r;

	for (n = 0; n < 100000; n++) {
		left = n;
		r = read_and_plan(text);
		if (left >= 0)
			break;
		left = INT_MAX;
		cr_assert(r == -ENOMEM || r == -EINVAL, "allocation %d: %d", n, r);
		cr_assert(expected == -EINVAL || r == -ENOMEM, "allocation %d: %d", n, r);
	}
	left = INT_MAX;
	cr_expect_eq(r, expected);
	cr_expect_gt(n, 20);
}

Test(memory, may_run_out_anywhere_in_a_good_document)
{
	cleanup_free char *text = read_text("scenarios/quickstart.yaml");

	starve(text, 0);
}

Test(memory, may_run_out_anywhere_in_a_document_with_errors)
{
	starve(NATS "  home: {preset: lamda, forwards: [{port: 80, to: zz}]}\n"
		    "nodes:\n" SEED "  seed: {}\n  fn: {count: 2, behind: home, run: 'a | b'}\n"
		    "steps:\n  - {name: a, serve: {node: fm0, command: [x, y], prot: 0}}\n",
	       -EINVAL);
}
