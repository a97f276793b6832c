/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 *	apart				shared		double
 *
 *	       [meeting]		[meeting]	       [meeting]
 *		   |			    |			   |
 *	  ---- internet ----		internet	  ---- internet ----
 *	  |		   |		    |		  |		   |
 *	[nat]		 [nat]		  [nat]		[carrier]	[carrier]
 *	  |		   |		 |     |	  |		   |
 *	[from]		  [to]		[from] [to]	[nat]		 [nat]
 *							  |		   |
 *							[from]		  [to]
 *
 * A crowd is as apart, with a second machine behind each NAT. A NAT that translates
 * nothing is none: then the machine is public, or on the carrier's inside.
 */
#include "lab/matrix/cell_parts.h"

static char name_rendezvous[] = "rendezvous", name_seed[] = "seed", name_from[] = "caller",
	    name_to[] = "listener", name_from_2[] = "caller-2", name_to_2[] = "listener-2";
static char name_shared[] = "nat", name_from_nat[] = "caller-nat", name_to_nat[] = "listener-nat",
	    name_from_carrier[] = "caller-carrier", name_to_carrier[] = "listener-carrier";

/* Everything, in the order in which Boxer prefers it. */
static const char all_strategies[] = "direct,private,simultaneous,synchronised,reverse,sequential,"
				     "predict,birthday,relay";

char *cell_name(const struct cell *c, enum cell_machine machine)
{
	switch (machine) {
	case CELL_FROM:
		return name_from;
	case CELL_TO:
		return name_to;
	case CELL_FROM_2:
		return name_from_2;
	case CELL_TO_2:
		return name_to_2;
	case CELL_MEETING:
	case CELL_MACHINES:
		break;
	}
	return c->boxer ? name_seed : name_rendezvous;
}

static bool connects(enum cell_machine machine)
{
	return machine == CELL_FROM || machine == CELL_FROM_2;
}

/* A NAT that several may be behind. */
static void declare_named(struct cell *c, char *name, const struct nat *nat)
{
	c->named[c->scenario.n_nats++] = (struct scenario_nat){.name = name, .nat = *nat};
}

static void declare_own(struct cell *c, enum cell_machine machine, const struct nat *nat,
			char *behind)
{
	c->nats[machine] = (struct scenario_nat){.nat = *nat, .behind = behind};
	c->nodes[machine].nat = &c->nats[machine];
}

static void place(struct cell *c, enum cell_machine machine, const struct nat *nat)
{
	switch (c->grid->shape) {
	case SHAPE_APART:
		declare_own(c, machine, nat, NULL);
		break;
	case SHAPE_SHARED:
		c->nodes[machine].behind = name_shared;
		break;
	case SHAPE_DOUBLE:
		declare_own(c, machine, nat,
			    connects(machine) ? name_from_carrier : name_to_carrier);
		break;
	case SHAPE_CROWD:
		c->nodes[machine].behind = connects(machine) ? name_from_nat : name_to_nat;
		break;
	}
}

static void declare_nats(struct cell *c, const struct nat *from, const struct nat *to)
{
	const struct nat *carrier = c->grid->nats[c->grid->carrier];

	switch (c->grid->shape) {
	case SHAPE_APART:
		break;
	case SHAPE_SHARED:
		declare_named(c, name_shared, from);
		break;
	case SHAPE_DOUBLE:
		declare_named(c, name_from_carrier, carrier);
		declare_named(c, name_to_carrier, carrier);
		break;
	case SHAPE_CROWD:
		declare_named(c, name_from_nat, from);
		declare_named(c, name_to_nat, to);
		break;
	}
}

static void declare_step(struct cell *c)
{
	size_t n = 0;

	for (size_t i = CELL_FROM; i < c->n_machines; i += 2, n++) {
		c->run[n] = (struct scenario_program){.node = c->nodes[i].name, .cpu = -1};
		c->serve[n] = (struct scenario_program){
			.node = c->nodes[i + 1].name, .cpu = -1, .port = CELL_LOCAL_PORT};
	}
	c->step = (struct scenario_step){.name = name_from,
					 .boxer = c->boxer,
					 .serve = c->serve,
					 .n_serve = n,
					 .run = c->run,
					 .n_run = n};
}

void cell_declare(struct cell *c)
{
	const struct nat *from = c->grid->nats[c->what->from], *to = c->grid->nats[c->what->to];

	c->n_machines = c->grid->shape == SHAPE_CROWD ? CELL_MACHINES : CELL_FROM_2;
	for (size_t i = 0; i < c->n_machines; i++) {
		enum cell_machine machine = (enum cell_machine)i;

		c->nodes[i] = (struct scenario_node){
			.name = cell_name(c, machine),
			.role = c->boxer ? ROLE_FUNCTION : ROLE_HOST,
			.count = 1,
			.strategies = c->what->relay ? all_strategies : NULL,
			.relay = c->what->relay,
		};
		if (machine != CELL_MEETING)
			place(c, machine, connects(machine) ? from : to);
	}
	/* From a second address it can tell more of a NAT. */
	if (c->boxer) {
		c->nodes[CELL_MEETING].role = ROLE_SEED;
		c->nodes[CELL_MEETING].addresses = 2;
	}
	c->scenario = (struct scenario){
		.name = name_from, .nodes = c->nodes, .n_nodes = c->n_machines, .nats = c->named};
	declare_nats(c, from, to);
	declare_step(c);
}
