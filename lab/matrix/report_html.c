/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One file, no scripts, nothing fetched. Every cell says in a word what its
 * colour says, has a tooltip, and leads to its line in the list below the grids.
 */
#include "lab/matrix/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char head[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	"<title>boxlab matrix</title>\n<style>\n"
	":root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #8c959f;\n"
	"  --direct: #c8f0d0; --failed: #e4e7eb; --timing: #fdeeb5; --differs: #ffc9c4;\n"
	"  --flaky: #ecd9fb; --error: #ffd9b0; --relayed: #cfe3ff; }\n"
	"@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117;\n"
	"  --line: #6e7681; --direct: #17512a; --failed: #30363d; --timing: #5c4a06;\n"
	"  --differs: #7d1a16; --flaky: #4b2a6b; --error: #6d3b06; --relayed: #123f75; } }\n"
	"body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink);\n"
	"  background: var(--paper); margin: 2em; }\n"
	"div.wide { overflow-x: auto; }\n"
	"table { border-collapse: collapse; margin: 1em 0 2em; }\n"
	"th, td { border: 1px solid var(--line); padding: .25em .5em; text-align: left;\n"
	"  vertical-align: top; }\n"
	"thead th.to { writing-mode: vertical-rl; transform: rotate(180deg); }\n"
	"td a { color: inherit; text-decoration: none; display: block; }\n"
	"td a:hover, td a:focus { text-decoration: underline; }\n"
	".direct { background: var(--direct); } .failed { background: var(--failed); }\n"
	".timing { background: var(--timing); } .differs { background: var(--differs);\n"
	"  font-weight: bold; outline: 3px double var(--ink); outline-offset: -4px; }\n"
	".flaky { background: var(--flaky); font-style: italic; }\n"
	".relayed { background: var(--relayed); }\n"
	".error { background: var(--error); font-style: italic; }\n"
	"tr:target { outline: 3px solid var(--ink); }\n"
	"code { font-size: 90%; }\n"
	"</style>\n</head>\n<body>\n<h1>boxlab matrix</h1>\n";

static const char legend[] =
	"<p>Rows connect, columns listen.</p>\n"
	"<table>\n<caption>Legend</caption>\n<tbody>\n"
	"<tr><td class=\"direct\">direct</td><td>connected; both NATs' tables hold the "
	"connection and its bytes, and nobody else carried them</td></tr>\n"
	"<tr><td class=\"direct\">simultaneous</td><td>the same by Boxer, and by which of its "
	"strategies</td></tr>\n"
	"<tr><td class=\"relayed\">relayed</td><td>connected, by way of Boxer's relay</td></tr>\n"
	"<tr><td class=\"failed\">fails</td><td>no connection, as theory says</td></tr>\n"
	"<tr><td class=\"timing\">direct / fails</td><td>theory says that it depends on timing: "
	"the results with 0 and with 10 ms between the two SYNs</td></tr>\n"
	"<tr><td class=\"differs\">direct !</td><td>theory says otherwise, and so it came out "
	"twice</td></tr>\n"
	"<tr><td class=\"flaky\">direct ~</td><td>only the second trial was as theory says</td>"
	"</tr>\n"
	"<tr><td class=\"error\">error</td><td>the lab could not find out</td></tr>\n"
	"</tbody>\n</table>\n";

/* Text between tags or in a quoted attribute. */
static void escape(const char *text, FILE *out)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		default:
			/* XML has no other control characters. */
			(void)fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
		}
	}
}

static void say(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(FILE *out, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	escape(text, out);
}

/* Boxer's strategy says more than that it is direct. */
static const char *word_of(const struct trial *trial)
{
	static const char *const words[] = {[TRIAL_NONE] = "not run",
					    [TRIAL_DIRECT] = "direct",
					    [TRIAL_FAILED] = "fails",
					    [TRIAL_ERROR] = "error",
					    [TRIAL_RELAYED] = "relayed"};

	if (trial->kind == TRIAL_DIRECT && *trial->route.strategy)
		return trial->route.strategy;
	return words[trial->kind];
}

static const char *class_of(const struct grid_cell *cell)
{
	static const char *const classes[] = {[TRIAL_NONE] = "failed",
					      [TRIAL_DIRECT] = "direct",
					      [TRIAL_FAILED] = "failed",
					      [TRIAL_ERROR] = "failed",
					      [TRIAL_RELAYED] = "relayed"};

	switch (grid_status(cell)) {
	case CELL_TIMING:
		return "timing";
	case CELL_FLAKY:
		return "flaky";
	case CELL_DIFFERS:
		return "differs";
	case CELL_ERROR:
		return "error";
	case CELL_AGREES:
	case CELL_UNPREDICTED:
		return classes[grid_trial(cell, 0)->kind];
	case CELL_NOT_RUN:
	case CELL_STATUSES:
		break;
	}
	return "none";
}

static void print_words(const struct grid_cell *cell, FILE *out)
{
	enum cell_status status = grid_status(cell);
	size_t made, expected = grid_as_expected(cell, &made);

	for (size_t i = 0; i < cell->n_gaps; i++) {
		(void)fputs(i ? " / " : "", out);
		escape(word_of(grid_trial(cell, i)), out);
	}
	if (cell->repeat > 1)
		(void)fprintf(out, ", %zu of %zu", expected, made);
	if (status == CELL_DIFFERS)
		(void)fputs(" !", out);
	if (status == CELL_FLAKY)
		(void)fputs(" ~", out);
}

static void print_trial(const struct trial *t, FILE *out)
{
	say(out, "%s", word_of(t));
	if (t->kind == TRIAL_DIRECT && t->ms >= 0)
		say(out, " after %.1f ms", t->ms);
	if (t->kind == TRIAL_DIRECT && *t->who)
		say(out, strcmp(t->who, "simultaneous") == 0 ? ", %s" : ", accepted by %s", t->who);
	if (t->kind == TRIAL_DIRECT && *t->route.attempts)
		say(out, ", attempts %s", t->route.attempts);
	if (*t->reason)
		say(out, ": %s", t->reason);
	if (t->proof.kind == PROOF_DIRECT)
		say(out, "; %s", t->proof.reason);
}

static void print_cell(const struct grid *grid, const struct grid_cell *cell, FILE *out)
{
	if (!cell) {
		(void)fputs("<td></td>", out);
		return;
	}
	(void)fprintf(out, "<td class=\"%s\" title=\"", class_of(cell));
	say(out, "%s to %s: ", grid->nats[cell->from]->preset, grid->nats[cell->to]->preset);
	print_trial(grid_trial(cell, 0), out);
	if (cell->has_theory)
		say(out, ". Theory: %s, for %s", theory_verdict_names[cell->theory.verdict],
		    cell->theory.why);
	(void)fprintf(out, "\"><a href=\"#c%zu\">", (size_t)(cell - grid->cells));
	print_words(cell, out);
	(void)fputs("</a></td>", out);
}

static void print_grid(const struct grid *grid, size_t technique, FILE *out)
{
	(void)fputs("<h2>", out);
	escape(grid->techniques[technique].name, out);
	(void)fputs("</h2>\n<div class=\"wide\">\n<table>\n<thead>\n<tr><th scope=\"col\">from, to"
		    "</th>",
		    out);
	for (size_t to = 0; to < grid->n_nats; to++) {
		(void)fputs("<th scope=\"col\" class=\"to\">", out);
		escape(grid->nats[to]->preset, out);
		(void)fputs("</th>", out);
	}
	(void)fputs("</tr>\n</thead>\n<tbody>\n", out);
	for (size_t from = 0; from < grid->n_nats; from++) {
		(void)fputs("<tr><th scope=\"row\">", out);
		escape(grid->nats[from]->preset, out);
		(void)fputs("</th>", out);
		for (size_t to = 0; to < grid->n_nats; to++)
			print_cell(grid, report_cell_of(grid, technique, from, to), out);
		(void)fputs("</tr>\n", out);
	}
	(void)fputs("</tbody>\n</table>\n</div>\n", out);
}

static void print_tuples(const struct proof *proof, FILE *out)
{
	char a[4][ADDR_TEXT_MAX];

	for (size_t i = 0; i < proof->n_nats; i++) {
		const struct proof_nat *n = &proof->nats[i];

		(void)fputs("<br/><code>", out);
		say(out, "%s: %s > %s, answers %s > %s, %" PRIu64 " B and %" PRIu64 " B", n->name,
		    addr_format(&n->src, a[0]), addr_format(&n->dst, a[1]),
		    addr_format(&n->reply_src, a[2]), addr_format(&n->reply_dst, a[3]), n->bytes,
		    n->reply_bytes);
		(void)fputs("</code>", out);
	}
}

static void print_line(const struct grid *grid, size_t i, FILE *out)
{
	const struct grid_cell *cell = &grid->cells[i];
	bool first = true;

	(void)fprintf(out, "<tr id=\"c%zu\"><td>", i);
	say(out, "%s", grid->techniques[cell->technique].name);
	(void)fputs("</td><td>", out);
	say(out, "%s", grid->nats[cell->from]->preset);
	(void)fputs("</td><td>", out);
	say(out, "%s", grid->nats[cell->to]->preset);
	(void)fprintf(out, "</td><td class=\"%s\">", class_of(cell));
	print_words(cell, out);
	(void)fputs("</td><td>", out);
	for (size_t j = 0; j < cell->n_gaps * cell->slots; j++) {
		const struct trial *t = &cell->trials[j];

		if (t->kind == TRIAL_NONE)
			continue;
		(void)fprintf(out, "%sgap %u ms: ", first ? "" : "<br/>", t->gap_ms);
		print_trial(t, out);
		print_tuples(&t->proof, out);
		first = false;
	}
	(void)fputs("</td><td>", out);
	if (cell->has_theory)
		say(out, "%s: %s", theory_verdict_names[cell->theory.verdict], cell->theory.why);
	else
		(void)fputs("-", out);
	(void)fputs("</td></tr>\n", out);
}

static void print_list(const struct grid *grid, FILE *out)
{
	(void)fputs("<h2>Every cell</h2>\n<div class=\"wide\">\n<table>\n<thead>\n<tr>"
		    "<th scope=\"col\">technique</th><th scope=\"col\">from</th>"
		    "<th scope=\"col\">to</th><th scope=\"col\">result</th>"
		    "<th scope=\"col\">trials</th><th scope=\"col\">theory</th></tr>\n"
		    "</thead>\n<tbody>\n",
		    out);
	for (size_t i = 0; i < grid->n_cells; i++)
		print_line(grid, i, out);
	(void)fputs("</tbody>\n</table>\n</div>\n", out);
}

void report_html(const struct report *report, FILE *out)
{
	char summary[256], nats[REPORT_NATS_MAX];

	(void)fputs(head, out);
	(void)fputs("<p>", out);
	say(out, "%s%s.", report_summary(report, summary, sizeof(summary)),
	    report->ended ? "; the user ended it before all was tried" : "");
	(void)fputs("</p>\n<p>", out);
	say(out, "%s.", report_nats(report->grid, nats, sizeof(nats)));
	(void)fputs("</p>\n", out);
	(void)fputs(legend, out);
	for (size_t i = 0; i < report->grid->n_techniques; i++)
		print_grid(report->grid, i, out);
	print_list(report->grid, out);
	(void)fputs("</body>\n</html>\n", out);
}
