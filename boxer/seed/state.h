/* SPDX-License-Identifier: MIT */
/*
 * Interface for the state that a seed keeps over its restarts, in a file: the id
 * that the next member gets, so that no id is ever given twice. It is written
 * before the id is used, and ahead of it: not for each member, and a seed that was
 * killed leaves some ids out.
 */
#ifndef BOXER_SEED_STATE_H
#define BOXER_SEED_STATE_H

#include "base/error.h"

#include <stdint.h>

#define STATE_AHEAD 64 /* ids that one write is good for */

/** struct state - embedded; @path NULL: nothing is kept */
struct state {
	const char *path;
	uint32_t kept;
};

/**
 * state_open() - read the file, and write it to see whether that is possible
 * @path: stays the caller's; NULL: nothing is kept; a file that is not there is an empty one
 *
 * Return: 0, or -errno with words.
 */
int state_open(struct state *s, const char *path, uint32_t *ret_next_id, struct error *err);
/** state_keep() - all ids below @next_id may have been used. Return: 0, or -errno. */
int state_keep(struct state *s, uint32_t next_id);
/** state_close() - exactly those have been used. Return: 0, or -errno. */
int state_close(struct state *s, uint32_t next_id);

#endif
