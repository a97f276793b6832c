/* SPDX-License-Identifier: MIT */
/* What a dial asks of the peer, way by way, and how the connection is made. */
#include "base/cleanup.h"
#include "boxer/dial_way.h"
#include "boxer/sock.h"
#include "tests/boxer/dialler.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the ways in which the program's own socket connects ---- */

STAGE_TEST(dialling, a_public_member_is_connected_to_without_a_word)
{
	struct program p = program_new(AF_INET);
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at);

	stage_profiles(&nat_plain, &nat_public);
	program_ask(&p);
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_NONE);
	USERNS_CHECK(addr_v4_value(&p.target) == STAGE_PEER && p.target.port == PROGRAM_PORT,
		     "target");
	program_connect(&p, &at);
	dials_check_over();
	USERNS_CHECK(stage.n_sent == 0, "something was sent");
	(void)close(listener);
	program_end(&p);
}

STAGE_TEST(dialling, oneself_is_inside)
{
	struct program p = program_new(AF_INET);

	program_ask_for(&p, 0);
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_NONE);
	USERNS_CHECK(addr_v4_value(&p.target) == STAGE_NODE && p.target.port == PROGRAM_PORT,
		     "target");
	program_end(&p);
}

static void check_native(enum strategy_id id, int family)
{
	struct program p = program_new(family);
	struct addr at, from, local;
	int listener = stage_listen(STAGE_PEER, &at), fd;
	const struct frame_punch *q;

	/* Where the peer might refuse, nothing leaves before it has answered. */
	stage_profiles(&nat_plain, &nat_refusing);
	stage.options.strategies = STRATEGY_BIT(id);
	program_ask(&p);
	q = peer_hear(0, id);
	USERNS_CHECK(p.calls == 0, "told before the peer has answered");
	USERNS_CHECK(sock_local(p.fd, &local) == 0 && local.port == q->source.port, "source");
	USERNS_CHECK(addr_v4_value(&q->source) == STAGE_NODE, "source");
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	program_check_told(&p, REASON_NONE);
	USERNS_CHECK(addr_equal(&p.target, &at), "target");
	program_connect(&p, &p.target);
	fd = stage_accept(listener, &from);
	USERNS_CHECK(from.port == local.port, "from another port");
	dials_check_over();
	(void)close(fd);
	(void)close(listener);
	program_end(&p);
}

STAGE_TEST(dialling, simultaneous_opens_the_peers_hole_first)
{
	check_native(STRATEGY_SIMULTANEOUS, AF_INET);
}

STAGE_TEST(dialling, sequential_opens_the_peers_hole_first)
{
	check_native(STRATEGY_SEQUENTIAL, AF_INET);
}

STAGE_TEST(dialling, a_v6_socket_is_dialled_for_too)
{
	check_native(STRATEGY_SIMULTANEOUS, AF_INET6);
}

STAGE_TEST(dialling, a_port_that_the_program_has_bound_stays)
{
	struct program p = program_new(AF_INET);
	struct addr any = addr_v4(INADDR_ANY, 0), local;

	stage_profiles(&nat_plain, &nat_refusing);
	USERNS_CHECK(sock_bind_shared(p.fd, &any) == 0 && sock_local(p.fd, &local) == 0, "%m");
	program_ask(&p);
	USERNS_CHECK(peer_hear(0, STRATEGY_SIMULTANEOUS)->source.port == local.port, "source");
	dial_cancel(p.dial);
	program_end(&p);
}

/* Nothing refuses there, and its port is known: one round trip is saved. */
STAGE_TEST(dialling, a_simultaneous_SYN_leaves_beside_the_question)
{
	struct program p = program_new(AF_INET);
	struct addr wanted = addr_v4(STAGE_PEER, PROGRAM_PORT);

	program_ask(&p);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	STAGE_UNTIL(p.calls);
	USERNS_CHECK(addr_equal(&p.target, &wanted), "target");
	/* The answer that follows says the same. */
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &wanted);
	program_check_told(&p, REASON_NONE);
	USERNS_CHECK(!LIST_EMPTY(&stage.node.dials->list), "it goes on");
	program_end(&p);
}

/* The peer's NAT changes ports: the first dial learns one, the second need not wait. */
STAGE_TEST(dialling, a_port_of_the_peer_is_remembered)
{
	struct profile changing = nat_plain;
	struct program a = program_new(AF_INET), b = program_new(AF_INET);
	struct addr seen = addr_v4(STAGE_PEER, 4711);

	changing.ports = PROFILE_PORTS_CHANGED;
	stage_profiles(&nat_plain, &changing);
	program_ask(&a);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	stage_run();
	USERNS_CHECK(a.calls == 0, "it can't know");
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &seen);
	program_ask(&b);
	(void)peer_hear(1, STRATEGY_SIMULTANEOUS);
	STAGE_UNTIL(b.calls);
	USERNS_CHECK(addr_equal(&b.target, &seen), "target");
	/* Its record may mean another NAT. */
	dial_member_changed(stage.node.dials, 1);
	USERNS_CHECK(!dial_target_known(LIST_FIRST(&stage.node.dials->list), &seen), "known");
	program_end(&a);
	program_end(&b);
}

/* ---- the ways in which the node makes the connection ---- */

static void check_given(struct program *p, int peer_end)
{
	char text[4] = "";

	STAGE_UNTIL(p->calls);
	program_check_told(p, REASON_NONE);
	USERNS_CHECK(p->given >= 0, "no connection");
	/* Not one byte of the countersigning is left over. */
	USERNS_CHECK(write(peer_end, "hey", 3) == 3 && stage_read(p->given, text, 3) &&
			     memcmp(text, "hey", 3) == 0,
		     "'%s'", text);
	dials_check_over();
}

/* As the other node does. */
static void countersign(int fd, const struct frame_punch *q)
{
	uint8_t token[FRAME_TOKEN_LEN];

	USERNS_CHECK(stage_read(fd, token, sizeof(token)), "no token");
	USERNS_CHECK(memcmp(token, q->token, sizeof(token)) == 0, "another token");
	USERNS_CHECK(write(fd, token, sizeof(token)) == sizeof(token), "%m");
}

static int connect_from(uint32_t host, const struct addr *to)
{
	struct addr local = addr_v4(host, 0);
	int fd = sock_shared(&local, AF_INET);

	USERNS_CHECK(fd >= 0 && sock_connect(fd, to, AF_INET) == 0, "%m");
	return fd;
}

STAGE_TEST(dialling, reverse_listens_for_the_peer_alone)
{
	struct program p = program_new(AF_INET);
	const struct frame_punch *q;
	struct addr to;
	int stranger, fd;

	stage_profiles(&nat_by_address, &nat_plain);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_REVERSE);
	program_ask(&p);
	q = peer_hear(0, STRATEGY_REVERSE);
	to = q->source;
	stranger = connect_from(STAGE_NODE + 2, &to);
	USERNS_CHECK(stage_is_over(stranger), "a stranger is let in");
	fd = connect_from(STAGE_PEER, &to);
	countersign(fd, q);
	check_given(&p, fd);
	(void)close(stranger);
	(void)close(fd);
	program_end(&p);
}

STAGE_TEST(dialling, synchronised_crosses_with_the_peers_SYN)
{
	struct program p = program_new(AF_INET);
	const struct frame_punch *q;
	struct addr at, from;
	int listener = stage_listen(STAGE_PEER, &at), fd;

	stage_profiles(&nat_refusing, &nat_refusing);
	program_ask(&p);
	q = peer_hear(0, STRATEGY_SYNCHRONISED);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	fd = stage_accept(listener, &from);
	USERNS_CHECK(from.port == q->source.port, "from another port");
	check_given(&p, fd);
	(void)close(fd);
	(void)close(listener);
	program_end(&p);
}

/* Three ports of the peer, in steps; it answers on the last. */
static void check_predict(struct program *p)
{
	const struct frame_punch *q = peer_hear(0, STRATEGY_PREDICT);
	struct frame_punched punched = {.request = q->request, .step = 2, .spread = 3};
	struct addr at, from;
	int listener = stage_listen(STAGE_PEER, &at), fd;

	punched.target = at;
	punched.target.port = (uint16_t)(at.port - 4);
	dial_answered(stage.node.dials, 1, &punched);
	fd = stage_accept(listener, &from);
	USERNS_CHECK(from.port == q->source.port, "from another port");
	countersign(fd, q);
	check_given(p, fd);
	(void)close(fd);
	(void)close(listener);
}

STAGE_TEST(dialling, predict_aims_at_the_ports_that_the_peer_foretells)
{
	struct program p = program_new(AF_INET);

	stage_profiles(&nat_plain, &nat_counting);
	program_ask(&p);
	check_predict(&p);
	program_end(&p);
}

STAGE_TEST(dialling, predict_of_a_NAT_that_keeps_ports_asks_nobody)
{
	struct profile keeping = nat_symmetric;
	struct program p = program_new(AF_INET);

	keeping.ports = PROFILE_PORTS_KEPT;
	stage_profiles(&keeping, &nat_plain);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_PREDICT);
	program_ask(&p);
	check_predict(&p);
	program_end(&p);
}

/* A random NAT is ours: many sockets knock at the peer's one port. */
STAGE_TEST(dialling, birthday_from_many_ports_keeps_the_one_that_is_countersigned)
{
	int listener, fds[VOLLEY_SOCKETS_MAX];
	uint8_t token[FRAME_TOKEN_LEN];
	struct program p = program_new(AF_INET);
	const struct frame_punch *q;
	size_t n = 0;
	struct addr at;

	listener = stage_listen(STAGE_PEER, &at);
	stage_profiles(&nat_symmetric, &nat_plain);
	program_ask(&p);
	q = peer_hear(0, STRATEGY_BIRTHDAY);
	USERNS_CHECK(q->source.port == 0 && addr_v4_value(&q->source) == STAGE_NODE, "source");
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[n] = stage_accept(listener, NULL);
		/* All but a few are hung up on. */
		if (stage_read(fds[n], token, sizeof(token)))
			n++;
		else
			(void)close(fds[n]);
	}
	USERNS_CHECK(n == COUNTERSIGN_MAX, "%zu are left", n);
	/* Whoever has another token is somebody else. */
	token[0] ^= 1;
	USERNS_CHECK(write(fds[0], token, sizeof(token)) == sizeof(token), "%m");
	USERNS_CHECK(stage_is_over(fds[0]) && p.calls == 0, "trusted");
	USERNS_CHECK(write(fds[1], q->token, sizeof(token)) == sizeof(token), "%m");
	check_given(&p, fds[1]);
	for (size_t i = 2; i < n; i++)
		USERNS_CHECK(stage_is_over(fds[i]), "left open");
	while (n > 0)
		(void)close(fds[--n]);
	(void)close(listener);
	program_end(&p);
}

/* Each takes hundreds of descriptors. */
STAGE_TEST(dialling, birthdays_that_begin_together_take_turns)
{
	struct program p[DIAL_VOLLEYS_MAX + 1];

	stage_profiles(&nat_symmetric, &nat_plain);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = program_new(AF_INET);
		program_ask(&p[i]);
	}
	(void)peer_hear(DIAL_VOLLEYS_MAX - 1, STRATEGY_BIRTHDAY);
	stage_run();
	USERNS_CHECK(!stage_find(FRAME_PUNCH, DIAL_VOLLEYS_MAX), "all at once");
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	(void)peer_hear(DIAL_VOLLEYS_MAX, STRATEGY_BIRTHDAY);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		if (p[i].dial)
			dial_cancel(p[i].dial);
		program_end(&p[i]);
	}
}

STAGE_TEST(dialling, birthday_asks_first_where_the_peer_is_random)
{
	struct program p = program_new(AF_INET);

	stage_profiles(&nat_plain, &nat_symmetric);
	program_ask(&p);
	USERNS_CHECK(peer_hear(0, STRATEGY_BIRTHDAY)->source.port != 0, "source");
	USERNS_CHECK(stage.node.dials->volleys == 1, "no volley");
	dial_cancel(p.dial);
	dials_check_over();
	program_end(&p);
}

/* They are many descriptors each, so a third waits. */
STAGE_TEST(dialling, birthdays_wait_for_each_other)
{
	struct program p[DIAL_VOLLEYS_MAX + 1];

	stage_profiles(&nat_plain, &nat_symmetric);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = program_new(AF_INET);
		program_ask(&p[i]);
	}
	(void)stage_await(FRAME_PUNCH, DIAL_VOLLEYS_MAX - 1);
	stage_run();
	USERNS_CHECK(!stage_find(FRAME_PUNCH, DIAL_VOLLEYS_MAX), "it does not wait");
	dial_cancel(p[0].dial);
	(void)stage_await(FRAME_PUNCH, DIAL_VOLLEYS_MAX);
	for (size_t i = 1; i < ARRAY_SIZE(p); i++)
		dial_cancel(p[i].dial);
	dials_check_over();
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		program_end(&p[i]);
}

/* RELAYED, whatever was said. */
static void relayed(int fd, enum reason reason)
{
	uint8_t hello[FRAME_HEADER_LEN + FRAME_TOKEN_LEN + 8 + FRAME_CODE_LEN];
	uint8_t frame[FRAME_HEADER_LEN + 2];

	USERNS_CHECK(stage_read(fd, hello, sizeof(hello)), "no RELAY");
	frame_put_header(frame, FRAME_RELAYED, 2);
	frame[FRAME_HEADER_LEN] = 0;
	frame[FRAME_HEADER_LEN + 1] = (uint8_t)reason;
	USERNS_CHECK(write(fd, frame, sizeof(frame)) == sizeof(frame), "%m");
}

STAGE_TEST(dialling, relay_is_named_to_the_peer)
{
	struct program p = program_new(AF_INET);
	const struct frame_punch *q;
	struct addr at;
	int listener = stage_listen(STAGE_NODE + 8, &at), fd;

	stage_profiles(&nat_symmetric, &nat_symmetric);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_RELAY);
	stage.options.seed[0] = at;
	stage.node.seed_relays = true;
	program_ask(&p);
	q = peer_hear(0, STRATEGY_RELAY);
	USERNS_CHECK(addr_equal(&q->source, &at), "another relay");
	fd = stage_accept(listener, NULL);
	relayed(fd, REASON_NONE);
	check_given(&p, fd);
	(void)close(fd);
	(void)close(listener);
	program_end(&p);
}

/* A seed and a member that relay; found in a lab: a seed that was dead was the only one. */
static void relay_by_the_second(void (*fail)(int listener))
{
	struct program p = program_new(AF_INET);
	const struct frame_punch *q;
	struct frame_member m;
	struct addr first, second;
	int listeners[2] = {stage_listen(STAGE_NODE + 8, &first),
			    stage_listen(STAGE_NODE + 2, &second)};
	uint32_t request;
	int fd;

	stage_profiles(&nat_symmetric, &nat_symmetric);
	stage_member(2, FRAME_FLAG_RELAY, &nat_public);
	m = *members_by_id(&stage.node.members, 2);
	m.external = second;
	USERNS_CHECK(members_put(&stage.node.members, &m) == 0, "member");
	stage.options.strategies = STRATEGY_BIT(STRATEGY_RELAY);
	stage.options.seed[0] = first;
	stage.node.seed_relays = true;
	program_ask(&p);
	q = peer_hear(0, STRATEGY_RELAY);
	USERNS_CHECK(addr_equal(&q->source, &first), "another relay");
	request = q->request;
	fail(listeners[0]);
	q = peer_hear(1, STRATEGY_RELAY);
	USERNS_CHECK(addr_equal(&q->source, &second) && q->request != request, "the same");
	USERNS_CHECK(stage_find(FRAME_DONE, 0)->done.request == request, "not taken back");
	fd = stage_accept(listeners[1], NULL);
	relayed(fd, REASON_NONE);
	check_given(&p, fd);
	dials_check_over();
	(void)close(fd);
	(void)close(listeners[0]);
	(void)close(listeners[1]);
	program_end(&p);
}

static void peer_says_no(int listener)
{
	(void)listener;
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_PROTOCOL, NULL);
}

static void hang_up(int listener)
{
	sock_reset(stage_accept(listener, NULL));
}

static void do_not_know(int listener)
{
	int fd = stage_accept(listener, NULL);

	relayed(fd, REASON_NOT_A_MEMBER);
	(void)close(fd);
}

static void be_silent(int listener)
{
	(void)listener;
}

STAGE_TEST(dialling, relay_that_the_peer_does_not_know_gives_way)
{
	relay_by_the_second(peer_says_no);
}

STAGE_TEST(dialling, relay_that_hangs_up_gives_way)
{
	relay_by_the_second(hang_up);
}

STAGE_TEST(dialling, relay_that_does_not_know_us_gives_way)
{
	relay_by_the_second(do_not_know);
}

STAGE_TEST(dialling, relay_that_is_silent_gives_way)
{
	relay_by_the_second(be_silent);
}

/* When their time is over it all begins anew, and not with whoever has come meanwhile. */
STAGE_TEST(dialling, relays_have_one_time_together)
{
	struct program p = program_new(AF_INET);
	const struct addr *seed = &stage.options.seed[0];
	int listener = stage_listen(STAGE_NODE + 8, &stage.options.seed[0]);
	uint64_t begun = clock_now();

	stage_profiles(&nat_symmetric, &nat_symmetric);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_RELAY);
	stage.node.seed_relays = true;
	program_ask(&p);
	/* Nobody else is there when it is found to be slow. */
	STAGE_UNTIL(clock_now() - begun > 3 * NS_PER_S);
	stage_run();
	stage_member(2, FRAME_FLAG_RELAY, &nat_public);
	USERNS_CHECK(addr_equal(&peer_hear(1, STRATEGY_RELAY)->source, seed), "another one");
	dial_cancel(p.dial);
	(void)close(listener);
	program_end(&p);
}

/* That is no failure of the relay. */
STAGE_TEST(dialling, relay_is_asked_again_when_the_peer_is_busy)
{
	struct program p = program_new(AF_INET);
	int listener;

	stage_profiles(&nat_symmetric, &nat_symmetric);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_RELAY);
	stage_member(2, FRAME_FLAG_RELAY, &nat_public);
	listener = stage_listen(STAGE_NODE + 8, &stage.options.seed[0]);
	stage.node.seed_relays = true;
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_RELAY);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_BUSY, NULL);
	USERNS_CHECK(addr_equal(&peer_hear(1, STRATEGY_RELAY)->source, &stage.options.seed[0]),
		     "another relay");
	dial_cancel(p.dial);
	(void)close(listener);
	program_end(&p);
}

/* Each costs a question, so there is an end. */
STAGE_TEST(dialling, relays_are_tried_up_to_a_number)
{
	struct program p = program_new(AF_INET);

	stage_profiles(&nat_symmetric, &nat_symmetric);
	for (uint32_t id = 2; id < 8; id++)
		stage_member(id, FRAME_FLAG_RELAY, &nat_public); /* nobody listens there */
	stage.options.strategies = STRATEGY_BIT(STRATEGY_RELAY);
	program_ask(&p);
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_UNREACHABLE);
	for (size_t i = 0; i < DIAL_RELAYS_MAX; i++)
		for (size_t j = 0; j < i; j++)
			USERNS_CHECK(!addr_equal(&peer_hear(i, STRATEGY_RELAY)->source,
						 &peer_hear(j, STRATEGY_RELAY)->source),
				     "%zu and %zu", i, j);
	USERNS_CHECK(!stage_find(FRAME_PUNCH, DIAL_RELAYS_MAX), "one more");
	program_end(&p);
}

/* Found in a lab: it waited for a measurement that only other ways need. */
STAGE_TEST(dialling, where_only_the_relay_is_allowed_nothing_is_waited_for)
{
	static const struct profile unknown = {.mapping = PROFILE_MAPPING_EIM};
	struct program p = program_new(AF_INET);
	struct addr at;
	int listener = stage_listen(STAGE_NODE + 8, &at);

	stage.options.strategies = STRATEGY_BIT(STRATEGY_RELAY);
	stage_profiles(&unknown, &nat_symmetric);
	stage.may_link = true;
	stage.node.external = addr_v4(STAGE_PEER, 9000); /* perhaps behind one NAT */
	stage.options.seed[0] = at;
	stage.node.seed_relays = true;
	program_ask(&p);
	stage_run();
	USERNS_CHECK(p.dial && p.dial->state == DIAL_WORKING, "it waits");
	(void)peer_hear(0, STRATEGY_RELAY);
	dial_cancel(p.dial);
	/* Nor is there anything to think over where there is no relay. */
	stage.node.seed_relays = false;
	program_ask(&p);
	stage_run();
	USERNS_CHECK(p.calls == 1 && p.reason == REASON_NOT_ALLOWED, "it waits");
	(void)close(listener);
	program_end(&p);
}

STAGE_TEST(dialling, without_a_way_it_says_so)
{
	struct program p = program_new(AF_INET);

	stage_profiles(&nat_symmetric, &nat_symmetric);
	program_ask(&p);
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_NO_STRATEGY);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_DIRECT);
	stage_profiles(&nat_plain, &nat_plain);
	program_ask(&p);
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_NOT_ALLOWED);
	USERNS_CHECK(stage.n_sent == 0, "something was sent");
	program_end(&p);
}
