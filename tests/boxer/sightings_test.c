/* SPDX-License-Identifier: MIT */
/* What a seed remembers of those whom it does not know yet, and what it forgets. */
#include "boxer/nonces.h"
#include "boxer/seed/sightings.h"

#include <criterion/criterion.h>
#include <string.h>

static struct profile_view view(uint16_t observer, uint16_t seen)
{
	return (struct profile_view){
		.observer = addr_v4(0x0a000001, observer),
		.seen = addr_v4(0xc0000201, seen),
	};
}

static void make_token(uint8_t ret[static FRAME_TOKEN_LEN], unsigned i)
{
	(void)memset(ret, 0, FRAME_TOKEN_LEN);
	ret[0] = (uint8_t)i;
	ret[1] = (uint8_t)(i >> 8);
	ret[15] = 1;
}

Test(sightings, are_taken_once_by_their_token)
{
	static struct sightings s;
	uint8_t a[FRAME_TOKEN_LEN], b[FRAME_TOKEN_LEN];
	struct profile_view one = view(1, 100), two = view(2, 200), anew = view(1, 300);
	struct sighting taken;

	make_token(a, 1);
	make_token(b, 2);
	sightings_add(&s, a, &one);
	sightings_add(&s, b, &one);
	sightings_add(&s, a, &two);
	/* What an endpoint saw last counts. */
	sightings_add(&s, a, &anew);
	taken = sightings_take(&s, a);
	cr_assert_eq(taken.n, 2);
	cr_expect(addr_equal(&taken.views[0].seen, &anew.seen));
	cr_expect(addr_equal(&taken.views[1].seen, &two.seen));
	cr_expect_eq(sightings_take(&s, a).n, 0, "taken twice");
	cr_expect_eq(sightings_take(&s, b).n, 1);
}

Test(sightings, have_room_for_each_observer)
{
	struct sighting s = {.n = 0};

	for (uint16_t i = 0; i < FRAME_OBSERVERS; i++) {
		struct profile_view v = view(i, i);

		cr_assert(sighting_add(&s, &v));
	}
	cr_expect_not(sighting_add(&s, &(struct profile_view){.observer = addr_v4(1, 1)}));
	cr_expect_eq(s.n, FRAME_OBSERVERS);
}

Test(sightings, forget_the_oldest_when_there_are_too_many)
{
	static struct sightings s;
	struct profile_view v = view(1, 1);
	uint8_t token[FRAME_TOKEN_LEN];

	for (unsigned i = 0; i <= SIGHTINGS_MAX; i++) {
		make_token(token, i);
		sightings_add(&s, token, &v);
	}
	make_token(token, 0);
	cr_expect_eq(sightings_take(&s, token).n, 0, "the oldest is kept");
	for (unsigned i = 1; i <= SIGHTINGS_MAX; i++) {
		make_token(token, i);
		cr_assert_eq(sightings_take(&s, token).n, 1, "number %u", i);
	}
}

/* @place: where it is kept; @i: which of those there. */
static void make_code(uint8_t ret[static FRAME_CODE_LEN], unsigned place, unsigned i)
{
	(void)memset(ret, 0, FRAME_CODE_LEN);
	ret[0] = (uint8_t)(place >> 8);
	ret[1] = (uint8_t)place;
	ret[15] = (uint8_t)i;
}

Test(nonces, are_new_only_once_until_there_are_far_more_than_places)
{
	static struct nonces n;
	uint8_t code[FRAME_CODE_LEN];

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < NONCES_DEPTH * NONCES_PLACES; i++) {
			make_code(code, i % NONCES_PLACES, i / NONCES_PLACES);
			cr_assert_eq(nonces_use(&n, code), round == 0, "number %u", i);
		}
	/* In one place the older ones give way. */
	make_code(code, 7, NONCES_DEPTH);
	cr_expect(nonces_use(&n, code));
	cr_expect_not(nonces_use(&n, code), "the latest was forgotten");
	make_code(code, 7, 1);
	cr_expect_not(nonces_use(&n, code), "more than the oldest was forgotten");
	make_code(code, 7, 0);
	cr_expect(nonces_use(&n, code), "nothing is ever forgotten");
}
