/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/human.h"

#include "base/cleanup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const times[] = {"ns", "us", "ms", "s"};
static const char *const prefixes[] = {"", "k", "M", "G", "T", "P"};

/* Two or three digits: 2.6, 11.3, 531. What is whole stays whole. */
static const char *digits(double value, char *buf, size_t size)
{
	double magnitude = fabs(value);

	if (magnitude >= 1000 || magnitude == (double)(int)magnitude)
		(void)snprintf(buf, size, "%.6g", value);
	else if (magnitude >= 99.95)
		(void)snprintf(buf, size, "%.0f", value);
	else if (magnitude >= 0.95)
		(void)snprintf(buf, size, "%.1f", value);
	else
		(void)snprintf(buf, size, "%.2g", value);
	return buf;
}

/* Move @value along a ladder of @n rungs of 1000 each, from @rung. Return: the new rung. */
static size_t climb(double *value, size_t rung, size_t n)
{
	/* 999.5 would be printed as 1000 */
	for (; rung + 1 < n && fabs(*value) >= 999.5; rung++)
		*value /= 1000;
	for (; rung > 0 && *value != 0 && fabs(*value) < 0.9995; rung--)
		*value *= 1000;
	return rung;
}

const char *human_format(double value, const char *unit, char buf[static HUMAN_TEXT_MAX])
{
	char number[32];
	const char *prefix = "";
	size_t rung;

	for (rung = 0; rung < ARRAY_SIZE(times); rung++)
		if (strcmp(unit, times[rung]) == 0)
			break;
	if (rung < ARRAY_SIZE(times)) {
		unit = times[climb(&value, rung, ARRAY_SIZE(times))];
	} else if (*unit == 'B' || strncmp(unit, "bit", 3) == 0) {
		prefix = prefixes[climb(&value, 0, ARRAY_SIZE(prefixes))];
	}
	(void)snprintf(buf, HUMAN_TEXT_MAX, "%s%s%s%.20s", digits(value, number, sizeof(number)),
		       *unit ? " " : "", prefix, unit);
	return buf;
}
