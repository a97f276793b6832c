/* SPDX-License-Identifier: MIT */
/*
 * Interface for the shim as a whole: whether it has anything to do in this
 * process, and how its hooks end.
 */
#ifndef BOXER_SHIM_SHIM_H
#define BOXER_SHIM_SHIM_H

struct agent;

/**
 * shim_agent() - the way to the node, for a hook's first line
 *
 * Return: NULL when the hook must go straight to libc: this process is no guest
 * of Boxer's (no BOXER_ID), or the call comes from inside the agent itself.
 */
struct agent *shim_agent(void);

/**
 * shim_return() - end a hook as libc's function would
 * @r: 0 or more, or -errno
 * @saved: errno as it was when the hook began; a success leaves it so
 *
 * Return: @r, or -1 with errno set.
 */
int shim_return(int r, int saved);

#endif
