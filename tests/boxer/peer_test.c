/* SPDX-License-Identifier: MIT */
/*
 * When links are tried, and tried again: a set of peers whose attempts the test
 * makes fail, and a node that is a seed's round trip away from others.
 */
#include "boxer/peer.h"

#include "base/clock.h"
#include "boxer/answer.h"
#include "boxer/callers.h"
#include "boxer/control.h"
#include "boxer/dial.h"
#include "boxer/node.h"
#include "boxer/parallel.h"
#include "boxer/uplink.h"
#include "tests/boxer/chance.h"

#include <criterion/criterion.h>
#include <errno.h>

#define PATIENCE_NS (20 * NS_PER_S)
#define ROUNDING_NS NS_PER_MS
#define PEER	    7

/* ---- the rooms that are not there ---- */

static struct {
	const struct parallel_ops *ops;
	void *arg;
	unsigned begun;
	bool is_joined;
	uint64_t round_trip_ns;
	uint32_t introduced;
} world;

struct parallel *parallel_start(const struct parallel_config *config, const struct addr *candidates,
				size_t n, const struct parallel_ops *ops, void *arg)
{
	(void)config;
	(void)candidates;
	(void)n;
	world.ops = ops;
	world.arg = arg;
	world.begun++;
	return (struct parallel *)&world;
}

void parallel_free(struct parallel *p)
{
	(void)p;
}

void parallel_now(struct parallel *p)
{
	(void)p;
}

bool parallel_adopt(struct parallel *p, struct channel *ch, bool selected)
{
	(void)p;
	(void)ch;
	(void)selected;
	return false;
}

int callers_new(const struct callers_config *config, struct callers **ret_callers)
{
	(void)config;
	*ret_callers = NULL;
	return 0;
}

void callers_free(struct callers *callers)
{
	(void)callers;
}

void callers_announce(struct callers *callers, uint32_t id)
{
	(void)callers;
	(void)id;
}

int uplink_send(struct uplink *up, uint8_t type, const uint8_t *body, size_t len)
{
	struct frame_via via;

	(void)up;
	if (!world.is_joined)
		return -ENOTCONN;
	cr_assert(type == FRAME_VIA && frame_decode_via(body, len, &via) == 0);
	cr_assert_eq(via.type, FRAME_INTRODUCE);
	world.introduced = via.id;
	return 0;
}

uint64_t uplink_round_trip_ns(const struct uplink *up)
{
	(void)up;
	return world.round_trip_ns;
}

void answer_punch(struct answers *set, uint32_t from, const struct frame_punch *punch)
{
	(void)set;
	(void)from;
	(void)punch;
}

void answer_done(struct answers *set, uint32_t from, const struct frame_done *done)
{
	(void)set;
	(void)from;
	(void)done;
}

void dial_answered(struct dials *set, uint32_t from, const struct frame_punched *punched)
{
	(void)set;
	(void)from;
	(void)punched;
}

/* ---- a set ---- */

static struct {
	struct peers *peers;
	struct ev_loop *loop;
	unsigned introduced, none;
} set;

static void on_none(void *arg, uint32_t id, enum reason reason)
{
	(void)arg;
	(void)reason;
	cr_assert_eq(id, PEER);
	set.none++;
}

static uint64_t on_introduce(void *arg, uint32_t id)
{
	(void)arg;
	cr_assert_eq(id, PEER);
	set.introduced++;
	return 12345;
}

static const struct frame_member *on_find(void *arg, uint32_t id)
{
	(void)arg;
	(void)id;
	return NULL;
}

static void set_up(void)
{
	static const struct peer_ops ops = {
		.none = on_none, .introduce = on_introduce, .find = on_find};
	struct peers_config config = {.loop = ev_loop_new(EVFLAG_AUTO), .ops = &ops};
	struct frame_member m = {.id = PEER, .external = addr_v4(0x7f000002u, 9)};

	set.loop = config.loop;
	cr_assert(config.loop && peers_new(&config, &set.peers) == 0);
	m.inside = m.external;
	cr_assert_eq(peers_put(set.peers, &m, NULL), 0);
	cr_assert_eq(world.begun, 1);
}

static void tear_down(void)
{
	peers_free(set.peers);
	ev_loop_destroy(set.loop);
}

/* Return: for how long nothing was tried after the attempt had failed. */
static uint64_t pause_after_failure(void)
{
	uint64_t begun = clock_now();
	unsigned tried = world.begun;

	ev_now_update(set.loop);
	world.ops->failed(world.arg, REASON_TIMEOUT);
	while (world.begun == tried) {
		cr_assert_lt(clock_now() - begun, PATIENCE_NS, "it gives up");
		ev_run(set.loop, EVRUN_ONCE);
	}
	return clock_now() - begun + ROUNDING_NS;
}

TestSuite(peer, .timeout = 60);

Test(peer, tries_again_later_and_later_and_says_so, .init = set_up, .fini = tear_down)
{
	cr_expect_geq(pause_after_failure(), PEER_PAUSE_NS);
	cr_expect_geq(pause_after_failure(), 2 * PEER_PAUSE_NS);
	cr_expect(set.none == 2 && set.introduced == 2);
}

/* What has befallen all members at once must not make all of them begin again at once. */
Test(peer, pauses_are_left_to_chance, .init = set_up, .fini = tear_down)
{
	uint64_t pause;

	chance_highest(2);
	pause = pause_after_failure();
	cr_expect_eq(chance.calls, 1);
	cr_expect_geq(chance.bound, PEER_PAUSE_NS / NS_PER_MS / 8, "%u ms at most", chance.bound);
	cr_expect_leq(chance.bound, PEER_PAUSE_NS / NS_PER_MS, "%u ms at most", chance.bound);
	cr_expect_geq(pause, PEER_PAUSE_NS + (chance.bound - 1) * NS_PER_MS);
}

Test(peer, asks_its_owner_how_long_an_introduction_takes, .init = set_up, .fini = tear_down)
{
	cr_expect_eq(world.ops->agree(world.arg), 12345);
	cr_expect_eq(set.introduced, 1);
}

/* ---- an introduction ---- */

/* Half of it to the seed, and half, probably, from there. */
Test(control, introductions_take_a_round_trip_to_the_seed)
{
	struct node node = {0};

	world.round_trip_ns = 80 * NS_PER_MS;
	cr_expect_eq(control_introduce(&node, PEER), 0, "nobody was told");
	world.is_joined = true;
	cr_expect_eq(control_introduce(&node, PEER), 80 * NS_PER_MS);
	cr_expect_eq(world.introduced, PEER);
}
