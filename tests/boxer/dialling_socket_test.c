/* SPDX-License-Identifier: MIT */
/* A dial and the program's own socket: what becomes of it, and who hears. */
#include "boxer/dial_way.h"
#include "boxer/sock.h"
#include "tests/boxer/dialler.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* Its SYN to @at leaves beside the question. */
static void begin_early(struct program *p, const struct addr *at)
{
	const struct addr to = member_port(1), any = addr_v4(INADDR_ANY, 0);

	USERNS_CHECK(sock_bind_shared(p->fd, &any) == 0, "%m");
	dial_follow(stage.node.dials, &to, dup(p->fd), p->cookie);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	program_connect(p, at);
}

/* A blocking one: shut down, so that connect() comes back; then the next way. */
STAGE_TEST(dialling, a_program_that_waits_is_woken_for_the_next_way)
{
	struct program p = program_new(AF_INET);
	int silent[2];
	struct addr at = peer_silent_port(silent);

	begin_early(&p, &at);
	USERNS_CHECK(sock_state(p.fd) == TCP_SYN_SENT, "%d", sock_state(p.fd));
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_UNREACHABLE, NULL);
	STAGE_UNTIL(sock_state(p.fd) == TCP_CLOSE);
	USERNS_CHECK(!stage_find(FRAME_PUNCH, 1), "the next way begins before it is asked for");
	program_ask(&p);
	(void)peer_hear(1, STRATEGY_SEQUENTIAL);
	dial_cancel(p.dial);
	(void)close(silent[0]);
	(void)close(silent[1]);
	program_end(&p);
}

static int number(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	(void)getsockopt(fd, IPPROTO_TCP, name, &value, &len);
	return value;
}

/* The program's own options are its own again when it is connected. */
STAGE_TEST(dialling, hurries_the_programs_handshake_and_nothing_else)
{
	struct program p = program_new(AF_INET);
	int before = number(p.fd, TCP_RTO_MAX_MS), retries = number(p.fd, TCP_SYNCNT), server;
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at);

	stage_profiles(&nat_plain, &nat_refusing);
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	USERNS_CHECK(before < 0 || number(p.fd, TCP_RTO_MAX_MS) == 1000, "not hurried");
	program_connect(&p, &at);
	server = stage_accept(listener, NULL);
	dials_check_over();
	USERNS_CHECK(number(p.fd, TCP_RTO_MAX_MS) == before, "left behind");
	USERNS_CHECK(number(p.fd, TCP_SYNCNT) == retries, "left behind");
	(void)close(server);
	(void)close(listener);
	program_end(&p);
}

/* One that does not: shut down, and the reason is kept. */
STAGE_TEST(dialling, a_program_that_does_not_wait_finds_the_reason)
{
	struct program p = program_new(AF_INET);
	int silent[2];
	struct addr at = peer_silent_port(silent);

	(void)fcntl(p.fd, F_SETFL, O_NONBLOCK);
	begin_early(&p, &at);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	STAGE_UNTIL(sock_state(p.fd) == TCP_CLOSE);
	dials_check_over();
	USERNS_CHECK(sock_error(p.fd) == -ECONNRESET, "the kernel's own");
	USERNS_CHECK(dial_result(stage.node.dials, p.cookie) == REASON_REFUSED, "reason");
	USERNS_CHECK(dial_result(stage.node.dials, p.cookie) == REASON_NONE, "told twice");
	(void)close(silent[0]);
	(void)close(silent[1]);
	program_end(&p);
}

/* It was held for a moment only, but its SYN has all the time. */
STAGE_TEST(dialling, a_program_that_does_not_wait_is_given_time_once_it_is_told)
{
	struct program p = program_new(AF_INET);
	int silent[2];
	struct addr at = peer_silent_port(silent);
	uint64_t begun = clock_now();

	stage_profiles(&nat_plain, &nat_refusing);
	(void)fcntl(p.fd, F_SETFL, O_NONBLOCK);
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &at);
	program_connect(&p, &at);
	STAGE_UNTIL(clock_now() > begun + 2 * DIAL_HELD_NS);
	USERNS_CHECK(sock_state(p.fd) == TCP_SYN_SENT, "%d", sock_state(p.fd));
	(void)close(silent[0]);
	(void)close(silent[1]);
	program_end(&p);
}

/*
 * Found by reading: a shutdown of a socket that was not connecting had no effect on
 * the connect() that followed, but for what could be sent on it.
 */
STAGE_TEST(dialling, an_early_SYN_that_has_not_left_yet_is_waited_for)
{
	struct program p = program_new(AF_INET);
	const struct addr to = member_port(1);
	int silent[2];
	struct addr at = peer_silent_port(silent), any = addr_v4(INADDR_ANY, 0);

	(void)fcntl(p.fd, F_SETFL, O_NONBLOCK);
	USERNS_CHECK(sock_bind_shared(p.fd, &any) == 0, "%m");
	dial_follow(stage.node.dials, &to, dup(p.fd), p.cookie);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	stage_run();
	USERNS_CHECK(!LIST_EMPTY(&stage.node.dials->list), "given up");
	program_connect(&p, &at);
	STAGE_UNTIL(sock_state(p.fd) == TCP_CLOSE);
	USERNS_CHECK(dial_result(stage.node.dials, p.cookie) == REASON_REFUSED, "reason");
	(void)close(silent[0]);
	(void)close(silent[1]);
	program_end(&p);
}

/* A connect() that a signal has ended goes on, and who polls for its end asks. */
STAGE_TEST(dialling, a_program_that_waited_and_went_on_finds_the_reason_at_once)
{
	struct program p = program_new(AF_INET);
	int silent[2];
	struct addr at = peer_silent_port(silent);

	begin_early(&p, &at);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	STAGE_UNTIL(sock_state(p.fd) == TCP_CLOSE);
	USERNS_CHECK(dial_result(stage.node.dials, p.cookie) == REASON_REFUSED, "reason");
	dials_check_over();
	(void)close(silent[0]);
	(void)close(silent[1]);
	program_end(&p);
}

/* As a listener does whose queue is full: the program's SYN waits, and is not told off. */
STAGE_TEST(dialling, an_early_SYN_stays_while_the_peer_is_busy)
{
	struct program p = program_new(AF_INET);
	const struct addr to = member_port(1), told = addr_v4(STAGE_PEER, PROGRAM_PORT);
	struct addr any = addr_v4(INADDR_ANY, 0), at;
	int silent[2];

	at = peer_silent_port(silent);
	USERNS_CHECK(sock_bind_shared(p.fd, &any) == 0, "%m");
	dial_follow(stage.node.dials, &to, dup(p.fd), p.cookie);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	program_connect(&p, &at);
	for (size_t i = 0; i < 3; i++) {
		uint32_t request = peer_hear(i, STRATEGY_SIMULTANEOUS)->request;

		peer_answer(stage_find(FRAME_PUNCH, i), REASON_BUSY, NULL);
		USERNS_CHECK(peer_hear(i + 1, STRATEGY_SIMULTANEOUS)->request != request,
			     "the same");
		USERNS_CHECK(sock_state(p.fd) == TCP_SYN_SENT, "it was told off");
	}
	peer_answer(stage_find(FRAME_PUNCH, 3), REASON_NONE, &told);
	(void)close(stage_accept(silent[0], NULL));
	dials_check_over();
	USERNS_CHECK(!stage_find(FRAME_PUNCH, 4), "asked once more");
	(void)close(silent[0]);
	(void)close(silent[1]);
	program_end(&p);
}

STAGE_TEST(dialling, a_busy_peer_is_the_reason_when_it_stays_so)
{
	struct program p = program_new(AF_INET);

	stage_profiles(&nat_plain, &nat_refusing);
	stage.options.strategies = STRATEGY_BIT(STRATEGY_SIMULTANEOUS);
	program_ask(&p);
	for (size_t i = 0; i < 3; i++) {
		(void)peer_hear(i, STRATEGY_SIMULTANEOUS);
		peer_answer(stage_find(FRAME_PUNCH, i), REASON_BUSY, NULL);
		USERNS_CHECK(p.calls == 0, "%s", reason_name(p.reason));
	}
	p.dial->ends_at = clock_now();
	dial_arm(p.dial, 0);
	STAGE_UNTIL(p.calls);
	program_check_told(&p, REASON_BUSY);
	dials_check_over();
	program_end(&p);
}

/* What was begun on a guess is thought over when it has failed. */
STAGE_TEST(dialling, an_early_dial_that_failed_goes_on_as_an_ordinary_one)
{
	struct program p = program_new(AF_INET);
	const struct addr to = member_port(1);
	struct addr closed, any = addr_v4(INADDR_ANY, 0);

	(void)close(stage_listen(STAGE_PEER, &closed));
	USERNS_CHECK(sock_bind_shared(p.fd, &any) == 0, "%m");
	dial_follow(stage.node.dials, &to, dup(p.fd), p.cookie);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	program_connect(&p, &closed);
	program_ask(&p);
	(void)peer_hear(1, STRATEGY_SEQUENTIAL);
	dial_cancel(p.dial);
	dials_check_over();
	program_end(&p);
}

/* The peer has let it in, and whatever else it says is not heard. */
STAGE_TEST(dialling, a_second_answer_is_none)
{
	struct program p = program_new(AF_INET);
	int silent[2];
	struct addr nowhere = peer_silent_port(silent);

	stage_profiles(&nat_plain, &nat_refusing);
	program_ask(&p);
	(void)peer_hear(0, STRATEGY_SIMULTANEOUS);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_NONE, &nowhere);
	program_connect(&p, &nowhere);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_REFUSED, NULL);
	for (int i = 0; i < 20; i++)
		stage_run();
	USERNS_CHECK(sock_state(p.fd) == TCP_SYN_SENT, "%d", sock_state(p.fd));
	(void)close(silent[0]);
	(void)close(silent[1]);
	program_end(&p);
}

/* The peer's listener has taken the SYN: whatever is said now, there is a connection. */
STAGE_TEST(dialling, a_connection_that_is_there_is_not_shut_down)
{
	struct program p = program_new(AF_INET);
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at), fd;

	begin_early(&p, &at);
	peer_answer(stage_find(FRAME_PUNCH, 0), REASON_TIMEOUT, NULL);
	fd = stage_accept(listener, NULL);
	dials_check_over();
	USERNS_CHECK(write(p.fd, "x", 1) == 1 && stage_read(fd, (char[1]){0}, 1), "%m");
	(void)close(fd);
	(void)close(listener);
	program_end(&p);
}
