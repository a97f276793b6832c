/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/matrix/grid.h"

#include "base/cleanup.h"
#include "lab/keys.h"
#include "lab/matrix/field.h"
#include "lab/matrix/select.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* Theory says that it depends: at once, and when a strict tracker's window has passed. */
static const unsigned telling_gaps[GRID_GAPS] = {0, 10};

const char *const trial_kind_names[] = {
	[TRIAL_NONE] = "not run",
	[TRIAL_DIRECT] = "direct",
	[TRIAL_FAILED] = "failed",
	[TRIAL_ERROR] = "error",
	NULL,
};

const char *const cell_status_names[] = {
	[CELL_NOT_RUN] = "not run", [CELL_AGREES] = "agrees",
	[CELL_TIMING] = "timing",   [CELL_UNPREDICTED] = "unpredicted",
	[CELL_FLAKY] = "flaky",	    [CELL_DIFFERS] = "differs",
	[CELL_ERROR] = "error",	    NULL,
};

/* ---- NATs and techniques ---- */

static int check_nat_name(const struct grid *grid, const char *name, struct error *err)
{
	for (size_t i = 0; i < grid->n_nats; i++)
		if (strcmp(grid->nats[i]->preset, name) == 0)
			return error_set(err, EINVAL, "the NAT \"%s\" is named twice", name);
	if (grid->n_nats == GRID_NATS_MAX)
		return error_set(err, ENOSPC, "more than %d NATs", GRID_NATS_MAX);
	return 0;
}

int grid_add_nat(struct grid *grid, const char *name, struct error *err)
{
	const struct nat_preset *preset = nat_preset_find(name);
	int r;

	if (!preset)
		return error_set(err, EINVAL, "there is no NAT \"%s\"", name);
	r = check_nat_name(grid, name, err);
	if (r < 0)
		return r;
	grid->nats[grid->n_nats++] = &preset->nat;
	return 0;
}

/* "lambda,unsolicited=icmp" */
static int declare(struct nat *nat, const char *text, struct error *err)
{
	char name[NAT_PRESET_MAX];
	size_t len = strcspn(text, ",");
	const struct nat_preset *preset;
	int r = 0;

	(void)snprintf(name, sizeof(name), "%.*s", (int)len, text);
	preset = nat_preset_find(name);
	if (!preset)
		return error_set(err, EINVAL, "there is no preset \"%s\"", name);
	*nat = preset->nat;
	for (text += len; !r && *text; text += len) {
		text++;
		len = strcspn(text, ",");
		r = field_set(nat, text, len, err);
	}
	return r ? r : nat_check(nat, err);
}

int grid_add_declared(struct grid *grid, const struct nat *nat, struct error *err)
{
	int r = check_nat_name(grid, nat->preset, err);
	struct nat *own;

	if (r < 0)
		return r;
	own = malloc(sizeof(*own));
	if (!own)
		return error_sys(err, ENOMEM, "%s", nat->preset);
	*own = *nat;
	grid->nats[grid->n_nats] = grid->own[grid->n_nats] = own;
	grid->n_nats++;
	return 0;
}

int grid_declare_nat(struct grid *grid, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	cleanup_free struct nat *nat = calloc(1, sizeof(*nat));
	char name[NAT_PRESET_MAX];
	int r;

	if (!nat)
		return error_sys(err, ENOMEM, "%s", text);
	(void)snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - text) : 0, text);
	if (keys_check_name(name, sizeof(name) - 1) < 0)
		return error_set(err, EINVAL, "\"%s\": NAME=PRESET[,KEY=VALUE]... is expected",
				 text);
	r = declare(nat, equals + 1, err);
	if (r < 0)
		return error_wrap(err, "the NAT \"%s\"", name);
	(void)strcpy(nat->preset, name);
	return grid_add_declared(grid, nat, err);
}

/* The program of a technique that is ours. */
static char **own_command(const char *name)
{
	char **argv = calloc(3, sizeof(*argv));

	if (!argv)
		return NULL;
	argv[0] = strdup("punch");
	argv[1] = strdup(name);
	if (argv[0] && argv[1])
		return argv;
	free(argv[0]);
	free(argv[1]);
	free(argv);
	return NULL;
}

static int make_command(struct grid_technique *technique, const char *command, struct error *err)
{
	struct error why;
	int r;

	if (!command && technique->theory == THEORY_TECHNIQUES)
		return error_set(err, EINVAL,
				 "there is no technique \"%s\"; %s='COMMAND' would be one",
				 technique->name, technique->name);
	if (!command) {
		technique->argv = own_command(technique->name);
		return technique->argv ? 0 : error_sys(err, ENOMEM, "%s", technique->name);
	}
	r = keys_split(command, &technique->argv, &why);
	if (r == -ENOMEM)
		return error_sys(err, ENOMEM, "%s", technique->name);
	if (r < 0)
		return error_set(err, EINVAL, "the command of \"%s\": %s", technique->name,
				 why.text);
	if (!technique->argv || !technique->argv[0])
		return error_set(err, EINVAL, "the command of \"%s\" is empty", technique->name);
	return 0;
}

int grid_add_technique(struct grid *grid, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	struct grid_technique *technique = &grid->techniques[grid->n_techniques];

	if (grid->n_techniques == GRID_TECHNIQUES_MAX)
		return error_set(err, ENOSPC, "more than %d techniques", GRID_TECHNIQUES_MAX);
	technique->name = strndup(text, len);
	if (!technique->name)
		return error_sys(err, ENOMEM, "%s", text);
	/* From here on grid_done() frees it. */
	grid->n_techniques++;
	technique->theory = theory_technique_find(technique->name);
	if (keys_check_name(technique->name, 32) < 0)
		return error_set(err, EINVAL,
				 "\"%s\" is no name of a technique: a-z, 0-9 and \"-\"",
				 technique->name);
	for (size_t i = 0; i + 1 < grid->n_techniques; i++)
		if (strcmp(grid->techniques[i].name, technique->name) == 0)
			return error_set(err, EINVAL, "the technique \"%s\" is named twice",
					 technique->name);
	return make_command(technique, equals ? equals + 1 : NULL, err);
}

/* ---- cells ---- */

static void set_theory(const struct grid *grid, struct grid_cell *cell)
{
	enum theory_technique technique = grid->techniques[cell->technique].theory;

	cell->has_theory = technique != THEORY_TECHNIQUES;
	if (cell->has_theory)
		cell->theory =
			theory_predict(technique, grid->nats[cell->from], grid->nats[cell->to]);
	cell->n_gaps = 1;
	cell->gaps[0] = grid->gap_ms == GRID_ANY_GAP ? 0 : (unsigned)grid->gap_ms;
	if (grid->gap_ms != GRID_ANY_GAP || !cell->has_theory ||
	    cell->theory.verdict != THEORY_TIMING)
		return;
	cell->n_gaps = GRID_GAPS;
	(void)memcpy(cell->gaps, telling_gaps, sizeof(telling_gaps));
}

/* Only what is tried is ever touched, so the whole is reserved at once. */
static int share_trials(struct grid *grid, struct error *err)
{
	struct trial(*trials)[GRID_ATTEMPTS];

	grid->shared_bytes = (grid->n_cells + 1) * GRID_GAPS * sizeof(*trials);
	grid->shared = mmap(NULL, grid->shared_bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (grid->shared == MAP_FAILED) {
		grid->shared = NULL;
		return error_sys(err, errno, "no memory for %zu cells", grid->n_cells);
	}
	trials = grid->shared;
	for (size_t i = 0; i < grid->n_cells; i++)
		grid->cells[i].trials = trials + i * GRID_GAPS;
	return 0;
}

int grid_fill(struct grid *grid, const struct selection *selection, struct error *err)
{
	size_t n = grid->n_nats * grid->n_nats * grid->n_techniques, chosen = 0;

	grid->cells = calloc(n + 1, sizeof(*grid->cells));
	if (!grid->cells)
		return error_sys(err, ENOMEM, "the grid");
	for (size_t i = 0; i < n; i++) {
		struct grid_cell cell = {
			.technique = i / (grid->n_nats * grid->n_nats),
			.from = i / grid->n_nats % grid->n_nats,
			.to = i % grid->n_nats,
		};

		set_theory(grid, &cell);
		if (!selection_has(selection, grid, &cell))
			continue;
		/* In turns, so that every shard gets of the slow and of the fast ones. */
		if (chosen++ % grid->shards + 1 == grid->shard)
			grid->cells[grid->n_cells++] = cell;
	}
	return share_trials(grid, err);
}

void grid_done(struct grid *grid)
{
	for (size_t i = 0; i < grid->n_techniques; i++) {
		free(grid->techniques[i].name);
		keys_free_words(grid->techniques[i].argv);
	}
	for (size_t i = 0; i < grid->n_nats; i++)
		free(grid->own[i]);
	free(grid->measured);
	free(grid->cells);
	if (grid->shared)
		(void)munmap(grid->shared, grid->shared_bytes);
	*grid = (struct grid){0};
}

/* ---- what came of them ---- */

const struct trial *grid_trial(const struct grid_cell *cell, size_t gap)
{
	size_t last = 0;

	for (size_t i = 1; i < GRID_ATTEMPTS; i++)
		if (cell->trials[gap][i].kind != TRIAL_NONE)
			last = i;
	return &cell->trials[gap][last];
}

/* Is it what theory says, as far as it says anything? */
static bool is_expected(const struct grid_cell *cell, const struct trial *trial)
{
	if (trial->kind == TRIAL_ERROR || trial->leaked)
		return false;
	if (!cell->has_theory || cell->theory.verdict == THEORY_TIMING)
		return true;
	return (trial->kind == TRIAL_DIRECT) == (cell->theory.verdict == THEORY_DIRECT);
}

bool grid_wants_another(const struct grid_cell *cell, size_t gap, size_t attempts)
{
	return attempts == 0 ||
	       (attempts < GRID_ATTEMPTS && !is_expected(cell, &cell->trials[gap][attempts - 1]));
}

static enum cell_status gap_status(const struct grid_cell *cell, size_t gap)
{
	const struct trial *trial = grid_trial(cell, gap);

	if (trial->kind == TRIAL_NONE)
		return CELL_NOT_RUN;
	if (trial->leaked)
		return CELL_DIFFERS;
	if (trial->kind == TRIAL_ERROR)
		return CELL_ERROR;
	if (!is_expected(cell, trial))
		return CELL_DIFFERS;
	if (trial != &cell->trials[gap][0])
		return CELL_FLAKY;
	if (!cell->has_theory)
		return CELL_UNPREDICTED;
	return cell->theory.verdict == THEORY_TIMING ? CELL_TIMING : CELL_AGREES;
}

/* The worst of its gaps; one that is missing says nothing of the cell. */
enum cell_status grid_status(const struct grid_cell *cell)
{
	enum cell_status worst = CELL_NOT_RUN;

	for (size_t i = 0; i < cell->n_gaps; i++) {
		enum cell_status status = gap_status(cell, i);

		if (status > worst)
			worst = status;
	}
	return worst;
}

/* ---- what was measured ---- */

bool grid_needs(const struct grid *grid, size_t nat)
{
	for (size_t i = 0; i < grid->n_cells; i++)
		if (grid->cells[i].from == nat || grid->cells[i].to == nat)
			return true;
	return false;
}

enum grid_nats grid_nats(const struct grid *grid)
{
	enum grid_nats worst = GRID_NATS_AGREE;

	for (size_t i = 0; i < grid->n_nats; i++) {
		const struct grid_measured *m = grid->measured ? &grid->measured[i] : NULL;

		if (!grid_needs(grid, i))
			continue;
		if (!m || !m->known)
			return GRID_NATS_UNKNOWN;
		if (m->failure.code && worst == GRID_NATS_AGREE)
			worst = GRID_NATS_FAILED;
		if (m->differences.n)
			worst = GRID_NATS_DIFFER;
	}
	return worst;
}
