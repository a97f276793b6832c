/* SPDX-License-Identifier: MIT */
/* Errors with words: what they say, and that they stay within their bounds. */
#include "base/error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* An error with something behind it that nobody may touch. */
struct guarded {
	struct error err;
	char guard[32];
};

static void guard(struct guarded *g)
{
	(void)memset(g, 0xa5, sizeof(*g));
}

static void assert_bounded(const struct guarded *g)
{
	for (size_t i = 0; i < sizeof(g->guard); i++)
		cr_assert_eq((unsigned char)g->guard[i], 0xa5, "written behind the end");
	cr_assert(memchr(g->err.text, '\0', sizeof(g->err.text)), "no end");
}

static void fill(char *text, size_t len)
{
	(void)memset(text, 'x', len);
	text[len] = '\0';
}

Test(error, says_what_it_was_given_and_returns_the_code)
{
	struct error err = {0};

	cr_expect_eq(error_set(&err, ENOENT, "line %d of %s", 7, "x.yaml"), -ENOENT);
	cr_expect_eq(err.code, ENOENT);
	cr_expect_str_eq(err.text, "line 7 of x.yaml");
}

Test(error, says_what_the_system_calls_it)
{
	struct error err = {0};
	char expected[128];

	(void)snprintf(expected, sizeof(expected), "open %s: %s", "key", strerror(EACCES));
	cr_expect_eq(error_sys(&err, EACCES, "open %s", "key"), -EACCES);
	cr_expect_eq(err.code, EACCES);
	cr_expect_str_eq(err.text, expected);
}

Test(error, is_wrapped_outwards_and_keeps_its_code)
{
	struct error err = {0};

	(void)error_set(&err, EPERM, "refused");
	cr_expect_eq(error_wrap(&err, "fn%d", 0), -EPERM);
	cr_expect_eq(error_wrap(&err, "cannot apply"), -EPERM);
	cr_expect_eq(err.code, EPERM);
	cr_expect_str_eq(err.text, "cannot apply: fn0: refused");
}

Test(error, may_be_wrapped_in_its_own_words)
{
	struct error err = {0};

	(void)error_set(&err, EPERM, "refused");
	(void)error_wrap(&err, "%s", err.text);
	cr_expect_str_eq(err.text, "refused: refused");
}

Test(error, is_only_a_code_without_a_place_for_words)
{
	cr_expect_eq(error_set(NULL, ENOENT, "%s", "x"), -ENOENT);
	cr_expect_eq(error_sys(NULL, ENOENT, "%s", "x"), -ENOENT);
	cr_expect_eq(error_wrap(NULL, "%s", "x"), -EIO);
}

/* Around the size of the text, where an off-by-one would show. */
Test(error, cuts_words_that_are_too_long)
{
	char text[2 * ERROR_TEXT_MAX];
	struct guarded g;

	for (size_t len = ERROR_TEXT_MAX - 40; len < ERROR_TEXT_MAX + 40; len++) {
		size_t kept = len < ERROR_TEXT_MAX ? len : ERROR_TEXT_MAX - 1;

		fill(text, len);
		guard(&g);
		cr_assert_eq(error_set(&g.err, EIO, "%s", text), -EIO);
		assert_bounded(&g);
		cr_assert_eq(strlen(g.err.text), kept);

		guard(&g);
		cr_assert_eq(error_sys(&g.err, EIO, "%s", text), -EIO);
		assert_bounded(&g);
		cr_assert_eq(strncmp(g.err.text, text, kept), 0);
	}
}

Test(error, cuts_the_innermost_words_when_wrapped_too_often)
{
	char context[ERROR_TEXT_MAX];
	struct guarded g;

	for (size_t len = 0; len < ERROR_TEXT_MAX; len += 31) {
		guard(&g);
		(void)error_set(&g.err, EIO, "%s", "the innermost words");
		fill(context, len);
		for (int i = 0; i < 40; i++)
			cr_assert_eq(error_wrap(&g.err, "%d%s", i, context), -EIO);
		assert_bounded(&g);
		cr_assert_eq(strncmp(g.err.text, "39", 2), 0, "the outermost words come first");
	}
}
