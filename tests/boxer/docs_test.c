/* SPDX-License-Identifier: MIT */
/* The bounds that docs/security.md promises are those of the headers. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (256 * 1024)
#define CELL_MAX 64

static void read_file(const char *path, char ret_text[static TEXT_MAX])
{
	FILE *file = fopen(path, "re");
	size_t n;

	cr_assert(file, "%s: %m", path);
	n = fread(ret_text, 1, TEXT_MAX - 1, file);
	(void)fclose(file);
	ret_text[n] = '\0';
}

/* What a header writes for "5 s", "200 ms", "256 KiB", "64". */
static void in_c(const char *value, char ret[static CELL_MAX])
{
	unsigned long n;
	char unit[8] = "";

	if (sscanf(value, "%lu %7s", &n, unit) < 1)
		(void)snprintf(ret, CELL_MAX, "%s", "");
	else if (strcmp(unit, "s") == 0)
		(void)snprintf(ret, CELL_MAX, "(%lu * 1000000000ULL)", n);
	else if (strcmp(unit, "ms") == 0)
		(void)snprintf(ret, CELL_MAX, "(%lu * 1000000ULL)", n);
	else if (strcmp(unit, "KiB") == 0)
		(void)snprintf(ret, CELL_MAX, "(%luUL * 1024)", n);
	else if (strcmp(unit, "MiB") == 0)
		(void)snprintf(ret, CELL_MAX, "(%luUL * 1024)", 1024 * n);
	else
		(void)snprintf(ret, CELL_MAX, "%lu", n);
}

static void assert_defined(const char *name, const char *value, const char *header)
{
	static char text[TEXT_MAX];
	char path[512], define[96], expected[CELL_MAX];
	const char *at;

	(void)snprintf(path, sizeof(path), "%s/%s", SOURCE_PATH, header);
	read_file(path, text);
	(void)snprintf(define, sizeof(define), "#define %s", name);
	at = strstr(text, define);
	cr_assert(at, "%s has no %s", header, name);
	at += strlen(define);
	cr_assert(*at == ' ' || *at == '\t', "%s has no %s", header, name);
	at += strspn(at, " \t");
	in_c(value, expected);
	cr_expect_eq(strncmp(at, expected, strlen(expected)), 0, "%s is not %s: %.30s", name, value,
		     at);
	at += strlen(expected);
	cr_expect(!*expected || !strchr("0123456789", *at), "%s is not %s", name, value);
}

Test(security_doc, names_bounds_that_are_those_of_the_headers)
{
	static char text[TEXT_MAX];
	char *line, *save;
	unsigned n = 0;

	read_file(SOURCE_PATH "/docs/security.md", text);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char name[CELL_MAX], value[CELL_MAX] = "", header[CELL_MAX];

		if (sscanf(line, "| `%63[A-Z_]` | %63[^|]| `%63[a-z/.]` |", name, value, header) !=
			    3 &&
		    sscanf(line, "| `%63[A-Z_]` | | `%63[a-z/.]` |", name, header) != 2)
			continue;
		assert_defined(name, value, header);
		n++;
	}
	cr_expect_gt(n, 20, "%u bounds were found", n);
}
