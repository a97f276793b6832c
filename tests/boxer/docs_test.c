/* SPDX-License-Identifier: MIT */
/* The bounds and the deadlines that docs/ promises are those of the sources. */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (256 * 1024)
#define CELL_MAX 96

static void read_file(const char *path, char ret_text[static TEXT_MAX])
{
	FILE *file = fopen(path, "re");
	size_t n;

	cr_assert(file, "%s: %m", path);
	n = fread(ret_text, 1, TEXT_MAX - 1, file);
	(void)fclose(file);
	ret_text[n] = '\0';
}

static const struct {
	const char *word;
	double factor;
} units[] = {
	{"s", NS_PER_S},	  {"ms", NS_PER_MS},	  {"KiB", 1024},
	{"MiB", 1024. * 1024},	  {"NS_PER_S", NS_PER_S}, {"NS_PER_MS", NS_PER_MS},
	{"NS_PER_US", NS_PER_US},
};

static double factor_of(const char *unit)
{
	double number;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].word) == 0)
			return units[i].factor;
	return sscanf(unit, "%lf", &number) == 1 ? number : -1;
}

/* "5 s", "256 KiB", "64", "3.5 s, and more". Return: in ns, bytes, ...; -1: nothing of the kind. */
static double promised(const char *cell)
{
	char unit[CELL_MAX];
	double number;

	switch (sscanf(cell, "%lf %95[a-zA-Z]", &number, unit)) {
	case 1:
		return number;
	case 2:
		return number * factor_of(unit);
	default:
		return -1;
	}
}

/* "64", "(5 * 1000000000ULL)", "(256UL * 1024)", "(2 * NS_PER_S)". */
static double defined(const char *body)
{
	char factor[CELL_MAX];
	double number;

	if (*body != '(')
		return sscanf(body, "%lf", &number) == 1 ? number : -1;
	if (sscanf(body, "(%lf%*[UL *]%95[A-Z0-9_])", &number, factor) != 2)
		return -1;
	return number * factor_of(factor);
}

/* What stands behind the name in its #define. */
static const char *find_define(const char *name, const char *source)
{
	static char text[TEXT_MAX];
	char path[512], define[128];

	(void)snprintf(path, sizeof(path), "%s/%s", SOURCE_PATH, source);
	read_file(path, text);
	(void)snprintf(define, sizeof(define), "#define %s", name);
	for (const char *at = text; (at = strstr(at, define)); at++)
		if (strchr(" \t", at[strlen(define)]))
			return at + strlen(define) + strspn(at + strlen(define), " \t");
	cr_assert_fail("%s has no %s", source, name);
	return NULL;
}

/* One without a value is only named. */
static void expect_defined(const char *name, const char *value, const char *source)
{
	const char *body = find_define(name, source);
	double number = promised(value);

	if (!value[strspn(value, " ")])
		return;
	cr_expect_gt(number, 0, "%s: what is %s?", name, value);
	cr_expect_float_eq(number, defined(body), 1e-3, "%s is not %s: %.30s", name, value, body);
}

static bool is_bound(const char *line, char *ret_name, char *ret_value, char *ret_source)
{
	return sscanf(line, "| `%95[A-Z_]` |%95[^|]| `%95[a-z_/.]` |", ret_name, ret_value,
		      ret_source) == 3;
}

static bool is_deadline(const char *line, char *ret_name, char *ret_value, char *ret_source)
{
	return sscanf(line, "| %*[^|]|%95[^|]| `%95[A-Z_]` | `%95[a-z_/.]` |", ret_value, ret_name,
		      ret_source) == 3;
}

static unsigned expect_table(const char *path, bool (*is_row)(const char *, char *, char *, char *))
{
	static char text[TEXT_MAX];
	char name[CELL_MAX], value[CELL_MAX], source[CELL_MAX];
	unsigned n = 0;
	char *save;

	read_file(path, text);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!is_row(line, name, value, source))
			continue;
		expect_defined(name, value, source);
		n++;
	}
	return n;
}

Test(docs, promise_the_bounds_of_the_headers)
{
	unsigned n = expect_table(SOURCE_PATH "/docs/security.md", is_bound);

	cr_expect_gt(n, 30, "%u bounds were found", n);
}

Test(docs, promise_the_deadlines_of_the_sources)
{
	unsigned n = expect_table(SOURCE_PATH "/docs/protocol.md", is_deadline);

	cr_expect_gt(n, 20, "%u deadlines were found", n);
}
