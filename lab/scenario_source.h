/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the document that is being read: its name, and where its errors
 * are collected. Every room that reads a document (yaml, keys, scenario)
 * complains here and reads on, so that a person sees all errors at once. The
 * errors are kept sorted by position; of too many, the first ones of the
 * document are kept. Borrows the name and the errors.
 */
#ifndef LAB_SCENARIO_SOURCE_H
#define LAB_SCENARIO_SOURCE_H

#include "lab/scenario.h"

#define SOURCE_QUOTE_MAX 48

/**
 * struct source - a document being read
 * @file: its name, for errors
 * @errors: the caller's; zeroed to begin with
 * @within: where the document that the user gave names this one; line 0: it is that one
 */
struct source {
	const char *file;
	struct scenario_errors *errors;
	struct where within;
};

/** source_error() - complain about the place @at: "file:line:col: sentence". */
void source_error(struct source *source, struct where at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** source_failed() - has anybody complained yet? */
bool source_failed(const struct source *source);
/** source_complained_at() - has anybody complained about exactly this place yet? */
bool source_complained_at(const struct source *source, struct where at);
/** source_is_full() - more errors than anybody will read: spare the work of good advice. */
bool source_is_full(const struct source *source);

/**
 * source_quote() - a piece of the document for use in a sentence: in quotes, on
 * one line, and cut when it is long
 *
 * Return: @buf, so that it may stand in a printf argument list.
 */
const char *source_quote(const char *text, char buf[static SOURCE_QUOTE_MAX]);

#endif
