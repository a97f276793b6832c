/* SPDX-License-Identifier: MIT */
/* An attempt at a link that goes on being refused: both sides agree upon a time. */
#include "boxer/parallel.h"

#include "base/cleanup.h"
#include "boxer/sock.h"
#include "tests/boxer/side.h"

#include <poll.h>

TestSuite(parallel, .init = side_set_up, .fini = side_tear_down);

#define AGREE_NS (50 * NS_PER_MS)

/** struct owner - what the attempt has asked and told */
struct owner {
	struct parallel *p;
	unsigned agreed, won, failed;
	uint64_t delay, agreed_at;
};

static void on_won(void *arg, struct channel *ch)
{
	struct owner *o = arg;

	o->won++;
	channel_free(ch);
}

static void on_failed(void *arg, enum reason reason)
{
	struct owner *o = arg;

	(void)reason;
	o->failed++;
}

static uint64_t on_agree(void *arg)
{
	struct owner *o = arg;

	o->agreed++;
	o->agreed_at = clock_now();
	return o->delay;
}

static const struct parallel_ops ops = {on_won, on_failed, on_agree};

/* A port of loopback on which nobody listens; the test may begin to. */
static struct addr closed_port(void)
{
	struct addr a = addr_v4(INADDR_LOOPBACK, 0);
	cleanup_close int fd = sock_shared(&a, AF_INET);

	cr_assert(fd >= 0 && sock_local(fd, &a) == 0);
	return a;
}

static void begin(struct owner *o, uint32_t self, uint32_t peer, const struct addr *to)
{
	const struct parallel_config config = {
		.loop = side_loop,
		.key = side_key,
		.self = self,
		.peer = peer,
		.local = closed_port(),
		.silence_ns = 10 * NS_PER_S,
	};

	o->p = parallel_start(&config, to, 1, &ops, o);
	cr_assert(o->p);
}

Test(parallel, agrees_upon_a_time_after_two_refusals_and_waits_for_it)
{
	struct addr to = closed_port();
	struct owner o = {.delay = AGREE_NS};
	struct pollfd p = {.events = POLLIN};
	int fd;

	begin(&o, 1, 2, &to);
	RUN_UNTIL(o.agreed);
	fd = sock_shared(&to, AF_INET);
	cr_assert(fd >= 0 && sock_listen(fd, 4) == 0);
	p.fd = fd;
	RUN_UNTIL(poll(&p, 1, 0) == 1);
	cr_expect_geq(clock_now() - o.agreed_at, AGREE_NS, "it came too early");
	cr_expect_eq(o.agreed, 1);
	parallel_free(o.p);
	(void)close(fd);
}

Test(parallel, leaves_the_time_to_the_other_side_which_selects)
{
	struct addr to = closed_port();
	struct owner o = {.delay = AGREE_NS};
	uint64_t until = clock_now() + 500 * NS_PER_MS;

	begin(&o, 2, 1, &to);
	RUN_UNTIL(clock_now() >= until);
	parallel_now(o.p);
	cr_expect(!o.agreed && !o.won && !o.failed);
	parallel_free(o.p);
}

Test(parallel, tries_alone_where_the_other_side_can_not_be_told)
{
	struct addr to = closed_port();
	struct owner o = {0};
	struct pollfd p = {.events = POLLIN};
	int fd;

	begin(&o, 1, 2, &to);
	RUN_UNTIL(o.agreed);
	fd = sock_shared(&to, AF_INET);
	cr_assert(fd >= 0 && sock_listen(fd, 4) == 0);
	p.fd = fd;
	RUN_UNTIL(poll(&p, 1, 0) == 1);
	parallel_free(o.p);
	(void)close(fd);
}
