/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for what a run tells the user: one line per step as it ends, the
 * verdict, and, on a terminal, how long the present step has been going. Colours
 * and progress are for terminals only.
 */
#ifndef LAB_RUN_CONSOLE_H
#define LAB_RUN_CONSOLE_H

#include "lab/result.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * struct console - where a run's lines go
 * @quiet: nothing on stdout
 * @verbose: console_say() speaks
 * @terminal: stdout is one
 * @colour: it wants colours
 * @pending: a line of progress stands there and must be wiped out
 * @shown_s: the seconds that it shows
 */
struct console {
	bool quiet, verbose;
	bool terminal, colour;
	bool pending;
	uint64_t shown_s;
};

/** console_init() - look at stdout and the environment. */
void console_init(struct console *console, bool quiet, bool verbose);
/** console_step() - a step has ended. */
void console_step(struct console *console, const struct result_step *step);
/** console_progress() - a step goes on; worth a line after two seconds. */
void console_progress(struct console *console, const char *name, uint64_t elapsed_ns);
/** console_verdict() - the run has ended. */
void console_verdict(struct console *console, const struct result *result);
/** console_say() - a detail for --verbose, on stderr. */
void console_say(struct console *console, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
