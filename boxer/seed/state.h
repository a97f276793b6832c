/* SPDX-License-Identifier: MIT */
/*
 * Interface for the state that a seed keeps over its restarts, in a file: the id
 * that the next member gets, so that no id is ever given twice, and the members'
 * places. The id is written before it is used, and ahead of it: not for each
 * member, and a seed that was killed leaves some ids out. Places may be written
 * later, see boxer/seed/ledger.h.
 *
 *	next_id 67 members 2
 *	1 0fd3...21 203.0.113.7:40001 fn-1
 *	2 99ab...c4 203.0.113.8:40007 fn-2
 *
 * The token is that of the member's life, in hexadecimal. A file that has only
 * "next_id 67" is one of a seed that kept no places.
 */
#ifndef BOXER_SEED_STATE_H
#define BOXER_SEED_STATE_H

#include "base/error.h"
#include "boxer/seed/places.h"

#include <stdbool.h>
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
 * @ret_places: empty so far
 *
 * Return: 0, or -errno with words.
 */
int state_open(struct state *s, const char *path, uint32_t *ret_next_id, struct places *ret_places,
	       struct error *err);
/** state_must_grow() - is @next_id, the one after that which is to be used, beyond what is kept? */
bool state_must_grow(const struct state *s, uint32_t next_id);
/** state_write() - all ids below @next_id may have been used. Return: 0, or -errno. */
int state_write(struct state *s, uint32_t next_id, const struct places *places);

#endif
