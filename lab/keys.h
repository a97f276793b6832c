/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for tables of keys: what a mapping of a document may hold, said once.
 * A table has one row per key: its name, its kind, its bounds and default, where
 * it goes in a struct, and a line for people. One binder walks a document by the
 * table and fills the struct; the reference and the JSON Schema are printed from
 * the same rows, so that they cannot say anything else. Tables are constant
 * data; what a scenario's tables say is in scenario_keys.c.
 */
#ifndef LAB_KEYS_H
#define LAB_KEYS_H

#include "lab/yaml.h"

#include "base/error.h"

#define KEYS_NAME_MAX	  32  /* characters of a name that a document gives */
#define KEYS_LABEL_MAX	  64  /* bytes of a label that a document gives */
#define KEYS_WORDS_MAX	  256 /* words of a command */
#define KEYS_COMMAND_MAX  8192
#define KEYS_TABLES_MAX	  32
#define KEYS_DURATION_MAX 32
#define KEYS_FORMAT_MAX	  64
#define KEYS_NONE	  ((size_t)-1) /* an offset: the struct has no such member */

/** enum key_kind - what is written behind a key, and the type of its member */
enum key_kind {
	KEY_LINE,     /* char *: text on one line, of @min to @max bytes */
	KEY_TEXT,     /* char *: the same, with line breaks */
	KEY_NAME,     /* char *: a DNS label of at most @max characters */
	KEY_POINTER,  /* char *: a JSON pointer (RFC 6901) to a part of a document */
	KEY_COMMAND,  /* char **: a program and its arguments, NULL-terminated */
	KEY_BOOL,     /* bool: on, off, yes, no, true, false */
	KEY_INTEGER,  /* any integer: @min to @max, or @word, which stands for @word_value */
	KEY_PORT,     /* uint16_t: 1 to 65535 */
	KEY_PORTS,    /* uint16_t, and another one behind it: a range, or a single port */
	KEY_DURATION, /* any integer: @min to @max ns, counted in @unit */
	KEY_PERCENT,  /* any integer: @min to @max parts per million, written as 0.5% */
	KEY_ENUM,     /* any integer: the index of a word, or values[index]; or see @set */
	KEY_NAMES,    /* char **: 1 to @max names, NULL-terminated; a single one is a list of one */
	KEY_FILE,     /* char *: a file whose mapping is bound by @keys into the same struct */
	KEY_STRUCT,   /* a mapping, bound into the member or, at offset 0, the same struct */
	KEY_OWN,      /* struct *: a mapping, allocated */
	KEY_LIST,     /* struct * and a count: a list of @min to @max mappings */
	KEY_ONE_OR_LIST, /* the same; a single mapping is a list of one */
	KEY_MAP,	 /* the same; a mapping from names to mappings */
};

/**
 * struct key - one row: one key of a mapping
 * @name: the key
 * @kind: see enum key_kind
 * @required: an error when absent
 * @line_labels: KEY_MAP: its keys are free text; else they are DNS labels
 * @min, @max: integers, durations and percentages: the range; text: bytes; lists:
 *	entries
 * @unit: KEY_DURATION: the member counts these, in ns; 0: 1. Only whole ones are accepted
 * @word, @word_value: KEY_INTEGER: a word and the number that it stands for
 * @words: KEY_ENUM: NULL-terminated. KEY_MAP: the only names allowed; else NULL
 * @values: KEY_ENUM: the number of each word; NULL: its index
 * @choices: KEY_ENUM: instead of @words: the word of an index, or NULL at the end
 * @set: KEY_ENUM: instead of storing the number: told the struct and the index
 * @initial: the default, as a document would say it; NULL: the member stays zero
 * @absent: for people, instead of @initial: what holds when the key is absent
 * @doc: for people: one or two sentences
 * @offset, @size: of the member
 * @also: the offset of a second member that gets the same value; 0: there is none
 * @n_offset: lists: the offset of their count, a size_t
 * @keys: the table of the mapping, or of each mapping, behind this key
 */
struct key {
	const char *name;
	enum key_kind kind;
	bool required;
	bool line_labels;
	int64_t min, max;
	uint64_t unit;
	const char *word;
	int64_t word_value;
	const char *const *words;
	const int *values;
	const char *(*choices)(size_t index);
	void (*set)(void *object, size_t index);
	const char *initial;
	const char *absent;
	const char *doc;
	size_t offset, size, n_offset, also;
	const struct keys *keys;
};

/** The place of a member, and of an array with its count n_MEMBER, in a row. */
#define KEY_MEMBER(type, member) \
	.offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)
#define KEY_ARRAY(type, member) KEY_MEMBER(type, member), .n_offset = offsetof(type, n_##member)

/**
 * struct keys - one table: one kind of mapping
 * @name: its name in the schema: "step"
 * @noun, @plural: for sentences: "a step", "steps"
 * @doc: for people: what it is, one paragraph
 * @shorthand: the key that a bare scalar in place of the mapping stands for, or
 *	       NULL when the mapping must be written out
 * @size: of the struct
 * @at: offset of its struct where, or KEYS_NONE
 * @label: offset of the char * that takes its name in a KEY_MAP, or KEYS_NONE
 * @part_of: its rows are the last ones of that table; NULL: they are its own
 * @rows: ended by a row without a name. Bound in this order, whatever the
 *	  document's
 */
struct keys {
	const char *name;
	const char *noun;
	const char *plural;
	const char *doc;
	const char *shorthand;
	size_t size;
	size_t at;
	size_t label;
	const struct keys *part_of;
	const struct key *rows;
};

struct keys_places;

/**
 * keys_bind() - fill a struct from a document
 * @keys: the table of the mapping @value
 * @source: complaints go here, all of them
 * @object: the struct, zeroed; keys_free() it whatever this returns
 * @ret_places: what was given where; keys_places_free() it, see lab/keys_places.h
 *
 * Return: 0 also when there were complaints (defaults stand in then), or -ENOMEM.
 */
int keys_bind(const struct keys *keys, const struct yaml_value *value, struct source *source,
	      void *object, struct keys_places *ret_places);
/** keys_free() - free what a bound struct points to, not the struct. */
void keys_free(const struct keys *keys, void *object);

/** keys_row() - the row of that name, or NULL. */
const struct key *keys_row(const struct keys *keys, const char *name);
/**
 * keys_scalar() - read one scalar as a row's kind says
 * @plain: written without quotes; numbers and switches must be
 * @member: set on success only; KEY_ENUM with a set(): the struct
 * @why: on -EINVAL, what was expected and what was found
 *
 * Return: 0, -EINVAL, or -ENOMEM.
 */
int keys_scalar(const struct key *key, const char *text, bool plain, void *member,
		struct error *why);
/**
 * keys_read_file() - read the file that a KEY_FILE names
 * @at: of the name, for complaints
 * @ret_path: its path: what is relative is so to the document's own directory
 *
 * Return: 0; -EINVAL after a complaint, or -ENOMEM. free() the text and the path.
 */
int keys_read_file(struct source *source, const char *name, struct where at, char **ret_path,
		   char **ret_text, size_t *ret_len);
/** keys_check_name() - Return: 0, or -EINVAL: @text is no DNS label of up to @max characters. */
int keys_check_name(const char *text, size_t max);
/**
 * keys_split() - split a command into words by the shell's rules of quoting
 *
 * What a shell would expand or act upon ($, |, >, ...) is refused where it is
 * not quoted, since there is no shell.
 *
 * Return: 0; -EINVAL with @why, or -ENOMEM. free each word and the array.
 */
int keys_split(const char *text, char ***ret_words, struct error *why);
/** keys_free_words() - frees a NULL-terminated array of words; NULL is legal. */
void keys_free_words(char **words);
/** keys_word() - the @index'th word of a KEY_ENUM or KEY_MAP row, or NULL behind the last. */
const char *keys_word(const struct key *key, size_t index);

/** keys_expected() - "an integer from 1 to 4096": what a row wants; allocated, or NULL. */
char *keys_expected(const struct key *key);
/** keys_format_duration() - "300ms", "2s": in the largest unit that divides it. Return: @buf. */
const char *keys_format_duration(uint64_t ns, char buf[static KEYS_DURATION_MAX]);
/** keys_format_percent() - "0.5%", of parts per million. Return: @buf. */
const char *keys_format_percent(uint64_t ppm, char buf[static KEYS_FORMAT_MAX]);
/**
 * keys_format() - a member, as a document would say it
 * @key: of a plain number, see keys_is_number()
 *
 * Return: @buf.
 */
const char *keys_format(const struct key *key, const void *object,
			char buf[static KEYS_FORMAT_MAX]);
/** keys_is_number() - is the member a plain number: no text, no list, no other table's? */
bool keys_is_number(const struct key *key);
/**
 * keys_differences() - "ports 2000-3000, timeouts.udp 20s": what @a has otherwise than @b
 *
 * Return: how many there are.
 */
size_t keys_differences(const struct keys *keys, const void *a, const void *b, FILE *out);
/** keys_print_marked() - the same of what keys_mark() has marked. */
void keys_print_marked(const struct keys *keys, const void *object, const void *mask, FILE *out);
/** keys_name_pattern() - names as a regular expression. */
void keys_name_pattern(size_t max, char *buf, size_t len);

/**
 * keys_tables() - @keys and every table below it, each once, parents first
 *
 * Return: how many; at most KEYS_TABLES_MAX.
 */
size_t keys_tables(const struct keys *keys, const struct keys *ret_tables[static KEYS_TABLES_MAX]);
/** keys_print_reference() - a Markdown section for @keys and for each table below it. */
void keys_print_reference(const struct keys *keys, FILE *out);
/** keys_print_schema() - the JSON Schema (draft 2020-12) of a document. */
void keys_print_schema(const struct keys *keys, const char *title, FILE *out);

#endif
