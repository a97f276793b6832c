/* SPDX-License-Identifier: MIT */
/* The seed, as a process: admission, the stream of members, its start and its end. */
#include "boxer/members.h"
#include "boxer/sock.h"
#include "tests/base/random.h"
#include "tests/boxer/cluster.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define MEMBERS 10

CLUSTER_TEST(seed, gives_ids_that_are_unique_and_increase)
{
	struct speaker s[MEMBERS];
	struct frame_joined joined;
	struct addr overlay, observed;
	struct cluster c;

	cluster_start(&c, NULL);
	for (unsigned i = 0; i < MEMBERS; i++) {
		json_t *event;

		cluster_join(&c, &s[i], cluster_name(i), &joined);
		USERNS_CHECK(joined.id == i, "id %u", joined.id);
		overlay = overlay_addr(i);
		USERNS_CHECK(addr_equal(&joined.overlay, &overlay), "overlay");
		USERNS_CHECK(sock_local(s[i].fd, &observed) == 0, "%m");
		USERNS_CHECK(addr_equal(&joined.observed, &observed), "observed");
		event = child_event(&c.seed, "join");
		USERNS_CHECK(json_number(event, "id") == i, "event");
		USERNS_CHECK(strcmp(json_text(event, "name"), cluster_name(i)) == 0, "event");
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

		cluster_join(&c, &s[i], cluster_name(i), &joined);
		for (unsigned j = 0; j <= i; j++) {
			struct frame_member m = cluster_next_member(&s[i]);
			struct addr at;

			USERNS_CHECK(m.id <= i && !seen[m.id], "id %u", m.id);
			USERNS_CHECK((m.id == i) == (j == i), "the own record is number %u", j);
			seen[m.id] = true;
			USERNS_CHECK(strcmp(m.name, cluster_name(m.id)) == 0, "%s", m.name);
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
		(void)cluster_joins(&c, &s[i], cluster_name(i));
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
	{hang_up, REASON_LOST},
	{reset, REASON_LOST},
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
		uint32_t id = cluster_joins(&c, &s, cluster_name((unsigned)i));
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

CLUSTER_TEST(seed, goes_on_when_the_reader_of_its_events_has_gone)
{
	struct cluster c;

	cluster_start(&c, NULL);
	(void)close(c.seed.events);
	c.seed.events = -1;
	cluster_check_serves(&c);
	cluster_check_serves(&c);
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
	before = child_descriptors_at_rest(&c.seed);
	for (unsigned long round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < 50; i++)
			(void)cluster_joins(&c, &s[i], cluster_name(i));
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
