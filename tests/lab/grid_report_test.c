/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The grid's reports, of trials that nobody has made. */
#include "lab/matrix/report.h"
#include "tests/lab/grid_support.h"
#include "tests/support/jsonschema.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* One of everything, with words that want to be escaped. */
static void make_report(struct grid *grid, struct report *report)
{
	struct addr a = addr_v4(0x0a000002, 7100);

	open_grid(grid, NATS("lambda", "linux", "symmetric"),
		  NATS("tcp-sequential", "udp", "mine=sh -c '<&\">'"));
	fill(grid, &everything);
	for (size_t i = 0; i < grid->n_cells; i++) {
		struct trial *t = grid_place(&grid->cells[i], 0, 0);

		*t = (struct trial){.kind = (enum trial_kind)(i % 5), .ms = i % 3 ? 0.25 : -1};
		(void)strcpy(t->reason, "a <b> & \"c\" \x01");
		(void)strcpy(t->who, "<who>");
		(void)strcpy(t->route.strategy, i % 2 ? "relay" : "");
		(void)strcpy(t->route.reason, i % 2 ? "none" : "");
		t->proof =
			(struct proof){.kind = PROOF_DIRECT, .reason = "through <a>", .n_nats = 1};
		t->proof.nats[0] = (struct proof_nat){
			.name = "from-nat", .src = a, .dst = a, .reply_src = a, .reply_dst = a};
		if (t->kind == TRIAL_FAILED)
			*grid_place(&grid->cells[i], 0, 1) = *t;
		if (t->kind == TRIAL_NONE)
			*t = (struct trial){0};
	}
	*report = (struct report){.grid = grid, .started = {1, 0}, .duration_s = 1.5};
}

Test(report, json_is_of_its_schema)
{
	json_t *schema = json_load_file(SOURCE_DIR "/docs/matrix.schema.json", 0, NULL);
	struct report report;
	struct grid grid;
	struct error err;
	json_t *document;

	make_report(&grid, &report);
	document = report_json(&report);
	cr_assert(schema && document);
	cr_expect_eq(jsonschema_check(schema, document, &err), 0, "%s", err.text);
	cr_expect_eq(json_array_size(json_object_get(document, "cells")), 27);
	json_decref(document);
	json_decref(schema);
	grid_done(&grid);
}

/* Reads one tag. Return: its length, with its name in @name; 0 when it is none. */
static size_t read_tag(const char *text, char name[static 32], bool *ret_end, bool *ret_empty)
{
	const char *p = text + 1;
	size_t n = 0;
	char quote = 0;

	*ret_end = *p == '/';
	p += *ret_end;
	while (isalnum((unsigned char)*p) && n < 31)
		name[n++] = *p++;
	name[n] = '\0';
	for (; *p && (quote || *p != '>'); p++) {
		if (*p == '<')
			return 0;
		if (*p == '"')
			quote = quote ? 0 : '"';
	}
	*ret_empty = p[-1] == '/';
	return *p && n ? (size_t)(p - text) + 1 : 0;
}

static bool is_entity(const char *p)
{
	static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;"};

	for (size_t i = 0; i < ARRAY_SIZE(entities); i++)
		if (strncmp(p, entities[i], strlen(entities[i])) == 0)
			return true;
	return false;
}

static void expect_well_formed(const char *text)
{
	char stack[32][32], name[32];
	size_t depth = 0;

	for (const char *p = text; *p; p++) {
		bool end = false, empty = false;
		size_t len;

		cr_assert(*p != '&' || is_entity(p), "%.40s", p);
		cr_assert((unsigned char)*p >= ' ' || *p == '\n', "a control character");
		if (*p != '<' || p[1] == '!')
			continue;
		len = read_tag(p, name, &end, &empty);
		cr_assert(len, "no tag: %.40s", p);
		if (end) {
			cr_assert(depth && strcmp(stack[--depth], name) == 0, "%.40s", p);
		} else if (!empty) {
			cr_assert_lt(depth, 32);
			(void)strcpy(stack[depth++], name);
		}
		p += len - 1;
	}
	cr_assert_eq(depth, 0, "<%s> is not closed", stack[depth ? depth - 1 : 0]);
}

static char *printed(void (*print)(const struct report *report, FILE *out),
		     const struct report *report)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	cr_assert(f);
	print(report, f);
	cr_assert_eq(fclose(f), 0);
	return text;
}

Test(report, html_is_well_formed)
{
	cleanup_free char *html = NULL;
	struct report report;
	struct grid grid;

	make_report(&grid, &report);
	html = printed(report_html, &report);
	expect_well_formed(html);
	cr_expect(strstr(html, "prefers-color-scheme: dark"));
	cr_expect_null(strstr(html, "<script"));
	cr_expect_null(strstr(html, "http"), "it fetches something");
	/* Words, not colours alone. */
	cr_expect(strstr(html, ">direct</a>"));
	cr_expect(strstr(html, ">fails !</a>"));
	grid_done(&grid);
}

static void plain(const struct report *report, FILE *out)
{
	report_text(report, false, out);
}

Test(report, text_is_plain_in_a_pipe)
{
	cleanup_free char *text = NULL;
	struct report report;
	struct grid grid;

	make_report(&grid, &report);
	text = printed(plain, &report);
	cr_expect_null(strchr(text, '\033'));
	cr_expect(strstr(text, "tcp-sequential\n"));
	cr_expect(strstr(text, "--!"));
	cr_expect(strstr(text, "27 cells in 1.5 s"));
	grid_done(&grid);
}

/* The strategy takes the place of "ok"; a repetition that went wrong is counted. */
Test(report, tells_of_boxer)
{
	static const char *const marks[] = {"sim ", "rel ", "1/2!"};
	struct report report = {.duration_s = 1};
	cleanup_free char *text = NULL, *html = NULL;
	struct grid grid;

	open_grid(&grid, NATS("lambda", "symmetric"), NATS("boxer"));
	grid.relay = true;
	grid.repeat = 2;
	fill(&grid, &everything);
	for (size_t i = 0; i < grid.n_cells; i++) {
		struct trial *trial = grid_place(&grid.cells[i], 0, 0);
		bool relayed = grid.cells[i].theory.verdict == THEORY_FAILS;

		trial->kind = relayed ? TRIAL_RELAYED : TRIAL_DIRECT;
		(void)strcpy(trial->route.strategy, relayed ? "relay" : "simultaneous");
		(void)strcpy(trial->route.attempts, "<reverse>:refused:3");
		*grid_place(&grid.cells[i], 0, 1) = *trial;
	}
	/* A guess is the right strategy there, once. */
	(void)strcpy(grid_place(&grid.cells[1], 0, 1)->route.strategy, "birthday");
	report.grid = &grid;
	text = printed(plain, &report);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		cr_expect(strstr(text, marks[i]), "no %s in\n%s", marks[i], text);
	cr_expect(strstr(text, "every cell 2 times"));
	html = printed(report_html, &report);
	expect_well_formed(html);
	cr_expect(strstr(html, ">simultaneous, 2 of 2</a>"));
	cr_expect(strstr(html, "class=\"relayed\""));
	grid_done(&grid);
}

/* Whoever reads of cells must know whether their NATs were what they seem. */
Test(report, says_what_was_measured_of_nats)
{
	char line[REPORT_NATS_MAX];
	cleanup_free char *html = NULL;
	struct grid_measured *m;
	struct report report;
	struct grid grid;
	json_t *document;
	const json_t *nat;

	make_report(&grid, &report);
	cr_expect_eq(grid_nats(&grid), GRID_NATS_UNKNOWN);
	cr_expect_str_eq(report_nats(&grid, line, sizeof(line)), "the NATs were not measured");
	m = grid.measured = calloc(grid.n_nats, sizeof(*m));
	cr_assert(m);
	for (size_t i = 0; i < grid.n_nats; i++)
		m[i].known = true;
	cr_expect_eq(grid_nats(&grid), GRID_NATS_AGREE);
	cr_expect_str_eq(report_nats(&grid, line, sizeof(line)), "3 NATs behave as declared");
	(void)error_set(&m[0].failure, ETIMEDOUT, "natprobe <found> nothing");
	cr_expect_eq(grid_nats(&grid), GRID_NATS_FAILED);
	(void)strcpy(m[2].differences.text[0], "mapping (tcp): declared apdm, measured eim");
	m[2].differences.n = 1;
	cr_expect_eq(grid_nats(&grid), GRID_NATS_DIFFER);
	cr_expect_str_eq(report_nats(&grid, line, sizeof(line)),
			 "lambda: natprobe <found> nothing; symmetric: mapping (tcp): declared "
			 "apdm, measured eim");
	cr_expect_eq(strlen(report_nats(&grid, line, 10)), 9);
	document = report_json(&report);
	nat = json_array_get(json_object_get(document, "nats"), 2);
	cr_expect_eq(json_array_size(json_object_get(nat, "differences")), 1);
	cr_expect(json_is_object(json_object_get(nat, "measured")));
	nat = json_array_get(json_object_get(document, "nats"), 0);
	cr_expect(json_is_null(json_object_get(nat, "measured")));
	cr_expect(json_is_false(json_object_get(document, "complete")));
	json_decref(document);
	html = printed(report_html, &report);
	expect_well_formed(html);
	cr_expect(strstr(html, "declared apdm, measured eim"));
	grid_done(&grid);
}
