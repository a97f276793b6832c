/* SPDX-License-Identifier: MIT */
/*
 * The ways of connect() beside the one that is asked for and told: the SYN that
 * leaves early, the connection that the node has made, and another way where one
 * has failed.
 *
 *	probe (under the shim) -- asks --> the test, as its node
 *	      `----- connect() --> a port of the test, on 127.0.0.1
 */
#include "tests/shim/guest.h"
#include "tests/shim/net.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEER "198.18.0.8"

TestSuite(ways, .timeout = 60);

/* A node whose peer is this machine. */
static struct guest start(struct fakenode *node, uint32_t flags)
{
	*node = fakenode_start();
	fakenode_add(node, 7, "peer", flags, "127.0.0.1");
	return guest_start(node, GUEST_SHIMMED);
}

static struct addr closed_port(void)
{
	struct addr at;

	(void)close(net_listener(&at));
	return at;
}

static int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_state;
}

static void wait_state(int fd, int state)
{
	for (int i = 0; i < NET_DEADLINE_MS && tcp_state(fd) != state; i++)
		(void)poll(NULL, 0, 1);
	cr_assert_eq(tcp_state(fd), state);
}

static void check_says(struct guest *guest, int fd)
{
	char text[8] = "";

	cr_expect_str_eq(guest_ask(guest, "say hello"), "0");
	net_wait(fd, POLLIN, "what it says");
	cr_expect_eq(recv(fd, text, sizeof(text) - 1, 0), 5);
	cr_expect_str_eq(text, "hello");
}

/* ---- the connection that the node has made ---- */

static const struct {
	int family;
	const char *socket;
	const char *nonblock;
} sockets[] = {
	{AF_INET, "socket 4", "0"},
	{AF_INET, "socket 4 nonblock", "1"},
	{AF_INET6, "socket 6", "0"},
	{AF_INET6, "socket 6 nonblock", "1"},
};

ParameterizedTestParameters(ways, a_connection_takes_the_place_of_the_socket)
{
	static size_t rows[] = {0, 1, 2, 3};

	return cr_make_param_array(size_t, rows, 4);
}

/* Number, flags and options are the program's; the node's are close-on-exec, non-blocking. */
ParameterizedTest(size_t *row, ways, a_connection_takes_the_place_of_the_socket)
{
	char values[GUEST_LINE_MAX], fds[GUEST_LINE_MAX];
	struct fakenode node;
	struct guest guest = start(&node, 0);
	struct call call;
	uint64_t cookie;
	int pair[2];

	net_pair(sockets[*row].family, pair);
	cookie = net_cookie(pair[1]);
	cr_expect_str_eq(guest_ask(&guest, "%s", sockets[*row].socket), "0");
	cr_expect_str_eq(guest_ask(&guest, "options"), "failed:");
	(void)strcpy(values, guest_ask(&guest, "values"));
	(void)strcpy(fds, guest_ask(&guest, "fds"));
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	(void)call_check_socket(&call);
	call_answer(&call, 0, NULL, pair[1]);
	cr_expect_str_eq(guest_hear(&guest), "0");
	cr_expect_eq(strtoull(guest_ask(&guest, "cookie"), NULL, 10), cookie, "another socket");
	cr_expect_str_eq(guest_ask(&guest, "number nonblock socket"), sockets[*row].nonblock);
	cr_expect_str_eq(guest_ask(&guest, "number cloexec socket"), "1");
	cr_expect_str_eq(guest_ask(&guest, "values"), values);
	cr_expect_str_eq(guest_ask(&guest, "fds"), fds);
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " 80"), "EISCONN");
	cr_expect(fakenode_is_idle(&node));
}

Test(ways, a_connection_that_took_the_place_carries_bytes)
{
	struct fakenode node;
	struct guest guest = start(&node, 0);
	struct call call;
	int pair[2];

	net_pair(AF_INET, pair);
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	call_answer(&call, 0, NULL, pair[1]);
	cr_expect_str_eq(guest_hear(&guest), "0");
	check_says(&guest, pair[0]);
}

/* Whoever has too few descriptors hears of it, and nothing is left open. */
Test(ways, without_room_for_the_connection_it_fails)
{
	struct fakenode node;
	struct guest guest = start(&node, 0);
	char fds[GUEST_LINE_MAX];
	struct call call;
	int pair[2];

	net_pair(AF_INET, pair);
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	/* It maps the table, which takes descriptors for a moment. */
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	call_answer(&call, ETIMEDOUT, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "ETIMEDOUT");
	(void)strcpy(fds, guest_ask(&guest, "fds"));
	/* One for the question, none for the answer. */
	cr_expect_str_eq(guest_ask(&guest, "room 1"), "0");
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	call_answer(&call, 0, NULL, pair[1]);
	cr_expect_str_eq(guest_hear(&guest), "ENOBUFS");
	cr_expect_str_eq(guest_ask(&guest, "room 9"), "0");
	cr_expect_str_eq(guest_ask(&guest, "fds"), fds);
}

/* ---- early ---- */

Test(ways, a_blocking_connect_begins_early_too)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr there, from, name, wanted = addr_v4(LOCAL_OVERLAY_NET + 8, 0);
	int listener = net_listener(&there);
	struct call call;

	wanted.port = there.port;
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER " %u", there.port);
	call = fakenode_next(&node, LOCAL_CONNECTING);
	cr_expect(addr_equal(&call.request.target, &wanted));
	name = call_check_socket(&call);
	cr_expect_geq(name.port, CURSOR_PORT_FIRST);
	cr_expect_lt(name.port, CURSOR_PORT_FIRST + CURSOR_PORT_COUNT);
	/* The node says nothing, and nothing waits for it. */
	cr_expect_str_eq(guest_hear(&guest), "0");
	(void)net_accept(listener, &from);
	cr_expect_eq(from.port, name.port);
	cr_expect(fakenode_is_idle(&node));
}

/* No SYN without a node that knows of it. */
Test(ways, the_node_hears_of_an_early_connect_before_the_SYN_leaves)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct pollfd p = {.events = POLLIN};
	struct addr there;
	struct call call;

	p.fd = net_listener(&there);
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect 198.18.0.1 9");
	call = fakenode_take(&node);
	fakenode_give_table(&node, &call);
	cr_expect_str_eq(guest_hear(&guest), "EHOSTUNREACH");
	fakenode_kill(&node);
	cr_expect_str_eq(guest_ask(&guest, "connect " PEER " %u", there.port), "ENETUNREACH");
	cr_expect_eq(poll(&p, 1, 0), 0, "a SYN has left");
}

Test(ways, an_early_connect_passes_over_a_port_in_use)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr silent = net_silent(), first, second;
	struct call call;
	uint32_t cursor;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "thread " PEER " %u", silent.port);
	call = fakenode_next(&node, LOCAL_CONNECTING);
	first = call_check_socket(&call);
	/* Back to the port that the first socket still holds. */
	cursor = first.port - CURSOR_PORT_FIRST;
	atomic_store(&node.cursor->next, cursor);
	guest_tell(&guest, "threads 1 " PEER " %u", silent.port);
	call = fakenode_next(&node, LOCAL_CONNECTING);
	second = call_check_socket(&call);
	cr_expect_neq(second.port, first.port);
	cr_expect_geq(atomic_load(&node.cursor->next), cursor + 2);
}

Test(ways, an_early_connect_comes_round_to_the_first_port_again)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr there;
	int listener = net_listener(&there);

	atomic_store(&node.cursor->next, UINT32_MAX);
	for (int i = 0; i < 3; i++) {
		struct addr name;
		struct call call;

		cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
		guest_tell(&guest, "connect " PEER " %u", there.port);
		call = fakenode_next(&node, LOCAL_CONNECTING);
		name = call_check_socket(&call);
		cr_expect_geq(name.port, CURSOR_PORT_FIRST);
		cr_expect_lt(name.port, CURSOR_PORT_FIRST + CURSOR_PORT_COUNT);
		cr_expect_str_eq(guest_hear(&guest), "0");
		(void)net_accept(listener, NULL);
	}
}

Test(ways, an_early_connect_keeps_the_port_that_the_program_bound)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr there, from, local;
	int listener = net_listener(&there);
	struct call call;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	cr_expect_str_eq(guest_ask(&guest, "bind 127.0.0.1 0"), "0");
	cr_assert_eq(addr_parse(guest_ask(&guest, "name"), &local), 0);
	guest_tell(&guest, "connect " PEER " %u", there.port);
	call = fakenode_next(&node, LOCAL_CONNECTING);
	(void)call_check_socket(&call);
	cr_expect_str_eq(guest_hear(&guest), "0");
	(void)net_accept(listener, &from);
	cr_expect(addr_equal(&from, &local));
}

/* ---- another way ---- */

/* The program waits in connect(); the same socket asks. */
static struct call next_ask(const struct fakenode *node, const struct call *before)
{
	struct call call = fakenode_next(node, LOCAL_PUNCH);

	(void)call_check_socket(&call);
	cr_expect_eq(call.request.cookie, before->request.cookie);
	cr_expect(addr_equal(&call.request.target, &before->request.target));
	return call;
}

Test(ways, an_early_connect_that_the_node_gives_up_asks_for_another_way)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr silent = net_silent(), there;
	int listener = net_listener(&there);
	struct call first, second;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER " %u", silent.port);
	first = fakenode_next(&node, LOCAL_CONNECTING);
	wait_state(first.fd, TCP_SYN_SENT);
	cr_assert_eq(shutdown(first.fd, SHUT_RDWR), 0);
	second = next_ask(&node, &first);
	call_answer(&second, 0, &there, -1);
	cr_expect_str_eq(guest_hear(&guest), "0");
	check_says(&guest, net_accept(listener, NULL));
	cr_expect_str_eq(guest_ask(&guest, "so_error"), "0");
	cr_expect(fakenode_is_idle(&node));
}

Test(ways, an_early_connect_that_is_refused_asks_for_another_way)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr closed = closed_port();
	struct call first, second;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER " %u", closed.port);
	first = fakenode_next(&node, LOCAL_CONNECTING);
	second = next_ask(&node, &first);
	call_answer(&second, EHOSTUNREACH, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "EHOSTUNREACH");
	cr_expect_str_eq(guest_ask(&guest, "so_error"), "0");
	cr_expect(fakenode_is_idle(&node));
}

/* However the ways are mixed, until there is a connection. */
Test(ways, are_tried_until_one_leads_there)
{
	struct fakenode node;
	struct guest guest = start(&node, 0);
	struct addr closed = closed_port();
	struct call call;
	int pair[2];

	net_pair(AF_INET, pair);
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	for (int i = 0; i < 3; i++) {
		struct call before = call;

		call_answer(&call, 0, &closed, -1);
		call = next_ask(&node, &before);
	}
	call_answer(&call, 0, NULL, pair[1]);
	cr_expect_str_eq(guest_hear(&guest), "0");
	check_says(&guest, pair[0]);
}

/*
 * Found by reading: a socket that is shut down a moment after it has failed by itself
 * begins its next connection shut, and nothing can be sent on it.
 */
Test(ways, a_shutdown_that_comes_late_spoils_nothing)
{
	struct fakenode node;
	struct guest guest = start(&node, TABLE_EARLY);
	struct addr closed = closed_port(), there;
	int listener = net_listener(&there);
	struct call first, second;

	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER " %u", closed.port);
	first = fakenode_next(&node, LOCAL_CONNECTING);
	second = next_ask(&node, &first);
	(void)shutdown(second.fd, SHUT_RDWR);
	call_answer(&second, 0, &there, -1);
	cr_expect_str_eq(guest_hear(&guest), "0");
	check_says(&guest, net_accept(listener, NULL));
}

/* It goes on in the kernel, and the node knows how it ends. */
Test(ways, a_signal_ends_the_connect_that_was_told)
{
	struct fakenode node;
	struct guest guest = start(&node, 0);
	struct addr silent = net_silent();
	struct call call, result;
	int fd;

	cr_expect_str_eq(guest_ask(&guest, "handle plain"), "0");
	cr_expect_str_eq(guest_ask(&guest, "socket 4"), "0");
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	fd = dup(call.fd);
	call_answer(&call, 0, &silent, -1);
	wait_state(fd, TCP_SYN_SENT);
	cr_expect_str_eq(guest_signal_until_heard(&guest, SIGUSR1), "EINTR");
	cr_assert_eq(shutdown(fd, SHUT_RDWR), 0);
	cr_expect_str_eq(guest_ask(&guest, "epoll"), "woken hup");
	guest_tell(&guest, "so_error");
	result = fakenode_next(&node, LOCAL_RESULT);
	cr_expect_eq(result.request.cookie, call.request.cookie);
	call_answer(&result, ETIMEDOUT, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "ETIMEDOUT");
}

/* What one that does not wait was told fails as an early one does. */
Test(ways, one_that_does_not_wait_learns_the_reason_from_the_node)
{
	struct fakenode node;
	struct guest guest = start(&node, 0);
	struct addr silent = net_silent();
	struct call call, result;
	int fd;

	cr_expect_str_eq(guest_ask(&guest, "socket 4 nonblock"), "0");
	guest_tell(&guest, "connect " PEER " 80");
	call = fakenode_next(&node, LOCAL_PUNCH);
	fd = dup(call.fd);
	call_answer(&call, 0, &silent, -1);
	cr_expect_str_eq(guest_hear(&guest), "EINPROGRESS");
	cr_assert_eq(tcp_state(fd), TCP_SYN_SENT);
	cr_assert_eq(shutdown(fd, SHUT_RDWR), 0);
	cr_expect_str_eq(guest_ask(&guest, "epoll"), "woken hup");
	guest_tell(&guest, "connect " PEER " 80");
	result = fakenode_next(&node, LOCAL_RESULT);
	call_answer(&result, EHOSTUNREACH, NULL, -1);
	cr_expect_str_eq(guest_hear(&guest), "EHOSTUNREACH");
	cr_expect(fakenode_is_idle(&node));
}
