/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/matrix/report.h"

#include <sys/utsname.h>

/* Everything is packed by json_pack(), which steals and fails for a NULL. */

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *ms_or_null(double ms)
{
	return ms < 0 ? json_null() : json_real(ms);
}

static json_t *address(const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	return json_string(addr_format(a, text));
}

static json_t *behaviour(const struct nat_behaviour *b)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "mapping", nat_mapping_names[b->mapping],
			 "filtering", nat_filtering_names[b->filtering], "allocation",
			 nat_allocation_names[b->allocation], "conflict",
			 nat_conflict_names[b->conflict], "hairpin", nat_hairpin_names[b->hairpin]);
}

static json_t *measured(const struct grid *grid, size_t nat)
{
	const struct grid_measured *m = grid->measured ? &grid->measured[nat] : NULL;

	return m && m->known && !m->failure.code ? nat_part_json(&m->part) : json_null();
}

static json_t *differences(const struct grid *grid, size_t nat)
{
	json_t *array = json_array();

	for (size_t i = 0; grid->measured && i < grid->measured[nat].differences.n; i++)
		(void)json_array_append_new(array,
					    json_string(grid->measured[nat].differences.text[i]));
	return array;
}

static json_t *nats(const struct grid *grid)
{
	json_t *array = json_array();

	for (size_t i = 0; i < grid->n_measured; i++) {
		const struct nat *nat = grid->nats[i];

		(void)json_array_append_new(
			array,
			json_pack("{s:s, s:o, s:o, s:s, s:s, s:b, s:o, s:o}", "name", nat->preset,
				  "tcp", behaviour(&nat->tcp), "udp", behaviour(&nat->udp),
				  "unsolicited", nat_unsolicited_names[nat->unsolicited],
				  "tcp_tracking", nat_tcp_tracking_names[nat->tcp_tracking],
				  "simultaneous_open", nat->simultaneous_open, "measured",
				  measured(grid, i), "differences", differences(grid, i)));
	}
	return array;
}

static json_t *command(const struct grid_technique *technique)
{
	json_t *array = json_array();

	for (char **arg = technique->argv; *arg; arg++)
		(void)json_array_append_new(array, json_string(*arg));
	return array;
}

static json_t *techniques(const struct grid *grid)
{
	json_t *array = json_array();

	for (size_t i = 0; i < grid->n_techniques; i++)
		(void)json_array_append_new(
			array, json_pack("{s:s, s:o, s:i}", "name", grid->techniques[i].name,
					 "command", command(&grid->techniques[i]), "deadline_ms",
					 (int)grid_deadline_ms(grid, i)));
	return array;
}

static json_t *tuple(const struct addr *src, const struct addr *dst)
{
	return json_pack("{s:o, s:o}", "src", address(src), "dst", address(dst));
}

static json_t *witnesses(const struct proof *proof)
{
	json_t *array = json_array();

	for (size_t i = 0; i < proof->n_nats; i++) {
		const struct proof_nat *n = &proof->nats[i];

		(void)json_array_append_new(array,
					    json_pack("{s:s, s:o, s:o, s:I, s:I}", "nat", n->name,
						      "original", tuple(&n->src, &n->dst), "reply",
						      tuple(&n->reply_src, &n->reply_dst), "bytes",
						      (json_int_t)n->bytes, "reply_bytes",
						      (json_int_t)n->reply_bytes));
	}
	return array;
}

static json_t *trial_json(const struct trial *t)
{
	json_t *proof = json_pack("{s:s, s:s, s:o}", "kind", proof_kind_name(t->proof.kind),
				  "reason", t->proof.reason, "nats", witnesses(&t->proof));

	return json_pack("{s:i, s:s, s:o, s:o, s:I, s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:o}",
			 "gap_ms", (int)t->gap_ms, "result", trial_kind_names[t->kind],
			 "who_accepted", text_or_null(t->who), "ms", ms_or_null(t->ms), "sent",
			 (json_int_t)t->sent, "received", (json_int_t)t->received, "reason",
			 text_or_null(t->reason), "proof", proof, "leaked", (json_int_t)t->leaked,
			 "strategy", text_or_null(t->route.strategy), "strategy_reason",
			 text_or_null(t->route.reason), "strategy_attempts",
			 text_or_null(t->route.attempts), "strategy_ms",
			 *t->route.reason ? ms_or_null(t->route.ms) : json_null());
}

static json_t *trials(const struct grid_cell *cell)
{
	json_t *array = json_array();

	for (size_t i = 0; i < cell->n_gaps * cell->slots; i++)
		if (cell->trials[i].kind != TRIAL_NONE)
			(void)json_array_append_new(array, trial_json(&cell->trials[i]));
	return array;
}

static json_t *theory(const struct grid_cell *cell)
{
	if (!cell->has_theory)
		return json_null();
	return json_pack("{s:s, s:s}", "verdict", theory_verdict_names[cell->theory.verdict], "why",
			 cell->theory.why);
}

static json_t *cells(const struct grid *grid)
{
	json_t *array = json_array();

	for (size_t i = 0; i < grid->n_cells; i++) {
		const struct grid_cell *cell = &grid->cells[i];
		size_t made, expected = grid_as_expected(cell, &made);

		(void)json_array_append_new(
			array,
			json_pack("{s:s, s:s, s:s, s:o, s:s, s:i, s:i, s:o}", "technique",
				  grid->techniques[cell->technique].name, "from",
				  grid->nats[cell->from]->preset, "to",
				  grid->nats[cell->to]->preset, "theory", theory(cell), "status",
				  cell_status_names[grid_status(cell)], "made", (int)made,
				  "as_expected", (int)expected, "trials", trials(cell)));
	}
	return array;
}

static json_t *summary(const struct grid *grid)
{
	json_t *object = json_object();

	for (int i = 0; i < CELL_STATUSES; i++)
		(void)json_object_set_new(
			object, cell_status_names[i],
			json_integer((json_int_t)report_count(grid, (enum cell_status)i)));
	return object;
}

static json_t *started(const struct report *report)
{
	char text[32];
	struct tm tm;

	if (!gmtime_r(&report->started.tv_sec, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return json_null();
	return json_string(text);
}

static json_t *kernel(void)
{
	struct utsname u;

	if (uname(&u) < 0)
		return json_null();
	return json_sprintf("%s %s %s", u.sysname, u.release, u.machine);
}

static json_t *shard(const struct grid *grid)
{
	if (grid->shards <= 1)
		return json_null();
	return json_sprintf("%u/%u", grid->shard, grid->shards);
}

static json_t *carrier(const struct grid *grid)
{
	if (grid->shape != SHAPE_DOUBLE)
		return json_null();
	return json_string(grid->nats[grid->carrier]->preset);
}

json_t *report_json(const struct report *report)
{
	const struct grid *grid = report->grid;

	return json_pack("{s:i, s:s, s:o, s:o, s:f, s:i, s:b, s:o, s:s, s:o, s:b, s:i, s:o, s:o, "
			 "s:o, s:o}",
			 "schema", REPORT_SCHEMA, "version", BOXER_VERSION, "kernel", kernel(),
			 "started", started(report), "duration_s", report->duration_s, "uids",
			 (int)report->uids, "complete",
			 !report->ended && grid_nats(grid) == GRID_NATS_AGREE, "shard", shard(grid),
			 "shape", grid_shape_names[grid->shape], "carrier", carrier(grid), "relay",
			 grid->relay, "repeat", grid->repeat ? (int)grid->repeat : 1, "nats",
			 nats(grid), "techniques", techniques(grid), "cells", cells(grid),
			 "summary", summary(grid));
}
