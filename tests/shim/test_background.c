/* SPDX-License-Identifier: MIT */
/*
 * A non-blocking connect() to a member: it starts at once, the node gets a copy
 * of the socket, and whatever the node does or does not do, nothing waits.
 */
#include "tests/shim/guest.h"
#include "tests/shim/net.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEER "198.18.0.8"

TestSuite(background, .timeout = 60);

/* A node whose peer is this machine, and a guest that has the table. */
static struct guest start(struct fakenode *node, uint32_t flags)
{
	struct guest guest;
	struct call call;

	*node = fakenode_start();
	fakenode_add(node, 7, "peer", flags, "127.0.0.1");
	guest = guest_start(node, GUEST_SHIMMED);
	guest_tell(&guest, "resolve peer - 4");
	call = fakenode_take(node);
	fakenode_give_table(node, &call);
	cr_assert_str_eq(guest_hear(&guest), PEER " v4 x1 -");
	cr_assert_str_eq(guest_ask(&guest, "socket 4 nonblock"), "0");
	return guest;
}

static int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_state;
}

/* The node gives up: SYN_SENT becomes CLOSE, and the program's poll wakes. */
static void give_up(struct call *call)
{
	cr_assert_eq(tcp_state(call->fd), TCP_SYN_SENT);
	cr_assert_eq(shutdown(call->fd, SHUT_RDWR), 0);
	call_hang_up(call);
}

Test(background, starts_at_once_and_hands_the_node_a_copy)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr silent = net_silent();
	struct addr wanted = addr_v4(LOCAL_OVERLAY_NET + 8, silent.port);
	struct call call;

	/* The node is silent: it does not even take the call. */
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", silent.port), "EINPROGRESS");
	cr_expect_str_eq(guest_ask(&guest, "slept"), "0");
	call = fakenode_next(&node, LOCAL_CONNECTING);
	cr_expect(addr_equal(&call.request.target, &wanted));
	cr_expect_geq(call_check_socket(&call).port, CURSOR_PORT_FIRST);
	cr_expect_eq(call.request.cookie, strtoull(guest_ask(&guest, "cookie"), NULL, 10));
	cr_expect_eq(tcp_state(call.fd), TCP_SYN_SENT);
}

Test(background, a_v6_socket_starts_at_once_too)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr silent = net_silent();
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "socket 6 nonblock"), "0");
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", silent.port), "EINPROGRESS");
	call = fakenode_next(&node, LOCAL_CONNECTING);
	cr_expect_eq(tcp_state(call.fd), TCP_SYN_SENT);
}

Test(background, failure_wakes_epoll_and_SO_ERROR_tells_the_nodes_reason)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr silent = net_silent();
	struct call call, result;

	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", silent.port), "EINPROGRESS");
	call = fakenode_next(&node, LOCAL_CONNECTING);
	guest_tell(&guest, "epoll");
	give_up(&call);
	cr_expect_str_eq(guest_hear(&guest), "woken hup");
	guest_tell(&guest, "so_error");
	result = fakenode_next(&node, LOCAL_RESULT);
	cr_expect_eq(result.request.cookie, call.request.cookie);
	call_answer(&result, ECONNREFUSED, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "ECONNREFUSED");
	cr_expect_str_eq(guest_ask(&guest, "so_error"), "0", "told once, as the kernel does");
	cr_expect(fakenode_is_idle(&node));
}

Test(background, a_second_connect_tells_the_nodes_reason)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr silent = net_silent();
	struct call call, result;

	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", silent.port), "EINPROGRESS");
	call = fakenode_next(&node, LOCAL_CONNECTING);
	give_up(&call);
	cr_expect_str_eq(guest_ask(&guest, "epoll"), "woken hup");
	guest_tell(&guest, "connect " PEER " %u", silent.port);
	result = fakenode_next(&node, LOCAL_RESULT);
	call_answer(&result, EHOSTUNREACH, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "EHOSTUNREACH");
	cr_expect_str_eq(guest_ask(&guest, "so_error"), "0");
	/* The third is a new attempt. */
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", silent.port), "EINPROGRESS");
	call = fakenode_next(&node, LOCAL_CONNECTING);
}

Test(background, a_second_connect_while_it_is_under_way_is_the_kernels)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr silent = net_silent();
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", silent.port), "EINPROGRESS");
	call = fakenode_next(&node, LOCAL_CONNECTING);
	(void)call;
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", silent.port), "EALREADY");
	cr_expect(fakenode_is_idle(&node));
}

Test(background, success_is_the_kernels_and_asks_nothing)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr there;
	int listener = net_listener(&there);
	struct call call;
	int fd;

	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", there.port), "EINPROGRESS");
	call = fakenode_next(&node, LOCAL_CONNECTING);
	fd = net_accept(listener, NULL);
	cr_expect_str_eq(guest_ask(&guest, "epoll"), "woken");
	cr_expect_str_eq(guest_ask(&guest, "so_error"), "0");
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", there.port), "0");
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", there.port), "EISCONN");
	/* A reset of the established connection is nobody's business but the program's. */
	struct linger reset = {.l_onoff = 1};

	(void)close(call.fd);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void)close(fd);
	cr_expect_str_eq(guest_ask(&guest, "epoll"), "woken hup");
	cr_expect_str_eq(guest_ask(&guest, "so_error"), "ECONNRESET");
	cr_expect(fakenode_is_idle(&node));
}

Test(background, what_the_node_knows_nothing_of_stays_as_the_kernel_has_it)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr silent = net_silent();
	struct call call, result;

	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", silent.port), "EINPROGRESS");
	call = fakenode_next(&node, LOCAL_CONNECTING);
	give_up(&call);
	cr_expect_str_eq(guest_ask(&guest, "epoll"), "woken hup");
	guest_tell(&guest, "so_error");
	result = fakenode_next(&node, LOCAL_RESULT);
	call_answer(&result, 0, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "ECONNRESET");
}

Test(background, a_refusal_by_the_network_is_the_kernels)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr closed;
	struct call call;

	(void)close(net_listener(&closed));
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", closed.port), "EINPROGRESS");
	call = fakenode_next(&node, LOCAL_CONNECTING);
	(void)call;
	cr_expect_str_eq(guest_ask(&guest, "epoll"), "woken hup");
	cr_expect_str_eq(guest_ask(&guest, "so_error"), "ECONNREFUSED");
	cr_expect(fakenode_is_idle(&node));
}

Test(background, without_a_node_it_fails_at_once)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr silent = net_silent();

	fakenode_kill(&node);
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", silent.port), "ENETUNREACH");
	cr_expect_str_eq(guest_ask(&guest, "slept"), "0");
}

Test(background, a_node_that_takes_no_calls_is_not_waited_for)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr silent = net_silent();
	int refused = 0;

	/* More calls than the node's backlog holds, none of them taken. */
	for (int i = 0; i < 80; i++) {
		cr_assert_str_eq(guest_ask(&guest, "socket 4 nonblock"), "0");
		(void)guest_ask(&guest, "connect " PEER " %u", silent.port);
		if (strcmp(guest.line, "ENETUNREACH") == 0)
			refused++;
		else
			cr_expect_str_eq(guest.line, "EINPROGRESS");
		cr_expect_str_eq(guest_ask(&guest, "slept"), "0");
	}
	cr_expect_gt(refused, 0);
}

Test(background, asks_first_where_an_early_SYN_would_be_refused)
{
	struct fakenode node;
	struct guest guest = start(&node, 0);
	struct addr there;
	int listener = net_listener(&there);
	struct call call;

	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	call_answer(&call, 0, &there, -1);
	cr_expect_str_eq(guest_hear(&guest), "EINPROGRESS");
	(void)net_accept(listener, NULL);
	cr_expect_str_eq(guest_ask(&guest, "epoll"), "woken");
	cr_expect_str_eq(guest_ask(&guest, "so_error"), "0");
	cr_expect(fakenode_is_idle(&node));
}

Test(background, does_not_wait_for_ever_where_it_must_ask_first)
{
	struct fakenode node;
	struct guest guest = start(&node, 0);
	struct call call;

	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	cr_expect_str_eq(guest_hear(&guest), "ETIMEDOUT");
	call_wait_hang_up(&call);
}
