/* SPDX-License-Identifier: MIT */
/* The seed, as a process: admission, the stream of members, and people who mean harm. */
#include "base/clock.h"
#include "boxer/members.h"
#include "boxer/seed.h"
#include "boxer/sock.h"
#include "tests/base/random.h"
#include "tests/boxer/cluster.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define MEMBERS 10

/* A sanitizer's memory is not the seed's. */
#ifdef __SANITIZE_ADDRESS__
#define CHECK_MEMORY false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHECK_MEMORY false
#endif
#endif
#ifndef CHECK_MEMORY
#define CHECK_MEMORY true
#endif

static const char *numbered(unsigned i)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "fn-%u", i);
	return name;
}

/* Whatever has happened: the seed serves, and it does not take long. */
static void check_serves(struct cluster *c)
{
	static unsigned n;
	uint64_t began = clock_now();
	struct speaker s;
	char name[32];

	(void)snprintf(name, sizeof(name), "late-%u", n++);
	(void)cluster_joins(c, &s, name);
	USERNS_CHECK(clock_now() - began < 4 * NS_PER_S, "a join takes %llu ms",
		     (clock_now() - began) / NS_PER_MS);
	cluster_leave(&s);
}

CLUSTER_TEST(seed, gives_ids_that_are_unique_and_increase)
{
	struct speaker s[MEMBERS];
	struct frame_joined joined;
	struct addr overlay, observed;
	struct cluster c;

	cluster_start(&c, NULL);
	for (unsigned i = 0; i < MEMBERS; i++) {
		json_t *event;

		cluster_join(&c, &s[i], numbered(i), &joined);
		USERNS_CHECK(joined.id == i, "id %u", joined.id);
		overlay = overlay_addr(i);
		USERNS_CHECK(addr_equal(&joined.overlay, &overlay), "overlay");
		USERNS_CHECK(sock_local(s[i].fd, &observed) == 0, "%m");
		USERNS_CHECK(addr_equal(&joined.observed, &observed), "observed");
		event = child_event(&c.seed, "join");
		USERNS_CHECK(json_number(event, "id") == i, "event");
		USERNS_CHECK(strcmp(json_text(event, "name"), numbered(i)) == 0, "event");
		json_decref(event);
	}
	/* A member's id is never given again. */
	cluster_leave(&s[MEMBERS - 1]);
	child_await(&c.seed, "leave");
	cluster_join(&c, &s[MEMBERS - 1], "again", &joined);
	USERNS_CHECK(joined.id == MEMBERS, "id %u", joined.id);
	cluster_stop(&c);
}

CLUSTER_TEST(seed, streams_all_members_to_the_one_who_joins_its_own_record_last)
{
	struct speaker s[MEMBERS];
	struct frame_joined joined;
	struct cluster c;

	cluster_start(&c, NULL);
	for (unsigned i = 0; i < MEMBERS; i++) {
		bool seen[MEMBERS] = {false};

		cluster_join(&c, &s[i], numbered(i), &joined);
		for (unsigned j = 0; j <= i; j++) {
			struct frame_member m = cluster_next_member(&s[i]);
			struct addr at;

			USERNS_CHECK(m.id <= i && !seen[m.id], "id %u", m.id);
			USERNS_CHECK((m.id == i) == (j == i), "the own record is number %u", j);
			seen[m.id] = true;
			USERNS_CHECK(strcmp(m.name, numbered(m.id)) == 0, "%s", m.name);
			USERNS_CHECK(sock_local(s[m.id].fd, &at) == 0, "%m");
			USERNS_CHECK(addr_equal(&m.external, &at), "external of %u", m.id);
			USERNS_CHECK(addr_v4_value(&m.inside) == 0x0a000002 &&
					     m.inside.port == 4000,
				     "inside of %u", m.id);
		}
	}
	cluster_stop(&c);
}

CLUSTER_TEST(seed, tells_everybody_who_comes_and_goes)
{
	struct speaker s[MEMBERS], other;
	struct frame_joined joined;
	struct frame_member m;
	struct frame_gone g;
	uint64_t version;
	struct cluster c;

	cluster_start(&c, NULL);
	for (unsigned i = 0; i < MEMBERS; i++)
		(void)cluster_joins(&c, &s[i], numbered(i));
	/* The first has heard of all that came after it. */
	version = 0;
	for (unsigned i = 1; i < MEMBERS; i++) {
		m = cluster_next_member(&s[0]);
		USERNS_CHECK(m.id == i, "id %u", m.id);
		USERNS_CHECK(m.version > version, "version %" PRIu64 " after %" PRIu64, m.version,
			     version);
		version = m.version;
	}
	cluster_join(&c, &other, "other", &joined);
	m = cluster_next_member(&s[0]);
	USERNS_CHECK(m.id == joined.id && m.version == version + 1, "version %" PRIu64, m.version);
	cluster_leave(&other);
	g = cluster_next_gone(&s[0]);
	USERNS_CHECK(g.id == joined.id && g.version == version + 2, "version %" PRIu64, g.version);
	USERNS_CHECK(g.reason == REASON_LEFT, "reason %u", g.reason);
	/* All the others have heard the same, in the same order. */
	for (unsigned i = 1; i < MEMBERS; i++) {
		struct speaker_frame f;
		int r = speaker_receive_type(&s[i], FRAME_GONE, &f);

		USERNS_CHECK(r == 0, "member %u: %s", i, strerror(-r));
	}
	cluster_stop(&c);
}

/* How a member can be lost. */
static void hang_up(struct speaker *s)
{
	speaker_close(s);
}

static void reset(struct speaker *s)
{
	sock_reset(s->fd);
	s->fd = -1;
}

static void send_unknown_frame(struct speaker *s)
{
	USERNS_CHECK(speaker_send(s, 200, NULL, 0) == 0, "200");
}

static void send_bad_leave(struct speaker *s)
{
	USERNS_CHECK(speaker_send(s, FRAME_LEAVE, (const uint8_t *)"abc", 3) == 0, "LEAVE");
}

static void send_second_join(struct speaker *s)
{
	static const uint8_t body[] = {1, 'x', 0};

	USERNS_CHECK(speaker_send(s, FRAME_JOIN, body, sizeof(body)) == 0, "JOIN");
}

static void send_what_only_a_seed_says(struct speaker *s)
{
	uint8_t body[64];
	struct frame_gone gone = {.version = 99, .id = 0};
	int len = frame_encode_gone(&gone, body, sizeof(body));

	USERNS_CHECK(speaker_send(s, FRAME_GONE, body, (size_t)len) == 0, "GONE");
}

static void send_wrong_code(struct speaker *s)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	size_t len = speaker_build(s, FRAME_PING, NULL, 0, bytes);

	bytes[len - 1] ^= 1;
	USERNS_CHECK(speaker_write(s, bytes, len) == 0, "PING");
}

static const struct {
	void (*lose)(struct speaker *s);
	enum reason reason;
} losses[] = {
	{hang_up, REASON_LEFT},
	{reset, REASON_LEFT},
	{send_unknown_frame, REASON_PROTOCOL},
	{send_bad_leave, REASON_PROTOCOL},
	{send_second_join, REASON_PROTOCOL},
	{send_what_only_a_seed_says, REASON_PROTOCOL},
	{send_wrong_code, REASON_WRONG_KEY},
};

CLUSTER_TEST(seed, tells_everybody_who_was_lost_and_why)
{
	struct speaker watcher;
	struct cluster c;

	cluster_start(&c, NULL);
	(void)cluster_joins(&c, &watcher, "watcher");
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		struct speaker s;
		uint32_t id = cluster_joins(&c, &s, numbered((unsigned)i));
		struct frame_gone g;
		json_t *event;

		(void)cluster_next_member(&watcher);
		losses[i].lose(&s);
		g = cluster_next_gone(&watcher);
		USERNS_CHECK(g.id == id, "row %zu: %u is gone", i, g.id);
		USERNS_CHECK(g.reason == losses[i].reason, "row %zu: %s", i,
			     reason_name((enum reason)g.reason));
		event = child_event(&c.seed, "leave");
		USERNS_CHECK(json_number(event, "id") == id, "event");
		USERNS_CHECK(strcmp(json_text(event, "reason"), reason_name(losses[i].reason)) == 0,
			     "event");
		json_decref(event);
		if (s.fd >= 0)
			USERNS_CHECK(speaker_hear_end(&s) == 0, "row %zu: not cut off", i);
		speaker_close(&s);
	}
	cluster_stop(&c);
}

static void check_rejected(struct cluster *c, const char *name, const char *from,
			   enum reason reason)
{
	struct speaker s;
	enum reason got;
	json_t *event;

	cluster_ask_to_join(c, &s, name, from);
	got = cluster_rejection(&s);
	USERNS_CHECK(got == reason, "%s: %s", name, reason_name(got));
	USERNS_CHECK(speaker_hear_end(&s) == 0, "not cut off");
	speaker_close(&s);
	event = child_event(&c->seed, "reject");
	USERNS_CHECK(strcmp(json_text(event, "name"), name) == 0, "event");
	USERNS_CHECK(strcmp(json_text(event, "reason"), reason_name(reason)) == 0, "event");
	json_decref(event);
}

CLUSTER_TEST(seed, rejects_a_name_that_a_member_has)
{
	struct speaker s;
	struct cluster c;

	cluster_start(&c, NULL);
	(void)cluster_joins(&c, &s, "fn-a");
	check_rejected(&c, "fn-a", NULL, REASON_DUPLICATE_NAME);
	check_rejected(&c, "FN-A", NULL, REASON_DUPLICATE_NAME);
	/* Nobody was told of those, and the name is free again when its owner goes. */
	cluster_leave(&s);
	child_await(&c.seed, "leave");
	USERNS_CHECK(cluster_joins(&c, &s, "fn-a") == 1, "an id was wasted");
	cluster_stop(&c);
}

CLUSTER_TEST(seed, rejects_members_beyond_its_limit)
{
	struct speaker a, b;
	struct cluster c;

	cluster_start(&c, "--members", "2", NULL);
	(void)cluster_joins(&c, &a, "a");
	(void)cluster_joins(&c, &b, "b");
	check_rejected(&c, "c", NULL, REASON_CLUSTER_FULL);
	cluster_leave(&a);
	child_await(&c.seed, "leave");
	(void)cluster_joins(&c, &a, "c");
	check_rejected(&c, "d", NULL, REASON_CLUSTER_FULL);
	cluster_stop(&c);
}

CLUSTER_TEST(seed, rejects_a_second_member_of_one_address_if_told_to)
{
	struct speaker a, b;
	struct cluster c;

	cluster_start(&c, "--unique-address", NULL);
	(void)cluster_joins(&c, &a, "a");
	check_rejected(&c, "b", NULL, REASON_DUPLICATE_ADDRESS);
	cluster_ask_to_join(&c, &b, "b", "127.0.0.2");
	child_await(&c.seed, "join");
	check_rejected(&c, "c", "127.0.0.2", REASON_DUPLICATE_ADDRESS);
	cluster_stop(&c);
}

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
		check_serves(&c);
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
		check_serves(&c);
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
	check_serves(&c);
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
			(void)cluster_joins(&c, &s, numbered((unsigned)run));
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
	check_serves(&c);
	cluster_stop(&c);
}

/*
 * Connections that never say a word: the oldest gives way, so that they cannot
 * keep others out, and memory is bounded by SEED_PENDING_MAX.
 */
static void flood(struct cluster *c, unsigned long n)
{
	enum { OPEN = 400 };
	int fds[OPEN];

	for (size_t i = 0; i < OPEN; i++)
		fds[i] = -1;
	for (unsigned long i = 0; i < n; i++) {
		int *fd = &fds[i % OPEN];
		struct pollfd p = {.fd = *fd, .events = POLLIN};
		char byte;

		if (*fd >= 0) {
			/* Greeted at first, then hung up on. */
			while (poll(&p, 1, CHILD_PATIENCE_MS) == 1 && read(*fd, &byte, 1) == 1)
				;
			USERNS_CHECK(p.revents, "a silent connection is kept");
			(void)close(*fd);
		}
		*fd = cluster_connect(c, NULL);
		child_drain(&c->seed);
	}
	check_serves(c);
	for (size_t i = 0; i < OPEN; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

CLUSTER_TEST(seed, is_not_kept_busy_by_connections_that_never_authenticate)
{
	unsigned long n = random_count(1000);
	size_t before, once, twice;
	struct cluster c;

	cluster_start(&c, NULL);
	check_serves(&c);
	before = child_memory_kb(&c.seed);
	flood(&c, n);
	once = child_memory_kb(&c.seed);
	flood(&c, n);
	twice = child_memory_kb(&c.seed);
	if (CHECK_MEMORY) {
		USERNS_CHECK(once - before < 8192, "%zu, then %zu KiB", before, once);
		USERNS_CHECK(twice < once + 1024, "%zu, then %zu KiB", once, twice);
	}
	userns_say("%zu KiB before, %zu after %lu connections, %zu after as many again", before,
		   once, n, twice);
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
	if (CHECK_MEMORY)
		USERNS_CHECK(after < before + 4096, "%zu, then %zu KiB", before, after);
	check_serves(&c);
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
	uint8_t body[64] = {0};
	struct speaker_frame f;
	size_t len = strlen(name);
	int r;

	speaker_init(s, cluster_connect(c, NULL), cluster_key, FRAME_ID_JOINING, FRAME_ID_SEED);
	body[0] = (uint8_t)len;
	(void)memcpy(body + 1, name, len);
	r = speaker_handshake(s);
	if (r == 0)
		r = speaker_send(s, FRAME_JOIN, body, len + 2);
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
	while ((r = try_to_join(&c, &s[n], numbered(n))) == 0)
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

CLUSTER_TEST(seed, goes_on_when_the_reader_of_its_events_has_gone)
{
	struct cluster c;

	cluster_start(&c, NULL);
	(void)close(c.seed.events);
	c.seed.events = -1;
	check_serves(&c);
	check_serves(&c);
	USERNS_CHECK(child_is_running(&c.seed), "it has ended");
	child_signal(&c.seed, SIGTERM);
	USERNS_CHECK(child_end(&c.seed) == 0, "%s", child_errors(&c.seed));
}

CLUSTER_TEST(seed, ends_with_0_at_a_signal_and_its_members_see_it)
{
	static const int signals[] = {SIGTERM, SIGINT};

	cluster_prepare();
	for (size_t i = 0; i < 2; i++) {
		struct speaker s, pending;
		struct cluster c;
		int status;

		cluster_start_seed(&c, NULL, NULL);
		(void)cluster_joins(&c, &s, "a");
		cluster_greet(&c, &pending, NULL);
		child_signal(&c.seed, signals[i]);
		status = child_end(&c.seed);
		USERNS_CHECK(status == 0, "%d\n%s", status, child_errors(&c.seed));
		USERNS_CHECK(speaker_hear_end(&s) == 0 && speaker_hear_end(&pending) == 0, "no");
		speaker_close(&s);
		speaker_close(&pending);
	}
}

CLUSTER_TEST(seed, says_that_its_address_is_taken)
{
	struct child second;
	struct cluster c;
	int status;

	cluster_start(&c, NULL);
	child_start(&second,
		    (const char *[]){BOXERD_PATH, "seed", "--listen", c.text, "--key-file",
				     CLUSTER_KEY, NULL},
		    NULL);
	status = child_end(&second);
	USERNS_CHECK(status == 1, "%d", status);
	USERNS_CHECK(strstr(child_errors(&second), c.text) &&
			     strstr(child_errors(&second), strerror(EADDRINUSE)),
		     "%s", child_errors(&second));
	cluster_stop(&c);
}

/* Members come and go; nothing of them stays. */
CLUSTER_TEST(seed, keeps_no_descriptor_of_members_that_left)
{
	unsigned long rounds = random_count(3);
	struct speaker s[50];
	struct cluster c;
	size_t before;

	cluster_start(&c, NULL);
	before = child_descriptors(&c.seed);
	for (unsigned long round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < 50; i++)
			(void)cluster_joins(&c, &s[i], numbered(i));
		for (unsigned i = 0; i < 50; i++) {
			if (i % 2)
				cluster_leave(&s[i]);
			else
				hang_up(&s[i]);
		}
		for (unsigned i = 0; i < 50; i++)
			child_await(&c.seed, "leave");
	}
	child_await_descriptors(&c.seed, before);
	cluster_stop(&c);
}
