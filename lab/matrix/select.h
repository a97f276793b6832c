/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for selections: which cells of a grid are wanted. A selection is a
 * list of comparisons that must all hold:
 *
 *	KEY=VALUE[,VALUE]...	it is one of them
 *	KEY!=VALUE[,VALUE]...	it is none of them
 *
 * KEY is "technique", "theory" (direct, fails, timing, predicted, guessed; "-" for none), "from" and
 * "to" (names of NATs), or one of their declared behaviours, such as
 * "to.mapping": that of the protocol of the technique.
 */
#ifndef LAB_MATRIX_SELECT_H
#define LAB_MATRIX_SELECT_H

#include "lab/matrix/grid.h"

#include <stdbool.h>

#define SELECTION_MAX 32

/** struct selection - the comparisons, as they were given; zeroed: everything */
struct selection {
	const char *text[SELECTION_MAX];
	size_t n;
};

/**
 * selection_add() - check a comparison against @grid's NATs and techniques, and add it
 * @text: kept, not copied
 *
 * Return: 0, or -EINVAL with what would be right.
 */
int selection_add(struct selection *selection, const struct grid *grid, const char *text,
		  struct error *err);
/** selection_has() - is the cell wanted? */
bool selection_has(const struct selection *selection, const struct grid *grid,
		   const struct grid_cell *cell);

#endif
