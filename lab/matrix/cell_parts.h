/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface between the parts of a trial: cell.c, which judges it, cell_scenario.c,
 * which says what its world is like, and cell_boxer.c and cell_punch.c, which bring
 * the two sides together. Nothing else includes it.
 */
#ifndef LAB_MATRIX_CELL_PARTS_H
#define LAB_MATRIX_CELL_PARTS_H

#include "lab/matrix/cell.h"
#include "lab/run/evidence.h"
#include "lab/run/program.h"

#define CELL_MEETING_PORT 7000 /* of the rendezvous, or the seed */
#define CELL_LOCAL_PORT	  7100 /* of both programs */
#define CELL_LISTEN_NS	  (20 * NS_PER_S)
#define CELL_POLL_NS	  (2 * NS_PER_MS)
#define CELL_NATS	  2 /* of a scenario's own */

/** enum cell_machine - the second pair is there in SHAPE_CROWD alone */
enum cell_machine {
	CELL_MEETING, /* the rendezvous, or the seed */
	CELL_FROM,
	CELL_TO,
	CELL_FROM_2,
	CELL_TO_2,
	CELL_MACHINES,
};

/**
 * struct cell - a trial under way
 * @boxer: its technique is
 * @n_machines: of the enum's; the others are not there
 * @scenario, @nodes, @nats, @named, @step, @serve, @run: what a scenario would say; @nats are
 *	the machines' own
 * @programs: of the rendezvous and of the sides
 * @nonce: that only the sides know, in hexadecimal digits
 */
struct cell {
	const struct grid *grid;
	const struct grid_cell *what;
	bool boxer;
	unsigned gap_ms;
	size_t n_machines;
	struct scenario scenario;
	struct scenario_node nodes[CELL_MACHINES];
	struct scenario_nat nats[CELL_MACHINES];
	struct scenario_nat named[CELL_NATS];
	struct scenario_step step;
	struct scenario_program serve[2], run[2];
	struct plan *plan;
	struct console console;
	struct world world;
	struct program programs[CELL_MACHINES];
	struct evidence evidence;
	char nonce[33];
	struct trial trial;
};

/** cell_declare() - fill in what a scenario would say. */
void cell_declare(struct cell *cell);
/** cell_name() - of a machine. */
char *cell_name(const struct cell *cell, enum cell_machine machine);

/** cell_start_side() - the technique's program there. Return: 0, or -errno. */
int cell_start_side(struct cell *cell, enum cell_machine side, struct error *err);
/** cell_await_listener() - until @program listens on @port, or has ended. Return: 0, or -errno. */
int cell_await_listener(struct cell *cell, const struct program *program, uint16_t port,
			struct error *err);

/** cell_meet_punch() - the rendezvous. Return: 0, or -errno. */
int cell_meet_punch(struct cell *cell, struct error *err);
/** cell_meet_boxer() - the seed and a node in every function. Return: 0, or -errno. */
int cell_meet_boxer(struct cell *cell, struct error *err);
/**
 * cell_hear_boxer() - what the nodes have told of the connection, into the trial, and where
 * the evidence is to be looked for
 */
void cell_hear_boxer(struct cell *cell);
/** cell_log() - append what the nodes have told to the grid's log. */
void cell_log(const struct cell *cell);

#endif
