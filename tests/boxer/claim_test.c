/* SPDX-License-Identifier: MIT */
/* Members that come back: to the same seed, to one that was restarted, or as somebody else. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/seed/admission.h"
#include "boxer/seed/grace.h"
#include "boxer/seed/ledger.h"
#include "boxer/seed/state.h"
#include "tests/boxer/cluster.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

/* The next frame that is no PING: who waits for its answer is pinged meanwhile. */
static struct speaker_frame hear(struct speaker *s)
{
	struct speaker_frame f = {0};

	do
		USERNS_CHECK(speaker_receive(s, &f) == 0, "no answer");
	while (f.type == FRAME_PING);
	return f;
}

static uint32_t hear_joined(struct speaker *s)
{
	struct speaker_frame f = hear(s);
	struct frame_joined joined;

	USERNS_CHECK(f.type == FRAME_JOINED && frame_decode_joined(f.body, f.len, &joined) == 0,
		     "a frame of type %u", f.type);
	return joined.id;
}

static void check_refused(struct speaker *s, enum reason expected)
{
	struct speaker_frame f = hear(s);
	uint16_t reason = REASON_NONE;

	USERNS_CHECK(f.type == FRAME_REJECT && frame_decode_reason(f.body, f.len, &reason) == 0,
		     "a frame of type %u", f.type);
	USERNS_CHECK(reason == expected, "%s", reason_name((enum reason)reason));
	speaker_close(s);
}

static uint32_t joins(struct cluster *c, struct speaker *s, const char *name, uint8_t life,
		      uint32_t claim)
{
	uint32_t id;

	ask_to_join(c, s, name, life, claim);
	id = hear_joined(s);
	while (cluster_next_member(s).id != id)
		;
	return id;
}

static void check_rejected(struct cluster *c, const char *name, uint8_t life, uint32_t claim,
			   enum reason expected)
{
	struct speaker s;

	ask_to_join(c, &s, name, life, claim);
	check_refused(&s, expected);
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

static void write_file(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	USERNS_CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%m");
}

/* Return: the next id. *@ret_members: SIZE_MAX when it is not yet written who they are. */
static uint32_t read_state(size_t *ret_members)
{
	cleanup_close int fd = open(STATE, O_RDONLY | O_CLOEXEC);
	char text[64] = "", end = '\0';
	uint32_t id = 0;
	int given;

	USERNS_CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "%m");
	given = sscanf(text, "next_id %" SCNu32 " members %zu%c", &id, ret_members, &end);
	USERNS_CHECK(given == 1 || given == 3, "%s", text);
	if (end != '\n')
		*ret_members = SIZE_MAX;
	return id;
}

static void await_state(size_t members)
{
	uint64_t deadline = clock_now() + 10 * NS_PER_S;
	size_t n;

	while (read_state(&n), n != members) {
		USERNS_CHECK(clock_now() < deadline, "%zu members, not %zu", n, members);
		(void)usleep(10000);
	}
}

/* On the same address, where the connections of before have not all ended yet. */
static void restart(struct cluster *c, const char *const *more)
{
	const char *argv[16] = {"--listen", NULL};
	char text[ADDR_TEXT_MAX];
	size_t n = 2;

	child_signal(&c->seed, SIGKILL);
	(void)child_end(&c->seed);
	(void)memcpy(text, c->text, sizeof(text));
	argv[1] = text;
	while (*more && n < ARRAY_SIZE(argv) - 1)
		argv[n++] = *more++;
	cluster_start_seed(c, argv, NULL);
	USERNS_CHECK(strcmp(c->text, text) == 0, "%s, not %s", c->text, text);
}

CLUSTER_TEST(claim, is_believed_after_a_restart_in_any_order)
{
	static const unsigned order[] = {0, 4, 3, 1, 2};
	struct speaker s[5], late;
	struct cluster c;

	cluster_start(&c, "--state", STATE, NULL);
	for (unsigned i = 0; i < 5; i++)
		USERNS_CHECK(
			joins(&c, &s[i], cluster_name(i), (uint8_t)(i + 1), FRAME_ID_JOINING) == i,
			"id");
	await_state(5);
	restart(&c, (const char *const[]){"--state", STATE, NULL});
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

/*
 * Newcomers were faster than the members that the killed seed had. Who is in the way
 * of one of them waits, and is told when it is known who has come back.
 */
CLUSTER_TEST(claim, of_a_name_goes_before_newcomers_after_a_restart)
{
	static const char *const options[] = {"--state", STATE, NULL};
	struct speaker a, b, namesake, heir, thief, stranger;
	struct cluster c;

	cluster_start(&c, "--state", STATE, NULL);
	(void)joins(&c, &a, "a", 1, FRAME_ID_JOINING);
	(void)joins(&c, &b, "b", 2, FRAME_ID_JOINING);
	await_state(2);
	restart(&c, options);
	ask_to_join(&c, &namesake, "a", 11, FRAME_ID_JOINING);
	ask_to_join(&c, &heir, "b", 12, FRAME_ID_JOINING);
	/* It takes nothing from anybody. */
	USERNS_CHECK(joins(&c, &stranger, "d", 14, FRAME_ID_JOINING) >= 2, "another one's id");
	ask_to_join(&c, &thief, "c", 13, 0);
	speaker_close(&a);
	speaker_close(&b);
	/* JOINED was lost: it does not know its id. */
	USERNS_CHECK(joins(&c, &a, "a", 1, FRAME_ID_JOINING) == 0, "another id");
	check_refused(&thief, REASON_DUPLICATE_ID);
	check_refused(&namesake, REASON_DUPLICATE_NAME);
	/* The last place was not claimed. */
	USERNS_CHECK(hear_joined(&heir) >= 2, "another one's id");
	await_state(3);
	cluster_stop(&c);
}

CLUSTER_TEST(claim, goes_before_spare_functions_after_a_restart)
{
	static const char *const options[] = {"--members", "2",	  "--over-provision",
					      "--state",   STATE, NULL};
	struct speaker a, b, first, second;
	struct cluster c;

	cluster_start(&c, "--state", STATE, NULL);
	(void)joins(&c, &a, "a", 1, FRAME_ID_JOINING);
	(void)joins(&c, &b, "b", 2, FRAME_ID_JOINING);
	await_state(2);
	restart(&c, options);
	ask_to_join(&c, &first, "first", 11, FRAME_ID_JOINING);
	speaker_close(&b);
	USERNS_CHECK(joins(&c, &b, "b", 2, 1) == 1, "another id");
	ask_to_join(&c, &second, "second", 12, FRAME_ID_JOINING);
	/* Now two have the two places: a did not come back. */
	USERNS_CHECK(hear_joined(&first) >= 2, "another one's id");
	check_refused(&second, REASON_SURPLUS);
	/* What is over is over. */
	check_rejected(&c, "a", 1, 0, REASON_SURPLUS);
	cluster_stop(&c);
}

/* Killed in the moment in which it had not been written who they were. */
CLUSTER_TEST(claim, goes_before_newcomers_also_when_there_was_no_time_to_write)
{
	static const char *const options[] = {"--members", "2",	  "--over-provision",
					      "--state",   STATE, NULL};
	struct speaker a, b, first;
	struct cluster c;

	cluster_start(&c, "--state", STATE, NULL);
	(void)joins(&c, &a, "a", 1, FRAME_ID_JOINING);
	await_state(1);
	(void)joins(&c, &b, "b", 2, FRAME_ID_JOINING);
	restart(&c, options);
	ask_to_join(&c, &first, "b", 11, FRAME_ID_JOINING);
	speaker_close(&a);
	speaker_close(&b);
	USERNS_CHECK(joins(&c, &b, "b", 2, 1) == 1, "another id");
	USERNS_CHECK(joins(&c, &a, "a", 1, 0) == 0, "another id");
	check_refused(&first, REASON_DUPLICATE_NAME);
	await_state(2);
	cluster_stop(&c);
}

/* Without a state that there were members is known by the first of them. */
CLUSTER_TEST(claim, makes_newcomers_wait_where_nothing_is_known)
{
	struct speaker a, b, newcomer;
	struct cluster c;

	cluster_start(&c, NULL);
	USERNS_CHECK(joins(&c, &a, "a", 1, 7) == 7, "id");
	ask_to_join(&c, &newcomer, "b", 11, FRAME_ID_JOINING);
	USERNS_CHECK(joins(&c, &b, "b", 2, 8) == 8, "its id was given away");
	check_refused(&newcomer, REASON_DUPLICATE_NAME);
	USERNS_CHECK(joins(&c, &newcomer, "c", 11, FRAME_ID_JOINING) == 9, "id");
	cluster_stop(&c);
}

/* Somebody who comes back is no sign of a seed before this one, nor is who is refused. */
CLUSTER_TEST(claim, of_an_id_that_this_seed_gave_makes_nobody_wait)
{
	struct speaker a, newcomer;
	struct cluster c;
	uint64_t began;

	cluster_start(&c, NULL);
	began = clock_now();
	USERNS_CHECK(joins(&c, &a, "a", 1, FRAME_ID_JOINING) == 0, "id");
	speaker_close(&a);
	child_await(&c.seed, "leave");
	USERNS_CHECK(joins(&c, &a, "a", 1, 0) == 0, "another id");
	check_rejected(&c, "b", 2, ADMISSION_IDS, REASON_PROTOCOL);
	check_rejected(&c, "a", 2, 9, REASON_DUPLICATE_NAME);
	USERNS_CHECK(joins(&c, &newcomer, "c", 3, FRAME_ID_JOINING) == 1, "id");
	USERNS_CHECK(clock_now() - began < GRACE_NS, "it had to wait");
	cluster_stop(&c);
}

/* Only a place that is still open is worth waiting for. */
CLUSTER_TEST(claim, that_is_refused_in_any_case_is_refused_at_once)
{
	static const char *const options[] = {"--state", STATE, NULL};
	struct speaker a, b;
	struct cluster c;
	uint64_t began;

	cluster_start(&c, "--state", STATE, NULL);
	(void)joins(&c, &a, "a", 1, FRAME_ID_JOINING);
	(void)joins(&c, &b, "b", 2, FRAME_ID_JOINING);
	await_state(2);
	began = clock_now();
	restart(&c, options);
	speaker_close(&b);
	(void)joins(&c, &b, "b", 2, 1);
	/* That of a is open. */
	check_rejected(&c, "b", 3, FRAME_ID_JOINING, REASON_DUPLICATE_NAME);
	check_rejected(&c, "c", 3, 1, REASON_DUPLICATE_ID);
	check_rejected(&c, "c", 3, ADMISSION_IDS, REASON_PROTOCOL);
	check_rejected(&c, "b", 1, 0, REASON_DUPLICATE_NAME);
	USERNS_CHECK(clock_now() - began < GRACE_NS, "they had to wait");
	cluster_stop(&c);
}

static void allow_few_descriptors(void)
{
	const struct rlimit few = {.rlim_cur = 64, .rlim_max = 64};

	if (setrlimit(RLIMIT_NOFILE, &few) < 0)
		_exit(99);
}

/* Strangers get a share of the descriptors, those who wait are none. */
CLUSTER_TEST(claim, makes_wait_as_many_as_could_be_members)
{
	struct speaker s[24];
	struct cluster c;

	cluster_prepare();
	write_file(STATE, "next_id 7 members 0 or more\n");
	cluster_start_seed(&c, (const char *const[]){"--state", STATE, NULL},
			   allow_few_descriptors);
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++)
		ask_to_join(&c, &s[i], cluster_name(i), (uint8_t)(i + 1), FRAME_ID_JOINING);
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++)
		USERNS_CHECK(hear_joined(&s[i]) == 7 + i, "id");
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

#define OTHER "2233445566778899aabbccddeeff00"
#define TOKEN "00" OTHER
#define PLACE "0 " TOKEN " 127.0.0.1:1 a\n"

CLUSTER_TEST(state, keeps_ids_over_a_restart_in_good_order)
{
	struct speaker s;
	struct cluster c;
	struct stat st;
	size_t n;

	cluster_start(&c, "--state", STATE, NULL);
	for (unsigned i = 0; i < 3; i++)
		USERNS_CHECK(joins(&c, &s, cluster_name(i), 0, FRAME_ID_JOINING) == i, "id");
	/* Ahead of what was used, in case it is killed. */
	USERNS_CHECK(read_state(&n) >= 3, "%u", read_state(&n));
	cluster_stop(&c);
	USERNS_CHECK(read_state(&n) == 3, "%u", read_state(&n));
	USERNS_CHECK(stat(STATE, &st) == 0 && (st.st_mode & 0777) == 0600, "%o", st.st_mode);
	cluster_start_seed(&c, (const char *const[]){"--state", STATE, NULL}, NULL);
	USERNS_CHECK(joins(&c, &s, "x", 0, FRAME_ID_JOINING) == 3, "id");
	cluster_stop(&c);
}

/* It has no places. */
CLUSTER_TEST(state, of_the_former_form_is_read)
{
	struct speaker s;
	struct cluster c;

	cluster_prepare();
	write_file(STATE, "next_id 7\n");
	cluster_start_seed(&c, (const char *const[]){"--state", STATE, NULL}, NULL);
	USERNS_CHECK(joins(&c, &s, "x", 1, FRAME_ID_JOINING) == 7, "id");
	cluster_stop(&c);
}

/* How many files have been moved to where @watch looks. */
static size_t count_moves(int watch)
{
	char events[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	size_t times = 0;
	ssize_t n;

	while ((n = read(watch, events, sizeof(events))) > 0)
		for (const char *at = events; at < events + n; at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)(const void *)at;
			times += event->mask & IN_MOVED_TO ? 1 : 0;
		}
	return times;
}

/* Several hundred functions start at once: that is no reason to wait for a disk as often. */
CLUSTER_TEST(state, is_not_written_for_each_join)
{
	cleanup_close int watch = -1;
	uint64_t began, most;
	struct speaker s;
	struct cluster c;
	size_t times;

	cluster_start(&c, "--state", STATE, NULL);
	watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	/* The kernel tells only once of two that are alike and adjacent. */
	USERNS_CHECK(inotify_add_watch(watch, CLUSTER_DIR, IN_MOVED_TO | IN_CREATE) >= 0, "%m");
	began = clock_now();
	for (unsigned i = 0; i < 100; i++) {
		(void)joins(&c, &s, "x", (uint8_t)(i + 1), FRAME_ID_JOINING);
		cluster_leave(&s);
		child_await(&c.seed, "leave");
	}
	times = count_moves(watch);
	/* The ids, and twice for each LEDGER_BUSY_NS, and the first one. */
	most = 100 / STATE_AHEAD + 4 + 2 * (clock_now() - began) / LEDGER_BUSY_NS;
	USERNS_CHECK(times > 0 && times <= most, "%zu times", times);
	cluster_stop(&c);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* A seed that is killed then has left a file that knows what it does not know. */
CLUSTER_TEST(state, that_cannot_be_replaced_does_not_mislead)
{
	struct speaker s[2];
	struct cluster c;
	uint32_t next_id;
	size_t n;

	cluster_start(&c, "--state", STATE, NULL);
	(void)joins(&c, &s[0], "a", 1, FRAME_ID_JOINING);
	await_state(1);
	/* In the way of what is to take its place. */
	USERNS_CHECK(mkdir(STATE ".new", 0700) == 0, "%m");
	for (unsigned i = 0; i < 2 * STATE_AHEAD; i++) {
		(void)joins(&c, &s[1], "b", (uint8_t)(i + 2), FRAME_ID_JOINING);
		cluster_leave(&s[1]);
		child_await(&c.seed, "leave");
	}
	next_id = read_state(&n);
	USERNS_CHECK(next_id > 2 * STATE_AHEAD && n == SIZE_MAX, "%u, %zu", next_id, n);
	USERNS_CHECK(count(child_errors(&c.seed), "cannot write") == 1, "%s",
		     child_errors(&c.seed));
	/* Once it can be written it is, without another change. */
	USERNS_CHECK(rmdir(STATE ".new") == 0, "%m");
	await_state(1);
	cluster_stop(&c);
}

CLUSTER_TEST(state, that_makes_no_sense_or_cannot_be_written_is_said)
{
	static const char *const texts[] = {
		"",
		"next_id",
		"next_id x\n",
		"next_id 1",
		"id 1\n",
		"next_id 99999999\n",
		"next_id 1\n" PLACE,
		"next_id 1 members 1\n",
		"next_id 1 members 0 or\n",
		"next_id 1 members 2\n" PLACE,
		"next_id 1 members 0\n" PLACE,
		"next_id 0 members 1\n" PLACE,
		"next_id 1 members 9999\n",
		"next_id 1 members 1\n0 00112233445566778899aabbccddee 127.0.0.1:1 a\n",
		"next_id 1 members 1\n0 " TOKEN " 127.0.0.1:1 a",
		"next_id 1 members 1\n0 " TOKEN " 127.0.0.1:1 a b\n",
		"next_id 1 members 1\n0 " TOKEN " 127.0.0.1:1 -\n",
		"next_id 1 members 1\n0 " TOKEN " 127.0.0:1 a\n",
		"next_id 2 members 2\n" PLACE "1 " TOKEN " 127.0.0.1:1 b\n",
		"next_id 2 members 2\n" PLACE "0 11" OTHER " 127.0.0.1:1 b\n",
		"next_id 2 members 2\n" PLACE "1 11" OTHER " 127.0.0.1:1 A\n",
	};
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
