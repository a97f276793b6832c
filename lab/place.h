/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the place of results: a directory that holds those of one run.
 */
#ifndef LAB_PLACE_H
#define LAB_PLACE_H

#include "base/error.h"

#define PLACE_ROOT "boxlab-out"

/**
 * struct place - the directory
 * @name: as people may type it
 * @dir: its descriptor, or -1
 */
struct place {
	char *name;
	int dir;
};

#define PLACE_NONE        \
	{                 \
		.dir = -1 \
	}

/**
 * place_make() - a new directory, or an empty one: results of two runs must not mix
 * @out: its name, made with all that leads to it; NULL: PLACE_ROOT/NAME-TIME
 * @scenario: that NAME
 *
 * Return: 0, or -errno; place_leave() it in either case.
 */
int place_make(const char *out, const char *scenario, struct place *place, struct error *err);
/** place_leave() - the directory stays. */
void place_leave(struct place *place);

#endif
