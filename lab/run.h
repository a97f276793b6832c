/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for runs: what the lab's pid 1 does with a plan. Both functions are
 * bodies for lab_start(): they build the plan, start the seed and the functions,
 * and talk to the user and to clients of the lab's door meanwhile.
 */
#ifndef LAB_RUN_H
#define LAB_RUN_H

#include "lab/lab.h"
#include "lab/plan.h"

#include <stdbool.h>

/** Exit codes of bodies, and of boxlab; they stand in its manual page. */
enum run_exit {
	RUN_PASSED = 0,
	RUN_FAILED = 1,	 /* an expectation failed */
	RUN_MISUSED = 2, /* the command line or the scenario is wrong */
	RUN_UNABLE = 3,	 /* this kernel or this user can't */
	RUN_ENDED = 130, /* the user ended it before it was done */
};

/* The result, before it is whole: the front process gives it its name, RESULT_FILE. */
#define RUN_RESULT_PART "results.json.part"

/**
 * struct run_options - how to run
 * @plan: what to build
 * @quiet: no line on stdout
 * @verbose: say on stderr what happens within the steps
 * @ready_fd: run_up() writes the lab's id there when all is up, and closes it; -1:
 *	it is printed on stdout instead
 */
struct run_options {
	const struct plan *plan;
	bool quiet;
	bool verbose;
	int ready_fd;
};

/**
 * run_scenario() - build, do the steps in order, judge, write RUN_RESULT_PART
 * @arg: a struct run_options
 *
 * Return: an enum run_exit.
 */
int run_scenario(struct lab *lab, void *arg);
/**
 * run_up() - build and keep it until the user ends it
 * @arg: a struct run_options
 *
 * Return: an enum run_exit.
 */
int run_up(struct lab *lab, void *arg);

#endif
