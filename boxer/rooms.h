/* SPDX-License-Identifier: MIT */
/*
 * Interface for the rooms of a node: all that it has from the time when it is
 * admitted, for then it knows its id and its port.
 */
#ifndef BOXER_ROOMS_H
#define BOXER_ROOMS_H

#include "boxer/peer.h"
#include "boxer/roster.h"

struct node;

/**
 * rooms_open() - open them; @node is what the callbacks get
 *
 * Return: 0, or -errno; what is open is closed by rooms_close() in either case.
 */
int rooms_open(struct node *node, const struct peer_ops *peer_ops,
	       const struct roster_ops *roster_ops);
/** rooms_close() - those that are open, the guest's included. */
void rooms_close(struct node *node);

#endif
