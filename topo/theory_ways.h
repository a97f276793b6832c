/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for all ways together: what two sides allow those who are not bound to
 * one technique (topo/theory).
 */
#ifndef TOPO_THEORY_WAYS_H
#define TOPO_THEORY_WAYS_H

#include "topo/theory.h"
#include "topo/theory_side.h"

/** theory_all_ways() - @a: of the connecting machine; @b: of the listening one. */
struct theory theory_all_ways(const struct side *a, const struct side *b);

#endif
