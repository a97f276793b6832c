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
 * The token is that of the member's life, in hexadecimal. "members 2 or more" says that
 * others had joined or left when there was no time yet to write who. A file that has
 * only "next_id 67" is one of a seed that kept no places.
 */
#ifndef BOXER_SEED_STATE_H
#define BOXER_SEED_STATE_H

#include "base/error.h"
#include "boxer/seed/places.h"

#include <stdbool.h>
#include <stdint.h>

#define STATE_AHEAD 64 /* ids that one write is good for */

/**
 * struct state_content - what the file says
 * @next_id: all ids below may have been used
 * @complete: there is no member that has none of the places
 */
struct state_content {
	uint32_t next_id;
	struct places places;
	bool complete;
};

/**
 * struct state - embedded; what was written last, or could not be
 * @path: NULL: nothing is kept
 * @misleads: the file is one of before, and who reads it would give ids away again, or
 *	take its places for all
 */
struct state {
	const char *path;
	uint32_t next_id;
	bool complete, misleads;
};

/**
 * state_open() - read the file, and write it to see whether that is possible
 * @path: stays the caller's; NULL: nothing is kept; a file that is not there is an empty one
 * @ret: what it says; no ids and places, and complete, where it says nothing
 *
 * Return: 0, or -errno with words.
 */
int state_open(struct state *s, const char *path, struct state_content *ret, struct error *err);
/**
 * state_write() - replace the file as a whole
 *
 * Where that can't be done, one that would mislead is cut down to the next id. A power
 * failure a moment later may leave the file of before, but never with lower ids.
 *
 * Return: 0, or -errno.
 */
int state_write(struct state *s, const struct state_content *content);

#endif
