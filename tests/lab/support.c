/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "support.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

char *errors_of(const char *text, size_t len)
{
	struct scenario *scenario = NULL;
	struct scenario_errors errors;
	char *all = NULL;
	size_t all_len;
	FILE *out = open_memstream(&all, &all_len);

	cr_assert(out);
	if (scenario_read(text, len, "t.yaml", &scenario, &errors) == 0)
		cr_assert(scenario && errors.n == 0 && errors.more == 0);
	else
		cr_assert(!scenario && errors.n > 0);
	for (size_t i = 0; i < errors.n; i++)
		(void)fprintf(out, "%s\n", errors.text[i]);
	if (errors.more)
		(void)fprintf(out, "and %zu more\n", errors.more);
	cr_assert_eq(fclose(out), 0);
	scenario_free(scenario);
	scenario_errors_free(&errors);
	return all;
}

void expect_refused(const struct refused *refused, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_free char *errors = errors_of(refused[i].text, strlen(refused[i].text));

		cr_expect_str_eq(errors, refused[i].errors, "%s:\n%s\nnot:\n%s", refused[i].title,
				 errors, refused[i].errors);
	}
}

struct scenario *scenario_of(const char *text)
{
	struct scenario *scenario = NULL;
	struct scenario_errors errors;
	int r = scenario_read(text, strlen(text), "t.yaml", &scenario, &errors);

	cr_assert_eq(r, 0, "%s", errors.n ? errors.text[0] : strerror(-r));
	scenario_errors_free(&errors);
	return scenario;
}

struct plan *plan_of(const struct scenario *scenario)
{
	struct plan *plan = NULL;
	struct error err = {0};

	cr_assert_eq(plan_make(scenario, &plan, &err), 0, "%s", err.text);
	return plan;
}

static char *source_path(const char *path)
{
	char *full;

	cr_assert_geq(asprintf(&full, SOURCE_DIR "/%s", path), 0);
	return full;
}

char *read_text(const char *path)
{
	cleanup_free char *full = source_path(path);
	char *text = NULL;
	size_t len;
	FILE *in = fopen(full, "r");
	FILE *out = open_memstream(&text, &len);
	int c;

	cr_assert(in && out, "%s", full);
	while ((c = fgetc(in)) != EOF)
		(void)fputc(c, out);
	cr_assert_eq(fclose(out), 0);
	(void)fclose(in);
	return text;
}

char *printed(void (*print)(FILE *out, const void *arg), const void *arg)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	cr_assert(out);
	print(out, arg);
	cr_assert_eq(fclose(out), 0);
	return text;
}

/* Where the first difference is, for people. */
static void expect_same(const char *path, const char *text, const char *golden)
{
	unsigned line = 1;
	size_t i = 0;

	for (; text[i] && text[i] == golden[i]; i++)
		line += text[i] == '\n';
	cr_expect(text[i] == golden[i],
		  "%s differs in line %u:\nhas  %.60s\nnot  %.60s\n(BOXLAB_UPDATE=1 rewrites it)",
		  path, line, golden + i, text + i);
}

void expect_golden(const char *path, const char *text)
{
	if (getenv("BOXLAB_UPDATE")) {
		cleanup_free char *full = source_path(path);
		FILE *out = fopen(full, "w");

		cr_assert(out, "%s", full);
		(void)fputs(text, out);
		cr_assert_eq(fclose(out), 0);
	} else {
		cleanup_free char *golden = read_text(path);

		expect_same(path, text, golden);
	}
}

size_t test_count(size_t n)
{
	const char *times = getenv("BOXLAB_COUNT");
	size_t factor = times ? strtoul(times, NULL, 10) : 1;

	return n * (factor ? factor : 1);
}
