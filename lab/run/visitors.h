/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for visitors: clients of the lab's door (boxlab exec, shell, ls,
 * down), served in the run's loop besides all else.
 */
#ifndef LAB_RUN_VISITORS_H
#define LAB_RUN_VISITORS_H

#include "lab/run/world.h"

/** visitors_open() - let them in from now on. Return: 0, or -errno. */
int visitors_open(struct world *world, struct error *err);
/** visitors_take_event() - an event of a program that none of the run's own is. */
void visitors_take_event(struct world *world, const struct sandbox_event *event);
/** visitors_leave() - @machine's sandbox has ended or is about to. */
void visitors_leave(struct machine *machine);
/** visitors_close() - send everybody away; legal if they were never let in. */
void visitors_close(struct world *world);

#endif
