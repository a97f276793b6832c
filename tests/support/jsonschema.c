/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/jsonschema.h"

#include "base/cleanup.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 64
#define DEFS	  "#/$defs/"

/**
 * struct check - one document against one schema
 * @root: the whole schema, for references
 * @place: the way to the value under check: "/steps/0/name"
 */
struct check {
	const json_t *root;
	char place[512];
	unsigned depth;
	struct error *err;
};

static int check_value(struct check *c, const json_t *schema, const json_t *value);

static int __attribute__((format(printf, 2, 3))) refuse(struct check *c, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return error_set(c->err, EINVAL, "%s: %s", *c->place ? c->place : "the document", what);
}

/* Check @value, a part of the present one, by the name of that part. */
static int check_part(struct check *c, const json_t *schema, const json_t *value, const char *name)
{
	size_t len = strlen(c->place);
	int r;

	(void)snprintf(c->place + len, sizeof(c->place) - len, "/%s", name);
	r = check_value(c, schema, value);
	c->place[len] = '\0';
	return r;
}

static bool has_type(const json_t *value, const char *type)
{
	static const struct {
		const char *name;
		unsigned types;
	} names[] = {
		{"object", 1u << JSON_OBJECT},
		{"array", 1u << JSON_ARRAY},
		{"string", 1u << JSON_STRING},
		{"integer", 1u << JSON_INTEGER},
		{"number", 1u << JSON_INTEGER | 1u << JSON_REAL},
		{"boolean", 1u << JSON_TRUE | 1u << JSON_FALSE},
		{"null", 1u << JSON_NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i].name, type) == 0)
			return names[i].types >> json_typeof(value) & 1;
	return false;
}

static int check_type(struct check *c, const json_t *schema, const json_t *rule,
		      const json_t *value)
{
	(void)schema;
	if (json_is_string(rule) && has_type(value, json_string_value(rule)))
		return 0;
	for (size_t i = 0; i < json_array_size(rule); i++)
		if (has_type(value, json_string_value(json_array_get(rule, i))))
			return 0;
	return refuse(c, "has the wrong type");
}

static int check_const(struct check *c, const json_t *schema, const json_t *rule,
		       const json_t *value)
{
	(void)schema;
	return json_equal(rule, value) ? 0 : refuse(c, "is not what it must always be");
}

static int check_enum(struct check *c, const json_t *schema, const json_t *rule,
		      const json_t *value)
{
	(void)schema;
	for (size_t i = 0; i < json_array_size(rule); i++)
		if (json_equal(json_array_get(rule, i), value))
			return 0;
	return refuse(c, "is none of the words that are allowed");
}

static int check_minimum(struct check *c, const json_t *schema, const json_t *rule,
			 const json_t *value)
{
	(void)schema;
	if (!json_is_number(value) || json_number_value(value) >= json_number_value(rule))
		return 0;
	return refuse(c, "is too small");
}

static int check_required(struct check *c, const json_t *schema, const json_t *rule,
			  const json_t *value)
{
	(void)schema;
	for (size_t i = 0; json_is_object(value) && i < json_array_size(rule); i++) {
		const char *name = json_string_value(json_array_get(rule, i));

		if (!json_object_get(value, name))
			return refuse(c, "lacks \"%s\"", name);
	}
	return 0;
}

static int check_properties(struct check *c, const json_t *schema, const json_t *rule,
			    const json_t *value)
{
	const char *name;
	json_t *part;
	int r = 0;

	(void)schema;
	json_object_foreach((json_t *)(uintptr_t)rule, name, part)
	{
		const json_t *member = json_object_get(value, name);

		if (member)
			r = check_part(c, part, member, name);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_additional(struct check *c, const json_t *schema, const json_t *rule,
			    const json_t *value)
{
	const json_t *known = json_object_get(schema, "properties");
	const char *name;
	json_t *member;
	int r;

	json_object_foreach((json_t *)(uintptr_t)value, name, member)
	{
		if (json_object_get(known, name))
			continue;
		if (json_is_false(rule))
			return refuse(c, "may not have \"%s\"", name);
		r = check_part(c, rule, member, name);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_items(struct check *c, const json_t *schema, const json_t *rule,
		       const json_t *value)
{
	int r = 0;

	(void)schema;
	for (size_t i = 0; r == 0 && i < json_array_size(value); i++) {
		char index[24];

		(void)snprintf(index, sizeof(index), "%zu", i);
		r = check_part(c, rule, json_array_get(value, i), index);
	}
	return r;
}

static int check_ref(struct check *c, const json_t *schema, const json_t *rule, const json_t *value)
{
	const char *ref = json_string_value(rule);
	const json_t *target = NULL;

	(void)schema;
	if (ref && strncmp(ref, DEFS, strlen(DEFS)) == 0)
		target = json_object_get(json_object_get(c->root, "$defs"), ref + strlen(DEFS));
	return target ? check_value(c, target, value) : refuse(c, "the schema refers to nothing");
}

static int pass(struct check *c, const json_t *schema, const json_t *rule, const json_t *value)
{
	(void)c;
	(void)schema;
	(void)rule;
	(void)value;
	return 0;
}

static const struct {
	const char *name;
	int (*check)(struct check *c, const json_t *schema, const json_t *rule,
		     const json_t *value);
} keywords[] = {
	{"type", check_type},
	{"const", check_const},
	{"enum", check_enum},
	{"minimum", check_minimum},
	{"required", check_required},
	{"properties", check_properties},
	{"additionalProperties", check_additional},
	{"items", check_items},
	{"$ref", check_ref},
	{"$schema", pass},
	{"$defs", pass},
	{"title", pass},
	{"description", pass},
};

static int check_value(struct check *c, const json_t *schema, const json_t *value)
{
	const char *name;
	json_t *rule;
	int r = 0;

	if (c->depth == DEPTH_MAX)
		return refuse(c, "is nested too deeply");
	c->depth++;
	json_object_foreach((json_t *)(uintptr_t)schema, name, rule)
	{
		size_t i = 0;

		while (i < ARRAY_SIZE(keywords) && strcmp(keywords[i].name, name) != 0)
			i++;
		r = i < ARRAY_SIZE(keywords)
			    ? keywords[i].check(c, schema, rule, value)
			    : refuse(c, "the schema says \"%s\", which is not checked here", name);
		if (r < 0)
			break;
	}
	c->depth--;
	return r;
}

int jsonschema_check(const json_t *schema, const json_t *document, struct error *err)
{
	struct check c = {.root = schema, .err = err};

	return check_value(&c, schema, document);
}
