/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface between bench-topo and the ways of building one topology that it
 * compares. A way is prepared in a process in which the topology has been
 * applied for real, which then ends and leaves nothing; it builds in another
 * one, under the clock. Both are in the same directory, empty at first.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include "base/error.h"
#include "lab/plan.h"

/**
 * struct bench - one build under way
 * @spec: what to build: the plan of a scenario
 * @topo: the topology; NULL where it is not topo that has built it
 * @netns: its namespaces, as @build leaves them for those who look at the result
 * @log: what floor_prepare() has recorded, in shared memory
 */
struct bench {
	const struct topo_spec *spec;
	struct topo *topo;
	int *netns;
	struct floor_log *log;
};

/**
 * struct bench_way - a way of building
 * @prepare: with @topo applied; NULL when there is nothing to prepare
 * @build: what is measured
 * @needs: programs it runs, NULL-terminated
 * @find: fill @netns after @build; not measured, and NULL when @build does it
 */
struct bench_way {
	const char *name;
	const char *what;
	int (*prepare)(struct bench *bench, struct error *err);
	int (*build)(struct bench *bench, struct error *err);
	int (*find)(struct bench *bench, struct error *err);
	const char *needs[3];
};

/** floor_log_new() - shared memory for the messages of @n_nodes nodes, or NULL. */
struct floor_log *floor_log_new(size_t n_nodes);
/** floor_listen() - from now on what topo sends is recorded. */
void floor_listen(struct floor_log *log);
/** floor_prepare() - work out for which node each recorded message was. */
int floor_prepare(struct bench *bench, struct error *err);
/** floor_build() - send them all again. */
int floor_build(struct bench *bench, struct error *err);

/** script_prepare_single() - write a script with one command for each object. */
int script_prepare_single(struct bench *bench, struct error *err);
/** script_prepare_batch() - write the best script that we know of. */
int script_prepare_batch(struct bench *bench, struct error *err);
/** script_build() - run it. */
int script_build(struct bench *bench, struct error *err);
/** script_find() - open the namespaces that it has named. */
int script_find(struct bench *bench, struct error *err);

#endif
