/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the crew: the lab's pid 1, which lets many cells be tried at the
 * same time, each by a process of its own. A trial is mostly waiting for
 * silence, so there are more of them under way than the machine has processors.
 */
#ifndef LAB_MATRIX_CREW_H
#define LAB_MATRIX_CREW_H

#include "lab/lab.h"
#include "lab/matrix/grid.h"

#include <stdbool.h>

#define CREW_JOBS_MAX 256

/**
 * struct crew_order - what to do
 * @report: called in pid 1 when all trials have been made or the user has ended it
 * @arg: for @report
 */
struct crew_order {
	struct grid *grid;
	unsigned jobs;
	bool progress;
	int (*report)(struct lab *lab, const struct grid *grid, bool ended, void *arg);
	void *arg;
};

/** crew_jobs() - how many trials of @grid at a time suit this machine. */
unsigned crew_jobs(const struct grid *grid);
/**
 * crew_run() - the body of a lab: try all cells of the grid, report
 * @arg: a struct crew_order
 *
 * Return: what @report returns, or RUN_UNABLE after words on stderr.
 */
int crew_run(struct lab *lab, void *arg);

#endif
