/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The grid without any lab: which cells there are, and what a trial means. */
#include "tests/lab/grid_support.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <string.h>

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
				grid_place(cell, 0, (size_t)t)->kind = s->trials[t];
				grid_place(cell, 0, (size_t)t)->leaked = s->leaked;
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

/* ---- Boxer ---- */

/** struct tale - a trial of a cell by Boxer, and what it means */
struct tale {
	const char *from, *to;
	enum trial_kind kind;
	const char *strategy, *reason;
	bool relay;
	enum cell_status status;
};

#define SEQUENTIAL "symmetric-sequential"

static const struct tale tales[] = {
	{"lambda", "lambda", TRIAL_DIRECT, "simultaneous", "none", false, CELL_AGREES},
	{"lambda", "lambda", TRIAL_DIRECT, "sequential", "none", true, CELL_AGREES},
	{"lambda", "lambda", TRIAL_FAILED, "", "timeout", false, CELL_DIFFERS},
	/* There was a better way. */
	{"lambda", "lambda", TRIAL_DIRECT, "birthday", "none", false, CELL_DIFFERS},
	{"lambda", "lambda", TRIAL_DIRECT, "predict", "none", false, CELL_DIFFERS},
	{"lambda", "lambda", TRIAL_RELAYED, "relay", "none", true, CELL_DIFFERS},
	/* The programs met without Boxer. */
	{"lambda", "lambda", TRIAL_DIRECT, "", "", false, CELL_DIFFERS},
	{"lambda", SEQUENTIAL, TRIAL_DIRECT, "predict", "none", false, CELL_AGREES},
	{SEQUENTIAL, "lambda", TRIAL_DIRECT, "birthday", "none", false, CELL_DIFFERS},
	{SEQUENTIAL, "lambda", TRIAL_DIRECT, "simultaneous", "none", false, CELL_DIFFERS},
	{"lambda", "symmetric", TRIAL_DIRECT, "birthday", "none", false, CELL_AGREES},
	{"symmetric", "lambda", TRIAL_DIRECT, "predict", "none", false, CELL_DIFFERS},
	{"symmetric", "lambda", TRIAL_FAILED, "", "timeout", false, CELL_DIFFERS},
	{"symmetric", "symmetric", TRIAL_FAILED, "", "unreachable", false, CELL_AGREES},
	{"symmetric", "symmetric", TRIAL_DIRECT, "birthday", "none", false, CELL_DIFFERS},
	/* It was killed, or did not say why. */
	{"symmetric", "symmetric", TRIAL_FAILED, "", "", false, CELL_DIFFERS},
	{"symmetric", "symmetric", TRIAL_RELAYED, "relay", "none", true, CELL_AGREES},
	{"symmetric", "symmetric", TRIAL_RELAYED, "relay", "none", false, CELL_DIFFERS},
	{"symmetric", "symmetric", TRIAL_FAILED, "", "unreachable", true, CELL_DIFFERS},
};

static struct grid_cell *find_cell(const struct grid *grid, const char *from, const char *to)
{
	for (size_t i = 0; i < grid->n_cells; i++) {
		struct grid_cell *cell = &grid->cells[i];

		if (strcmp(grid->nats[cell->from]->preset, from) == 0 &&
		    strcmp(grid->nats[cell->to]->preset, to) == 0)
			return cell;
	}
	cr_assert_fail("no cell %s to %s", from, to);
	return NULL;
}

Test(grid, says_what_trials_of_boxer_mean)
{
	for (size_t i = 0; i < ARRAY_SIZE(tales); i++) {
		const struct tale *t = &tales[i];
		struct grid_cell *cell;
		struct trial *trial;
		struct grid grid;

		open_grid(&grid, NATS("lambda", "symmetric", SEQUENTIAL), NATS("boxer"));
		grid.relay = t->relay;
		fill(&grid, &everything);
		cell = find_cell(&grid, t->from, t->to);
		trial = grid_place(cell, 0, 0);
		trial->kind = t->kind;
		(void)strcpy(trial->route.strategy, t->strategy);
		(void)strcpy(trial->route.reason, t->reason);
		cr_expect_eq(grid_status(cell), t->status, "tale %zu: %s", i,
			     cell_status_names[grid_status(cell)]);
		grid_done(&grid);
	}
}

Test(grid, boxer_has_time_to_give_up_by_itself)
{
	struct grid grid;

	open_grid(&grid, NATS("rst-on-unsolicited"), NATS("boxer", "udp"));
	fill(&grid, &everything);
	cr_expect_eq(grid_deadline_ms(&grid, 0), 2000, "as was said");
	grid.deadline_ms = 0;
	cr_expect_gt(grid_deadline_ms(&grid, 0), 10000);
	cr_expect_eq(grid_deadline_ms(&grid, 1), 2000);
	/* It depends on timing, but that is Boxer's own affair. */
	cr_expect_eq(grid.cells[0].theory.verdict, THEORY_TIMING);
	cr_expect_eq(grid.cells[0].n_gaps, 1);
	grid_done(&grid);
}

Test(grid, repetitions_have_no_second_chance)
{
	struct grid_cell *cell;
	struct grid grid;
	size_t made;

	open_grid(&grid, NATS("lambda", "linux"), NATS("udp"));
	grid.repeat = 5;
	fill(&grid, &everything);
	cell = find_cell(&grid, "linux", "lambda");
	for (size_t i = 0; i < 4; i++) {
		grid_place(cell, 0, i)->kind = TRIAL_DIRECT;
		cr_expect(grid_wants_another(cell, 0, i + 1));
	}
	cr_expect_eq(grid_status(cell), CELL_AGREES);
	grid_place(cell, 0, 4)->kind = TRIAL_DIRECT;
	cr_expect_not(grid_wants_another(cell, 0, 5));
	cr_expect_eq(grid_as_expected(cell, &made), 5);
	grid_place(cell, 0, 1)->kind = TRIAL_FAILED;
	cr_expect_eq(grid_as_expected(cell, &made), 4);
	cr_expect_eq(made, 5);
	cr_expect_eq(grid_trial(cell, 0), grid_place(cell, 0, 1));
	cr_expect_eq(grid_status(cell), CELL_DIFFERS);
	/* The neighbours' places are others. */
	cr_expect_eq(grid_status(find_cell(&grid, "lambda", "linux")), CELL_NOT_RUN);
	cr_expect_eq(grid_status(find_cell(&grid, "linux", "linux")), CELL_NOT_RUN);
	grid_done(&grid);
}

Test(grid, a_guess_may_be_unlucky_once_in_a_while)
{
	struct grid_cell *cell;
	struct grid grid;

	open_grid(&grid, NATS("lambda", "symmetric"), NATS("boxer"));
	grid.repeat = 20;
	fill(&grid, &everything);
	cell = find_cell(&grid, "symmetric", "lambda");
	for (size_t i = 0; i < 20; i++) {
		struct trial *trial = grid_place(cell, 0, i);

		trial->kind = TRIAL_DIRECT;
		(void)strcpy(trial->route.strategy, "birthday");
		(void)strcpy(trial->route.reason, "none");
	}
	grid_place(cell, 0, 7)->kind = TRIAL_FAILED;
	cr_expect_eq(grid_status(cell), CELL_AGREES);
	grid_place(cell, 0, 8)->kind = TRIAL_FAILED;
	cr_expect_eq(grid_status(cell), CELL_DIFFERS);
	/* Bad luck leaks nothing. */
	grid_place(cell, 0, 8)->kind = TRIAL_DIRECT;
	grid_place(cell, 0, 7)->leaked = 1;
	cr_expect_eq(grid_status(cell), CELL_DIFFERS);
	grid_done(&grid);
}

/* ---- shapes ---- */

Test(grid, what_is_shared_is_of_one_kind)
{
	struct grid grid;

	open_grid(&grid, NATS("lambda", "symmetric"), NATS("boxer", "udp"));
	grid.shape = SHAPE_SHARED;
	fill(&grid, &everything);
	cr_assert_eq(grid.n_cells, 4);
	for (size_t i = 0; i < grid.n_cells; i++)
		cr_expect_eq(grid.cells[i].from, grid.cells[i].to);
	cr_expect_eq(grid.cells[1].theory.verdict, THEORY_DIRECT);
	cr_expect_not(grid.cells[3].has_theory, "datagrams don't know of the private way");
	grid_done(&grid);
}

Test(grid, a_carrier_is_needed_and_is_no_row)
{
	struct grid grid;
	struct error err;

	open_grid(&grid, NATS("full-cone", "none"), NATS("boxer"));
	grid.shape = SHAPE_DOUBLE;
	cr_assert_eq(grid_set_carrier(&grid, &nat_preset_find("symmetric")->nat, &err), 0);
	fill(&grid, &everything);
	cr_expect_eq(grid.n_cells, 4);
	cr_expect_eq(grid.n_nats, 2);
	cr_expect_eq(grid.n_measured, 3);
	cr_expect(grid_needs(&grid, grid.carrier));
	/* Open, but not from beyond the carrier's. */
	cr_expect_eq(grid.cells[0].theory.verdict, THEORY_FAILS);
	grid_done(&grid);
	/* One that is there is that one. */
	open_grid(&grid, NATS("lambda", "linux"), NATS("boxer"));
	cr_assert_eq(grid_set_carrier(&grid, grid.nats[1], &err), 0);
	cr_expect_eq(grid.carrier, 1);
	cr_expect_eq(grid.n_measured, 2);
	grid_done(&grid);
}
