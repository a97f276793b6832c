/* SPDX-License-Identifier: MIT */
/*
 * Interface for sightings: what the seed's endpoints have seen of whom, by the
 * token of its life. It is kept for those who have not joined yet; a member's own
 * sightings move to the member. Pure.
 */
#ifndef BOXER_SEED_SIGHTINGS_H
#define BOXER_SEED_SIGHTINGS_H

#include "boxer/frame.h"
#include "boxer/profile.h"

#define SIGHTINGS_MAX 1024 /* tokens that wait for their join; the oldest gives way */

/** struct sighting - of one token; at most one view per observer */
struct sighting {
	uint8_t token[FRAME_TOKEN_LEN];
	struct profile_view views[FRAME_OBSERVERS];
	size_t n;
};

/** struct sightings - the table, a ring; zero is an empty one */
struct sightings {
	struct sighting list[SIGHTINGS_MAX];
	size_t next;
};

/**
 * sighting_add() - one more view; an older one of the same observer is replaced
 *
 * Return: false when there is no room, which takes more observers than there are.
 */
bool sighting_add(struct sighting *s, const struct profile_view *view);
/** sightings_add() - the same, of @token. */
void sightings_add(struct sightings *s, const uint8_t token[static FRAME_TOKEN_LEN],
		   const struct profile_view *view);
/** sightings_take() - what was seen of @token, which is forgotten here; nothing is legal. */
struct sighting sightings_take(struct sightings *s, const uint8_t token[static FRAME_TOKEN_LEN]);

#endif
