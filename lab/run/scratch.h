/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a NAT in a topology of its own, for those who look at NATs alone. What
 * translates nothing is no router: then there is a public machine instead.
 */
#ifndef LAB_RUN_SCRATCH_H
#define LAB_RUN_SCRATCH_H

#include "lab/plan.h"

#include <stdbool.h>

/**
 * struct scratch - a NAT and its topology
 * @plan: of @scenario, which is of @entry or @host: none of them may move
 * @topo: @plan, applied
 */
struct scratch {
	struct scenario scenario;
	struct scenario_node host;
	struct scenario_nat entry;
	struct plan *plan;
	struct topo *topo;
};

/**
 * scratch_build() - plan it, and apply that
 * @scratch: zeroed; scratch_drop() it in either case
 * @name: for words
 * @nat: is copied
 * @measured: with what measuring it takes: plan->reflectors, and hosts to probe from
 *
 * Return: 0, or -errno; -EINVAL when it can't be planned.
 */
int scratch_build(struct scratch *scratch, const char *name, const struct nat *nat, bool measured,
		  struct error *err);
/** scratch_drop() - take it down; zeroed is legal. */
void scratch_drop(struct scratch *scratch);

#endif
