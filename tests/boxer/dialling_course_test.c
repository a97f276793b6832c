/* SPDX-License-Identifier: MIT */
/* The course of a dial: from way to way, and how it ends. */
#include "base/cleanup.h"
#include "boxer/dial_way.h"
#include "boxer/sock.h"
#include "tests/boxer/dialler.h"

#include <criterion/criterion.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

STAGE_TEST(dialling, goes_on_until_no_way_is_left)
{
	struct program p = program_new(AF_INET);

	stage_profiles(&nat_plain, &nat_by_address);
	stage.options.strategies =
		STRATEGY_BIT(STRATEGY_SEQUENTIAL) | STRATEGY_BIT(STRATEGY_REVERSE);
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_SEQUENTIAL);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_NOT_INTERCEPTED, NULL);
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_NOT_INTERCEPTED);
	USERNS_CHECK(stage_find(FRAME_DONE, 0)->done.reason == REASON_NOT_INTERCEPTED, "DONE");
	program_end(&p);
}

STAGE_TEST(dialling, a_refusal_is_final)
{
	struct program p = program_new(AF_INET);

	stage_profiles(&nat_plain, &nat_refusing);
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_REFUSED);
	program_end(&p);
}

STAGE_TEST(dialling, remembers_which_way_has_failed)
{
	struct program p = program_new(AF_INET);

	stage_profiles(&nat_plain, &nat_refusing);
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_UNREACHABLE, NULL);
	(void)peer_hear(1, STRATEGY_SEQUENTIAL);
	dial_cancel(p.dial);
	stage_forget();
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_SEQUENTIAL);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_UNREACHABLE, NULL);
	(void)peer_hear(1, STRATEGY_SIMULTANEOUS);
	dial_cancel(p.dial);
	program_end(&p);
}

STAGE_TEST(dialling, relay_comes_after_what_has_failed)
{
	static const enum strategy_id order[] = {STRATEGY_SEQUENTIAL, STRATEGY_SIMULTANEOUS};
	struct program p = program_new(AF_INET);
	struct addr at;
	int listener = stage_listen(STAGE_NODE + 8, &at);

	stage_profiles(&nat_plain, &nat_refusing);
	stage.options.strategies |= STRATEGY_BIT(STRATEGY_RELAY);
	stage.options.seed[0] = at;
	stage.node.seed_relays = true;
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_UNREACHABLE, NULL);
	(void)peer_hear(1, STRATEGY_SEQUENTIAL);
	dial_cancel(p.dial);
	stage_forget();
	program_ask(&p);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		(void)peer_hear(i, order[i]);
		peer_answer(stage_find(FRAME_PUNCH, i), REASON_UNREACHABLE, NULL);
	}
	(void)peer_hear(ARRAY_SIZE(order), STRATEGY_RELAY);
	dial_cancel(p.dial);
	(void)close(listener);
	program_end(&p);
}

/*
 * Nothing at all is heard: that may be the network's fault, so as long as there is time
 * the ways are gone through again. They have cost seconds by then, and the next
 * connection begins with the relay.
 */
STAGE_TEST(dialling, goes_round_again_where_nothing_is_heard_and_then_is_relayed)
{
	struct program p = program_new(AF_INET);
	struct addr at;
	int listener = stage_listen(STAGE_NODE + 8, &at);

	stage_profiles(&nat_plain, &nat_refusing);
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	(void)peer_hear(1, STRATEGY_SEQUENTIAL);
	(void)peer_hear(2, STRATEGY_SIMULTANEOUS);
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_TIMEOUT);
	stage_forget();
	stage.options.strategies |= STRATEGY_BIT(STRATEGY_RELAY);
	stage.options.seed[0] = at;
	stage.node.seed_relays = true;
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_RELAY);
	dial_cancel(p.dial);
	(void)close(listener);
	program_end(&p);
}

static bool is_asked_for(enum strategy_id strategy)
{
	const struct stage_sent *s;

	for (size_t i = 0; (s = stage_find(FRAME_PUNCH, i)); i++)
		if (s->punch.strategy == strategy)
			return true;
	return false;
}

/* A public machine behind a firewall, say: each way has its share, the last one above all. */
STAGE_TEST(dialling, starves_no_way_where_nothing_is_heard)
{
	struct program p = program_new(AF_INET);
	uint64_t begun = clock_now();
	int silent[2], listener;
	struct addr at;

	listener = stage_listen(STAGE_NODE + 8, &at);
	stage_profiles(&nat_plain, &nat_public);
	stage.options.strategies |= STRATEGY_BIT(STRATEGY_RELAY);
	stage.options.seed[0] = at;
	stage.node.seed_relays = true;
	at = peer_silent_port(silent);
	program_ask(&p);
	while (!is_asked_for(STRATEGY_RELAY)) {
		STAGE_UNTIL(p.calls || is_asked_for(STRATEGY_RELAY));
		if (p.calls == 0)
			break;
		program_check_told(&p, REASON_NONE);
		program_connect(&p, &at);
		STAGE_UNTIL(sock_state(p.fd) == TCP_CLOSE);
		program_ask(&p);
	}
	USERNS_CHECK(clock_now() - begun < DIAL_DEADLINE_NS, "too late for it");
	dial_cancel(p.dial);
	(void)close(listener);
	(void)close(silent[0]);
	(void)close(silent[1]);
	program_end(&p);
}

STAGE_TEST(dialling, a_silent_peer_costs_a_deadline)
{
	struct program p[2] = {program_new(AF_INET), program_new(AF_INET)};
	uint64_t begun = clock_now();

	stage_profiles(&nat_plain, &nat_refusing);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		program_ask(&p[i]);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		STAGE_UNTIL(p[i].calls);
		program_check_told(&p[i], REASON_TIMEOUT);
		program_end(&p[i]);
	}
	USERNS_CHECK(clock_now() - begun < 2 * DIAL_DEADLINE_NS, "too late");
	/* Each question was withdrawn. */
	USERNS_CHECK(stage_find(FRAME_DONE, 1), "DONE");
}

STAGE_TEST(dialling, waits_where_nobody_can_be_asked)
{
	struct program p = program_new(AF_INET);
	size_t before;

	stage_profiles(&nat_by_address, &nat_plain);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_REVERSE);
	before = stage_descriptors();
	stage.cut = true;
	program_ask(&p);
	STAGE_UNTIL(p.dial->state == DIAL_WAITING && p.dial->strategy);
	/* Found by reading: the listener of the way that could not begin stayed open. */
	USERNS_CHECK(stage_descriptors() == before + 1, "%zu more", stage_descriptors() - before);
	for (int i = 0; i < 3; i++)
		dial_member_changed(stage.node.dials, 1);
	USERNS_CHECK(stage_descriptors() == before + 1, "%zu more", stage_descriptors() - before);
	stage.cut = false;
	dial_member_changed(stage.node.dials, 1);
	(void)peer_hear(0, STRATEGY_REVERSE);
	dial_cancel(p.dial);
	program_end(&p);
}

STAGE_TEST(dialling, asks_again_when_the_link_is_lost)
{
	struct program p = program_new(AF_INET);
	const struct frame_punch *q;
	uint32_t request;

	stage_profiles(&nat_plain, &nat_refusing);
	program_ask(&p);
	q = peer_hear(0, STRATEGY_SIMULTANEOUS);
	request = q->request;
	dial_link_lost(stage.node.dials, 1);
	q = peer_hear(1, STRATEGY_SIMULTANEOUS);
	USERNS_CHECK(q->request != request, "the same question");
	/* The answer to the first comes late. */
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	USERNS_CHECK(p.calls == 0, "taken for the second's");
	dial_cancel(p.dial);
	program_end(&p);
}

STAGE_TEST(dialling, fails_with_the_member)
{
	struct program p = program_new(AF_INET);

	stage_profiles(&nat_plain, &nat_refusing);
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	USERNS_CHECK(members_remove(&stage.node.members, 1) == 0, "member");
	dial_member_gone(stage.node.dials, 1);
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_LEFT);
	program_ask(&p);
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_NOT_A_MEMBER);
	program_end(&p);
}

static const struct {
	const struct profile *self, *peer;
	enum strategy_id id;
	int times;
} kinds[] = {
	{&nat_plain, &nat_public, STRATEGY_DIRECT, 1000},
	{&nat_plain, &nat_plain, STRATEGY_SIMULTANEOUS, 1000},
	{&nat_plain, &nat_refusing, STRATEGY_SIMULTANEOUS, 1000},
	{&nat_plain, &nat_refusing, STRATEGY_SEQUENTIAL, 1000},
	{&nat_by_address, &nat_plain, STRATEGY_REVERSE, 1000},
	{&nat_refusing, &nat_refusing, STRATEGY_SYNCHRONISED, 1000},
	{&nat_plain, &nat_counting, STRATEGY_PREDICT, 1000},
	{&nat_plain, &nat_symmetric, STRATEGY_BIRTHDAY, 100},
	{&nat_symmetric, &nat_plain, STRATEGY_BIRTHDAY, 100},
	{&nat_symmetric, &nat_symmetric, STRATEGY_RELAY, 1000},
};

/* Cancelled, refused, or answered and then cancelled. */
static void dial_once(int how, const struct addr *at)
{
	struct program p = program_new(AF_INET);
	const struct stage_sent *s;

	stage_forget();
	program_ask(&p);
	stage_run();
	s = stage_find(FRAME_PUNCH, 0);
	if (s && p.calls == 0 && how % 3 == 1)
		peer_answer(s, REASON_REFUSED, NULL);
	else if (s && how % 3 == 2)
		peer_answer(s, REASON_NONE, at);
	stage_run();
	if (p.dial)
		dial_cancel(p.dial);
	program_end(&p);
	/* One that was told, and whose program has gone. */
	dial_member_gone(stage.node.dials, 1);
	while (!LIST_EMPTY(&stage.node.dials->list))
		dial_cancel(LIST_FIRST(&stage.node.dials->list));
}

STAGE_TEST(dialling, leaks_nothing_however_it_ends)
{
	struct addr at, relay;
	int listener = stage_listen(STAGE_PEER, &at);
	int relays = stage_listen(STAGE_NODE + 8, &relay);

	stage.options.seed[0] = relay;
	stage.node.seed_relays = true;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t before;
		int fd;

		stage_profiles(kinds[i].self, kinds[i].peer);
		stage.options.strategies = STRATEGY_BIT(kinds[i].id);
		before = stage_descriptors();
		for (int n = 0; n < kinds[i].times; n++) {
			dial_once(n, &at);
			while ((fd = accept(listener, NULL, NULL)) >= 0 ||
			       (fd = accept(relays, NULL, NULL)) >= 0)
				sock_reset(fd);
		}
		USERNS_CHECK(stage.node.dials->n == 0 && stage.node.dials->volleys == 0,
			     "kind %zu: %zu dials", i, stage.node.dials->n);
		stage_run(); /* the last copies are closed a turn later */
		USERNS_CHECK(stage_descriptors() == before, "kind %zu: %zu, not %zu", i,
			     stage_descriptors(), before);
	}
	(void)close(listener);
	(void)close(relays);
}
