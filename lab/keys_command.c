/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A command line is split by the quoting rules of the POSIX shell (XCU 2.2):
 * blanks end a word; '...' holds anything; "..." holds anything, with a
 * backslash before $ ` " \ or a line break; a bare backslash quotes one
 * character. There is no shell behind it, so what one would expand or act upon
 * is refused where it stands unquoted: passing "|" on as an argument would be a
 * program that fails in a way nobody understands.
 */
#include "lab/keys.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

/* The words found so far; the last one is being written. */
struct words {
	char **word;
	size_t n;
	char *text; /* the word under way */
	size_t len;
	bool open;
};

static void drop_words(struct words *words)
{
	keys_free_words(words->word);
	free(words->text);
}

void keys_free_words(char **words)
{
	for (char **w = words; w && *w; w++)
		free(*w);
	free(words);
}

static int end_word(struct words *words, struct error *why)
{
	char **grown;

	if (!words->open)
		return 0;
	if (words->n == KEYS_WORDS_MAX)
		return error_set(why, EINVAL, "more than %d words in a command", KEYS_WORDS_MAX);
	grown = reallocarray(words->word, words->n + 2, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	words->word = grown;
	words->word[words->n] = strndup(words->text, words->len);
	if (!words->word[words->n])
		return -ENOMEM;
	words->word[++words->n] = NULL;
	words->len = 0;
	words->open = false;
	return 0;
}

static void put(struct words *words, char c)
{
	words->text[words->len++] = c;
	words->open = true;
}

static int expansion(char c, struct error *why)
{
	return error_set(why, EINVAL,
			 "there is no shell to understand %c: put it in single quotes, or run "
			 "[sh, -c, '...']",
			 c);
}

/* From behind an opening quote. Return: the length with the closing one, or -EINVAL. */
static int read_quoted(struct words *words, const char *text, char quote, struct error *why)
{
	const char *c = text;

	words->open = true; /* '' is a word */
	for (; *c && *c != quote; c++) {
		if (quote == '"' && *c == '\\' && c[1] && strchr("$`\"\\\n", c[1])) {
			if (*++c != '\n')
				put(words, *c);
		} else if (quote == '"' && (*c == '$' || *c == '`')) {
			return expansion(*c, why);
		} else {
			put(words, *c);
		}
	}
	if (!*c)
		return error_set(why, EINVAL, "the quote %c is not closed", quote);
	return (int)(c - text) + 1;
}

int keys_split(const char *text, char ***ret_words, struct error *why)
{
	cleanup_with(drop_words) struct words words = {0};
	size_t len = strnlen(text, KEYS_COMMAND_MAX + 1);
	int r;

	if (len > KEYS_COMMAND_MAX)
		return error_set(why, EINVAL, "a command of more than %d bytes", KEYS_COMMAND_MAX);
	words.text = malloc(len + 1);
	if (!words.text)
		return -ENOMEM;
	for (const char *c = text; *c; c++) {
		if (strchr(" \t\n", *c)) {
			r = end_word(&words, why);
			if (r < 0)
				return r;
		} else if (*c == '\'' || *c == '"') {
			r = read_quoted(&words, c + 1, *c, why);
			if (r < 0)
				return r;
			c += r;
		} else if (*c == '\\') {
			if (!*++c)
				return error_set(why, EINVAL, "nothing follows the last backslash");
			if (*c != '\n')
				put(&words, *c);
		} else if (strchr("|&;<>()$`", *c)) {
			return expansion(*c, why);
		} else {
			put(&words, *c);
		}
	}
	r = end_word(&words, why);
	if (r < 0)
		return r;
	if (words.n == 0 || !*words.word[0])
		return error_set(why, EINVAL, "the command is empty");
	*ret_words = take_ptr(words.word);
	return 0;
}
