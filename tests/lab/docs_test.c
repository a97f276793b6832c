/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * docs/scenario.md and docs/scenario.schema.json say what the table of keys says, and
 * examples in the documents are those that are tested.
 */
#include "support.h"

#include "base/cleanup.h"
#include "lab/scenario_keys.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void print_reference(FILE *out, const void *arg)
{
	(void)arg;
	scenario_print_reference(out);
}

static void print_schema(FILE *out, const void *arg)
{
	(void)arg;
	scenario_print_schema(out);
}

/* @text with what lies between the lines @begin and @end exchanged. */
static char *exchange(const char *text, const char *begin, const char *end, const char *content)
{
	const char *head = strstr(text, begin);
	const char *tail = head ? strstr(head, end) : NULL;
	char *result;

	cr_assert(head && tail, "no '%s'", begin);
	head += strlen(begin);
	cr_assert_geq(asprintf(&result, "%.*s%s%s", (int)(head - text), text, content, tail), 0);
	return result;
}

Test(docs, the_reference_is_up_to_date)
{
	cleanup_free char *text = read_text("docs/scenario.md");
	cleanup_free char *reference = printed(print_reference, NULL);
	cleanup_free char *quickstart = read_text("scenarios/quickstart.yaml");
	cleanup_free char *with_quickstart = NULL;
	cleanup_free char *with_both = NULL;

	with_quickstart = exchange(text, "<!-- scenarios/quickstart.yaml -->\n```yaml\n", "```\n",
				   quickstart);
	with_both = exchange(with_quickstart, "<!-- generated -->\n", "<!-- end -->\n", reference);
	expect_golden("docs/scenario.md", with_both);
}

Test(docs, the_wires_are_up_to_date)
{
	cleanup_free char *text = read_text("docs/wire.md");
	cleanup_free char *wires = read_text("scenarios/wires.yaml");
	cleanup_free char *with_wires =
		exchange(text, "<!-- scenarios/wires.yaml -->\n```yaml\n", "```\n", wires);

	expect_golden("docs/wire.md", with_wires);
}

Test(docs, the_puncher_is_up_to_date)
{
	cleanup_free char *text = read_text("docs/matrix.md");
	cleanup_free char *puncher = read_text("scenarios/punch/puncher.py");
	cleanup_free char *with_puncher = exchange(
		text, "<!-- scenarios/punch/puncher.py -->\n```python\n", "```\n", puncher);

	expect_golden("docs/matrix.md", with_puncher);
}

Test(docs, the_schema_is_up_to_date)
{
	cleanup_free char *schema = printed(print_schema, NULL);

	expect_golden("docs/scenario.schema.json", schema);
}

Test(docs, the_reference_has_every_key)
{
	cleanup_free char *reference = printed(print_reference, NULL);
	const struct keys *tables[KEYS_TABLES_MAX];
	size_t n = keys_tables(&scenario_keys, tables);
	const char *at = reference;

	for (size_t i = 0; i < n; i++) {
		cleanup_free char *heading = NULL;

		cr_assert_geq(asprintf(&heading, "### %s\n", tables[i]->name), 0);
		at = strstr(at, heading);
		cr_assert(at, "no %s", heading);
		/* Said where they are all listed. */
		for (const struct key *row = tables[i]->rows; row->name && !tables[i]->part_of;
		     row++) {
			cleanup_free char *cell = NULL;

			cr_assert_geq(asprintf(&cell, "\n| `%s` | ", row->name), 0);
			at = strstr(at, cell);
			cr_assert(at, "%s lacks %s", tables[i]->name, row->name);
		}
	}
}

Test(docs, the_schema_has_every_key)
{
	cleanup_free char *text = printed(print_schema, NULL);
	const struct keys *tables[KEYS_TABLES_MAX];
	size_t n = keys_tables(&scenario_keys, tables);
	json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	cr_assert(schema);
	for (size_t i = 0; i < n; i++) {
		json_t *table = schema;
		json_t *properties;
		size_t rows = 0;

		if (i)
			table = json_object_get(json_object_get(schema, "$defs"), tables[i]->name);
		if (tables[i]->shorthand)
			table = json_array_get(json_object_get(table, "anyOf"), 1);
		properties = json_object_get(table, "properties");
		cr_assert(properties, "%s", tables[i]->name);
		for (const struct key *row = tables[i]->rows; row->name; row++, rows++)
			cr_expect(json_object_get(properties, row->name), "%s lacks %s",
				  tables[i]->name, row->name);
		cr_expect_eq(json_object_size(properties), rows);
		cr_expect(json_is_false(json_object_get(table, "additionalProperties")));
	}
	json_decref(schema);
}
