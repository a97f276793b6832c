/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a grid's reports: the same data as JSON (docs/matrix.schema.json),
 * as a table for terminals and pipes, and as one HTML file that needs nothing
 * else. The reports own nothing.
 */
#ifndef LAB_MATRIX_REPORT_H
#define LAB_MATRIX_REPORT_H

#include "lab/matrix/grid.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#define REPORT_SCHEMA	1
#define REPORT_NATS_MAX 2048 /* a line that says what is wrong with NATs; more is cut off */

/**
 * struct report - a grid and how it came about
 * @started: by the wall clock, for people
 * @ended: the user ended it before all was tried
 * @uids: how many are mapped in the lab
 */
struct report {
	const struct grid *grid;
	struct timespec started;
	double duration_s;
	bool ended;
	unsigned uids;
};

/** report_count() - how many cells have that status. */
size_t report_count(const struct grid *grid, enum cell_status status);
/** report_summary() - "169 cells: 150 agree, ..." on one line. Return: @buf. */
const char *report_summary(const struct report *report, char *buf, size_t size);
/**
 * report_nats() - what was measured of the NATs, a sentence each that is not as
 * declared; on one line. Return: @buf.
 */
const char *report_nats(const struct grid *grid, char *buf, size_t size);
/** report_cell_of() - the cell of that place in the grid, or NULL when it is not wanted. */
const struct grid_cell *report_cell_of(const struct grid *grid, size_t technique, size_t from,
				       size_t to);

/** report_json() - Return: a new reference, or NULL (ENOMEM). */
json_t *report_json(const struct report *report);
/** report_text() - @colour: with escape sequences. */
void report_text(const struct report *report, bool colour, FILE *out);
/** report_html() - well-formed as XML, too. */
void report_html(const struct report *report, FILE *out);

#endif
