/* SPDX-License-Identifier: MIT */
/*
 * A blocking connect() to a member, as the program and as the node see it:
 *
 *	probe (under the shim) -- asks --> the test, as its node
 *	      `----- connect() --> a listener of the test, on 127.0.0.1
 */
#include "tests/shim/guest.h"
#include "tests/shim/net.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PEER	     "198.18.0.8"
#define PEER_OUTSIDE "255.255.255.255" /* TCP to there fails at once, and sends nothing */

TestSuite(connect, .timeout = 100);

static struct fakenode start_node(void)
{
	struct fakenode node = fakenode_start();

	fakenode_add(&node, 0, "self", TABLE_SELF, "240.0.0.1");
	fakenode_add(&node, 7, "peer", 0, PEER_OUTSIDE);
	return node;
}

static struct addr target(const char *host, uint16_t port)
{
	struct addr a;

	cr_assert_eq(addr_parse(host, &a), 0);
	a.port = port;
	return a;
}

Test(connect, asks_for_a_member_and_goes_where_it_is_told)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct addr there, from, wanted = target(PEER, 80);
	int listener = net_listener(&there);
	struct call call;
	uint16_t port;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	cr_expect(addr_equal(&call.request.target, &wanted));
	cr_expect_eq(call_check_socket(&call).port, 0, "binding it is the node's business");
	port = call_bind(&call);
	call_answer(&call, 0, &there, -1);
	cr_expect_str_eq(guest_hear(&guest), "0");
	(void)net_accept(listener, &from);
	cr_expect_eq(from.port, port);
	cr_expect_eq(guest_end(&guest), 0);
}

Test(connect, serves_a_v6_socket_with_a_mapped_address)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct addr there, from, wanted = target(PEER, 80);
	int listener = net_listener(&there);
	struct call call;
	uint16_t port;

	cr_expect_str_eq(guest_ask(&guest, "socket 6"), "0");
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	cr_expect(addr_equal(&call.request.target, &wanted));
	(void)call_check_socket(&call);
	port = call_bind(&call);
	call_answer(&call, 0, &there, -1);
	cr_expect_str_eq(guest_hear(&guest), "0");
	(void)net_accept(listener, &from);
	cr_expect_eq(from.port, port);
}

Test(connect, knows_a_member_by_its_external_address)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct addr wanted = target(PEER_OUTSIDE, 80);
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER_OUTSIDE " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	cr_expect(addr_equal(&call.request.target, &wanted));
	call_answer(&call, ECONNREFUSED, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "ECONNREFUSED");
}

Test(connect, takes_an_external_address_of_two_members_for_nobodys)
{
	struct fakenode node = start_node();
	struct guest guest;

	fakenode_add(&node, 8, "other", 0, PEER_OUTSIDE);
	guest = guest_start(&node, GUEST_SHIMMED);
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER_OUTSIDE " 80");
	struct call call = fakenode_take(&node);

	cr_expect_eq(call.request.op, LOCAL_TABLE);
	fakenode_give_table(&node, &call);
	cr_expect_str_eq(guest_hear(&guest), "ENETUNREACH");
	cr_expect(fakenode_is_idle(&node));
}

Test(connect, gives_the_errno_that_the_node_gives)
{
	static const struct {
		int error;
		const char *name;
	} cases[] = {
		{ECONNREFUSED, "ECONNREFUSED"}, {ETIMEDOUT, "ETIMEDOUT"},
		{EHOSTUNREACH, "EHOSTUNREACH"}, {-1, "EHOSTUNREACH"},
		{1 << 20, "EHOSTUNREACH"},
	};
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct call call;

		cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
		guest_tell(&guest, "connect " PEER " 80");
		call = fakenode_next(&node, LOCAL_PUNCH);
		call_answer(&call, cases[i].error, NULL, -1);
		cr_expect_str_eq(guest_hear(&guest), cases[i].name);
	}
}

Test(connect, to_an_overlay_address_that_nobody_has_fails_unasked)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect 198.19.255.1 80");
	call = fakenode_take(&node);
	cr_expect_eq(call.request.op, LOCAL_TABLE);
	fakenode_give_table(&node, &call);
	cr_expect_str_eq(guest_hear(&guest), "EHOSTUNREACH");
	cr_expect(fakenode_is_idle(&node));
}

Test(connect, sees_a_member_that_joined_later)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect 198.18.0.10 80");
	call = fakenode_take(&node);
	fakenode_give_table(&node, &call);
	cr_expect_str_eq(guest_hear(&guest), "EHOSTUNREACH");
	fakenode_add(&node, 9, "late", 0, "240.0.0.9");
	guest_tell(&guest, "connect 198.18.0.10 80");
	call = fakenode_take(&node);
	cr_expect_eq(call.request.op, LOCAL_PUNCH);
	call_answer(&call, ECONNREFUSED, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "ECONNREFUSED");
}

Test(connect, to_itself_goes_inside)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct addr there;
	int listener = net_listener(&there);
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect 198.18.0.1 %u", there.port);
	call = fakenode_take(&node);
	fakenode_give_table(&node, &call);
	cr_expect_str_eq(guest_hear(&guest), "0");
	(void)net_accept(listener, NULL);
	cr_expect(fakenode_is_idle(&node));
}

Test(connect, to_anybody_else_never_reaches_the_node)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct addr there;
	int listener = net_listener(&there);

	for (int i = 0; i < 3; i++) {
		cr_expect_str_eq(guest_ask(&guest, i % 2 ? "socket 6" : "socket 4"), "0");
		cr_expect_str_eq(guest_ask(&guest, "connect 127.0.0.1 %u", there.port), "0");
		(void)net_accept(listener, NULL);
	}
	cr_expect_eq(guest_end(&guest), 0);
	cr_expect(fakenode_is_idle(&node));
}

Test(connect, of_a_datagram_socket_is_libcs)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "socket udp"), "0");
	guest_tell(&guest, "connect " PEER_OUTSIDE " 80");
	call = fakenode_take(&node);
	cr_expect_eq(call.request.op, LOCAL_TABLE);
	fakenode_give_table(&node, &call);
	/* What the kernel says of a broadcast address. */
	cr_expect(strcmp(guest_hear(&guest), "EACCES") == 0 ||
			  strcmp(guest.line, "ENETUNREACH") == 0,
		  "%s", guest.line);
	cr_expect(fakenode_is_idle(&node));
}

Test(connect, keeps_the_port_that_the_program_bound)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	char bound[GUEST_LINE_MAX];
	struct addr local, name;
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	cr_expect_str_eq(guest_ask(&guest, "bind 127.0.0.1 0"), "0");
	(void)strcpy(bound, guest_ask(&guest, "name"));
	cr_assert_eq(addr_parse(bound, &local), 0);
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	name = call_check_socket(&call);
	cr_expect(addr_equal(&name, &local));
	call_answer(&call, ECONNREFUSED, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "ECONNREFUSED");
	cr_expect_str_eq(guest_ask(&guest, "name"), bound);
}

Test(connect, without_a_node_fails_and_does_not_end_the_program)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	fakenode_kill(&node);
	call_hang_up(&call);
	cr_expect_str_eq(guest_hear(&guest), "ENETUNREACH", "it died while it was asked");
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " 80"), "ENETUNREACH");
	cr_expect_eq(guest_end(&guest), 0);
}

Test(connect, to_the_overlay_fails_at_once_if_there_never_was_a_node)
{
	struct fakenode node = start_node();
	struct guest guest;

	fakenode_kill(&node);
	guest = guest_start(&node, GUEST_SHIMMED);
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " 80"), "EHOSTUNREACH");
}

Test(connect, does_not_believe_malformed_answers)
{
	struct local_reply good = {.version = LOCAL_VERSION, .addr = addr_v4(INADDR_LOOPBACK, 9)};
	struct local_reply old = good;
	char bytes[sizeof(good) + 1] = {0};
	const struct {
		const void *bytes;
		size_t len;
	} cases[] = {
		{bytes, sizeof(good) - 1},
		{bytes, sizeof(good) + 1},
		{bytes, 1},
		{&old, sizeof(old)},
	};
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);

	(void)memcpy(bytes, &good, sizeof(good));
	old.version++;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct call call;

		cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
		guest_tell(&guest, "connect " PEER " 80");
		call = fakenode_next(&node, LOCAL_PUNCH);
		call_answer_raw(&call, cases[i].bytes, cases[i].len, NULL, 0);
		cr_expect_str_eq(guest_hear(&guest), "ENETUNREACH", "case %zu", i);
	}
}

Test(connect, does_not_believe_a_malformed_table)
{
	struct local_reply reply = {.version = LOCAL_VERSION};
	struct fakenode node = start_node();
	int small = memfd_create("small", MFD_CLOEXEC);
	int empty = memfd_create("empty", MFD_CLOEXEC);
	const int cases[][3] = {
		{small, node.cursor_fd, -1},
		{empty, node.cursor_fd, -1},
		{node.table_fd, empty, -1},
		{node.table_fd, node.cursor_fd, small},
	};
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	char fds[GUEST_LINE_MAX];
	struct call call;

	cr_assert_eq(ftruncate(small, sizeof(struct table) - 1), 0);
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	(void)strcpy(fds, guest_ask(&guest, "fds"));
	for (size_t i = 0; i < 4; i++) {
		guest_tell(&guest, "connect " PEER " 80");
		call = fakenode_take(&node);
		cr_expect_eq(call.request.op, LOCAL_TABLE);
		call_answer_raw(&call, &reply, sizeof(reply), cases[i], cases[i][2] < 0 ? 2 : 3);
		cr_expect_str_eq(guest_hear(&guest), "EHOSTUNREACH", "case %zu", i);
	}
	cr_expect_str_eq(guest_ask(&guest, "fds"), fds);
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	call_answer(&call, ECONNREFUSED, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "ECONNREFUSED");
}

Test(connect, survives_a_node_that_died_while_it_wrote_the_table)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct call call;

	atomic_fetch_add(&node.table->seq, 1);
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_take(&node);
	fakenode_give_table(&node, &call);
	cr_expect_str_eq(guest_hear(&guest), "EHOSTUNREACH");
}

Test(connect, ends_at_a_signal_and_goes_on_in_the_background)
{
	struct fakenode node = start_node();
	struct guest guest;
	struct addr there;
	int listener = net_listener(&there);
	struct call call;

	fakenode_add(&node, 8, "near", 0, "127.0.0.1");
	guest = guest_start(&node, GUEST_SHIMMED);
	cr_expect_str_eq(guest_ask(&guest, "handle plain"), "0");
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect 198.18.0.9 %u", there.port);
	call = fakenode_next(&node, LOCAL_PUNCH);
	cr_expect_str_eq(guest_signal_until_heard(&guest, SIGUSR1), "EINTR");
	call_wait_hang_up(&call);
	call = fakenode_next(&node, LOCAL_CONNECTING);
	cr_expect_geq(call.fd, 0);
	cr_expect_str_eq(guest_ask(&guest, "number nonblock socket"), "0");
	(void)net_accept(listener, NULL);
	cr_expect_str_eq(guest_ask(&guest, "epoll"), "woken");
	cr_expect_str_eq(guest_ask(&guest, "so_error"), "0");
}

Test(connect, goes_on_after_a_handler_that_restarts)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct addr there;
	int listener = net_listener(&there);
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "handle restart"), "0");
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	for (int i = 0; i < 3; i++) {
		guest_wait_asleep(&guest);
		cr_assert_eq(kill(guest.pid, SIGUSR1), 0);
	}
	call_answer(&call, 0, &there, -1);
	cr_expect_str_eq(guest_hear(&guest), "0");
	(void)net_accept(listener, NULL);
	cr_expect(fakenode_is_idle(&node));
}

Test(connect, honours_SO_SNDTIMEO)
{
	struct fakenode node = start_node();
	struct guest guest;
	struct addr silent = net_silent();
	struct call call;

	fakenode_add(&node, 8, "near", 0, "127.0.0.1");
	guest = guest_start(&node, GUEST_SHIMMED);
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	cr_expect_str_eq(guest_ask(&guest, "sndtimeo 50"), "0");
	guest_tell(&guest, "connect 198.18.0.9 %u", silent.port);
	call = fakenode_next(&node, LOCAL_PUNCH);
	cr_expect_str_eq(guest_hear(&guest), "EINPROGRESS");
	call_wait_hang_up(&call);
	call = fakenode_next(&node, LOCAL_CONNECTING);
	cr_expect_str_eq(guest_ask(&guest, "connect 198.18.0.9 %u", silent.port), "EALREADY");
}

Test(connect, may_be_cancelled_while_it_waits)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	char fds[GUEST_LINE_MAX];
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	(void)strcpy(fds, guest_ask(&guest, "fds"));
	guest_tell(&guest, "thread " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	cr_expect_str_eq(guest_ask(&guest, "cancel"), "cancelled");
	call_wait_hang_up(&call);
	cr_expect_str_eq(guest_ask(&guest, "fds"), fds);
}

Test(connect, of_another_thread_does_not_live_on_in_a_forked_child)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct addr there;
	int listener = net_listener(&there);
	struct call parents, childs;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "thread " PEER " 80");
	parents = fakenode_next(&node, LOCAL_PUNCH);
	pid_t child = (pid_t)atoi(guest_ask(&guest, "fork " PEER " 81"));

	childs = fakenode_next(&node, LOCAL_PUNCH);
	cr_expect_eq(childs.request.target.port, 81);
	cr_assert_eq(kill(guest.pid, SIGKILL), 0);
	call_wait_hang_up(&parents);
	call_answer(&childs, 0, &there, -1);
	cr_expect_str_eq(guest_hear(&guest), "0", "the child goes its own way");
	(void)net_accept(listener, NULL);
	(void)kill(child, SIGKILL);
}

Test(connect, from_many_threads_at_once_maps_one_table)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct addr there;
	uint64_t seen[32];
	char fds[GUEST_LINE_MAX];

	(void)net_listener(&there);
	(void)strcpy(fds, guest_ask(&guest, "fds"));
	guest_tell(&guest, "threads 32 " PEER " 80");
	for (int i = 0; i < 32; i++) {
		struct call call = fakenode_next(&node, LOCAL_PUNCH);

		(void)call_check_socket(&call);
		seen[i] = call.request.cookie;
		for (int j = 0; j < i; j++)
			cr_expect_neq(seen[i], seen[j], "one socket twice");
		call_answer(&call, 0, &there, -1);
	}
	cr_expect_str_eq(guest_hear(&guest), "32");
	cr_expect_str_eq(guest_ask(&guest, "fds"), fds);
}

Test(connect, leaks_no_descriptor_however_often)
{
	const char *text = getenv("BOXER_TEST_CONNECTS");
	int n = text ? atoi(text) : 10000;
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct addr there;
	int listener = net_listener(&there);
	char want[GUEST_LINE_MAX];

	(void)snprintf(want, sizeof(want), "%d errors, 0 left", n / 2);
	guest_tell(&guest, "repeat %d " PEER " 80", n);
	for (int i = 0; i < n; i++) {
		struct call call = fakenode_next(&node, LOCAL_PUNCH);

		if (i % 2) {
			call_answer(&call, ECONNREFUSED, NULL, -1);
			continue;
		}
		call_answer(&call, 0, &there, -1);
		(void)close(net_accept(listener, NULL));
	}
	cr_expect_str_eq(guest_hear(&guest), want, "%s", guest.line);
}
