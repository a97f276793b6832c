/* SPDX-License-Identifier: MIT */
/*
 * Interface for relays: who would pass on a connection between two members; we
 * ourselves, if we were told to.
 */
#ifndef BOXER_RELAYS_H
#define BOXER_RELAYS_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;

/**
 * relays_find() - who would relay between this node and @id
 * @tried: @n_tried endpoints of those that have been asked in vain
 * @ret_relay: its endpoint
 *
 * First the seed, then public members; a seed to which the session is lost comes last.
 *
 * Return: whether there is anybody.
 */
bool relays_find(const struct node *node, uint32_t id, const struct addr *tried, size_t n_tried,
		 struct addr *ret_relay);
/**
 * relays_open() - relay for others, if the options say so
 *
 * Return: 0, or -ENOMEM.
 */
int relays_open(struct node *node);
/** relays_is_one() - does somebody relay there? */
bool relays_is_one(const struct node *node, const struct addr *relay);

#endif
