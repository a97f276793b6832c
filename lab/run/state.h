/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for what the NATs of a world remember at this moment: mappings, who may
 * send through them, and flows; for people who look, as JSON:
 *
 *	[{nat, mappings: [{proto, inside, external, remote, expires_s}],
 *	  filters: [{proto, external, remote, expires_s}],
 *	  flows: [{proto, src, dst, reply_src, reply_dst, state, bytes, reply_bytes}]}]
 */
#ifndef LAB_RUN_STATE_H
#define LAB_RUN_STATE_H

#include "lab/run/world.h"

/**
 * state_open() - write it into a file that has no name
 * @nat: of one NAT; "": of all
 *
 * Return: its descriptor, or -errno with words.
 */
int state_open(struct world *world, const char *nat, struct error *err);

#endif
