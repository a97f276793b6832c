/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the carrier: the one process that carries all wires of a world. It is
 * a child of the lab's pid 1 and dies with it; that it ends before is the world's
 * trouble. A world without wires has none, and everything here does nothing then.
 */
#ifndef LAB_RUN_CARRIER_H
#define LAB_RUN_CARRIER_H

#include "base/error.h"
#include "topo/topo.h"

#include <stddef.h>

struct carrier;
struct world;

/** carrier_start() - carry the wires of @world's topology. Return: 0, or -errno. */
int carrier_start(struct world *world, struct error *err);
/** carrier_free() - end it; NULL is legal. */
void carrier_free(struct carrier *carrier);

/**
 * carrier_set() - from now on, this is what befalls the packets of a wire
 * @wire: index into plan.wires
 *
 * Return: 0, or -errno.
 */
int carrier_set(struct world *world, size_t wire, const struct topo_wire *to, struct error *err);
/** carrier_clean() - nothing befalls any packet. Return: 0, or -errno. */
int carrier_clean(struct world *world, struct error *err);
/**
 * carrier_begin() - what was declared befalls the packets, and the next one of each
 * direction of each wire is its first
 *
 * Return: 0, or -errno.
 */
int carrier_begin(struct world *world, struct error *err);
/** carrier_count() - put the statistics of all wires into the world's result, as far as they can
 * be had. */
void carrier_count(struct world *world);

#endif
