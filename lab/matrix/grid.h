/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the grid: NATs x NATs x techniques, what theory says of each
 * cell, what has been tried and what came of it, as plain data. Pure: it neither
 * runs anything nor reads a clock. The trials lie in memory that is shared with
 * the processes that make them.
 */
#ifndef LAB_MATRIX_GRID_H
#define LAB_MATRIX_GRID_H

#include "base/error.h"
#include "lab/nat_compare.h"
#include "lab/proof.h"
#include "topo/theory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRID_NATS_MAX	    64
#define GRID_TECHNIQUES_MAX 16
#define GRID_GAPS	    2 /* a cell that depends on timing is tried at each */
#define GRID_ATTEMPTS	    2 /* one that comes out unexpectedly is tried again */
#define GRID_REASON_MAX	    256
#define GRID_WORD_MAX	    16
#define GRID_ANY_GAP	    (-1)

/** struct grid_technique - a program that punches; @argv: NULL-terminated */
struct grid_technique {
	char *name;
	char **argv;
	enum theory_technique theory; /* THEORY_TECHNIQUES: nobody knows */
};

/** enum trial_kind - what came of one trial */
enum trial_kind {
	TRIAL_NONE,   /* it was not made, or not to its end */
	TRIAL_DIRECT, /* both programs say so, and the path is proven */
	TRIAL_FAILED, /* they do not say so, or it is not proven */
	TRIAL_ERROR,  /* the lab could not find out */
};

/**
 * struct trial - one trial of a cell
 * @who: who accepted, as the connecting program says; may be empty
 * @ms: from "go" to the connection, as it says; negative: it does not
 * @sent, @received: bytes, as it says
 * @reason: a sentence; for TRIAL_DIRECT empty
 * @leaked: packets with a private source address on the public side
 */
struct trial {
	enum trial_kind kind;
	unsigned gap_ms;
	char who[GRID_WORD_MAX];
	double ms;
	uint64_t sent, received;
	char reason[GRID_REASON_MAX];
	uint64_t leaked;
	struct proof proof;
};

/**
 * struct grid_cell - one cell
 * @from, @to: indices of the NATs of the connecting and of the listening side
 * @gaps: at which to try; @n_gaps of them
 * @trials: by gap, then by attempt
 */
struct grid_cell {
	size_t from, to, technique;
	bool has_theory;
	struct theory theory;
	unsigned gaps[GRID_GAPS];
	size_t n_gaps;
	struct trial (*trials)[GRID_ATTEMPTS];
};

/** enum cell_status - what there is to say of a cell */
enum cell_status {
	CELL_NOT_RUN,
	CELL_AGREES,	  /* theory and trial say the same */
	CELL_TIMING,	  /* theory leaves it open; each gap has its own result */
	CELL_UNPREDICTED, /* there is no theory */
	CELL_FLAKY,	  /* it came out unexpectedly, and the second time as theory says */
	CELL_DIFFERS,	  /* theory and trial differ, twice; or a private address was seen */
	CELL_ERROR,	  /* the lab could not find out, twice */
	CELL_STATUSES,
};

/**
 * struct grid_measured - what was measured of a NAT, before any cell was tried
 * @known: that was done
 * @failure: .code is 0, or it could not be done
 */
struct grid_measured {
	bool known;
	struct error failure;
	struct nat_part part;
	struct nat_differences differences;
};

/**
 * struct grid - see above
 * @measured: for each of @nats; NULL before
 * @own: those of @nats that are no presets, at the same index
 * @gap_ms: at which to try all cells, or GRID_ANY_GAP
 * @shard, @shards: this is the @shard'th part of @shards, from 1
 */
struct grid {
	const struct nat *nats[GRID_NATS_MAX];
	struct nat *own[GRID_NATS_MAX];
	struct grid_measured *measured;
	size_t n_nats;
	struct grid_technique techniques[GRID_TECHNIQUES_MAX];
	size_t n_techniques;
	int gap_ms;
	unsigned deadline_ms;
	unsigned shard, shards;
	struct grid_cell *cells;
	size_t n_cells;
	void *shared;
	size_t shared_bytes;
};

/** grid_add_nat() - by the name of a preset. Return: 0, -EINVAL with words, or -ENOSPC. */
int grid_add_nat(struct grid *grid, const char *name, struct error *err);
/**
 * grid_declare_nat() - one that is no preset
 * @text: "NAME=PRESET[,KEY=VALUE]...": as that preset, but for these behaviours
 *
 * Return: 0, or -errno with words.
 */
int grid_declare_nat(struct grid *grid, const char *text, struct error *err);
/** grid_add_declared() - one that is no preset, called @nat's preset. Return: as above. */
int grid_add_declared(struct grid *grid, const struct nat *nat, struct error *err);
/** grid_add_technique() - "NAME", or "NAME=COMMAND". Return: 0, or -errno with words. */
int grid_add_technique(struct grid *grid, const char *text, struct error *err);

struct selection;
/**
 * grid_fill() - make the cells, those that @selection chooses and that are of the shard
 *
 * Return: 0, or -errno with words.
 */
int grid_fill(struct grid *grid, const struct selection *selection, struct error *err);
/** grid_done() - frees what it holds; zeroed is legal. */
void grid_done(struct grid *grid);

/** grid_trial() - the last trial made at that gap, or the first one's empty place. */
const struct trial *grid_trial(const struct grid_cell *cell, size_t gap);
/** grid_wants_another() - is one more trial at that gap called for, after @attempts of them? */
bool grid_wants_another(const struct grid_cell *cell, size_t gap, size_t attempts);
/** grid_status() - see the enum. */
enum cell_status grid_status(const struct grid_cell *cell);

/** enum grid_nats - what there is to say of the NATs */
enum grid_nats {
	GRID_NATS_UNKNOWN, /* not all of those that cells need were measured */
	GRID_NATS_AGREE,
	GRID_NATS_FAILED, /* one could not be measured */
	GRID_NATS_DIFFER, /* one is not as declared: no cell would be worth anything */
};
/** grid_needs() - is there a cell with that NAT? */
bool grid_needs(const struct grid *grid, size_t nat);
/** grid_nats() - see the enum. */
enum grid_nats grid_nats(const struct grid *grid);

/** The words of results for each enum. */
extern const char *const trial_kind_names[];
extern const char *const cell_status_names[];

#endif
