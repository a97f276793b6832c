/* SPDX-License-Identifier: MIT */
/*
 * Channels over TCP pairs on loopback: two of them, or one and a speaker that
 * does as the test says. One loop, in this thread; whoever waits runs it.
 */
#include "boxer/channel.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/sock.h"
#include "tests/base/random.h"
#include "tests/boxer/speaker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#define PATIENCE_NS (20 * NS_PER_S)
#define BIG	    FRAME_BODY_MAX

static const uint8_t key[AUTH_KEY_LEN] = {1, 2, 3}, other_key[AUTH_KEY_LEN] = {1, 2, 4};

static struct ev_loop *loop;
static struct ev_timer ticker;

/**
 * struct side - a channel and what it has told
 * @free_in: free it inside that callback
 * @sum: of all bytes of all frames' bodies
 */
struct side {
	struct channel *ch;
	enum { FREE_NOWHERE, FREE_IN_READY, FREE_IN_FRAME, FREE_IN_CLOSED } free_in;
	unsigned ready, frames, closed;
	enum reason reason;
	uint8_t type;
	uint8_t body[FRAME_BODY_MAX];
	size_t len;
};

static void free_side(struct side *s)
{
	channel_free(s->ch);
	s->ch = NULL;
}

static void on_ready(struct channel *ch, void *arg)
{
	struct side *s = arg;

	(void)ch;
	s->ready++;
	if (s->free_in == FREE_IN_READY)
		free_side(s);
}

static void on_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	struct side *s = arg;

	(void)ch;
	s->frames++;
	s->type = type;
	s->len = len;
	(void)memcpy(s->body, body, len);
	if (s->free_in == FREE_IN_FRAME)
		free_side(s);
}

static void on_closed(struct channel *ch, void *arg, enum reason reason)
{
	struct side *s = arg;

	(void)ch;
	s->closed++;
	s->reason = reason;
	if (s->free_in == FREE_IN_CLOSED)
		free_side(s);
}

static const struct channel_ops ops = {on_ready, on_frame, on_closed};

static void on_tick(struct ev_loop *l, struct ev_timer *w, int revents)
{
	(void)l;
	(void)w;
	(void)revents;
}

static void set_up(void)
{
	loop = ev_loop_new(0);
	cr_assert(loop);
	/* The loop must come back now and then to look at what was waited for. */
	ev_timer_init(&ticker, on_tick, 0.005, 0.005);
	ev_timer_start(loop, &ticker);
}

static void tear_down(void)
{
	ev_timer_stop(loop, &ticker);
	ev_loop_destroy(loop);
}

TestSuite(channel, .init = set_up, .fini = tear_down);

#define RUN_UNTIL(condition)                                                          \
	do {                                                                          \
		uint64_t deadline_ = clock_now() + PATIENCE_NS;                       \
		while (!(condition)) {                                                \
			cr_assert_lt(clock_now(), deadline_, "in vain: " #condition); \
			ev_run(loop, EVRUN_ONCE);                                     \
		}                                                                     \
	} while (0)

/* Whatever is due now, and what follows from it. */
static void run_a_while(void)
{
	for (int i = 0; i < 20; i++)
		ev_run(loop, EVRUN_NOWAIT);
}

static bool wait_in_loop(struct speaker *s, short events)
{
	uint64_t deadline = clock_now() + PATIENCE_NS;
	struct pollfd p = {.fd = s->fd, .events = events};

	while (poll(&p, 1, 0) != 1) {
		if (clock_now() >= deadline)
			return false;
		ev_run(loop, EVRUN_ONCE);
	}
	return true;
}

static void tcp_pair(int ret_fds[static 2])
{
	struct addr a = addr_v4(INADDR_LOOPBACK, 0);
	cleanup_close int listener = sock_shared(&a, AF_INET);
	struct pollfd p = {.fd = listener, .events = POLLIN};

	cr_assert_eq(sock_listen(listener, 1), 0);
	cr_assert_eq(sock_local(listener, &a), 0);
	ret_fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert_geq(ret_fds[0], 0);
	cr_assert_eq(sock_connect(ret_fds[0], &a, AF_INET), 0);
	cr_assert_eq(poll(&p, 1, 10000), 1);
	ret_fds[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	cr_assert_geq(ret_fds[1], 0);
}

static void begin(struct side *s, int fd, const uint8_t *k, uint32_t self, uint32_t peer)
{
	s->ch = channel_new(loop, fd, k, self, peer, &ops, s);
	cr_assert(s->ch);
}

/* Node 1 and node 2, each knowing whom it wants. */
static void begin_pair(struct side *a, const uint8_t *key_a, struct side *b, const uint8_t *key_b)
{
	int fds[2];

	tcp_pair(fds);
	begin(a, fds[0], key_a, 1, 2);
	begin(b, fds[1], key_b, 2, 1);
}

/* Channel 1 and a speaker for node 2. */
static void begin_with_speaker(struct side *a, struct speaker *s)
{
	int fds[2];

	tcp_pair(fds);
	begin(a, fds[0], key, 1, 2);
	speaker_init(s, fds[1], key, 2, 1);
	s->wait = wait_in_loop;
}

static void begin_ready(struct side *a, struct speaker *s)
{
	begin_with_speaker(a, s);
	cr_assert_eq(speaker_handshake(s), 0);
	RUN_UNTIL(a->ready);
}

static void assert_closed(struct side *a, enum reason reason)
{
	RUN_UNTIL(a->closed);
	run_a_while();
	cr_assert_eq(a->closed, 1, "told %u times", a->closed);
	cr_assert_eq(a->reason, reason, "%s", reason_name(a->reason));
	if (a->ch)
		cr_expect_eq(channel_send(a->ch, FRAME_LEAVE, NULL, 0), -ENOTCONN);
}

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

Test(channel, is_ready_on_both_sides_after_the_handshake)
{
	struct side a = {0}, b = {0};

	begin_pair(&a, key, &b, key);
	cr_expect_eq(channel_send(a.ch, FRAME_LEAVE, NULL, 0), -ENOTCONN, "too early");
	RUN_UNTIL(a.ready && b.ready);
	cr_expect_eq(channel_peer(a.ch), 2);
	cr_expect_eq(channel_peer(b.ch), 1);
	run_a_while();
	cr_expect(a.ready == 1 && b.ready == 1 && !a.closed && !b.closed);
	free_side(&a);
	assert_closed(&b, REASON_LEFT);
	free_side(&b);
}

Test(channel, acceptor_learns_who_came)
{
	struct side a = {0}, b = {0};
	int fds[2];

	tcp_pair(fds);
	begin(&a, fds[0], key, FRAME_ID_JOINING, FRAME_ID_SEED);
	begin(&b, fds[1], key, FRAME_ID_SEED, FRAME_ID_JOINING);
	RUN_UNTIL(a.ready && b.ready);
	cr_expect_eq(channel_peer(b.ch), FRAME_ID_JOINING);
	free_side(&a);
	free_side(&b);
	tcp_pair(fds);
	a = b = (struct side){0};
	begin(&a, fds[0], key, 7, 9);
	begin(&b, fds[1], key, 9, FRAME_ID_JOINING);
	RUN_UNTIL(a.ready && b.ready);
	cr_expect_eq(channel_peer(b.ch), 7);
	free_side(&a);
	free_side(&b);
}

Test(channel, carries_frames_of_all_sizes_in_order_both_ways)
{
	static const size_t sizes[] = {0, 1, 2, 100, BIG - 1, BIG};
	struct side a = {0}, b = {0};
	uint8_t body[BIG];

	begin_pair(&a, key, &b, key);
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
	run_a_while();
	cr_expect_eq(b.frames, ARRAY_SIZE(sizes));
	cr_expect_not(a.closed);
	free_side(&a);
	free_side(&b);
}

Test(channel, carries_many_frames_that_arrive_in_one_piece)
{
	struct side a = {0}, b = {0};

	begin_pair(&a, key, &b, key);
	RUN_UNTIL(a.ready && b.ready);
	for (unsigned i = 0; i < 5000; i++) {
		uint8_t body[4] = {(uint8_t)(i >> 8), (uint8_t)i};

		cr_assert_eq(channel_send(a.ch, FRAME_GONE, body, sizeof(body)), 0);
	}
	RUN_UNTIL(b.frames == 5000);
	cr_expect_eq(b.body[0] << 8 | b.body[1], 4999);
	free_side(&a);
	free_side(&b);
}

Test(channel, with_different_keys_ends_as_wrong_key_on_both_sides)
{
	struct side a = {0}, b = {0};

	begin_pair(&a, key, &b, other_key);
	assert_closed(&a, REASON_WRONG_KEY);
	assert_closed(&b, REASON_WRONG_KEY);
	cr_expect(!a.ready && !b.ready);
	free_side(&a);
	free_side(&b);
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

Test(channel, proves_itself_only_to_whom_it_means)
{
	for (size_t i = 0; i < ARRAY_SIZE(hellos); i++) {
		uint8_t bytes[SPEAKER_FRAME_MAX];
		struct side a = {0};
		struct speaker s;
		struct speaker_frame f;
		int fds[2];

		tcp_pair(fds);
		begin(&a, fds[0], key, hellos[i].self, hellos[i].peer);
		speaker_init(&s, fds[1], key, hellos[i].from, hellos[i].to);
		s.wait = wait_in_loop;
		cr_assert_eq(speaker_hear_hello(&s), 0);
		cr_expect_eq(s.theirs.from, hellos[i].self);
		cr_expect_eq(s.theirs.to, hellos[i].peer);
		cr_assert_eq(speaker_write(&s, bytes, speaker_build_hello(&s, bytes)), 0);
		cr_assert_eq(speaker_receive(&s, &f), 0, "row %zu", i);
		cr_expect_eq(f.type, hellos[i].good ? FRAME_PROOF : FRAME_REFUSE, "row %zu", i);
		if (!hellos[i].good)
			assert_closed(&a, REASON_PROTOCOL);
		free_side(&a);
		speaker_close(&s);
	}
}

Test(channel, does_not_take_its_own_bytes_for_a_peers)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct side a = {0};
	struct speaker s;
	ssize_t n;

	begin_with_speaker(&a, &s);
	cr_assert(wait_in_loop(&s, POLLIN));
	n = recv(s.fd, bytes, sizeof(bytes), 0);
	cr_assert_gt(n, 0);
	cr_assert_eq(speaker_write(&s, bytes, (size_t)n), 0);
	assert_closed(&a, REASON_PROTOCOL);
	free_side(&a);
	speaker_close(&s);
}

Test(channel, of_another_version_is_told_so)
{
	for (unsigned version = 0; version < 256; version += version == 0 ? 2 : 1) {
		uint8_t bytes[SPEAKER_FRAME_MAX];
		struct side a = {0};
		struct speaker s;
		size_t len;

		begin_with_speaker(&a, &s);
		len = speaker_build_hello(&s, bytes);
		bytes[2] = (uint8_t)version;
		cr_assert_eq(speaker_write(&s, bytes, len), 0);
		assert_closed(&a, REASON_WRONG_VERSION);
		cr_assert_eq(refusal(&s), REASON_WRONG_VERSION);
		free_side(&a);
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

Test(channel, that_is_violated_ends_at_once_and_says_why)
{
	for (size_t i = 0; i < ARRAY_SIZE(violations); i++) {
		struct side a = {0};
		struct speaker s;

		begin_with_speaker(&a, &s);
		violate(&s, violations[i].kind);
		assert_closed(&a, REASON_PROTOCOL);
		cr_assert_eq(refusal(&s), REASON_PROTOCOL, "row %zu", i);
		free_side(&a);
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

Test(channel, ends_for_the_reason_that_it_is_told)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		uint8_t body[2];
		struct side a = {0};
		struct speaker s;

		begin_with_speaker(&a, &s);
		(void)frame_encode_reason(refusals[i].told, body, sizeof(body));
		cr_assert_eq(speaker_send(&s, FRAME_REFUSE, body, sizeof(body)), 0);
		assert_closed(&a, refusals[i].reason);
		free_side(&a);
		speaker_close(&s);
	}
}

Test(channel, refusal_after_the_handshake_is_an_ordinary_frame)
{
	uint8_t body[2] = {0, REASON_WRONG_KEY};
	struct side a = {0};
	struct speaker s;

	begin_ready(&a, &s);
	cr_assert_eq(speaker_send(&s, FRAME_REFUSE, body, sizeof(body)), 0);
	RUN_UNTIL(a.frames);
	cr_expect_eq(a.type, FRAME_REFUSE);
	free_side(&a);
	speaker_close(&s);
}

Test(channel, of_random_bytes_ends)
{
	unsigned long runs = random_count(300);

	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		uint8_t bytes[BIG];
		size_t len = 8 + random_below(&state, sizeof(bytes) - 8);
		struct side a = {0};
		struct speaker s;

		begin_with_speaker(&a, &s);
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
		free_side(&a);
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

Test(channel, whose_peer_goes_at_any_byte_of_the_handshake_says_so_once)
{
	const size_t whole = 2 * FRAME_HEADER_LEN + 8 + FRAME_NONCE_LEN + FRAME_PROOF_LEN;

	for (size_t n = 0; n <= whole; n++) {
		struct side a = {0};
		struct speaker s;

		begin_with_speaker(&a, &s);
		close_after(&s, n);
		RUN_UNTIL(a.closed);
		run_a_while();
		cr_assert_eq(a.closed, 1, "after %zu bytes", n);
		cr_assert_eq(a.reason, REASON_LEFT, "after %zu bytes: %s", n,
			     reason_name(a.reason));
		cr_assert_eq(a.ready, n == whole, "after %zu bytes", n);
		free_side(&a);
	}
}

static void write_slowly(struct speaker *s, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		cr_assert_eq(speaker_write(s, bytes + i, 1), 0);
		run_a_while();
	}
}

Test(channel, takes_one_byte_at_a_time)
{
	uint8_t bytes[SPEAKER_FRAME_MAX], body[300];
	struct side a = {0};
	struct speaker_frame f;
	struct speaker s;

	begin_with_speaker(&a, &s);
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
	free_side(&a);
	speaker_close(&s);
}

Test(channel, takes_everything_in_one_piece)
{
	uint8_t bytes[3 * SPEAKER_FRAME_MAX];
	struct side a = {0};
	struct speaker s;
	size_t len;

	/* Proof and frames come together, before the channel's own proof is read. */
	begin_with_speaker(&a, &s);
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
	free_side(&a);
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

		begin_ready(&a, &s);
		len = speaker_build(&s, FRAME_PUNCH, (const uint8_t *)"abcd", 4, bytes);
		bytes[where[i]] ^= 1;
		cr_assert_eq(speaker_write(&s, bytes, len), 0);
		assert_closed(&a, REASON_WRONG_KEY);
		cr_expect_eq(a.frames, 0);
		free_side(&a);
		speaker_close(&s);
	}
}

Test(channel, ends_when_a_frame_comes_twice)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct side a = {0};
	struct speaker s;
	size_t len;

	begin_ready(&a, &s);
	len = speaker_build(&s, FRAME_PUNCH, (const uint8_t *)"abcd", 4, bytes);
	cr_assert_eq(speaker_write(&s, bytes, len), 0);
	cr_assert_eq(speaker_write(&s, bytes, len), 0);
	assert_closed(&a, REASON_WRONG_KEY);
	cr_expect_eq(a.frames, 1);
	free_side(&a);
	speaker_close(&s);
}

Test(channel, answers_a_ping_with_its_body)
{
	struct side a = {0};
	struct speaker_frame f;
	struct speaker s;

	begin_ready(&a, &s);
	cr_assert_eq(speaker_send(&s, FRAME_PING, (const uint8_t *)"abc", 3), 0);
	cr_assert_eq(speaker_receive(&s, &f), 0);
	cr_expect(f.type == FRAME_PONG && f.len == 3 && memcmp(f.body, "abc", 3) == 0);
	cr_assert_eq(speaker_send(&s, FRAME_PONG, NULL, 0), 0);
	run_a_while();
	cr_expect_eq(a.frames, 0, "pings and pongs are the channel's own");
	free_side(&a);
	speaker_close(&s);
}

static const struct channel_pace hurry = {
	.handshake = 300 * NS_PER_MS,
	.ping = 50 * NS_PER_MS,
	.silence = 1500 * NS_PER_MS,
};

Test(channel, gives_up_a_silent_peer_at_the_deadline_of_the_handshake)
{
	uint64_t began = clock_now();
	struct side a = {0};
	struct speaker s;

	begin_with_speaker(&a, &s);
	channel_set_pace(a.ch, &hurry);
	assert_closed(&a, REASON_TIMEOUT);
	cr_expect_geq(clock_now() - began, hurry.handshake - 10 * NS_PER_MS);
	free_side(&a);
	speaker_close(&s);
}

/* One byte now and then does not buy more time. */
Test(channel, gives_up_a_peer_that_never_finishes_the_handshake)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct side a = {0};
	struct speaker s;

	begin_with_speaker(&a, &s);
	channel_set_pace(a.ch, &hurry);
	(void)speaker_build_hello(&s, bytes);
	for (size_t i = 0; i < 40 && !a.closed; i++) {
		cr_assert_eq(speaker_write(&s, bytes + i, 1), 0);
		for (int tick = 0; tick < 4; tick++)
			ev_run(loop, EVRUN_ONCE);
	}
	assert_closed(&a, REASON_TIMEOUT);
	free_side(&a);
	speaker_close(&s);
}

Test(channel, pings_and_gives_up_a_peer_that_has_fallen_silent)
{
	struct side a = {0};
	struct speaker_frame f;
	struct speaker s;

	begin_ready(&a, &s);
	channel_set_pace(a.ch, &hurry);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(speaker_receive_type(&s, FRAME_PING, &f), 0);
		cr_assert_eq(speaker_send(&s, FRAME_PONG, f.body, f.len), 0);
	}
	run_a_while();
	cr_expect_not(a.closed);
	assert_closed(&a, REASON_TIMEOUT);
	free_side(&a);
	speaker_close(&s);
}

Test(channel, of_two_that_only_ping_each_other_stays)
{
	struct side a = {0}, b = {0};
	uint64_t until;

	begin_pair(&a, key, &b, key);
	RUN_UNTIL(a.ready && b.ready);
	channel_set_pace(a.ch, &hurry);
	channel_set_pace(b.ch, &hurry);
	until = clock_now() + 2 * hurry.silence;
	while (clock_now() < until)
		ev_run(loop, EVRUN_ONCE);
	cr_expect(!a.closed && !b.closed);
	free_side(&a);
	free_side(&b);
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

	begin_ready(&a, &s);
	channel_set_pace(a.ch, &hurry);
	/* It pings by now, so that its timer is due soon after the pause. */
	cr_assert_eq(speaker_receive_type(&s, FRAME_PING, &f), 0);
	cr_assert_eq(speaker_send(&s, FRAME_PONG, f.body, f.len), 0);
	until = clock_now() + hurry.silence + 100 * NS_PER_MS;
	while (clock_now() < until)
		(void)poll(NULL, 0, 10);
	run_a_while();
	cr_expect_eq(a.closed, 0, "%s", reason_name(a.reason));
	cr_assert_eq(speaker_send(&s, FRAME_PING, NULL, 0), 0);
	cr_expect_eq(speaker_receive_type(&s, FRAME_PONG, &f), 0);
	free_side(&a);
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

	begin_with_speaker(&a, &s);
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
	assert_closed(&a, REASON_UNREACHABLE);
	free_side(&a);
	speaker_close(&s);
}

/* A peer that reads late gets everything, in order. */
Test(channel, gives_a_slow_reader_all_that_was_queued)
{
	struct side a = {0};
	struct speaker_frame f;
	struct speaker s;
	uint8_t body[BIG];

	begin_ready(&a, &s);
	for (unsigned i = 0; i < 200; i++) {
		(void)memset(body, (int)i, sizeof(body));
		cr_assert_eq(channel_send(a.ch, FRAME_PUNCH, body, sizeof(body)), 0);
	}
	for (unsigned i = 0; i < 200; i++) {
		cr_assert_eq(speaker_receive(&s, &f), 0);
		cr_assert(f.len == BIG && f.body[0] == i && f.body[BIG - 1] == i, "frame %u", i);
	}
	free_side(&a);
	speaker_close(&s);
}

/* The sanitizer judges these. */
Test(channel, may_be_freed_when_it_is_ready)
{
	struct side a = {.free_in = FREE_IN_READY}, b = {0};

	begin_pair(&a, key, &b, key);
	RUN_UNTIL(a.ready && b.closed);
	cr_expect_eq(a.closed, 0, "who freed it is not told");
	free_side(&b);
}

Test(channel, may_be_freed_when_a_frame_comes_and_gets_no_more)
{
	struct side a = {.free_in = FREE_IN_FRAME}, b = {0};

	begin_pair(&a, key, &b, key);
	RUN_UNTIL(a.ready && b.ready);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(channel_send(b.ch, FRAME_PUNCH, NULL, 0), 0);
	RUN_UNTIL(b.closed);
	cr_expect(a.frames == 1 && a.closed == 0);
	free_side(&b);
}

Test(channel, may_be_freed_when_it_is_over)
{
	struct side a = {.free_in = FREE_IN_CLOSED}, b = {0};

	begin_pair(&a, key, &b, key);
	RUN_UNTIL(a.ready && b.ready);
	free_side(&b);
	assert_closed(&a, REASON_LEFT);
}

Test(channel, may_be_freed_at_any_moment_of_the_handshake)
{
	for (int steps = 0; steps < 12; steps++) {
		struct side a = {0}, b = {0};

		begin_pair(&a, key, &b, key);
		for (int i = 0; i < steps; i++)
			ev_run(loop, EVRUN_NOWAIT);
		free_side(&a);
		RUN_UNTIL(b.closed);
		free_side(&b);
	}
}

Test(channel, tells_its_new_owner)
{
	struct side a = {0}, b = {0}, heir = {0};

	begin_pair(&a, key, &b, key);
	RUN_UNTIL(a.ready && b.ready);
	channel_own(a.ch, &ops, &heir);
	heir.ch = a.ch;
	cr_assert_eq(channel_send(b.ch, FRAME_SELECT, NULL, 0), 0);
	RUN_UNTIL(heir.frames);
	free_side(&b);
	RUN_UNTIL(heir.closed);
	cr_expect(!a.frames && !a.closed);
	free_side(&heir);
}
