/* SPDX-License-Identifier: MIT */
/* The control link: who selects it, who is kept out, and what it survives. */
#include "base/clock.h"
#include "boxer/callers.h"
#include "boxer/peer.h"
#include "boxer/sock.h"
#include "tests/boxer/duo.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static void check_lost(struct duo *d, const char *reason)
{
	json_t *event = child_event(&d->node, "link-lost");

	USERNS_CHECK(json_number(event, "id") == d->mate.id, "id");
	USERNS_CHECK(strcmp(json_text(event, "reason"), reason) == 0, "%s",
		     json_text(event, "reason"));
	json_decref(event);
}

CLUSTER_TEST(link, is_selected_by_the_lower_id)
{
	struct duo d;

	duo_start_linked(&d);
	mate_check_alive(&d.mate);
	duo_stop(&d);
}

CLUSTER_TEST(link, is_up_for_the_higher_id_only_once_it_is_selected)
{
	struct speaker *link;
	struct duo d;

	cluster_start(&d.c, NULL);
	mate_join(&d.mate, &d.c, "mate");
	duo_start_node(&d);
	link = &d.mate.link;
	speaker_init(link, mate_accept(&d.mate), cluster_key, d.mate.id, FRAME_ID_JOINING);
	USERNS_CHECK(speaker_handshake(link) == 0, "no handshake");
	mate_check_alive(&d.mate);
	USERNS_CHECK(!child_has_said(&d.node, "link"), "too early\n%s", d.node.text);
	USERNS_CHECK(speaker_send(link, FRAME_SELECT, NULL, 0) == 0, "SELECT");
	child_await(&d.node, "link");
	duo_stop(&d);
}

CLUSTER_TEST(link, that_was_lost_is_made_again)
{
	struct duo d;

	duo_start_linked(&d);
	for (int i = 0; i < 2; i++) {
		speaker_close(&d.mate.link);
		check_lost(&d, "left");
		mate_link(&d.mate);
		child_await(&d.node, "link");
	}
	mate_check_alive(&d.mate);
	duo_stop(&d);
}

CLUSTER_TEST(link, that_is_lost_again_and_again_is_made_more_slowly)
{
	const unsigned times = 3;
	uint64_t began, least = 0;
	struct duo d;

	duo_start_linked(&d);
	began = clock_now();
	for (unsigned i = 0; i < times; i++) {
		speaker_close(&d.mate.link);
		check_lost(&d, "left");
		mate_link(&d.mate);
		child_await(&d.node, "link");
		least += PEER_PAUSE_NS << i;
	}
	USERNS_CHECK(clock_now() - began >= least, "%u times within %u ms", times,
		     (unsigned)((clock_now() - began) / NS_PER_MS));
	duo_stop(&d);
}

/* Somebody else has the address that the seed told: it is tried again. */
CLUSTER_TEST(link, is_not_made_to_who_can_not_prove_himself)
{
	struct speaker s;
	struct duo d;

	duo_start(&d);
	speaker_init(&s, mate_accept(&d.mate), cluster_key, d.mate.id, FRAME_ID_JOINING);
	s.key[0] ^= 1;
	USERNS_CHECK(speaker_handshake(&s) == -EACCES, "its proof is not ours");
	USERNS_CHECK(speaker_hear_end(&s) == 0, "not cut off");
	speaker_close(&s);
	speaker_init(&s, mate_accept(&d.mate), cluster_key, d.mate.id + 1, FRAME_ID_JOINING);
	USERNS_CHECK(speaker_handshake(&s) < 0, "another member");
	speaker_close(&s);
	USERNS_CHECK(!child_has_said(&d.node, "link"), "%s", d.node.text);
	mate_link(&d.mate);
	child_await(&d.node, "link");
	duo_stop(&d);
}

/* Return: a connection to the node's control port. */
static int call_node(const struct duo *d)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	USERNS_CHECK(fd >= 0 && sock_connect(fd, &d->at, AF_INET) == 0, "%m");
	return fd;
}

CLUSTER_TEST(link, control_port_is_closed_to_strangers)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct speaker s;
	struct duo d;

	duo_start_linked(&d);
	/* without the key */
	speaker_init(&s, call_node(&d), cluster_key, d.mate.id, 0);
	s.key[0] ^= 1;
	USERNS_CHECK(speaker_handshake(&s) == -EACCES, "its proof is not ours");
	USERNS_CHECK(speaker_hear_end(&s) == 0, "not cut off");
	speaker_close(&s);
	/* with it, but not a member */
	speaker_init(&s, call_node(&d), cluster_key, 77, 0);
	(void)speaker_handshake(&s);
	USERNS_CHECK(speaker_hear_end(&s) == 0, "not cut off");
	speaker_close(&s);
	/* a member that has a link already */
	speaker_init(&s, call_node(&d), cluster_key, d.mate.id, 0);
	(void)speaker_handshake(&s);
	USERNS_CHECK(speaker_hear_end(&s) == 0, "not cut off");
	speaker_close(&s);
	/* noise */
	(void)memset(bytes, 'x', sizeof(bytes));
	speaker_init(&s, call_node(&d), cluster_key, 0, 0);
	(void)speaker_write(&s, bytes, sizeof(bytes));
	USERNS_CHECK(speaker_hear_end(&s) == 0, "not cut off");
	speaker_close(&s);
	mate_check_alive(&d.mate);
	duo_stop(&d);
}

/* The oldest of them give way; they are not more than a few dozen at any time. */
CLUSTER_TEST(link, is_made_through_a_crowd_of_strangers_that_prove_nothing)
{
	enum { CROWD = 200, GIVE_WAY = CROWD - CALLERS_MAX };
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct speaker crowd[CROWD];
	struct duo d;
	size_t before;

	cluster_start(&d.c, NULL);
	duo_start_node(&d);
	child_await(&d.node, "ready");
	before = child_descriptors_at_rest(&d.node);
	for (size_t i = 0; i < CROWD; i++) {
		speaker_init(&crowd[i], call_node(&d), cluster_key, 77, 0);
		USERNS_CHECK(
			speaker_write(&crowd[i], bytes, speaker_build_hello(&crowd[i], bytes)) == 0,
			"hello %zu", i);
	}
	for (size_t i = 0; i < GIVE_WAY; i++)
		USERNS_CHECK(speaker_hear_end(&crowd[i]) == 0, "stranger %zu is kept", i);
	child_await_descriptors_below(&d.node, before + CALLERS_MAX + 1);
	mate_join(&d.mate, &d.c, "mate");
	mate_link(&d.mate);
	child_await(&d.node, "link");
	for (size_t i = 0; i < CROWD; i++)
		speaker_close(&crowd[i]);
	mate_check_alive(&d.mate);
	duo_stop(&d);
}

/* A member that came in by the listener, before the node's own SYN got anywhere. */
CLUSTER_TEST(link, of_one_who_calls_first_is_taken)
{
	struct speaker_frame frame;
	struct duo d;

	duo_start(&d);
	/* The node's own attempt hangs in the mate's queue and is never answered. */
	speaker_init(&d.mate.link, call_node(&d), cluster_key, d.mate.id, 0);
	USERNS_CHECK(speaker_handshake(&d.mate.link) == 0, "no handshake");
	USERNS_CHECK(speaker_receive_type(&d.mate.link, FRAME_SELECT, &frame) == 0, "no SELECT");
	child_await(&d.node, "link");
	mate_check_alive(&d.mate);
	duo_stop(&d);
}

CLUSTER_TEST(link, survives_frames_that_its_version_does_not_know)
{
	static const uint8_t body[] = {1, 2, 3};
	struct duo d;

	duo_start_linked(&d);
	for (unsigned type = 0; type < 256; type++)
		if (type != FRAME_PING && type != FRAME_PONG)
			USERNS_CHECK(
				speaker_send(&d.mate.link, (uint8_t)type, body, sizeof(body)) == 0,
				"%u", type);
	mate_check_alive(&d.mate);
	duo_stop(&d);
}
