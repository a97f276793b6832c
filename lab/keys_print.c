/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/keys.h"

#include "base/cleanup.h"

#include <string.h>

static size_t add_tables(const struct keys *keys, const struct keys **tables, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (tables[i] == keys)
			return n;
	if (n == KEYS_TABLES_MAX)
		return n;
	tables[n++] = keys;
	for (const struct key *row = keys->rows; row->name; row++)
		if (row->keys)
			n = add_tables(row->keys, tables, n);
	return n;
}

size_t keys_tables(const struct keys *keys, const struct keys *ret_tables[static KEYS_TABLES_MAX])
{
	return add_tables(keys, ret_tables, 0);
}

static void print_type(const struct key *key, FILE *out)
{
	cleanup_free char *expected = NULL;
	const char *word;

	if (key->kind == KEY_ENUM) {
		for (size_t i = 0; (word = keys_word(key, i)); i++)
			(void)fprintf(out, "%s`%s`", i ? ", " : "", word);
		return;
	}
	expected = keys_expected(key);
	(void)fputs(expected ? expected : "", out);
	if (key->keys)
		(void)fprintf(out, ": [%s](#%s)", key->keys->name, key->keys->name);
}

static void print_default(const struct key *key, FILE *out)
{
	if (key->required)
		(void)fputs("**required**", out);
	else if (key->absent)
		(void)fputs(key->absent, out);
	else if (key->initial)
		(void)fprintf(out, "`%s`", key->initial);
	else
		(void)fputs("none", out);
}

static void print_table(const struct keys *keys, FILE *out)
{
	(void)fprintf(out, "### %s\n\n%s\n\n", keys->name, keys->doc);
	(void)fputs("| Key | Value | Default | |\n|---|---|---|---|\n", out);
	for (const struct key *row = keys->rows; row->name; row++) {
		(void)fprintf(out, "| `%s` | ", row->name);
		print_type(row, out);
		(void)fputs(" | ", out);
		print_default(row, out);
		(void)fprintf(out, " | %s |\n", row->doc);
	}
}

void keys_print_reference(const struct keys *keys, FILE *out)
{
	const struct keys *tables[KEYS_TABLES_MAX];
	size_t n = keys_tables(keys, tables);

	for (size_t i = 0; i < n; i++) {
		if (i)
			(void)fputc('\n', out);
		print_table(tables[i], out);
	}
}
