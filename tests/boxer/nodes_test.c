/* SPDX-License-Identifier: MIT */
/*
 * Several nodes on one machine: links, the start gate, connections by name, and
 * what stays behind. Over loopback there is no NAT, so the nodes meet directly.
 */
#include "base/cleanup.h"
#include "boxer/sock.h"
#include "tests/base/random.h"
#include "tests/boxer/node.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define GUEST GUEST_PATH
#define NODES 50

static char output[65536];

CLUSTER_TEST(nodes, have_ids_of_their_own_and_link_to_each_other)
{
	struct child a, b;
	struct cluster c;
	json_t *event;

	cluster_start(&c, NULL);
	node_start(&a, &c, "node", "fn-a", "--wait", "2", NULL);
	USERNS_CHECK(node_id(&a) == 0, "id");
	node_start(&b, &c, "node", "fn-b", "--wait", "2", NULL);
	USERNS_CHECK(node_id(&b) == 1, "id");
	event = child_event(&a, "link");
	USERNS_CHECK(json_number(event, "id") == 1, "id");
	USERNS_CHECK(strcmp(json_text(event, "name"), "fn-b") == 0, "name");
	json_decref(event);
	event = child_event(&b, "link");
	USERNS_CHECK(json_number(event, "id") == 0, "id");
	json_decref(event);
	event = child_event(&a, "ready");
	USERNS_CHECK(json_number(event, "members") == 2 && json_number(event, "links") == 1, "%s",
		     a.text);
	json_decref(event);
	child_await(&b, "ready");
	node_stop(&b);
	event = child_event(&a, "member-left");
	USERNS_CHECK(json_number(event, "id") == 1, "id");
	USERNS_CHECK(strcmp(json_text(event, "name"), "fn-b") == 0, "name");
	USERNS_CHECK(strcmp(json_text(event, "reason"), "left") == 0, "reason");
	json_decref(event);
	node_stop(&a);
	cluster_stop(&c);
}

/* Both ends of a link say the same of it. */
CLUSTER_TEST(nodes, agree_about_their_link)
{
	struct child n[2];
	struct cluster c;
	json_t *event[2];

	cluster_start(&c, NULL);
	node_start(&n[0], &c, "node", "a", NULL);
	node_start(&n[1], &c, "node", "b", NULL);
	for (int i = 0; i < 2; i++)
		event[i] = child_event(&n[i], "link");
	for (int i = 0; i < 2; i++)
		USERNS_CHECK(
			strcmp(json_text(event[i], "local"), json_text(event[!i], "remote")) == 0,
			"%s and %s", json_text(event[i], "local"), json_text(event[!i], "remote"));
	for (int i = 0; i < 2; i++) {
		json_decref(event[i]);
		node_stop(&n[i]);
	}
	cluster_stop(&c);
}

CLUSTER_TEST(nodes, link_again_when_a_link_was_lost)
{
	struct child a, b, again;
	struct cluster c;
	json_t *event;

	cluster_start(&c, NULL);
	node_start(&a, &c, "node", "a", NULL);
	child_await(&a, "joined");
	node_start(&b, &c, "node", "b", NULL);
	child_await(&a, "link");
	child_signal(&b, SIGKILL);
	USERNS_CHECK(child_end(&b) == -SIGKILL, "it was not killed");
	child_await(&a, "member-left");
	node_start(&again, &c, "node", "b", NULL);
	event = child_event(&a, "link");
	USERNS_CHECK(json_number(event, "id") == 2, "id");
	json_decref(event);
	node_stop(&again);
	node_stop(&a);
	cluster_stop(&c);
}

CLUSTER_TEST(gate, opens_when_all_are_there_and_linked_and_not_before)
{
	struct child n[3];
	struct cluster c;

	cluster_start(&c, NULL);
	for (unsigned i = 0; i < 3; i++) {
		char name[] = {(char)('a' + i), '\0'};

		for (unsigned j = 0; j < i; j++)
			USERNS_CHECK(!child_has_said(&n[j], "ready"), "too early\n%s", n[j].text);
		node_start(&n[i], &c, "run", name, "--wait", "3", "--", GUEST, "stay", NULL);
		child_await(&n[i], "member");
	}
	for (unsigned i = 0; i < 3; i++) {
		json_t *event = child_event(&n[i], "ready");

		USERNS_CHECK(json_number(event, "members") == 3, "%s", n[i].text);
		USERNS_CHECK(json_number(event, "links") == 2, "%s", n[i].text);
		json_decref(event);
		child_hear(&n[i], output, sizeof(output));
	}
	for (unsigned i = 0; i < 3; i++) {
		child_signal(&n[i], SIGTERM);
		node_check_end(&n[i], 9, "");
	}
	cluster_stop(&c);
}

/* Found by it: who was fast had left before a slow one could count it. */
CLUSTER_TEST(gate, opens_for_the_slow_when_the_fast_have_left)
{
	unsigned long rounds = random_count(10);
	struct cluster c;

	cluster_start(&c, NULL);
	for (unsigned long round = 0; round < rounds; round++) {
		struct child n[4];

		for (unsigned i = 0; i < 4; i++) {
			char name[] = {(char)('a' + i), '\0'};

			node_start(&n[i], &c, "run", name, "--wait", "4", "--", GUEST, "end", "0",
				   NULL);
		}
		for (unsigned i = 0; i < 4; i++) {
			node_check_end(&n[i], 0, "");
			(void)close(n[i].errors);
		}
		for (unsigned i = 0; i < 4; i++)
			child_await(&c.seed, "leave");
	}
	cluster_stop(&c);
}

/* Over-provisioning: one member too many that can't be reached holds nobody. */
CLUSTER_TEST(gate, opens_past_a_member_that_nobody_can_link_to)
{
	struct speaker mute;
	struct child a, b;
	struct cluster c;

	cluster_start(&c, NULL);
	(void)cluster_joins(&c, &mute, "mute");
	node_start(&a, &c, "node", "a", "--wait", "2", NULL);
	USERNS_CHECK(!child_has_said(&a, "ready"), "linked to nobody\n%s", a.text);
	node_start(&b, &c, "node", "b", "--wait", "2", NULL);
	child_await(&a, "ready");
	child_await(&b, "ready");
	cluster_leave(&mute);
	node_stop(&a);
	node_stop(&b);
	cluster_stop(&c);
}

/* A node that serves, another one to connect from, and what their programs say. */
struct pair {
	struct cluster c;
	struct child a, b, server;
	char port[32];
};

static void start_pair(struct pair *p)
{
	cluster_start(&p->c, NULL);
	node_start(&p->a, &p->c, "node", "fn-a", NULL);
	USERNS_CHECK(node_id(&p->a) == 0, "id");
	node_start(&p->b, &p->c, "node", "fn-b", NULL);
	USERNS_CHECK(node_id(&p->b) == 1, "id");
	child_await(&p->a, "link");
	child_await(&p->b, "link");
	node_exec(&p->server, "--id", "0", "--", GUEST, "serve", NULL);
	child_hear(&p->server, p->port, sizeof(p->port));
}

static void stop_pair(struct pair *p)
{
	child_close_in(&p->server);
	node_check_end(&p->server, 0, "");
	node_stop(&p->a);
	node_stop(&p->b);
	cluster_stop(&p->c);
}

static void check_connects(struct pair *p, const char *id, const char *host, const char *port,
			   const char *later, const char *heard, int status)
{
	struct child n;

	node_exec(&n, "--id", id, "--", GUEST, "connect", host, port, later, NULL);
	child_hear(&n, output, sizeof(output));
	USERNS_CHECK(strcmp(output, heard) == 0, "%s to %s: %s\n%s\n%s", id, host, output,
		     p->a.text, p->b.text);
	node_check_end(&n, status, "");
	(void)close(n.errors);
}

static const char *const ways[] = {"fn-a", "FN-A", "198.18.0.1"};

CLUSTER_TEST(connection, is_made_by_name_and_by_overlay_address)
{
	struct pair p;

	start_pair(&p);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		json_t *event;

		check_connects(&p, "1", ways[i], p.port, NULL, "hello", 0);
		event = child_event(&p.b, "connect");
		USERNS_CHECK(json_number(event, "id") == 0, "id");
		USERNS_CHECK(json_number(event, "port") == atoi(p.port), "port");
		USERNS_CHECK(strcmp(json_text(event, "reason"), "none") == 0, "%s", p.b.text);
		USERNS_CHECK(strcmp(json_text(event, "strategy"), "simultaneous") == 0, "%s",
			     p.b.text);
		json_decref(event);
		event = child_event(&p.a, "accept");
		USERNS_CHECK(json_number(event, "id") == 1, "id");
		USERNS_CHECK(strcmp(json_text(event, "reason"), "none") == 0, "%s", p.a.text);
		json_decref(event);
	}
	stop_pair(&p);
}

CLUSTER_TEST(connection, is_made_by_a_program_that_does_not_wait)
{
	struct pair p;

	start_pair(&p);
	for (int i = 0; i < 5; i++)
		check_connects(&p, "1", "fn-a", p.port, "later", "hello", 0);
	stop_pair(&p);
}

CLUSTER_TEST(connection, to_oneself_is_made_too)
{
	struct pair p;

	start_pair(&p);
	check_connects(&p, "0", "fn-a", p.port, NULL, "hello", 0);
	stop_pair(&p);
}

CLUSTER_TEST(connection, to_a_port_that_nobody_listens_on_is_refused)
{
	struct addr a = addr_v4(INADDR_LOOPBACK, 0);
	cleanup_close int fd = -1;
	char port[16];
	json_t *event;
	struct pair p;

	start_pair(&p);
	fd = sock_shared(&a, AF_INET);
	USERNS_CHECK(fd >= 0 && sock_local(fd, &a) == 0, "%m");
	(void)snprintf(port, sizeof(port), "%u", a.port);
	check_connects(&p, "1", "fn-a", port, NULL, "ECONNREFUSED", 1);
	event = child_event(&p.b, "connect");
	USERNS_CHECK(strcmp(json_text(event, "reason"), "refused") == 0, "%s", p.b.text);
	json_decref(event);
	check_connects(&p, "1", "fn-a", port, "later", "ECONNREFUSED", 1);
	stop_pair(&p);
}

CLUSTER_TEST(connection, to_nobody_is_refused_in_the_right_words)
{
	struct pair p;

	start_pair(&p);
	check_connects(&p, "1", "198.18.0.77", p.port, NULL, "EHOSTUNREACH", 1);
	stop_pair(&p);
}

/* Without the shim on its side a listener's port can't be shared. */
CLUSTER_TEST(connection, to_a_program_outside_boxer_is_refused)
{
	char port[32];
	struct child bare;
	json_t *event;
	struct pair p;

	start_pair(&p);
	child_start(&bare, (const char *[]){GUEST, "serve", NULL}, NULL);
	child_hear(&bare, port, sizeof(port));
	check_connects(&p, "1", "fn-a", port, NULL, "ECONNREFUSED", 1);
	event = child_event(&p.b, "connect");
	USERNS_CHECK(strcmp(json_text(event, "reason"), "not-intercepted") == 0, "%s", p.b.text);
	json_decref(event);
	child_close_in(&bare);
	node_check_end(&bare, 0, "");
	stop_pair(&p);
}

/*
 * Fifty nodes, each with a link to each other one, come and go; the seed and one
 * node that stays are as they were.
 */
CLUSTER_TEST(nodes, come_and_go_by_the_dozen_and_leave_nothing_behind)
{
	static struct child n[NODES];
	unsigned long rounds = random_count(1);
	size_t seed_before, node_before;
	struct child stays;
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&stays, &c, "node", "stays", NULL);
	child_await(&stays, "ready");
	seed_before = child_descriptors_at_rest(&c.seed);
	node_before = child_descriptors_at_rest(&stays);
	for (unsigned long round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < NODES; i++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "n%u", i);
			node_start(&n[i], &c, "node", name, "--wait", "51", "--timeout", "100",
				   NULL);
		}
		for (unsigned i = 0; i < NODES; i++)
			child_await(&n[i], "ready");
		for (unsigned i = 0; i < NODES; i++)
			child_signal(&n[i], i % 5 ? SIGTERM : SIGKILL);
		for (unsigned i = 0; i < NODES; i++) {
			int status = child_end(&n[i]);

			USERNS_CHECK(status == (i % 5 ? 0 : -SIGKILL), "%d\n%s", status,
				     child_errors(&n[i]));
			(void)close(n[i].errors);
		}
		for (unsigned i = 0; i < NODES; i++) {
			child_await(&c.seed, "leave");
			child_await(&stays, "member-left");
		}
	}
	child_await_descriptors(&c.seed, seed_before);
	child_await_descriptors(&stays, node_before);
	node_stop(&stays);
	cluster_stop(&c);
}
