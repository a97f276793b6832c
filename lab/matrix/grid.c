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

/* More than a SYN's first repetition; and more than Boxer takes to give up by itself. */
#define PUNCH_DEADLINE_MS 2000
#define BOXER_DEADLINE_MS 15000

#define GUESSED_PERCENT 95

const char *const trial_kind_names[] = {
	[TRIAL_NONE] = "not run", [TRIAL_DIRECT] = "direct",   [TRIAL_FAILED] = "failed",
	[TRIAL_ERROR] = "error",  [TRIAL_RELAYED] = "relayed", NULL,
};

const char *const grid_shape_names[] = {
	[SHAPE_APART] = "apart",
	[SHAPE_SHARED] = "shared",
	[SHAPE_DOUBLE] = "double",
	[SHAPE_CROWD] = "crowd",
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
	grid->n_measured = grid->n_nats;
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
	grid->n_measured = ++grid->n_nats;
	return 0;
}

int grid_set_carrier(struct grid *grid, const struct nat *nat, struct error *err)
{
	struct nat *own;

	for (size_t i = 0; i < grid->n_nats; i++)
		if (strcmp(grid->nats[i]->preset, nat->preset) == 0) {
			grid->carrier = i;
			return 0;
		}
	own = malloc(sizeof(*own));
	if (!own)
		return error_sys(err, ENOMEM, "%s", nat->preset);
	*own = *nat;
	grid->carrier = grid->n_nats;
	grid->nats[grid->carrier] = grid->own[grid->carrier] = own;
	grid->n_measured = grid->n_nats + 1;
	return 0;
}

unsigned grid_deadline_ms(const struct grid *grid, size_t technique)
{
	if (grid->deadline_ms)
		return grid->deadline_ms;
	return grid->techniques[technique].boxer ? BOXER_DEADLINE_MS : PUNCH_DEADLINE_MS;
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
static char **own_command(const struct grid_technique *technique)
{
	char **argv = calloc(3, sizeof(*argv));

	if (!argv)
		return NULL;
	argv[0] = strdup(technique->boxer ? "plain" : "punch");
	argv[1] = technique->boxer ? NULL : strdup(technique->name);
	if (argv[0] && (argv[1] || technique->boxer))
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
		technique->argv = own_command(technique);
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
	technique->boxer = technique->theory == THEORY_BOXER;
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

/* Where both are behind one NAT, only Boxer knows of the way that is not translated. */
static bool predict(const struct grid *grid, const struct grid_cell *cell, struct theory *ret)
{
	enum theory_technique technique = grid->techniques[cell->technique].theory;
	const struct nat *a = grid->nats[cell->from], *b = grid->nats[cell->to];

	if (technique == THEORY_TECHNIQUES || (grid->shape == SHAPE_SHARED && !cell->boxer))
		return false;
	if (grid->shape == SHAPE_SHARED)
		*ret = (struct theory){THEORY_DIRECT,
				       "both are on the inside of one NAT, where there is a way "
				       "that it does not translate"};
	else if (grid->shape == SHAPE_DOUBLE)
		*ret = theory_predict_behind(technique, a, b, grid->nats[grid->carrier]);
	else
		*ret = theory_predict(technique, a, b);
	return true;
}

static void set_theory(const struct grid *grid, struct grid_cell *cell)
{
	cell->boxer = grid->techniques[cell->technique].boxer;
	cell->relay = cell->boxer && grid->relay;
	cell->repeat = grid->repeat ? grid->repeat : 1;
	cell->slots = cell->repeat > 1 ? cell->repeat : GRID_ATTEMPTS;
	cell->has_theory = predict(grid, cell, &cell->theory);
	cell->n_gaps = 1;
	cell->gaps[0] = grid->gap_ms == GRID_ANY_GAP ? 0 : (unsigned)grid->gap_ms;
	/* When its SYNs leave is Boxer's own affair. */
	if (grid->gap_ms != GRID_ANY_GAP || cell->boxer || !cell->has_theory ||
	    cell->theory.verdict != THEORY_TIMING)
		return;
	cell->n_gaps = GRID_GAPS;
	(void)memcpy(cell->gaps, telling_gaps, sizeof(telling_gaps));
}

/* Only what is tried is ever touched, so the whole is reserved at once. */
static int share_trials(struct grid *grid, struct error *err)
{
	size_t slots = grid->n_cells ? GRID_GAPS * grid->cells[0].slots : 1;
	struct trial *trials;

	grid->shared_bytes = (grid->n_cells + 1) * slots * sizeof(*trials);
	grid->shared = mmap(NULL, grid->shared_bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (grid->shared == MAP_FAILED) {
		grid->shared = NULL;
		return error_sys(err, errno, "no memory for %zu cells", grid->n_cells);
	}
	trials = grid->shared;
	for (size_t i = 0; i < grid->n_cells; i++)
		grid->cells[i].trials = trials + i * slots;
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

		if (grid->shape == SHAPE_SHARED && cell.from != cell.to)
			continue;
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
	for (size_t i = 0; i < grid->n_measured; i++)
		free(grid->own[i]);
	free(grid->measured);
	free(grid->cells);
	if (grid->shared)
		(void)munmap(grid->shared, grid->shared_bytes);
	*grid = (struct grid){0};
}

/* ---- what came of them ---- */

struct trial *grid_place(const struct grid_cell *cell, size_t gap, size_t attempt)
{
	return &cell->trials[gap * cell->slots + attempt];
}

/* Did Boxer do it by the means that theory has in mind? */
static bool is_by(const struct route *route, enum theory_verdict verdict)
{
	bool predicted = strcmp(route->strategy, "predict") == 0;
	bool guessed = strcmp(route->strategy, "birthday") == 0;

	if (verdict == THEORY_PREDICTED)
		return predicted;
	if (verdict == THEORY_GUESSED)
		return guessed;
	return *route->strategy && !predicted && !guessed;
}

/* Boxer must know why there is no direct connection, and not wait until it is killed. */
static bool is_as_boxer_should(const struct grid_cell *cell, const struct trial *trial)
{
	bool connected = trial->kind == TRIAL_DIRECT;
	bool gave_up = cell->relay ? trial->kind == TRIAL_RELAYED
				   : trial->kind == TRIAL_FAILED && *trial->route.reason;

	if (cell->theory.verdict == THEORY_FAILS)
		return gave_up;
	if (cell->theory.verdict == THEORY_TIMING)
		return gave_up || connected;
	return connected && is_by(&trial->route, cell->theory.verdict);
}

bool grid_is_expected(const struct grid_cell *cell, const struct trial *trial)
{
	if (trial->kind == TRIAL_ERROR || trial->leaked)
		return false;
	if (!cell->has_theory)
		return true;
	if (cell->boxer)
		return is_as_boxer_should(cell, trial);
	if (cell->theory.verdict == THEORY_TIMING)
		return true;
	return (trial->kind == TRIAL_DIRECT) == (cell->theory.verdict == THEORY_DIRECT);
}

const struct trial *grid_trial(const struct grid_cell *cell, size_t gap)
{
	size_t last = 0;

	for (size_t i = 0; i < cell->slots; i++) {
		const struct trial *trial = grid_place(cell, gap, i);

		if (trial->kind == TRIAL_NONE)
			continue;
		if (cell->repeat > 1 && !grid_is_expected(cell, trial))
			return trial;
		last = i;
	}
	return grid_place(cell, gap, last);
}

size_t grid_as_expected(const struct grid_cell *cell, size_t *ret_made)
{
	size_t n = 0, made = 0;

	for (size_t i = 0; i < cell->n_gaps * cell->slots; i++) {
		made += cell->trials[i].kind != TRIAL_NONE;
		n += cell->trials[i].kind != TRIAL_NONE && grid_is_expected(cell, &cell->trials[i]);
	}
	*ret_made = made;
	return n;
}

bool grid_wants_another(const struct grid_cell *cell, size_t gap, size_t attempts)
{
	if (cell->repeat > 1)
		return attempts < cell->repeat;
	return attempts == 0 || (attempts < GRID_ATTEMPTS &&
				 !grid_is_expected(cell, grid_place(cell, gap, attempts - 1)));
}

/* Of many guesses a few may be unlucky. */
static bool is_lucky_enough(const struct grid_cell *cell, size_t gap)
{
	size_t made = 0, expected = 0;

	if (cell->repeat == 1 || !cell->has_theory || cell->theory.verdict != THEORY_GUESSED)
		return false;
	for (size_t i = 0; i < cell->slots; i++) {
		const struct trial *trial = grid_place(cell, gap, i);

		made += trial->kind != TRIAL_NONE;
		expected += trial->kind != TRIAL_NONE && grid_is_expected(cell, trial);
	}
	return expected * 100 >= made * GUESSED_PERCENT;
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
	if (!grid_is_expected(cell, trial) && !is_lucky_enough(cell, gap))
		return CELL_DIFFERS;
	if (cell->repeat == 1 && trial != grid_place(cell, gap, 0))
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
	if (grid->shape == SHAPE_DOUBLE && nat == grid->carrier)
		return grid->n_cells;
	for (size_t i = 0; i < grid->n_cells; i++)
		if (grid->cells[i].from == nat || grid->cells[i].to == nat)
			return true;
	return false;
}

enum grid_nats grid_nats(const struct grid *grid)
{
	enum grid_nats worst = GRID_NATS_AGREE;

	for (size_t i = 0; i < grid->n_measured; i++) {
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
