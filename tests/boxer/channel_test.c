/* SPDX-License-Identifier: MIT */
/* Channels that are ready: frames, silence, slow readers, and being freed. */
#include "base/cleanup.h"
#include "tests/boxer/side.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#define BIG FRAME_BODY_MAX

TestSuite(channel, .init = side_set_up, .fini = side_tear_down);

Test(channel, carries_frames_of_all_sizes_in_order_both_ways)
{
	static const size_t sizes[] = {0, 1, 2, 100, BIG - 1, BIG};
	struct side a = {0}, b = {0};
	uint8_t body[BIG];

	side_begin_pair(&a, side_key, &b, side_key);
	RUN_UNTIL(a.ready && b.ready);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		(void)memset(body, (int)i + 1, sizeof(body));
		cr_assert_eq(channel_send(a.ch, FRAME_PUNCH, body, sizes[i]), 0);
		cr_assert_eq(channel_send(b.ch, FRAME_PUNCHED, body, sizes[i]), 0);
		RUN_UNTIL(a.frames == i + 1 && b.frames == i + 1);
		cr_expect(a.type == FRAME_PUNCHED && b.type == FRAME_PUNCH);
		cr_expect(a.len == sizes[i] && b.len == sizes[i]);
		cr_expect_arr_eq(a.body, body, sizes[i]);
		cr_expect_arr_eq(b.body, body, sizes[i]);
	}
	cr_expect_eq(channel_send(a.ch, FRAME_PUNCH, body, BIG + 1), -EMSGSIZE);
	side_run_a_while();
	cr_expect_eq(b.frames, ARRAY_SIZE(sizes));
	cr_expect_not(a.closed);
	side_free(&a);
	side_free(&b);
}

Test(channel, carries_many_frames_that_arrive_in_one_piece)
{
	struct side a = {0}, b = {0};

	side_begin_pair(&a, side_key, &b, side_key);
	RUN_UNTIL(a.ready && b.ready);
	for (unsigned i = 0; i < 5000; i++) {
		uint8_t body[4] = {(uint8_t)(i >> 8), (uint8_t)i};

		cr_assert_eq(channel_send(a.ch, FRAME_GONE, body, sizeof(body)), 0);
	}
	RUN_UNTIL(b.frames == 5000);
	cr_expect_eq(b.body[0] << 8 | b.body[1], 4999);
	side_free(&a);
	side_free(&b);
}

Test(channel, refusal_after_the_handshake_is_an_ordinary_frame)
{
	uint8_t body[2] = {0, REASON_WRONG_KEY};
	struct side a = {0};
	struct speaker s;

	side_begin_ready(&a, &s);
	cr_assert_eq(speaker_send(&s, FRAME_REFUSE, body, sizeof(body)), 0);
	RUN_UNTIL(a.frames);
	cr_expect_eq(a.type, FRAME_REFUSE);
	side_free(&a);
	speaker_close(&s);
}

Test(channel, ends_when_a_frame_was_changed_on_its_way)
{
	/* a byte of the type, of the body, of the code */
	static const size_t where[] = {3, FRAME_HEADER_LEN + 1, FRAME_HEADER_LEN + 4 + 15};

	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		uint8_t bytes[SPEAKER_FRAME_MAX];
		struct side a = {0};
		struct speaker s;
		size_t len;

		side_begin_ready(&a, &s);
		len = speaker_build(&s, FRAME_PUNCH, (const uint8_t *)"abcd", 4, bytes);
		bytes[where[i]] ^= 1;
		cr_assert_eq(speaker_write(&s, bytes, len), 0);
		side_assert_closed(&a, REASON_WRONG_KEY);
		cr_expect_eq(a.frames, 0);
		side_free(&a);
		speaker_close(&s);
	}
}

Test(channel, ends_when_a_frame_comes_twice)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct side a = {0};
	struct speaker s;
	size_t len;

	side_begin_ready(&a, &s);
	len = speaker_build(&s, FRAME_PUNCH, (const uint8_t *)"abcd", 4, bytes);
	cr_assert_eq(speaker_write(&s, bytes, len), 0);
	cr_assert_eq(speaker_write(&s, bytes, len), 0);
	side_assert_closed(&a, REASON_WRONG_KEY);
	cr_expect_eq(a.frames, 1);
	side_free(&a);
	speaker_close(&s);
}

Test(channel, answers_a_ping_with_its_body)
{
	struct side a = {0};
	struct speaker_frame f;
	struct speaker s;

	side_begin_ready(&a, &s);
	cr_assert_eq(speaker_send(&s, FRAME_PING, (const uint8_t *)"abc", 3), 0);
	cr_assert_eq(speaker_receive(&s, &f), 0);
	cr_expect(f.type == FRAME_PONG && f.len == 3 && memcmp(f.body, "abc", 3) == 0);
	cr_assert_eq(speaker_send(&s, FRAME_PONG, NULL, 0), 0);
	side_run_a_while();
	cr_expect_eq(a.frames, 0, "pings and pongs are the channel's own");
	side_free(&a);
	speaker_close(&s);
}

Test(channel, pings_and_gives_up_a_peer_that_has_fallen_silent)
{
	struct side a = {0};
	struct speaker_frame f;
	struct speaker s;

	side_begin_ready(&a, &s);
	channel_set_pace(a.ch, &side_hurry);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(speaker_receive_type(&s, FRAME_PING, &f), 0);
		cr_assert_eq(speaker_send(&s, FRAME_PONG, f.body, f.len), 0);
	}
	side_run_a_while();
	cr_expect_not(a.closed);
	side_assert_closed(&a, REASON_TIMEOUT);
	side_free(&a);
	speaker_close(&s);
}

Test(channel, of_two_that_only_ping_each_other_stays)
{
	struct side a = {0}, b = {0};
	uint64_t until;

	side_begin_pair(&a, side_key, &b, side_key);
	RUN_UNTIL(a.ready && b.ready);
	channel_set_pace(a.ch, &side_hurry);
	channel_set_pace(b.ch, &side_hurry);
	until = clock_now() + 2 * side_hurry.silence;
	while (clock_now() < until)
		ev_run(side_loop, EVRUN_ONCE);
	cr_expect(!a.closed && !b.closed);
	side_free(&a);
	side_free(&b);
}

/*
 * A function that is frozen and thawed: what came meanwhile is read before it is
 * judged. Found by it: heard_at, then later than now, made the silence endless.
 */
Test(channel, survives_a_pause_of_the_whole_process)
{
	struct side a = {0};
	struct speaker_frame f;
	struct speaker s;
	uint64_t until;

	side_begin_ready(&a, &s);
	channel_set_pace(a.ch, &side_hurry);
	/* It pings by now, so that its timer is due soon after the pause. */
	cr_assert_eq(speaker_receive_type(&s, FRAME_PING, &f), 0);
	cr_assert_eq(speaker_send(&s, FRAME_PONG, f.body, f.len), 0);
	until = clock_now() + side_hurry.silence + 100 * NS_PER_MS;
	while (clock_now() < until)
		(void)poll(NULL, 0, 10);
	side_run_a_while();
	cr_expect_eq(a.closed, 0, "%s", reason_name(a.reason));
	cr_assert_eq(speaker_send(&s, FRAME_PING, NULL, 0), 0);
	cr_expect_eq(speaker_receive_type(&s, FRAME_PONG, &f), 0);
	side_free(&a);
	speaker_close(&s);
}

/* The peer reads nothing: what waits is bounded, then it is over, but not at once:
 * its owner may be in the middle of a loop. */
Test(channel, queues_no_more_than_its_bound_for_a_peer_that_does_not_read)
{
	static const uint8_t body[BIG];
	struct side a = {0};
	struct speaker s;
	size_t queued = 0;
	int small = 4096, r;

	side_begin_with_speaker(&a, &s);
	(void)setsockopt(channel_fd(a.ch), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	(void)setsockopt(s.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	cr_assert_eq(speaker_handshake(&s), 0);
	RUN_UNTIL(a.ready);
	while ((r = channel_send(a.ch, FRAME_PUNCH, body, sizeof(body))) == 0) {
		queued += sizeof(body);
		cr_assert_lt(queued, 4 * CHANNEL_QUEUE_MAX, "there is no bound");
	}
	cr_expect_eq(r, -ENOBUFS);
	cr_expect_gt(queued, CHANNEL_QUEUE_MAX / 2);
	cr_expect_not(a.closed, "told inside channel_send()");
	side_assert_closed(&a, REASON_UNREACHABLE);
	side_free(&a);
	speaker_close(&s);
}

/* A peer that reads late gets everything, in order. */
Test(channel, gives_a_slow_reader_all_that_was_queued)
{
	struct side a = {0};
	struct speaker_frame f;
	struct speaker s;
	uint8_t body[BIG];

	side_begin_ready(&a, &s);
	for (unsigned i = 0; i < 200; i++) {
		(void)memset(body, (int)i, sizeof(body));
		cr_assert_eq(channel_send(a.ch, FRAME_PUNCH, body, sizeof(body)), 0);
	}
	for (unsigned i = 0; i < 200; i++) {
		cr_assert_eq(speaker_receive(&s, &f), 0);
		cr_assert(f.len == BIG && f.body[0] == i && f.body[BIG - 1] == i, "frame %u", i);
	}
	side_free(&a);
	speaker_close(&s);
}

/* The sanitizer judges these. */
Test(channel, may_be_freed_when_it_is_ready)
{
	struct side a = {.free_in = FREE_IN_READY}, b = {0};

	side_begin_pair(&a, side_key, &b, side_key);
	RUN_UNTIL(a.ready && b.closed);
	cr_expect_eq(a.closed, 0, "who freed it is not told");
	side_free(&b);
}

Test(channel, may_be_freed_when_a_frame_comes_and_gets_no_more)
{
	struct side a = {.free_in = FREE_IN_FRAME}, b = {0};

	side_begin_pair(&a, side_key, &b, side_key);
	RUN_UNTIL(a.ready && b.ready);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(channel_send(b.ch, FRAME_PUNCH, NULL, 0), 0);
	RUN_UNTIL(b.closed);
	cr_expect(a.frames == 1 && a.closed == 0);
	side_free(&b);
}

Test(channel, may_be_freed_when_it_is_over)
{
	struct side a = {.free_in = FREE_IN_CLOSED}, b = {0};

	side_begin_pair(&a, side_key, &b, side_key);
	RUN_UNTIL(a.ready && b.ready);
	side_free(&b);
	side_assert_closed(&a, REASON_LEFT);
}

Test(channel, tells_its_new_owner)
{
	struct side a = {0}, b = {0}, heir = {0};

	side_begin_pair(&a, side_key, &b, side_key);
	RUN_UNTIL(a.ready && b.ready);
	channel_own(a.ch, &side_ops, &heir);
	heir.ch = a.ch;
	cr_assert_eq(channel_send(b.ch, FRAME_SELECT, NULL, 0), 0);
	RUN_UNTIL(heir.frames);
	side_free(&b);
	RUN_UNTIL(heir.closed);
	cr_expect(!a.frames && !a.closed);
	side_free(&heir);
}

Test(channel, under_suspicion_is_over_when_nothing_is_heard)
{
	struct side a = {0};
	uint64_t began;
	struct speaker s;

	side_begin_ready(&a, &s);
	began = clock_now();
	channel_check(a.ch, 200 * NS_PER_MS);
	channel_check(a.ch, 60 * NS_PER_S);
	side_assert_closed(&a, REASON_TIMEOUT);
	cr_expect_geq(clock_now() - began, 200 * NS_PER_MS);
	speaker_close(&s);
	side_free(&a);
}

Test(channel, under_suspicion_goes_on_when_the_peer_answers)
{
	struct side a = {0}, b = {0};
	uint64_t until;

	side_begin_pair(&a, side_key, &b, side_key);
	RUN_UNTIL(a.ready && b.ready);
	until = clock_now() + 500 * NS_PER_MS;
	channel_check(a.ch, 200 * NS_PER_MS);
	RUN_UNTIL(clock_now() >= until);
	cr_expect(!a.closed && !b.closed);
	channel_check(a.ch, 200 * NS_PER_MS);
	side_run_a_while();
	side_free(&b);
	side_assert_closed(&a, REASON_LEFT);
	side_free(&a);
}
