/* SPDX-License-Identifier: MIT */
/*
 * Links on first use, and members to whom there can be none: what is said goes by
 * the seed until there is a link, or for good.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/sock.h"
#include "tests/boxer/duo.h"
#include "tests/boxer/pretender.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void start_lazy(struct duo *d)
{
	json_t *event;

	cluster_start(&d->c, NULL);
	node_start(&d->node, &d->c, "node", "fn-0", "--control", "lazy", "--wait", "2", NULL);
	event = child_event(&d->node, "joined");
	USERNS_CHECK(addr_parse(json_text(event, "local"), &d->at) == 0, "local");
	json_decref(event);
	mate_join(&d->mate, &d->c, "mate");
	/* It is enough to know each other. */
	child_await(&d->node, "ready");
}

static bool somebody_calls(const struct mate *m, int ms)
{
	struct pollfd p = {.fd = m->listener, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static const struct frame_punch question = {
	.request = 5,
	.strategy = 1,
	.port = 1,
	.source = {.family = AF_INET, .port = 4000, .bytes = {127, 0, 0, 1}},
};

static void ask_via(struct mate *m, uint32_t id)
{
	uint8_t body[64];
	int len = frame_encode_punch(&question, body, sizeof(body));

	mate_send_via(m, id, FRAME_PUNCH, body, (size_t)len);
}

CLUSTER_TEST(lazy, node_makes_no_link_unasked)
{
	struct duo d;

	start_lazy(&d);
	USERNS_CHECK(!somebody_calls(&d.mate, 300), "nobody has asked for it");
	duo_stop(&d);
}

CLUSTER_TEST(lazy, node_punches_when_it_is_introduced)
{
	struct duo d;

	start_lazy(&d);
	mate_send_via(&d.mate, 0, FRAME_INTRODUCE, (const uint8_t *)"", 0);
	mate_link(&d.mate);
	child_await(&d.node, "link");
	mate_check_alive(&d.mate);
	duo_stop(&d);
}

CLUSTER_TEST(lazy, node_answers_by_the_seed_and_makes_a_link_meanwhile)
{
	struct frame_punched punched;
	struct speaker_frame f;
	struct duo d;

	start_lazy(&d);
	ask_via(&d.mate, 0);
	USERNS_CHECK(mate_hear_via(&d.mate, FRAME_INTRODUCE, &f) == 0, "whose?");
	USERNS_CHECK(mate_hear_via(&d.mate, FRAME_PUNCHED, &f) == 0, "whose?");
	USERNS_CHECK(frame_decode_punched(f.body, f.len, &punched) == 0, "PUNCHED");
	USERNS_CHECK(punched.request == 5 && punched.reason == REASON_REFUSED, "%u",
		     punched.reason);
	mate_link(&d.mate);
	child_await(&d.node, "link");
	mate_ask(&d.mate, &question);
	USERNS_CHECK(mate_hear_answer(&d.mate).reason == REASON_REFUSED, "by the link");
	duo_stop(&d);
}

/* Somebody who has a link and loses it is introduced again when there is use for it. */
CLUSTER_TEST(lazy, link_is_made_again_when_it_is_wanted)
{
	struct speaker_frame f;
	struct duo d;

	start_lazy(&d);
	mate_send_via(&d.mate, 0, FRAME_INTRODUCE, (const uint8_t *)"", 0);
	mate_link(&d.mate);
	child_await(&d.node, "link");
	speaker_close(&d.mate.link);
	child_await(&d.node, "link-lost");
	USERNS_CHECK(!somebody_calls(&d.mate, 1000), "nobody has asked for it");
	ask_via(&d.mate, 0);
	(void)mate_hear_via(&d.mate, FRAME_INTRODUCE, &f);
	mate_link(&d.mate);
	child_await(&d.node, "link");
	duo_stop(&d);
}

CLUSTER_TEST(lazy, node_lets_in_who_comes_to_it)
{
	struct speaker_frame f;
	struct duo d;
	int fd;

	start_lazy(&d);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(fd >= 0 && sock_connect(fd, &d.at, AF_INET) == 0, "%m");
	speaker_init(&d.mate.link, fd, cluster_key, d.mate.id, 0);
	USERNS_CHECK(speaker_handshake(&d.mate.link) == 0, "no handshake");
	USERNS_CHECK(speaker_receive_type(&d.mate.link, FRAME_SELECT, &f) == 0, "no SELECT");
	child_await(&d.node, "link");
	mate_check_alive(&d.mate);
	duo_stop(&d);
}

CLUSTER_TEST(lazy, frames_of_strangers_are_dropped)
{
	static const uint8_t types[] = {FRAME_PUNCH, FRAME_PUNCHED, FRAME_DONE, FRAME_INTRODUCE,
					99};
	struct frame_member self = {.version = 1, .id = 0, .name = "a"};
	struct frame_join join;
	struct speaker_frame f;
	struct speaker s;
	struct cluster c;
	struct child n;
	uint8_t body[64];
	int fd = pretender_listen(&c);

	node_start(&n, &c, "node", "a", "--control", "lazy", NULL);
	pretender_greet(fd, &s, &join);
	pretender_admit(&s, 0, &join.inside);
	pretender_announce(&s, &self);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (uint32_t id = 0; id < 3; id++) {
			struct frame_via via = {.id = id, .type = types[i], .body = body, .len = i};
			uint8_t out[128];
			int len = frame_encode_via(&via, out, sizeof(out));

			(void)memset(body, 'x', sizeof(body));
			USERNS_CHECK(speaker_send(&s, FRAME_VIA, out, (size_t)len) == 0, "VIA");
		}
	USERNS_CHECK(speaker_send(&s, FRAME_PING, NULL, 0) == 0 && speaker_receive(&s, &f) == 0 &&
			     f.type == FRAME_PONG,
		     "type %u", f.type);
	child_signal(&n, SIGTERM);
	node_check_end(&n, 0, "");
	(void)close(fd);
}

/* Two NATs with a mapping for each destination, and strict filters: no link, ever. */
CLUSTER_TEST(barred, member_counts_as_met_and_is_spoken_to_by_the_seed)
{
	const struct profile strict = {.mapping = PROFILE_MAPPING_APDM,
				       .ports = PROFILE_PORTS_CHANGED,
				       .filtering = PROFILE_FILTERING_APDF};
	struct frame_member self = {.version = 1, .id = 0, .name = "a", .profile = strict};
	struct frame_member other = {.version = 2, .id = 1, .name = "b", .profile = strict};
	uint8_t body[64], out[128];
	struct frame_via via = {.id = 1, .type = FRAME_PUNCH, .body = body};
	struct frame_join join;
	struct speaker_frame f;
	struct speaker s;
	struct cluster c;
	struct child n;
	json_t *event;
	int fd = pretender_listen(&c), len;

	node_start(&n, &c, "node", "a", "--wait", "2", NULL);
	pretender_greet(fd, &s, &join);
	self.external = join.inside;
	self.inside = join.inside;
	other.external = addr_v4(0xcb007108, 4000);
	other.inside = addr_v4(0x0a000002, 4000);
	/* Seen as it is: nothing is probed, and the next one to call is the node's link. */
	pretender_admit(&s, 0, &join.inside);
	pretender_announce(&s, &self);
	pretender_announce(&s, &other);
	event = child_event(&n, "no-link");
	USERNS_CHECK(json_number(event, "id") == 1, "id");
	USERNS_CHECK(strcmp(json_text(event, "reason"), "no-strategy") == 0, "reason");
	json_decref(event);
	child_await(&n, "ready");
	via.len = (size_t)frame_encode_punch(&question, body, sizeof(body));
	len = frame_encode_via(&via, out, sizeof(out));
	USERNS_CHECK(speaker_send(&s, FRAME_VIA, out, (size_t)len) == 0, "VIA");
	USERNS_CHECK(speaker_receive_type(&s, FRAME_VIA, &f) == 0 &&
			     frame_decode_via(f.body, f.len, &via) == 0 &&
			     via.type == FRAME_PUNCHED,
		     "type %u", via.type);
	/* Its NAT turns out to let everybody in. */
	other.profile.filtering = PROFILE_FILTERING_EIF;
	other.external = addr_v4(INADDR_LOOPBACK, c.at.port);
	pretender_announce(&s, &other);
	(void)close(pretender_accept(fd));
	child_signal(&n, SIGTERM);
	node_check_end(&n, 0, "");
	(void)close(fd);
}

/* What the node @n is told by a seed: itself, and a member that no packet gets to. */
static void announce_out_of_reach(struct speaker *s, const struct frame_join *join)
{
	struct frame_member self = {.version = 1, .id = 0, .name = "a"};
	struct frame_member other = {.version = 2, .id = 1, .name = "b"};

	self.external = join->inside;
	self.inside = join->inside;
	other.external = addr_v4(0xcb007108, 4000);
	other.inside = addr_v4(0x0a000002, 4000);
	pretender_admit(s, 0, &join->inside);
	pretender_announce(s, &self);
	pretender_announce(s, &other);
}

static void await_no_link(struct child *n)
{
	json_t *event = child_event(n, "no-link");

	USERNS_CHECK(json_number(event, "id") == 1, "id");
	USERNS_CHECK(strcmp(json_text(event, "reason"), "unreachable") == 0, "reason");
	json_decref(event);
}

/* The NATs seem to allow a link, and yet none comes: nobody waits for it for ever. */
CLUSTER_TEST(out_of_reach, member_counts_as_met_after_one_attempt)
{
	struct frame_join join;
	struct speaker s;
	struct cluster c;
	struct child n;
	int fd = pretender_listen(&c);

	node_start(&n, &c, "node", "a", "--wait", "2", NULL);
	pretender_greet(fd, &s, &join);
	announce_out_of_reach(&s, &join);
	await_no_link(&n);
	child_await(&n, "ready");
	/* It is not given up. */
	await_no_link(&n);
	USERNS_CHECK(!child_has_said(&n, "link-lost"), "there was none");
	child_signal(&n, SIGTERM);
	node_check_end(&n, 0, "");
	(void)close(fd);
}

/* Without a seed there is no other way to it. */
CLUSTER_TEST(out_of_reach, member_is_not_met_while_the_seed_is_lost)
{
	struct frame_join join;
	struct speaker s;
	struct cluster c;
	struct child n;
	int fd = pretender_listen(&c);

	node_start(&n, &c, "node", "a", "--wait", "2", NULL);
	pretender_greet(fd, &s, &join);
	announce_out_of_reach(&s, &join);
	speaker_close(&s);
	child_await(&n, "seed-lost");
	await_no_link(&n);
	USERNS_CHECK(!child_has_said(&n, "ready"), "%s", n.text);
	pretender_greet(fd, &s, &join);
	announce_out_of_reach(&s, &join);
	await_no_link(&n);
	child_await(&n, "ready");
	child_signal(&n, SIGTERM);
	node_check_end(&n, 0, "");
	(void)close(fd);
}

/* A peer that says nothing more is lost after the time that was asked for. */
CLUSTER_TEST(silence, is_as_long_as_was_said)
{
	uint64_t began;
	json_t *event;
	struct duo d;

	cluster_start(&d.c, NULL);
	node_start(&d.node, &d.c, "node", "fn-0", "--silence", "1", NULL);
	(void)node_id(&d.node);
	mate_join(&d.mate, &d.c, "mate");
	mate_link(&d.mate);
	child_await(&d.node, "link");
	began = clock_now();
	event = child_event(&d.node, "link-lost");
	USERNS_CHECK(strcmp(json_text(event, "reason"), "timeout") == 0, "reason");
	json_decref(event);
	USERNS_CHECK(clock_now() - began < 8 * NS_PER_S, "it took too long");
	duo_stop(&d);
}

/*
 * A member hears of a newcomer, links to it and selects the link before the newcomer
 * hears of the member: 64 that start at once lost many links so.
 */
CLUSTER_TEST(early, link_of_a_member_that_is_not_announced_yet_is_kept)
{
	struct frame_member self = {.version = 1, .id = 7, .name = "a"};
	struct frame_member other = {.version = 2, .id = 1, .name = "b"};
	struct frame_join join;
	struct speaker s, link;
	struct speaker_frame f;
	struct cluster c;
	struct child n;
	int fd = pretender_listen(&c), out;

	node_start(&n, &c, "node", "a", NULL);
	pretender_greet(fd, &s, &join);
	pretender_admit(&s, 7, &join.inside);
	pretender_announce(&s, &self);
	child_await(&n, "ready");
	out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(out >= 0 && sock_connect(out, &join.inside, AF_INET) == 0, "%m");
	speaker_init(&link, out, cluster_key, 1, 7);
	USERNS_CHECK(speaker_handshake(&link) == 0, "no handshake");
	USERNS_CHECK(speaker_send(&link, FRAME_SELECT, NULL, 0) == 0, "SELECT");
	other.external = addr_v4(INADDR_LOOPBACK, c.at.port);
	pretender_announce(&s, &other);
	child_await(&n, "link");
	USERNS_CHECK(speaker_send(&link, FRAME_PING, NULL, 0) == 0 &&
			     speaker_receive_type(&link, FRAME_PONG, &f) == 0,
		     "the link is gone");
	USERNS_CHECK(!child_has_said(&n, "link-lost"), "%s", n.text);
	child_signal(&n, SIGTERM);
	node_check_end(&n, 0, "");
	(void)close(fd);
}
