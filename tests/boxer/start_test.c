/* SPDX-License-Identifier: MIT */
/* The start of a guest: whom it waits for, and when it does not start at all. */
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
