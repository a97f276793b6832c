/* SPDX-License-Identifier: MIT */
/* Who may become a member, as a table. */
#include "base/cleanup.h"
#include "boxer/seed/admission.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define NOBODY FRAME_ID_JOINING
#define ANY    100 /* members_max */

/*
 * Members: 3 "a" at .1, 5 "b" at .2. Those who have not come back yet: 1 "p" at .8.
 * The next id is 6.
 */
static const struct {
	const char *name;
	uint8_t from;
	uint32_t same; /* whose token it has */
	uint32_t claim;
	size_t max;
	bool unique, over;
	enum reason reason;
	uint32_t id;
} rows[] = {
	{"c", 3, NOBODY, NOBODY, ANY, false, false, REASON_NONE, 6},
	{"a", 3, NOBODY, NOBODY, ANY, false, false, REASON_DUPLICATE_NAME, 0},
	{"B", 3, NOBODY, NOBODY, ANY, false, false, REASON_DUPLICATE_NAME, 0},
	{"c", 3, NOBODY, NOBODY, 3, false, false, REASON_CLUSTER_FULL, 0},
	{"c", 3, NOBODY, NOBODY, 3, false, true, REASON_SURPLUS, 0},
	{"c", 3, NOBODY, NOBODY, 4, false, true, REASON_NONE, 6},
	{"c", 2, NOBODY, NOBODY, ANY, false, false, REASON_NONE, 6},
	{"c", 2, NOBODY, NOBODY, ANY, true, false, REASON_DUPLICATE_ADDRESS, 0},
	/* claims */
	{"c", 3, NOBODY, 4, ANY, false, false, REASON_NONE, 4},
	{"c", 3, NOBODY, 9, ANY, false, false, REASON_NONE, 9},
	{"c", 3, NOBODY, 3, ANY, false, false, REASON_DUPLICATE_ID, 0},
	{"a", 1, NOBODY, 3, ANY, false, false, REASON_DUPLICATE_ID, 0},
	{"a", 3, NOBODY, 4, ANY, false, false, REASON_DUPLICATE_NAME, 0},
	{"c", 3, NOBODY, 4, 3, false, false, REASON_CLUSTER_FULL, 0},
	{"c", 3, NOBODY, ADMISSION_IDS - 1, ANY, false, false, REASON_NONE, ADMISSION_IDS - 1},
	{"c", 3, NOBODY, ADMISSION_IDS, ANY, false, false, REASON_PROTOCOL, 0},
	{"c", 3, NOBODY, FRAME_ID_SEED, ANY, false, false, REASON_PROTOCOL, 0},
	/* come back while the old connection lingers, with or without knowing the id */
	{"a", 1, 3, 3, ANY, true, false, REASON_NONE, 3},
	{"a", 7, 3, 3, ANY, true, false, REASON_NONE, 3},
	{"a", 1, 3, NOBODY, ANY, false, false, REASON_NONE, 3},
	{"a", 1, 3, 3, 2, false, true, REASON_NONE, 3},
	{"a", 2, 3, 3, ANY, true, false, REASON_DUPLICATE_ADDRESS, 0},
	{"z", 1, 3, 3, ANY, false, false, REASON_NONE, 3},
	{"b", 1, 3, 3, ANY, false, false, REASON_DUPLICATE_NAME, 0},
	{"a", 1, 3, 5, ANY, false, false, REASON_DUPLICATE_ID, 0},
	{"a", 1, 3, 4, ANY, false, false, REASON_DUPLICATE_ID, 0},
	/* nobody else gets the place of one who has not come back, and it gets no other */
	{"p", 3, NOBODY, NOBODY, ANY, false, false, REASON_DUPLICATE_NAME, 0},
	{"P", 8, NOBODY, 4, ANY, false, false, REASON_DUPLICATE_NAME, 0},
	{"c", 8, NOBODY, NOBODY, ANY, false, false, REASON_NONE, 6},
	{"c", 8, NOBODY, NOBODY, ANY, true, false, REASON_DUPLICATE_ADDRESS, 0},
	{"c", 3, NOBODY, 1, ANY, false, false, REASON_DUPLICATE_ID, 0},
	{"p", 8, NOBODY, 1, ANY, false, false, REASON_DUPLICATE_ID, 0},
	{"p", 8, 1, 1, 3, true, true, REASON_NONE, 1},
	{"p", 9, 1, NOBODY, 3, true, false, REASON_NONE, 1},
	{"p", 8, 1, 4, ANY, false, false, REASON_DUPLICATE_ID, 0},
	{"p", 2, 1, 1, ANY, true, false, REASON_DUPLICATE_ADDRESS, 0},
	{"b", 8, 1, 1, ANY, false, false, REASON_DUPLICATE_NAME, 0},
};

static void put(struct members *m, uint32_t id, const char *name, uint8_t host)
{
	struct frame_member x = {.id = id, .external = addr_v4(0x0a000000u | host, 4000)};

	(void)snprintf(x.name, sizeof(x.name), "%s", name);
	cr_assert_geq(members_put(m, &x), 0);
}

Test(admission, is_decided_by_policy_membership_and_request)
{
	const struct place place = {.id = 1, .name = "p", .external = addr_v4(0x0a000008u, 4000)};
	struct members members = {0};
	struct places places = {0};

	cr_assert_eq(places_add(&places, &place), 0);
	put(&members, 3, "a", 1);
	put(&members, 5, "b", 2);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct admission_policy policy = {rows[i].max, rows[i].unique, rows[i].over};
		struct frame_join join = {.claim = rows[i].claim};
		struct admission_request request = {
			.join = &join,
			.from = addr_v4(0x0a000000u | rows[i].from, 5000),
			.same = rows[i].same,
		};
		uint32_t id = 12345;
		enum reason reason;

		(void)snprintf(join.name, sizeof(join.name), "%s", rows[i].name);
		reason = admission_decide(&policy, &members, &places, &request, 6, &id);
		cr_expect_eq(reason, rows[i].reason, "row %zu: %s", i, reason_name(reason));
		cr_expect_eq(id, reason == REASON_NONE ? rows[i].id : 12345, "row %zu: id %u", i,
			     id);
	}
	members_free(&members);
	places_free(&places);
}

Test(admission, ends_when_all_ids_have_been_used)
{
	struct admission_policy policy = {.members_max = ANY};
	struct frame_join join = {.name = "a", .claim = FRAME_ID_JOINING};
	struct admission_request request = {.join = &join, .same = NOBODY};
	struct members members = {0};
	struct places places = {0};
	uint32_t id;

	cr_expect_eq(admission_decide(&policy, &members, &places, &request, ADMISSION_IDS - 1, &id),
		     REASON_NONE);
	cr_expect_eq(admission_decide(&policy, &members, &places, &request, ADMISSION_IDS, &id),
		     REASON_CLUSTER_FULL);
}
