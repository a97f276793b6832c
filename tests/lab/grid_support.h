/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interface for grids in tests: made of names, without any lab. */
#ifndef TESTS_LAB_GRID_SUPPORT_H
#define TESTS_LAB_GRID_SUPPORT_H

#include "lab/matrix/grid.h"
#include "lab/matrix/select.h"

#define NATS(...) ((const char *const[]){__VA_ARGS__, NULL})

/** Selects all cells. */
extern const struct selection everything;

/** open_grid() - of those presets and techniques, NULL-terminated; no cells yet. */
void open_grid(struct grid *grid, const char *const *nats, const char *const *techniques);
/** fill() - its cells. */
void fill(struct grid *grid, const struct selection *selection);

#endif
