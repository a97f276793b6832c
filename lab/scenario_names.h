/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the names of a scenario after its counts are multiplied out:
 * every machine and every NAT by the name it will have in the lab.
 */
#ifndef LAB_SCENARIO_NAMES_H
#define LAB_SCENARIO_NAMES_H

#include "lab/scenario.h"
#include "topo/topo.h"

/**
 * struct scenario_name - one name
 * @is_nat: of a NAT; else of a machine
 * @node: the machine's entry in the scenario, or the one whose own NAT it is;
 *	  NULL for a NAT of "nats"
 * @at: where the document says so
 */
struct scenario_name {
	char name[TOPO_NAME_MAX];
	bool is_nat;
	const struct scenario_node *node;
	struct where at;
};

/** struct scenario_names - all names, sorted, those of the same name by position */
struct scenario_names {
	struct scenario_name *name;
	size_t n;
};

/** scenario_node_name() - the name of the @index'th machine of @node. Return: @buf. */
const char *scenario_node_name(const struct scenario_node *node, unsigned index,
			       char buf[static TOPO_NAME_MAX]);
/** scenario_nat_name() - the name of the NAT that machine has to itself. Return: @buf. */
const char *scenario_nat_name(const struct scenario_node *node, unsigned index,
			      char buf[static TOPO_NAME_MAX]);

/** scenario_names_make() - Return: 0, or -ENOMEM. scenario_names_free() it. */
int scenario_names_make(const struct scenario *scenario, struct scenario_names *ret_names);
/** scenario_names_find() - the first of that name, or NULL. */
const struct scenario_name *scenario_names_find(const struct scenario_names *names,
						const char *name);
/** scenario_names_free() - frees the array, not the struct. */
void scenario_names_free(struct scenario_names *names);

#endif
