/* SPDX-License-Identifier: MIT */
/* Barriers: who waits for whom, who is released, and who was only thought to come. */
#include "base/cleanup.h"
#include "boxer/seed/barriers.h"
#include "tests/boxer/cluster.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define RELEASES_MAX 10000

static struct {
	uint32_t member, request;
	enum reason reason;
} releases[RELEASES_MAX];
static size_t n_releases;
static struct barriers *barriers;

static void on_released(void *arg, uint32_t member, uint32_t request, enum reason reason)
{
	(void)arg;
	cr_assert_lt(n_releases, RELEASES_MAX);
	releases[n_releases].member = member;
	releases[n_releases].request = request;
	releases[n_releases++].reason = reason;
}

static void set_up(void)
{
	n_releases = 0;
	barriers = barriers_new(on_released, NULL);
	cr_assert(barriers);
}

static void tear_down(void)
{
	barriers_free(barriers);
}

TestSuite(barrier, .init = set_up, .fini = tear_down);

static void arrive(uint32_t member, uint32_t request, const char *name, uint32_t count)
{
	struct frame_barrier m = {.request = request, .count = count};

	(void)snprintf(m.name, sizeof(m.name), "%s", name);
	barriers_arrive(barriers, member, &m);
}

static void assert_last(uint32_t member, uint32_t request, enum reason reason)
{
	cr_assert_gt(n_releases, 0);
	cr_assert(releases[n_releases - 1].member == member &&
			  releases[n_releases - 1].request == request &&
			  releases[n_releases - 1].reason == reason,
		  "member %u, request %u: %s", releases[n_releases - 1].member,
		  releases[n_releases - 1].request, reason_name(releases[n_releases - 1].reason));
}

Test(barrier, opens_when_as_many_have_come_and_may_be_used_again)
{
	for (uint32_t round = 0; round < 3; round++) {
		n_releases = 0;
		arrive(1, round, "x", 3);
		arrive(2, round, "x", 3);
		arrive(1, round, "y", 2);
		cr_assert_eq(n_releases, 0);
		arrive(3, round, "x", 3);
		cr_assert_eq(n_releases, 3);
		for (size_t i = 0; i < 3; i++)
			cr_expect(releases[i].reason == REASON_NONE &&
				  releases[i].request == round);
		arrive(3, round, "y", 2);
		cr_assert_eq(n_releases, 5);
	}
	arrive(7, 1, "alone", 1);
	assert_last(7, 1, REASON_NONE);
}

Test(barrier, counts_each_request_of_a_member_once)
{
	arrive(1, 1, "x", 3);
	arrive(1, 1, "x", 3);
	arrive(1, 1, "x", 3);
	cr_assert_eq(n_releases, 0);
	arrive(1, 2, "x", 3);
	arrive(1, 3, "x", 3);
	cr_assert_eq(n_releases, 3);
}

Test(barrier, says_again_to_who_asks_again_that_it_has_opened)
{
	arrive(1, 1, "x", 2);
	arrive(2, 1, "x", 2);
	cr_assert_eq(n_releases, 2);
	/* The next use has begun meanwhile. */
	arrive(1, 2, "x", 2);
	arrive(2, 1, "x", 2);
	cr_assert_eq(n_releases, 3);
	assert_last(2, 1, REASON_NONE);
	arrive(2, 2, "x", 2);
	cr_assert_eq(n_releases, 5);
}

Test(barrier, refuses_another_count_and_goes_on)
{
	arrive(1, 1, "x", 2);
	arrive(2, 1, "x", 3);
	assert_last(2, 1, REASON_PROTOCOL);
	arrive(2, 2, "x", BARRIERS_ARRIVALS_MAX + 1);
	assert_last(2, 2, REASON_PROTOCOL);
	cr_assert_eq(n_releases, 2);
	arrive(2, 3, "x", 2);
	cr_assert_eq(n_releases, 4);
	/* Nobody waits: any count will do. */
	arrive(1, 4, "x", 1);
	assert_last(1, 4, REASON_NONE);
}

Test(barrier, forgets_who_has_gone_or_takes_it_back)
{
	arrive(1, 1, "x", 3);
	arrive(2, 1, "x", 3);
	arrive(2, 2, "x", 3);
	cr_assert_eq(n_releases, 3);
	n_releases = 0;
	arrive(1, 3, "x", 3);
	arrive(2, 3, "x", 3);
	barriers_forget(barriers, 2);
	arrive(3, 3, "x", 3);
	arrive(3, 3, "x", 0);
	arrive(4, 3, "x", 3);
	cr_assert_eq(n_releases, 0);
	arrive(5, 3, "x", 3);
	cr_assert_eq(n_releases, 3);
	arrive(5, 9, "nowhere", 0);
	cr_assert_eq(n_releases, 3);
}

Test(barrier, has_room_for_so_many_and_no_more)
{
	char name[32];

	for (uint32_t i = 0; i < BARRIERS_PER_MEMBER; i++)
		arrive(1, i, "x", 1000);
	arrive(1, 1000, "x", 1000);
	assert_last(1, 1000, REASON_LOCAL);
	for (uint32_t i = 0; i < BARRIERS_MAX - 1; i++) {
		(void)snprintf(name, sizeof(name), "b%u", i);
		arrive(2 + i, 0, name, 2);
	}
	cr_assert_eq(n_releases, 1);
	arrive(1, 2000, "one-more", 1);
	assert_last(1, 2000, REASON_LOCAL);
	/* Where nobody waits any more there is room. */
	barriers_forget(barriers, 2);
	arrive(5000, 1, "one-more", 1);
	assert_last(5000, 1, REASON_NONE);
}

static void send_barrier(struct speaker *s, uint32_t request, uint32_t count)
{
	struct frame_barrier m = {.request = request, .count = count, .name = "start"};
	uint8_t body[128];
	int len = frame_encode_barrier(&m, body, sizeof(body));

	USERNS_CHECK(speaker_send(s, FRAME_BARRIER, body, (size_t)len) == 0, "BARRIER");
}

static enum reason hear_released(struct speaker *s, uint32_t request)
{
	struct frame_released m;
	struct speaker_frame f;

	USERNS_CHECK(speaker_receive_type(s, FRAME_RELEASED, &f) == 0 &&
			     frame_decode_released(f.body, f.len, &m) == 0,
		     "RELEASED");
	USERNS_CHECK(m.request == request, "request %u", m.request);
	return (enum reason)m.reason;
}

CLUSTER_TEST(seed, holds_members_at_a_barrier_until_all_are_there)
{
	struct speaker a, b, lost, d;
	struct frame_gone g;
	struct cluster c;
	uint32_t id;

	cluster_start(&c, NULL);
	(void)cluster_joins(&c, &a, "a");
	(void)cluster_joins(&c, &b, "b");
	id = cluster_joins(&c, &lost, "lost");
	send_barrier(&a, 1, 3);
	send_barrier(&lost, 2, 3);
	/* It was there, but is lost before the others come. */
	speaker_close(&lost);
	do {
		struct speaker_frame f;

		USERNS_CHECK(speaker_receive_type(&a, FRAME_GONE, &f) == 0 &&
				     frame_decode_gone(f.body, f.len, &g) == 0,
			     "GONE");
	} while (g.id != id);
	send_barrier(&b, 3, 3);
	send_barrier(&b, 4, 2);
	USERNS_CHECK(hear_released(&b, 4) == REASON_PROTOCOL, "another count");
	(void)cluster_joins(&c, &d, "d");
	send_barrier(&d, 5, 3);
	USERNS_CHECK(hear_released(&a, 1) == REASON_NONE, "a");
	USERNS_CHECK(hear_released(&b, 3) == REASON_NONE, "b");
	USERNS_CHECK(hear_released(&d, 5) == REASON_NONE, "d");
	cluster_stop(&c);
}
