/* SPDX-License-Identifier: MIT */
/* Who stays a member, when seed and links disagree. */
#include "boxer/roster.h"

#include "tests/boxer/side.h"

#include <stdio.h>
#include <string.h>

TestSuite(roster, .init = side_set_up, .fini = side_tear_down);

#define IDS 64

/** struct world - a roster, and what it has told */
struct world {
	struct members members;
	struct roster *roster;
	bool linked[IDS];
	enum reason left[IDS]; /* REASON_NONE: has not */
	unsigned n_left;
};

static void on_left(void *arg, const struct frame_member *m, enum reason reason)
{
	struct world *w = arg;

	cr_assert_null(members_by_id(&w->members, m->id), "it is still in the table");
	cr_assert_eq(w->left[m->id], REASON_NONE, "told twice");
	w->left[m->id] = reason;
	w->n_left++;
}

static bool is_linked(void *arg, uint32_t id)
{
	const struct world *w = arg;

	return w->linked[id];
}

static const struct roster_ops ops = {on_left, is_linked};

static void announce(struct world *w, uint32_t id)
{
	const struct frame_member m = {.id = id, .version = 5};

	cr_assert_geq(roster_put(w->roster, &m), 0);
}

static void begin(struct world *w, uint32_t n)
{
	*w = (struct world){0};
	w->roster = roster_new(side_loop, &w->members, &ops, w);
	for (uint32_t id = 0; id < n; id++)
		announce(w, id);
}

static void say_gone(struct world *w, uint32_t id, enum reason reason)
{
	const struct frame_gone gone = {.id = id, .version = 6, .reason = (uint16_t)reason};

	roster_gone(w->roster, &gone);
}

static void end(struct world *w)
{
	roster_free(w->roster);
	members_free(&w->members);
}

Test(roster, lets_go_whom_the_seed_has_lost)
{
	struct world w;

	begin(&w, 3);
	say_gone(&w, 1, REASON_LEFT);
	cr_expect_eq(w.left[1], REASON_LEFT);
	cr_expect_eq(w.members.n, 2);
	cr_expect_eq(w.members.version, 6);
	say_gone(&w, 1, REASON_LEFT);
	say_gone(&w, 50, REASON_LEFT);
	cr_expect_eq(w.n_left, 1);
	end(&w);
}

Test(roster, keeps_whom_there_is_a_link_to_until_it_breaks)
{
	struct world w;

	begin(&w, 3);
	w.linked[1] = w.linked[2] = true;
	say_gone(&w, 1, REASON_LOST);
	cr_expect_eq(w.n_left, 0);
	/* Nobody doubted that one. */
	w.linked[2] = false;
	roster_link_lost(w.roster, 2);
	cr_expect_eq(w.n_left, 0);
	w.linked[1] = false;
	roster_link_lost(w.roster, 1);
	cr_expect_eq(w.left[1], REASON_LOST);
	end(&w);
}

Test(roster, keeps_who_is_announced_again)
{
	struct world w;

	begin(&w, 3);
	w.linked[1] = true;
	say_gone(&w, 1, REASON_LOST);
	announce(&w, 1);
	w.linked[1] = false;
	roster_link_lost(w.roster, 1);
	cr_expect_eq(w.n_left, 0);
	end(&w);
}

Test(roster, lets_go_whose_id_another_node_has_got)
{
	struct frame_member now = {.id = 1, .version = 7}, was;
	struct world w;

	begin(&w, 3);
	w.linked[1] = w.linked[2] = true;
	/* It has moved, as far as the seed can see. */
	now.external = addr_v4(0xcb007105, 4000);
	cr_expect_not(roster_replaced(w.roster, &now, &was));
	cr_expect_eq(w.n_left, 0);
	now.inside = addr_v4(0x0a000002, 4000);
	cr_expect(roster_replaced(w.roster, &now, &was));
	cr_expect_eq(was.id, 1);
	cr_expect_eq(was.inside.port, 0);
	cr_expect_eq(w.left[1], REASON_LOST);
	/* Nobody has that one. */
	cr_expect_not(roster_replaced(w.roster, &now, &was));
	cr_expect_eq(roster_put(w.roster, &now), 1);
	now = (struct frame_member){.id = 2, .name = "another"};
	cr_expect(roster_replaced(w.roster, &now, &was));
	cr_expect_eq(w.left[2], REASON_LOST);
	end(&w);
}

Test(roster, gives_a_seed_that_is_back_time_to_speak_of_everybody, .timeout = 60)
{
	struct world w;
	uint64_t began = clock_now();

	begin(&w, IDS);
	w.linked[7] = true;
	roster_seed_lost(w.roster);
	roster_seed_back(w.roster, 0);
	/* Links come and go meanwhile; that alone says nothing. */
	roster_link_lost(w.roster, 9);
	for (uint32_t id = 10; id < IDS; id++)
		announce(&w, id);
	cr_expect_eq(w.n_left, 0);
	RUN_UNTIL(w.n_left);
	cr_expect_geq(clock_now() - began, ROSTER_GRACE_NS * 9 / 10);
	for (uint32_t id = 1; id < 10; id++)
		cr_expect_eq(w.left[id], id == 7 ? REASON_NONE : REASON_LOST, "%u", id);
	cr_expect_eq(w.n_left, 8);
	w.linked[7] = false;
	roster_link_lost(w.roster, 7);
	cr_expect_eq(w.left[7], REASON_LOST);
	cr_expect_eq(w.members.n, IDS - 9);
	end(&w);
}
