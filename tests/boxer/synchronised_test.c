/* SPDX-License-Identifier: MIT */
/*
 * Two NATs that answer what they did not ask for with resets: the SYNs must cross.
 * When ours leave, measured against the peer's answer. That they are never early is
 * certain on any machine; how late they may be is not asked.
 */
#include "boxer/dial_way.h"
#include "boxer/sock.h"
#include "tests/boxer/chance.h"
#include "tests/boxer/dialler.h"

#include <criterion/criterion.h>
#include <unistd.h>

#define ROUND_TRIP_NS (400 * NS_PER_MS)
#define ROUNDING_NS   NS_PER_MS

/* Nobody listens at @at. Return: when the peer's answer came. */
static uint64_t begin(struct program *p, uint64_t round_trip, struct addr *ret_at)
{
	uint64_t now;

	(void)close(stage_listen(STAGE_PEER, ret_at));
	stage.round_trip_ns = round_trip;
	stage_profiles(&nat_refusing, &nat_refusing);
	program_ask(p);
	(void)peer_hear(0, STRATEGY_SYNCHRONISED);
	now = clock_now();
	ev_now_update(stage.node.loop);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, ret_at);
	return now;
}

static int listen_at(const struct addr *at)
{
	int fd = sock_shared(at, AF_INET);

	USERNS_CHECK(fd >= 0 && sock_listen(fd, 4) == 0, "%m");
	return fd;
}

STAGE_TEST(synchronised, the_SYN_leaves_half_a_round_trip_after_the_answer)
{
	struct program p = program_new(AF_INET);
	struct addr at;
	uint64_t answered = begin(&p, ROUND_TRIP_NS, &at);

	USERNS_CHECK(!p.dial->volley, "at once");
	STAGE_UNTIL(p.dial->volley);
	USERNS_CHECK(clock_now() - answered + ROUNDING_NS >= ROUND_TRIP_NS / 2, "too early");
	dial_cancel(p.dial);
	program_end(&p);
}

/* What was refused is followed by the next when a SYN of the peer could have come meanwhile. */
STAGE_TEST(synchronised, the_next_one_follows_after_more_than_a_round_trip)
{
	struct program p = program_new(AF_INET);
	struct addr at;
	uint64_t answered = begin(&p, ROUND_TRIP_NS, &at);
	int listener, fd;

	STAGE_UNTIL(p.dial->volley);
	listener = listen_at(&at);
	fd = stage_accept(listener, NULL);
	USERNS_CHECK(clock_now() - answered + ROUNDING_NS >= 2 * ROUND_TRIP_NS, "too early");
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_NONE);
	(void)close(fd);
	(void)close(listener);
	program_end(&p);
}

/* In step they would miss each other again and again. */
STAGE_TEST(synchronised, each_pause_is_left_to_chance)
{
	struct program p = program_new(AF_INET);
	struct addr at;

	chance_highest(NS_PER_MS);
	(void)begin(&p, 0, &at);
	STAGE_UNTIL(chance.calls >= 5);
	USERNS_CHECK(chance.bound <= 10 * NS_PER_MS, "%u ns at most", chance.bound);
	dial_cancel(p.dial);
	program_end(&p);
}
