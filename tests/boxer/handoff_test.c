/* SPDX-License-Identifier: MIT */
/*
 * The hand-off: this test is the node, and the program as well. It accepts what
 * comes on its listener and fetches as the shim does.
 */
#include "boxer/handoff.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/local.h"
#include "boxer/sock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_NS (20 * NS_PER_S)

static const struct addr inside = {.family = AF_INET, .bytes = {10, 77, 0, 2}};

static struct ev_loop *loop;
static struct ev_timer ticker;
static struct handoff *handoff;

static void on_tick(struct ev_loop *l, struct ev_timer *w, int revents)
{
	(void)l;
	(void)w;
	(void)revents;
}

static void set_up(void)
{
	loop = ev_loop_new(0);
	cr_assert(loop);
	ev_timer_init(&ticker, on_tick, 0.005, 0.005);
	ev_timer_start(loop, &ticker);
	handoff = handoff_new(loop, &inside);
	cr_assert(handoff);
}

static void tear_down(void)
{
	handoff_free(handoff);
	ev_timer_stop(loop, &ticker);
	ev_loop_destroy(loop);
}

TestSuite(handoff, .init = set_up, .fini = tear_down);

static bool is_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) == 1;
}

static void run_until_ready(int fd, short events)
{
	uint64_t deadline = clock_now() + PATIENCE_NS;

	while (!is_ready(fd, events)) {
		cr_assert_lt(clock_now(), deadline, "waited in vain");
		ev_run(loop, EVRUN_ONCE);
	}
}

static void run_a_while(void)
{
	for (int i = 0; i < 20; i++)
		ev_run(loop, EVRUN_NOWAIT);
}

static int listener(int backlog, struct addr *ret_at)
{
	int fd;

	*ret_at = (struct addr){.family = AF_INET};
	fd = sock_shared(ret_at, AF_INET);
	cr_assert_geq(fd, 0);
	cr_assert_eq(sock_listen(fd, backlog), 0);
	cr_assert_eq(sock_local(fd, ret_at), 0);
	return fd;
}

/* A connection that the node holds, and its far end. */
struct held {
	int near, far;
	struct addr remote;
};

static struct held hold(uint32_t number)
{
	struct held h = {.remote = addr_v4(0xcb007100 + number, 4000)};
	struct addr at;
	int fd = listener(1, &at);

	at = addr_v4(INADDR_LOOPBACK, at.port);
	h.far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_geq(h.far, 0);
	cr_assert_eq(sock_connect(h.far, &at, AF_INET), 0);
	run_until_ready(fd, POLLIN);
	h.near = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	cr_assert_geq(h.near, 0);
	(void)close(fd);
	return h;
}

static struct held give(uint16_t port, uint32_t number)
{
	struct held h = hold(number);

	cr_assert_eq(handoff_give(handoff, port, h.near, &h.remote), 0);
	return h;
}

/* As the shim does: accept, look where it comes from. */
static int accept_signal(int fd, struct addr *ret_from)
{
	int signal;

	run_until_ready(fd, POLLIN);
	signal = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_geq(signal, 0);
	cr_assert_eq(sock_remote(signal, ret_from), 0);
	return signal;
}

/* ... and fetch. Return: the number of the connection's remote. */
static uint32_t fetch(int fd, uint16_t port, int *ret_conn)
{
	struct addr from, remote;
	cleanup_close int signal = accept_signal(fd, &from);

	*ret_conn = handoff_fetch(handoff, &from, port, &remote);
	cr_assert_geq(*ret_conn, 0, "%s", strerror(-*ret_conn));
	return addr_v4_value(&remote) - 0xcb007100;
}

static bool is_reset(int fd)
{
	char byte;

	run_until_ready(fd, POLLIN);
	return read(fd, &byte, 1) < 0 && errno == ECONNRESET;
}

Test(handoff, announces_a_connection_by_a_signal_of_one_byte)
{
	struct addr at, from, remote;
	cleanup_close int fd = listener(8, &at);
	struct held h = give(at.port, 1);
	cleanup_close int signal = accept_signal(fd, &from);
	char byte;
	int got;

	cr_expect_eq(addr_v4_value(&from) & LOCAL_SIGNAL_MASK, LOCAL_SIGNAL_NET);
	/* TCP_DEFER_ACCEPT: a listener with it wakes for data only. */
	run_until_ready(signal, POLLIN);
	cr_expect_eq(read(signal, &byte, 1), 1);
	cr_expect_eq(handoff_pending(handoff), 1);
	got = handoff_fetch(handoff, &from, at.port, &remote);
	cr_assert_eq(got, h.near);
	cr_expect(addr_equal(&remote, &h.remote));
	cr_expect_eq(handoff_pending(handoff), 0);
	cr_assert_eq(write(h.far, "x", 1), 1);
	run_until_ready(got, POLLIN);
	cr_expect_eq(read(got, &byte, 1), 1, "it is the connection itself");
	(void)close(got);
	(void)close(h.far);
}

Test(handoff, leaves_no_trace_of_a_signal_that_was_fetched)
{
	struct addr at, from, remote;
	cleanup_close int fd = listener(8, &at);
	struct held h = give(at.port, 1);
	cleanup_close int signal = accept_signal(fd, &from);
	int got = handoff_fetch(handoff, &from, at.port, &remote);

	cr_assert_geq(got, 0);
	run_a_while();
	cr_expect_not(is_ready(fd, POLLIN), "a second signal");
	/* Closed by a reset: no TIME_WAIT for each connection. */
	cr_expect(is_ready(signal, POLLIN | POLLHUP));
	(void)close(got);
	(void)close(h.far);
}

Test(handoff, keeps_the_order_of_arrival)
{
	enum { N = 20 };
	struct held h[N];
	struct addr at;
	cleanup_close int fd = listener(64, &at);

	for (uint32_t i = 0; i < N; i++)
		h[i] = give(at.port, i);
	for (uint32_t i = 0; i < N; i++) {
		int conn;

		cr_expect_eq(fetch(fd, at.port, &conn), i);
		(void)close(conn);
		(void)close(h[i].far);
	}
}

/* More signals than the queue holds would be dropped as SYNs and come a second later. */
Test(handoff, sends_no_more_signals_than_the_listener_has_room_for)
{
	enum { N = 12, BACKLOG = 2 };
	struct held h[N];
	struct sock_listener l;
	struct addr at;
	cleanup_close int fd = listener(BACKLOG, &at);

	for (uint32_t i = 0; i < N; i++)
		h[i] = give(at.port, i);
	run_a_while();
	cr_assert_eq(sock_find_listener(at.port, &inside, &l), 0);
	cr_expect(l.queued > 0 && l.queued <= BACKLOG, "%u in the queue", l.queued);
	cr_expect_eq(handoff_pending(handoff), N);
	for (uint32_t i = 0; i < N; i++) {
		int conn;

		cr_expect_eq(fetch(fd, at.port, &conn), i);
		(void)close(conn);
		(void)close(h[i].far);
	}
	cr_expect_eq(handoff_pending(handoff), 0);
}

Test(handoff, resets_what_comes_for_a_port_that_nobody_listens_on)
{
	struct addr at;
	struct held h;

	(void)close(listener(1, &at));
	h = hold(1);
	cr_expect_eq(handoff_give(handoff, at.port, h.near, &h.remote), -ECONNABORTED);
	cr_expect(is_reset(h.far));
	cr_expect_eq(handoff_pending(handoff), 0);
	(void)close(h.far);
}

Test(handoff, resets_what_waits_when_the_listener_is_closed)
{
	struct held h[4];
	struct addr at;
	int fd = listener(2, &at);

	for (uint32_t i = 0; i < 4; i++)
		h[i] = give(at.port, i);
	run_until_ready(fd, POLLIN);
	(void)close(fd);
	for (uint32_t i = 0; i < 4; i++) {
		cr_expect(is_reset(h[i].far), "connection %u", i);
		(void)close(h[i].far);
	}
	cr_expect_eq(handoff_pending(handoff), 0);
}

/* The program accepted the signal and died, but another of its processes listens. */
Test(handoff, signals_again_when_a_signal_was_lost)
{
	struct addr at, from;
	cleanup_close int fd = listener(8, &at);
	struct held h = give(at.port, 3);
	int conn;

	(void)close(accept_signal(fd, &from));
	cr_expect_eq(fetch(fd, at.port, &conn), 3);
	(void)close(conn);
	(void)close(h.far);
}

Test(handoff, gives_nothing_to_a_forger)
{
	struct addr at, from, remote, forged;
	cleanup_close int fd = listener(8, &at);
	struct held h = give(at.port, 1);
	cleanup_close int signal = accept_signal(fd, &from);

	(void)signal;
	forged = from;
	forged.port++;
	cr_expect_eq(handoff_fetch(handoff, &forged, at.port, &remote), -ENOENT, "other port");
	forged = from;
	forged.bytes[3]++;
	cr_expect_eq(handoff_fetch(handoff, &forged, at.port, &remote), -ENOENT, "other host");
	cr_expect_eq(handoff_fetch(handoff, &from, (uint16_t)(at.port + 1), &remote), -ENOENT,
		     "other listener");
	cr_expect_eq(handoff_pending(handoff), 1);
	(void)close(h.far);
}

static void assert_full(uint16_t port, size_t pending)
{
	struct held more = hold(1);

	cr_expect_eq(handoff_give(handoff, port, more.near, &more.remote), -ENOBUFS);
	cr_expect(is_reset(more.far));
	(void)close(more.far);
	cr_expect_eq(handoff_pending(handoff), pending);
}

/* A program that hangs fills its own port, and only many of them all there is. */
Test(handoff, holds_a_bounded_number_of_connections)
{
	enum { PORTS = HANDOFF_PENDING_MAX / HANDOFF_PORT_MAX };
	struct addr at[PORTS + 1];
	int fds[PORTS + 1];

	for (size_t p = 0; p <= PORTS; p++)
		fds[p] = listener(1, &at[p]);
	for (size_t p = 0; p < PORTS; p++) {
		for (uint32_t i = 0; i < HANDOFF_PORT_MAX; i++)
			/* Its far end is of no use here. */
			(void)close(give(at[p].port, i).far);
		assert_full(at[p].port, (p + 1) * HANDOFF_PORT_MAX);
	}
	assert_full(at[PORTS].port, HANDOFF_PENDING_MAX);
	for (size_t p = 0; p <= PORTS; p++)
		(void)close(fds[p]);
}

/* A listener without the shim: nobody ever fetches. */
Test(handoff, gives_up_a_listener_that_takes_signals_and_never_fetches)
{
	unsigned taken = 0;
	struct addr at;
	struct held h;
	int fd = listener(64, &at);

	h = give(at.port, 1);
	while (handoff_pending(handoff) > 0) {
		struct addr from;

		(void)close(accept_signal(fd, &from));
		taken++;
		cr_assert_leq(taken, HANDOFF_BREAKS_MAX + 1, "a storm of signals");
		/* The broken signal is noticed by the loop, and the next one sent after a pause. */
		while (handoff_pending(handoff) > 0 && !is_ready(fd, POLLIN))
			ev_run(loop, EVRUN_ONCE);
	}
	cr_expect_eq(taken, HANDOFF_BREAKS_MAX + 1);
	cr_expect(is_reset(h.far));
	(void)close(h.far);
	(void)close(fd);
}

Test(handoff, resets_everything_at_its_end)
{
	struct held h[3];
	struct addr at;
	cleanup_close int fd = listener(1, &at);

	(void)fd;
	for (uint32_t i = 0; i < 3; i++)
		h[i] = give(at.port, i);
	handoff_free(handoff);
	handoff = NULL;
	for (uint32_t i = 0; i < 3; i++) {
		cr_expect(is_reset(h[i].far), "connection %u", i);
		(void)close(h[i].far);
	}
}
