/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for one trial of one cell: a world of its own with a rendezvous, two
 * NATs and a machine behind each, the technique's program on both machines, and
 * the proof of what they say. It runs in a process of its own within the lab.
 */
#ifndef LAB_MATRIX_CELL_H
#define LAB_MATRIX_CELL_H

#include "lab/matrix/grid.h"

#include <stdint.h>

/* What the programs of a technique find in their environment. */
#define CELL_ENV_ROLE	    "BOXLAB_ROLE"	/* "connect" or "listen" */
#define CELL_ENV_PEER	    "BOXLAB_PEER"	/* the other's public address, or its name */
#define CELL_ENV_RENDEZVOUS "BOXLAB_RENDEZVOUS" /* ADDRESS:PORT, TCP and UDP */
#define CELL_ENV_PORT	    "BOXLAB_PORT"	/* the local port to use */
#define CELL_ENV_GAP	    "BOXLAB_GAP_MS"	/* between the SYNs of the two sides */
#define CELL_ENV_DEADLINE   "BOXLAB_DEADLINE_MS"
#define CELL_ENV_NONCE	    "BOXLAB_NONCE" /* that only the two sides know */

/** cell_limit_ns() - after that long a trial is killed, whatever its programs do. */
uint64_t cell_limit_ns(unsigned deadline);

/**
 * cell_try() - build, run, judge, and take down
 * @gap_ms: between the SYNs
 *
 * Return: what came of it, also when the lab failed.
 */
struct trial cell_try(const struct grid *grid, const struct grid_cell *cell, unsigned gap_ms);

#endif
