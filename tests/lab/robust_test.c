/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whatever comes in, there are errors or there is a plan. The seed of each
 * document is printed when something is wrong; BOXLAB_COUNT makes more of them.
 */
#include "support.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* xorshift64*, so that a seed means the same document everywhere. */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d;
}

static size_t below(uint64_t *state, size_t n)
{
	return n ? (size_t)(draw(state) >> 16) % n : 0;
}

static void print_both(FILE *out, const void *plan)
{
	plan_print(plan, out);
	cr_assert_eq(plan_print_json(plan, out), 0);
}

/* Return: was it a scenario? */
static bool expect_errors_or_plan(const char *text, size_t len, const char *title)
{
	struct scenario *scenario = NULL;
	struct scenario_errors errors;
	int r = scenario_read(text, len, "t.yaml", &scenario, &errors);

	if (r < 0) {
		cr_assert(!scenario && errors.n > 0, "%s", title);
		for (size_t i = 1; i < errors.n; i++)
			cr_assert(errors.at[i - 1].line < errors.at[i].line ||
					  (errors.at[i - 1].line == errors.at[i].line &&
					   errors.at[i - 1].column <= errors.at[i].column),
				  "%s", title);
		for (size_t i = 0; i < errors.n; i++)
			cr_assert_null(strchr(errors.text[i], '\n'), "%s", title);
	} else {
		struct plan *plan = plan_of(scenario);

		free(printed(print_both, plan));
		plan_free(plan);
	}
	scenario_free(scenario);
	scenario_errors_free(&errors);
	return r == 0;
}

Test(robust, random_bytes)
{
	static const char alphabet[] = "abn:{}[],-#&*!|>'\"%@` \n\n\n\t~\\0";
	char title[32];
	char text[512];

	for (size_t i = 0; i < test_count(500); i++) {
		uint64_t state = i + 1;
		size_t len = below(&state, sizeof(text));

		for (size_t j = 0; j < len; j++)
			text[j] = i % 2 ? alphabet[below(&state, sizeof(alphabet) - 1)]
					: (char)draw(&state);
		(void)snprintf(title, sizeof(title), "seed %zu", i);
		(void)expect_errors_or_plan(text, len, title);
	}
}

/* One change: a byte, a piece gone, a piece moved, a piece of YAML put in. */
static size_t mutate(char *text, size_t len, size_t room, uint64_t *state)
{
	static const char *const pieces[] = {
		"{",	     "}",	 "[",		"]",	      ": ",  "- ",
		"\n",	     "  ",	 "'",		"\"",	      "&a ", "*a",
		"!!x ",	     "|\n",	 "~",		"0",	      "-1",  "99999999999999999999",
		"fn0",	     "seed",	 "count: 4096", "nat: linux", "{}",  "[]",
		"\xff",	     "\xc3",	 "\t",		",",	      "#",   "1h",
		"{port: 1}", "forwards",
	};
	size_t at = below(state, len + 1);
	size_t n = below(state, 12);
	const char *piece = pieces[below(state, ARRAY_SIZE(pieces))];

	switch (below(state, 4)) {
	case 0:
		if (at < len)
			text[at] = (char)draw(state);
		return len;
	case 1:
		n = n < len - at ? n : len - at;
		(void)memmove(text + at, text + at + n, len - at - n);
		return len - n;
	case 2:
		n = n < len - at ? n : len - at;
		if (n)
			(void)memmove(text + below(state, len - n), text + at, n);
		return len;
	default:
		n = strlen(piece);
		if (len + n > room)
			return len;
		(void)memmove(text + at + n, text + at, len - at);
		(void)memcpy(text + at, piece, n);
		return len + n;
	}
}

Test(robust, mutations_of_quickstart)
{
	cleanup_free char *quickstart = read_text("scenarios/quickstart.yaml");
	size_t length = strlen(quickstart);
	char title[32];
	char text[4096];
	size_t good = 0;

	cr_assert_lt(length, sizeof(text));
	for (size_t i = 0; i < test_count(1000); i++) {
		uint64_t state = i + 1;
		size_t len = length;

		(void)memcpy(text, quickstart, len);
		for (size_t j = below(&state, 4) + 1; j; j--)
			len = mutate(text, len, sizeof(text), &state);
		(void)snprintf(title, sizeof(title), "seed %zu", i);
		good += expect_errors_or_plan(text, len, title);
	}
	cr_expect_gt(good, 10, "too wild to get anywhere");
}

/* A megabyte of one thing, after a beginning. */
static const struct {
	const char *title;
	const char *begin;
	const char *again;
} bombs[] = {
	{"brackets", "", "["},
	{"braces", "", "{"},
	{"commas", "[", "a,"},
	{"nothing in a list", "[", ","},
	{"mappings in a list", "[", "a: b,"},
	{"keys in a list", "[", "? a,"},
	{"keys in a mapping", "{", "? a,"},
	{"dashes", "", "- "},
	{"lines", "", "- a\n"},
	{"one key", "", "a:\n"},
	{"colons", "", "a: "},
	{"question marks", "", "? "},
	{"aliases", "", "*a "},
	{"anchors", "", "&a "},
	{"tags", "", "!"},
	{"quotes", "", "'"},
	{"an open quote", "\"", "x"},
	{"escapes", "\"", "\\n"},
	{"blanks", "", " "},
	{"line breaks", "", "\n"},
	{"tabs", "a:\n", "\t"},
	{"comments", "", "#"},
	{"directives", "", "%"},
	{"documents", "", "---\n"},
	{"a block", "a: |\n", " x\n"},
	{"a folded block", "a: >\n", " x\n\n"},
	{"a key", "", "x"},
	{"words", "", "a b "},
	{"bytes of 255", "", "\xff"},
	{"control characters", "", "\x01"},
	{"unknown keys", BASE, "x: y\n"},
	{"steps", STEP, "- {name: a, run: {node: zz, command: x}}\n"},
	{"programs", STEP "- name: a\n  run:\n", "  - {node: fn9, command: x}\n"},
	{"words of a command", STEP "- name: a\n  run: {node: fn0, command: [", "x,"},
	{"forwards", HEAD SEED "  f: {nat: {forwards: [", "{port: 1},"},
};

Test(robust, a_megabyte_of_anything)
{
	cleanup_free char *text = malloc(SCENARIO_SIZE_MAX);

	cr_assert(text);
	for (size_t i = 0; i < ARRAY_SIZE(bombs); i++) {
		size_t n = strlen(bombs[i].again);
		size_t len = strlen(bombs[i].begin);
		uint64_t begin = clock_now();

		(void)memcpy(text, bombs[i].begin, len);
		for (; len + n <= SCENARIO_SIZE_MAX; len += n)
			(void)memcpy(text + len, bombs[i].again, n);
		cr_expect_not(expect_errors_or_plan(text, len, bombs[i].title));
		cr_expect_lt(clock_now() - begin, 20 * NS_PER_S, "%s", bombs[i].title);
	}
}

/* Names of the greatest length, all of them nearly right: the work of advice has a bound. */
Test(robust, thousands_of_names_that_are_nearly_right)
{
	cleanup_free char *text = NULL;
	uint64_t begin = clock_now();
	size_t len;
	FILE *out = open_memstream(&text, &len);

	cr_assert(out);
	(void)fputs(HEAD SEED "  functionfunctionfunctionfunction: {count: 4000}\n"
			      "steps:\n- name: a\n  run:\n",
		    out);
	for (int i = 0; i < 4000; i++)
		(void)fputs("  - {node: gunctiongunctionfunctionfunction99, command: x}\n", out);
	cr_assert_eq(fclose(out), 0);
	cr_expect_not(expect_errors_or_plan(text, len, "names"));
	cr_expect_lt(clock_now() - begin, 20 * NS_PER_S);
}

Test(robust, thousands_of_nats_nodes_and_forwards)
{
	cleanup_free char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	cr_assert(out);
	(void)fputs(NATS, out);
	for (int i = 0; i < 2000; i++)
		(void)fprintf(out, "  n%d: {forwards: [{port: 1}, {port: 2}, {port: 3}]}\n", i);
	(void)fputs("nodes:\n" SEED "  f: {count: 2000, nat: {forwards: [{port: 1}]}}\n", out);
	for (int i = 0; i < 2000; i++)
		(void)fprintf(out, "  m%d: {behind: n%d}\n", i, 1999 - i);
	cr_assert_eq(fclose(out), 0);
	cr_expect(expect_errors_or_plan(text, len, "nats"));
}
