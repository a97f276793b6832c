/* SPDX-License-Identifier: MIT */
#include "scenarios/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int command_fail(const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return EXIT_FAILURE;
}

int command_usage(const char *usage, bool asked)
{
	(void)fputs(usage, asked ? stdout : stderr);
	return asked ? EXIT_SUCCESS : EXIT_MISUSED;
}

unsigned long command_number(const char *what, const char *text, unsigned long min,
			     unsigned long max)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || value < min || value > max) {
		(void)command_fail("%s: \"%s\" is not a number from %lu to %lu", what, text, min,
				   max);
		exit(EXIT_MISUSED);
	}
	return value;
}
