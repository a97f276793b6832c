/* SPDX-License-Identifier: MIT */
/* A member as a relay: at its control port, beside the links that are made there. */
#include "base/cleanup.h"
#include "tests/boxer/asker.h"
#include "tests/boxer/mate.h"
#include "tests/boxer/node.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const uint8_t token[FRAME_TOKEN_LEN] = {5};

static int ask(const struct addr *relay, uint32_t from, uint32_t to)
{
	uint8_t frame[ASKER_FRAME_MAX];
	size_t len = asker_compose_relay(token, from, to, frame);
	int fd = asker_connect(NULL, relay);

	asker_say(fd, frame, len);
	return fd;
}

/* Return: the node's record, once it has come to @s. */
static struct frame_member find_node(struct speaker *s, uint32_t id)
{
	struct frame_member m;

	do
		m = cluster_next_member(s);
	while (m.id != id);
	return m;
}

CLUSTER_TEST(relays, a_member_joins_two_others_at_its_control_port)
{
	struct frame_joined joined;
	struct frame_member m;
	struct mate mate;
	struct cluster c;
	struct speaker s;
	struct child n;
	json_t *event;
	char byte;
	int a, b;

	cluster_start(&c, NULL);
	node_start(&n, &c, "node", "relay", "--relay", NULL);
	USERNS_CHECK(node_id(&n) == 0, "id");
	mate_join(&mate, &c, "mate");
	cluster_join(&c, &s, "other", &joined);
	m = find_node(&s, 0);
	USERNS_CHECK(m.flags & FRAME_FLAG_RELAY, "it does not say so");
	mate_link(&mate);
	/* The node has heard of both when it has a link to the one and knows the other. */
	do {
		event = child_event(&n, "member");
		byte = json_number(event, "id") == joined.id;
		json_decref(event);
	} while (!byte);
	a = ask(&m.external, mate.id, joined.id);
	b = ask(&m.external, joined.id, mate.id);
	USERNS_CHECK(asker_hear_relayed(a) == REASON_NONE && asker_hear_relayed(b) == REASON_NONE,
		     "not joined");
	asker_say(a, (const uint8_t *)"x", 1);
	USERNS_CHECK(poll(&(struct pollfd){.fd = b, .events = POLLIN}, 1, CHILD_PATIENCE_MS) == 1 &&
			     recv(b, &byte, 1, MSG_DONTWAIT) == 1 && byte == 'x',
		     "nothing came");
	(void)close(a);
	asker_hear_end(b);
	(void)close(b);
	child_await(&n, "relayed");
	/* Strangers are turned away, and links live on. */
	a = ask(&m.external, 77, joined.id);
	USERNS_CHECK(asker_hear_relayed(a) == REASON_NOT_A_MEMBER, "a stranger");
	mate_check_alive(&mate);
	child_signal(&n, SIGTERM);
	node_check_end(&n, 0, "");
	cluster_stop(&c);
}

CLUSTER_TEST(relays, a_member_that_was_not_told_to_hangs_up)
{
	struct frame_joined joined;
	struct frame_member m;
	struct cluster c;
	struct speaker s;
	struct child n;
	int fd;

	cluster_start(&c, NULL);
	node_start(&n, &c, "node", "a", NULL);
	USERNS_CHECK(node_id(&n) == 0, "id");
	cluster_join(&c, &s, "b", &joined);
	m = find_node(&s, 0);
	USERNS_CHECK(!(m.flags & FRAME_FLAG_RELAY), "it says so");
	fd = ask(&m.external, joined.id, 0);
	asker_hear_end(fd);
	child_signal(&n, SIGTERM);
	node_check_end(&n, 0, "");
	cluster_stop(&c);
}
