/* SPDX-License-Identifier: MIT */
/* What the mate asks of the node: holes towards a program that listens. */
#include "base/cleanup.h"
#include "boxer/reason.h"
#include "boxer/sock.h"
#include "boxer/strategy.h"
#include "tests/boxer/duo.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#define GUEST GUEST_PATH

/* A program of the function that greets whoever connects. */
struct server {
	struct child program;
	struct addr at;
};

static void start_server(struct server *s)
{
	char port[32];

	node_exec(&s->program, "--id", "0", "--", GUEST, "serve", NULL);
	child_hear(&s->program, port, sizeof(port));
	s->at = addr_v4(INADDR_LOOPBACK, (uint16_t)atoi(port));
}

static void stop_server(struct server *s)
{
	child_close_in(&s->program);
	node_check_end(&s->program, 0, "");
}

static void check_accept_event(struct duo *d, const char *strategy, const char *reason)
{
	json_t *event = child_event(&d->node, "accept");

	USERNS_CHECK(strcmp(json_text(event, "reason"), reason) == 0, "%s",
		     json_text(event, "reason"));
	USERNS_CHECK(strcmp(json_text(event, "strategy"), strategy) == 0, "%s",
		     json_text(event, "strategy"));
	USERNS_CHECK(json_number(event, "id") == d->mate.id, "id");
	json_decref(event);
}

static void check_greeted(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char text[16] = "";
	ssize_t n;

	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "no greeting");
	n = recv(fd, text, sizeof(text) - 1, 0);
	USERNS_CHECK(n == 6 && strcmp(text, "hello\n") == 0, "'%s': %m", text);
}

/* The hole first (its SYN finds nobody here), then our SYN to the listener itself. */
CLUSTER_TEST(answer, opens_the_hole_and_leaves_the_rest_to_the_listener)
{
	struct frame_punched answer;
	struct server server;
	struct addr source;
	struct duo d;
	struct pollfd p;
	int fd;

	duo_start_linked(&d);
	start_server(&server);
	fd = duo_own_port(&source, false);
	mate_ask(&d.mate, &(struct frame_punch){.request = 7,
						.strategy = STRATEGY_SEQUENTIAL,
						.port = server.at.port,
						.source = source});
	answer = mate_hear_answer(&d.mate);
	USERNS_CHECK(answer.request == 7 && answer.reason == REASON_NONE, "%s",
		     reason_name((enum reason)answer.reason));
	USERNS_CHECK(addr_equal(&answer.target, &server.at), "target");
	check_accept_event(&d, "sequential", "none");
	USERNS_CHECK(sock_connect(fd, &answer.target, AF_INET) == 0, "%m");
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "no connection");
	check_greeted(fd);
	stop_server(&server);
	duo_stop(&d);
}

/* The connection completes on the node's own socket, and goes to the program. */
CLUSTER_TEST(answer, hands_the_connection_that_it_kept_to_the_listener)
{
	struct server server;
	struct addr source;
	struct duo d;
	int listener;

	duo_start_linked(&d);
	start_server(&server);
	listener = duo_own_port(&source, true);
	for (uint32_t i = 0; i < 5; i++) {
		struct frame_punched answer;
		int fd;

		mate_ask(&d.mate, &(struct frame_punch){.request = i,
							.strategy = STRATEGY_SIMULTANEOUS,
							.port = server.at.port,
							.source = source});
		answer = mate_hear_answer(&d.mate);
		USERNS_CHECK(answer.request == i && answer.reason == REASON_NONE, "%s",
			     reason_name((enum reason)answer.reason));
		fd = duo_accept_from(listener, &server.at);
		check_greeted(fd);
		check_accept_event(&d, "simultaneous", "none");
		/* Reset, so that the same 4-tuple is free again. */
		sock_reset(fd);
	}
	stop_server(&server);
	duo_stop(&d);
}

/* Stopped, so that the signals stay in its queue; then gone. */
CLUSTER_TEST(answer, resets_what_nobody_will_accept_any_more)
{
	struct pollfd p = {.events = POLLIN};
	struct server server;
	struct addr source;
	struct duo d;
	int listener;
	char byte;

	duo_start_linked(&d);
	start_server(&server);
	child_signal(&server.program, SIGSTOP);
	listener = duo_own_port(&source, true);
	mate_ask(&d.mate, &(struct frame_punch){.request = 1,
						.strategy = STRATEGY_SIMULTANEOUS,
						.port = server.at.port,
						.source = source});
	USERNS_CHECK(mate_hear_answer(&d.mate).reason == REASON_NONE, "refused");
	p.fd = duo_accept_from(listener, &server.at);
	check_accept_event(&d, "simultaneous", "none");
	child_signal(&server.program, SIGKILL);
	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "it hangs");
	USERNS_CHECK(read(p.fd, &byte, 1) == -1 && errno == ECONNRESET, "%m");
	(void)child_end(&server.program);
	duo_stop(&d);
}

/* Whose the source is, as the seed knows it. */
enum whose { OURS, NOBODYS, NO_PORT, OTHER_HOST };

static const struct {
	uint8_t strategy;
	bool served;
	enum whose whose;
	enum reason reason;
} questions[] = {
	{STRATEGY_SEQUENTIAL, false, OURS, REASON_REFUSED},
	{STRATEGY_SIMULTANEOUS, false, OURS, REASON_REFUSED},
	{STRATEGY_SIMULTANEOUS, true, NO_PORT, REASON_PROTOCOL},
	{STRATEGY_SIMULTANEOUS, true, OTHER_HOST, REASON_PROTOCOL},
	{STRATEGY_SEQUENTIAL, true, NOBODYS, REASON_PROTOCOL},
	{0, true, OURS, REASON_PROTOCOL},
	{99, true, OURS, REASON_PROTOCOL},
};

CLUSTER_TEST(answer, says_no_in_the_right_words)
{
	struct server server;
	struct addr source, unserved;
	struct duo d;

	duo_start_linked(&d);
	start_server(&server);
	(void)duo_own_port(&source, false);
	(void)duo_own_port(&unserved, false);
	for (uint32_t i = 0; i < ARRAY_SIZE(questions); i++) {
		struct frame_punched answer;
		struct frame_punch punch = {
			.request = i,
			.strategy = questions[i].strategy,
			.port = questions[i].served ? server.at.port : unserved.port,
			.source = source,
		};

		if (questions[i].whose == NOBODYS)
			punch.source = (struct addr){0};
		else if (questions[i].whose == NO_PORT)
			punch.source.port = 0;
		else if (questions[i].whose == OTHER_HOST)
			punch.source.bytes[3]++;
		mate_ask(&d.mate, &punch);
		answer = mate_hear_answer(&d.mate);
		USERNS_CHECK(answer.request == i, "request %u", answer.request);
		USERNS_CHECK(answer.reason == questions[i].reason, "row %u: %s", i,
			     reason_name((enum reason)answer.reason));
		USERNS_CHECK(answer.target.family == AF_UNSPEC, "row %u: a target", i);
	}
	stop_server(&server);
	duo_stop(&d);
}
