/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A mapping is bound row by row, in the order of its table: the entry of that
 * name is read as the row's kind says, and where there is none, or it can't be
 * understood, the row's default is read in its place. So every member has a
 * value afterwards, whatever was complained about, and checks across keys may
 * run on a struct that is not yet free of errors. Arrays get their final size
 * before they are filled: the address of a member is its identity, and
 * keys_places maps it to its place in the document.
 */
#include "lab/keys.h"

#include "base/cleanup.h"
#include "lab/keys_near.h"
#include "lab/keys_places.h"

#include <errno.h>
#include <string.h>

/* One walk over a document. */
struct binder {
	struct source *source;
	struct keys_places *places;
};

static int bind_mapping(struct binder *binder, const struct keys *keys,
			const struct yaml_value *value, void *object);

static void drop_value(struct yaml_value **value)
{
	yaml_free(*value);
}

static void *member_of(const struct key *key, void *object)
{
	return (char *)object + key->offset;
}

/* What keys_scalar() writes to. */
static void *target_of(const struct key *key, void *object)
{
	return key->set ? object : member_of(key, object);
}

static const char *found(const struct yaml_value *value, char buf[static SOURCE_QUOTE_MAX])
{
	if (value->kind == YAML_LIST)
		return "a list";
	if (value->kind == YAML_MAP)
		return "a mapping";
	return yaml_is_null(value) ? "nothing" : source_quote(value->text, buf);
}

/* The value is of another kind than the row wants. Return: -EINVAL or -ENOMEM. */
static int refuse(struct binder *binder, const struct key *key, const struct yaml_value *value)
{
	cleanup_free char *expected = keys_expected(key);
	char quoted[SOURCE_QUOTE_MAX];

	if (!expected)
		return -ENOMEM;
	source_error(binder->source, value->at, "%s: expected %s, found %s", key->name, expected,
		     found(value, quoted));
	return -EINVAL;
}

static int bind_scalar(struct binder *binder, const struct key *key, const struct yaml_value *value,
		       void *object)
{
	struct error why = {0};
	int r;

	if (value->kind != YAML_SCALAR || yaml_is_null(value))
		return refuse(binder, key, value);
	r = keys_scalar(key, value->text, value->plain, target_of(key, object), &why);
	if (r == -EINVAL)
		source_error(binder->source, value->at, "%s: %s", key->name, why.text);
	if (r == 0 && key->also)
		(void)memcpy((char *)object + key->also, member_of(key, object), key->size);
	return r;
}

static int note(struct binder *binder, const struct key *key, const void *member, struct where at,
		bool good)
{
	const struct keys_place place = {.member = member, .key = key, .at = at, .good = good};

	return keys_places_add(binder->places, &place);
}

static int bind_name(struct binder *binder, const struct key *key, const struct yaml_value *value,
		     char **ret_name)
{
	char quoted[SOURCE_QUOTE_MAX];

	if (value->kind != YAML_SCALAR || yaml_is_null(value) ||
	    keys_check_name(value->text, KEYS_NAME_MAX) < 0) {
		source_error(binder->source, value->at, "%s: expected a name, found %s", key->name,
			     found(value, quoted));
		return -EINVAL;
	}
	*ret_name = strdup(value->text);
	return *ret_name ? 0 : -ENOMEM;
}

static int bind_names(struct binder *binder, const struct key *key, const struct yaml_value *value,
		      void *object)
{
	bool single = value->kind == YAML_SCALAR && !yaml_is_null(value);
	size_t n = single ? 1 : value->n_items;
	char **names;
	int r = 0;

	if (!single && value->kind != YAML_LIST)
		return refuse(binder, key, value);
	if (n == 0 || n > (size_t)key->max) {
		source_error(binder->source, value->at, "%s: expected 1 to %lld names, found %zu",
			     key->name, (long long)key->max, n);
		return -EINVAL;
	}
	names = calloc(n + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = bind_name(binder, key, single ? value : &value->items[i].value, &names[i]);
	if (r < 0) {
		keys_free_words(names);
		return r;
	}
	*(char ***)member_of(key, object) = names;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = note(binder, key, &names[i], single ? value->at : value->items[i].value.at,
			 true);
	return r;
}

/* What the file says has its places there: for the document it is all one place. */
static int bind_document(struct source *source, const char *text, size_t len,
			 const struct keys *keys, void *object)
{
	cleanup_with(keys_places_free) struct keys_places places = {0};
	struct binder binder = {.source = source, .places = &places};
	cleanup_with(drop_value) struct yaml_value *root = NULL;
	int r = yaml_read(text, len, source, &root);

	return r < 0 ? r : bind_mapping(&binder, keys, root, object);
}

static int bind_file(struct binder *binder, const struct key *key, const struct yaml_value *value,
		     void *object)
{
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	struct source source;
	size_t len;
	int r = bind_scalar(binder, key, value, object);

	if (r < 0)
		return r;
	r = keys_read_file(binder->source, value->text, value->at, &path, &text, &len);
	if (r < 0)
		return r;
	source = (struct source){
		.file = path, .errors = binder->source->errors, .within = value->at};
	return bind_document(&source, text, len, key->keys, object);
}

static int bind_words(struct binder *binder, const struct key *key, const struct yaml_value *list,
		      char ***ret_words)
{
	char **words;

	if (list->n_items == 0 || list->n_items > KEYS_WORDS_MAX) {
		source_error(binder->source, list->at, "%s: expected 1 to %d words, found %zu",
			     key->name, KEYS_WORDS_MAX, list->n_items);
		return -EINVAL;
	}
	words = calloc(list->n_items + 1, sizeof(*words));
	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < list->n_items; i++) {
		const struct yaml_value *word = &list->items[i].value;
		char quoted[SOURCE_QUOTE_MAX];

		if (word->kind != YAML_SCALAR || yaml_is_null(word) || (i == 0 && !*word->text)) {
			source_error(binder->source, word->at, "%s: expected a word, found %s",
				     key->name, found(word, quoted));
			keys_free_words(words);
			return -EINVAL;
		}
		words[i] = strdup(word->text);
		if (!words[i]) {
			keys_free_words(words);
			return -ENOMEM;
		}
	}
	*ret_words = words;
	return 0;
}

/* The name of an entry of a KEY_MAP; a bad one is complained about, and kept. */
static int bind_label(struct binder *binder, const struct key *key, const struct yaml_item *item,
		      char **ret_label)
{
	static const struct key any_name = {.kind = KEY_NAME, .max = KEYS_NAME_MAX};
	static const struct key any_line = {.kind = KEY_LINE, .min = 1, .max = KEYS_LABEL_MAX};
	struct key words = {.kind = KEY_ENUM, .words = key->words, .size = sizeof(int)};
	const struct key *label = key->words ? &words : key->line_labels ? &any_line : &any_name;
	struct error why = {0};
	char *scratch = NULL;
	int index;
	int r;

	*ret_label = strdup(item->key);
	if (!*ret_label)
		return -ENOMEM;
	r = keys_scalar(label, item->key, true, key->words ? (void *)&index : &scratch, &why);
	free(scratch);
	if (r == -EINVAL)
		source_error(binder->source, item->key_at, "%s: %s", key->name, why.text);
	return r == -ENOMEM ? r : 0;
}

/* One entry of an array. */
static int bind_entry(struct binder *binder, const struct key *key, const struct yaml_value *list,
		      size_t index, void *object)
{
	const struct keys *keys = key->keys;
	const struct yaml_item *item = &list->items[index];
	int r;

	if (keys->label != KEYS_NONE && key->kind == KEY_MAP) {
		r = bind_label(binder, key, item, (char **)((char *)object + keys->label));
		if (r < 0)
			return r;
	}
	r = bind_mapping(binder, keys, &item->value, object);
	if (r == 0 && keys->at != KEYS_NONE && key->kind == KEY_MAP)
		(void)memcpy((char *)object + keys->at, &item->key_at, sizeof(item->key_at));
	return r;
}

static int bind_array(struct binder *binder, const struct key *key, const struct yaml_value *value,
		      void *object)
{
	enum yaml_kind wanted = key->kind == KEY_MAP ? YAML_MAP : YAML_LIST;
	bool single = key->kind == KEY_ONE_OR_LIST && value->kind == YAML_MAP;
	size_t n = single ? 1 : value->n_items;
	char *array;
	int r;

	if (!single && value->kind != wanted)
		return refuse(binder, key, value);
	if (n < (size_t)key->min || n > (size_t)key->max) {
		source_error(binder->source, value->at, "%s: expected %lld to %lld %s, found %zu",
			     key->name, (long long)key->min, (long long)key->max, key->keys->plural,
			     n);
		return -EINVAL;
	}
	if (n == 0)
		return 0;
	array = calloc(n, key->keys->size);
	if (!array)
		return -ENOMEM;
	*(void **)member_of(key, object) = array;
	*(size_t *)(void *)((char *)object + key->n_offset) = n;
	if (single)
		return bind_mapping(binder, key->keys, value, array);
	for (size_t i = 0; i < n; i++) {
		r = bind_entry(binder, key, value, i, array + i * key->keys->size);
		if (r < 0)
			return r;
	}
	return 0;
}

static int bind_own(struct binder *binder, const struct key *key, const struct yaml_value *value,
		    void *object)
{
	void *own = calloc(1, key->keys->size);

	if (!own)
		return -ENOMEM;
	*(void **)member_of(key, object) = own;
	return bind_mapping(binder, key->keys, value, own);
}

static int bind_value(struct binder *binder, const struct key *key, const struct yaml_value *value,
		      void *object)
{
	switch (key->kind) {
	case KEY_STRUCT:
		if (value->kind == YAML_LIST || (value->kind == YAML_SCALAR && yaml_is_null(value)))
			return refuse(binder, key, value);
		return bind_mapping(binder, key->keys, value, member_of(key, object));
	case KEY_OWN:
		if (value->kind == YAML_LIST || (value->kind == YAML_SCALAR && yaml_is_null(value)))
			return refuse(binder, key, value);
		return bind_own(binder, key, value, object);
	case KEY_LIST:
	case KEY_ONE_OR_LIST:
	case KEY_MAP:
		return bind_array(binder, key, value, object);
	case KEY_NAMES:
		return bind_names(binder, key, value, object);
	case KEY_FILE:
		return bind_file(binder, key, value, object);
	case KEY_COMMAND:
		if (value->kind == YAML_LIST)
			return bind_words(binder, key, value, member_of(key, object));
		return bind_scalar(binder, key, value, object);
	case KEY_LINE:
	case KEY_TEXT:
	case KEY_NAME:
	case KEY_POINTER:
	case KEY_BOOL:
	case KEY_INTEGER:
	case KEY_PORT:
	case KEY_PORTS:
	case KEY_DURATION:
	case KEY_PERCENT:
	case KEY_ENUM:
		break;
	}
	return bind_scalar(binder, key, value, object);
}

/* Read one row from @value, or from its default when @value is NULL or bad. */
static int bind_row(struct binder *binder, const struct key *key, const struct yaml_value *value,
		    void *object)
{
	int bound = -ENOENT;
	int r;

	if (value) {
		bound = bind_value(binder, key, value, object);
		if (bound == -ENOMEM)
			return bound;
		/* A struct's address is also that of its first member. */
		r = key->kind == KEY_STRUCT
			    ? 0
			    : note(binder, key, member_of(key, object), value->at, bound == 0);
		if (r < 0)
			return r;
	}
	if (bound == 0)
		return 0;
	if (key->kind == KEY_STRUCT) {
		for (const struct key *row = key->keys->rows; row->name; row++) {
			r = bind_row(binder, row, NULL, member_of(key, object));
			if (r < 0)
				return r;
		}
	}
	if (!key->initial)
		return 0;
	return keys_scalar(key, key->initial, true, target_of(key, object), NULL);
}

static void complain_unknown(struct binder *binder, const struct keys *keys,
			     const struct yaml_item *item)
{
	struct keys_near near = keys_near(item->key);
	char quoted[SOURCE_QUOTE_MAX];
	char hint[KEYS_HINT_MAX];
	char known[512] = "";
	size_t len = 0;

	for (const struct key *row = keys->rows; row->name; row++) {
		keys_near_offer(&near, row->name);
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", len ? ", " : "",
					row->name);
		if (len >= sizeof(known))
			len = sizeof(known) - 1;
	}
	if (near.best)
		source_error(binder->source, item->key_at, "unknown key %s%s",
			     source_quote(item->key, quoted), keys_near_hint(&near, hint));
	else
		source_error(binder->source, item->key_at, "unknown key %s; %s has %s",
			     source_quote(item->key, quoted), keys->noun, known);
}

static void complain_missing(struct binder *binder, const struct keys *keys,
			     const struct yaml_value *map)
{
	for (const struct key *row = keys->rows; row->name; row++)
		if (row->required && !yaml_find(map, row->name))
			source_error(binder->source, map->at, "%s needs the key '%s'", keys->noun,
				     row->name);
}

/* The entry for @row: by its name, or the scalar in place of the whole mapping. */
static const struct yaml_value *value_for(const struct keys *keys, const struct key *row,
					  const struct yaml_value *value)
{
	const struct yaml_item *item = yaml_find(value, row->name);

	if (value->kind == YAML_SCALAR && strcmp(row->name, keys->shorthand) == 0)
		return value;
	return item ? &item->value : NULL;
}

static int bind_mapping(struct binder *binder, const struct keys *keys,
			const struct yaml_value *value, void *object)
{
	bool short_form = keys->shorthand && value->kind == YAML_SCALAR && !yaml_is_null(value);
	char quoted[SOURCE_QUOTE_MAX];
	int r;

	if (keys->at != KEYS_NONE)
		(void)memcpy((char *)object + keys->at, &value->at, sizeof(value->at));
	if (value->kind == YAML_MAP) {
		for (size_t i = 0; i < value->n_items; i++)
			if (!keys_row(keys, value->items[i].key))
				complain_unknown(binder, keys, &value->items[i]);
		complain_missing(binder, keys, value);
	} else if (!short_form) {
		source_error(binder->source, value->at, "expected %s as a mapping, found %s",
			     keys->noun, found(value, quoted));
	}
	for (const struct key *row = keys->rows; row->name; row++) {
		const struct yaml_value *given = NULL;

		if (short_form || value->kind == YAML_MAP)
			given = value_for(keys, row, value);
		r = bind_row(binder, row, given, object);
		if (r < 0)
			return r;
	}
	return 0;
}

const struct key *keys_row(const struct keys *keys, const char *name)
{
	const struct key *row = keys->rows;

	while (row->name && strcmp(row->name, name) != 0)
		row++;
	return row->name ? row : NULL;
}

int keys_bind(const struct keys *keys, const struct yaml_value *value, struct source *source,
	      void *object, struct keys_places *ret_places)
{
	struct binder binder = {.source = source, .places = ret_places};
	int r;

	(void)memset(ret_places, 0, sizeof(*ret_places));
	r = bind_mapping(&binder, keys, value, object);
	if (r == 0)
		keys_places_sort(ret_places);
	return r;
}

static void free_array(const struct key *key, void *object)
{
	char *array = *(void **)member_of(key, object);
	size_t n = *(size_t *)(void *)((char *)object + key->n_offset);

	for (size_t i = 0; i < n; i++) {
		char *entry = array + i * key->keys->size;

		if (key->kind == KEY_MAP && key->keys->label != KEYS_NONE)
			free(*(char **)(void *)(entry + key->keys->label));
		keys_free(key->keys, entry);
	}
	free(array);
}

static void free_member(const struct key *key, void *object)
{
	void *member = member_of(key, object);

	switch (key->kind) {
	case KEY_LINE:
	case KEY_TEXT:
	case KEY_NAME:
	case KEY_POINTER:
	case KEY_FILE:
		free(*(char **)member);
		break;
	case KEY_COMMAND:
	case KEY_NAMES:
		keys_free_words(*(char ***)member);
		break;
	case KEY_STRUCT:
		keys_free(key->keys, member);
		break;
	case KEY_OWN:
		if (*(void **)member)
			keys_free(key->keys, *(void **)member);
		free(*(void **)member);
		break;
	case KEY_LIST:
	case KEY_ONE_OR_LIST:
	case KEY_MAP:
		free_array(key, object);
		break;
	case KEY_BOOL:
	case KEY_INTEGER:
	case KEY_PORT:
	case KEY_PORTS:
	case KEY_DURATION:
	case KEY_PERCENT:
	case KEY_ENUM:
		break;
	}
}

void keys_free(const struct keys *keys, void *object)
{
	for (const struct key *row = keys->rows; row->name; row++)
		free_member(row, object);
}
