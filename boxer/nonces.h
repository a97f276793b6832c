/* SPDX-License-Identifier: MIT */
/*
 * Interface for nonces: codes that were used already, so that what was said once
 * outside of a session can't be said again by somebody who only heard it. The
 * memory is bounded: the older of those that share a place are forgotten first.
 * Only what has proven right may be put in, or anybody could make it forget.
 */
#ifndef BOXER_NONCES_H
#define BOXER_NONCES_H

#include "boxer/frame.h"

#include <stdbool.h>
#include <stdint.h>

#define NONCES_PLACES 1024
#define NONCES_DEPTH  8

/** struct nonces - the memory, 128 KiB; zero is an empty one */
struct nonces {
	struct {
		uint8_t next;
		uint8_t used;
		uint8_t codes[NONCES_DEPTH][FRAME_CODE_LEN];
	} places[NONCES_PLACES];
};

/** nonces_use() - Return: true for the first time that @code is seen. */
bool nonces_use(struct nonces *n, const uint8_t code[static FRAME_CODE_LEN]);

#endif
