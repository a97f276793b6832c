/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface between the parts of a step: what step.c does and judge.c judges.
 * Nothing else includes it.
 */
#ifndef LAB_RUN_DOING_H
#define LAB_RUN_DOING_H

#include "lab/run/evidence.h"
#include "lab/run/fault.h"
#include "lab/run/hearing.h"
#include "lab/run/program.h"
#include "lab/run/world.h"

/**
 * struct job - a program of the step
 * @listener: to ask whether it listens; -1: not a server
 * @ready: it was seen listening
 */
struct job {
	const struct scenario_program *from;
	struct machine *machine;
	struct program program;
	int listener;
	bool ready;
};

/**
 * struct doing - a step under way
 * @jobs: the servers first; @n_serve of them
 * @deadline: CLOCK_MONOTONIC, ns
 * @dropped, @dropped_after: what the NAT of "dropped_by" had dropped before, and when
 *	the programs of "run" had ended
 */
struct doing {
	struct world *world;
	const struct scenario_step *step;
	struct result_step *result;
	size_t number;
	struct job *jobs;
	size_t n_jobs, n_serve;
	uint64_t deadline;
	struct evidence evidence;
	struct faults faults;
	struct hearing hearing;
	uint64_t dropped, dropped_after;
};

/** doing_detail() - one more thing that a person wants to know of the step. */
void doing_detail(struct doing *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** job_name() - what to call its program: "iperf3". */
const char *job_name(const struct job *job);
/** job_failed() - "fn1: iperf3 HOW: its last lines". Return: -EXPECT_UNMET. */
int job_failed(const struct job *job, const char *how, struct error *err);

/** judge_begin() - what has to be known before the step. Return: 0, or -errno. */
int judge_begin(struct doing *d, struct error *err);
/** judge_end() - the programs of "run" have ended, the servers still run. Return: 0, or -errno. */
int judge_end(struct doing *d, struct error *err);
/** judge_step() - all programs have ended. Return: 0, -EXPECT_UNMET, or another -errno. */
int judge_step(struct doing *d, struct error *err);

#endif
