/* SPDX-License-Identifier: MIT */
/* The start of a guest: whom it waits for, and when it does not start at all. */
#include "base/cleanup.h"
#include "tests/boxer/node.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define GUEST GUEST_PATH

static char output[65536];

CLUSTER_TEST(start, waits_for_names)
{
	struct child n, other[2];
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--wait-name", "b,c", "--", GUEST, "end", "4", NULL);
	node_start(&other[0], &c, "node", "b", NULL);
	child_await(&n, "link");
	USERNS_CHECK(!child_has_said(&n, "ready"), "%s", n.text);
	node_start(&other[1], &c, "node", "c", NULL);
	node_check_end(&n, 4, "");
	node_stop(&other[0]);
	node_stop(&other[1]);
	cluster_stop(&c);
}

CLUSTER_TEST(start, waits_for_roles_its_own_included)
{
	struct child n, other[2];
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--role", "worker", "--wait-role", "worker=2", "--wait-role",
		   "store=1", "--", GUEST, "show", NULL);
	node_start(&other[0], &c, "node", "b", "--role", "store", NULL);
	child_await(&n, "link");
	USERNS_CHECK(!child_has_said(&n, "ready"), "%s", n.text);
	node_start(&other[1], &c, "node", "c", "--role", "worker", NULL);
	child_hear_all(&n, output, sizeof(output));
	USERNS_CHECK(strstr(output, "\nBOXER_ROLE=worker\n"), "%s", output);
	node_check_end(&n, 0, "");
	node_stop(&other[0]);
	node_stop(&other[1]);
	cluster_stop(&c);
}

static const char *const for_x_and_y[][2] = {
	{"--wait", "3"},
	{"--wait-name", "x,y"},
	{"--wait-role", "worker=2"},
};

static void await_member(struct child *n, const char *event, const char *name)
{
	json_t *e = NULL;

	do {
		json_decref(e);
		e = child_event(n, event);
	} while (strcmp(json_text(e, "name"), name) != 0);
	json_decref(e);
}

/* Found in a lab: x was lost and started again, and counted for two. */
CLUSTER_TEST(start, does_not_count_who_was_lost)
{
	struct child n, x, y;
	struct cluster c;
	json_t *ready;

	cluster_start(&c, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(for_x_and_y); i++) {
		node_start(&n, &c, "node", "a", for_x_and_y[i][0], for_x_and_y[i][1], NULL);
		(void)node_id(&n);
		for (int life = 0; life < 2; life++) {
			node_start(&x, &c, "node", "x", "--role", "worker", NULL);
			await_member(&n, "link", "x");
			child_signal(&x, SIGKILL);
			USERNS_CHECK(child_end(&x) == -SIGKILL, "end");
			await_member(&n, "member-left", "x");
		}
		node_start(&y, &c, "node", "y", "--role", "worker", NULL);
		await_member(&n, "link", "y");
		node_start(&x, &c, "node", "x", "--role", "worker", NULL);
		ready = child_event(&n, "ready");
		USERNS_CHECK(json_number(ready, "members") == 3, "%s: %d members",
			     for_x_and_y[i][0], (int)json_number(ready, "members"));
		json_decref(ready);
		node_stop(&x);
		node_stop(&y);
		node_stop(&n);
	}
	cluster_stop(&c);
}

/* A retry of one that has ended in good order counts once, too. */
CLUSTER_TEST(start, counts_who_is_started_again_once)
{
	struct child n, x, y;
	struct cluster c;
	json_t *ready;

	cluster_start(&c, NULL);
	node_start(&n, &c, "node", "a", "--wait", "3", NULL);
	(void)node_id(&n);
	for (int life = 0; life < 3; life++) {
		node_start(&x, &c, "node", "x", NULL);
		await_member(&n, "link", "x");
		node_stop(&x);
		await_member(&n, "member-left", "x");
	}
	USERNS_CHECK(!child_has_said(&n, "ready"), "%s", n.text);
	node_start(&y, &c, "node", "y", NULL);
	ready = child_event(&n, "ready");
	/* x has done its work. */
	USERNS_CHECK(json_number(ready, "members") == 2, "%d", (int)json_number(ready, "members"));
	json_decref(ready);
	node_stop(&y);
	node_stop(&n);
	cluster_stop(&c);
}

/* It is there again, but has no link yet: what it was before does not count for it. */
CLUSTER_TEST(start, waits_for_who_is_started_again)
{
	struct speaker mute;
	struct child n, x, y;
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&n, &c, "node", "a", "--wait", "3", NULL);
	(void)node_id(&n);
	node_start(&x, &c, "node", "x", NULL);
	await_member(&n, "link", "x");
	node_stop(&x);
	await_member(&n, "member-left", "x");
	(void)cluster_joins(&c, &mute, "x");
	await_member(&n, "member", "x");
	node_start(&y, &c, "node", "y", NULL);
	await_member(&n, "link", "y");
	node_stop(&y);
	await_member(&n, "member-left", "y");
	USERNS_CHECK(!child_has_said(&n, "ready"), "%s", n.text);
	cluster_leave(&mute);
	child_await(&n, "ready");
	node_stop(&n);
	cluster_stop(&c);
}

CLUSTER_TEST(start, says_who_has_not_come)
{
	struct child n;
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--timeout", "1", "--wait-name", "a,b", "--wait-role",
		   "store=2", "--", GUEST, "end", "0", NULL);
	node_check_failed(&n, "timeout");
	USERNS_CHECK(strstr(child_errors(&n), "0 of 2 in the role store; b has not joined"), "%s",
		     child_errors(&n));
	cluster_stop(&c);
}

CLUSTER_TEST(start, does_not_come_for_those_who_are_too_many)
{
	struct child first, second;
	struct cluster c;

	cluster_start(&c, "--members", "1", "--over-provision", NULL);
	node_start(&first, &c, "node", "a", NULL);
	child_await(&first, "ready");
	node_start(&second, &c, "run", "b", "--", GUEST, "end", "7", NULL);
	child_await(&second, "surplus");
	node_check_end(&second, 0, "there are enough members");
	USERNS_CHECK(!child_has_said(&second, "guest-start"), "%s", second.text);
	node_stop(&first);
	cluster_stop(&c);
}

/* All that a guest is shown is there when it is started. */
CLUSTER_TEST(start, finds_all_files)
{
	struct child n, other;
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&other, &c, "node", "b", "--wait", "2", NULL);
	(void)node_id(&other);
	node_start(&n, &c, "run", "a", "--wait", "2", "--dir", "/mnt/dir", "--", "/bin/cat",
		   "/mnt/dir/names", "/mnt/dir/ids", "/mnt/dir/id", NULL);
	child_hear_all(&n, output, sizeof(output));
	USERNS_CHECK(strcmp(output, "b\na\n0\n1\n1\n") == 0, "%s", output);
	node_check_end(&n, 0, "");
	USERNS_CHECK(access("/mnt/dir/names", F_OK) < 0 && access("/mnt/dir/ids", F_OK) < 0 &&
			     access("/mnt/dir/id", F_OK) < 0,
		     "something is left behind");
	node_stop(&other);
	cluster_stop(&c);
}
