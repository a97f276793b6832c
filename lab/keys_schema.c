/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * Each table becomes a definition below "$defs"; rows refer to those of their
 * own tables. A schema can't say what checks across keys say, so a document that
 * it accepts may still have errors; one that it refuses has some.
 */
#include "lab/keys.h"

#include "base/cleanup.h"

#include <jansson.h>

/* Strings may be written as anything that YAML takes for a scalar. */
static json_t *scalar(void)
{
	return json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
}

static json_t *text(const struct key *key)
{
	json_t *schema = scalar();

	if (key->min)
		(void)json_object_set_new(schema, "minLength", json_integer(key->min));
	(void)json_object_set_new(schema, "maxLength", json_integer(key->max));
	return schema;
}

static json_t *name(size_t max)
{
	char pattern[64];

	keys_name_pattern(max, pattern, sizeof(pattern));
	return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern);
}

static json_t *words(const struct key *key)
{
	json_t *list = json_array();
	const char *word;

	for (size_t i = 0; (word = keys_word(key, i)); i++)
		(void)json_array_append_new(list, json_string(word));
	return json_pack("{s:o}", "enum", list);
}

static json_t *integer(const struct key *key)
{
	json_t *number = json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
				   (json_int_t)key->min, "maximum", (json_int_t)key->max);

	if (!key->word)
		return number;
	return json_pack("{s:[o, {s:s}]}", "anyOf", number, "const", key->word);
}

static json_t *reference(const struct keys *keys)
{
	return json_pack("{s:s+}", "$ref", "#/$defs/", keys->name);
}

static json_t *list(const struct key *key)
{
	return json_pack("{s:s, s:o, s:I, s:I}", "type", "array", "items", reference(key->keys),
			 "minItems", (json_int_t)key->min, "maxItems", (json_int_t)key->max);
}

static json_t *names(const struct key *key)
{
	return json_pack("{s:[o, {s:s, s:o, s:i, s:I}]}", "anyOf", name(KEYS_NAME_MAX), "type",
			 "array", "items", name(KEYS_NAME_MAX), "minItems", 1, "maxItems",
			 (json_int_t)key->max);
}

static json_t *map(const struct key *key)
{
	const struct key label = {.kind = KEY_LINE, .min = 1, .max = KEYS_LABEL_MAX};
	json_t *labels = name(KEYS_NAME_MAX);

	if (key->words || key->line_labels) {
		json_decref(labels);
		labels = key->words ? words(key) : text(&label);
	}
	return json_pack("{s:s, s:o, s:o, s:I, s:I}", "type", "object", "propertyNames", labels,
			 "additionalProperties", reference(key->keys), "minProperties",
			 (json_int_t)key->min, "maxProperties", (json_int_t)key->max);
}

static json_t *command(void)
{
	return json_pack("{s:[o, {s:s, s:o, s:i, s:i}]}", "anyOf", scalar(), "type", "array",
			 "items", scalar(), "minItems", 1, "maxItems", KEYS_WORDS_MAX);
}

static json_t *schema_of(const struct key *key)
{
	switch (key->kind) {
	case KEY_LINE:
	case KEY_TEXT:
		return text(key);
	case KEY_NAME:
		return name((size_t)key->max);
	case KEY_POINTER:
		return json_pack("{s:s, s:s, s:I}", "type", "string", "pattern", "^/([^~]|~[01])*$",
				 "maxLength", (json_int_t)key->max);
	case KEY_COMMAND:
		return command();
	case KEY_BOOL:
		return json_pack("{s:[b,b,s,s,s,s]}", "enum", true, false, "on", "off", "yes",
				 "no");
	case KEY_INTEGER:
		return integer(key);
	case KEY_PORT:
		return json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 1, "maximum",
				 UINT16_MAX);
	case KEY_DURATION:
		return json_pack("{s:s, s:s}", "type", "string", "pattern",
				 "^[0-9]+(\\.[0-9]+)?(ns|us|ms|s|min|h)$");
	case KEY_PERCENT:
		return json_pack("{s:s, s:s}", "type", "string", "pattern",
				 "^[0-9]+(\\.[0-9]+)?%$");
	case KEY_PORTS:
		return json_pack("{s:[{s:s, s:s}, {s:s, s:i, s:i}]}", "anyOf", "type", "string",
				 "pattern", "^[1-9][0-9]*(-[1-9][0-9]*)?$", "type", "integer",
				 "minimum", 1, "maximum", UINT16_MAX);
	case KEY_ENUM:
		return words(key);
	case KEY_NAMES:
		return names(key);
	case KEY_FILE:
		return text(key);
	case KEY_STRUCT:
	case KEY_OWN:
		return reference(key->keys);
	case KEY_LIST:
		return list(key);
	case KEY_ONE_OR_LIST:
		return json_pack("{s:[o, o]}", "anyOf", reference(key->keys), list(key));
	case KEY_MAP:
		return map(key);
	}
	return json_object();
}

static json_t *initial(const struct key *key)
{
	int64_t number;
	bool on;

	if (key->kind == KEY_BOOL && keys_scalar(key, key->initial, true, &on, NULL) == 0)
		return json_boolean(on);
	if (key->kind == KEY_INTEGER && !key->word) {
		struct key wide = *key;

		wide.size = sizeof(number);
		if (keys_scalar(&wide, key->initial, true, &number, NULL) == 0)
			return json_integer(number);
	}
	return json_string(key->initial);
}

static json_t *property(const struct key *key)
{
	json_t *schema = schema_of(key);

	(void)json_object_set_new(schema, "description", json_string(key->doc));
	if (key->initial && !key->absent)
		(void)json_object_set_new(schema, "default", initial(key));
	return schema;
}

/* The mapping itself, and the shorthand in its place. */
static json_t *definition(const struct keys *keys)
{
	json_t *properties = json_object();
	json_t *required = json_array();
	json_t *shorthand = NULL;
	json_t *schema;

	for (const struct key *row = keys->rows; row->name; row++) {
		(void)json_object_set_new(properties, row->name, property(row));
		if (row->required)
			(void)json_array_append_new(required, json_string(row->name));
		if (keys->shorthand && row == keys_row(keys, keys->shorthand))
			shorthand = schema_of(row);
	}
	schema = json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties,
			   "required", required, "additionalProperties", false);
	if (!shorthand)
		(void)json_object_set_new(schema, "description", json_string(keys->doc));
	else
		schema = json_pack("{s:s, s:[o, o]}", "description", keys->doc, "anyOf", shorthand,
				   schema);
	return schema;
}

void keys_print_schema(const struct keys *keys, const char *title, FILE *out)
{
	const struct keys *tables[KEYS_TABLES_MAX];
	size_t n = keys_tables(keys, tables);
	json_t *schema = json_pack("{s:s, s:s}", "$schema",
				   "https://json-schema.org/draft/2020-12/schema", "title", title);
	json_t *root = definition(keys);
	json_t *definitions = json_object();

	(void)json_object_update(schema, root);
	json_decref(root);
	for (size_t i = 1; i < n; i++)
		(void)json_object_set_new(definitions, tables[i]->name, definition(tables[i]));
	(void)json_object_set_new(schema, "$defs", definitions);
	(void)json_dumpf(schema, out, JSON_INDENT(2));
	(void)fputc('\n', out);
	json_decref(schema);
}
