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
#define GRID_REPEAT_MAX	    1000
#define GRID_REASON_MAX	    256
#define GRID_WORD_MAX	    16
#define GRID_ROUTE_MAX	    512 /* what Boxer tells of its attempts */
#define GRID_ANY_GAP	    (-1)

/** enum grid_shape - how the machines of a cell are placed */
enum grid_shape {
	SHAPE_APART,  /* each behind its own NAT */
	SHAPE_SHARED, /* both behind one; only the cells where the two kinds are one */
	SHAPE_DOUBLE, /* each behind its own NAT, and that behind a carrier's */
	SHAPE_CROWD,  /* two behind each of the two NATs; both pairs connect at once */
};

/**
 * struct grid_technique - a program that punches; @argv: NULL-terminated
 * @boxer: it doesn't: it is an ordinary program in a function
 */
struct grid_technique {
	char *name;
	char **argv;
	enum theory_technique theory; /* THEORY_TECHNIQUES: nobody knows */
	bool boxer;
};

/** enum trial_kind - what came of one trial */
enum trial_kind {
	TRIAL_NONE,    /* it was not made, or not to its end */
	TRIAL_DIRECT,  /* both programs say so, and the path is proven */
	TRIAL_FAILED,  /* they do not say so, or it is not proven */
	TRIAL_ERROR,   /* the lab could not find out */
	TRIAL_RELAYED, /* both programs say so, and Boxer's relay has carried it */
};

/**
 * struct route - what Boxer tells of a connection
 * @strategy: the one that made it; may be empty
 * @reason: why none did, "none" if one did; empty when Boxer has told nothing
 * @attempts: each with its reason and time, as Boxer writes them; may be empty
 * @ms: how long it took; negative: it does not say
 */
struct route {
	char strategy[GRID_WORD_MAX], reason[2 * GRID_WORD_MAX];
	char attempts[GRID_ROUTE_MAX];
	double ms;
};

/**
 * struct trial - one trial of a cell
 * @who: who accepted, as the connecting program says; may be empty
 * @ms: from "go" to the connection, as it says; negative: it does not
 * @sent, @received: bytes, as it says
 * @reason: a sentence; for TRIAL_DIRECT empty
 * @leaked: packets with a private source address on the public side
 * @route: of a technique that is Boxer
 */
struct trial {
	enum trial_kind kind;
	unsigned gap_ms;
	char who[GRID_WORD_MAX];
	double ms;
	uint64_t sent, received;
	char reason[GRID_REASON_MAX];
	uint64_t leaked;
	struct route route;
	struct proof proof;
};

/**
 * struct grid_cell - one cell
 * @from, @to: indices of the NATs of the connecting and of the listening side
 * @boxer: its technique is
 * @relay: Boxer may relay
 * @gaps: at which to try; @n_gaps of them
 * @repeat: so many times; when not once, there are no second chances
 * @trials: by gap, then by attempt, see grid_place()
 * @slots: attempts that there is room for
 */
struct grid_cell {
	size_t from, to, technique;
	bool has_theory;
	struct theory theory;
	bool boxer, relay;
	unsigned gaps[GRID_GAPS];
	size_t n_gaps;
	size_t repeat;
	struct trial *trials;
	size_t slots;
};

/** enum cell_status - what there is to say of a cell */
enum cell_status {
	CELL_NOT_RUN,
	CELL_AGREES,	  /* theory and trial say the same */
	CELL_TIMING,	  /* theory leaves it open; each gap has its own result */
	CELL_UNPREDICTED, /* there is no theory */
	CELL_FLAKY,	  /* it came out unexpectedly, and the second time as theory says */
	CELL_DIFFERS,	  /* theory and trial differ, twice; or a private address was seen; or,
			   * of several repetitions, any is not as theory says; 95 of
			   * 100 that are guessed will do */
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
 * @nats: @n_nats that connect and listen; then, up to @n_measured, a carrier's that does not
 * @measured: for each of @nats; NULL before
 * @own: those of @nats that are no presets, at the same index
 * @carrier: index of that of SHAPE_DOUBLE
 * @relay: Boxer may relay, where nothing else is left
 * @gap_ms: at which to try all cells, or GRID_ANY_GAP
 * @deadline_ms: 0: as suits the technique, see grid_deadline_ms()
 * @log: what Boxer's nodes tell in trials that come out unexpectedly is appended there; -1
 * @repeat: how often to try each cell; 0: once
 * @shard, @shards: this is the @shard'th part of @shards, from 1
 */
struct grid {
	const struct nat *nats[GRID_NATS_MAX + 1];
	struct nat *own[GRID_NATS_MAX + 1];
	struct grid_measured *measured;
	size_t n_nats, n_measured;
	enum grid_shape shape;
	size_t carrier;
	bool relay;
	struct grid_technique techniques[GRID_TECHNIQUES_MAX];
	size_t n_techniques;
	int gap_ms;
	unsigned deadline_ms;
	unsigned repeat;
	int log;
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

/**
 * grid_set_carrier() - the NAT in front of all others, for SHAPE_DOUBLE
 *
 * After all NATs were added. Return: 0, or -errno with words.
 */
int grid_set_carrier(struct grid *grid, const struct nat *nat, struct error *err);
/** grid_deadline_ms() - how long the technique of that index may take. */
unsigned grid_deadline_ms(const struct grid *grid, size_t technique);

struct selection;
/**
 * grid_fill() - make the cells, those that @selection chooses and that are of the shard
 *
 * Return: 0, or -errno with words.
 */
int grid_fill(struct grid *grid, const struct selection *selection, struct error *err);
/** grid_done() - frees what it holds; zeroed is legal. */
void grid_done(struct grid *grid);

/** grid_place() - where the trial of that gap and attempt is, or will be. */
struct trial *grid_place(const struct grid_cell *cell, size_t gap, size_t attempt);
/**
 * grid_trial() - the trial that speaks for that gap
 *
 * The last one made, or the first of several repetitions that is not as theory says; the
 * first one's empty place when none was made.
 */
const struct trial *grid_trial(const struct grid_cell *cell, size_t gap);
/** grid_is_expected() - is it what theory says, as far as it says anything? */
bool grid_is_expected(const struct grid_cell *cell, const struct trial *trial);
/** grid_as_expected() - how many of the trials of all gaps are as theory says, @ret_made of all. */
size_t grid_as_expected(const struct grid_cell *cell, size_t *ret_made);
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
/** The words of --shape, NULL-terminated. */
extern const char *const grid_shape_names[];

#endif
