/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/fault.h"

#include "base/clock.h"
#include "lab/scenario_nats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct result_fault *entry_of(const struct faults *faults, const struct fault *fault)
{
	return &faults->world->result->faults[fault->result];
}

static uint64_t since_began(const struct world *world)
{
	uint64_t now = clock_now();

	/* 0 says that it did not happen. */
	return now > world->result->began_ns ? now - world->result->began_ns : 1;
}

static int describe(const struct scenario_nat_change *change, char *buf, size_t size)
{
	FILE *f = fmemopen(buf, size, "w");

	if (!f)
		return -errno;
	plan_print_change(change, f);
	return fclose(f) == 0 ? 0 : -errno;
}

int faults_make(struct faults *faults, struct world *world, const struct scenario_step *step,
		size_t result_step, struct error *err)
{
	faults->world = world;
	faults->list = calloc(step->n_changes + 1, sizeof(*faults->list));
	if (!faults->list)
		return error_sys(err, ENOMEM, "%s", step->name);
	for (; faults->n < step->n_changes; faults->n++) {
		struct fault *fault = &faults->list[faults->n];
		struct result_fault *entry = result_add_fault(world->result);

		fault->change = &step->changes[faults->n];
		fault->router = &world->routers[plan_find_nat(world->plan, fault->change->nat) -
						world->plan->nats];
		if (!entry || describe(fault->change, entry->what, sizeof(entry->what)) < 0)
			return error_sys(err, ENOMEM, "%s", step->name);
		entry->step = result_step;
		entry->nat = fault->router->nat->name;
		fault->result = world->result->n_faults - 1;
	}
	return 0;
}

static int apply(struct faults *faults, struct fault *fault, struct error *err)
{
	const struct scenario_nat_change *change = fault->change;
	struct router *router = fault->router;
	struct topo_nat_change to = {
		.nat = &router->now,
		.external = &router->external,
		.forget = change->reboot || change->rebind != REBIND_NONE,
	};
	int r;

	fault->before = router->now;
	fault->external = router->external;
	fault->applied = true;
	scenario_nat_apply(change, &router->now);
	if (change->rebind == REBIND_ADDRESS)
		router->external = addr_equal(&router->external, &router->nat->spare)
					   ? router->nat->external
					   : router->nat->spare;
	r = topo_nat_change(faults->world->topo, router->nat->topo, &to, err);
	if (r < 0)
		return error_wrap(err, "%s can't be changed", router->nat->name);
	entry_of(faults, fault)->at_ns = since_began(faults->world);
	return 0;
}

int faults_apply(struct faults *faults, uint64_t elapsed_ns, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < faults->n; i++)
		if (!faults->list[i].applied && faults->list[i].change->after_ns <= elapsed_ns)
			r = apply(faults, &faults->list[i], err);
	return r;
}

uint64_t faults_next(const struct faults *faults)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < faults->n; i++)
		if (!faults->list[i].applied && faults->list[i].change->after_ns < next)
			next = faults->list[i].change->after_ns;
	return next;
}

static bool is_undone(const struct fault *fault)
{
	const struct scenario_nat_change *change = fault->change;

	return fault->applied && !change->keep && (change->rebind || change->set);
}

int faults_undo(struct faults *faults, struct error *err)
{
	int r = 0;

	for (size_t i = faults->n; r == 0 && i-- > 0;) {
		struct fault *fault = &faults->list[i];
		struct router *router = fault->router;
		const struct topo_nat_change to = {.nat = &router->now,
						   .external = &router->external};

		if (!is_undone(fault))
			continue;
		router->now = fault->before;
		router->external = fault->external;
		r = topo_nat_change(faults->world->topo, router->nat->topo, &to, err);
		if (r < 0)
			return error_wrap(err, "%s can't be changed back", router->nat->name);
		entry_of(faults, fault)->undone_ns = since_began(faults->world);
	}
	return r;
}

void faults_free(struct faults *faults)
{
	free(faults->list);
	*faults = (struct faults){0};
}
