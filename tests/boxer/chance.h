/* SPDX-License-Identifier: MIT */
/*
 * Interface for chance: what is left to it (pauses, mostly) is as the test says, for
 * the rest of its process. Keys and tokens are as random as ever.
 */
#ifndef TESTS_BOXER_CHANCE_H
#define TESTS_BOXER_CHANCE_H

#include <stdint.h>

/** struct chance - what was asked for, of that order: bounds of at least @least */
struct chance {
	uint32_t least;
	unsigned calls;
	uint32_t bound; /* of the last call */
};

extern struct chance chance;

/** chance_highest() - from now on each choice is the highest; those of @least on are counted. */
void chance_highest(uint32_t least);

#endif
