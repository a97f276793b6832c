/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/needs.h"

#include "lab/plan.h"

/* Those of the lab itself, and of some who visit it meanwhile. */
#define OWN_FILES     64
#define OWN_PROCESSES 2
/* A function's programs have so many, which no smaller limit outside lets them. */
#define FILES_MIN 1024

#define FILES_PER_NAT	  2
#define FILES_PER_WIRE	  2
#define FILES_OF_WIRES	  5 /* their namespace; what they wait by and time; and who steers them */
#define FILES_PER_SANDBOX 2
#define FILES_PER_MEMBER  3 /* four, if it has a guest */
#define FILES_PER_PROGRAM 3

static void add_members(const struct plan *plan, struct needs *needs)
{
	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct scenario_node *from = plan->nodes[i].from;

		if (from->role == ROLE_HOST)
			continue;
		needs->n[NEED_FILES] += FILES_PER_MEMBER + (from->run ? 1 : 0);
		needs->n[NEED_PROCESSES] += from->run ? 2 : 1;
	}
}

/* Steps follow each other: the largest counts. */
static void add_steps(const struct scenario *scenario, struct needs *needs)
{
	size_t files = 0, processes = 0;

	for (size_t i = 0; i < scenario->n_steps; i++) {
		const struct scenario_step *step = &scenario->steps[i];
		size_t programs = step->n_serve + step->n_run;
		size_t f = programs * FILES_PER_PROGRAM + step->n_listening;
		/* `boxer exec` stays with its program. */
		size_t p = programs * (step->boxer ? 2 : 1);

		files = f > files ? f : files;
		processes = p > processes ? p : processes;
	}
	needs->n[NEED_FILES] += files;
	needs->n[NEED_PROCESSES] += processes;
}

/* One process carries all; for a moment, what it holds is open in pid 1. */
static void add_wires(const struct plan *plan, struct needs *needs)
{
	if (!plan->n_wires)
		return;
	needs->n[NEED_FILES] += FILES_OF_WIRES + plan->n_wires * FILES_PER_WIRE;
	needs->n[NEED_PROCESSES]++;
	needs->n[NEED_NET_NS]++;
}

struct needs plan_needs(const struct plan *plan)
{
	struct needs needs = {
		.n =
			{
				[NEED_FILES] = OWN_FILES + plan->spec.n_nodes +
					       plan->n_nats * FILES_PER_NAT +
					       plan->n_nodes * FILES_PER_SANDBOX,
				[NEED_PROCESSES] = OWN_PROCESSES + plan->n_nodes,
				[NEED_NET_NS] = 1 + plan->spec.n_nodes,
			},
	};

	for (enum need need = NEED_MNT_NS; need < NEEDS; need++)
		needs.n[need] = 1 + plan->n_nodes;
	add_members(plan, &needs);
	add_wires(plan, &needs);
	add_steps(plan->scenario, &needs);
	if (needs.n[NEED_FILES] < FILES_MIN)
		needs.n[NEED_FILES] = FILES_MIN;
	return needs;
}
