/* SPDX-License-Identifier: MIT */
#include "boxer/nonces.h"

#include <string.h>

bool nonces_use(struct nonces *n, const uint8_t code[static FRAME_CODE_LEN])
{
	/* A keyed hash is as random as any hash of it. */
	size_t at = ((size_t)code[0] << 8 | code[1]) % NONCES_PLACES;

	for (size_t i = 0; i < n->places[at].used; i++)
		if (memcmp(n->places[at].codes[i], code, FRAME_CODE_LEN) == 0)
			return false;
	(void)memcpy(n->places[at].codes[n->places[at].next], code, FRAME_CODE_LEN);
	n->places[at].next = (uint8_t)((n->places[at].next + 1) % NONCES_DEPTH);
	if (n->places[at].used < NONCES_DEPTH)
		n->places[at].used++;
	return true;
}
