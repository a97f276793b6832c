/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/keys_places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int keys_places_add(struct keys_places *places, const struct keys_place *place)
{
	if (places->n == places->room) {
		size_t room = places->room ? places->room * 2 : 64;
		struct keys_place *grown = reallocarray(places->place, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		places->place = grown;
		places->room = room;
	}
	places->place[places->n++] = *place;
	return 0;
}

static int compare_places(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)((const struct keys_place *)a)->member;
	uintptr_t y = (uintptr_t)((const struct keys_place *)b)->member;

	return (x > y) - (x < y);
}

void keys_places_sort(struct keys_places *places)
{
	if (places->n)
		qsort(places->place, places->n, sizeof(places->place[0]), compare_places);
}

static const struct keys_place *place_of(const struct keys_places *places, const void *member)
{
	const struct keys_place wanted = {.member = member};

	if (!places->n)
		return NULL;
	return bsearch(&wanted, places->place, places->n, sizeof(wanted), compare_places);
}

/* By this very key? Places of one member are side by side. */
static bool given_by(const struct keys_places *places, const void *member, const struct key *key)
{
	const struct keys_place *place = place_of(places, member);
	size_t i;

	if (!place)
		return false;
	i = (size_t)(place - places->place);
	while (i > 0 && places->place[i - 1].member == member)
		i--;
	for (; i < places->n && places->place[i].member == member; i++)
		if (places->place[i].key == key && places->place[i].good)
			return true;
	return false;
}

void keys_mark(const struct keys *keys, const struct keys_places *places, const void *object,
	       void *ret_mask)
{
	for (const struct key *row = keys->rows; row->name; row++) {
		const char *member = (const char *)object + row->offset;
		char *mask = (char *)ret_mask + row->offset;

		if (row->kind == KEY_STRUCT)
			keys_mark(row->keys, places, member, mask);
		if (!keys_is_number(row) || !given_by(places, member, row))
			continue;
		(void)memset(mask, 1, row->size);
		if (row->also)
			(void)memset((char *)ret_mask + row->also, 1, row->size);
	}
}

bool keys_given(const struct keys_places *places, const void *member)
{
	return place_of(places, member);
}

bool keys_refused(const struct keys_places *places, const void *member)
{
	const struct keys_place *place = place_of(places, member);

	return place && !place->good;
}

struct where keys_at(const struct keys_places *places, const void *member, struct where otherwise)
{
	const struct keys_place *place = place_of(places, member);

	return place ? place->at : otherwise;
}

void keys_places_free(struct keys_places *places)
{
	free(places->place);
	(void)memset(places, 0, sizeof(*places));
}
