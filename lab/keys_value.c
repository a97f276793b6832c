/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/keys.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/keys_near.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PPM_PER_PERCENT 10000U

static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{"h", 3600 * NS_PER_S}, {"min", 60 * NS_PER_S}, {"s", NS_PER_S},
	{"ms", NS_PER_MS},	{"us", NS_PER_US},	{"ns", 1},
};

const char *keys_word(const struct key *key, size_t index)
{
	if (key->choices)
		return key->choices(index);
	return key->words ? key->words[index] : NULL;
}

const char *keys_format_duration(uint64_t ns, char buf[static KEYS_DURATION_MAX])
{
	const struct unit *unit = units;

	while (unit->ns > 1 && (ns % unit->ns || !ns))
		unit++;
	(void)snprintf(buf, KEYS_DURATION_MAX, "%" PRIu64 "%s", ns / unit->ns, unit->name);
	return buf;
}

const char *keys_format_percent(uint64_t ppm, char buf[static KEYS_FORMAT_MAX])
{
	size_t len = (size_t)snprintf(buf, KEYS_FORMAT_MAX, "%" PRIu64 ".%04" PRIu64,
				      ppm / PPM_PER_PERCENT, ppm % PPM_PER_PERCENT);

	while (buf[len - 1] == '0')
		len--;
	if (buf[len - 1] == '.')
		len--;
	(void)strcpy(buf + len, "%");
	return buf;
}

void keys_name_pattern(size_t max, char *buf, size_t len)
{
	(void)snprintf(buf, len, "^[a-z]([a-z0-9-]{0,%zu}[a-z0-9])?$", max - 2);
}

int keys_check_name(const char *text, size_t max)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (text[len] || len == 0 || len > max || text[0] < 'a' || text[len - 1] == '-')
		return -EINVAL;
	return 0;
}

static void print_words(const struct key *key, FILE *out)
{
	const char *word;

	for (size_t i = 0; (word = keys_word(key, i)); i++) {
		const char *between = keys_word(key, i + 1) ? ", " : " or ";

		(void)fprintf(out, "%s%s", i ? between : "", word);
	}
}

static void print_expected(const struct key *key, FILE *out);

/* A mapping, or what may stand for it. */
static void print_mapping(const struct keys *keys, FILE *out)
{
	if (keys->shorthand) {
		print_expected(keys_row(keys, keys->shorthand), out);
		(void)fputs(", or ", out);
	}
	(void)fputs("a mapping", out);
}

static void print_expected(const struct key *key, FILE *out)
{
	char from[KEYS_FORMAT_MAX];
	char to[KEYS_FORMAT_MAX];

	switch (key->kind) {
	case KEY_LINE:
		(void)fprintf(out, "one line of text, at most %" PRId64 " bytes", key->max);
		break;
	case KEY_TEXT:
		(void)fprintf(out, "text, at most %" PRId64 " bytes", key->max);
		break;
	case KEY_NAME:
		(void)fprintf(out,
			      "a name (at most %" PRId64
			      " of a-z, 0-9 and -, a letter first, no - last)",
			      key->max);
		break;
	case KEY_POINTER:
		(void)fputs("a JSON pointer such as /end/bytes", out);
		break;
	case KEY_COMMAND:
		(void)fputs("a command (a line, or a list of words)", out);
		break;
	case KEY_BOOL:
		(void)fputs("on or off", out);
		break;
	case KEY_INTEGER:
		(void)fprintf(out, "an integer from %" PRId64 " to %" PRId64 "%s%s", key->min,
			      key->max, key->word ? " or " : "", key->word ? key->word : "");
		break;
	case KEY_PORT:
		(void)fputs("a port from 1 to 65535", out);
		break;
	case KEY_PORTS:
		(void)fputs("ports such as 1024-65535", out);
		break;
	case KEY_DURATION:
		(void)fprintf(out, "a duration from %s to %s, such as %s2s or 1min",
			      keys_format_duration((uint64_t)key->min, from),
			      keys_format_duration((uint64_t)key->max, to),
			      key->unit > NS_PER_MS ? "" : "300ms, ");
		break;
	case KEY_PERCENT:
		(void)fprintf(out, "a percentage from %s to %s, such as 0.5%%",
			      keys_format_percent((uint64_t)key->min, from),
			      keys_format_percent((uint64_t)key->max, to));
		break;
	case KEY_ENUM:
		print_words(key, out);
		break;
	case KEY_NAMES:
		(void)fprintf(out, "a name, or a list of at most %" PRId64 " names", key->max);
		break;
	case KEY_FILE:
		(void)fputs("the name of a file", out);
		break;
	case KEY_STRUCT:
	case KEY_OWN:
		print_mapping(key->keys, out);
		break;
	case KEY_LIST:
		(void)fprintf(out, "a list of %s", key->keys->plural);
		break;
	case KEY_ONE_OR_LIST:
		(void)fprintf(out, "%s or a list of %s", key->keys->noun, key->keys->plural);
		break;
	case KEY_MAP:
		(void)fputs("a mapping from ", out);
		if (key->words)
			print_words(key, out);
		(void)fprintf(out, "%s to %s", key->words ? "" : "names", key->keys->plural);
		break;
	}
}

char *keys_expected(const struct key *key)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	print_expected(key, out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* "expected X, found Y" and a suggestion. */
static int unexpected(const struct key *key, const char *text, bool plain, struct error *why)
{
	cleanup_free char *expected = keys_expected(key);
	struct keys_near near = keys_near(text);
	char quoted[SOURCE_QUOTE_MAX];
	char hint[KEYS_HINT_MAX];
	const char *word;

	if (!expected)
		return -ENOMEM;
	for (size_t i = 0; key->kind == KEY_ENUM && (word = keys_word(key, i)); i++)
		keys_near_offer(&near, word);
	if (key->word)
		keys_near_offer(&near, key->word);
	return error_set(why, EINVAL, "expected %s, found %s%s%s", expected,
			 plain ? "" : "the text ", source_quote(text, quoted),
			 keys_near_hint(&near, hint));
}

static void store(const struct key *key, void *member, int64_t value)
{
	if (key->size == 1)
		*(uint8_t *)member = (uint8_t)value;
	else if (key->size == 2)
		*(uint16_t *)member = (uint16_t)value;
	else if (key->size == 4)
		*(uint32_t *)member = (uint32_t)value;
	else
		*(uint64_t *)member = (uint64_t)value;
}

static int read_integer(const struct key *key, const char *text, bool plain, int64_t *ret_value)
{
	const char *digits = *text == '-' ? text + 1 : text;
	int64_t min = key->kind == KEY_PORT ? 1 : key->min;
	int64_t max = key->kind == KEY_PORT ? UINT16_MAX : key->max;
	long long value;

	if (key->word && strcmp(text, key->word) == 0) {
		*ret_value = key->word_value;
		return 0;
	}
	/* 010 is eight to some readers of YAML and ten to others. */
	if (!plain || !*digits || digits[strspn(digits, "0123456789")] ||
	    (*digits == '0' && digits[1]))
		return -EINVAL;
	errno = 0;
	value = strtoll(text, NULL, 10);
	if (errno || value < min || value > max)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

/** struct decimal - @whole + @part / @scale */
struct decimal {
	uint64_t whole, part, scale;
};

/* Digits, perhaps a point and up to six digits more. Return: what follows, or NULL. */
static const char *read_decimal(const char *text, struct decimal *ret)
{
	struct decimal d = {.scale = 1};
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18)
		return NULL;
	for (; digits; digits--)
		d.whole = d.whole * 10 + (uint64_t)(*text++ - '0');
	if (*text == '.') {
		digits = strspn(++text, "0123456789");
		if (digits == 0 || digits > 6)
			return NULL;
		for (; digits; digits--, d.scale *= 10)
			d.part = d.part * 10 + (uint64_t)(*text++ - '0');
	}
	*ret = d;
	return text;
}

static int read_percent(const struct key *key, const char *text, int64_t *ret_value)
{
	struct decimal d;
	uint64_t ppm;

	text = read_decimal(text, &d);
	/* No less than one in a million can be said. */
	if (!text || strcmp(text, "%") != 0 || d.part * PPM_PER_PERCENT % d.scale)
		return -EINVAL;
	if (__builtin_mul_overflow(d.whole, PPM_PER_PERCENT, &ppm) ||
	    __builtin_add_overflow(ppm, d.part * PPM_PER_PERCENT / d.scale, &ppm) ||
	    ppm < (uint64_t)key->min || ppm > (uint64_t)key->max)
		return -EINVAL;
	*ret_value = (int64_t)ppm;
	return 0;
}

/* A number and a unit. */
static int read_duration(const struct key *key, const char *text, int64_t *ret_value)
{
	struct decimal d;
	uint64_t ns;

	text = read_decimal(text, &d);
	if (!text)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(text, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(d.whole, units[i].ns, &ns) ||
		    __builtin_add_overflow(ns, d.part * units[i].ns / d.scale, &ns) ||
		    ns < (uint64_t)key->min || ns > (uint64_t)key->max ||
		    (key->unit && ns % key->unit))
			return -EINVAL;
		*ret_value = (int64_t)(key->unit ? ns / key->unit : ns);
		return 0;
	}
	return -EINVAL;
}

/* "1024-65535", or "5000": just that one. */
static int read_ports(const char *text, uint16_t ret_ports[static 2])
{
	const struct key port = {.kind = KEY_PORT};
	char first[sizeof("65535")];
	size_t len = strcspn(text, "-");
	int64_t from, to;

	if (len >= sizeof(first))
		return -EINVAL;
	(void)snprintf(first, sizeof(first), "%.*s", (int)len, text);
	if (read_integer(&port, first, true, &from) < 0 ||
	    read_integer(&port, text[len] ? text + len + 1 : text, true, &to) < 0 || from > to)
		return -EINVAL;
	ret_ports[0] = (uint16_t)from;
	ret_ports[1] = (uint16_t)to;
	return 0;
}

static int read_bool(const char *text, bool plain, int64_t *ret_value)
{
	static const char *const words[] = {"off", "on", "no", "yes", "false", "true"};

	for (size_t i = 0; plain && i < ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i]) == 0) {
			*ret_value = i % 2;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_word(const struct key *key, const char *text, size_t *ret_index)
{
	const char *word;

	for (size_t i = 0; (word = keys_word(key, i)); i++) {
		if (strcmp(text, word) == 0) {
			*ret_index = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int check_pointer(const char *text)
{
	if (*text != '/')
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (*c == '~' && c[1] != '0' && c[1] != '1')
			return -EINVAL;
	return 0;
}

static int check_text(const struct key *key, const char *text)
{
	size_t len = strlen(text);

	if (key->kind == KEY_NAME)
		return keys_check_name(text, (size_t)key->max);
	if (key->kind == KEY_POINTER && check_pointer(text) < 0)
		return -EINVAL;
	if (key->kind != KEY_TEXT && text[strcspn(text, "\n\t")])
		return -EINVAL;
	if (len > (size_t)key->max || len < (size_t)key->min)
		return -EINVAL;
	return 0;
}

static int read_number(const struct key *key, const char *text, bool plain, int64_t *ret_value)
{
	size_t index;
	int r;

	if (key->kind == KEY_BOOL)
		return read_bool(text, plain, ret_value);
	if (key->kind == KEY_DURATION)
		return read_duration(key, text, ret_value);
	if (key->kind == KEY_PERCENT)
		return read_percent(key, text, ret_value);
	if (key->kind != KEY_ENUM)
		return read_integer(key, text, plain, ret_value);
	r = read_word(key, text, &index);
	if (r == 0)
		*ret_value = key->values ? key->values[index] : (int64_t)index;
	return r;
}

int keys_scalar(const struct key *key, const char *text, bool plain, void *member,
		struct error *why)
{
	int64_t number;
	char *copy;

	switch (key->kind) {
	case KEY_LINE:
	case KEY_TEXT:
	case KEY_NAME:
	case KEY_POINTER:
	case KEY_FILE:
		if (check_text(key, text) < 0)
			return unexpected(key, text, true, why);
		copy = strdup(text);
		if (!copy)
			return -ENOMEM;
		*(char **)member = copy;
		return 0;
	case KEY_COMMAND:
		return keys_split(text, member, why);
	case KEY_PORTS:
		return read_ports(text, member) < 0 ? unexpected(key, text, plain, why) : 0;
	case KEY_BOOL:
	case KEY_INTEGER:
	case KEY_PORT:
	case KEY_DURATION:
	case KEY_PERCENT:
	case KEY_ENUM:
		if (read_number(key, text, plain, &number) < 0)
			return unexpected(key, text, plain, why);
		if (key->set)
			key->set(member, (size_t)number);
		else
			store(key, member, number);
		return 0;
	case KEY_NAMES:
	case KEY_STRUCT:
	case KEY_OWN:
	case KEY_LIST:
	case KEY_ONE_OR_LIST:
	case KEY_MAP:
		break;
	}
	return unexpected(key, text, true, why);
}
