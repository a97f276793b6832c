/* SPDX-License-Identifier: MIT */
/* The start gate: whom it waits for, and what it says of those who are missing. */
#include "boxer/gate.h"

#include "base/cleanup.h"
#include "boxer/members.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct frame_member member(uint32_t id, const char *name, const char *role)
{
	struct frame_member m = {.id = id};

	(void)snprintf(m.name, sizeof(m.name), "%s", name);
	(void)snprintf(m.role, sizeof(m.role), "%s", role);
	return m;
}

static void meet(struct gate *gate, uint32_t id, const char *name, const char *role)
{
	struct frame_member m = member(id, name, role);

	cr_assert_eq(gate_meet(gate, &m), 0);
}

static const char *why(void *arg, uint32_t id)
{
	(void)arg;
	(void)id;
	return "has no link";
}

/* What it says while all members of a range of ids are there, which may be empty. */
static void check_missing(const struct gate *gate, uint32_t first, uint32_t last, const char *said)
{
	struct members members = {0};
	char text[256], name[16];

	for (uint32_t id = first; id <= last; id++) {
		struct frame_member m;

		(void)snprintf(name, sizeof(name), "m%u", id);
		m = member(id, name, "");
		cr_assert_eq(members_put(&members, &m), 1);
	}
	gate_missing(gate, &members, why, NULL, text, sizeof(text));
	cr_expect_str_eq(text, said);
	members_free(&members);
}

Test(gate, opens_for_one_who_waits_for_nobody)
{
	struct gate_wants wants = {0};
	struct gate *gate = gate_new(&wants);

	cr_expect(gate_is_open(gate));
	gate_free(gate);
	gate_free(NULL);
}

Test(gate, counts_each_member_once)
{
	struct gate_wants wants = {.count = 3};
	struct gate *gate = gate_new(&wants);

	for (int i = 0; i < 3; i++) {
		meet(gate, 9, "a", "");
		meet(gate, 4, "b", "");
		cr_expect(!gate_is_open(gate));
	}
	check_missing(gate, 4, 5, "met 2 of 3 members; m5 is there, but has no link");
	meet(gate, 5, "c", "");
	cr_expect(gate_is_open(gate));
	gate_free(gate);
}

/* Found in a lab: a function that was killed and started again opened it for two. */
Test(gate, forgets_who_was_lost)
{
	struct gate_wants wants = {.count = 3};
	struct gate *gate;

	cr_assert_eq(gate_wants_names(&wants, "x"), 0);
	cr_assert_eq(gate_wants_role(&wants, "worker=2"), 0);
	gate = gate_new(&wants);
	meet(gate, 0, "self", "worker");
	meet(gate, 1, "x", "worker");
	gate_forget(gate, 1);
	gate_forget(gate, 1);
	gate_forget(gate, 7);
	check_missing(gate, 8, 7,
		      "met 1 of 3 members; 1 of 2 in the role worker; "
		      "x has not joined");
	meet(gate, 2, "y", "worker");
	meet(gate, 3, "z", "");
	cr_expect(!gate_is_open(gate), "x is not there");
	meet(gate, 4, "x", "");
	cr_expect(gate_is_open(gate));
	gate_forget(gate, 2);
	cr_expect(!gate_is_open(gate), "one worker only");
	meet(gate, 2, "y", "worker");
	cr_expect(gate_is_open(gate), "the same one is back");
	gate_free(gate);
	gate_wants_free(&wants);
}

Test(gate, counts_one_name_once)
{
	struct gate_wants wants = {.count = 3};
	struct frame_member again = member(2, "X", "");
	struct gate *gate;

	cr_assert_eq(gate_wants_role(&wants, "worker=1"), 0);
	gate = gate_new(&wants);
	meet(gate, 0, "self", "");
	meet(gate, 1, "x", "worker");
	/* It has left, and been started again in another role. */
	meet(gate, 2, "X", "");
	check_missing(gate, 8, 7, "met 2 of 3 members; 0 of 1 in the role worker");
	meet(gate, 3, "y", "worker");
	cr_expect(gate_is_open(gate));
	/* Once more; now it is there, but has not been met. */
	again.id = 4;
	gate_replace(gate, &again);
	cr_expect(!gate_is_open(gate));
	meet(gate, 4, "x", "");
	gate_replace(gate, &again);
	cr_expect(gate_is_open(gate), "it does not replace itself");
	gate_free(gate);
}

Test(gate, keeps_many)
{
	struct gate_wants wants = {.count = 1000};
	struct gate *gate = gate_new(&wants);

	for (uint32_t i = 0; i < 1000; i++) {
		char name[16];

		cr_assert(!gate_is_open(gate));
		(void)snprintf(name, sizeof(name), "x%u", i);
		meet(gate, i * 7919 % 1000, name, "");
	}
	cr_expect(gate_is_open(gate));
	check_missing(gate, 0, 999, "met 1000 members");
	gate_free(gate);
}

Test(gate, waits_for_names_whatever_their_case)
{
	struct gate_wants wants = {0};
	struct gate *gate;

	cr_assert_eq(gate_wants_names(&wants, "left,Right"), 0);
	gate = gate_new(&wants);
	meet(gate, 0, "LEFT", "");
	cr_expect(!gate_is_open(gate));
	meet(gate, 1, "lefty", "");
	cr_expect(!gate_is_open(gate));
	meet(gate, 2, "right", "");
	cr_expect(gate_is_open(gate));
	gate_free(gate);
	gate_wants_free(&wants);
}

Test(gate, waits_for_roles_and_everything_else)
{
	struct gate_wants wants = {.count = 2};
	struct gate *gate;

	cr_assert_eq(gate_wants_role(&wants, "worker=2"), 0);
	cr_assert_eq(gate_wants_role(&wants, "store=1"), 0);
	cr_assert_eq(gate_wants_names(&wants, "boss"), 0);
	gate = gate_new(&wants);
	meet(gate, 0, "a", "worker");
	meet(gate, 1, "b", "worker");
	meet(gate, 2, "c", "");
	cr_expect(!gate_is_open(gate));
	meet(gate, 3, "d", "store");
	cr_expect(!gate_is_open(gate));
	meet(gate, 4, "boss", "");
	cr_expect(gate_is_open(gate));
	gate_free(gate);
	gate_wants_free(&wants);
}

Test(gate, wants_only_what_can_be)
{
	static const char *const bad_names[] = {"", ",", "a,", ",a", "a,,b", "a b", "-a", "a.b"};
	static const char *const bad_roles[] = {"",
						"worker",
						"worker=",
						"worker=0",
						"=1",
						"worker=x",
						"worker=1x",
						"worker=-1",
						"worker=5000",
						"wor ker=1",
						"worker=99999999999"};
	char long_name[FRAME_NAME_MAX + 4];
	struct gate_wants wants = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++)
		cr_expect_eq(gate_wants_names(&wants, bad_names[i]), -EINVAL, "'%s'", bad_names[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad_roles); i++)
		cr_expect_eq(gate_wants_role(&wants, bad_roles[i]), -EINVAL, "'%s'", bad_roles[i]);
	(void)memset(long_name, 'a', sizeof(long_name));
	(void)memcpy(long_name + sizeof(long_name) - 3, "=1", 3);
	cr_expect_eq(gate_wants_names(&wants, long_name), -EINVAL);
	cr_expect_eq(gate_wants_role(&wants, long_name), -EINVAL);
	gate_wants_free(&wants);
}

Test(gate, wants_no_more_than_there_is_room_for)
{
	struct gate_wants wants = {0};

	for (int i = 0; i < GATE_NAMES_MAX; i++)
		cr_assert_eq(gate_wants_names(&wants, "a"), 0);
	cr_expect_eq(gate_wants_names(&wants, "a"), -E2BIG);
	for (int i = 0; i < GATE_ROLES_MAX; i++)
		cr_assert_eq(gate_wants_role(&wants, "a=1"), 0);
	cr_expect_eq(gate_wants_role(&wants, "a=1"), -E2BIG);
	gate_wants_free(&wants);
}

Test(gate, says_who_is_missing)
{
	struct gate_wants wants = {.count = 4};
	struct members members = {0};
	struct frame_member b = member(1, "b", "");
	char text[256], little[16];
	struct gate *gate;

	cr_assert_eq(gate_wants_names(&wants, "a,b,c"), 0);
	cr_assert_eq(gate_wants_role(&wants, "worker=3"), 0);
	gate = gate_new(&wants);
	meet(gate, 0, "a", "worker");
	cr_assert_eq(members_put(&members, &b), 1);
	gate_missing(gate, &members, why, NULL, text, sizeof(text));
	cr_expect_str_eq(text, "met 1 of 4 members; 1 of 3 in the role worker; b is there, but has "
			       "no link; c has not joined");
	gate_missing(gate, &members, why, NULL, little, sizeof(little));
	cr_expect_str_eq(little, "met 1 of 4 memb");
	gate_free(gate);
	gate_wants_free(&wants);
	members_free(&members);
}

Test(gate, does_not_say_how_many_are_wanted_when_more_are_there)
{
	struct gate_wants wants = {.count = 1};
	struct members members = {0};
	char text[256];
	struct gate *gate;

	cr_assert_eq(gate_wants_names(&wants, "c"), 0);
	gate = gate_new(&wants);
	meet(gate, 0, "a", "");
	meet(gate, 1, "b", "");
	gate_missing(gate, &members, why, NULL, text, sizeof(text));
	cr_expect_str_eq(text, "met 2 members; c has not joined");
	gate_free(gate);
	gate_wants_free(&wants);
	members_free(&members);
}

Test(gate, says_who_is_there_but_was_not_met)
{
	struct gate_wants wants = {.count = 3};
	struct members members = {0};
	struct frame_member b = member(1, "b", "");
	struct gate *gate = gate_new(&wants);
	char text[256];

	meet(gate, 0, "a", "");
	cr_assert_eq(members_put(&members, &b), 1);
	gate_missing(gate, &members, why, NULL, text, sizeof(text));
	cr_expect_str_eq(text, "met 1 of 3 members; b is there, but has no link");
	gate_free(gate);
	members_free(&members);
}
