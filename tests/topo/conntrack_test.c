/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a watch of a NAT's tracker tells. */
#include "topo/conntrack.h"

#include "base/clock.h"
#include "tests/support/userns.h"
#include "tests/topo/net.h"
#include "tests/topo/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 60000

struct setup {
	struct world world;
	size_t fn, seed;
	struct conntrack *watch;
};

static void set_up(struct setup *s)
{
	struct error err = {0};

	world_init(&s->world);
	s->fn = world_add_function(&s->world, world_preset("lambda"));
	s->seed = world_add_host(&s->world, "seed", WORLD_SEED_ADDR);
	world_apply(&s->world);
	USERNS_CHECK(conntrack_open(world_netns(&s->world, s->fn - 1), &s->watch, &err) == 0, "%s",
		     err.text);
}

static void tear_down(struct setup *s)
{
	conntrack_close(s->watch);
	world_done(&s->world);
}

static void process(struct setup *s)
{
	struct error err = {0};

	USERNS_CHECK(conntrack_process(s->watch, &err) == 0, "%s", err.text);
}

static void refresh(struct setup *s)
{
	struct error err = {0};

	USERNS_CHECK(conntrack_refresh(s->watch, &err) == 0, "%s", err.text);
}

static void check_is(const struct addr *addr, uint32_t host, uint16_t port)
{
	struct addr expected = addr_v4(host, port);
	char is[ADDR_TEXT_MAX], want[ADDR_TEXT_MAX];

	USERNS_CHECK(addr_equal(addr, &expected), "%s is not %s", addr_format(addr, is),
		     addr_format(&expected, want));
}

static const struct conntrack_flow *only_flow(const struct setup *s)
{
	const struct conntrack_flow *flow;
	size_t n;

	flow = conntrack_flows(s->watch, &n);
	USERNS_CHECK(n == 1, "%zu flows", n);
	return flow;
}

static void short_flow(void *arg)
{
	const struct conntrack_flow *flow;
	uint64_t before = clock_now();
	struct error err = {0};
	struct addr seen;
	struct setup s;
	int fd, accepted;

	(void)arg;
	set_up(&s);
	fd = net_connect(world_netns(&s.world, s.fn), 5000,
			 net_listen(world_netns(&s.world, s.seed), 80), WORLD_SEED_ADDR, 80,
			 &accepted, &seen);
	net_say(fd, 5000);
	net_hear(accepted, 5000);
	net_say(accepted, 300);
	net_hear(fd, 300);
	(void)close(fd);
	net_hear_end(accepted);
	(void)close(accepted);

	/* All of it is over; only the events can tell that it was. */
	process(&s);
	flow = only_flow(&s);
	USERNS_CHECK(flow->proto == IPPROTO_TCP, "%u", flow->proto);
	check_is(&flow->src, WORLD_FUNCTION_ADDR(0), 5000);
	check_is(&flow->dst, WORLD_SEED_ADDR, 80);
	check_is(&flow->reply_src, WORLD_SEED_ADDR, 80);
	check_is(&flow->reply_dst, WORLD_NAT_ADDR(0), 5000);
	USERNS_CHECK(flow->was_established, "never seen established");
	USERNS_CHECK(flow->established_at >= before && flow->established_at <= clock_now(),
		     "at another time");
	USERNS_CHECK(flow->tcp == CONNTRACK_TCP_CLOSING, "state %u", flow->tcp);
	USERNS_CHECK(!flow->gone, "already gone");

	refresh(&s);
	flow = only_flow(&s);
	USERNS_CHECK(flow->bytes > 5000 && flow->bytes < 6000, "%lu", (unsigned long)flow->bytes);
	USERNS_CHECK(flow->reply_bytes > 300 && flow->reply_bytes < 1000, "%lu",
		     (unsigned long)flow->reply_bytes);
	USERNS_CHECK(flow->expires_s > 0 && flow->expires_s <= 3600, "%u", flow->expires_s);

	/* The end brings the final counters, here by a second watch's flush. */
	{
		uint64_t bytes = flow->bytes, reply_bytes = flow->reply_bytes;
		struct conntrack *other;

		USERNS_CHECK(conntrack_open(world_netns(&s.world, s.fn - 1), &other, &err) == 0,
			     "%s", err.text);
		USERNS_CHECK(conntrack_flush(other, &err) == 0, "%s", err.text);
		conntrack_close(other);
		process(&s);
		flow = only_flow(&s);
		USERNS_CHECK(flow->gone && !flow->end_missed, "not gone");
		USERNS_CHECK(flow->bytes >= bytes && flow->reply_bytes >= reply_bytes,
			     "fewer bytes than before");
	}
	tear_down(&s);
}

Test(conntrack, sees_a_short_flow_whole)
{
	userns_test(short_flow, NULL, TIMEOUT_MS);
}

static void reset_flow(void *arg)
{
	struct linger hard = {.l_onoff = 1};
	struct addr seen;
	struct setup s;
	int fd, accepted;

	(void)arg;
	set_up(&s);
	fd = net_connect(world_netns(&s.world, s.fn), 5000,
			 net_listen(world_netns(&s.world, s.seed), 80), WORLD_SEED_ADDR, 80,
			 &accepted, &seen);
	USERNS_CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) == 0, "%m");
	(void)close(fd);
	do {
		net_wait_readable(conntrack_fd(s.watch));
		process(&s);
	} while (only_flow(&s)->tcp != CONNTRACK_TCP_CLOSED);
	USERNS_CHECK(only_flow(&s)->was_established, "never seen established");
	tear_down(&s);
}

Test(conntrack, tells_a_reset_from_an_orderly_end)
{
	userns_test(reset_flow, NULL, TIMEOUT_MS);
}

static void wakes_up(void *arg)
{
	struct pollfd p = {.events = POLLIN};
	struct addr seen;
	struct setup s;
	int accepted;

	(void)arg;
	set_up(&s);
	p.fd = conntrack_fd(s.watch);
	USERNS_CHECK(poll(&p, 1, 0) == 0, "events of nothing");
	(void)net_connect(world_netns(&s.world, s.fn), 5000,
			  net_listen(world_netns(&s.world, s.seed), 80), WORLD_SEED_ADDR, 80,
			  &accepted, &seen);
	USERNS_CHECK(poll(&p, 1, NET_PATIENCE_MS) == 1, "no event");
	process(&s);
	USERNS_CHECK(poll(&p, 1, 0) == 0, "events are left");
	tear_down(&s);
}

Test(conntrack, its_descriptor_wakes_an_event_loop)
{
	userns_test(wakes_up, NULL, TIMEOUT_MS);
}

static void flushes(void *arg)
{
	struct error err = {0};
	struct addr seen;
	struct setup s;
	size_t n;
	int accepted;

	(void)arg;
	set_up(&s);
	(void)net_connect(world_netns(&s.world, s.fn), 5000,
			  net_listen(world_netns(&s.world, s.seed), 80), WORLD_SEED_ADDR, 80,
			  &accepted, &seen);
	refresh(&s);
	(void)only_flow(&s);
	USERNS_CHECK(conntrack_flush(s.watch, &err) == 0, "%s", err.text);
	(void)conntrack_flows(s.watch, &n);
	USERNS_CHECK(n == 0, "%zu flows", n);
	refresh(&s);
	(void)conntrack_flows(s.watch, &n);
	USERNS_CHECK(n == 0, "the kernel still has %zu flows", n);
	tear_down(&s);
}

Test(conntrack, a_flush_forgets_all)
{
	userns_test(flushes, NULL, TIMEOUT_MS);
}

/* One datagram to each of @n ports of the seed: as many flows. */
static void send_many(const struct setup *s, uint16_t n)
{
	int fd = net_socket(world_netns(&s->world, s->fn), SOCK_DGRAM, 5000);

	for (uint16_t port = 1; port <= n; port++) {
		struct addr to = addr_v4(WORLD_SEED_ADDR, port);
		struct sockaddr_storage ss;
		int len = addr_to_sockaddr(&to, AF_INET, &ss);
		ssize_t sent = sendto(fd, "x", 1, 0, (const struct sockaddr *)&ss, (socklen_t)len);

		/* The seed's "port unreachable" of the one before comes back here. */
		if (sent < 0 && errno == ECONNREFUSED)
			sent = sendto(fd, "x", 1, 0, (const struct sockaddr *)&ss, (socklen_t)len);
		USERNS_CHECK(sent == 1, "%m");
	}
	(void)close(fd);
}

static void overrun(void *arg)
{
	enum { MANY = 3000 };
	uint64_t deadline = clock_now() + 10 * NS_PER_S;
	const struct conntrack_flow *flows;
	struct conntrack *other;
	struct error err = {0};
	struct setup s;
	size_t n, gone = 0, missed = 0;
	int small = 4096;

	(void)arg;
	set_up(&s);
	USERNS_CHECK(setsockopt(conntrack_fd(s.watch), SOL_SOCKET, SO_RCVBUF, &small,
				sizeof(small)) == 0,
		     "%m");
	send_many(&s, MANY);
	do {
		process(&s);
		(void)conntrack_flows(s.watch, &n);
	} while (n < MANY && clock_now() < deadline);
	USERNS_CHECK(n == MANY, "%zu flows", n);

	/* Their ends are lost as well. */
	USERNS_CHECK(conntrack_open(world_netns(&s.world, s.fn - 1), &other, &err) == 0, "%s",
		     err.text);
	USERNS_CHECK(conntrack_flush(other, &err) == 0, "%s", err.text);
	conntrack_close(other);
	process(&s);
	flows = conntrack_flows(s.watch, &n);
	for (size_t i = 0; i < n; i++) {
		gone += flows[i].gone;
		missed += flows[i].end_missed;
	}
	USERNS_CHECK(n == MANY && gone == MANY, "%zu of %zu gone", gone, n);
	USERNS_CHECK(missed > 0, "nothing was lost: the test proves nothing");
	userns_say("%zu of %d ends were lost and found by a dump", missed, MANY);
	tear_down(&s);
}

Test(conntrack, an_overrun_loses_nothing_that_is_open)
{
	userns_test(overrun, NULL, TIMEOUT_MS);
}

/* Meanwhile, in a process of its own. */
static pid_t begin_flush(const struct setup *s)
{
	struct conntrack *other;
	struct error err;
	pid_t pid = fork();

	USERNS_CHECK(pid >= 0, "%m");
	if (pid)
		return pid;
	if (conntrack_open(world_netns(&s->world, s->fn - 1), &other, &err) < 0 ||
	    conntrack_flush(other, &err) < 0)
		_exit(1);
	_exit(0);
}

/* The dump shows no more of it, and the event of its end comes after those that were read
 * before the dump. */
static void ends_meanwhile(void *arg)
{
	enum { MANY = 2000, ROUNDS = 5 };
	const struct conntrack_flow *flows;
	struct error err = {0};
	struct setup s;
	size_t n, during = 0;

	(void)arg;
	for (int round = 0; round < ROUNDS; round++) {
		int status = -1;
		pid_t pid;

		set_up(&s);
		send_many(&s, MANY);
		pid = begin_flush(&s);
		do {
			/* While it goes on, the table may not stand still long enough. */
			if (conntrack_refresh(s.watch, &err) < 0)
				continue;
			flows = conntrack_flows(s.watch, &n);
			for (size_t i = 0; i < n; i++) {
				during += flows[i].gone;
				USERNS_CHECK(flows[i].packets, "flow %zu of %zu is not known", i,
					     n);
			}
		} while (waitpid(pid, &status, WNOHANG) == 0);
		USERNS_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status 0x%x",
			     (unsigned)status);
		tear_down(&s);
	}
	userns_say("%zu ends seen", during);
}

Test(conntrack, a_flow_that_ends_during_a_refresh_is_known)
{
	userns_test(ends_meanwhile, NULL, TIMEOUT_MS);
}
