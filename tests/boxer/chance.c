/* SPDX-License-Identifier: MIT */
#include "tests/boxer/chance.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/random.h>

struct chance chance;

static const char *name(void)
{
	return "tests/boxer/chance";
}

static void fill(void *const buf, const size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = getrandom((uint8_t *)buf + done, size - done, 0);

		if (n < 0)
			abort();
		done += (size_t)n;
	}
}

static uint32_t any(void)
{
	uint32_t number;

	fill(&number, sizeof(number));
	return number;
}

static uint32_t highest(const uint32_t bound)
{
	if (bound >= chance.least) {
		chance.calls++;
		chance.bound = bound;
	}
	return bound > 0 ? bound - 1 : 0;
}

void chance_highest(uint32_t least)
{
	static randombytes_implementation rigged = {
		.implementation_name = name,
		.random = any,
		.uniform = highest,
		.buf = fill,
	};

	chance = (struct chance){.least = least};
	(void)randombytes_set_implementation(&rigged);
}
