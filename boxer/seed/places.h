/* SPDX-License-Identifier: MIT */
/*
 * Interface for places: what the members of a seed that has ended held and may
 * still claim from the one that follows it: an id, a name, an external address,
 * one of so many. Whose a place is shows the token of that member's life. Pure.
 */
#ifndef BOXER_SEED_PLACES_H
#define BOXER_SEED_PLACES_H

#include "boxer/frame.h"

#include <stddef.h>

/** struct place - of one member */
struct place {
	uint32_t id;
	uint8_t token[FRAME_TOKEN_LEN];
	struct addr external;
	char name[FRAME_NAME_MAX + 1];
};

/** struct places - the table, at most MEMBERS_MAX; zero is an empty one */
struct places {
	struct place *list;
	size_t n, room;
};

/** places_free() - release the table, not the struct; it is empty then. */
void places_free(struct places *places);
/** places_add() - one more, unlike all others. Return: 0, -ENOSPC, or -ENOMEM. */
int places_add(struct places *places, const struct place *place);
/** places_remove() - nobody's id is legal. */
void places_remove(struct places *places, uint32_t id);
/** places_by_id(), places_by_name(), places_by_token() - NULL when there is none. */
const struct place *places_by_id(const struct places *places, uint32_t id);
const struct place *places_by_name(const struct places *places, const char *name);
const struct place *places_by_token(const struct places *places,
				    const uint8_t token[static FRAME_TOKEN_LEN]);

#endif
