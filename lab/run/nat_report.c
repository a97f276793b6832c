/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/nat_report.h"

#include "base/clock.h"
#include "lab/run.h"
#include "lab/scenario_nat_keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LABEL_MAX 64

void nat_report_begin(struct nat_report *report, size_t total, bool json, bool summary)
{
	*report = (struct nat_report){
		.list = json ? json_array() : NULL,
		.total = total,
		.summary = summary,
		.terminal = !json && isatty(STDOUT_FILENO),
	};
}

void nat_report_drop(struct nat_report *report)
{
	json_decref(report->list);
	report->list = NULL;
}

static void wipe(struct nat_report *report)
{
	if (report->pending)
		(void)fputs("\r\033[K", stdout);
	report->pending = false;
}

void nat_report_progress(struct nat_report *report, size_t done)
{
	if (!report->terminal || done == report->total)
		return;
	wipe(report);
	(void)printf("... %zu of %zu", done, report->total);
	(void)fflush(stdout);
	report->pending = true;
}

static void add_json(struct nat_report *report, const struct natcheck_target *t)
{
	json_t *differences = json_array();
	json_t *entry;

	for (size_t i = 0; i < t->differences.n; i++)
		(void)json_array_append_new(differences, json_string(t->differences.text[i]));
	entry = json_pack("{s:s, s:o, s:o, s:o, s:f}", "name", t->name, "declared",
			  nat_json(t->declared), "measured",
			  t->failure.code && t->failure.code != ENODATA
				  ? json_null()
				  : nat_part_json(&t->measured),
			  "differences", differences, "seconds", (double)t->took_ns / NS_PER_S);
	if (t->failure.code)
		(void)json_object_set_new(entry, "error", json_string(t->failure.text));
	(void)json_array_append_new(report->list, entry);
}

static void add_line(const struct natcheck_target *t)
{
	(void)printf("%-9s %5.2f s  %s",
		     t->failure.code	? "error"
		     : t->differences.n ? "different"
					: "ok",
		     (double)t->took_ns / NS_PER_S, t->name);
	if (t->failure.code)
		(void)printf(": %s", t->failure.text);
	for (size_t i = 0; i < t->differences.n; i++)
		(void)printf("%s%s", i ? "; " : ": ", t->differences.text[i]);
	(void)putchar('\n');
}

/* Is there a sentence on it? */
static bool differs(const struct nat_differences *differences, const char *label)
{
	size_t len = strlen(label);

	for (size_t i = 0; i < differences->n; i++)
		if (strncmp(differences->text[i], label, len) == 0 &&
		    differences->text[i][len] == ':')
			return true;
	return false;
}

/* @of: what the keys are of, as differences call it: "tcp", "timeouts", or NULL. */
static void print_rows(const struct natcheck_target *t, const struct keys *keys, const char *of,
		       const void *declared, const void *measured, const void *known)
{
	for (const struct key *row = keys->rows; row->name; row++) {
		const char *mask = (const char *)known + row->offset;
		bool proto = of && strcmp(of, "timeouts") != 0;
		char label[LABEL_MAX], text[2][KEYS_FORMAT_MAX];

		if (row->kind == KEY_STRUCT)
			print_rows(t, row->keys, row->name, (const char *)declared + row->offset,
				   (const char *)measured + row->offset, mask);
		if (!keys_is_number(row) || row->also || !*mask)
			continue;
		(void)snprintf(label, sizeof(label), "%s%s%s%s%s", of && !proto ? of : "",
			       of && !proto ? "." : "", row->name, proto ? " (" : "",
			       proto ? of : "");
		if (proto)
			(void)strcat(label, ")");
		(void)printf("%-26s  %-10s  %-10s%s\n", label, keys_format(row, declared, text[0]),
			     keys_format(row, measured, text[1]),
			     differs(&t->differences, label) ? "  <- differs" : "");
	}
}

static void add_table(const struct natcheck_target *t)
{
	const struct scenario_nat declared = {.nat = *t->declared};
	const struct scenario_nat measured = {.nat = t->measured.nat};
	const struct scenario_nat known = {.nat = t->measured.known};

	if (t->failure.code) {
		(void)fprintf(stderr, "boxlab: %s: %s\n", t->name, t->failure.text);
		return;
	}
	(void)printf("%-26s  %-10s  %s\n", "BEHAVIOUR", "DECLARED", "MEASURED");
	print_rows(t, &scenario_declaration_keys, NULL, &declared, &measured, &known);
	(void)printf("\n%s behaves %s (%.2f s)\n", t->name,
		     t->differences.n ? "otherwise than declared" : "as declared",
		     (double)t->took_ns / NS_PER_S);
}

void nat_report_add(struct nat_report *report, const struct natcheck_target *t)
{
	report->different += !t->failure.code && t->differences.n;
	report->failed += t->failure.code != 0;
	wipe(report);
	if (report->list)
		add_json(report, t);
	else if (report->summary)
		add_line(t);
	else
		add_table(t);
	(void)fflush(stdout);
}

int nat_report_end(struct nat_report *report)
{
	wipe(report);
	if (report->list &&
	    (json_dumpf(report->list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(4)) < 0 ||
	     putchar('\n') == EOF))
		return RUN_UNABLE;
	if (!report->list && report->summary)
		(void)printf("%zu of %zu NATs behave as declared\n",
			     report->total - report->different - report->failed, report->total);
	if (report->failed)
		return RUN_UNABLE;
	return report->different ? RUN_FAILED : RUN_PASSED;
}
