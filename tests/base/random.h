/* SPDX-License-Identifier: MIT */
/*
 * Interface for chance in tests: xorshift64*, so that a seed means the same run
 * everywhere, and BOXLAB_COUNT, which says how many times the usual number of
 * runs there are. A test that fails prints the seed of the run.
 */
#ifndef TESTS_BASE_RANDOM_H
#define TESTS_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/** random_draw() - the next number; @state is any number but 0. */
static inline uint64_t random_draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

/** random_below() - 0 .. @n - 1; 0 when @n is 0. */
static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
	return n ? (random_draw(state) >> 16) % n : 0;
}

/** random_chance() - true in @percent of a hundred cases. */
static inline int random_chance(uint64_t *state, unsigned percent)
{
	return random_below(state, 100) < percent;
}

/** random_fill() - @n bytes. */
static inline void random_fill(uint64_t *state, uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(random_draw(state) >> 32);
}

/** random_seed() - the state with which run number @run begins. */
static inline uint64_t random_seed(unsigned long run)
{
	uint64_t state = (run + 1) * 0x9e3779b97f4a7c15ULL;

	return state ? state : 1;
}

/** random_count() - @usual times BOXLAB_COUNT, which is 1 unless it is set. */
static inline unsigned long random_count(unsigned long usual)
{
	const char *text = getenv("BOXLAB_COUNT");
	unsigned long times = text ? strtoul(text, NULL, 10) : 1;

	return usual * (times ? times : 1);
}

#endif
