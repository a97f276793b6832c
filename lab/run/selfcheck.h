/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the check that comes before a scenario's steps: does every NAT of the
 * world behave as it is declared? Wires delay and lose nothing
 * meanwhile. Afterwards NATs and wires have forgotten that they were asked.
 */
#ifndef LAB_RUN_SELFCHECK_H
#define LAB_RUN_SELFCHECK_H

#include "lab/run/world.h"

/**
 * selfcheck() - measure all NATs, and tell the result
 *
 * Return: 0; -EXPECT_UNMET when one is not as declared, or another -errno.
 */
int selfcheck(struct world *world, struct error *err);

#endif
