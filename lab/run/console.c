/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/console.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_AFTER_NS (2 * NS_PER_S)

static const struct {
	const char *word;
	const char *colour;
} looks[] = {
	[VERDICT_PASS] = {"ok", "\033[32m"},
	[VERDICT_SKIP] = {"skip", "\033[33m"},
	[VERDICT_FAIL] = {"fail", "\033[31m"},
	[VERDICT_ERROR] = {"error", "\033[31m"},
};

void console_init(struct console *console, bool quiet, bool verbose)
{
	const char *term = getenv("TERM");
	const char *no_colour = getenv("NO_COLOR");

	*console = (struct console){.quiet = quiet, .verbose = verbose};
	console->terminal = !quiet && isatty(STDOUT_FILENO);
	console->colour = console->terminal && term && strcmp(term, "dumb") != 0 &&
			  !(no_colour && *no_colour);
}

static void wipe(struct console *console)
{
	if (console->pending)
		(void)fputs("\r\033[K", stdout);
	console->pending = false;
}

/* A word of five columns, in its colour. */
static void print_word(const struct console *console, enum verdict verdict, const char *word)
{
	(void)printf("%s%-5s%s", console->colour ? looks[verdict].colour : "", word,
		     console->colour ? "\033[0m" : "");
}

void console_step(struct console *console, const struct result_step *step)
{
	if (console->quiet)
		return;
	wipe(console);
	print_word(console, step->status, looks[step->status].word);
	(void)printf(" %6.2f s  %s", (double)step->duration_ns / NS_PER_S, step->name);
	if (*step->reason)
		(void)printf(": %s", step->reason);
	else if (*step->detail && !strstr(step->name, step->detail))
		(void)printf("   %s", step->detail);
	(void)putchar('\n');
	(void)fflush(stdout);
}

void console_progress(struct console *console, const char *name, uint64_t elapsed_ns)
{
	uint64_t seconds = elapsed_ns / NS_PER_S;

	if (!console->terminal || elapsed_ns < PROGRESS_AFTER_NS ||
	    (console->pending && seconds == console->shown_s))
		return;
	wipe(console);
	(void)printf("...   %3" PRIu64 "    s  %s", seconds, name);
	(void)fflush(stdout);
	console->pending = true;
	console->shown_s = seconds;
}

void console_verdict(struct console *console, const struct result *result)
{
	static const char *const words[] = {
		[VERDICT_PASS] = "PASS",
		[VERDICT_SKIP] = "SKIP",
		[VERDICT_FAIL] = "FAIL",
		[VERDICT_ERROR] = "ERROR",
	};

	if (console->quiet)
		return;
	wipe(console);
	print_word(console, result->verdict, words[result->verdict]);
	(void)printf(" %6.2f s  %s", (double)result->duration_ns / NS_PER_S,
		     result->plan->scenario->name);
	if (*result->reason)
		(void)printf(": %s", result->reason);
	(void)putchar('\n');
	(void)fflush(stdout);
}

void console_say(struct console *console, const char *fmt, ...)
{
	va_list ap;

	if (!console->verbose)
		return;
	wipe(console);
	(void)fflush(stdout);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}
