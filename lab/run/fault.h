/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for faults: what a step does to the network, and the undoing of it:
 * changes of NATs and of wires, and of Boxer processes. Each is made at once; what was
 * before is kept until the end of the step.
 */
#ifndef LAB_RUN_FAULT_H
#define LAB_RUN_FAULT_H

#include "lab/run/world.h"

/**
 * struct fault - one change
 * @kind: of what it is
 * @nat: the change of a NAT, @router; the NAT as it was
 * @wire: the change of a wire, @index in plan.wires; the wire as it was
 * @member: the change of a Boxer process, that of @machine
 * @after_ns: when it is due, since the programs of "run" were started
 * @lasting: it is there to be undone
 * @result: index of its entry in result.faults
 * @applied: and so what was there is known
 */
struct fault {
	enum fault_kind { FAULT_NAT, FAULT_WIRE, FAULT_MEMBER } kind;
	union {
		struct {
			const struct scenario_nat_change *change;
			struct router *router;
			struct nat before;
			struct addr external;
		} nat;
		struct {
			const struct scenario_wire_change *change;
			size_t index;
			struct topo_wire before;
		} wire;
		struct {
			const struct scenario_member_change *change;
			struct machine *machine;
		} member;
	};
	uint64_t after_ns;
	bool lasting;
	size_t result;
	bool applied;
};

/** struct faults - of a step: NATs, wires, members, each in its order; zeroed before they are made */
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
/** fault_name() - of what was changed, or would have been. */
const char *fault_name(const struct fault *fault);
/** faults_next() - when the next one is due, since then; UINT64_MAX: never. */
uint64_t faults_next(const struct faults *faults);
/** faults_undo() - the last one first. Return: 0, or -errno. */
int faults_undo(struct faults *faults, struct error *err);
/** faults_free() - zeroed is legal. */
void faults_free(struct faults *faults);

#endif
