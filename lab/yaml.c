/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * libyaml turns the text into events; a recursive descent over them, as deep as
 * YAML_DEPTH_MAX, builds the tree. What ends the reading at once is a syntax
 * error or one of the refusals; a repeated key is only complained about.
 */
#include "lab/yaml.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

/* One reading: the parser, and how many values it has delivered. */
struct reader {
	yaml_parser_t parser;
	struct source *source;
	const char *text;
	size_t len;
	size_t n_values;
};

static void drop_event(yaml_event_t *event)
{
	yaml_event_delete(event);
}

static void drop_parser(struct reader *reader)
{
	yaml_parser_delete(&reader->parser);
}

static void drop_content(struct yaml_value *value)
{
	for (size_t i = 0; i < value->n_items; i++) {
		free(value->items[i].key);
		drop_content(&value->items[i].value);
	}
	free(value->items);
	free(value->text);
}

static struct where place(const yaml_mark_t *mark)
{
	return (struct where){(unsigned)mark->line + 1, (unsigned)mark->column + 1};
}

/* The length of the line break at @text, as libyaml counts lines; 0: there is none. */
static size_t line_break(const char *text, size_t len)
{
	if (len >= 2 && memcmp(text, "\r\n", 2) == 0)
		return 2;
	if (len >= 1 && (*text == '\n' || *text == '\r'))
		return 1;
	if (len >= 2 && memcmp(text, "\xc2\x85", 2) == 0) /* NEL */
		return 2;
	if (len >= 3 && memcmp(text, "\xe2\x80", 2) == 0 &&
	    (text[2] == '\xa8' || text[2] == '\xa9')) /* LS, PS */
		return 3;
	return 0;
}

/* Walk the text as libyaml does, until byte @offset or the place @until. */
static size_t walk(const struct reader *reader, size_t offset, struct where until,
		   struct where *ret_at)
{
	struct where at = {1, 1};
	size_t i = 0;

	while (i < reader->len && i < offset &&
	       !(at.line == until.line && at.column == until.column)) {
		size_t n = line_break(reader->text + i, reader->len - i);

		if (n) {
			i += n;
			at.line++;
			at.column = 1;
			continue;
		}
		do
			i++;
		while (i < reader->len && ((unsigned char)reader->text[i] & 0xc0) == 0x80);
		at.column++;
	}
	*ret_at = at;
	return i;
}

static bool is_tab(const struct reader *reader, struct where at)
{
	struct where found;
	size_t i = walk(reader, reader->len, at, &found);

	return i < reader->len && reader->text[i] == '\t';
}

static int syntax_error(struct reader *reader)
{
	const yaml_parser_t *p = &reader->parser;
	struct where at = place(&p->problem_mark);

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR) {
		(void)walk(reader, p->problem_offset, (struct where){0, 0}, &at);
		source_error(reader->source, at, "%s%s",
			     strstr(p->problem, "UTF") ? "not UTF-8 text: " : "", p->problem);
	} else if (is_tab(reader, at)) {
		source_error(reader->source, at, "a tab cannot indent YAML, use spaces");
	} else if (p->context && p->context_mark.line != p->problem_mark.line) {
		source_error(reader->source, at, "%s %s that begins in line %zu", p->problem,
			     p->context, p->context_mark.line + 1);
	} else {
		source_error(reader->source, at, "%s%s%s", p->problem, p->context ? " " : "",
			     p->context ? p->context : "");
	}
	return -EINVAL;
}

static int next_event(struct reader *reader, yaml_event_t *ret_event)
{
	if (!yaml_parser_parse(&reader->parser, ret_event))
		return syntax_error(reader);
	return 0;
}

static int refuse(struct reader *reader, const yaml_event_t *event, const char *why)
{
	source_error(reader->source, place(&event->start_mark), "%s", why);
	return -EINVAL;
}

/* What YAML has and a scenario has not. */
static int check_event(struct reader *reader, const yaml_event_t *event, unsigned depth)
{
	const yaml_char_t *anchor = NULL;
	const yaml_char_t *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT) {
		return refuse(reader, event, "aliases (*name) are not used here, write it out");
	} else if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (anchor)
		return refuse(reader, event, "anchors (&name) are not used here");
	if (tag)
		return refuse(reader, event, "tags (!name) are not used here");
	if (depth > YAML_DEPTH_MAX)
		return refuse(reader, event, "nested deeper than any scenario is");
	if (++reader->n_values > YAML_VALUES_MAX)
		return refuse(reader, event, "too many values in one document");
	return 0;
}

/* libyaml refuses raw control characters; "\0" and "\e" in quotes come this way. */
static bool has_controls(const unsigned char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((text[i] < ' ' && text[i] != '\t' && text[i] != '\n') || text[i] == 0x7f)
			return true;
		if (text[i] == 0xc2 && i + 1 < len && text[i + 1] < 0xa0)
			return true; /* C1: U+0080 to U+009F */
	}
	return false;
}

static int read_text(struct reader *reader, const yaml_event_t *event, char **ret_text)
{
	const unsigned char *text = event->data.scalar.value;
	size_t len = event->data.scalar.length;
	char *copy;

	if (has_controls(text, len))
		return refuse(reader, event, "control characters are not allowed");
	copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	(void)memcpy(copy, text, len);
	copy[len] = '\0';
	*ret_text = copy;
	return 0;
}

static int append(struct yaml_value *parent, size_t *room, const struct yaml_item *item)
{
	if (parent->n_items == *room) {
		size_t more = *room ? *room * 2 : 4;
		struct yaml_item *items = reallocarray(parent->items, more, sizeof(*items));

		if (!items)
			return -ENOMEM;
		parent->items = items;
		*room = more;
	}
	parent->items[parent->n_items++] = *item;
	return 0;
}

/* Equal keys in the order of the text: they lie in one array. */
static int compare_keys(const void *a, const void *b)
{
	const struct yaml_item *x = *(const struct yaml_item *const *)a;
	const struct yaml_item *y = *(const struct yaml_item *const *)b;
	int r = strcmp(x->key, y->key);

	return r ? r : (x > y) - (x < y);
}

/* Sorting finds repeated keys in n log n, whatever somebody wrote. */
static int drop_repeated_keys(struct reader *reader, struct yaml_value *map)
{
	cleanup_free struct yaml_item **sorted = NULL;
	const struct yaml_item *first = NULL;
	char quoted[SOURCE_QUOTE_MAX];
	size_t kept = 0;

	if (map->n_items < 2)
		return 0;
	sorted = reallocarray(NULL, map->n_items, sizeof(struct yaml_item *));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < map->n_items; i++)
		sorted[i] = &map->items[i];
	qsort(sorted, map->n_items, sizeof(struct yaml_item *), compare_keys);
	for (size_t i = 0; i < map->n_items; i++) {
		struct yaml_item *item = sorted[i];

		if (!first || strcmp(first->key, item->key) != 0) {
			first = item;
			continue;
		}
		source_error(reader->source, item->key_at,
			     "the key %s is given twice, first in line %u",
			     source_quote(item->key, quoted), first->key_at.line);
		free(item->key);
		item->key = NULL;
		drop_content(&item->value);
	}
	for (size_t i = 0; i < map->n_items; i++)
		if (map->items[i].key)
			map->items[kept++] = map->items[i];
	map->n_items = kept;
	return 0;
}

static int read_value(struct reader *reader, const yaml_event_t *event, unsigned depth,
		      struct yaml_value *ret_value);

/* A key and its value; @event is the key's, or in a list the value's. */
static int read_item(struct reader *reader, const yaml_event_t *event, bool keyed, unsigned depth,
		     struct yaml_item *ret_item)
{
	cleanup_with(drop_event) yaml_event_t value_event = {0};
	cleanup_free char *key = NULL;
	int r;

	if (!keyed)
		return read_value(reader, event, depth, &ret_item->value);
	r = check_event(reader, event, depth);
	if (r < 0)
		return r;
	if (event->type != YAML_SCALAR_EVENT)
		return refuse(reader, event, "a key must be a word, not a list or a mapping");
	r = read_text(reader, event, &key);
	if (r < 0)
		return r;
	r = next_event(reader, &value_event);
	if (r < 0)
		return r;
	r = read_value(reader, &value_event, depth, &ret_item->value);
	if (r < 0)
		return r;
	ret_item->key_at = place(&event->start_mark);
	ret_item->key = take_ptr(key);
	return 0;
}

static int read_items(struct reader *reader, struct yaml_value *value, unsigned depth)
{
	yaml_event_type_t end =
		value->kind == YAML_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
	size_t room = 0;
	int r;

	for (;;) {
		cleanup_with(drop_event) yaml_event_t event = {0};
		struct yaml_item item = {0};

		r = next_event(reader, &event);
		if (r < 0)
			return r;
		if (event.type == end)
			break;
		r = read_item(reader, &event, value->kind == YAML_MAP, depth + 1, &item);
		if (r < 0)
			return r;
		r = append(value, &room, &item);
		if (r < 0) {
			free(item.key);
			drop_content(&item.value);
			return r;
		}
	}
	return value->kind == YAML_MAP ? drop_repeated_keys(reader, value) : 0;
}

static int read_value(struct reader *reader, const yaml_event_t *event, unsigned depth,
		      struct yaml_value *ret_value)
{
	struct yaml_value value = {.at = place(&event->start_mark)};
	int r;

	r = check_event(reader, event, depth);
	if (r < 0)
		return r;
	if (event->type == YAML_SCALAR_EVENT) {
		value.kind = YAML_SCALAR;
		value.plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		r = read_text(reader, event, &value.text);
	} else {
		value.kind = event->type == YAML_MAPPING_START_EVENT ? YAML_MAP : YAML_LIST;
		r = read_items(reader, &value, depth);
	}
	if (r < 0) {
		drop_content(&value);
		return r;
	}
	*ret_value = value;
	return 0;
}

/* The stream: a start, exactly one document, an end. */
static int read_stream(struct reader *reader, struct yaml_value *root)
{
	bool seen = false;
	int r;

	for (;;) {
		cleanup_with(drop_event) yaml_event_t event = {0};

		r = next_event(reader, &event);
		if (r < 0)
			return r;
		if (event.type == YAML_STREAM_END_EVENT)
			break;
		if (event.type == YAML_STREAM_START_EVENT || event.type == YAML_DOCUMENT_END_EVENT)
			continue;
		if (event.type == YAML_DOCUMENT_START_EVENT) {
			if (seen)
				return refuse(reader, &event, "a second document begins here");
			seen = true;
			continue;
		}
		r = read_value(reader, &event, 1, root);
		if (r < 0)
			return r;
	}
	if (!seen) {
		source_error(reader->source, (struct where){1, 1}, "the document is empty");
		return -EINVAL;
	}
	return 0;
}

int yaml_read(const char *text, size_t len, struct source *source, struct yaml_value **ret_root)
{
	cleanup_with(drop_parser) struct reader reader = {.source = source};
	struct yaml_value *root;
	int r;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
		text += 3;
		len -= 3;
	}
	reader.text = len ? text : "";
	reader.len = len;
	if (!yaml_parser_initialize(&reader.parser))
		return -ENOMEM;
	/* Without this, two bytes at the start could make it UTF-16. */
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)reader.text, len);
	root = calloc(1, sizeof(*root));
	if (!root)
		return -ENOMEM;
	r = read_stream(&reader, root);
	if (r < 0) {
		yaml_free(root);
		return r;
	}
	*ret_root = root;
	return 0;
}

void yaml_free(struct yaml_value *root)
{
	if (!root)
		return;
	drop_content(root);
	free(root);
}

const struct yaml_item *yaml_find(const struct yaml_value *map, const char *key)
{
	if (map->kind != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->n_items; i++)
		if (strcmp(map->items[i].key, key) == 0)
			return &map->items[i];
	return NULL;
}

bool yaml_is_null(const struct yaml_value *value)
{
	return value->kind == YAML_SCALAR && value->plain &&
	       (!*value->text || strcmp(value->text, "~") == 0 ||
		strcmp(value->text, "null") == 0 || strcmp(value->text, "Null") == 0 ||
		strcmp(value->text, "NULL") == 0);
}
