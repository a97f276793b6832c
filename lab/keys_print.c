/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/keys.h"

#include "base/cleanup.h"

#include <inttypes.h>
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
		/* The keys of a file are those of the table that names it. */
		if (row->keys && row->kind != KEY_FILE)
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
	if (key->keys && key->kind != KEY_FILE)
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
	if (keys->part_of) {
		(void)fprintf(out, "Its keys are those of [%s](#%s), from `%s` on.\n",
			      keys->part_of->name, keys->part_of->name, keys->rows[0].name);
		return;
	}
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

bool keys_is_number(const struct key *key)
{
	/* What a set() does is not to be seen in any member. */
	return !key->set &&
	       (key->kind == KEY_BOOL || key->kind == KEY_INTEGER || key->kind == KEY_PORT ||
		key->kind == KEY_PORTS || key->kind == KEY_DURATION || key->kind == KEY_PERCENT ||
		key->kind == KEY_ENUM);
}

static uint64_t number_of(const struct key *key, const void *object)
{
	const void *member = (const char *)object + key->offset;

	if (key->size == 1)
		return *(const uint8_t *)member;
	if (key->size == 2)
		return *(const uint16_t *)member;
	return key->size == 4 ? *(const uint32_t *)member : *(const uint64_t *)member;
}

static const char *word_of(const struct key *key, uint64_t number)
{
	const char *word;

	for (size_t i = 0; (word = keys_word(key, i)); i++)
		if ((key->values ? (uint64_t)key->values[i] : i) == number)
			return word;
	return "?";
}

const char *keys_format(const struct key *key, const void *object, char buf[static KEYS_FORMAT_MAX])
{
	const uint16_t *ports = (const void *)((const char *)object + key->offset);
	uint64_t number = key->kind == KEY_PORTS ? 0 : number_of(key, object);
	char duration[KEYS_DURATION_MAX];

	if (key->kind == KEY_PORTS)
		(void)snprintf(buf, KEYS_FORMAT_MAX, "%u-%u", ports[0], ports[1]);
	else if (key->kind == KEY_DURATION)
		(void)snprintf(
			buf, KEYS_FORMAT_MAX, "%s",
			keys_format_duration(number * (key->unit ? key->unit : 1), duration));
	else if (key->kind == KEY_PERCENT)
		(void)keys_format_percent(number, buf);
	else if (key->kind == KEY_ENUM)
		(void)snprintf(buf, KEYS_FORMAT_MAX, "%s", word_of(key, number));
	else if (key->kind == KEY_BOOL)
		(void)snprintf(buf, KEYS_FORMAT_MAX, "%s", number ? "on" : "off");
	else if (key->word && number == (uint64_t)key->word_value)
		(void)snprintf(buf, KEYS_FORMAT_MAX, "%s", key->word);
	else
		(void)snprintf(buf, KEYS_FORMAT_MAX, "%" PRIu64, number);
	return buf;
}

/** struct telling - a list of keys and values in the making */
struct telling {
	FILE *out;
	size_t n;
	bool marks; /* tell what is marked; else what differs */
};

/* @b: what @a is compared with, or its marks. @prefix: "timeouts.", or empty. */
static void tell(struct telling *telling, const struct keys *keys, const void *a, const void *b,
		 const char *prefix)
{
	for (const struct key *row = keys->rows; row->name; row++) {
		const char *x = (const char *)a + row->offset;
		const char *y = (const char *)b + row->offset;
		char inner[KEYS_NAME_MAX];
		char text[KEYS_FORMAT_MAX];

		if (row->kind == KEY_STRUCT) {
			(void)snprintf(inner, sizeof(inner), "%s.", row->name);
			tell(telling, row->keys, x, y, inner);
		}
		/* A row with two members is told by the rows of each. */
		if (!keys_is_number(row) || row->also ||
		    (telling->marks ? !*y : memcmp(x, y, row->size) == 0))
			continue;
		(void)fprintf(telling->out, "%s%s%s %s", telling->n++ ? ", " : "", prefix,
			      row->name, keys_format(row, a, text));
	}
}

size_t keys_differences(const struct keys *keys, const void *a, const void *b, FILE *out)
{
	struct telling telling = {.out = out};

	tell(&telling, keys, a, b, "");
	return telling.n;
}

void keys_print_marked(const struct keys *keys, const void *object, const void *mask, FILE *out)
{
	struct telling telling = {.out = out, .marks = true};

	tell(&telling, keys, object, mask, "");
}
