/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for who is behind whom in a scenario. A NAT that translates nothing
 * is none: what is behind it is behind the next one, or public.
 */
#ifndef LAB_SCENARIO_NATS_H
#define LAB_SCENARIO_NATS_H

#include "lab/scenario.h"

/** scenario_nat_find() - the entry of "nats" of that name, or NULL. */
const struct scenario_nat *scenario_nat_find(const struct scenario *scenario, const char *name);
/** scenario_nat_upstream() - the NAT that @nat is behind; NULL: none. */
const struct scenario_nat *scenario_nat_upstream(const struct scenario *scenario,
						 const struct scenario_nat *nat);
/** scenario_nat_of() - the NAT that @node is directly behind, its own or one of "nats"; or NULL. */
const struct scenario_nat *scenario_nat_of(const struct scenario *scenario,
					   const struct scenario_node *node);
/** scenario_nat_addresses() - how many addresses @nat needs on its public side. */
size_t scenario_nat_addresses(const struct scenario_nat *nat);
/** scenario_nat_depth() - how many NATs are one behind the other, @nat the last; circles end. */
size_t scenario_nat_depth(const struct scenario *scenario, const struct scenario_nat *nat);
/** scenario_nat_apply() - what @change sets or binds anew, and so what its NAT does then. */
void scenario_nat_apply(const struct scenario_nat_change *change, struct nat *nat);

#endif
