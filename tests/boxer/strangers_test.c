/* SPDX-License-Identifier: MIT */
/* The seed, and people without manners: what they send, and that it goes on. */
#include "tests/base/random.h"
#include "tests/boxer/cluster.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Frames of somebody who has not joined: each ends the connection. */
static const struct {
	uint8_t type;
	size_t len;
	uint8_t body[80];
} before_joining[] = {
	{FRAME_JOIN, 0, {0}},
	{FRAME_JOIN, 2, {0, 0}},
	{FRAME_JOIN, 3, {1, '.', 0}},
	{FRAME_JOIN, 3, {1, '-', 0}},
	{FRAME_JOIN, 3, {1, 'a', 5}},
	{FRAME_JOIN, 4, {1, 'a', 0, 0}},
	{FRAME_JOIN, 4, {1, 'a', 4, 0}},
	{FRAME_JOIN, 66, {64, [1] = 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a'}},
	{FRAME_LEAVE, 2, {0, 0}},
	{FRAME_HELLO, 40, {0}},
	{FRAME_PUNCH, 14, {0}},
	{0, 0, {0}},
	{255, 0, {0}},
};

CLUSTER_TEST(seed, cuts_off_who_has_the_key_but_no_manners)
{
	struct cluster c;

	cluster_start(&c, NULL);
	for (size_t i = 0; i < sizeof(before_joining) / sizeof(before_joining[0]); i++) {
		struct speaker s;

		cluster_greet(&c, &s, NULL);
		USERNS_CHECK(speaker_send(&s, before_joining[i].type, before_joining[i].body,
					  before_joining[i].len) == 0,
			     "row %zu", i);
		USERNS_CHECK(speaker_hear_end(&s) == 0, "row %zu", i);
		speaker_close(&s);
		cluster_check_serves(&c);
	}
	cluster_stop(&c);
}

/* What strangers send first. */
static void send_truncated(struct speaker *s)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	size_t len = speaker_build_hello(s, bytes);

	USERNS_CHECK(speaker_write(s, bytes, len / 2) == 0, "half a hello");
	(void)shutdown(s->fd, SHUT_WR);
}

static void send_oversized(struct speaker *s)
{
	uint8_t bytes[FRAME_HEADER_LEN];

	frame_put_header(bytes, FRAME_HELLO, UINT32_MAX);
	USERNS_CHECK(speaker_write(s, bytes, sizeof(bytes)) == 0, "a header");
}

static void send_oversized_by_one(struct speaker *s)
{
	uint8_t bytes[FRAME_HEADER_LEN];

	frame_put_header(bytes, FRAME_HELLO, FRAME_BODY_MAX + 1);
	USERNS_CHECK(speaker_write(s, bytes, sizeof(bytes)) == 0, "a header");
}

static void send_other_protocol(struct speaker *s)
{
	static const uint8_t text[] = "GET / HTTP/1.1\r\n\r\n";

	USERNS_CHECK(speaker_write(s, text, sizeof(text) - 1) == 0, "a request");
}

static void send_other_version(struct speaker *s)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	size_t len = speaker_build_hello(s, bytes);

	bytes[2]++;
	USERNS_CHECK(speaker_write(s, bytes, len) == 0, "a hello");
}

static void send_wrong_proof(struct speaker *s)
{
	int r;

	s->key[0] ^= 1;
	r = speaker_handshake(s);
	USERNS_CHECK(r == -EACCES || r == -EPROTO || r == -EPIPE, "%s", strerror(-r));
}

static void send_seeds_own_id(struct speaker *s)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];

	s->mine.from = FRAME_ID_SEED;
	USERNS_CHECK(speaker_write(s, bytes, speaker_build_hello(s, bytes)) == 0, "a hello");
}

static void send_nothing_and_hang_up(struct speaker *s)
{
	(void)shutdown(s->fd, SHUT_WR);
}

static void send_join_at_once(struct speaker *s)
{
	static const uint8_t body[] = {1, 'a', 0};

	USERNS_CHECK(speaker_send(s, FRAME_JOIN, body, sizeof(body)) == 0, "JOIN");
}

static void (*const strangers[])(struct speaker *s) = {
	send_truncated,	     send_oversized,	       send_oversized_by_one,
	send_other_protocol, send_other_version,       send_wrong_proof,
	send_seeds_own_id,   send_nothing_and_hang_up, send_join_at_once,
};

CLUSTER_TEST(seed, cuts_off_strangers_and_goes_on)
{
	struct cluster c;

	cluster_start(&c, NULL);
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		struct speaker s;

		speaker_init(&s, cluster_connect(&c, NULL), cluster_key, FRAME_ID_JOINING,
			     FRAME_ID_SEED);
		strangers[i](&s);
		USERNS_CHECK(speaker_hear_end(&s) == 0, "stranger %zu is not cut off", i);
		speaker_close(&s);
		cluster_check_serves(&c);
	}
	cluster_stop(&c);
}

CLUSTER_TEST(seed, survives_random_bytes)
{
	unsigned long runs = random_count(300);
	struct cluster c;

	cluster_start(&c, NULL);
	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		size_t len = 1 + random_below(&state, 300);
		uint8_t bytes[SPEAKER_FRAME_MAX];
		struct speaker s;

		speaker_init(&s, cluster_connect(&c, NULL), cluster_key, FRAME_ID_JOINING,
			     FRAME_ID_SEED);
		/* A third of them with a good hello first, a third with a good header. */
		if (run % 3 == 0)
			(void)speaker_write(&s, bytes, speaker_build_hello(&s, bytes));
		random_fill(&state, bytes, len);
		if (run % 3 == 1)
			frame_put_header(bytes, (uint8_t)random_below(&state, 64),
					 (uint32_t)random_below(&state, 300));
		(void)speaker_write(&s, bytes, len);
		speaker_close(&s);
		child_drain(&c.seed);
	}
	cluster_check_serves(&c);
	cluster_stop(&c);
}

/* Random changes in the frames of a member that has authenticated itself. */
CLUSTER_TEST(seed, survives_random_frames_of_members)
{
	unsigned long runs = random_count(200);
	struct cluster c;

	cluster_start(&c, NULL);
	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		uint8_t body[300];
		struct speaker s;

		if (run % 2)
			(void)cluster_joins(&c, &s, cluster_name((unsigned)run));
		else
			cluster_greet(&c, &s, NULL);
		for (int i = 0; i < 5; i++) {
			size_t len = random_below(&state, sizeof(body));

			random_fill(&state, body, len);
			(void)speaker_send(&s, (uint8_t)random_below(&state, 64), body, len);
		}
		speaker_close(&s);
		child_drain(&c.seed);
	}
	cluster_check_serves(&c);
	cluster_stop(&c);
}

/* A member that asks and never listens: what waits for it is bounded, too. */
CLUSTER_TEST(seed, cuts_off_a_member_that_does_not_read)
{
	static const uint8_t body[FRAME_BODY_MAX];
	struct speaker watcher, s;
	size_t before, after;
	struct frame_gone g;
	uint32_t id;
	struct cluster c;
	int r = 0;

	cluster_start(&c, NULL);
	(void)cluster_joins(&c, &watcher, "watcher");
	id = cluster_joins(&c, &s, "deaf");
	(void)cluster_next_member(&watcher);
	before = child_memory_kb(&c.seed);
	for (int i = 0; r == 0 && i < 10000; i++)
		r = speaker_send(&s, FRAME_PING, body, sizeof(body));
	USERNS_CHECK(r == -EPIPE, "it may go on for ever: %s", strerror(-r));
	g = cluster_next_gone(&watcher);
	USERNS_CHECK(g.id == id, "%u is gone", g.id);
	after = child_memory_kb(&c.seed);
	if (CLUSTER_CHECK_MEMORY)
		USERNS_CHECK(after < before + 4096, "%zu, then %zu KiB", before, after);
	cluster_check_serves(&c);
	cluster_stop(&c);
}

static void allow_few_descriptors(void)
{
	const struct rlimit few = {.rlim_cur = 24, .rlim_max = 24};

	if (setrlimit(RLIMIT_NOFILE, &few) < 0)
		_exit(99);
}

/* Return: 0 joined, or what came of it instead. */
static int try_to_join(struct cluster *c, struct speaker *s, const char *name)
{
	struct frame_join join = {.claim = FRAME_ID_JOINING};
	struct speaker_frame f;
	uint8_t body[128];
	int len, r;

	speaker_init(s, cluster_connect(c, NULL), cluster_key, FRAME_ID_JOINING, FRAME_ID_SEED);
	(void)snprintf(join.name, sizeof(join.name), "%s", name);
	len = frame_encode_join(&join, body, sizeof(body));
	r = speaker_handshake(s);
	if (r == 0)
		r = speaker_send(s, FRAME_JOIN, body, (size_t)len);
	return r < 0 ? r : speaker_receive_type(s, FRAME_JOINED, &f);
}

/* It must neither leave them waiting nor spin over them. */
CLUSTER_TEST(seed, hangs_up_on_connections_that_it_has_no_descriptor_for)
{
	struct speaker s[32], extra;
	struct cluster c;
	unsigned n = 0;
	int r;

	cluster_prepare();
	cluster_start_seed(&c, NULL, allow_few_descriptors);
	while ((r = try_to_join(&c, &s[n], cluster_name(n))) == 0)
		USERNS_CHECK(++n < 32, "there is no limit");
	USERNS_CHECK(n > 5, "only %u fit", n);
	USERNS_CHECK(r == -EPIPE, "%s", strerror(-r));
	speaker_close(&s[n]);
	/* Whoever leaves makes room. */
	cluster_leave(&s[0]);
	child_await(&c.seed, "leave");
	r = try_to_join(&c, &extra, "extra");
	USERNS_CHECK(r == 0, "%s", strerror(-r));
	cluster_stop(&c);
}

/* Each of them is an event, and the pipe has room for some hundreds. */
CLUSTER_TEST(seed, serves_on_when_its_events_are_not_read)
{
	struct speaker s;
	struct cluster c;
	json_t *event;
	int r;

	cluster_start(&c, NULL);
	for (int i = 0; i < 2000; i++) {
		speaker_init(&s, cluster_connect(&c, NULL), cluster_key, FRAME_ID_JOINING,
			     FRAME_ID_SEED);
		send_other_version(&s);
		speaker_close(&s);
	}
	r = try_to_join(&c, &s, "a");
	USERNS_CHECK(r == 0, "%s", strerror(-r));
	/* Once there is room again it tells how many it has left out. */
	child_drain(&c.seed);
	cluster_check_serves(&c);
	event = child_event(&c.seed, "lost");
	USERNS_CHECK(json_number(event, "count") > 0, "count");
	json_decref(event);
	cluster_stop(&c);
}
