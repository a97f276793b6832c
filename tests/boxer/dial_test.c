/* SPDX-License-Identifier: MIT */
/* What the mate is asked, for a program that connects to it. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/history.h"
#include "boxer/reason.h"
#include "boxer/sock.h"
#include "boxer/strategy.h"
#include "tests/boxer/duo.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define GUEST GUEST_PATH

static char output[4096];

/* The program that asks: it connects to the mate by name. */
static void start_client(struct child *n)
{
	node_exec(n, "--id", "0", "--", GUEST, "connect", "mate", "80", NULL);
}

static void start_client_to(struct child *n, uint16_t port, const char *later)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", port);
	node_exec(n, "--id", "0", "--", GUEST, "connect", "mate", text, later, NULL);
}

static void check_client(struct child *n, const char *heard, int status)
{
	child_hear(n, output, sizeof(output));
	USERNS_CHECK(strcmp(output, heard) == 0, "%s, not %s", output, heard);
	node_check_end(n, status, "");
	(void)close(n->errors);
}

static void check_question(const struct frame_punch *q, enum strategy_id strategy, uint16_t port)
{
	USERNS_CHECK(q->strategy == strategy, "strategy %u", q->strategy);
	USERNS_CHECK(q->port == port, "port %u", q->port);
	USERNS_CHECK(addr_v4_value(&q->source) == INADDR_LOOPBACK, "source");
	USERNS_CHECK(q->source.port >= 16384 && q->source.port < 32768, "source port %u",
		     q->source.port);
}

static void connect_three_times(const char *name, enum strategy_id strategy)
{
	uint16_t last = 0;
	struct addr target;
	struct duo d;
	int listener;

	duo_start_by(&d, name);
	listener = duo_own_port(&target, true);
	for (int i = 0; i < 3; i++) {
		struct frame_punch q;
		struct child n;
		int fd;

		start_client(&n);
		q = mate_hear_question(&d.mate);
		check_question(&q, strategy, 80);
		USERNS_CHECK(q.source.port != last, "a port is used again at once");
		last = q.source.port;
		/* Neither of these is its answer. */
		mate_answer(&d.mate, q.request + 1, REASON_REFUSED, NULL);
		mate_answer(&d.mate, q.request - 1, REASON_NONE, &target);
		mate_answer(&d.mate, q.request, REASON_NONE, &target);
		mate_answer(&d.mate, q.request, REASON_REFUSED, NULL);
		fd = duo_accept_from(listener, &q.source);
		USERNS_CHECK(write(fd, "hi\n", 3) == 3, "%m");
		check_client(&n, "hi", 0);
		(void)close(fd);
	}
	mate_check_alive(&d.mate);
	duo_stop(&d);
}

CLUSTER_TEST(dial, connects_where_the_answer_says)
{
	connect_three_times("sequential", STRATEGY_SEQUENTIAL);
}

CLUSTER_TEST(dial, connects_where_the_answer_to_a_simultaneous_one_says)
{
	connect_three_times("simultaneous", STRATEGY_SIMULTANEOUS);
}

static const struct {
	uint16_t reason;
	const char *heard;
	const char *told;
} answers[] = {
	{REASON_REFUSED, "ECONNREFUSED", "refused"},
	{REASON_NOT_INTERCEPTED, "ECONNREFUSED", "not-intercepted"},
	{REASON_TIMEOUT, "ETIMEDOUT", "timeout"},
	{REASON_PORT_UNKNOWN, "EHOSTUNREACH", "port-unknown"},
	{REASON_UNREACHABLE, "EHOSTUNREACH", "unreachable"},
	{REASON_LOCAL, "EADDRNOTAVAIL", "local-resource"},
	{999 /* of a newer version */, "EPROTO", "protocol-violation"},
};

/* Each of many programs wants another port: the answers are told apart by it. */
static void answer_all(struct duo *d, struct child *programs)
{
	size_t left = 2 * ARRAY_SIZE(answers) - 1; /* all but the first are asked once more */

	while (left-- > 0) {
		struct frame_punch q = mate_hear_question(&d->mate);

		USERNS_CHECK(q.port >= 80 && q.port < 80 + ARRAY_SIZE(answers), "port %u", q.port);

		mate_answer(&d->mate, q.request, answers[q.port - 80].reason, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		check_client(&programs[i], answers[i].heard, 1);
}

/*
 * Found under AddressSanitizer: the answer was read from a dial that was gone. What
 * is not known of the mate's NAT may be known in a moment, so all but a refusal, which
 * is final, leads to a second try.
 */
CLUSTER_TEST(dial, gives_the_program_the_answers_reason)
{
	struct child programs[ARRAY_SIZE(answers)];
	struct duo d;

	duo_start_by(&d, "sequential");
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		start_client_to(&programs[i], (uint16_t)(80 + i), NULL);
	answer_all(&d, programs);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		json_t *event = child_event(&d.node, "connect");
		size_t row = (size_t)json_number(event, "port") - 80;

		USERNS_CHECK(strcmp(json_text(event, "reason"), answers[row].told) == 0, "%s",
			     json_text(event, "reason"));
		USERNS_CHECK(strcmp(json_text(event, "strategy"), "sequential") == 0, "%s",
			     json_text(event, "strategy"));
		USERNS_CHECK(strncmp(json_text(event, "attempts"), "sequential:", 11) == 0, "%s",
			     json_text(event, "attempts"));
		json_decref(event);
	}
	duo_stop(&d);
}

CLUSTER_TEST(dial, goes_on_with_the_next_way)
{
	struct frame_punch q;
	struct addr target;
	struct duo d;
	struct child n;
	int listener, fd;

	duo_start_by(&d, "simultaneous,sequential");
	listener = duo_own_port(&target, true);
	start_client(&n);
	q = mate_hear_question(&d.mate);
	check_question(&q, STRATEGY_SIMULTANEOUS, 80);
	mate_answer(&d.mate, q.request, REASON_NOT_INTERCEPTED, NULL);
	q = mate_hear_question(&d.mate);
	check_question(&q, STRATEGY_SEQUENTIAL, 80);
	mate_answer(&d.mate, q.request, REASON_NONE, &target);
	fd = duo_accept_from(listener, &q.source);
	USERNS_CHECK(write(fd, "hi\n", 3) == 3, "%m");
	check_client(&n, "hi", 0);
	duo_stop(&d);
}

/* A program connects; the mate fails @failing. Return: which way was tried first. */
static enum strategy_id connect_but_fail(struct duo *d, unsigned failing)
{
	struct frame_punch q;
	struct addr target;
	struct child n;
	int listener = duo_own_port(&target, true), fd;
	enum strategy_id first;

	start_client(&n);
	q = mate_hear_question(&d->mate);
	first = (enum strategy_id)q.strategy;
	if (q.strategy == failing) {
		mate_answer(&d->mate, q.request, REASON_UNREACHABLE, NULL);
		q = mate_hear_question(&d->mate);
	}
	mate_answer(&d->mate, q.request, REASON_NONE, &target);
	fd = duo_accept_from(listener, &q.source);
	USERNS_CHECK(write(fd, "hi\n", 3) == 3, "%m");
	check_client(&n, "hi", 0);
	(void)close(fd);
	(void)close(listener);
	return first;
}

/* The seed finds out more of the mate's NAT, and tells. */
static void change_record(struct duo *d)
{
	const struct frame_probe probe = {.port = d->mate.at.port};
	uint8_t body[8];
	int len = frame_encode_probe(&probe, body, sizeof(body));

	USERNS_CHECK(speaker_send(&d->mate.uplink, FRAME_PROBE, body, (size_t)len) == 0, "PROBE");
}

CLUSTER_TEST(dial, tries_what_has_failed_last_until_the_nat_is_another_one)
{
	const uint64_t until = clock_now() + HISTORY_FAILURE_NS / 2;
	struct duo d;

	duo_start_by(&d, "simultaneous,sequential");
	USERNS_CHECK(connect_but_fail(&d, STRATEGY_SIMULTANEOUS) == STRATEGY_SIMULTANEOUS, "1");
	USERNS_CHECK(connect_but_fail(&d, STRATEGY_COUNT) == STRATEGY_SEQUENTIAL, "2");
	change_record(&d);
	while (connect_but_fail(&d, STRATEGY_COUNT) != STRATEGY_SIMULTANEOUS)
		USERNS_CHECK(clock_now() < until, "it is still held against it");
	duo_stop(&d);
}

CLUSTER_TEST(dial, asks_again_while_the_peer_is_busy)
{
	struct frame_punch q, again;
	struct addr target;
	struct duo d;
	struct child n;
	int listener, fd;

	duo_start_by(&d, "sequential");
	listener = duo_own_port(&target, true);
	start_client(&n);
	q = mate_hear_question(&d.mate);
	for (int i = 0; i < 3; i++) {
		mate_answer(&d.mate, q.request, REASON_BUSY, NULL);
		again = mate_hear_question(&d.mate);
		check_question(&again, STRATEGY_SEQUENTIAL, 80);
		USERNS_CHECK(again.request != q.request, "the same number");
		q = again;
	}
	mate_answer(&d.mate, q.request, REASON_NONE, &target);
	fd = duo_accept_from(listener, &q.source);
	USERNS_CHECK(write(fd, "hi\n", 3) == 3, "%m");
	check_client(&n, "hi", 0);
	duo_stop(&d);
}

/* Its kernel has refused, but there is another way. */
CLUSTER_TEST(dial, goes_on_when_the_programs_own_socket_has_failed)
{
	struct frame_punch q, again;
	struct addr target, closed;
	struct duo d;
	struct child n;
	int listener, fd;

	duo_start_by(&d, "simultaneous,sequential");
	listener = duo_own_port(&target, true);
	fd = duo_own_port(&closed, false);
	start_client(&n);
	q = mate_hear_question(&d.mate);
	mate_answer(&d.mate, q.request, REASON_NONE, &closed);
	again = mate_hear_question(&d.mate);
	check_question(&again, STRATEGY_SEQUENTIAL, 80);
	USERNS_CHECK(addr_equal(&again.source, &q.source), "from another port");
	mate_answer(&d.mate, again.request, REASON_NONE, &target);
	(void)close(fd);
	fd = duo_accept_from(listener, &q.source);
	USERNS_CHECK(write(fd, "hi\n", 3) == 3, "%m");
	check_client(&n, "hi", 0);
	duo_stop(&d);
}

/* Its SYN has left already; the kernel alone would say ECONNRESET. */
CLUSTER_TEST(dial, tells_a_program_that_does_not_wait)
{
	struct frame_punch q;
	struct addr at;
	struct duo d;
	struct child n;

	duo_start_by(&d, "sequential");
	at = duo_silent_port();
	start_client_to(&n, 80, "later");
	q = mate_hear_question(&d.mate);
	check_question(&q, STRATEGY_SEQUENTIAL, 80);
	mate_answer(&d.mate, q.request, REASON_NONE, &at);
	/* An answer is final. */
	mate_answer(&d.mate, q.request, REASON_REFUSED, NULL);
	mate_leave(&d.mate);
	check_client(&n, "EHOSTUNREACH", 1);
	duo_stop(&d);
}

CLUSTER_TEST(dial, believes_only_the_member_that_was_asked)
{
	struct frame_punch q;
	struct mate other;
	struct duo d;
	struct child n;

	duo_start_linked(&d);
	mate_join(&other, &d.c, "other");
	mate_link(&other);
	child_await(&d.node, "link");
	start_client(&n);
	q = mate_hear_question(&d.mate);
	mate_answer(&other, q.request, REASON_TIMEOUT, NULL);
	/* Once it has taken that, it gets the true one. */
	mate_check_alive(&other);
	mate_answer(&d.mate, q.request, REASON_REFUSED, NULL);
	check_client(&n, "ECONNREFUSED", 1);
	duo_stop(&d);
}

/* What it says is where programs connect: to itself, or nowhere. */
CLUSTER_TEST(dial, is_not_sent_elsewhere_by_a_member)
{
	static const char *const ways[] = {"sequential", "simultaneous"};
	const struct addr nowhere = addr_v4(INADDR_LOOPBACK, 0);
	struct addr elsewhere = addr_v4(INADDR_LOOPBACK + 1, 0);
	int listener = sock_shared(&elsewhere, AF_INET);

	USERNS_CHECK(listener >= 0 && sock_local(listener, &elsewhere) == 0 &&
			     sock_listen(listener, 16) == 0,
		     "%m");
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct frame_punch q;
		struct duo d;
		struct child n;

		duo_start_by(&d, ways[i]);
		start_client(&n);
		q = mate_hear_question(&d.mate);
		mate_answer(&d.mate, q.request, REASON_NONE, &elsewhere);
		/* It is asked anew, since the mate's NAT is not known yet. */
		q = mate_hear_question(&d.mate);
		mate_answer(&d.mate, q.request, REASON_NONE, &nowhere);
		check_client(&n, "EPROTO", 1);
		mate_leave(&d.mate);
		duo_stop(&d);
	}
	USERNS_CHECK(accept4(listener, NULL, NULL, SOCK_NONBLOCK) < 0 && errno == EAGAIN,
		     "somebody came");
}

CLUSTER_TEST(dial, fails_when_the_member_leaves_meanwhile)
{
	struct duo d;
	struct child n;

	duo_start_linked(&d);
	start_client(&n);
	(void)mate_hear_question(&d.mate);
	mate_leave(&d.mate);
	check_client(&n, "EHOSTUNREACH", 1);
	duo_stop(&d);
}

CLUSTER_TEST(dial, asks_again_by_the_seed_when_the_link_is_lost)
{
	struct frame_punch first, second;
	struct duo d;
	struct child n;

	duo_start_linked(&d);
	start_client(&n);
	first = mate_hear_question(&d.mate);
	speaker_close(&d.mate.link);
	second = mate_hear_question_via(&d.mate);
	USERNS_CHECK(second.request != first.request, "the same number");
	USERNS_CHECK(addr_equal(&second.source, &first.source), "from another port");
	mate_answer_via(&d.mate, second.request, REASON_REFUSED);
	check_client(&n, "ECONNREFUSED", 1);
	duo_stop(&d);
}

CLUSTER_TEST(dial, is_asked_by_the_seed_while_there_is_no_link)
{
	struct duo d;
	struct child n;

	duo_start(&d);
	/* The mate never answers the connection that would become the link. */
	start_client(&n);
	mate_answer_via(&d.mate, mate_hear_question_via(&d.mate).request, REASON_REFUSED);
	check_client(&n, "ECONNREFUSED", 1);
	duo_stop(&d);
}

CLUSTER_TEST(dial, is_forgotten_when_its_program_ends)
{
	struct frame_punch q;
	struct duo d;
	struct child n;
	size_t before;

	duo_start_linked(&d);
	before = child_descriptors_at_rest(&d.node);
	start_client(&n);
	q = mate_hear_question(&d.mate);
	child_signal(&n, SIGKILL);
	(void)child_end(&n);
	child_await_descriptors(&d.node, before);
	mate_answer(&d.mate, q.request, REASON_NONE, &d.mate.at);
	mate_check_alive(&d.mate);
	duo_stop(&d);
}

static void hear_that_it_has_left(struct mate *m, uint32_t request)
{
	struct frame_done done;
	struct speaker_frame f;

	do
		USERNS_CHECK(speaker_receive(&m->link, &f) == 0, "nothing more is heard");
	while (f.type != FRAME_DONE);
	USERNS_CHECK(frame_decode_done(f.body, f.len, &done) == 0 && done.request == request &&
			     done.reason == REASON_LEFT,
		     "%s", reason_name((enum reason)done.reason));
}

/* The kernel knows its socket by our copy, too, and would go on for it. */
CLUSTER_TEST(dial, ends_with_a_program_that_dies_while_it_connects)
{
	static const char *const laters[] = {NULL, "later"};
	struct duo d;
	struct addr at;
	int listener, full;

	duo_start_by(&d, "simultaneous");
	/* A port that answers no SYN: its queue is full. */
	listener = duo_own_port(&at, true);
	USERNS_CHECK(listen(listener, 0) == 0, "%m");
	full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(sock_connect(full, &at, AF_INET) == 0, "%m");
	for (size_t i = 0; i < ARRAY_SIZE(laters); i++) {
		struct frame_punch q;
		struct child n;

		start_client_to(&n, 80, laters[i]);
		q = mate_hear_question(&d.mate);
		mate_answer(&d.mate, q.request, REASON_NONE, &at);
		mate_check_alive(&d.mate);
		child_signal(&n, SIGKILL);
		hear_that_it_has_left(&d.mate, q.request);
		node_check_end(&n, -SIGKILL, "");
	}
	(void)close(full);
	(void)close(listener);
	duo_stop(&d);
}

/* As one that becomes a daemon does; its child has the socket. */
CLUSTER_TEST(dial, goes_on_when_its_program_has_forked_and_ended)
{
	struct pollfd ended;
	struct frame_punch q;
	struct duo d;
	struct addr at;
	struct child n;
	int listener, full, fd;
	size_t before;

	duo_start_by(&d, "simultaneous");
	listener = duo_own_port(&at, true);
	USERNS_CHECK(listen(listener, 0) == 0, "%m");
	full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(sock_connect(full, &at, AF_INET) == 0, "%m");
	before = child_descriptors_at_rest(&d.node);
	start_client_to(&n, 80, "forked");
	q = mate_hear_question(&d.mate);
	mate_answer(&d.mate, q.request, REASON_NONE, &at);
	ended = (struct pollfd){.fd = n.pidfd, .events = POLLIN};
	USERNS_CHECK(poll(&ended, 1, CHILD_PATIENCE_MS) == 1, "it stays");
	/* Of it only the socket is left. */
	child_await_descriptors(&d.node, before + 1);
	(void)close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	fd = duo_accept_from(listener, &q.source);
	USERNS_CHECK(write(fd, "hi\n", 3) == 3, "%m");
	child_hear(&n, output, sizeof(output));
	USERNS_CHECK(strcmp(output, "hi") == 0, "%s", output);
	node_check_end(&n, 0, "");
	(void)close(fd);
	(void)close(full);
	(void)close(listener);
	duo_stop(&d);
}

/* In /proc/net/unix a connection that is open has the name of the node, too. */
CLUSTER_TEST(exec, finds_the_only_node_while_a_program_talks_to_it)
{
	struct duo d;
	struct child waits, n;

	duo_start_linked(&d);
	start_client(&waits);
	(void)mate_hear_question(&d.mate);
	node_exec(&n, "--", GUEST, "end", "3", NULL);
	node_check_end(&n, 3, "");
	child_signal(&waits, SIGKILL);
	(void)child_end(&waits);
	duo_stop(&d);
}
