/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/keys_near.h"

#include <stdio.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Optimal string alignment: insertions, deletions, substitutions, and swaps of
 * neighbours, each one change. Three rows of the matrix are enough.
 */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][KEYS_NEAR_MAX + 1];
	size_t *before = rows[0];
	size_t *above = rows[1];
	size_t *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *oldest = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = a[i - 1] != b[j - 1];

			row[j] = least(above[j - 1] + change, least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[b_len];
}

struct keys_near keys_near(const char *word)
{
	size_t len = strnlen(word, KEYS_NEAR_MAX + 1);

	/* Changing all of a word makes any other of it. */
	return (struct keys_near){
		.word = word,
		.distance = len > KEYS_NEAR_MAX ? 0 : least(len, len / 4 + 2),
	};
}

void keys_near_offer(struct keys_near *near, const char *candidate)
{
	size_t len = strnlen(candidate, KEYS_NEAR_MAX + 1);
	size_t word_len;
	size_t d;

	if (near->distance == 0 || len > KEYS_NEAR_MAX)
		return;
	word_len = strlen(near->word);
	if ((len > word_len ? len - word_len : word_len - len) >= near->distance)
		return; /* so many insertions at least */
	d = distance(near->word, word_len, candidate, len);
	if (d < near->distance) {
		near->distance = d;
		near->best = candidate;
	}
}

const char *keys_near_hint(const struct keys_near *near, char buf[static KEYS_HINT_MAX])
{
	buf[0] = '\0';
	if (near->best)
		(void)snprintf(buf, KEYS_HINT_MAX, ", did you mean '%s'?", near->best);
	return buf;
}
