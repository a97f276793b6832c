/* SPDX-License-Identifier: MIT */
/*
 * accept() of a signal connection: the test, as the node, connects to the
 * guest's listener from 127.77.0.0/16, and hands over one end of a pair.
 */
#include "tests/shim/guest.h"
#include "tests/shim/net.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIGNAL_FROM "127.77.3.9"
#define PEER_TEXT   "203.0.113.5:4321"

TestSuite(accept, .timeout = 60);

/* A guest that listens on @host, and where it does. */
static struct guest start(struct fakenode *node, const char *family, const char *host,
			  struct addr *ret_addr)
{
	struct guest guest;

	*node = fakenode_start();
	guest = guest_start(node, GUEST_SHIMMED);
	cr_assert_str_eq(guest_ask(&guest, "socket %s", family), "0");
	cr_assert_str_eq(guest_ask(&guest, "bind %s 0", host), "0");
	cr_assert_str_eq(guest_ask(&guest, "listen 16"), "0");
	cr_assert_eq(addr_parse(guest_ask(&guest, "name"), ret_addr), 0, "%s", guest.line);
	*ret_addr = addr_v4(INADDR_LOOPBACK, ret_addr->port);
	return guest;
}

static struct addr peer(void)
{
	struct addr a;

	cr_assert_eq(addr_parse(PEER_TEXT, &a), 0);
	return a;
}

/* Take the question about the signal @fd and check it. */
static struct call take_fetch(const struct fakenode *node, int signal, const struct addr *listener)
{
	struct call call = fakenode_next(node, LOCAL_FETCH);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr from;

	cr_assert_eq(getsockname(signal, (struct sockaddr *)&ss, &len), 0);
	cr_assert_eq(addr_from_sockaddr((struct sockaddr *)&ss, len, &from), 0);
	cr_expect(addr_equal(&call.request.target, &from));
	cr_expect_eq(call.request.local.port, listener->port);
	return call;
}

struct flags_case {
	char family[4];
	char host[12];
	char words[8];
	char want[64];
};

ParameterizedTestParameters(accept, swaps_the_signal_for_the_connection)
{
	static struct flags_case cases[] = {
		{"4", "0.0.0.0", "", PEER_TEXT " v4 16"},
		{"4", "127.0.0.1", "n", PEER_TEXT " v4 16 nonblock"},
		{"4", "0.0.0.0", "c", PEER_TEXT " v4 16 cloexec"},
		{"4", "0.0.0.0", "nc", PEER_TEXT " v4 16 nonblock cloexec"},
		{"6", "::", "", PEER_TEXT " v6 28"},
		{"6", "::", "nc", PEER_TEXT " v6 28 nonblock cloexec"},
	};

	return cr_make_param_array(struct flags_case, cases, sizeof(cases) / sizeof(cases[0]));
}

/* Whatever O_NONBLOCK the node left on the connection: both are tried. */
ParameterizedTest(struct flags_case *c, accept, swaps_the_signal_for_the_connection)
{
	struct addr there, from = peer();
	struct fakenode node;
	struct guest guest = start(&node, c->family, c->host, &there);

	for (int nonblock = 0; nonblock < 2; nonblock++) {
		int signal = net_connect(SIGNAL_FROM, &there);
		struct call call;
		int pair[2];

		net_pair(*c->family == '6' ? AF_INET6 : AF_INET, pair);
		if (nonblock)
			cr_assert_eq(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
		cr_assert_eq(write(pair[0], "hello", 5), 5);
		guest_tell(&guest, "accept %s", c->words);
		call = take_fetch(&node, signal, &there);
		call_answer(&call, 0, &from, pair[1]);
		cr_expect_str_eq(guest_hear(&guest), c->want, "%s", guest.line);
		cr_expect_str_eq(guest_ask(&guest, "read"), "hello");
		/* The signal's end in the guest is gone. */
		net_wait(signal, POLLIN, "the signal's end");
		(void)close(signal);
		(void)close(pair[0]);
	}
}

Test(accept, leaves_no_other_descriptor_behind)
{
	struct addr there, from = peer();
	struct fakenode node;
	struct guest guest = start(&node, "4", "0.0.0.0", &there);
	int before = atoi(guest_ask(&guest, "fds"));

	for (int i = 0; i < 3; i++) {
		int signal = net_connect(SIGNAL_FROM, &there);
		struct call call;
		int pair[2];

		net_pair(AF_INET, pair);
		guest_tell(&guest, "accept");
		call = take_fetch(&node, signal, &there);
		call_answer(&call, 0, &from, pair[1]);
		(void)guest_hear(&guest);
	}
	cr_expect_eq(atoi(guest_ask(&guest, "fds")), before + 1);
}

static void compare_options(const char *family, const char *host)
{
	struct addr there, from = peer();
	struct fakenode node;
	struct guest guest = start(&node, family, host, &there);
	int ordinary, signal;
	struct call call;
	int pair[2];

	cr_assert_str_eq(guest_ask(&guest, "options"), "failed:", "%s", guest.line);
	ordinary = net_connect(NULL, &there);
	signal = net_connect(SIGNAL_FROM, &there);
	net_pair(*family == '6' ? AF_INET6 : AF_INET, pair);
	guest_tell(&guest, "compare");
	call = take_fetch(&node, signal, &there);
	call_answer(&call, 0, &from, pair[1]);
	cr_expect_str_eq(guest_hear(&guest), "differ:", "%s", guest.line);
	(void)close(ordinary);
}

Test(accept, gives_the_connection_the_options_that_the_kernel_would)
{
	compare_options("4", "0.0.0.0");
}

Test(accept, gives_a_v6_connection_the_options_that_the_kernel_would)
{
	compare_options("6", "::");
}

/* SO_RCVBUF and SO_SNDBUF, once set, stop the kernel from growing them. */
Test(accept, leaves_buffers_to_the_kernel_that_the_program_never_set)
{
	struct addr there, from = peer();
	struct fakenode node;
	struct guest guest = start(&node, "4", "0.0.0.0", &there);
	int signal = net_connect(SIGNAL_FROM, &there);
	struct call call;
	int pair[2];

	net_pair(AF_INET, pair);
	guest_tell(&guest, "accept");
	call = take_fetch(&node, signal, &there);
	call_answer(&call, 0, &from, pair[1]);
	(void)guest_hear(&guest);
	cr_expect_str_eq(guest_ask(&guest, "number rcvbuf-lock accepted"), "0");
}

Test(accept, cuts_the_address_to_the_room_there_is)
{
	struct addr there, from = peer();
	struct fakenode node;
	struct guest guest = start(&node, "4", "0.0.0.0", &there);
	int signal = net_connect(SIGNAL_FROM, &there);
	struct call call;
	int pair[2];

	net_pair(AF_INET, pair);
	guest_tell(&guest, "accept-short 6");
	call = take_fetch(&node, signal, &there);
	call_answer(&call, 0, &from, pair[1]);
	cr_expect_str_eq(guest_hear(&guest), "16 6");
	(void)net_connect(NULL, &there);
	cr_expect_str_eq(guest_ask(&guest, "accept-short 6"), "16 6", "as the kernel does");
}

Test(accept, of_an_ordinary_connection_asks_nobody)
{
	struct addr there;
	struct fakenode node;
	struct guest guest = start(&node, "4", "0.0.0.0", &there);
	int fd = net_connect(NULL, &there);

	cr_assert_eq(write(fd, "plain", 5), 5);
	(void)guest_ask(&guest, "accept");
	cr_expect_eq(strncmp(guest.line, "127.0.0.1:", 10), 0);
	cr_expect_str_eq(guest_ask(&guest, "read"), "plain");
	cr_expect(fakenode_is_idle(&node));
}

Test(accept, hands_a_forged_signal_out_as_what_it_is)
{
	struct addr there;
	struct fakenode node;
	struct guest guest = start(&node, "6", "::", &there);
	int forged = net_connect(SIGNAL_FROM, &there);
	struct call call;

	cr_assert_eq(write(forged, "forged", 6), 6);
	guest_tell(&guest, "accept c");
	call = take_fetch(&node, forged, &there);
	call_answer(&call, ENOENT, NULL, -1);
	cr_expect_eq(strncmp(guest_hear(&guest), SIGNAL_FROM ":", strlen(SIGNAL_FROM) + 1), 0);
	cr_expect_not_null(strstr(guest.line, "v6 28 cloexec"));
	cr_expect_str_eq(guest_ask(&guest, "read"), "forged");
}

Test(accept, of_a_blocking_listener_passes_over_a_connection_that_is_gone)
{
	struct addr there;
	struct fakenode node;
	struct guest guest = start(&node, "4", "0.0.0.0", &there);
	int signal = net_connect(SIGNAL_FROM, &there);
	struct call call;

	guest_tell(&guest, "accept");
	call = take_fetch(&node, signal, &there);
	call_answer(&call, ECONNRESET, NULL, -1);
	(void)net_connect(NULL, &there);
	cr_expect_eq(strncmp(guest_hear(&guest), "127.0.0.1:", 10), 0);
}

Test(accept, of_a_non_blocking_listener_gives_EAGAIN_for_a_connection_that_is_gone)
{
	struct addr there;
	struct fakenode node;
	struct guest guest = start(&node, "4 nonblock", "0.0.0.0", &there);
	int signal = net_connect(SIGNAL_FROM, &there);
	struct call call;
	int before = atoi(guest_ask(&guest, "fds"));

	guest_tell(&guest, "accept");
	call = take_fetch(&node, signal, &there);
	call_hang_up(&call);
	cr_expect_str_eq(guest_hear(&guest), "EAGAIN", "the node gave no answer");
	signal = net_connect(SIGNAL_FROM, &there);
	fakenode_kill(&node);
	cr_expect_str_eq(guest_ask(&guest, "accept"), "EAGAIN", "the node is dead");
	cr_expect_eq(atoi(guest_ask(&guest, "fds")), before);
}

/* One descriptor is left: enough for accept(), not for asking the node. */
Test(accept, without_room_for_the_connection_gives_EMFILE)
{
	struct addr there;
	struct fakenode node;
	struct guest guest = start(&node, "4", "0.0.0.0", &there);
	int before = atoi(guest_ask(&guest, "fds"));

	cr_expect_str_eq(guest_ask(&guest, "room 1"), "0");
	(void)net_connect(SIGNAL_FROM, &there);
	cr_expect_str_eq(guest_ask(&guest, "accept"), "EMFILE");
	(void)net_connect(NULL, &there);
	cr_expect_eq(strncmp(guest_ask(&guest, "accept"), "127.0.0.1:", 10), 0);
	cr_expect_str_eq(guest_ask(&guest, "room 100"), "0");
	cr_expect_eq(atoi(guest_ask(&guest, "fds")), before + 1);
}

/* Two are left: the question can be asked, but the answer has no place. */
Test(accept, without_room_for_the_answer_gives_EMFILE)
{
	struct addr there, from = peer();
	struct fakenode node;
	struct guest guest = start(&node, "4", "0.0.0.0", &there);
	int signal = net_connect(SIGNAL_FROM, &there);
	struct call call;
	int pair[2];

	net_pair(AF_INET, pair);
	cr_expect_str_eq(guest_ask(&guest, "room 2"), "0");
	guest_tell(&guest, "accept");
	call = take_fetch(&node, signal, &there);
	call_answer(&call, 0, &from, pair[1]);
	cr_expect_str_eq(guest_hear(&guest), "EMFILE");
	net_wait(pair[0], POLLIN, "the end of the connection that nobody could take");
}
