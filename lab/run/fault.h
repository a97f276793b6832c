/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for faults: what a step does to the network, and the undoing of it. So
 * far, changes of NATs. Each is one call that makes the change at once; what it was
 * before is kept until the end of the step.
 */
#ifndef LAB_RUN_FAULT_H
#define LAB_RUN_FAULT_H

#include "lab/run/world.h"

/**
 * struct fault - one change
 * @result: index of its entry in result.faults
 * @applied: and so has @before and @external: what was there
 */
struct fault {
	const struct scenario_nat_change *change;
	struct router *router;
	size_t result;
	bool applied;
	struct nat before;
	struct addr external;
};

/** struct faults - of a step, in its order; zeroed before they are made */
struct faults {
	struct world *world;
	struct fault *list;
	size_t n;
};

/** faults_make() - @step: index of the step in the result. Return: 0, or -errno. */
int faults_make(struct faults *faults, struct world *world, const struct scenario_step *step,
		size_t result_step, struct error *err);
/**
 * faults_apply() - those that are due by then, and were not applied yet
 * @elapsed_ns: since the programs of "run" were started; 0: before any program was
 *
 * Return: 0, or -errno.
 */
int faults_apply(struct faults *faults, uint64_t elapsed_ns, struct error *err);
/** faults_next() - when the next one is due, since then; UINT64_MAX: never. */
uint64_t faults_next(const struct faults *faults);
/** faults_undo() - the last one first. Return: 0, or -errno. */
int faults_undo(struct faults *faults, struct error *err);
/** faults_free() - zeroed is legal. */
void faults_free(struct faults *faults);

#endif
