/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for steps: one step of a scenario, done and judged.
 */
#ifndef LAB_RUN_STEP_H
#define LAB_RUN_STEP_H

#include "lab/run/world.h"

/**
 * step_do() - start its programs, wait, judge, end them
 * @number: from 1; names its files
 * @result: its entry, which is filled and ended
 *
 * Nothing that it started is left when it returns, unless the user ends the lab:
 * then it leaves that to the end of the world.
 */
void step_do(struct world *world, const struct scenario_step *step, size_t number,
	     struct result_step *result);

#endif
