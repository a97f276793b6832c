/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_source.h"

#include "base/cleanup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool before(struct where a, struct where b)
{
	return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* Behind those of the same place: they stay in the order in which they were found. */
static void insert(struct scenario_errors *errors, struct where at, struct where inner, char *text)
{
	size_t i = errors->n;

	while (i > 0 && (before(at, errors->at[i - 1]) ||
			 (!before(errors->at[i - 1], at) && before(inner, errors->inner[i - 1]))))
		i--;
	if (errors->n == SCENARIO_ERRORS_MAX) {
		errors->more++;
		if (i == errors->n) {
			free(text);
			return;
		}
		free(errors->text[--errors->n]);
	}
	(void)memmove(errors->text + i + 1, errors->text + i,
		      (errors->n - i) * sizeof(errors->text[0]));
	(void)memmove(errors->at + i + 1, errors->at + i, (errors->n - i) * sizeof(errors->at[0]));
	(void)memmove(errors->inner + i + 1, errors->inner + i,
		      (errors->n - i) * sizeof(errors->inner[0]));
	errors->text[i] = text;
	errors->at[i] = at;
	errors->inner[i] = inner;
	errors->n++;
}

/* A name in it may be anything, in the document and of a file; an error is one line. */
static void put_on_one_line(char *text)
{
	for (char *c = text; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
}

void source_error(struct source *source, struct where at, const char *fmt, ...)
{
	cleanup_free char *sentence = NULL;
	char *text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&sentence, fmt, ap);
	va_end(ap);
	if (r < 0)
		sentence = NULL;
	if (!sentence ||
	    asprintf(&text, "%s:%u:%u: %s", source->file, at.line, at.column, sentence) < 0) {
		source->errors->more++; /* no memory for the words, but it counts */
		return;
	}
	put_on_one_line(text);
	insert(source->errors, source->within.line ? source->within : at,
	       source->within.line ? at : (struct where){0}, text);
}

bool source_failed(const struct source *source)
{
	return source->errors->n || source->errors->more;
}

bool source_complained_at(const struct source *source, struct where at)
{
	for (size_t i = 0; i < source->errors->n; i++)
		if (source->errors->at[i].line == at.line &&
		    source->errors->at[i].column == at.column)
			return true;
	return false;
}

bool source_is_full(const struct source *source)
{
	return source->errors->more > 0;
}

const char *source_quote(const char *text, char buf[static SOURCE_QUOTE_MAX])
{
	const size_t room = SOURCE_QUOTE_MAX - sizeof("'...'");
	size_t len = strnlen(text, room + 1);
	const char *tail = "";

	if (len > room) {
		tail = "...";
		len = room;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--; /* not in the middle of a character */
	}
	(void)snprintf(buf, SOURCE_QUOTE_MAX, "'%.*s%s'", (int)len, text, tail);
	put_on_one_line(buf);
	return buf;
}

void scenario_errors_free(struct scenario_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++)
		free(errors->text[i]);
	(void)memset(errors, 0, sizeof(*errors));
}
