/* SPDX-License-Identifier: MIT */
/* Joining, or not: seeds that are absent, silent, foreign, hostile, or pretended. */
#include "base/cleanup.h"
#include "boxer/sock.h"
#include "tests/boxer/node.h"
#include "tests/boxer/pretender.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#define GUEST GUEST_PATH

static void greet_node(int listener, struct speaker *s)
{
	struct frame_join join;

	pretender_greet(listener, s, &join);
}

CLUSTER_TEST(join, ends_with_125_when_nobody_serves)
{
	struct cluster c;
	struct child n;

	/* The port is ours, but nobody listens on it any more. */
	(void)close(pretender_listen(&c));
	node_start(&n, &c, "run", "a", "--timeout", "1", "--", GUEST, "end", "0", NULL);
	node_check_failed(&n, "seed-unreachable");
}

CLUSTER_TEST(join, ends_with_125_when_there_is_no_way_to_the_seed)
{
	struct cluster c = {.text = "203.0.113.10:7000"};
	struct child n;

	cluster_prepare();
	node_start(&n, &c, "run", "a", "--timeout", "1", "--", GUEST, "end", "0", NULL);
	node_check_failed(&n, "seed-unreachable");
}

CLUSTER_TEST(join, ends_with_125_when_the_seed_says_nothing)
{
	struct cluster c;
	struct child n;
	int fd = pretender_listen(&c);

	node_start(&n, &c, "run", "a", "--timeout", "1", "--", GUEST, "end", "0", NULL);
	node_check_failed(&n, "timeout");
	(void)close(fd);
}

/* The network may be at fault, so it is tried again, but not for ever. */
CLUSTER_TEST(join, tries_again_when_the_seed_hangs_up)
{
	struct cluster c;
	struct child n;
	int fd = pretender_listen(&c);

	node_start(&n, &c, "run", "a", "--timeout", "2", "--", GUEST, "end", "0", NULL);
	for (int i = 0; i < 3; i++)
		(void)close(pretender_accept(fd));
	(void)close(fd);
	node_check_failed(&n, "seed-unreachable");
}

CLUSTER_TEST(join, joins_a_seed_that_starts_later)
{
	struct speaker s;
	struct cluster c;
	struct child n;
	int fd = pretender_listen(&c);

	node_start(&n, &c, "run", "a", "--timeout", "60", "--", GUEST, "end", "0", NULL);
	(void)close(pretender_accept(fd));
	greet_node(fd, &s);
	child_signal(&n, SIGKILL);
	(void)child_end(&n);
	speaker_close(&s);
	(void)close(fd);
}

/* At once: the time-out is longer than this test's patience. */
CLUSTER_TEST(join, ends_at_once_with_a_wrong_key)
{
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	child_start(&n,
		    (const char *[]){BOXER_PATH, "run", "--seed", c.text, "--key-file",
				     CLUSTER_BAD_KEY, "--events", CHILD_EVENTS, "--timeout", "600",
				     "--", GUEST, "end", "0", NULL},
		    NULL);
	node_check_failed(&n, "wrong-key");
	cluster_stop(&c);
}

CLUSTER_TEST(join, ends_at_once_with_a_seed_of_another_version)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct speaker s;
	struct cluster c;
	struct child n;
	size_t len;
	int fd = pretender_listen(&c);

	node_start(&n, &c, "run", "a", "--timeout", "600", "--", GUEST, "end", "0", NULL);
	speaker_init(&s, pretender_accept(fd), cluster_key, FRAME_ID_SEED, FRAME_ID_JOINING);
	len = speaker_build_hello(&s, bytes);
	bytes[2]++;
	USERNS_CHECK(speaker_write(&s, bytes, len) == 0, "hello");
	node_check_failed(&n, "wrong-version");
	speaker_close(&s);
	(void)close(fd);
}

CLUSTER_TEST(join, ends_at_once_when_it_is_rejected)
{
	struct cluster c;
	struct child n;
	struct speaker s;

	cluster_start(&c, "--members", "1", NULL);
	(void)cluster_joins(&c, &s, "a");
	node_start(&n, &c, "run", "a", "--timeout", "600", "--", GUEST, "end", "0", NULL);
	node_check_failed(&n, "duplicate-name");
	node_start(&n, &c, "run", "b", "--timeout", "600", "--", GUEST, "end", "0", NULL);
	node_check_failed(&n, "cluster-full");
	cluster_stop(&c);
}

static void send_joined(struct speaker *s, uint32_t id)
{
	struct frame_joined joined = {
		.id = id,
		.overlay = addr_v4(0xc6120001 + id, 0),
		.observed = addr_v4(INADDR_LOOPBACK, 4000),
	};
	uint8_t body[64];
	int len = frame_encode_joined(&joined, body, sizeof(body));

	USERNS_CHECK(speaker_send(s, FRAME_JOINED, body, (size_t)len) == 0, "JOINED");
}

/* Found by a fake seed: after JOINED nobody kept the deadline. */
CLUSTER_TEST(join, keeps_its_deadline_when_the_seed_falls_silent_after_admitting_it)
{
	struct speaker s;
	struct cluster c;
	struct child n;
	int fd = pretender_listen(&c);

	node_start(&n, &c, "run", "a", "--timeout", "2", "--", GUEST, "end", "0", NULL);
	greet_node(fd, &s);
	send_joined(&s, 5);
	node_check_failed(&n, "timeout");
	speaker_close(&s);
	(void)close(fd);
}

CLUSTER_TEST(join, ends_with_125_when_the_seed_is_lost_before_the_start_and_not_back_in_time)
{
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--wait", "2", "--timeout", "3", "--", GUEST, "end", "0",
		   NULL);
	(void)node_id(&n);
	cluster_stop(&c);
	child_await(&n, "seed-lost");
	node_check_failed(&n, "timeout");
}

CLUSTER_TEST(join, ends_with_125_when_others_do_not_come)
{
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--wait", "2", "--timeout", "1", "--", GUEST, "end", "0",
		   NULL);
	child_await(&n, "joined");
	node_check_failed(&n, "timeout");
	USERNS_CHECK(strstr(child_errors(&n), "met 1 of 2 members"), "%s", child_errors(&n));
	USERNS_CHECK(!child_has_said(&n, "guest-start"), "%s", n.text);
	child_await(&c.seed, "leave");
	cluster_stop(&c);
}

/* A seed that means harm, or another program on its port. */
CLUSTER_TEST(join, ends_with_125_when_the_seed_breaks_the_protocol)
{
	static const uint8_t types[] = {FRAME_JOINED, FRAME_MEMBER, FRAME_GONE, FRAME_REJECT};
	struct cluster c;
	int fd = pretender_listen(&c);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct speaker s;
		struct child n;

		node_start(&n, &c, "run", "a", "--timeout", "600", "--", GUEST, "end", "0", NULL);
		greet_node(fd, &s);
		USERNS_CHECK(speaker_send(&s, types[i], (const uint8_t *)"xyz", 3) == 0, "%u",
			     types[i]);
		node_check_failed(&n, "protocol-violation");
		(void)close(n.errors);
		speaker_close(&s);
	}
	(void)close(fd);
}

/* Not only by hanging up, which might as well be a crash. */
CLUSTER_TEST(node, says_to_the_seed_that_it_leaves)
{
	struct frame_member member = {.version = 1, .id = 5, .name = "a"};
	struct speaker_frame f;
	uint8_t body[128];
	struct speaker s;
	struct cluster c;
	struct child n;
	int fd = pretender_listen(&c), len;

	node_start(&n, &c, "node", "a", NULL);
	greet_node(fd, &s);
	send_joined(&s, member.id);
	len = frame_encode_member(&member, body, sizeof(body));
	USERNS_CHECK(speaker_send(&s, FRAME_MEMBER, body, (size_t)len) == 0, "MEMBER");
	child_await(&n, "ready");
	child_signal(&n, SIGTERM);
	USERNS_CHECK(speaker_receive_type(&s, FRAME_LEAVE, &f) == 0, "no LEAVE");
	node_check_end(&n, 0, "");
	speaker_close(&s);
	(void)close(fd);
}

/* On a network that loses much the first question may never have arrived. */
CLUSTER_TEST(join, asks_an_observer_again_that_did_not_answer)
{
	struct frame_joined joined = {
		.id = 5,
		.overlay = addr_v4(0xc6120006, 0),
		.observed = addr_v4(INADDR_LOOPBACK, 4000),
		.n_observers = 2,
	};
	struct cluster c;
	struct speaker s;
	struct child n;
	uint8_t body[192];
	int fd = pretender_listen(&c), observer, len;

	joined.observers[0] = c.at;
	joined.observers[1] = addr_v4(INADDR_LOOPBACK, 0);
	observer = sock_shared(&joined.observers[1], AF_INET);
	USERNS_CHECK(observer >= 0 && sock_listen(observer, 4) == 0 &&
			     sock_local(observer, &joined.observers[1]) == 0,
		     "%m");
	node_start(&n, &c, "node", "a", NULL);
	greet_node(fd, &s);
	len = frame_encode_joined(&joined, body, sizeof(body));
	USERNS_CHECK(speaker_send(&s, FRAME_JOINED, body, (size_t)len) == 0, "JOINED");
	for (unsigned i = 0; i < 3; i++)
		(void)close(pretender_accept(observer));
	node_stop(&n);
	speaker_close(&s);
	(void)close(observer);
	(void)close(fd);
}

/* Then it has dropped the question, for too many have asked. */
CLUSTER_TEST(join, asks_again_to_be_probed_when_nothing_comes_of_it)
{
	const struct addr seen = addr_v4(INADDR_LOOPBACK + 8, 4000);
	struct frame_member self = {
		.version = 1,
		.id = 5,
		.name = "a",
		.external = seen,
		.profile = {.mapping = PROFILE_MAPPING_EIM, .ports = PROFILE_PORTS_KEPT},
	};
	struct cluster c;
	struct speaker s;
	struct child n;
	int fd = pretender_listen(&c), observed[2];

	node_start(&n, &c, "node", "a", NULL);
	greet_node(fd, &s);
	pretender_admit(&s, self.id, &seen);
	pretender_announce(&s, &self);
	for (int i = 0; i < 2; i++) {
		struct speaker_frame f;

		observed[i] = pretender_observe(fd, &seen);
		USERNS_CHECK(speaker_receive_type(&s, FRAME_PROBE, &f) == 0, "no PROBE %d", i);
	}
	node_stop(&n);
	for (int i = 0; i < 2; i++)
		(void)close(observed[i]);
	speaker_close(&s);
	(void)close(fd);
}
