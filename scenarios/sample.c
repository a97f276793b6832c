/* SPDX-License-Identifier: MIT */
#include "scenarios/sample.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void sample_sort(uint64_t *ns, size_t n)
{
	qsort(ns, n, sizeof(*ns), compare);
}

double sample_median(const uint64_t *ns, size_t n)
{
	return ((double)ns[(n - 1) / 2] + (double)ns[n / 2]) / 2e3;
}

double sample_percentile(const uint64_t *ns, size_t n, unsigned percent)
{
	return (double)ns[(n * percent + 99) / 100 - 1] / 1e3;
}
