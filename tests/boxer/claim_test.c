/* SPDX-License-Identifier: MIT */
/* Members that come back: to the same seed, to one that was restarted, or as somebody else. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/seed/state.h"
#include "tests/boxer/cluster.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STATE CLUSTER_DIR "/state"

/* JOIN of the node whose token begins with @life. */
static void ask_to_join(struct cluster *c, struct speaker *s, const char *name, uint8_t life,
			uint32_t claim)
{
	struct frame_join join = {.claim = claim, .token = {life}};

	(void)snprintf(join.name, sizeof(join.name), "%s", name);
	cluster_greet(c, s, NULL);
	cluster_send_join(s, &join);
}

static uint32_t joins(struct cluster *c, struct speaker *s, const char *name, uint8_t life,
		      uint32_t claim)
{
	struct frame_joined joined;
	struct speaker_frame f;

	ask_to_join(c, s, name, life, claim);
	USERNS_CHECK(speaker_receive(s, &f) == 0 && f.type == FRAME_JOINED &&
			     frame_decode_joined(f.body, f.len, &joined) == 0,
		     "%s: a frame of type %u", name, f.type);
	while (cluster_next_member(s).id != joined.id)
		;
	return joined.id;
}

static void check_rejected(struct cluster *c, const char *name, uint8_t life, uint32_t claim,
			   enum reason expected)
{
	struct speaker s;
	enum reason reason;

	ask_to_join(c, &s, name, life, claim);
	reason = cluster_rejection(&s);
	USERNS_CHECK(reason == expected, "%s: %s", name, reason_name(reason));
	speaker_close(&s);
}

CLUSTER_TEST(claim, takes_over_from_an_old_connection_and_nobody_is_told_of_a_loss)
{
	struct speaker watcher, old, fresh;
	struct frame_member m;
	struct cluster c;
	uint32_t id;

	cluster_start(&c, NULL);
	(void)cluster_joins(&c, &watcher, "watcher");
	id = joins(&c, &old, "a", 1, FRAME_ID_JOINING);
	(void)cluster_next_member(&watcher);
	USERNS_CHECK(joins(&c, &fresh, "a", 1, id) == id, "another id");
	USERNS_CHECK(speaker_hear_end(&old) == 0, "the old one stays");
	child_await(&c.seed, "rejoin");
	/* It is announced again, for its endpoint may be another one now. */
	m = cluster_next_member(&watcher);
	USERNS_CHECK(m.id == id, "id %u", m.id);
	/* JOINED may have been lost: it does not know its id, and gets the same. */
	USERNS_CHECK(joins(&c, &old, "a", 1, FRAME_ID_JOINING) == id, "another id");
	USERNS_CHECK(speaker_hear_end(&fresh) == 0, "the old one stays");
	USERNS_CHECK(cluster_next_member(&watcher).id == id, "id");
	USERNS_CHECK(!child_has_said(&c.seed, "leave"), "a loss");
	cluster_leave(&old);
	USERNS_CHECK(cluster_next_gone(&watcher).id == id, "gone");
	cluster_stop(&c);
}

CLUSTER_TEST(claim, of_an_id_that_another_life_has_is_rejected)
{
	struct speaker a, b;
	struct cluster c;
	uint32_t id;

	cluster_start(&c, NULL);
	id = joins(&c, &a, "a", 1, FRAME_ID_JOINING);
	check_rejected(&c, "b", 2, id, REASON_DUPLICATE_ID);
	check_rejected(&c, "a", 2, id, REASON_DUPLICATE_ID);
	/* Who has no token at all can't prove to be anybody. */
	check_rejected(&c, "c", 0, id, REASON_DUPLICATE_ID);
	USERNS_CHECK(joins(&c, &b, "b", 2, FRAME_ID_JOINING) == id + 1, "id");
	check_rejected(&c, "b", 2, id, REASON_DUPLICATE_ID);
	check_rejected(&c, "d", 3, FRAME_ID_SEED, REASON_PROTOCOL);
	USERNS_CHECK(!child_has_said(&c.seed, "leave"), "somebody was lost by that");
	cluster_stop(&c);
}

CLUSTER_TEST(claim, is_believed_after_a_restart_in_any_order)
{
	static const unsigned order[] = {0, 4, 3, 1, 2};
	struct speaker s[5], late;
	char text[ADDR_TEXT_MAX];
	struct cluster c;

	cluster_start(&c, "--state", STATE, NULL);
	for (unsigned i = 0; i < 5; i++)
		USERNS_CHECK(
			joins(&c, &s[i], cluster_name(i), (uint8_t)(i + 1), FRAME_ID_JOINING) == i,
			"id");
	child_signal(&c.seed, SIGKILL);
	(void)child_end(&c.seed);
	/* On the same address, where the connections of before have not all ended yet. */
	(void)memcpy(text, c.text, sizeof(text));
	cluster_start_seed(&c, (const char *const[]){"--state", STATE, "--listen", text, NULL},
			   NULL);
	USERNS_CHECK(strcmp(c.text, text) == 0, "%s, not %s", c.text, text);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		unsigned who = order[i];
		uint32_t fresh;

		speaker_close(&s[who]);
		USERNS_CHECK(joins(&c, &s[who], cluster_name(who), (uint8_t)(who + 1), who) == who,
			     "another id than %u", who);
		/* Newcomers in between get none that somebody may still claim. */
		fresh = joins(&c, &late, "late", 99, FRAME_ID_JOINING);
		USERNS_CHECK(fresh >= 5, "id %u", fresh);
		cluster_leave(&late);
		child_await(&c.seed, "leave");
	}
	cluster_stop(&c);
}

/* Without a file it knows no better than what is claimed. */
CLUSTER_TEST(claim, raises_the_next_id_also_without_a_state_file)
{
	struct speaker a, b;
	struct cluster c;

	cluster_start(&c, NULL);
	USERNS_CHECK(joins(&c, &a, "a", 1, 41) == 41, "id");
	USERNS_CHECK(joins(&c, &b, "b", 2, FRAME_ID_JOINING) == 42, "id");
	cluster_stop(&c);
}

static void write_file(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	USERNS_CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%m");
}

static uint32_t read_state(void)
{
	cleanup_close int fd = open(STATE, O_RDONLY | O_CLOEXEC);
	char text[64] = "";
	uint32_t id = 0;

	USERNS_CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "%m");
	USERNS_CHECK(sscanf(text, "next_id %" SCNu32, &id) == 1, "%s", text);
	return id;
}

CLUSTER_TEST(state, keeps_ids_over_a_restart_in_good_order)
{
	struct speaker s;
	struct cluster c;

	cluster_start(&c, "--state", STATE, NULL);
	for (unsigned i = 0; i < 3; i++)
		USERNS_CHECK(joins(&c, &s, cluster_name(i), 0, FRAME_ID_JOINING) == i, "id");
	/* Ahead of what was used, in case it is killed. */
	USERNS_CHECK(read_state() >= 3, "%u", read_state());
	cluster_stop(&c);
	USERNS_CHECK(read_state() == 3, "%u", read_state());
	cluster_start_seed(&c, (const char *const[]){"--state", STATE, NULL}, NULL);
	USERNS_CHECK(joins(&c, &s, "x", 0, FRAME_ID_JOINING) == 3, "id");
	cluster_stop(&c);
}

CLUSTER_TEST(state, that_makes_no_sense_or_cannot_be_written_is_said)
{
	static const char *const texts[] = {"",		 "next_id", "next_id x\n",
					    "next_id 1", "id 1\n",  "next_id 99999999\n"};
	static const char *const paths[] = {STATE, CLUSTER_DIR, CLUSTER_DIR "/none/state"};
	struct child n;
	int status;

	cluster_prepare();
	for (size_t i = 0; i < ARRAY_SIZE(texts) + 2; i++) {
		const char *path = i < ARRAY_SIZE(texts) ? STATE : paths[i - ARRAY_SIZE(texts) + 1];

		if (i < ARRAY_SIZE(texts))
			write_file(STATE, texts[i]);
		child_start(&n,
			    (const char *[]){BOXERD_PATH, "seed", "--listen", "127.0.0.1:0",
					     "--key-file", CLUSTER_KEY, "--state", path, NULL},
			    NULL);
		status = child_end(&n);
		USERNS_CHECK(status == 1 && strstr(child_errors(&n), path), "row %zu: %d\n%s", i,
			     status, child_errors(&n));
	}
}

/* A member that says nothing more, not even PONG, while its connection stays. */
CLUSTER_TEST(seed, notices_a_silent_member_within_the_time_that_was_set)
{
	struct speaker watcher, s;
	struct frame_gone g;
	struct cluster c;
	uint64_t began;
	uint32_t id;

	cluster_start(&c, "--silence", "1", NULL);
	id = joins(&c, &s, "silent", 1, FRAME_ID_JOINING);
	began = clock_now();
	(void)cluster_joins(&c, &watcher, "watcher");
	for (;;) {
		struct speaker_frame f;

		USERNS_CHECK(speaker_receive(&watcher, &f) == 0, "the watcher was given up");
		if (f.type == FRAME_PING)
			USERNS_CHECK(speaker_send(&watcher, FRAME_PONG, f.body, f.len) == 0,
				     "PONG");
		if (f.type != FRAME_GONE)
			continue;
		USERNS_CHECK(frame_decode_gone(f.body, f.len, &g) == 0, "GONE");
		break;
	}
	USERNS_CHECK(g.id == id && g.reason == REASON_LOST, "%u: %s", g.id,
		     reason_name((enum reason)g.reason));
	USERNS_CHECK(clock_now() - began > NS_PER_S * 9 / 10, "too early");
	USERNS_CHECK(clock_now() - began < 5 * NS_PER_S, "too late");
	cluster_stop(&c);
}

CLUSTER_TEST(seed, tells_those_who_are_too_many_that_they_are_surplus)
{
	struct speaker a;
	struct cluster c;

	cluster_start(&c, "--members", "1", "--over-provision", NULL);
	(void)joins(&c, &a, "a", 1, FRAME_ID_JOINING);
	check_rejected(&c, "b", 2, FRAME_ID_JOINING, REASON_SURPLUS);
	cluster_stop(&c);
}
