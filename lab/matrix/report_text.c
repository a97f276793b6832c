/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/matrix/report.h"

#include "base/cleanup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REASONS_MAX 12 /* that are told in a terminal */
#define COLUMN	    6

static const char *const marks[] = {
	[TRIAL_NONE] = ".",   [TRIAL_DIRECT] = "ok",   [TRIAL_FAILED] = "--",
	[TRIAL_ERROR] = "??", [TRIAL_RELAYED] = "rel",
};

static const char *const colours[CELL_STATUSES] = {
	[CELL_TIMING] = "\033[33m",
	[CELL_FLAKY] = "\033[35m",
	[CELL_DIFFERS] = "\033[1;31m",
	[CELL_ERROR] = "\033[1;31m",
};

static const char legend[] =
	"ok direct, -- no connection, a/b at a gap of 0 and of 10 ms where theory says\n"
	"\"timing\", ! theory says otherwise, ~ only the second trial is as theory says,\n"
	"?? the lab could not find out, . not run\n";

static const char strategies[] =
	"of boxer, instead of ok, the strategy: dir direct, pri private, sim simultaneous,\n"
	"syn synchronised, rev reverse, seq sequential, pre predict, bir birthday, rel relay\n";

size_t report_count(const struct grid *grid, enum cell_status status)
{
	size_t n = 0;

	for (size_t i = 0; i < grid->n_cells; i++)
		n += grid_status(&grid->cells[i]) == status;
	return n;
}

const char *report_summary(const struct report *report, char *buf, size_t size)
{
	size_t len = (size_t)snprintf(buf, size, "%zu cells in %.1f s", report->grid->n_cells,
				      report->duration_s);

	for (int i = CELL_STATUSES; i-- > 0 && len < size;) {
		size_t n = report_count(report->grid, (enum cell_status)i);

		if (n)
			len += (size_t)snprintf(buf + len, size - len, ", %zu %s", n,
						cell_status_names[i]);
	}
	return buf;
}

static size_t append(char *buf, size_t size, size_t len, const char *nat, const char *text)
{
	if (len >= size)
		return len;
	return len +
	       (size_t)snprintf(buf + len, size - len, "%s%s: %s", len ? "; " : "", nat, text);
}

static size_t count_measured(const struct grid *grid)
{
	size_t n = 0;

	for (size_t i = 0; grid->measured && i < grid->n_measured; i++)
		n += grid->measured[i].known;
	return n;
}

const char *report_nats(const struct grid *grid, char *buf, size_t size)
{
	enum grid_nats status = grid_nats(grid);
	size_t n = count_measured(grid), len = 0;

	(void)snprintf(buf, size, "the NATs were not measured");
	if (status == GRID_NATS_AGREE)
		(void)snprintf(buf, size, "%zu NAT%s behave%s as declared", n, n == 1 ? "" : "s",
			       n == 1 ? "s" : "");
	if (status < GRID_NATS_FAILED)
		return buf;
	for (size_t i = 0; i < grid->n_measured; i++) {
		const struct grid_measured *m = &grid->measured[i];

		if (m->failure.code)
			len = append(buf, size, len, grid->nats[i]->preset, m->failure.text);
		for (size_t j = 0; j < m->differences.n; j++)
			len = append(buf, size, len, grid->nats[i]->preset, m->differences.text[j]);
	}
	return buf;
}

const struct grid_cell *report_cell_of(const struct grid *grid, size_t technique, size_t from,
				       size_t to)
{
	/* They are in this order, though some are left out. */
	for (size_t i = 0; i < grid->n_cells; i++) {
		const struct grid_cell *cell = &grid->cells[i];

		if (cell->technique == technique && cell->from == from && cell->to == to)
			return cell;
	}
	return NULL;
}

/* "ok", "sim", "18/20" */
static void print_mark(const struct grid_cell *cell, size_t gap, char *text, size_t size)
{
	const struct trial *trial = grid_trial(cell, gap);
	size_t made, expected = grid_as_expected(cell, &made);
	size_t len = strlen(text);

	if (expected < made && cell->repeat > 1)
		(void)snprintf(text + len, size - len, "%zu/%zu", expected, made);
	else if (trial->kind == TRIAL_DIRECT && *trial->route.strategy)
		(void)snprintf(text + len, size - len, "%.3s", trial->route.strategy);
	else
		(void)snprintf(text + len, size - len, "%s", marks[trial->kind]);
}

static void print_cell(const struct grid_cell *cell, bool colour, FILE *out)
{
	char text[8 * COLUMN] = "";
	enum cell_status status;
	const char *c;

	if (!cell) {
		(void)fprintf(out, " %*s", COLUMN, "");
		return;
	}
	status = grid_status(cell);
	for (size_t i = 0; i < cell->n_gaps; i++) {
		if (i)
			(void)strcat(text, "/");
		print_mark(cell, i, text, sizeof(text) - 2);
	}
	if (status == CELL_DIFFERS)
		(void)strcat(text, "!");
	if (status == CELL_FLAKY)
		(void)strcat(text, "~");
	c = colours[status];
	if (colour && !c && grid_trial(cell, 0)->kind == TRIAL_DIRECT)
		c = "\033[32m";
	if (!colour || !c)
		(void)fprintf(out, " %-*s", COLUMN, text);
	else
		(void)fprintf(out, " %s%-*s\033[0m", c, COLUMN, text);
}

static bool has_cells(const struct grid *grid, size_t technique)
{
	for (size_t i = 0; i < grid->n_cells; i++)
		if (grid->cells[i].technique == technique)
			return true;
	return false;
}

static int name_width(const struct grid *grid)
{
	size_t width = 0;

	for (size_t i = 0; i < grid->n_nats; i++)
		if (strlen(grid->nats[i]->preset) > width)
			width = strlen(grid->nats[i]->preset);
	return (int)width;
}

static void print_block(const struct grid *grid, size_t technique, bool colour, FILE *out)
{
	int width = name_width(grid);

	(void)fprintf(out, "%s\n%*s", grid->techniques[technique].name, width + 3, "");
	for (size_t to = 0; to < grid->n_nats; to++)
		(void)fprintf(out, " %-*zu", COLUMN, to + 1);
	(void)fputc('\n', out);
	for (size_t from = 0; from < grid->n_nats; from++) {
		(void)fprintf(out, "%2zu %-*s", from + 1, width, grid->nats[from]->preset);
		for (size_t to = 0; to < grid->n_nats; to++)
			print_cell(report_cell_of(grid, technique, from, to), colour, out);
		(void)fputc('\n', out);
	}
	(void)fputc('\n', out);
}

/* Of many repetitions only those that went wrong. */
static void print_trial(const struct grid_cell *cell, const struct trial *t, FILE *out)
{
	bool by_boxer = t->kind == TRIAL_DIRECT && *t->route.strategy;

	if (t->kind == TRIAL_NONE || (cell->repeat > 1 && grid_is_expected(cell, t)))
		return;
	(void)fprintf(out, "\n  trial at %u ms: %s%s%s%s%s", t->gap_ms, trial_kind_names[t->kind],
		      by_boxer ? " by " : "", by_boxer ? t->route.strategy : "",
		      *t->reason ? ": " : "", t->reason);
}

/* Everything that somebody should look at. */
static void print_odd(const struct grid *grid, FILE *out)
{
	for (size_t i = 0; i < grid->n_cells; i++) {
		const struct grid_cell *cell = &grid->cells[i];
		enum cell_status status = grid_status(cell);

		if (status < CELL_FLAKY)
			continue;
		(void)fprintf(out, "%s: %s, %s to %s", cell_status_names[status],
			      grid->techniques[cell->technique].name,
			      grid->nats[cell->from]->preset, grid->nats[cell->to]->preset);
		if (cell->has_theory)
			(void)fprintf(out, "\n  theory: %s: %s",
				      theory_verdict_names[cell->theory.verdict], cell->theory.why);
		for (size_t j = 0; j < cell->n_gaps * cell->slots; j++)
			print_trial(cell, &cell->trials[j], out);
		(void)fputs("\n\n", out);
	}
}

/* Of techniques that theory does not know: why there was no connection. */
static void print_reasons(const struct grid *grid, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < grid->n_cells; i++) {
		const struct grid_cell *cell = &grid->cells[i];
		const struct trial *t = grid_trial(cell, 0);

		if (cell->has_theory || t->kind != TRIAL_FAILED || !*t->reason)
			continue;
		if (n++ < REASONS_MAX)
			(void)fprintf(out, "%s, %s to %s: %s\n",
				      grid->techniques[cell->technique].name,
				      grid->nats[cell->from]->preset, grid->nats[cell->to]->preset,
				      t->reason);
	}
	if (n > REASONS_MAX)
		(void)fprintf(out, "and %zu more, see matrix.html\n", n - REASONS_MAX);
	if (n)
		(void)fputc('\n', out);
}

static void print_shape(const struct grid *grid, FILE *out)
{
	switch (grid->shape) {
	case SHAPE_APART:
		break;
	case SHAPE_SHARED:
		(void)fputs("both machines are behind one NAT\n", out);
		break;
	case SHAPE_DOUBLE:
		(void)fprintf(out, "each NAT is behind a carrier's: %s\n",
			      grid->nats[grid->carrier]->preset);
		break;
	case SHAPE_CROWD:
		(void)fputs("two machines are behind each NAT, and both pairs connect at once\n",
			    out);
		break;
	}
	if (grid->repeat > 1)
		(void)fprintf(out, "every cell %u times; n/m: only n of m are as theory says\n",
			      grid->repeat);
}

void report_text(const struct report *report, bool colour, FILE *out)
{
	const struct grid *grid = report->grid;
	char summary[256], nats[REPORT_NATS_MAX];

	(void)fprintf(out, "%s\n", report_nats(grid, nats, sizeof(nats)));
	print_shape(grid, out);
	(void)fputs("rows connect, columns listen\n\n", out);
	for (size_t i = 0; i < grid->n_techniques; i++)
		if (has_cells(grid, i))
			print_block(grid, i, colour, out);
	(void)fputs(legend, out);
	for (size_t i = 0; i < grid->n_techniques; i++)
		if (grid->techniques[i].boxer)
			(void)fputs(strategies, out);
	(void)fputc('\n', out);
	print_odd(grid, out);
	print_reasons(grid, out);
	(void)fprintf(out, "%s%s\n", report_summary(report, summary, sizeof(summary)),
		      report->ended ? ", ended by the user" : "");
}
