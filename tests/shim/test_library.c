/* SPDX-License-Identifier: MIT */
/* libboxer (boxer/boxer.h), with the shim and without it. */
#include "tests/shim/guest.h"
#include "tests/shim/net.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

TestSuite(library, .timeout = 60);

static struct fakenode start_node(void)
{
	struct fakenode node = fakenode_start();

	fakenode_add(&node, 0, "self", TABLE_SELF, "240.0.0.1");
	fakenode_add(&node, 7, "peer", 0, "127.0.0.1");
	return node;
}

static void open_boxer(struct fakenode *node, struct guest *guest)
{
	struct call call;

	guest_tell(guest, "open");
	call = fakenode_take(node);
	cr_assert_eq(call.request.op, LOCAL_TABLE);
	fakenode_give_table(node, &call);
	cr_assert_str_eq(guest_hear(guest), "0");
}

Test(library, says_why_it_can_not_attach)
{
	struct fakenode node = start_node();
	struct guest foreign = guest_start(&node, GUEST_FOREIGN);
	struct guest guest = guest_start(&node, GUEST_BARE);

	cr_expect_str_eq(guest_ask(&foreign, "open"), "ENXIO");
	fakenode_kill(&node);
	cr_expect_str_eq(guest_ask(&guest, "open"), "ECONNREFUSED");
}

/* The kernel tells who listens as he was when he began to. */
Test(library, does_not_talk_to_another_users_process)
{
	struct fakenode node;
	struct guest guest;

	if (geteuid() != 0)
		cr_skip("only root can be somebody else");
	/* For this thread alone, unlike seteuid(). */
	cr_assert_eq(syscall(SYS_setresuid, -1, 12345, -1), 0);
	node = start_node();
	cr_assert_eq(syscall(SYS_setresuid, -1, 0, -1), 0);
	guest = guest_start(&node, GUEST_BARE);
	cr_expect_str_eq(guest_ask(&guest, "open"), "EPERM");
}

Test(library, lists_and_finds_members)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_BARE);

	open_boxer(&node, &guest);
	cr_expect_str_eq(guest_ask(&guest, "members 0"), "2");
	cr_expect_str_eq(guest_ask(&guest, "members 1"), "2 0,self,1,198.18.0.1,240.0.0.1");
	cr_expect_str_eq(guest_ask(&guest, "members 4"), "2 0,self,1,198.18.0.1,240.0.0.1"
							 " 7,peer,0,198.18.0.8,127.0.0.1");
	cr_expect_str_eq(guest_ask(&guest, "member peer"), "7");
	cr_expect_str_eq(guest_ask(&guest, "member nobody"), "ENOENT");
	fakenode_add(&node, 9, "late", 0, "240.0.0.9");
	cr_expect_str_eq(guest_ask(&guest, "member late"), "9");
	cr_expect(fakenode_is_idle(&node), "the table is enough");
}

/*
 * As the node does: the socket that came with the question gets a port. A port that
 * the kernel had chosen would be lost when connect() fails.
 */
static uint16_t bind_socket(const struct call *call)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	struct addr unused;

	(void)close(net_listener(&unused));
	at.sin_port = htons(unused.port);
	cr_assert_geq(call->fd, 0, "the socket goes with the question");
	cr_assert_eq(bind(call->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return unused.port;
}

ParameterizedTestParameters(library, connects_and_asks_once)
{
	static enum guest_how ways[] = {GUEST_BARE, GUEST_SHIMMED};

	return cr_make_param_array(enum guest_how, ways, 2);
}

ParameterizedTest(enum guest_how *how, library, connects_and_asks_once)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, *how);
	struct addr there, from;
	struct addr wanted = addr_v4(LOCAL_OVERLAY_NET + 8, 80);
	int listener = net_listener(&there);
	struct call call;
	uint16_t port;

	open_boxer(&node, &guest);
	guest_tell(&guest, "reach peer 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	cr_expect(addr_equal(&call.request.target, &wanted));
	port = bind_socket(&call);
	call_answer(&call, 0, &there, -1);
	(void)net_accept(listener, &from);
	cr_expect_eq(from.port, port);
	cr_expect_str_eq(guest_hear(&guest), "0");
	guest_tell(&guest, "reach peer 81");
	call = fakenode_next(&node, LOCAL_PUNCH);
	call_answer(&call, ECONNREFUSED, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "ECONNREFUSED");
	cr_expect_str_eq(guest_ask(&guest, "reach nobody 80"), "ENOENT");
	cr_expect_str_eq(guest_ask(&guest, "reach self %u", there.port), "0");
	(void)net_accept(listener, NULL);
	cr_expect(fakenode_is_idle(&node));
}

/* Under the shim, the address that the node names is a member's as well. */
Test(library, is_not_hooked_itself)
{
	struct fakenode node = start_node();
	struct guest guest;
	struct addr outside;
	struct call call;

	/* TCP to there fails at once, and sends nothing. */
	fakenode_add(&node, 8, "far", 0, "255.255.255.255");
	cr_assert_eq(addr_parse("255.255.255.255:80", &outside), 0);
	guest = guest_start(&node, GUEST_SHIMMED);
	open_boxer(&node, &guest);
	guest_tell(&guest, "reach far 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	call_answer(&call, 0, &outside, -1);
	call = fakenode_next(&node, LOCAL_PUNCH);
	call_answer(&call, EHOSTUNREACH, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "EHOSTUNREACH");
	cr_expect(fakenode_is_idle(&node));
}

/* Same socket, same port: the node knows by them which ways it has named already. */
Test(library, asks_for_the_next_way_when_one_leads_nowhere)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_BARE);
	struct addr nowhere, there, from;
	int listener = net_listener(&nowhere);
	struct call first, second;
	uint16_t port;

	(void)close(listener);
	listener = net_listener(&there);
	open_boxer(&node, &guest);
	guest_tell(&guest, "reach peer 80");
	first = fakenode_next(&node, LOCAL_PUNCH);
	cr_expect_neq(first.request.cookie, 0);
	port = bind_socket(&first);
	call_answer(&first, 0, &nowhere, -1);
	second = fakenode_next(&node, LOCAL_PUNCH);
	cr_expect_eq(second.request.cookie, first.request.cookie);
	call_answer(&second, 0, &there, -1);
	(void)net_accept(listener, &from);
	cr_expect_eq(from.port, port);
	cr_expect_str_eq(guest_hear(&guest), "0");
	cr_expect(fakenode_is_idle(&node));
}

Test(library, gives_up_on_a_node_that_always_names_another_way)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_BARE);
	struct addr nowhere;
	struct call call;

	(void)close(net_listener(&nowhere));
	open_boxer(&node, &guest);
	guest_tell(&guest, "reach peer 80");
	for (int asked = 0; asked < 32; asked++) {
		call = fakenode_next(&node, LOCAL_PUNCH);
		call_answer(&call, 0, &nowhere, -1);
	}
	cr_expect_str_eq(guest_hear(&guest), "ECONNREFUSED");
	cr_expect(fakenode_is_idle(&node));
}

Test(library, takes_the_connection_that_the_node_has_made)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, GUEST_BARE);
	struct call call;
	int fds[2];
	char byte;

	open_boxer(&node, &guest);
	guest_tell(&guest, "reach peer 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	call_answer(&call, 0, NULL, fds[0]);
	cr_expect_str_eq(guest_hear(&guest), "0");
	/* It has closed it by now, and there was no other copy. */
	cr_expect_eq(read(fds[1], &byte, 1), 0);
	cr_expect(fakenode_is_idle(&node));
}

ParameterizedTestParameters(library, accepts_what_is_handed_over)
{
	static enum guest_how ways[] = {GUEST_BARE, GUEST_SHIMMED};

	return cr_make_param_array(enum guest_how, ways, 2);
}

ParameterizedTest(enum guest_how *how, library, accepts_what_is_handed_over)
{
	struct fakenode node = start_node();
	struct guest guest = guest_start(&node, *how);
	struct addr there, from;
	struct call call;
	int fds[2], signal;

	cr_assert_eq(addr_parse("203.0.113.5:4321", &from), 0);
	open_boxer(&node, &guest);
	cr_assert_eq(addr_parse(guest_ask(&guest, "serve"), &there), 0, "%s", guest.line);
	there = addr_v4(INADDR_LOOPBACK, there.port);
	signal = net_connect("127.77.3.9", &there);
	cr_assert_geq(signal, 0);
	guest_tell(&guest, "take");
	call = fakenode_next(&node, LOCAL_FETCH);
	cr_expect_eq(call.request.local.port, there.port);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	cr_assert_eq(write(fds[1], "hello", 5), 5);
	call_answer(&call, 0, &from, fds[0]);
	cr_expect_str_eq(guest_hear(&guest), "203.0.113.5:4321 'hello'");
	/* Who connects in the ordinary way is accepted in the ordinary way. */
	signal = net_connect(NULL, &there);
	cr_assert_eq(write(signal, "plain", 5), 5);
	cr_expect(strstr(guest_ask(&guest, "take"), "'plain'"), "%s", guest.line);
	cr_expect(fakenode_is_idle(&node));
}
