/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a hearing: the events that a step wants its members to tell, or not
 * to tell, while it runs.
 */
#ifndef LAB_RUN_HEARING_H
#define LAB_RUN_HEARING_H

#include "lab/run/world.h"

/**
 * struct heard - one of the step's events, from one machine
 * @event: of the step
 * @times: how often it was told
 */
struct heard {
	const struct scenario_event *event;
	const struct machine *machine;
	unsigned times;
};

/** struct hearing - of a step; zeroed: nothing is wanted */
struct hearing {
	struct world *world;
	struct heard *list;
	size_t n;
};

/** hearing_begin() - from now on events count. Return: 0, or -errno. */
int hearing_begin(struct hearing *hearing, struct world *world, const struct scenario_step *step,
		  struct error *err);
/** hearing_take() - @machine's member has told @event, of the one called @about or "". */
void hearing_take(struct hearing *hearing, const struct machine *machine, const char *event,
		  const char *about);
/**
 * hearing_wait() - until all has been told that must be
 * @deadline: CLOCK_MONOTONIC, ns
 *
 * Return: 0, -EXPECT_UNMET, or what world_wait() returns.
 */
int hearing_wait(struct hearing *hearing, uint64_t deadline, struct error *err);
/** hearing_judge() - was anything told that must not be? Return: 0, or -EXPECT_UNMET. */
int hearing_judge(const struct hearing *hearing, struct error *err);
/** hearing_end() - nothing counts any more; zeroed is legal. */
void hearing_end(struct hearing *hearing);

#endif
