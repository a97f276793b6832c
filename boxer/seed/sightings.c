/* SPDX-License-Identifier: MIT */
#include "boxer/seed/sightings.h"

#include <string.h>

bool sighting_add(struct sighting *s, const struct profile_view *view)
{
	size_t i = 0;

	while (i < s->n && !addr_equal(&s->views[i].observer, &view->observer))
		i++;
	if (i == FRAME_OBSERVERS)
		return false;
	s->views[i] = *view;
	if (i == s->n)
		s->n++;
	return true;
}

static struct sighting *find(struct sightings *s, const uint8_t *token)
{
	/* The latest first: a join follows its observations at once. */
	for (size_t i = 1; i <= SIGHTINGS_MAX; i++) {
		struct sighting *x = &s->list[(s->next + SIGHTINGS_MAX - i) % SIGHTINGS_MAX];

		if (x->n > 0 && memcmp(x->token, token, FRAME_TOKEN_LEN) == 0)
			return x;
	}
	return NULL;
}

void sightings_add(struct sightings *s, const uint8_t token[static FRAME_TOKEN_LEN],
		   const struct profile_view *view)
{
	struct sighting *x = find(s, token);

	if (!x) {
		x = &s->list[s->next];
		s->next = (s->next + 1) % SIGHTINGS_MAX;
		x->n = 0;
		(void)memcpy(x->token, token, FRAME_TOKEN_LEN);
	}
	(void)sighting_add(x, view);
}

struct sighting sightings_take(struct sightings *s, const uint8_t token[static FRAME_TOKEN_LEN])
{
	struct sighting *x = find(s, token);
	struct sighting taken = {.n = 0};

	if (x) {
		taken = *x;
		x->n = 0;
	}
	return taken;
}
