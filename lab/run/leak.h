/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the one thing that nothing a lab does may cause: a private source
 * address on the public side.
 */
#ifndef LAB_RUN_LEAK_H
#define LAB_RUN_LEAK_H

#include "lab/plan.h"

/**
 * leak_check() - has the public side seen one?
 * @topo: @plan, applied
 * @ret_packets: how many packets had one; valid unless the counter could not be read
 *
 * Return: 0; -EXPECT_UNMET with words when it has, or another -errno.
 */
int leak_check(const struct topo *topo, const struct plan *plan, uint64_t *ret_packets,
	       struct error *err);

#endif
