/* SPDX-License-Identifier: MIT */
/* Introductions: what members send each other through the seed. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/seed/introductions.h"
#include "tests/boxer/cluster.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

Test(budget, is_spent_and_comes_back_with_time)
{
	struct budget b = {0};
	uint64_t now = 5 * NS_PER_S;

	for (unsigned i = 0; i < INTRODUCTIONS_BURST; i++)
		cr_assert(budget_spend(&b, now), "number %u", i);
	cr_expect_not(budget_spend(&b, now));
	for (unsigned i = 0; i < 10 * INTRODUCTIONS_PER_S; i++)
		(void)budget_spend(&b, now);
	now += NS_PER_S / 2;
	for (unsigned i = 0; i < INTRODUCTIONS_PER_S / 2; i++)
		cr_assert(budget_spend(&b, now), "number %u", i);
	cr_expect_not(budget_spend(&b, now));
	/* Never more than a burst. */
	now += 3600 * NS_PER_S;
	for (unsigned i = 0; i < INTRODUCTIONS_BURST; i++)
		cr_assert(budget_spend(&b, now), "number %u", i);
	cr_expect_not(budget_spend(&b, now));
}

static void send_via(struct speaker *s, uint32_t id, uint8_t type, const uint8_t *body, size_t len)
{
	struct frame_via via = {.id = id, .type = type, .body = body, .len = len};
	uint8_t out[FRAME_BODY_MAX];
	int n = frame_encode_via(&via, out, sizeof(out));

	USERNS_CHECK(n > 0 && speaker_send(s, FRAME_VIA, out, (size_t)n) == 0, "VIA");
}

static struct frame_via hear_via(struct speaker *s, struct speaker_frame *f)
{
	struct frame_via via;

	USERNS_CHECK(speaker_receive_type(s, FRAME_VIA, f) == 0 &&
			     frame_decode_via(f->body, f->len, &via) == 0,
		     "no VIA");
	return via;
}

CLUSTER_TEST(via, passes_what_a_punch_is_made_of_between_members)
{
	static const uint8_t types[] = {FRAME_PUNCH, FRAME_PUNCHED, FRAME_DONE, FRAME_INTRODUCE};
	struct speaker_frame f;
	struct speaker a, b;
	struct cluster c;
	uint32_t id_a, id_b;

	cluster_start(&c, NULL);
	id_a = cluster_joins(&c, &a, "a");
	id_b = cluster_joins(&c, &b, "b");
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct frame_via via;

		send_via(&a, id_b, types[i], (const uint8_t *)"abc", 3);
		via = hear_via(&b, &f);
		USERNS_CHECK(via.id == id_a && via.type == types[i] && via.len == 3 &&
				     memcmp(via.body, "abc", 3) == 0,
			     "type %u", types[i]);
	}
	/* The largest that there can be. */
	for (size_t len = 0; len <= FRAME_BODY_MAX - 5; len += FRAME_BODY_MAX - 5) {
		static const uint8_t body[FRAME_BODY_MAX];

		send_via(&b, id_a, FRAME_INTRODUCE, body, len);
		USERNS_CHECK(hear_via(&a, &f).len == len, "%zu", len);
	}
	cluster_stop(&c);
}

CLUSTER_TEST(via, says_at_once_that_nobody_has_that_id)
{
	struct frame_punch punch = {.request = 77, .port = 80};
	struct frame_punched punched;
	struct speaker_frame f;
	struct frame_via via;
	uint8_t body[128];
	struct cluster c;
	struct speaker a;
	int len;

	cluster_start(&c, NULL);
	(void)cluster_joins(&c, &a, "a");
	len = frame_encode_punch(&punch, body, sizeof(body));
	/* The others are forgotten: nobody waits for an answer to them. */
	send_via(&a, 99, FRAME_INTRODUCE, NULL, 0);
	send_via(&a, 99, FRAME_PUNCH, (const uint8_t *)"?", 1);
	send_via(&a, 99, FRAME_PUNCH, body, (size_t)len);
	via = hear_via(&a, &f);
	USERNS_CHECK(via.id == 99 && via.type == FRAME_PUNCHED &&
			     frame_decode_punched(via.body, via.len, &punched) == 0,
		     "no PUNCHED");
	USERNS_CHECK(punched.request == 77 && punched.reason == REASON_NOT_A_MEMBER, "%s",
		     reason_name((enum reason)punched.reason));
	cluster_stop(&c);
}

CLUSTER_TEST(via, cuts_off_who_sends_anything_else)
{
	static const uint8_t types[] = {FRAME_SELECT, FRAME_JOINED, FRAME_GONE, FRAME_VIA, 0, 255};
	struct cluster c;

	cluster_start(&c, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct speaker a;
		uint32_t id = cluster_joins(&c, &a, cluster_name((unsigned)i));

		send_via(&a, id, types[i], NULL, 0);
		USERNS_CHECK(speaker_hear_end(&a) == 0, "type %u", types[i]);
		speaker_close(&a);
		child_await(&c.seed, "leave");
	}
	cluster_check_serves(&c);
	cluster_stop(&c);
}

/* A member that floods another one, which does not even read: both stay, and so do the others. */
static void flood(size_t len)
{
	static const uint8_t body[1024];
	struct speaker flooder, victim, other;
	size_t before, after, heard = 0;
	uint64_t began = clock_now();
	struct speaker_frame f;
	struct cluster c;
	uint32_t id;

	cluster_start_seed(&c, NULL, NULL);
	(void)cluster_joins(&c, &flooder, "flooder");
	id = cluster_joins(&c, &victim, "victim");
	before = child_memory_kb(&c.seed);
	for (unsigned i = 0; i < 4 * INTRODUCTIONS_BURST; i++)
		send_via(&flooder, id, FRAME_INTRODUCE, body, len);
	(void)cluster_joins(&c, &other, "other");
	after = child_memory_kb(&c.seed);
	if (CLUSTER_CHECK_MEMORY)
		USERNS_CHECK(after < before + 8192, "%zu, then %zu KiB", before, after);
	/* The victim is still a member, and hears of the other one in the end. */
	do {
		USERNS_CHECK(speaker_receive(&victim, &f) == 0, "the victim was cut off");
		heard += f.type == FRAME_VIA;
	} while (f.type != FRAME_MEMBER);
	USERNS_CHECK(heard > 0 && heard <= INTRODUCTIONS_BURST +
						   INTRODUCTIONS_PER_S *
							   ((clock_now() - began) / NS_PER_S + 1),
		     "%zu were passed on", heard);
	userns_say("%zu of %u were passed on", heard, 4 * INTRODUCTIONS_BURST);
	USERNS_CHECK(!child_has_said(&c.seed, "leave"), "somebody is gone");
	cluster_check_serves(&c);
	cluster_stop(&c);
}

CLUSTER_TEST(via, floods_are_dropped_and_harm_nobody)
{
	cluster_prepare();
	flood(1024);
	flood(0);
}

/* The same node, on one more connection. */
static void join_again(struct cluster *c, struct speaker *s, uint32_t id)
{
	struct frame_join join = {.claim = id, .name = "flooder", .token = {1}};
	struct speaker_frame f;

	cluster_greet(c, s, NULL);
	cluster_send_join(s, &join);
	USERNS_CHECK(speaker_receive_type(s, FRAME_JOINED, &f) == 0, "not admitted");
}

/* All but one of what it may send, to nobody; the last is a question, which is answered. */
static void spend_budget(struct speaker *s)
{
	struct frame_punch punch = {.port = 80};
	uint8_t body[128];
	struct speaker_frame f;
	int len = frame_encode_punch(&punch, body, sizeof(body));

	for (unsigned i = 0; i < INTRODUCTIONS_BURST - 1; i++)
		send_via(s, 99, FRAME_INTRODUCE, NULL, 0);
	send_via(s, 99, FRAME_PUNCH, body, (size_t)len);
	(void)hear_via(s, &f);
}

/* Else whoever joins again and again could flood as much as it likes. */
CLUSTER_TEST(via, a_budget_is_not_filled_by_joining_again)
{
	struct speaker before, flooder, victim;
	uint64_t began = clock_now();
	struct speaker_frame f;
	struct cluster c;
	size_t heard = 0, most;
	uint32_t id;

	cluster_start(&c, NULL);
	id = cluster_joins(&c, &victim, "victim");
	join_again(&c, &before, FRAME_ID_JOINING);
	spend_budget(&before);
	join_again(&c, &flooder, id + 1);
	for (unsigned i = 0; i < INTRODUCTIONS_BURST / 2; i++)
		send_via(&flooder, id, FRAME_INTRODUCE, NULL, 0);
	cluster_leave(&flooder);
	do {
		USERNS_CHECK(speaker_receive(&victim, &f) == 0, "the victim was cut off");
		heard += f.type == FRAME_VIA;
	} while (f.type != FRAME_GONE);
	/* What came back with time. */
	most = 1 + (size_t)((clock_now() - began) / (NS_PER_S / INTRODUCTIONS_PER_S));
	USERNS_CHECK(heard <= most, "%zu were passed on, not %zu", heard, most);
	userns_say("%zu of %u were passed on", heard, INTRODUCTIONS_BURST / 2);
	speaker_close(&before);
	cluster_stop(&c);
}
