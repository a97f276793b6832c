/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for what a scenario makes of its wires. Pure.
 */
#ifndef LAB_SCENARIO_WIRES_H
#define LAB_SCENARIO_WIRES_H

#include "lab/scenario.h"

/** scenario_wire_apply() - what @change says, and so what befalls @wire's packets then. */
void scenario_wire_apply(const struct scenario_wire_change *change, struct topo_wire *wire);

#endif
