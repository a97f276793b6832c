/* SPDX-License-Identifier: MIT */
/* Who would relay a connection, in which order. */
#include "boxer/relays.h"

#include "tests/boxer/dialler.h"

#include <criterion/criterion.h>
#include <string.h>

#define SEED  (STAGE_NODE + 100)
#define FIRST 2 /* members from here on relay */

static struct addr control_port(uint32_t id)
{
	return members_by_id(&stage.node.members, id)->external;
}

static void set_seed(bool relays, enum local_seed state)
{
	stage.options.seed[0] = addr_v4(SEED, 7000);
	stage.node.seed_relays = relays;
	stage.node.seed_state = state;
}

static void add_members(unsigned n)
{
	for (uint32_t id = FIRST; id < FIRST + n; id++)
		stage_member(id, FRAME_FLAG_RELAY, &nat_public);
}

/* All there are towards @id, one after the other. Return: how many. */
static size_t find_all(uint32_t id, struct addr ret[static 8])
{
	size_t n = 0;

	while (relays_find(&stage.node, id, ret, n, &ret[n]))
		USERNS_CHECK(++n < 8, "no end");
	return n;
}

STAGE_TEST(relays, nobody_relays_unless_told_to)
{
	struct addr a, at;

	set_seed(false, LOCAL_SEED_JOINED);
	stage_member(2, 0, &nat_public);
	stage_member(3, FRAME_FLAG_RELAY, &nat_plain); /* whom nobody can reach */
	stage_member(1, FRAME_FLAG_RELAY, &nat_public);
	stage_member(0, FRAME_FLAG_RELAY, &nat_public);
	USERNS_CHECK(!relays_find(&stage.node, 1, NULL, 0, &a), "neither of the two can be one");
	at = control_port(1);
	USERNS_CHECK(relays_find(&stage.node, 4, NULL, 0, &a) && addr_equal(&a, &at), "a third");
}

STAGE_TEST(relays, the_seed_comes_first_and_last_when_it_is_lost)
{
	struct addr all[8], seed;

	add_members(2);
	set_seed(true, LOCAL_SEED_JOINED);
	seed = stage.options.seed[0];
	USERNS_CHECK(find_all(1, all) == 3 && addr_equal(&all[0], &seed), "not the first");
	USERNS_CHECK(!addr_equal(&all[1], &all[2]), "one twice");
	set_seed(true, LOCAL_SEED_LOST);
	USERNS_CHECK(find_all(1, all) == 3 && addr_equal(&all[2], &seed), "not the last");
	/* What is lost may be on our side. */
	for (uint32_t id = FIRST; id < FIRST + 2; id++)
		USERNS_CHECK(members_remove(&stage.node.members, id) == 0, "member");
	USERNS_CHECK(find_all(1, all) == 1 && addr_equal(&all[0], &seed), "nobody is better");
}

STAGE_TEST(relays, pairs_spread_over_them)
{
	struct addr all[8];
	unsigned firsts[4] = {0};

	set_seed(false, LOCAL_SEED_JOINED);
	add_members(4);
	for (uint32_t id = 100; id < 140; id++) {
		USERNS_CHECK(find_all(id, all) == 4, "each, once");
		for (uint32_t i = 0; i < 4; i++) {
			const struct addr at = control_port(FIRST + i);

			firsts[i] += addr_equal(&all[0], &at);
		}
	}
	for (unsigned i = 0; i < 4; i++)
		USERNS_CHECK(firsts[i] == 10, "%u of 40 pairs", firsts[i]);
}

/* A connects to B and B to A: there is no need for two. */
STAGE_TEST(relays, both_of_a_pair_begin_with_the_same)
{
	struct addr here, there;

	set_seed(false, LOCAL_SEED_JOINED);
	add_members(3);
	for (uint32_t id = 100; id < 103; id++) {
		stage.node.id = 50;
		USERNS_CHECK(relays_find(&stage.node, id, NULL, 0, &here), "here");
		stage.node.id = id;
		USERNS_CHECK(relays_find(&stage.node, 50, NULL, 0, &there), "there");
		USERNS_CHECK(addr_equal(&here, &there), "%u", id);
	}
}

/* Found by reading: the other side may know the seed by another address of it. */
STAGE_TEST(relays, the_seed_is_known_by_all_its_addresses)
{
	const struct addr second = addr_v4(SEED + 1, 7000), told = addr_v4(SEED + 2, 7001);
	const struct addr other = addr_v4(SEED + 3, 7000);
	struct addr member;

	set_seed(true, LOCAL_SEED_LOST);
	stage.options.seed[1] = second;
	stage.options.n_seed = 2;
	stage.node.observers[0] = told;
	stage.node.n_observers = 1;
	add_members(1);
	member = control_port(FIRST);
	USERNS_CHECK(relays_is_one(&stage.node, &stage.options.seed[0]) &&
			     relays_is_one(&stage.node, &second) &&
			     relays_is_one(&stage.node, &told),
		     "the seed");
	USERNS_CHECK(!relays_is_one(&stage.node, &other), "anybody");
	USERNS_CHECK(relays_is_one(&stage.node, &member), "member");
	stage.node.seed_relays = false;
	USERNS_CHECK(!relays_is_one(&stage.node, &second), "it does not");
}
