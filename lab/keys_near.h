/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for suggestions: of the words that would have been right, the one
 * that somebody probably meant. Candidates are offered one by one and borrowed.
 */
#ifndef LAB_KEYS_NEAR_H
#define LAB_KEYS_NEAR_H

#include <stddef.h>

#define KEYS_NEAR_MAX 40 /* longer words get no suggestion */
#define KEYS_HINT_MAX (KEYS_NEAR_MAX + 24)

/**
 * struct keys_near - a search for the nearest word
 * @word: what was written
 * @best: the nearest candidate so far, or NULL
 * @distance: the fewest changes that would be too many
 */
struct keys_near {
	const char *word;
	const char *best;
	size_t distance;
};

/** keys_near() - begin: at most one change in four characters, and one more, is a slip. */
struct keys_near keys_near(const char *word);
/** keys_near_offer() - this word would have been right; the first of equals wins. */
void keys_near_offer(struct keys_near *near, const char *candidate);
/** keys_near_hint() - ", did you mean 'x'?", or "". Return: @buf. */
const char *keys_near_hint(const struct keys_near *near, char buf[static KEYS_HINT_MAX]);

#endif
