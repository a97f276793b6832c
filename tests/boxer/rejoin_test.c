/* SPDX-License-Identifier: MIT */
/*
 * The seed goes and comes back. Members keep their ids, their links and each other.
 *
 *	node a ======= link ======= node b
 *	   \______ seed: killed ______/
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/roster.h"
#include "boxer/sock.h"
#include "boxer/uplink.h"
#include "tests/boxer/duo.h"
#include "tests/boxer/pretender.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GUEST GUEST_PATH

static void kill_seed(struct cluster *c)
{
	child_signal(&c->seed, SIGKILL);
	USERNS_CHECK(child_end(&c->seed) == -SIGKILL, "how did it end?");
}

#define STATE CLUSTER_DIR "/state"

static void start_seed_again(struct cluster *c, bool state)
{
	char at[ADDR_TEXT_MAX];
	const char *more[] = {"--listen", at, state ? "--state" : NULL, STATE, NULL};

	(void)snprintf(at, sizeof(at), "%s", c->text);
	cluster_start_seed(c, more, NULL);
}

static void await_reason(struct child *n, const char *name, const char *reason)
{
	json_t *event = child_event(n, name);

	USERNS_CHECK(strcmp(json_text(event, "reason"), reason) == 0, "%s", n->text);
	json_decref(event);
}

static void start_pair(struct cluster *c, struct child n[static 2])
{
	cluster_start(c, NULL);
	node_start(&n[0], c, "node", "a", "--wait", "2", NULL);
	(void)node_id(&n[0]);
	node_start(&n[1], c, "node", "b", "--wait", "2", NULL);
	child_await(&n[0], "ready");
	child_await(&n[1], "ready");
}

CLUSTER_TEST(rejoin, keeps_ids_and_links_when_the_seed_is_killed)
{
	struct child n[2], late;
	struct cluster c;

	start_pair(&c, n);
	kill_seed(&c);
	child_await(&n[0], "seed-lost");
	child_await(&n[1], "seed-lost");
	start_seed_again(&c, false);
	child_await(&n[0], "seed-back");
	child_await(&n[1], "seed-back");
	/* Whoever joins now is a third one, and meets both. */
	node_start(&late, &c, "node", "c", "--wait", "3", NULL);
	USERNS_CHECK(node_id(&late) == 2, "an id was given twice");
	child_await(&late, "ready");
	for (int i = 0; i < 2; i++)
		USERNS_CHECK(!child_has_said(&n[i], "link-lost") &&
				     !child_has_said(&n[i], "member-left"),
			     "%s", n[i].text);
	node_stop(&n[0]);
	node_stop(&n[1]);
	node_stop(&late);
	cluster_stop(&c);
}

/* Somebody who left before the seed was killed: only its state knows of that id. */
CLUSTER_TEST(rejoin, leaves_no_id_to_another_where_the_seed_has_a_state)
{
	struct child a, b, late;
	struct cluster c;

	cluster_start(&c, "--state", STATE, NULL);
	node_start(&a, &c, "node", "a", NULL);
	USERNS_CHECK(node_id(&a) == 0, "id");
	node_start(&b, &c, "node", "b", NULL);
	USERNS_CHECK(node_id(&b) == 1, "id");
	node_stop(&b);
	kill_seed(&c);
	child_await(&a, "seed-lost");
	start_seed_again(&c, true);
	child_await(&a, "seed-back");
	node_start(&late, &c, "node", "c", "--wait", "2", NULL);
	USERNS_CHECK(node_id(&late) > 1, "the id of b is given again");
	child_await(&late, "ready");
	node_stop(&late);
	node_stop(&a);
	cluster_stop(&c);
}

CLUSTER_TEST(rejoin, is_possible_before_the_start)
{
	struct child n[2];
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&n[0], &c, "run", "a", "--wait", "2", "--", GUEST, "end", "3", NULL);
	(void)node_id(&n[0]);
	kill_seed(&c);
	child_await(&n[0], "seed-lost");
	start_seed_again(&c, false);
	child_await(&n[0], "seed-back");
	node_start(&n[1], &c, "node", "b", "--wait", "2", NULL);
	USERNS_CHECK(node_id(&n[1]) == 1, "the id of a is taken");
	node_check_end(&n[0], 3, "");
	node_stop(&n[1]);
	cluster_stop(&c);
}

/* A mate does not come back by itself. */
CLUSTER_TEST(rejoin, gives_those_up_who_do_not_come_back)
{
	struct duo d;
	uint64_t began;

	duo_start_linked(&d);
	kill_seed(&d.c);
	child_await(&d.node, "seed-lost");
	speaker_close(&d.mate.link);
	(void)close(d.mate.listener);
	child_await(&d.node, "link-lost");
	USERNS_CHECK(!child_has_said(&d.node, "member-left"), "nobody has said so");
	start_seed_again(&d.c, false);
	child_await(&d.node, "seed-back");
	began = clock_now();
	await_reason(&d.node, "member-left", "lost");
	USERNS_CHECK(clock_now() - began > ROSTER_GRACE_NS / 2, "it had no time to come back");
	duo_stop(&d);
}

CLUSTER_TEST(rejoin, keeps_those_it_has_a_link_to)
{
	uint64_t until;
	struct duo d;

	duo_start_linked(&d);
	kill_seed(&d.c);
	child_await(&d.node, "seed-lost");
	start_seed_again(&d.c, false);
	child_await(&d.node, "seed-back");
	until = clock_now() + ROSTER_GRACE_NS * 11 / 10;
	while (clock_now() < until) {
		mate_check_alive(&d.mate);
		(void)usleep(200000);
	}
	USERNS_CHECK(!child_has_said(&d.node, "member-left"), "%s", d.node.text);
	/* With the link it goes. */
	speaker_close(&d.mate.link);
	await_reason(&d.node, "member-left", "lost");
	duo_stop(&d);
}

/* The seed has lost it, we have not. */
CLUSTER_TEST(rejoin, of_a_linked_member_is_waited_for)
{
	struct duo d;

	duo_start_linked(&d);
	speaker_close(&d.mate.uplink);
	child_await(&d.c.seed, "leave");
	mate_check_alive(&d.mate);
	mate_check_alive(&d.mate);
	USERNS_CHECK(!child_has_said(&d.node, "member-left"), "%s", d.node.text);
	speaker_close(&d.mate.link);
	await_reason(&d.node, "member-left", "lost");
	duo_stop(&d);
}

CLUSTER_TEST(rejoin, claims_the_id_with_the_same_token_from_the_same_port)
{
	struct frame_member self = {.version = 1, .id = 7, .name = "a"};
	struct frame_join join[2];
	struct speaker s;
	struct cluster c;
	struct child n;
	int fd = pretender_listen(&c);

	node_start(&n, &c, "node", "a", "--role", "worker", NULL);
	for (int i = 0; i < 2; i++) {
		pretender_greet(fd, &s, &join[i]);
		pretender_admit(&s, 7, &join[i].inside);
		pretender_announce(&s, &self);
		child_await(&n, i == 0 ? "ready" : "seed-back");
		speaker_close(&s);
	}
	USERNS_CHECK(join[0].claim == FRAME_ID_JOINING && join[1].claim == 7, "%u, %u",
		     join[0].claim, join[1].claim);
	USERNS_CHECK(memcmp(join[0].token, join[1].token, FRAME_TOKEN_LEN) == 0, "another token");
	USERNS_CHECK(addr_equal(&join[0].inside, &join[1].inside), "another port");
	USERNS_CHECK(strcmp(join[1].role, "worker") == 0, "%s", join[1].role);
	child_signal(&n, SIGTERM);
	node_check_end(&n, 0, "");
	(void)close(fd);
}

/* Each time it waits for longer, though each time it was admitted. */
CLUSTER_TEST(rejoin, of_one_who_is_cut_off_again_and_again_slows_down)
{
	const unsigned cuts = 5; /* before the longest pause */
	uint64_t began = 0, least = 0;
	struct frame_join join;
	struct speaker s;
	struct cluster c;
	struct child n;
	int fd = pretender_listen(&c);

	node_start(&n, &c, "node", "a", NULL);
	for (unsigned i = 0; i < cuts; i++) {
		pretender_greet(fd, &s, &join);
		if (i == 0)
			began = clock_now();
		pretender_admit(&s, 0, &join.inside);
		child_await(&n, i == 0 ? "joined" : "seed-back");
		speaker_close(&s);
		/* Half of a pause is left to chance. */
		least += UPLINK_RETRY_NS * (1U << i) / 2;
	}
	pretender_greet(fd, &s, &join);
	USERNS_CHECK(clock_now() - began >= least, "%u times within %u ms", cuts,
		     (unsigned)((clock_now() - began) / NS_PER_MS));
	child_signal(&n, SIGTERM);
	node_check_end(&n, 0, "");
	(void)close(fd);
}

static const enum reason refusals[] = {
	REASON_DUPLICATE_ID, REASON_DUPLICATE_NAME, REASON_DUPLICATE_ADDRESS,
	REASON_CLUSTER_FULL, REASON_SURPLUS,
};

/* Another one has what was its own, for a while. */
CLUSTER_TEST(rejoin, that_is_refused_is_tried_until_the_place_is_free)
{
	struct frame_join join;
	struct speaker s;
	struct duo d;
	int fd;

	cluster_start(&d.c, NULL);
	duo_start_node(&d);
	mate_join(&d.mate, &d.c, "mate");
	mate_link(&d.mate);
	child_await(&d.node, "link");
	kill_seed(&d.c);
	await_reason(&d.node, "seed-lost", "left");
	fd = pretender_replace(&d.c);
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		for (int again = 0; again < 2; again++) {
			pretender_greet(fd, &s, &join);
			USERNS_CHECK(join.claim == 0, "claims %u", join.claim);
			pretender_reject(&s, refusals[i]);
			speaker_close(&s);
		}
		/* Once: the next one that is told is the next round's. */
		await_reason(&d.node, "refused", reason_name(refusals[i]));
		mate_check_alive(&d.mate);
		pretender_greet(fd, &s, &join);
		pretender_admit(&s, 0, &join.inside);
		child_await(&d.node, "seed-back");
		speaker_close(&s);
	}
	mate_check_alive(&d.mate);
	USERNS_CHECK(!child_has_said(&d.node, "link-lost"), "%s", d.node.text);
	node_stop(&d.node);
	(void)close(fd);
}

static const struct {
	enum reason reject; /* REASON_NONE: admitted, as somebody else */
	const char *told;
} ends[] = {
	{REASON_PROTOCOL, "protocol-violation"},
	{REASON_NONE, "duplicate-id"},
};

CLUSTER_TEST(rejoin, that_can_never_be_is_final_and_the_node_goes_on)
{
	struct addr at = addr_v4(INADDR_LOOPBACK, 1);

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct frame_join join;
		struct speaker s;
		struct duo d;
		int fd;

		if (i == 0)
			cluster_start(&d.c, NULL);
		else
			cluster_start_seed(&d.c, NULL, NULL);
		duo_start_node(&d);
		mate_join(&d.mate, &d.c, "mate");
		mate_link(&d.mate);
		child_await(&d.node, "link");
		kill_seed(&d.c);
		await_reason(&d.node, "seed-lost", "left");
		fd = pretender_replace(&d.c);
		pretender_greet(fd, &s, &join);
		if (ends[i].reject)
			pretender_reject(&s, ends[i].reject);
		else
			pretender_admit(&s, 77, &at);
		await_reason(&d.node, "seed-lost", ends[i].told);
		mate_check_alive(&d.mate);
		node_stop(&d.node);
		speaker_close(&s);
		(void)close(fd);
	}
}

/* The mate did not come back in time, and the seed knows nothing: its id is another one's. */
CLUSTER_TEST(rejoin, of_somebody_else_under_a_known_id_ends_the_link_of_old)
{
	struct frame_member self = {.version = 1, .id = 0, .name = "fn-0"};
	struct frame_member other = {.version = 2, .id = 1, .name = "other"};
	struct mate heir = {.id = 1, .at = addr_v4(INADDR_LOOPBACK, 0)};
	struct speaker_frame f;
	struct frame_join join;
	struct speaker s, again;
	json_t *event;
	struct duo d;
	int fd, out;

	duo_start_linked(&d);
	kill_seed(&d.c);
	child_await(&d.node, "seed-lost");
	fd = pretender_replace(&d.c);
	heir.listener = sock_shared(&heir.at, AF_INET);
	USERNS_CHECK(sock_listen(heir.listener, 16) == 0 &&
			     sock_local(heir.listener, &heir.at) == 0,
		     "%m");
	pretender_greet(fd, &s, &join);
	pretender_admit(&s, 0, &join.inside);
	self.external = self.inside = join.inside;
	other.external = other.inside = heir.at;
	pretender_announce(&s, &other);
	pretender_announce(&s, &self);
	event = child_event(&d.node, "member-left");
	USERNS_CHECK(json_number(event, "id") == 1 && strcmp(json_text(event, "name"), "mate") == 0,
		     "%s", d.node.text);
	json_decref(event);
	USERNS_CHECK(speaker_hear_end(&d.mate.link) == 0, "a link under a wrong record");
	/* It holds the key and says that it is 1, as it was. */
	out = sock_shared(&d.mate.at, AF_INET);
	USERNS_CHECK(out >= 0 && sock_connect(out, &d.at, AF_INET) == 0, "%m");
	speaker_init(&again, out, cluster_key, 1, 0);
	USERNS_CHECK(speaker_handshake(&again) == 0, "no handshake");
	USERNS_CHECK(speaker_receive(&again, &f) < 0, "it is let in again: type %u", f.type);
	mate_link(&heir);
	event = child_event(&d.node, "link");
	USERNS_CHECK(json_number(event, "id") == 1 &&
			     strcmp(json_text(event, "name"), "other") == 0,
		     "%s", d.node.text);
	json_decref(event);
	mate_check_alive(&heir);
	node_stop(&d.node);
	(void)close(fd);
}

/* Whom the seed can't have been: it does not hold the key. */
CLUSTER_TEST(rejoin, does_not_believe_another_seed)
{
	struct speaker s;
	struct duo d;
	int fd;

	duo_start_linked(&d);
	kill_seed(&d.c);
	child_await(&d.node, "seed-lost");
	fd = pretender_replace(&d.c);
	speaker_init(&s, pretender_accept(fd), cluster_key, FRAME_ID_SEED, FRAME_ID_JOINING);
	s.key[0] ^= 1;
	USERNS_CHECK(speaker_handshake(&s) == -EACCES, "its proof is not ours");
	await_reason(&d.node, "seed-lost", "wrong-key");
	mate_check_alive(&d.mate);
	node_stop(&d.node);
	speaker_close(&s);
	(void)close(fd);
}

/* Each pause is twice as long as the last one, less at most half of it by chance. */
CLUSTER_TEST(rejoin, is_slower_each_time_when_the_seed_admits_and_hangs_up)
{
	const struct addr seen = addr_v4(INADDR_LOOPBACK, 4000);
	uint64_t least = 0, began = 0;
	struct cluster c;
	struct child n;
	int fd = pretender_listen(&c);

	node_start(&n, &c, "node", "a", NULL);
	for (unsigned i = 0; i < 6; i++) {
		struct frame_join join;
		struct speaker s;

		pretender_greet(fd, &s, &join);
		if (i == 0)
			began = clock_now();
		else
			least += (UPLINK_RETRY_NS << (i - 1)) / 2;
		pretender_admit(&s, 5, &seen);
		child_await(&n, i == 0 ? "joined" : "seed-back");
		speaker_close(&s);
		child_await(&n, "seed-lost");
	}
	USERNS_CHECK(clock_now() - began >= least, "six times in %llu ms",
		     (clock_now() - began) / NS_PER_MS);
	child_signal(&n, SIGTERM);
	(void)child_end(&n);
	(void)close(fd);
}
