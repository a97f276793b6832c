/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/fault.h"

#include "base/clock.h"
#include "lab/expect.h"
#include "lab/run/carrier.h"
#include "lab/run/member.h"
#include "lab/scenario_member_keys.h"
#include "lab/scenario_nats.h"
#include "lab/scenario_wires.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* That a process which was killed is heard of. */
#define END_NS (5 * NS_PER_S)

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

/* ---- making ---- */

static int describe(const struct fault *fault, char *buf, size_t size)
{
	FILE *f = fmemopen(buf, size, "w");

	if (!f)
		return -errno;
	switch (fault->kind) {
	case FAULT_NAT:
		plan_print_change(fault->nat.change, f);
		break;
	case FAULT_WIRE:
		plan_print_wire(&fault->wire.change->wire, &fault->wire.change->given, f);
		break;
	case FAULT_MEMBER:
		(void)fputs(scenario_member_do_words[fault->member.change->what], f);
		break;
	}
	return fclose(f) == 0 ? 0 : -errno;
}

static void make_nat(struct fault *fault, struct world *world,
		     const struct scenario_nat_change *change, struct result_fault *entry)
{
	const struct plan_nat *nat = plan_find_nat(world->plan, change->nat);

	fault->kind = FAULT_NAT;
	fault->nat.change = change;
	fault->nat.router = &world->routers[nat - world->plan->nats];
	fault->after_ns = change->after_ns;
	fault->lasting = !change->keep && (change->rebind || change->set);
	entry->nat = nat->name;
}

static void make_wire(struct fault *fault, struct world *world,
		      const struct scenario_wire_change *change, struct result_fault *entry)
{
	const struct plan_wire *wire = plan_find_wire(world->plan, change->name);

	fault->kind = FAULT_WIRE;
	fault->wire.change = change;
	fault->wire.index = (size_t)(wire - world->plan->wires);
	fault->after_ns = change->after_ns;
	fault->lasting = !change->keep;
	entry->wire = wire->name;
}

static void make_member(struct fault *fault, struct world *world,
			const struct scenario_member_change *change, struct result_fault *entry)
{
	fault->kind = FAULT_MEMBER;
	fault->member.change = change;
	fault->member.machine = world_machine(world, change->name);
	fault->after_ns = change->after_ns;
	entry->member = fault->member.machine->node->name;
}

/* The one of that number of the step's. */
static void make(struct fault *fault, struct world *world, const struct scenario_step *step,
		 size_t i, struct result_fault *entry)
{
	if (i < step->n_changes)
		make_nat(fault, world, &step->changes[i], entry);
	else if (i - step->n_changes < step->n_wires)
		make_wire(fault, world, &step->wires[i - step->n_changes], entry);
	else
		make_member(fault, world, &step->members[i - step->n_changes - step->n_wires],
			    entry);
}

int faults_make(struct faults *faults, struct world *world, const struct scenario_step *step,
		size_t result_step, struct error *err)
{
	size_t n = step->n_changes + step->n_wires + step->n_members;

	faults->world = world;
	faults->list = calloc(n + 1, sizeof(*faults->list));
	if (!faults->list)
		return error_sys(err, ENOMEM, "%s", step->name);
	for (; faults->n < n; faults->n++) {
		struct fault *fault = &faults->list[faults->n];
		struct result_fault *entry = result_add_fault(world->result);

		if (!entry)
			return error_sys(err, ENOMEM, "%s", step->name);
		entry->step = result_step;
		fault->result = world->result->n_faults - 1;
		make(fault, world, step, faults->n, entry);
		if (describe(fault, entry->what, sizeof(entry->what)) < 0)
			return error_sys(err, ENOMEM, "%s", step->name);
	}
	return 0;
}

/* ---- doing ---- */

static int apply_nat(struct faults *faults, struct fault *fault, struct error *err)
{
	const struct scenario_nat_change *change = fault->nat.change;
	struct router *router = fault->nat.router;
	struct topo_nat_change to = {
		.nat = &router->now,
		.external = &router->external,
		.forget = change->reboot || change->rebind != REBIND_NONE,
	};
	int r;

	fault->nat.before = router->now;
	fault->nat.external = router->external;
	scenario_nat_apply(change, &router->now);
	if (change->rebind == REBIND_ADDRESS)
		router->external = addr_equal(&router->external, &router->nat->spare)
					   ? router->nat->external
					   : router->nat->spare;
	r = topo_nat_change(faults->world->topo, router->nat->topo, &to, err);
	return r < 0 ? error_wrap(err, "%s can't be changed", router->nat->name) : 0;
}

static int apply_wire(struct faults *faults, struct fault *fault, struct error *err)
{
	struct topo_wire *now = &faults->world->wires[fault->wire.index];

	fault->wire.before = *now;
	scenario_wire_apply(fault->wire.change, now);
	return carrier_set(faults->world, fault->wire.index, now, err);
}

static bool has_ended(void *arg)
{
	const struct member *member = arg;

	return !member_runs(member);
}

static int start_member(struct world *world, struct machine *machine, struct error *err)
{
	int r = 0;

	if (machine->member)
		r = world_wait(world, &(struct wait){.done = has_ended,
						     .arg = machine->member,
						     .deadline = clock_now() + END_NS});
	if (r == -ETIMEDOUT)
		return error_set(err, EXPECT_UNMET,
				 "%s has not ended, so it can't be started again",
				 machine->node->name);
	return r < 0 ? r : member_start(machine, err);
}

static int apply_member(struct faults *faults, struct fault *fault, struct error *err)
{
	struct machine *machine = fault->member.machine;

	if (fault->member.change->what == MEMBER_START)
		return start_member(faults->world, machine, err);
	member_stop(machine->member, fault->member.change->what == MEMBER_KILL ? SIGKILL : SIGTERM);
	return 0;
}

static int apply(struct faults *faults, struct fault *fault, struct error *err)
{
	switch (fault->kind) {
	case FAULT_NAT:
		return apply_nat(faults, fault, err);
	case FAULT_WIRE:
		return apply_wire(faults, fault, err);
	case FAULT_MEMBER:
		return apply_member(faults, fault, err);
	}
	return 0;
}

int faults_apply(struct faults *faults, uint64_t elapsed_ns, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < faults->n; i++) {
		struct fault *fault = &faults->list[i];

		if (fault->applied || fault->after_ns > elapsed_ns)
			continue;
		fault->applied = true;
		r = apply(faults, fault, err);
		if (r == 0)
			entry_of(faults, fault)->at_ns = since_began(faults->world);
	}
	return r;
}

const char *fault_name(const struct fault *fault)
{
	switch (fault->kind) {
	case FAULT_NAT:
		return fault->nat.change->nat;
	case FAULT_WIRE:
		return fault->wire.change->name;
	case FAULT_MEMBER:
		return fault->member.change->name;
	}
	return "";
}

uint64_t faults_next(const struct faults *faults)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < faults->n; i++)
		if (!faults->list[i].applied && faults->list[i].after_ns < next)
			next = faults->list[i].after_ns;
	return next;
}

/* ---- undoing ---- */

static int undo_nat(struct faults *faults, struct fault *fault, struct error *err)
{
	struct router *router = fault->nat.router;
	const struct topo_nat_change to = {.nat = &router->now, .external = &router->external};
	int r;

	router->now = fault->nat.before;
	router->external = fault->nat.external;
	r = topo_nat_change(faults->world->topo, router->nat->topo, &to, err);
	return r < 0 ? error_wrap(err, "%s can't be changed back", router->nat->name) : 0;
}

static int undo_wire(struct faults *faults, struct fault *fault, struct error *err)
{
	faults->world->wires[fault->wire.index] = fault->wire.before;
	return carrier_set(faults->world, fault->wire.index, &fault->wire.before, err);
}

int faults_undo(struct faults *faults, struct error *err)
{
	int r = 0;

	for (size_t i = faults->n; r == 0 && i-- > 0;) {
		struct fault *fault = &faults->list[i];

		if (!fault->applied || !fault->lasting)
			continue;
		r = fault->kind == FAULT_NAT ? undo_nat(faults, fault, err)
					     : undo_wire(faults, fault, err);
		if (r == 0)
			entry_of(faults, fault)->undone_ns = since_began(faults->world);
	}
	return r;
}

void faults_free(struct faults *faults)
{
	free(faults->list);
	*faults = (struct faults){0};
}
