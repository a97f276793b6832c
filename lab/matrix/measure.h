/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for measuring a grid's NATs, each kind once, before cells are tried with
 * them.
 */
#ifndef LAB_MATRIX_MEASURE_H
#define LAB_MATRIX_MEASURE_H

#include "lab/matrix/grid.h"

/**
 * struct measure_watch - who else wants to be heard meanwhile
 * @hear: called when one of @fds is readable. Return: true when the user wants the end
 */
struct measure_watch {
	int fds[2];
	bool (*hear)(void *arg);
	void *arg;
};

/**
 * measure_nats() - measure those that cells need, into grid.measured
 *
 * Return: 0 (also when the user ended it), or -errno with words.
 */
int measure_nats(struct grid *grid, const struct measure_watch *watch, struct error *err);

#endif
