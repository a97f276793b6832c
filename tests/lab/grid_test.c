/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The grid without any lab: which cells there are, what a trial means, the reports. */
#include "lab/matrix/grid.h"
#include "lab/matrix/report.h"
#include "lab/matrix/select.h"
#include "tests/support/jsonschema.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct selection everything;

static void open_grid(struct grid *grid, const char *const *nats, const char *const *techniques)
{
	struct error err;

	*grid = (struct grid){.gap_ms = GRID_ANY_GAP, .deadline_ms = 2000, .shard = 1, .shards = 1};
	for (; *nats; nats++)
		cr_assert_eq(grid_add_nat(grid, *nats, &err), 0, "%s", err.text);
	for (; *techniques; techniques++)
		cr_assert_eq(grid_add_technique(grid, *techniques, &err), 0, "%s", err.text);
}

#define NATS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void fill(struct grid *grid, const struct selection *selection)
{
	struct error err;

	cr_assert_eq(grid_fill(grid, selection, &err), 0, "%s", err.text);
}

/* How many cells are left of 3 NATs and 2 techniques. */
static size_t selected(const char *const *expressions)
{
	struct selection selection = {0};
	struct grid grid;
	struct error err;
	size_t n;

	open_grid(&grid, NATS("lambda", "linux", "symmetric"), NATS("tcp-parallel", "udp"));
	for (; *expressions; expressions++)
		cr_assert_eq(selection_add(&selection, &grid, *expressions, &err), 0, "%s",
			     err.text);
	fill(&grid, &selection);
	n = grid.n_cells;
	grid_done(&grid);
	return n;
}

Test(select, narrows_the_grid)
{
	cr_expect_eq(selected(NATS("from=lambda")), 6);
	cr_expect_eq(selected(NATS("from=lambda,linux")), 12);
	cr_expect_eq(selected(NATS("from!=lambda")), 12);
	cr_expect_eq(selected(NATS("from=lambda", "to=linux")), 2);
	cr_expect_eq(selected(NATS("to.mapping=apdm")), 6);
	cr_expect_eq(selected(NATS("to.mapping=eim,apdm")), 18);
	cr_expect_eq(selected(NATS("from.tcp_tracking=liberal")), 6);
	cr_expect_eq(selected(NATS("from.simultaneous_open=no")), 0);
	cr_expect_eq(selected(NATS("technique=udp")), 9);
	/* A symmetric NAT meets nobody here: 5 pairs, both techniques. */
	cr_expect_eq(selected(NATS("theory=fails")), 10);
}

Test(select, refuses_what_makes_no_sense)
{
	static const char *const bad[] = {
		"",
		"from",
		"from=",
		"=lambda",
		"to=lambda,",
		"from=none",
		"colour=red",
		"technique.x=1",
		"to.size=3",
		"from.mapping=",
		"to!",
		"theory=maybe",
		"from.mapping=EIM",
		"from=linux ",
	};
	struct selection selection = {0};
	struct grid grid;

	open_grid(&grid, NATS("lambda", "linux"), NATS("udp"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = {0};

		cr_expect_eq(selection_add(&selection, &grid, bad[i], &err), -EINVAL, "%s", bad[i]);
		cr_expect_gt(strlen(err.text), 10, "%s", bad[i]);
	}
	cr_expect_eq(selection.n, 0);
	grid_done(&grid);
}

Test(grid, refuses_unknown_and_repeated_names)
{
	struct grid grid;
	struct error err;

	open_grid(&grid, NATS("lambda"), NATS("udp"));
	cr_expect_eq(grid_add_nat(&grid, "no-such-nat", &err), -EINVAL);
	cr_expect_eq(grid_add_nat(&grid, "lambda", &err), -EINVAL);
	cr_expect_eq(grid_declare_nat(&grid, "lambda=linux", &err), -EINVAL);
	cr_expect_eq(grid_declare_nat(&grid, "x=mars", &err), -EINVAL);
	cr_expect_eq(grid_declare_nat(&grid, "=linux", &err), -EINVAL);
	cr_expect_eq(grid_declare_nat(&grid, "linux", &err), -EINVAL);
	cr_expect_eq(grid_declare_nat(&grid, "x=linux,size=3", &err), -EINVAL);
	cr_expect_eq(grid_declare_nat(&grid, "x=linux,filtering", &err), -EINVAL);
	cr_expect_eq(grid_declare_nat(&grid, "x=linux,filtering=none", &err), -EINVAL);
	cr_expect_eq(grid_declare_nat(&grid, "x=linux,", &err), -EINVAL);
	/* A NAT that contradicts itself: the port is always kept. */
	cr_expect_eq(grid_declare_nat(&grid, "x=linux,mapping=apdm", &err), -EINVAL);
	cr_expect_eq(grid_add_technique(&grid, "udp", &err), -EINVAL);
	cr_expect_eq(grid_add_technique(&grid, "mine", &err), -EINVAL);
	cr_expect_eq(grid_add_technique(&grid, "mine1=", &err), -EINVAL);
	cr_expect_eq(grid_add_technique(&grid, "mine2=a | b", &err), -EINVAL);
	cr_expect_eq(grid_add_technique(&grid, "Mine=a", &err), -EINVAL);
	cr_expect_eq(grid_add_technique(&grid, "mine3=a 'b c'", &err), 0);
	grid_done(&grid);
}

Test(grid, declares_nats_that_are_no_presets)
{
	struct grid grid;
	struct error err;

	open_grid(&grid, NATS("linux"), NATS("udp"));
	cr_assert_eq(grid_declare_nat(&grid,
				      "mine=lambda,unsolicited=icmp,filtering=adf,"
				      "simultaneous_open=no,tcp_tracking=strict",
				      &err),
		     0, "%s", err.text);
	cr_assert_eq(grid.n_nats, 2);
	cr_expect_str_eq(grid.nats[1]->preset, "mine");
	cr_expect_eq(grid.nats[1]->unsolicited, NAT_UNSOLICITED_ICMP);
	cr_expect_eq(grid.nats[1]->tcp.filtering, NAT_FILTERING_ADF);
	cr_expect_eq(grid.nats[1]->udp.filtering, NAT_FILTERING_ADF);
	cr_expect_eq(grid.nats[1]->tcp_tracking, NAT_TCP_STRICT);
	cr_expect_not(grid.nats[1]->simultaneous_open);
	cr_expect_eq(grid.nats[1]->tcp.mapping, NAT_MAPPING_EIM);
	cr_expect_eq(grid.nats[0]->unsolicited, NAT_UNSOLICITED_DROP);
	grid_done(&grid);
}

Test(grid, shards_make_up_the_whole)
{
	unsigned seen[18] = {0};

	for (unsigned shard = 1; shard <= 4; shard++) {
		struct grid grid;

		open_grid(&grid, NATS("lambda", "linux", "symmetric"), NATS("tcp-parallel", "udp"));
		grid.shard = shard;
		grid.shards = 4;
		fill(&grid, &everything);
		for (size_t i = 0; i < grid.n_cells; i++) {
			const struct grid_cell *cell = &grid.cells[i];

			seen[cell->technique * 9 + cell->from * 3 + cell->to]++;
		}
		grid_done(&grid);
	}
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		cr_expect_eq(seen[i], 1, "cell %zu: %u times", i, seen[i]);
}

Test(grid, tries_what_depends_on_timing_at_two_gaps)
{
	struct grid grid;

	open_grid(&grid, NATS("linux"), NATS("tcp-sequential", "udp"));
	fill(&grid, &everything);
	cr_assert_eq(grid.n_cells, 2);
	cr_expect_eq(grid.cells[0].n_gaps, 2);
	cr_expect_eq(grid.cells[0].gaps[1], 10);
	cr_expect_eq(grid.cells[1].n_gaps, 1);
	grid_done(&grid);
	open_grid(&grid, NATS("linux"), NATS("tcp-sequential"));
	grid.gap_ms = 3;
	fill(&grid, &everything);
	cr_expect_eq(grid.cells[0].n_gaps, 1);
	cr_expect_eq(grid.cells[0].gaps[0], 3);
	grid_done(&grid);
}

/** struct story - trials of a cell, and what they mean */
struct story {
	const char *from, *to, *technique;
	enum trial_kind trials[GRID_ATTEMPTS];
	uint64_t leaked;
	bool another;
	enum cell_status status;
};

static const struct story stories[] = {
	{"lambda", "lambda", "udp", {TRIAL_NONE}, 0, true, CELL_NOT_RUN},
	{"lambda", "lambda", "udp", {TRIAL_DIRECT}, 0, false, CELL_AGREES},
	{"lambda", "lambda", "udp", {TRIAL_FAILED}, 0, true, CELL_DIFFERS},
	{"lambda", "lambda", "udp", {TRIAL_FAILED, TRIAL_DIRECT}, 0, false, CELL_FLAKY},
	{"lambda", "lambda", "udp", {TRIAL_FAILED, TRIAL_FAILED}, 0, false, CELL_DIFFERS},
	{"lambda", "lambda", "udp", {TRIAL_ERROR, TRIAL_ERROR}, 0, false, CELL_ERROR},
	{"lambda", "lambda", "udp", {TRIAL_ERROR, TRIAL_DIRECT}, 0, false, CELL_FLAKY},
	{"lambda", "symmetric", "udp", {TRIAL_FAILED}, 0, false, CELL_AGREES},
	{"lambda", "symmetric", "udp", {TRIAL_DIRECT}, 0, true, CELL_DIFFERS},
	/* A leak is never what theory says. */
	{"lambda", "symmetric", "udp", {TRIAL_FAILED}, 1, true, CELL_DIFFERS},
	{"lambda", "lambda", "mine=true", {TRIAL_FAILED}, 0, false, CELL_UNPREDICTED},
	{"lambda", "lambda", "mine=true", {TRIAL_ERROR}, 0, true, CELL_ERROR},
};

Test(grid, says_what_trials_mean)
{
	for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
		const struct story *s = &stories[i];
		struct selection selection = {0};
		struct grid grid;
		size_t attempts = 0;

		open_grid(&grid, NATS("lambda", "symmetric"), NATS(s->technique));
		fill(&grid, &selection);
		for (size_t c = 0; c < grid.n_cells; c++) {
			struct grid_cell *cell = &grid.cells[c];

			if (strcmp(grid.nats[cell->from]->preset, s->from) != 0 ||
			    strcmp(grid.nats[cell->to]->preset, s->to) != 0)
				continue;
			for (int t = 0; t < GRID_ATTEMPTS; t++) {
				cell->trials[0][t].kind = s->trials[t];
				cell->trials[0][t].leaked = s->leaked;
				attempts += s->trials[t] != TRIAL_NONE;
			}
			cr_expect_eq(grid_wants_another(cell, 0, attempts), s->another, "story %zu",
				     i);
			cr_expect_eq(grid_status(cell), s->status, "story %zu: %s", i,
				     cell_status_names[grid_status(cell)]);
		}
		grid_done(&grid);
	}
}

/* ---- reports ---- */

/* One of everything, with words that want to be escaped. */
static void make_report(struct grid *grid, struct report *report)
{
	struct addr a = addr_v4(0x0a000002, 7100);

	open_grid(grid, NATS("lambda", "linux", "symmetric"),
		  NATS("tcp-sequential", "udp", "mine=sh -c '<&\">'"));
	fill(grid, &everything);
	for (size_t i = 0; i < grid->n_cells; i++) {
		struct trial *t = &grid->cells[i].trials[0][0];

		*t = (struct trial){.kind = (enum trial_kind)(i % 4), .ms = i % 3 ? 0.25 : -1};
		(void)strcpy(t->reason, "a <b> & \"c\" \x01");
		(void)strcpy(t->who, "<who>");
		t->proof =
			(struct proof){.kind = PROOF_DIRECT, .reason = "through <a>", .n_nats = 1};
		t->proof.nats[0] = (struct proof_nat){
			.name = "from-nat", .src = a, .dst = a, .reply_src = a, .reply_dst = a};
		if (t->kind == TRIAL_FAILED)
			grid->cells[i].trials[0][1] = *t;
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
