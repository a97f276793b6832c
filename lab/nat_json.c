/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/nat_json.h"

#include "base/cleanup.h"
#include "lab/keys_places.h"
#include "lab/scenario_nat_keys.h"
#include "lab/yaml.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* JSON has numbers and switches of its own; all else is said in words. */
static json_t *value(const struct key *key, const void *object)
{
	char text[KEYS_FORMAT_MAX];
	const char *word = keys_format(key, object, text);

	if (key->kind == KEY_BOOL)
		return json_boolean(strcmp(word, "on") == 0);
	if (key->kind == KEY_INTEGER && !(key->word && strcmp(word, key->word) == 0))
		return json_integer(strtoll(word, NULL, 10));
	return json_string(word);
}

/* @known: NULL: all is. Rows with two members are told by the rows of each. */
static json_t *table(const struct keys *keys, const void *object, const void *known)
{
	json_t *map = json_object();

	for (const struct key *row = keys->rows; row->name; row++) {
		const char *member = (const char *)object + row->offset;
		const char *mask = known ? (const char *)known + row->offset : NULL;
		json_t *part;

		if (row->kind == KEY_STRUCT) {
			part = table(row->keys, member, mask);
			if (json_object_size(part) || !known)
				(void)json_object_set_new(map, row->name, part);
			else
				json_decref(part);
		} else if (keys_is_number(row) && !row->also && (!mask || *mask)) {
			(void)json_object_set_new(map, row->name, value(row, object));
		}
	}
	return map;
}

static json_t *forwards(const struct nat *nat)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < nat->n_forwards; i++) {
		const struct nat_forward *f = &nat->forwards[i];

		(void)json_array_append_new(list, json_pack("{s:s, s:i, s:s}", "proto",
							    f->proto == IPPROTO_UDP ? "udp" : "tcp",
							    "port", f->port, "to",
							    addr_format(&f->to, text)));
	}
	return list;
}

static json_t *statics(const struct nat *nat)
{
	json_t *list = json_array();
	char inside[ADDR_TEXT_MAX], external[ADDR_TEXT_MAX];

	for (size_t i = 0; i < nat->n_statics; i++)
		(void)json_array_append_new(
			list,
			json_pack("{s:s, s:s}", "inside",
				  addr_format_host(&nat->statics[i].inside, inside), "external",
				  addr_format_host(&nat->statics[i].external, external)));
	return list;
}

json_t *nat_json(const struct nat *nat)
{
	const struct scenario_nat bound = {.nat = *nat};
	json_t *map = json_object();
	json_t *rest = table(&scenario_declaration_keys, &bound, NULL);

	(void)json_object_set_new(map, "preset", json_string(nat->preset));
	(void)json_object_update(map, rest);
	json_decref(rest);
	(void)json_object_set_new(map, "forwards", forwards(nat));
	if (nat->n_statics)
		(void)json_object_set_new(map, "one_to_one", statics(nat));
	return map;
}

json_t *nat_part_json(const struct nat_part *part)
{
	const struct scenario_nat bound = {.nat = part->nat}, known = {.nat = part->known};

	return table(&scenario_declaration_keys, &bound, &known);
}

static void drop_yaml(struct yaml_value **root)
{
	yaml_free(*root);
}

int nat_part_read(const char *text, size_t len, const char *file, struct nat_part *ret_part,
		  struct error *err)
{
	cleanup_with(scenario_errors_free) struct scenario_errors errors = {0};
	cleanup_with(keys_places_free) struct keys_places places = {0};
	cleanup_with(drop_yaml) struct yaml_value *root = NULL;
	struct source source = {.file = file, .errors = &errors};
	struct scenario_nat bound = {0}, known = {0};
	int r = yaml_read(text, len, &source, &root);

	if (r == 0)
		r = keys_bind(&scenario_declaration_keys, root, &source, &bound, &places);
	if (r == -ENOMEM)
		return error_sys(err, ENOMEM, "%s", file);
	if (source_failed(&source))
		return error_set(err, EINVAL, "%s", errors.n ? errors.text[0] : file);
	keys_mark(&scenario_declaration_keys, &places, &bound, &known);
	*ret_part = (struct nat_part){bound.nat, known.nat};
	return 0;
}

void nat_part_apply(const struct nat_part *part, struct nat *nat)
{
	const char *from = (const char *)&part->nat;
	const char *known = (const char *)&part->known;
	char *to = (char *)nat;

	for (size_t i = 0; i < sizeof(*nat); i++)
		if (known[i])
			to[i] = from[i];
}
