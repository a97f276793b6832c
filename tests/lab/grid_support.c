/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lab/grid_support.h"

#include <criterion/criterion.h>

const struct selection everything;

void open_grid(struct grid *grid, const char *const *nats, const char *const *techniques)
{
	struct error err;

	*grid = (struct grid){.gap_ms = GRID_ANY_GAP, .deadline_ms = 2000, .shard = 1, .shards = 1};
	for (; *nats; nats++)
		cr_assert_eq(grid_add_nat(grid, *nats, &err), 0, "%s", err.text);
	for (; *techniques; techniques++)
		cr_assert_eq(grid_add_technique(grid, *techniques, &err), 0, "%s", err.text);
}

void fill(struct grid *grid, const struct selection *selection)
{
	struct error err;

	cr_assert_eq(grid_fill(grid, selection, &err), 0, "%s", err.text);
}
