/* SPDX-License-Identifier: MIT */
/* What an answer does for each strategy, with the test for a caller. */
#include "base/cleanup.h"
#include "boxer/handoff.h"
#include "boxer/local.h"
#include "boxer/sock.h"
#include "tests/boxer/stage.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct profile random_ports = {
	.mapping = PROFILE_MAPPING_APDM,
	.ports = PROFILE_PORTS_CHANGED,
	.filtering = PROFILE_FILTERING_APDF,
	.refusal = PROFILE_REFUSAL_NONE,
};

static const struct profile kept_ports = {
	.mapping = PROFILE_MAPPING_APDM,
	.ports = PROFILE_PORTS_KEPT,
	.filtering = PROFILE_FILTERING_APDF,
	.refusal = PROFILE_REFUSAL_NONE,
};

/** struct server - the program that listens, and the question for it */
struct server {
	int fd;
	struct addr at;
	struct frame_punch punch;
};

static struct server serve(enum strategy_id id, const struct addr *source)
{
	struct server s = {.punch = {.request = 7, .strategy = (uint8_t)id, .token = {1, 2, 3}}};

	/* One on loopback alone can't be reached from outside. */
	s.fd = stage_listen(INADDR_ANY, &s.at);
	s.at = addr_v4(STAGE_NODE, s.at.port);
	s.punch.port = s.at.port;
	s.punch.source = *source;
	return s;
}

static void ask(const struct server *s)
{
	answer_punch(stage.node.answers, 1, &s->punch);
}

static void done(const struct server *s, enum reason reason)
{
	const struct frame_done d = {.request = s->punch.request, .reason = (uint16_t)reason};

	answer_done(stage.node.answers, 1, &d);
}

static const struct frame_punched *hear(enum reason reason)
{
	const struct stage_sent *s = stage_await(FRAME_PUNCHED, 0);

	USERNS_CHECK(s->to == 1 && s->punched.request == 7, "request %u", s->punched.request);
	USERNS_CHECK(s->punched.reason == reason, "%s",
		     reason_name((enum reason)s->punched.reason));
	return &s->punched;
}

/* The caller begins to countersign. Return: does the other end, too? */
static bool countersign(int fd, const uint8_t token[static FRAME_TOKEN_LEN])
{
	uint8_t back[FRAME_TOKEN_LEN];

	USERNS_CHECK(write(fd, token, FRAME_TOKEN_LEN) == FRAME_TOKEN_LEN, "%m");
	return stage_read(fd, back, sizeof(back)) && memcmp(back, token, sizeof(back)) == 0;
}

static void check_given(const struct server *s, int peer_end)
{
	char text[4] = "";

	STAGE_UNTIL(stage.n_given);
	USERNS_CHECK(stage.n_given == 1 && stage.given[0].port == s->at.port, "port");
	USERNS_CHECK(write(peer_end, "hey", 3) == 3 && stage_read(stage.given[0].fd, text, 3) &&
			     memcmp(text, "hey", 3) == 0,
		     "'%s'", text);
	(void)close(stage.given[0].fd);
	stage.n_given = 0;
}

/* ---- one socket ---- */

STAGE_TEST(answering, simultaneous_hands_over_what_connects)
{
	struct addr source, from;
	int listener = stage_listen(STAGE_PEER, &source), fd;
	struct server s = serve(STRATEGY_SIMULTANEOUS, &source);

	ask(&s);
	USERNS_CHECK(addr_equal(&hear(REASON_NONE)->target, &s.at), "target");
	fd = stage_accept(listener, &from);
	USERNS_CHECK(addr_equal(&from, &s.at), "from port %u", from.port);
	check_given(&s, fd);
}

/* The caller's SYN is not out yet; it comes. */
STAGE_TEST(answering, simultaneous_tries_again_when_it_is_refused)
{
	struct addr source;
	struct server s;
	int listener, fd;

	(void)close(stage_listen(STAGE_PEER, &source));
	s = serve(STRATEGY_SIMULTANEOUS, &source);
	ask(&s);
	(void)hear(REASON_NONE);
	for (int i = 0; i < 10; i++)
		stage_run();
	listener = sock_shared(&source, AF_INET);
	USERNS_CHECK(listener >= 0 && sock_listen(listener, 4) == 0, "%m");
	fd = stage_accept(listener, NULL);
	check_given(&s, fd);
	USERNS_CHECK(!stage_find(FRAME_PUNCHED, 1), "answered twice");
}

/* The caller has its connection, and we were about to hear of ours. */
STAGE_TEST(answering, simultaneous_does_not_drop_what_the_caller_has)
{
	struct addr source, from;
	int listener = stage_listen(STAGE_PEER, &source), fd;
	struct server s = serve(STRATEGY_SIMULTANEOUS, &source);

	ask(&s);
	/* The loop does not run until we have said so. */
	fd = stage_accept_now(listener, &from);
	USERNS_CHECK(fd >= 0, "%s", strerror(-fd));
	done(&s, REASON_NONE);
	check_given(&s, fd);
}

STAGE_TEST(answering, sequential_leaves_nothing_behind)
{
	struct addr source;
	int fds[2];
	struct server s;
	size_t before;

	/* Nobody answers the SYN that opens the hole. */
	fds[0] = stage_listen(STAGE_PEER, &source);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(listen(fds[0], 0) == 0 && sock_connect(fds[1], &source, AF_INET) == 0, "%m");
	s = serve(STRATEGY_SEQUENTIAL, &source);
	before = stage_descriptors();
	for (int i = 0; i < 100; i++) {
		stage_forget();
		ask(&s);
		(void)hear(REASON_NONE);
	}
	USERNS_CHECK(stage_descriptors() == before, "%zu left", stage_descriptors() - before);
}

/* ---- what is met by chance ---- */

STAGE_TEST(answering, reverse_calls_and_waits_for_the_token)
{
	struct addr source, from;
	int listener = stage_listen(STAGE_PEER, &source), fd;
	struct server s = serve(STRATEGY_REVERSE, &source);

	ask(&s);
	(void)hear(REASON_NONE);
	fd = stage_accept(listener, &from);
	stage_run();
	USERNS_CHECK(stage.n_given == 0, "handed over unseen");
	USERNS_CHECK(countersign(fd, s.punch.token), "no countersign");
	check_given(&s, fd);
}

STAGE_TEST(answering, reverse_does_not_believe_another_token)
{
	struct addr source;
	int listener = stage_listen(STAGE_PEER, &source), fd;
	struct server s = serve(STRATEGY_REVERSE, &source);
	uint8_t wrong[FRAME_TOKEN_LEN] = {9};

	ask(&s);
	fd = stage_accept(listener, NULL);
	USERNS_CHECK(!countersign(fd, wrong), "believed");
	USERNS_CHECK(stage.n_given == 0, "handed over");
	done(&s, REASON_TIMEOUT);
}

/* Of three connections, the one that the caller names. */
STAGE_TEST(answering, predict_keeps_the_one_that_is_countersigned)
{
	struct addr source, at;
	struct server s;
	uint16_t target;
	int listeners[3], fds[3];

	listeners[0] = stage_listen(STAGE_PEER, &source);
	s = serve(STRATEGY_PREDICT, &source);
	s.punch.step = 1;
	s.punch.spread = 3;
	for (uint16_t i = 1; i < 3; i++) {
		at = source;
		at.port = (uint16_t)(source.port + i);
		listeners[i] = sock_shared(&at, AF_INET);
		USERNS_CHECK(listeners[i] >= 0 && sock_listen(listeners[i], 4) == 0, "%m");
	}
	ask(&s);
	target = hear(REASON_NONE)->target.port;
	USERNS_CHECK(target >= CURSOR_PORT_FIRST && target != s.at.port, "port %u", target);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = stage_accept(listeners[i], &at);
		USERNS_CHECK(at.port == target, "from %u, not %u", at.port, target);
	}
	USERNS_CHECK(countersign(fds[1], s.punch.token), "no countersign");
	check_given(&s, fds[1]);
	USERNS_CHECK(stage_is_over(fds[0]) && stage_is_over(fds[2]), "left open");
}

/* Its mapping depends on whom it talks to: the listener's own port is of no use. */
STAGE_TEST(answering, predict_of_a_symmetric_NAT_comes_from_a_fresh_port)
{
	struct addr source, from;
	int listener = stage_listen(STAGE_PEER, &source), fd;
	struct server s = serve(STRATEGY_PREDICT, &source);
	uint16_t target;

	stage_profiles(&kept_ports, &(struct profile){0});
	ask(&s);
	target = hear(REASON_NONE)->target.port;
	USERNS_CHECK(target >= CURSOR_PORT_FIRST, "port %u", target);
	fd = stage_accept(listener, &from);
	USERNS_CHECK(from.port == target, "from %u, not %u", from.port, target);
	USERNS_CHECK(countersign(fd, s.punch.token), "no countersign");
	check_given(&s, fd);
}

STAGE_TEST(answering, birthday_of_a_random_NAT_knocks_from_many_ports)
{
	struct addr source;
	int listener = stage_listen(STAGE_PEER, &source), fd = -1;
	struct server s = serve(STRATEGY_BIRTHDAY, &source);
	uint8_t token[FRAME_TOKEN_LEN];
	bool named = false;

	stage_profiles(&random_ports, &(struct profile){0});
	ask(&s);
	(void)hear(REASON_NONE);
	/* It hangs up on most, for more have met than anybody waits for. */
	while (!named) {
		fd = stage_accept(listener, NULL);
		if (write(fd, s.punch.token, sizeof(token)) == sizeof(token))
			named = stage_read(fd, token, sizeof(token));
		if (!named)
			(void)close(fd);
	}
	check_given(&s, fd);
}

STAGE_TEST(answering, birthday_that_meets_nobody_is_over_some_time)
{
	struct addr source = addr_v4(STAGE_PEER, 1);
	struct server s = serve(STRATEGY_BIRTHDAY, &source);
	size_t before = stage_descriptors();

	ask(&s);
	(void)hear(REASON_NONE);
	STAGE_UNTIL(stage_descriptors() == before);
	/* It has gone: this is no request of anybody's. */
	done(&s, REASON_NONE);
	USERNS_CHECK(stage.n_given == 0, "handed over");
}

/* ---- relay ---- */

STAGE_TEST(answering, relay_hands_over_what_is_joined)
{
	uint8_t hello[FRAME_HEADER_LEN + FRAME_TOKEN_LEN + 8 + FRAME_CODE_LEN];
	uint8_t frame[FRAME_HEADER_LEN + 2] = {0};
	struct frame_relay heard;
	struct addr relay;
	int listener = stage_listen(STAGE_NODE + 8, &relay), fd;
	struct server s = serve(STRATEGY_RELAY, &relay);

	stage.options.strategies |= STRATEGY_BIT(STRATEGY_RELAY);
	stage.options.seed[0] = relay;
	stage.node.seed_relays = true;
	ask(&s);
	(void)hear(REASON_NONE);
	fd = stage_accept(listener, NULL);
	USERNS_CHECK(stage_read(fd, hello, sizeof(hello)), "no RELAY");
	USERNS_CHECK(frame_decode_relay(hello + FRAME_HEADER_LEN, sizeof(hello) - FRAME_HEADER_LEN,
					&heard) == 0 &&
			     heard.from == 0 && heard.to == 1 &&
			     memcmp(heard.token, s.punch.token, sizeof(heard.token)) == 0,
		     "another one");
	frame_put_header(frame, FRAME_RELAYED, 2);
	USERNS_CHECK(write(fd, frame, sizeof(frame)) == sizeof(frame), "%m");
	check_given(&s, fd);
}

/* ---- what is refused ---- */

static const struct {
	uint8_t strategy;
	uint32_t from, host;
	uint16_t port;
	bool served;
	enum reason reason;
} refused[] = {
	{STRATEGY_SIMULTANEOUS, 1, STAGE_PEER + 1, 9, true, REASON_PROTOCOL},
	{STRATEGY_REVERSE, 1, STAGE_NODE, 9, true, REASON_PROTOCOL},
	{STRATEGY_SIMULTANEOUS, 1, STAGE_PEER, 0, true, REASON_PROTOCOL},
	{STRATEGY_PREDICT, 1, STAGE_PEER, 0, true, REASON_PROTOCOL},
	{STRATEGY_SIMULTANEOUS, 5, STAGE_PEER, 9, true, REASON_PROTOCOL}, /* no member */
	{STRATEGY_DIRECT, 1, STAGE_PEER, 9, true, REASON_PROTOCOL},
	{STRATEGY_PRIVATE, 1, STAGE_PEER, 9, true, REASON_PROTOCOL},
	{0, 1, STAGE_PEER, 9, true, REASON_PROTOCOL},
	{99, 1, STAGE_PEER, 9, true, REASON_PROTOCOL},
	{STRATEGY_RELAY, 1, STAGE_PEER, 9, true, REASON_PROTOCOL}, /* it is none */
	{STRATEGY_SEQUENTIAL, 1, STAGE_PEER, 9, true, REASON_NOT_ALLOWED},
	{STRATEGY_SIMULTANEOUS, 1, STAGE_PEER, 9, false, REASON_REFUSED},
};

STAGE_TEST(answering, says_why_not)
{
	size_t before = stage_descriptors() + 1;
	struct addr source = addr_v4(STAGE_PEER, 9);
	struct server s = serve(STRATEGY_SIMULTANEOUS, &source);

	stage.options.strategies = STRATEGY_DEFAULT & ~STRATEGY_BIT(STRATEGY_SEQUENTIAL);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		s.punch.strategy = refused[i].strategy;
		s.punch.source = addr_v4(refused[i].host, refused[i].port);
		s.punch.port = refused[i].served ? s.at.port : 1;
		stage_forget();
		answer_punch(stage.node.answers, refused[i].from, &s.punch);
		USERNS_CHECK(stage.n_sent == 1 && stage.sent[0].punched.reason == refused[i].reason,
			     "row %zu: %s", i,
			     reason_name((enum reason)stage.sent[0].punched.reason));
	}
	USERNS_CHECK(stage_descriptors() == before, "left open");
}

/* A port that nobody can be bound beside: no shim shares it. */
STAGE_TEST(answering, a_listener_that_does_not_share_its_port_is_told)
{
	struct addr source = addr_v4(STAGE_PEER, 9), at = addr_v4(INADDR_ANY, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct frame_punch punch = {.request = 7, .strategy = STRATEGY_SIMULTANEOUS};
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(&at, AF_INET, &ss);

	USERNS_CHECK(bind(fd, (struct sockaddr *)&ss, (socklen_t)len) == 0 && listen(fd, 4) == 0 &&
			     sock_local(fd, &at) == 0,
		     "%m");
	punch.port = at.port;
	punch.source = source;
	answer_punch(stage.node.answers, 1, &punch);
	(void)hear(REASON_NOT_INTERCEPTED);
}

static void check_busy(struct server *s, enum reason reason)
{
	stage_forget();
	s->punch.request = 7;
	s->punch.source = addr_v4(STAGE_PEER, 50000);
	ask(s);
	(void)hear(reason);
}

STAGE_TEST(answering, is_bounded)
{
	struct addr source;
	int fds[2];
	struct server s, other;

	fds[0] = stage_listen(STAGE_PEER, &source);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(listen(fds[0], 0) == 0 && sock_connect(fds[1], &source, AF_INET) == 0, "%m");
	s = serve(STRATEGY_BIRTHDAY, &source);
	for (int i = 0; i < ANSWER_VOLLEYS_MAX; i++)
		ask(&s);
	stage_forget();
	ask(&s);
	(void)hear(REASON_BUSY);
	answer_member_gone(stage.node.answers, 1);
	/* From one port to one other there is one connection, so each has its own source. */
	s.punch.strategy = STRATEGY_SIMULTANEOUS;
	other = serve(STRATEGY_SIMULTANEOUS, &source);
	for (uint32_t i = 0; i < ANSWERS_MAX - 1; i++) {
		struct server *to = i < HANDOFF_PORT_MAX ? &s : &other;

		to->punch.request = 100 + i;
		to->punch.source = addr_v4(STAGE_PEER, (uint16_t)(40000 + i));
		stage_forget();
		ask(to);
		USERNS_CHECK(stage_await(FRAME_PUNCHED, 0)->punched.reason == REASON_NONE, "%u", i);
	}
	/* One port has all its connections, the other may have one more. */
	check_busy(&s, REASON_BUSY);
	check_busy(&other, REASON_NONE);
	check_busy(&other, REASON_BUSY);
}

/* Connections that no program accepts take as much room as those that are being made. */
STAGE_TEST(answering, makes_no_more_connections_than_are_accepted)
{
	struct addr source = addr_v4(STAGE_PEER, 40000);
	struct server s = serve(STRATEGY_SIMULTANEOUS, &source);

	stage.n_pending = ANSWERS_MAX;
	ask(&s);
	(void)hear(REASON_BUSY);
	stage_forget();
	stage.n_pending = ANSWERS_MAX - 1;
	ask(&s);
	(void)hear(REASON_NONE);
}

/* Else they would be lost when they are there: what one port may have is bounded, too. */
STAGE_TEST(answering, makes_no_more_connections_than_one_listener_has_room_for)
{
	struct addr source = addr_v4(STAGE_PEER, 40000);
	struct server s = serve(STRATEGY_SIMULTANEOUS, &source);

	stage.n_pending = HANDOFF_PORT_MAX;
	stage.pending_port = s.at.port;
	ask(&s);
	(void)hear(REASON_BUSY);
	stage_forget();
	stage.n_pending = HANDOFF_PORT_MAX - 1;
	ask(&s);
	(void)hear(REASON_NONE);
	stage.pending_port = 1;
	stage.n_pending = HANDOFF_PORT_MAX;
	stage_forget();
	s.punch.source.port++;
	ask(&s);
	(void)hear(REASON_NONE);
}

/* Nobody waits for what was meant for it. */
STAGE_TEST(answering, ends_with_the_member)
{
	static const enum strategy_id ids[] = {
		STRATEGY_SIMULTANEOUS, STRATEGY_SYNCHRONISED, STRATEGY_REVERSE,
		STRATEGY_PREDICT,      STRATEGY_BIRTHDAY,
	};
	struct addr source;
	int fds[2];
	struct server s;
	size_t before;

	fds[0] = stage_listen(STAGE_PEER, &source);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(listen(fds[0], 0) == 0 && sock_connect(fds[1], &source, AF_INET) == 0, "%m");
	s = serve(STRATEGY_SIMULTANEOUS, &source);
	before = stage_descriptors();
	for (int n = 0; n < 100; n++) {
		stage_forget();
		s.punch.strategy = (uint8_t)ids[(size_t)n % ARRAY_SIZE(ids)];
		ask(&s);
		(void)hear(REASON_NONE);
		USERNS_CHECK(stage_descriptors() > before, "nothing is under way");
		if (n % 2)
			answer_member_gone(stage.node.answers, 1);
		else
			done(&s, REASON_LEFT);
		USERNS_CHECK(stage_descriptors() == before, "left open");
	}
}
