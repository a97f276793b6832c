/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "boxer/sorted.h"

#include <criterion/criterion.h>

static uint32_t id_at(const void *list, size_t at)
{
	return ((const uint32_t *)list)[at];
}

Test(sorted, finds_the_first_that_is_not_below)
{
	static const uint32_t ids[] = {0, 3, 4, 9, UINT32_MAX};
	static const struct {
		uint32_t id;
		size_t at;
	} places[] = {{0, 0}, {1, 1}, {3, 1}, {4, 2}, {5, 3}, {9, 3}, {10, 4}, {UINT32_MAX, 4}};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		cr_expect_eq(sorted_position(ids, ARRAY_SIZE(ids), places[i].id, id_at),
			     places[i].at, "%u", places[i].id);
	cr_expect_eq(sorted_position(ids, ARRAY_SIZE(ids) - 1, UINT32_MAX, id_at), 4, "beyond");
}

/* The middle of a list is another one for each length. */
Test(sorted, finds_each_place_in_a_list_of_any_length)
{
	uint32_t ids[17];

	for (uint32_t i = 0; i < ARRAY_SIZE(ids); i++)
		ids[i] = 2 * i + 1;
	for (size_t n = 0; n <= ARRAY_SIZE(ids); n++)
		for (uint32_t id = 0; id <= 2 * n; id++)
			cr_expect_eq(sorted_position(ids, n, id, id_at), id / 2, "%u of %zu", id,
				     n);
}

Test(sorted, an_empty_list_has_one_place)
{
	cr_expect_eq(sorted_position(NULL, 0, 7, id_at), 0);
}
