/* SPDX-License-Identifier: MIT */
/* The handshake of a channel: who gets through it, who does not, and why. */
#include "base/cleanup.h"
#include "tests/base/random.h"
#include "tests/boxer/side.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#define BIG FRAME_BODY_MAX

TestSuite(handshake, .init = side_set_up, .fini = side_tear_down);

static const uint8_t other_key[AUTH_KEY_LEN] = {1, 2, 4};

/* What the channel told the speaker before it hung up; -1: nothing. */
static int refusal(struct speaker *s)
{
	struct speaker_frame f;
	uint16_t reason;

	if (speaker_receive_type(s, FRAME_REFUSE, &f) < 0)
		return -1;
	cr_assert_eq(frame_decode_reason(f.body, f.len, &reason), 0);
	return reason;
}

Test(handshake, makes_both_sides_ready)
{
	struct side a = {0}, b = {0};

	side_begin_pair(&a, side_key, &b, side_key);
	cr_expect_eq(channel_send(a.ch, FRAME_LEAVE, NULL, 0), -ENOTCONN, "too early");
	RUN_UNTIL(a.ready && b.ready);
	cr_expect_eq(channel_peer(a.ch), 2);
	cr_expect_eq(channel_peer(b.ch), 1);
	side_run_a_while();
	cr_expect(a.ready == 1 && b.ready == 1 && !a.closed && !b.closed);
	side_free(&a);
	side_assert_closed(&b, REASON_LEFT);
	side_free(&b);
}

Test(handshake, tells_the_acceptor_who_came)
{
	struct side a = {0}, b = {0};
	int fds[2];

	side_tcp_pair(fds);
	side_begin(&a, fds[0], side_key, FRAME_ID_JOINING, FRAME_ID_SEED);
	side_begin(&b, fds[1], side_key, FRAME_ID_SEED, FRAME_ID_JOINING);
	RUN_UNTIL(a.ready && b.ready);
	cr_expect_eq(channel_peer(b.ch), FRAME_ID_JOINING);
	side_free(&a);
	side_free(&b);
	side_tcp_pair(fds);
	a = b = (struct side){0};
	side_begin(&a, fds[0], side_key, 7, 9);
	side_begin(&b, fds[1], side_key, 9, FRAME_ID_JOINING);
	RUN_UNTIL(a.ready && b.ready);
	cr_expect_eq(channel_peer(b.ch), 7);
	side_free(&a);
	side_free(&b);
}

Test(handshake, with_different_keys_ends_as_wrong_key_on_both_sides)
{
	struct side a = {0}, b = {0};

	side_begin_pair(&a, side_key, &b, other_key);
	side_assert_closed(&a, REASON_WRONG_KEY);
	side_assert_closed(&b, REASON_WRONG_KEY);
	cr_expect(!a.ready && !b.ready);
	side_free(&a);
	side_free(&b);
}

/* Hello frames that must not be answered with a proof. */
static const struct {
	uint32_t self, peer; /* the channel's */
	uint32_t from, to;   /* the hello's */
	bool good;
} hellos[] = {
	{1, 2, 2, 1, true},
	{1, 2, 2, FRAME_ID_JOINING, true}, /* an acceptor that does not know yet */
	{1, 2, 2, 3, false},
	{1, 2, 3, 1, false},
	{1, 2, FRAME_ID_JOINING, 1, false},
	{1, 2, 1, 2, false},
	{1, 2, 1, 1, false},
	{1, FRAME_ID_JOINING, 3, 1, true},
	{1, FRAME_ID_JOINING, 3, 4, false},
	{1, FRAME_ID_JOINING, 1, FRAME_ID_JOINING, false}, /* our own, reflected */
	{FRAME_ID_SEED, FRAME_ID_JOINING, FRAME_ID_JOINING, FRAME_ID_SEED, true},
	{FRAME_ID_SEED, FRAME_ID_JOINING, FRAME_ID_SEED, FRAME_ID_SEED, false},
	{FRAME_ID_JOINING, FRAME_ID_SEED, FRAME_ID_SEED, FRAME_ID_JOINING, true},
	{FRAME_ID_JOINING, FRAME_ID_SEED, 3, FRAME_ID_JOINING, false},
};

Test(handshake, gives_a_proof_only_to_whom_it_is_meant_for)
{
	for (size_t i = 0; i < ARRAY_SIZE(hellos); i++) {
		uint8_t bytes[SPEAKER_FRAME_MAX];
		struct side a = {0};
		struct speaker s;
		struct speaker_frame f;
		int fds[2];

		side_tcp_pair(fds);
		side_begin(&a, fds[0], side_key, hellos[i].self, hellos[i].peer);
		speaker_init(&s, fds[1], side_key, hellos[i].from, hellos[i].to);
		s.wait = side_wait_in_loop;
		cr_assert_eq(speaker_hear_hello(&s), 0);
		cr_expect_eq(s.theirs.from, hellos[i].self);
		cr_expect_eq(s.theirs.to, hellos[i].peer);
		cr_assert_eq(speaker_write(&s, bytes, speaker_build_hello(&s, bytes)), 0);
		cr_assert_eq(speaker_receive(&s, &f), 0, "row %zu", i);
		cr_expect_eq(f.type, hellos[i].good ? FRAME_PROOF : FRAME_REFUSE, "row %zu", i);
		if (!hellos[i].good)
			side_assert_closed(&a, REASON_PROTOCOL);
		side_free(&a);
		speaker_close(&s);
	}
}

Test(handshake, does_not_take_its_own_bytes_for_a_peers)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct side a = {0};
	struct speaker s;
	ssize_t n;

	side_begin_with_speaker(&a, &s);
	cr_assert(side_wait_in_loop(&s, POLLIN));
	n = recv(s.fd, bytes, sizeof(bytes), 0);
	cr_assert_gt(n, 0);
	cr_assert_eq(speaker_write(&s, bytes, (size_t)n), 0);
	side_assert_closed(&a, REASON_PROTOCOL);
	side_free(&a);
	speaker_close(&s);
}

Test(handshake, of_another_version_is_told_so)
{
	for (unsigned version = 0; version < 256; version++) {
		uint8_t bytes[SPEAKER_FRAME_MAX];
		struct side a = {0};
		struct speaker s;
		size_t len;

		if (version == FRAME_VERSION)
			continue;
		side_begin_with_speaker(&a, &s);
		len = speaker_build_hello(&s, bytes);
		bytes[2] = (uint8_t)version;
		cr_assert_eq(speaker_write(&s, bytes, len), 0);
		side_assert_closed(&a, REASON_WRONG_VERSION);
		cr_assert_eq(refusal(&s), REASON_WRONG_VERSION);
		side_free(&a);
		cr_expect_eq(speaker_hear_end(&s), 0);
		speaker_close(&s);
	}
}

static const struct {
	enum { GARBAGE, WRONG_FIRST, TWO_HELLOS, SHORT_HELLO, LONG_HELLO, SHORT_PROOF, HUGE } kind;
} violations[] = {{GARBAGE},	{WRONG_FIRST}, {TWO_HELLOS}, {SHORT_HELLO},
		  {LONG_HELLO}, {SHORT_PROOF}, {HUGE}};

static void violate(struct speaker *s, int kind)
{
	static const uint8_t text[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	uint8_t bytes[SPEAKER_FRAME_MAX], body[BIG] = {0};
	size_t len = speaker_build_hello(s, bytes);

	switch (kind) {
	case GARBAGE:
		cr_assert_eq(speaker_write(s, text, sizeof(text) - 1), 0);
		break;
	case WRONG_FIRST:
		cr_assert_eq(speaker_send(s, FRAME_JOIN, body, 10), 0);
		break;
	case TWO_HELLOS:
		cr_assert_eq(speaker_write(s, bytes, len), 0);
		cr_assert_eq(speaker_write(s, bytes, len), 0);
		break;
	case SHORT_HELLO:
		cr_assert_eq(speaker_send(s, FRAME_HELLO, body, 39), 0);
		break;
	case LONG_HELLO:
		cr_assert_eq(speaker_send(s, FRAME_HELLO, body, BIG), 0);
		break;
	case SHORT_PROOF:
		cr_assert_eq(speaker_write(s, bytes, len), 0);
		cr_assert_eq(speaker_send(s, FRAME_PROOF, body, FRAME_PROOF_LEN - 1), 0);
		break;
	case HUGE:
		frame_put_header(bytes, FRAME_HELLO, BIG + 1);
		cr_assert_eq(speaker_write(s, bytes, FRAME_HEADER_LEN), 0);
		break;
	default:
		cr_assert_fail("no violation %d", kind);
	}
}

Test(handshake, that_is_violated_ends_at_once_and_says_why)
{
	for (size_t i = 0; i < ARRAY_SIZE(violations); i++) {
		struct side a = {0};
		struct speaker s;

		side_begin_with_speaker(&a, &s);
		violate(&s, violations[i].kind);
		side_assert_closed(&a, REASON_PROTOCOL);
		cr_assert_eq(refusal(&s), REASON_PROTOCOL, "row %zu", i);
		side_free(&a);
		speaker_close(&s);
	}
}

static const struct {
	uint16_t told;
	enum reason reason;
} refusals[] = {
	{REASON_WRONG_KEY, REASON_WRONG_KEY},
	{REASON_WRONG_VERSION, REASON_WRONG_VERSION},
	/* Only a seed that has proven itself may say so. */
	{REASON_CLUSTER_FULL, REASON_PROTOCOL},
	{REASON_NONE, REASON_PROTOCOL},
	{REASON_MAX, REASON_PROTOCOL},
	{65535, REASON_PROTOCOL},
};

Test(handshake, ends_for_the_reason_that_it_is_told)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		uint8_t body[2];
		struct side a = {0};
		struct speaker s;

		side_begin_with_speaker(&a, &s);
		(void)frame_encode_reason(refusals[i].told, body, sizeof(body));
		cr_assert_eq(speaker_send(&s, FRAME_REFUSE, body, sizeof(body)), 0);
		side_assert_closed(&a, refusals[i].reason);
		side_free(&a);
		speaker_close(&s);
	}
}

Test(handshake, of_random_bytes_ends)
{
	unsigned long runs = random_count(300);

	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		uint8_t bytes[BIG];
		size_t len = 8 + random_below(&state, sizeof(bytes) - 8);
		struct side a = {0};
		struct speaker s;

		side_begin_with_speaker(&a, &s);
		random_fill(&state, bytes, len);
		/* Half of them get past the header. */
		if (random_chance(&state, 50))
			frame_put_header(bytes, (uint8_t)random_below(&state, 64),
					 (uint32_t)random_below(&state, 64));
		cr_assert_eq(speaker_write(&s, bytes, len), 0);
		speaker_close(&s);
		RUN_UNTIL(a.closed);
		cr_assert_not(a.ready, "run %lu", run);
		cr_assert_eq(a.closed, 1, "run %lu", run);
		side_free(&a);
	}
}

/* After @n bytes of hello and proof the peer is gone. */
static void close_after(struct speaker *s, size_t n)
{
	uint8_t bytes[2 * SPEAKER_FRAME_MAX];
	size_t hello = speaker_build_hello(s, bytes);

	if (n <= hello) {
		cr_assert_eq(speaker_write(s, bytes, n), 0);
	} else {
		cr_assert_eq(speaker_hear_hello(s), 0);
		(void)speaker_build_proof(s, bytes + hello);
		cr_assert_eq(speaker_write(s, bytes, n), 0);
	}
	speaker_close(s);
}

Test(handshake, whose_peer_goes_at_any_byte_says_so_once)
{
	const size_t whole = 2 * FRAME_HEADER_LEN + 8 + FRAME_NONCE_LEN + FRAME_PROOF_LEN;

	for (size_t n = 0; n <= whole; n++) {
		struct side a = {0};
		struct speaker s;

		side_begin_with_speaker(&a, &s);
		close_after(&s, n);
		RUN_UNTIL(a.closed);
		side_run_a_while();
		cr_assert_eq(a.closed, 1, "after %zu bytes", n);
		cr_assert_eq(a.reason, REASON_LEFT, "after %zu bytes: %s", n,
			     reason_name(a.reason));
		cr_assert_eq(a.ready, n == whole, "after %zu bytes", n);
		side_free(&a);
	}
}

static void write_slowly(struct speaker *s, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		cr_assert_eq(speaker_write(s, bytes + i, 1), 0);
		side_run_a_while();
	}
}

Test(handshake, takes_one_byte_at_a_time)
{
	uint8_t bytes[SPEAKER_FRAME_MAX], body[300];
	struct side a = {0};
	struct speaker_frame f;
	struct speaker s;

	side_begin_with_speaker(&a, &s);
	write_slowly(&s, bytes, speaker_build_hello(&s, bytes));
	cr_assert_eq(speaker_hear_hello(&s), 0);
	write_slowly(&s, bytes, speaker_build_proof(&s, bytes));
	RUN_UNTIL(a.ready);
	cr_assert_eq(speaker_receive(&s, &f), 0);
	cr_expect_eq(f.type, FRAME_PROOF);
	auth_start(s.key, &s.mine, &s.theirs, &s.session);
	s.proven = true;
	for (unsigned i = 0; i < 3; i++) {
		(void)memset(body, (int)i, sizeof(body));
		write_slowly(&s, bytes, speaker_build(&s, FRAME_PUNCH, body, sizeof(body), bytes));
		RUN_UNTIL(a.frames == i + 1);
		cr_expect_arr_eq(a.body, body, sizeof(body));
	}
	side_free(&a);
	speaker_close(&s);
}

Test(handshake, takes_everything_in_one_piece)
{
	uint8_t bytes[3 * SPEAKER_FRAME_MAX];
	struct side a = {0};
	struct speaker s;
	size_t len;

	/* Proof and frames come together, before the channel's own proof is read. */
	side_begin_with_speaker(&a, &s);
	cr_assert_eq(speaker_hear_hello(&s), 0);
	len = speaker_build_hello(&s, bytes);
	len += speaker_build_proof(&s, bytes + len);
	auth_start(s.key, &s.mine, &s.theirs, &s.session);
	s.proven = true;
	len += speaker_build(&s, FRAME_PUNCH, NULL, 0, bytes + len);
	len += speaker_build(&s, FRAME_PUNCHED, (const uint8_t *)"ab", 2, bytes + len);
	cr_assert_eq(speaker_write(&s, bytes, len), 0);
	RUN_UNTIL(a.frames == 2);
	cr_expect(a.ready == 1 && a.type == FRAME_PUNCHED && a.len == 2);
	side_free(&a);
	speaker_close(&s);
}

Test(handshake, gives_up_a_silent_peer_at_its_deadline)
{
	uint64_t began = clock_now();
	struct side a = {0};
	struct speaker s;

	side_begin_with_speaker(&a, &s);
	channel_set_pace(a.ch, &side_hurry);
	side_assert_closed(&a, REASON_TIMEOUT);
	cr_expect_geq(clock_now() - began, side_hurry.handshake - 10 * NS_PER_MS);
	side_free(&a);
	speaker_close(&s);
}

/* One byte now and then does not buy more time. */
Test(handshake, gives_up_a_peer_that_never_finishes)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct side a = {0};
	struct speaker s;

	side_begin_with_speaker(&a, &s);
	channel_set_pace(a.ch, &side_hurry);
	(void)speaker_build_hello(&s, bytes);
	for (size_t i = 0; i < 40 && !a.closed; i++) {
		cr_assert_eq(speaker_write(&s, bytes + i, 1), 0);
		for (int tick = 0; tick < 4; tick++)
			ev_run(side_loop, EVRUN_ONCE);
	}
	side_assert_closed(&a, REASON_TIMEOUT);
	side_free(&a);
	speaker_close(&s);
}

Test(handshake, may_be_ended_at_any_moment)
{
	for (int steps = 0; steps < 12; steps++) {
		struct side a = {0}, b = {0};

		side_begin_pair(&a, side_key, &b, side_key);
		for (int i = 0; i < steps; i++)
			ev_run(side_loop, EVRUN_NOWAIT);
		side_free(&a);
		RUN_UNTIL(b.closed);
		side_free(&b);
	}
}
