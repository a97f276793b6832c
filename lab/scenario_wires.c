/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_wires.h"

void scenario_wire_apply(const struct scenario_wire_change *change, struct topo_wire *wire)
{
	const char *given = (const char *)&change->given;

	for (size_t i = 0; i < sizeof(*wire); i++)
		if (given[i])
			((char *)wire)[i] = ((const char *)&change->wire)[i];
}
