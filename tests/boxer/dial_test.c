/* SPDX-License-Identifier: MIT */
/* What the mate is asked, for a program that connects to it. */
#include "base/cleanup.h"
#include "boxer/api.h"
#include "boxer/local.h"
#include "boxer/reason.h"
#include "boxer/sock.h"
#include "boxer/strategy.h"
#include "tests/boxer/duo.h"

#include <criterion/criterion.h>
#include <errno.h>
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

/* One that does not wait, and whose SYN finds its way to @at. */
static void start_hasty_client(struct child *n, const struct addr *at)
{
	char port[16];

	(void)snprintf(port, sizeof(port), "%u", at->port);
	node_exec(n, "--id", "0", "--", GUEST, "connect", "mate", port, "later", NULL);
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

CLUSTER_TEST(dial, connects_where_the_answer_says)
{
	uint16_t last = 0;
	struct addr target;
	struct duo d;
	int listener;

	duo_start_linked(&d);
	listener = duo_own_port(&target, true);
	for (int i = 0; i < 3; i++) {
		struct frame_punch q;
		struct child n;
		int fd;

		start_client(&n);
		q = mate_hear_question(&d.mate);
		check_question(&q, STRATEGY_SEQUENTIAL, 80);
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

static const struct {
	uint16_t reason;
	const char *heard;
} answers[] = {
	{REASON_REFUSED, "ECONNREFUSED"},     {REASON_NOT_INTERCEPTED, "ECONNREFUSED"},
	{REASON_TIMEOUT, "ETIMEDOUT"},	      {REASON_PORT_NOT_KEPT, "EHOSTUNREACH"},
	{REASON_UNREACHABLE, "EHOSTUNREACH"}, {REASON_LOCAL, "EADDRNOTAVAIL"},
};

/* Found under AddressSanitizer: the answer was read from a dial that was gone. */
CLUSTER_TEST(dial, gives_the_program_the_answers_reason)
{
	struct duo d;

	duo_start_linked(&d);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct child n;
		json_t *event;

		start_client(&n);
		mate_answer(&d.mate, mate_hear_question(&d.mate).request, answers[i].reason, NULL);
		check_client(&n, answers[i].heard, 1);
		event = child_event(&d.node, "connect");
		USERNS_CHECK(strcmp(json_text(event, "reason"),
				    reason_name((enum reason)answers[i].reason)) == 0,
			     "%s", json_text(event, "reason"));
		json_decref(event);
	}
	duo_stop(&d);
}

CLUSTER_TEST(dial, takes_a_reason_of_a_newer_version_for_a_failure)
{
	struct duo d;
	struct child n;

	duo_start_linked(&d);
	start_client(&n);
	mate_answer(&d.mate, mate_hear_question(&d.mate).request, 999, NULL);
	check_client(&n, "EPROTO", 1);
	duo_stop(&d);
}

/* A port that answers no SYN: a listener whose queue is full drops them. */
static struct addr silent_port(void)
{
	struct addr at;
	int listener = duo_own_port(&at, false), fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(sock_listen(listener, 0) == 0 && sock_connect(fd, &at, AF_INET) == 0, "%m");
	return at;
}

/* Its SYN has left already; the kernel alone would say ECONNRESET. */
CLUSTER_TEST(dial, tells_a_program_that_did_not_wait)
{
	struct addr at;
	struct duo d;

	duo_start_linked(&d);
	at = silent_port();
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct frame_punch q;
		struct child n;

		start_hasty_client(&n, &at);
		q = mate_hear_question(&d.mate);
		check_question(&q, STRATEGY_SIMULTANEOUS, at.port);
		mate_answer(&d.mate, q.request, answers[i].reason, NULL);
		check_client(&n, answers[i].heard, 1);
	}
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

CLUSTER_TEST(dial, asks_again_when_the_link_is_back)
{
	struct frame_punch first, second;
	struct duo d;
	struct child n;

	duo_start_linked(&d);
	start_client(&n);
	first = mate_hear_question(&d.mate);
	speaker_close(&d.mate.link);
	mate_link(&d.mate);
	second = mate_hear_question(&d.mate);
	USERNS_CHECK(second.request == first.request && addr_equal(&second.source, &first.source),
		     "another question");
	mate_answer(&d.mate, second.request, REASON_REFUSED, NULL);
	check_client(&n, "ECONNREFUSED", 1);
	duo_stop(&d);
}

CLUSTER_TEST(dial, waits_for_a_link_that_is_not_there_yet)
{
	struct duo d;
	struct child n;
	int fd;

	duo_start(&d);
	/* The node is kept waiting with its hello while its program connects. */
	fd = mate_accept(&d.mate);
	start_client(&n);
	(void)close(fd);
	mate_link(&d.mate);
	mate_answer(&d.mate, mate_hear_question(&d.mate).request, REASON_REFUSED, NULL);
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
	before = child_descriptors(&d.node);
	start_client(&n);
	q = mate_hear_question(&d.mate);
	child_signal(&n, SIGKILL);
	(void)child_end(&n);
	child_await_descriptors(&d.node, before);
	mate_answer(&d.mate, q.request, REASON_NONE, &d.mate.at);
	mate_check_alive(&d.mate);
	duo_stop(&d);
}

/* They hold descriptors, and there is a bound; it must not keep others out. */
CLUSTER_TEST(dial, of_many_programs_does_not_keep_short_requests_out)
{
	const struct local_request wait = {
		.version = LOCAL_VERSION,
		.op = LOCAL_PUNCH,
		.target = addr_v4(0xc6120002, 80),
		.local = addr_v4(INADDR_LOOPBACK, 20000),
	};
	const struct local_request ask = {.version = LOCAL_VERSION, .op = LOCAL_RESULT};
	int fds[API_DIALLING_MAX + 1], fd;
	struct local_reply reply;
	struct duo d;

	/* Without a link they wait. */
	duo_start(&d);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = sock_connect_local("boxer/0");
		USERNS_CHECK(fds[i] >= 0 &&
				     sock_send_fds(fds[i], &wait, sizeof(wait), NULL, 0) == 0,
			     "program %zu", i);
	}
	/* One too many is told so. */
	USERNS_CHECK(recv(fds[API_DIALLING_MAX], &reply, sizeof(reply), 0) == sizeof(reply) &&
			     reply.error == EADDRNOTAVAIL,
		     "error %d", reply.error);
	fd = sock_connect_local("boxer/0");
	USERNS_CHECK(fd >= 0 && sock_send_fds(fd, &ask, sizeof(ask), NULL, 0) == 0 &&
			     recv(fd, &reply, sizeof(reply), 0) == sizeof(reply) &&
			     reply.error == 0,
		     "no answer: %m");
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
