/* SPDX-License-Identifier: MIT */
/*
 * Interface for times that were measured, and what is told of them: nanoseconds in,
 * microseconds out.
 */
#ifndef SCENARIOS_SAMPLE_H
#define SCENARIOS_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

/** sample_sort() - the least first, as the others want them. */
void sample_sort(uint64_t *ns, size_t n);
/** sample_median() - of an even number it is the mean of the middle two. */
double sample_median(const uint64_t *ns, size_t n);
/** sample_percentile() - by the nearest rank. */
double sample_percentile(const uint64_t *ns, size_t n, unsigned percent);

#endif
