/* SPDX-License-Identifier: MIT */
/*
 * Interface for the command lines of the programs that scenarios need: what they say
 * on standard error begins with the program's name, and all end alike.
 */
#ifndef SCENARIOS_COMMAND_H
#define SCENARIOS_COMMAND_H

#include <stdbool.h>

/* Exit status of a command line that makes no sense. */
#define EXIT_MISUSED 2

/** command_fail() - a sentence on standard error. Return: EXIT_FAILURE. */
int command_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * command_usage() - say how to use the program
 * @asked: by --help; else because the command line makes no sense
 *
 * Return: the exit status.
 */
int command_usage(const char *usage, bool asked);

/**
 * command_number() - read a number from @min to @max; any other ends the program
 * @what: it is, on the command line
 */
unsigned long command_number(const char *what, const char *text, unsigned long min,
			     unsigned long max);

#endif
