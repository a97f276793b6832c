/* SPDX-License-Identifier: MIT */
#include "boxer/seed/places.h"

#include "boxer/members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void places_free(struct places *places)
{
	free(places->list);
	*places = (struct places){.list = NULL};
}

int places_add(struct places *places, const struct place *place)
{
	if (places->n == MEMBERS_MAX)
		return -ENOSPC;
	if (places->n == places->room) {
		size_t room = places->room ? 2 * places->room : 16;
		struct place *bigger = reallocarray(places->list, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		places->list = bigger;
		places->room = room;
	}
	places->list[places->n++] = *place;
	return 0;
}

void places_remove(struct places *places, uint32_t id)
{
	for (size_t i = 0; i < places->n; i++)
		if (places->list[i].id == id) {
			places->list[i] = places->list[--places->n];
			return;
		}
}

const struct place *places_by_id(const struct places *places, uint32_t id)
{
	for (size_t i = 0; i < places->n; i++)
		if (places->list[i].id == id)
			return &places->list[i];
	return NULL;
}

const struct place *places_by_name(const struct places *places, const char *name)
{
	for (size_t i = 0; i < places->n; i++)
		if (strcasecmp(places->list[i].name, name) == 0)
			return &places->list[i];
	return NULL;
}

const struct place *places_by_token(const struct places *places,
				    const uint8_t token[static FRAME_TOKEN_LEN])
{
	for (size_t i = 0; i < places->n; i++)
		if (memcmp(places->list[i].token, token, FRAME_TOKEN_LEN) == 0)
			return &places->list[i];
	return NULL;
}
