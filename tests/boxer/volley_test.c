/* SPDX-License-Identifier: MIT */
/* Volleys, at ports of 127.0.0.2: some silent, some refusing, some listening. */
#include "boxer/volley.h"

#include "base/cleanup.h"
#include "boxer/sock.h"
#include "tests/boxer/chance.h"
#include "tests/boxer/stage.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MET_MAX 512

/** struct watch - what a volley has told its owner, and when it frees it */
struct watch {
	struct volley *volley;
	struct addr met[MET_MAX];
	int fds[MET_MAX];
	size_t n_met;
	unsigned over;
	uint16_t next_port;
	bool free_when_connected, free_when_over;
};

static void free_volley(struct watch *w)
{
	volley_free(w->volley);
	w->volley = NULL;
}

static void on_connected(void *arg, int fd, const struct addr *remote)
{
	struct watch *w = arg;

	USERNS_CHECK(w->n_met < MET_MAX, "too many");
	w->met[w->n_met] = *remote;
	w->fds[w->n_met++] = fd;
	if (w->free_when_connected)
		free_volley(w);
}

static void on_over(void *arg)
{
	struct watch *w = arg;

	w->over++;
	if (w->free_when_over)
		free_volley(w);
}

static uint16_t next_port(void *arg)
{
	struct watch *w = arg;

	return w->next_port++;
}

static struct volley_plan plan_for(struct watch *w, const struct addr *remote)
{
	*w = (struct watch){.next_port = 20000};
	return (struct volley_plan){
		.loop = stage.node.loop,
		.family = AF_INET,
		.local = addr_v4(STAGE_NODE, 0),
		.next_port = next_port,
		.remote = *remote,
		.sockets = 1,
		.rounds = 1,
		.hold_ns = 20 * NS_PER_MS,
		.connected = on_connected,
		.over = on_over,
		.arg = w,
	};
}

static void begin(struct watch *w, const struct volley_plan *plan)
{
	w->volley = volley_new(plan);
	USERNS_CHECK(w->volley && w->n_met == 0 && w->over == 0, "told before it has begun");
}

static void close_met(struct watch *w)
{
	while (w->n_met > 0)
		(void)close(w->fds[--w->n_met]);
}

STAGE_TEST(volley, of_one_aim_comes_from_fresh_ports)
{
	struct volley_plan plan;
	struct watch w;
	struct addr at, local;
	int listener = stage_listen(STAGE_PEER, &at);

	plan = plan_for(&w, &at);
	plan.aim = VOLLEY_SAME;
	plan.sockets = 8;
	begin(&w, &plan);
	STAGE_UNTIL(w.n_met == 8);
	for (size_t i = 0; i < w.n_met; i++) {
		USERNS_CHECK(addr_equal(&w.met[i], &at), "elsewhere");
		USERNS_CHECK(sock_local(w.fds[i], &local) == 0 && local.port >= 20000 &&
				     local.port < 20008,
			     "port %u", local.port);
	}
	STAGE_UNTIL(w.over == 1);
	free_volley(&w);
	close_met(&w);
	(void)close(listener);
}

STAGE_TEST(volley, in_steps_leaves_one_port_for_many)
{
	struct volley_plan plan;
	struct watch w;
	struct addr at, from;
	int listener = stage_listen(STAGE_PEER, &at), fd;

	plan = plan_for(&w, &at);
	plan.aim = VOLLEY_STEPS;
	plan.local.port = 20100;
	plan.step = -3;
	plan.sockets = 5;
	/* The fourth of the five. */
	plan.remote.port = (uint16_t)(at.port + 9);
	begin(&w, &plan);
	fd = stage_accept(listener, &from);
	USERNS_CHECK(from.port == 20100, "from port %u", from.port);
	STAGE_UNTIL(w.n_met == 1);
	USERNS_CHECK(addr_equal(&w.met[0], &at), "port %u", w.met[0].port);
	free_volley(&w);
	close_met(&w);
	(void)close(fd);
	(void)close(listener);
}

/* Ports wrap around, and 0 is none. */
STAGE_TEST(volley, in_steps_goes_over_the_last_port)
{
	struct addr at = addr_v4(STAGE_PEER, 65534);
	struct volley_plan plan;
	struct watch w;

	plan = plan_for(&w, &at);
	plan.aim = VOLLEY_STEPS;
	plan.step = 1;
	plan.sockets = 4;
	begin(&w, &plan);
	STAGE_UNTIL(w.over == 1);
	USERNS_CHECK(w.n_met == 0, "met somebody");
	free_volley(&w);
}

/* Who listens on every port of a range sees how it is covered. */
#define SEEN_FIRST 30000u
#define SEEN_PORTS 256u

STAGE_TEST(volley, at_random_meets_no_port_twice)
{
	static int listeners[SEEN_PORTS];
	static bool seen[SEEN_PORTS];
	struct addr at = addr_v4(STAGE_PEER, 1);
	struct volley_plan plan;
	struct rlimit many = {4096, 4096};
	struct watch w;

	(void)setrlimit(RLIMIT_NOFILE, &many);
	for (unsigned i = 0; i < SEEN_PORTS; i++) {
		struct addr a = addr_v4(STAGE_PEER, (uint16_t)(SEEN_FIRST + i));

		listeners[i] = sock_shared(&a, AF_INET);
		USERNS_CHECK(listeners[i] >= 0 && sock_listen(listeners[i], 8) == 0, "%m");
	}
	plan = plan_for(&w, &at);
	plan.aim = VOLLEY_RANDOM;
	plan.local.port = 20200;
	plan.sockets = VOLLEY_SOCKETS_MAX;
	plan.rounds = 0;
	plan.hold_ns = NS_PER_MS;
	begin(&w, &plan);
	/* Two hundred rounds are 51,200 of 64,512 ports; about 200 of these are met. */
	STAGE_UNTIL(w.n_met >= 64);
	free_volley(&w);
	for (size_t i = 0; i < w.n_met; i++) {
		unsigned port = w.met[i].port - SEEN_FIRST;

		USERNS_CHECK(port < SEEN_PORTS && !seen[port], "port %u twice", w.met[i].port);
		seen[port] = true;
	}
	USERNS_CHECK(w.over == 0, "it is never over");
	close_met(&w);
}

STAGE_TEST(volley, holds_its_rounds)
{
	int fds[2];
	struct addr at;
	struct volley_plan plan;
	uint64_t begun = clock_now();
	struct watch w;

	/* Nobody answers. */
	fds[0] = stage_listen(STAGE_PEER, &at);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(listen(fds[0], 0) == 0 && sock_connect(fds[1], &at, AF_INET) == 0, "%m");
	plan = plan_for(&w, &at);
	plan.sockets = 3;
	plan.rounds = 4;
	plan.jitter_ns = NS_PER_MS;
	begin(&w, &plan);
	STAGE_UNTIL(w.over == 1);
	USERNS_CHECK(clock_now() - begun >= 4 * plan.hold_ns - 10 * NS_PER_MS, "too soon");
	USERNS_CHECK(w.next_port == 20012, "%u sockets", w.next_port - 20000u);
	free_volley(&w);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* What is refused is fired again in the next round. */
STAGE_TEST(volley, goes_on_after_refusals)
{
	struct volley_plan plan;
	struct watch w;
	struct addr at;
	int listener;

	(void)close(stage_listen(STAGE_PEER, &at));
	plan = plan_for(&w, &at);
	plan.rounds = 0;
	plan.hold_ns = 5 * NS_PER_MS;
	begin(&w, &plan);
	STAGE_UNTIL(w.next_port > 20003);
	listener = sock_shared(&at, AF_INET);
	USERNS_CHECK(listener >= 0 && sock_listen(listener, 4) == 0, "%m");
	STAGE_UNTIL(w.n_met == 1);
	free_volley(&w);
	close_met(&w);
	(void)close(listener);
}

STAGE_TEST(volley, may_be_freed_where_it_calls_back)
{
	struct addr nobody = addr_v4(STAGE_PEER, 1);
	struct volley_plan plan;
	struct watch w;
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at);
	size_t before = stage_descriptors();

	for (int i = 0; i < 50; i++) {
		plan = plan_for(&w, &at);
		w.next_port = (uint16_t)(21000 + 100 * i);
		w.free_when_connected = true;
		plan.sockets = 8; /* which all wait to be accepted */
		begin(&w, &plan);
		STAGE_UNTIL(!w.volley);
		USERNS_CHECK(w.n_met == 1 && w.over == 0, "%zu were told", w.n_met);
		close_met(&w);
		plan = plan_for(&w, &nobody);
		w.free_when_over = true;
		begin(&w, &plan);
		STAGE_UNTIL(!w.volley);
		USERNS_CHECK(w.over == 1, "over %u times", w.over);
	}
	stage_run();
	USERNS_CHECK(stage_descriptors() == before, "%zu left", stage_descriptors() - before);
	(void)close(listener);
}

/* As many as there are descriptors for; the rounds are held all the same. */
STAGE_TEST(volley, without_descriptors_is_smaller)
{
	struct volley_plan plan;
	struct rlimit limit;
	struct watch w;
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at);

	USERNS_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	plan = plan_for(&w, &at);
	plan.sockets = 64;
	limit.rlim_cur = stage_descriptors() + 10;
	USERNS_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	begin(&w, &plan);
	limit.rlim_cur = limit.rlim_max;
	USERNS_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	STAGE_UNTIL(w.over == 1);
	USERNS_CHECK(w.n_met > 0 && w.n_met < 64, "%zu sockets", w.n_met);
	free_volley(&w);
	close_met(&w);
	(void)close(listener);
}

STAGE_TEST(volley, of_v6_sockets_aims_at_mapped_addresses)
{
	struct volley_plan plan;
	struct watch w;
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at);

	plan = plan_for(&w, &at);
	plan.family = AF_INET6;
	begin(&w, &plan);
	STAGE_UNTIL(w.n_met == 1);
	USERNS_CHECK(sock_family(w.fds[0]) == AF_INET6, "family");
	free_volley(&w);
	close_met(&w);
	(void)close(listener);
}

STAGE_TEST(volley, a_round_may_last_longer_by_chance)
{
	struct volley_plan plan;
	struct watch w;
	struct addr at;
	uint64_t begun = clock_now();

	(void)close(stage_listen(STAGE_PEER, &at));
	plan = plan_for(&w, &at);
	plan.jitter_ns = 300 * NS_PER_MS;
	chance_highest((uint32_t)plan.jitter_ns);
	ev_now_update(stage.node.loop);
	begin(&w, &plan);
	STAGE_UNTIL(w.over == 1);
	USERNS_CHECK(clock_now() - begun + NS_PER_MS >= plan.hold_ns + plan.jitter_ns, "too early");
	free_volley(&w);
}
