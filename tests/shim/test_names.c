/* SPDX-License-Identifier: MIT */
/* Members' names resolve to overlay addresses, in every function that resolves names. */
#include "tests/shim/guest.h"
#include "tests/shim/net.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

TestSuite(names, .timeout = 60);

/* A guest that has the table, in which "peer" is 198.18.0.8. */
static struct guest start(struct fakenode *node)
{
	struct guest guest;
	struct call call;

	*node = fakenode_start();
	fakenode_add(node, 0, "self", TABLE_SELF, "240.0.0.1");
	fakenode_add(node, 7, "peer", 0, "240.0.0.7");
	guest = guest_start(node, GUEST_SHIMMED);
	guest_tell(&guest, "resolve peer - 4");
	call = fakenode_take(node);
	cr_assert_eq(call.request.op, LOCAL_TABLE);
	fakenode_give_table(node, &call);
	cr_assert_str_eq(guest_hear(&guest), "198.18.0.8 v4 x1 -", "%s", guest.line);
	return guest;
}

Test(names, getaddrinfo_honours_services_and_hints)
{
	static const struct {
		const char *ask;
		const char *want;
	} cases[] = {
		{"peer 80 4", "198.18.0.8:80 v4 x1 -"},
		{"peer http 4", "198.18.0.8:80 v4 x1 -"},
		{"peer 80 0", "198.18.0.8:80 v4 x1 -"},
		{"PEER 80 4", "198.18.0.8:80 v4 x1 -"},
		{"self 80 4", "198.18.0.1:80 v4 x1 -"},
		{"peer 80 4 a", "198.18.0.8:80 v4 x1 -"},
		{"peer 80 4 p", "198.18.0.8:80 v4 x1 -"},
		{"peer 80 4 c", "198.18.0.8:80 v4 x1 peer"},
		{"peer 80 6 m", "198.18.0.8:80 v6 x1 -"},
		{"peer 80 4 n", "EAI_NONAME"},
		{"- 80 4 p", "0.0.0.0:80 v4 x1 -"},
		{"198.18.0.8 80 4 n", "198.18.0.8:80 v4 x1 -"},
	};
	struct fakenode node;
	struct guest guest = start(&node);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_str_eq(guest_ask(&guest, "resolve %s", cases[i].ask), cases[i].want,
				 "%s: %s", cases[i].ask, guest.line);
	cr_expect(fakenode_is_idle(&node), "the table is enough");
}

/* AI_ADDRCONFIG would hide IPv4 addresses from a machine that has none but 127.0.0.1. */
Test(names, do_not_depend_on_the_interfaces)
{
	struct fakenode node;
	struct guest guest;

	if (unshare(CLONE_NEWNET) < 0)
		cr_skip("only root can have a network namespace of his own here");
	guest = start(&node);
	cr_expect_str_eq(guest_ask(&guest, "resolve peer 80 4 a"), "198.18.0.8:80 v4 x1 -");
}

Test(names, a_member_without_a_v6_address_has_none)
{
	struct fakenode node;
	struct guest guest = start(&node);

	(void)guest_ask(&guest, "resolve peer 80 6");
	cr_expect_null(strstr(guest.line, "x1"), "%s", guest.line);
}

Test(names, gethostbyname_knows_members)
{
	struct fakenode node;
	struct guest guest = start(&node);

	cr_expect_str_eq(guest_ask(&guest, "host peer"), "peer 198.18.0.8 4 only");
	cr_expect_str_eq(guest_ask(&guest, "host peer 6"), "none NO_DATA");
	cr_expect_str_eq(guest_ask(&guest, "host_r peer 1024"), "peer 198.18.0.8 4 only");
	cr_expect_str_eq(guest_ask(&guest, "host_r peer 1024 4"), "peer 198.18.0.8 4 only");
	cr_expect_str_eq(guest_ask(&guest, "host_r peer 1024 6"), "none NO_DATA");
	cr_expect_str_eq(guest_ask(&guest, "host_r peer 16"), "ERANGE");
}

Test(names, other_names_fall_through)
{
	struct fakenode node;
	struct guest guest = start(&node);

	(void)guest_ask(&guest, "resolve localhost 80 4");
	cr_expect_eq(strncmp(guest.line, "127.0.0.1:80 v4", 15), 0, "%s", guest.line);
	(void)guest_ask(&guest, "host localhost");
	cr_expect_eq(strncmp(guest.line, "localhost 127.0.0.1 4", 21), 0, "%s", guest.line);
	(void)guest_ask(&guest, "host_r localhost 4095");
	cr_expect_eq(strncmp(guest.line, "localhost 127.0.0.1 4", 21), 0, "%s", guest.line);
	cr_expect(fakenode_is_idle(&node));
}

Test(names, change_with_the_table)
{
	struct fakenode node;
	struct guest guest = start(&node);
	struct table_row *row = &node.table->rows[1];

	atomic_fetch_add(&node.table->seq, 1);
	row->overlay = addr_v4(LOCAL_OVERLAY_NET + 9, 0);
	atomic_fetch_add(&node.table->seq, 1);
	cr_expect_str_eq(guest_ask(&guest, "resolve peer 80 4"), "198.18.0.9:80 v4 x1 -");
}
