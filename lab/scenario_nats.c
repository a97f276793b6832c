/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_nats.h"

#include <string.h>

const struct scenario_nat *scenario_nat_find(const struct scenario *scenario, const char *name)
{
	for (size_t i = 0; name && i < scenario->n_nats; i++)
		if (strcmp(scenario->nats[i].name, name) == 0)
			return &scenario->nats[i];
	return NULL;
}

/* @nat, or the first one in front of it that translates. Ends also in a circle. */
static const struct scenario_nat *effective(const struct scenario *scenario,
					    const struct scenario_nat *nat)
{
	for (size_t i = 0; nat && !nat_translates(&nat->nat); i++)
		nat = i < scenario->n_nats ? scenario_nat_find(scenario, nat->behind) : NULL;
	return nat;
}

const struct scenario_nat *scenario_nat_upstream(const struct scenario *scenario,
						 const struct scenario_nat *nat)
{
	return effective(scenario, scenario_nat_find(scenario, nat->behind));
}

const struct scenario_nat *scenario_nat_of(const struct scenario *scenario,
					   const struct scenario_node *node)
{
	return effective(scenario,
			 node->nat ? node->nat : scenario_nat_find(scenario, node->behind));
}

size_t scenario_nat_addresses(const struct scenario_nat *nat)
{
	size_t n = nat->nat.addresses + 1;

	for (size_t i = 0; nat->one_to_one && nat->one_to_one[i]; i++)
		n++;
	return n;
}

size_t scenario_nat_depth(const struct scenario *scenario, const struct scenario_nat *nat)
{
	size_t n = 0;

	while (nat && n <= scenario->n_nats + 1) {
		n++;
		nat = scenario_nat_find(scenario, nat->behind);
	}
	return n;
}

void scenario_nat_apply(const struct scenario_nat_change *change, struct nat *nat)
{
	const char *given = (const char *)&change->given;

	if (change->rebind == REBIND_PORTS)
		nat->tcp.allocation = nat->udp.allocation = NAT_ALLOCATION_RANDOM;
	for (size_t i = 0; change->set && i < sizeof(*nat); i++)
		if (given[i])
			((char *)nat)[i] = ((const char *)&change->set->nat)[i];
}
