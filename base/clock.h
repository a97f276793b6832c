/* SPDX-License-Identifier: MIT */
/*
 * Interface for time: one clock, CLOCK_MONOTONIC, in nanoseconds. Deadlines
 * are absolute values of it; nothing in the project reads the wall clock to
 * decide anything.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/** clock_now() - nanoseconds on CLOCK_MONOTONIC. */
static inline uint64_t clock_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

#endif
