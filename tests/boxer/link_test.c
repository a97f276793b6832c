/* SPDX-License-Identifier: MIT */
/*
 * One node and one mate: the link between them, the questions that the mate asks
 * (answer) and those that it is asked (dial).
 *
 *	program -- node 0 ====== link ====== mate 1 (the test)
 *	              \______ seed ______/
 */
#include "base/cleanup.h"
#include "boxer/api.h"
#include "boxer/local.h"
#include "boxer/peer.h"
#include "boxer/reason.h"
#include "boxer/sock.h"
#include "boxer/strategy.h"
#include "tests/boxer/mate.h"
#include "tests/boxer/node.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define GUEST GUEST_PATH

static char output[4096];

struct fixture {
	struct cluster c;
	struct child node;
	struct addr at; /* the node's control port */
	struct mate mate;
};

static void start_node(struct fixture *f)
{
	json_t *event;

	node_start(&f->node, &f->c, "node", "fn-0", NULL);
	event = child_event(&f->node, "joined");
	USERNS_CHECK(addr_parse(json_text(event, "local"), &f->at) == 0, "local");
	json_decref(event);
}

static void start(struct fixture *f)
{
	cluster_start(&f->c, NULL);
	start_node(f);
	mate_join(&f->mate, &f->c, "mate");
}

static void start_linked(struct fixture *f)
{
	start(f);
	mate_link(&f->mate);
	child_await(&f->node, "link");
}

static void stop(struct fixture *f)
{
	node_stop(&f->node);
	cluster_stop(&f->c);
}

static void check_lost(struct fixture *f, const char *reason)
{
	json_t *event = child_event(&f->node, "link-lost");

	USERNS_CHECK(json_number(event, "id") == f->mate.id, "id");
	USERNS_CHECK(strcmp(json_text(event, "reason"), reason) == 0, "%s",
		     json_text(event, "reason"));
	json_decref(event);
}

CLUSTER_TEST(link, is_selected_by_the_lower_id)
{
	struct fixture f;

	start_linked(&f);
	mate_check_alive(&f.mate);
	stop(&f);
}

CLUSTER_TEST(link, is_up_for_the_higher_id_only_once_it_is_selected)
{
	struct speaker *link;
	struct fixture f;

	cluster_start(&f.c, NULL);
	mate_join(&f.mate, &f.c, "mate");
	start_node(&f);
	link = &f.mate.link;
	speaker_init(link, mate_accept(&f.mate), cluster_key, f.mate.id, FRAME_ID_JOINING);
	USERNS_CHECK(speaker_handshake(link) == 0, "no handshake");
	mate_check_alive(&f.mate);
	USERNS_CHECK(!child_has_said(&f.node, "link"), "too early\n%s", f.node.text);
	USERNS_CHECK(speaker_send(link, FRAME_SELECT, NULL, 0) == 0, "SELECT");
	child_await(&f.node, "link");
	stop(&f);
}

CLUSTER_TEST(link, that_was_lost_is_made_again)
{
	struct fixture f;

	start_linked(&f);
	for (int i = 0; i < 2; i++) {
		speaker_close(&f.mate.link);
		check_lost(&f, "left");
		mate_link(&f.mate);
		child_await(&f.node, "link");
	}
	mate_check_alive(&f.mate);
	stop(&f);
}

/* Somebody else has the address that the seed told: it is tried again. */
CLUSTER_TEST(link, is_not_made_to_who_can_not_prove_himself)
{
	struct speaker s;
	struct fixture f;

	start(&f);
	speaker_init(&s, mate_accept(&f.mate), cluster_key, f.mate.id, FRAME_ID_JOINING);
	s.key[0] ^= 1;
	USERNS_CHECK(speaker_handshake(&s) == -EACCES, "its proof is not ours");
	USERNS_CHECK(speaker_hear_end(&s) == 0, "not cut off");
	speaker_close(&s);
	speaker_init(&s, mate_accept(&f.mate), cluster_key, f.mate.id + 1, FRAME_ID_JOINING);
	USERNS_CHECK(speaker_handshake(&s) < 0, "another member");
	speaker_close(&s);
	USERNS_CHECK(!child_has_said(&f.node, "link"), "%s", f.node.text);
	mate_link(&f.mate);
	child_await(&f.node, "link");
	stop(&f);
}

/* Return: a connection to the node's control port. */
static int call_node(const struct fixture *f)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	USERNS_CHECK(fd >= 0 && sock_connect(fd, &f->at, AF_INET) == 0, "%m");
	return fd;
}

CLUSTER_TEST(link, control_port_is_closed_to_strangers)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct speaker s;
	struct fixture f;

	start_linked(&f);
	/* without the key */
	speaker_init(&s, call_node(&f), cluster_key, f.mate.id, 0);
	s.key[0] ^= 1;
	USERNS_CHECK(speaker_handshake(&s) == -EACCES, "its proof is not ours");
	USERNS_CHECK(speaker_hear_end(&s) == 0, "not cut off");
	speaker_close(&s);
	/* with it, but not a member */
	speaker_init(&s, call_node(&f), cluster_key, 77, 0);
	(void)speaker_handshake(&s);
	USERNS_CHECK(speaker_hear_end(&s) == 0, "not cut off");
	speaker_close(&s);
	/* a member that has a link already */
	speaker_init(&s, call_node(&f), cluster_key, f.mate.id, 0);
	(void)speaker_handshake(&s);
	USERNS_CHECK(speaker_hear_end(&s) == 0, "not cut off");
	speaker_close(&s);
	/* noise */
	(void)memset(bytes, 'x', sizeof(bytes));
	speaker_init(&s, call_node(&f), cluster_key, 0, 0);
	(void)speaker_write(&s, bytes, sizeof(bytes));
	USERNS_CHECK(speaker_hear_end(&s) == 0, "not cut off");
	speaker_close(&s);
	mate_check_alive(&f.mate);
	stop(&f);
}

/* The oldest of them give way; they are not more than a few dozen at any time. */
CLUSTER_TEST(link, is_made_through_a_crowd_of_silent_strangers)
{
	enum { CROWD = 200, GIVE_WAY = CROWD - PEER_INCOMING_MAX };
	struct speaker crowd[CROWD];
	struct fixture f;
	size_t before;

	cluster_start(&f.c, NULL);
	start_node(&f);
	child_await(&f.node, "ready");
	before = child_descriptors(&f.node);
	for (size_t i = 0; i < CROWD; i++)
		speaker_init(&crowd[i], call_node(&f), cluster_key, 77, 0);
	for (size_t i = 0; i < GIVE_WAY; i++)
		USERNS_CHECK(speaker_hear_end(&crowd[i]) == 0, "stranger %zu is kept", i);
	child_await_descriptors(&f.node, before + PEER_INCOMING_MAX);
	mate_join(&f.mate, &f.c, "mate");
	mate_link(&f.mate);
	child_await(&f.node, "link");
	for (size_t i = 0; i < CROWD; i++)
		speaker_close(&crowd[i]);
	mate_check_alive(&f.mate);
	stop(&f);
}

/* A member that came in by the listener, before the node's own SYN got anywhere. */
CLUSTER_TEST(link, of_one_who_calls_first_is_taken)
{
	struct speaker_frame frame;
	struct fixture f;

	start(&f);
	/* The node's own attempt hangs in the mate's queue and is never answered. */
	speaker_init(&f.mate.link, call_node(&f), cluster_key, f.mate.id, 0);
	USERNS_CHECK(speaker_handshake(&f.mate.link) == 0, "no handshake");
	USERNS_CHECK(speaker_receive_type(&f.mate.link, FRAME_SELECT, &frame) == 0, "no SELECT");
	child_await(&f.node, "link");
	mate_check_alive(&f.mate);
	stop(&f);
}

CLUSTER_TEST(link, survives_frames_that_its_version_does_not_know)
{
	static const uint8_t body[] = {1, 2, 3};
	struct fixture f;

	start_linked(&f);
	for (unsigned type = 0; type < 256; type++)
		if (type != FRAME_PING && type != FRAME_PONG)
			USERNS_CHECK(
				speaker_send(&f.mate.link, (uint8_t)type, body, sizeof(body)) == 0,
				"%u", type);
	mate_check_alive(&f.mate);
	stop(&f);
}

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

static void check_accept_event(struct fixture *f, const char *strategy, const char *reason)
{
	json_t *event = child_event(&f->node, "accept");

	USERNS_CHECK(strcmp(json_text(event, "reason"), reason) == 0, "%s",
		     json_text(event, "reason"));
	USERNS_CHECK(strcmp(json_text(event, "strategy"), strategy) == 0, "%s",
		     json_text(event, "strategy"));
	USERNS_CHECK(json_number(event, "id") == f->mate.id, "id");
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

/* Bound, so that nobody else has it; listening or not. */
static int own_port(struct addr *ret_at, bool listening)
{
	int fd;

	*ret_at = addr_v4(INADDR_LOOPBACK, 0);
	fd = sock_shared(ret_at, AF_INET);
	USERNS_CHECK(fd >= 0 && sock_local(fd, ret_at) == 0, "%m");
	if (listening)
		USERNS_CHECK(sock_listen(fd, 16) == 0, "%m");
	return fd;
}

/* The hole first (its SYN finds nobody here), then our SYN to the listener itself. */
CLUSTER_TEST(answer, opens_the_hole_and_leaves_the_rest_to_the_listener)
{
	struct frame_punched answer;
	struct server server;
	struct addr source;
	struct fixture f;
	struct pollfd p;
	int fd;

	start_linked(&f);
	start_server(&server);
	fd = own_port(&source, false);
	mate_ask(&f.mate, &(struct frame_punch){.request = 7,
						.strategy = STRATEGY_SEQUENTIAL,
						.port = server.at.port,
						.source = source});
	answer = mate_hear_answer(&f.mate);
	USERNS_CHECK(answer.request == 7 && answer.reason == REASON_NONE, "%s",
		     reason_name((enum reason)answer.reason));
	USERNS_CHECK(addr_equal(&answer.target, &server.at), "target");
	check_accept_event(&f, "sequential", "none");
	USERNS_CHECK(sock_connect(fd, &answer.target, AF_INET) == 0, "%m");
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "no connection");
	check_greeted(fd);
	stop_server(&server);
	stop(&f);
}

static int accept_from(int listener, const struct addr *expected)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	struct addr from;
	int fd;

	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "nobody came");
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	USERNS_CHECK(fd >= 0 && sock_remote(fd, &from) == 0, "%m");
	USERNS_CHECK(addr_equal(&from, expected), "from port %u", from.port);
	return fd;
}

/* The connection completes on the node's own socket, and goes to the program. */
CLUSTER_TEST(answer, hands_the_connection_that_it_kept_to_the_listener)
{
	struct server server;
	struct addr source;
	struct fixture f;
	int listener;

	start_linked(&f);
	start_server(&server);
	listener = own_port(&source, true);
	for (uint32_t i = 0; i < 5; i++) {
		struct frame_punched answer;
		int fd;

		mate_ask(&f.mate, &(struct frame_punch){.request = i,
							.strategy = STRATEGY_SIMULTANEOUS,
							.port = server.at.port,
							.source = source});
		answer = mate_hear_answer(&f.mate);
		USERNS_CHECK(answer.request == i && answer.reason == REASON_NONE, "%s",
			     reason_name((enum reason)answer.reason));
		fd = accept_from(listener, &server.at);
		check_greeted(fd);
		check_accept_event(&f, "simultaneous", "none");
		/* Reset, so that the same 4-tuple is free again. */
		sock_reset(fd);
	}
	stop_server(&server);
	stop(&f);
}

/* Stopped, so that the signals stay in its queue; then gone. */
CLUSTER_TEST(answer, resets_what_nobody_will_accept_any_more)
{
	struct pollfd p = {.events = POLLIN};
	struct server server;
	struct addr source;
	struct fixture f;
	int listener;
	char byte;

	start_linked(&f);
	start_server(&server);
	child_signal(&server.program, SIGSTOP);
	listener = own_port(&source, true);
	mate_ask(&f.mate, &(struct frame_punch){.request = 1,
						.strategy = STRATEGY_SIMULTANEOUS,
						.port = server.at.port,
						.source = source});
	USERNS_CHECK(mate_hear_answer(&f.mate).reason == REASON_NONE, "refused");
	p.fd = accept_from(listener, &server.at);
	check_accept_event(&f, "simultaneous", "none");
	child_signal(&server.program, SIGKILL);
	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "it hangs");
	USERNS_CHECK(read(p.fd, &byte, 1) == -1 && errno == ECONNRESET, "%m");
	(void)child_end(&server.program);
	stop(&f);
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
	struct fixture f;

	start_linked(&f);
	start_server(&server);
	(void)own_port(&source, false);
	(void)own_port(&unserved, false);
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
		mate_ask(&f.mate, &punch);
		answer = mate_hear_answer(&f.mate);
		USERNS_CHECK(answer.request == i, "request %u", answer.request);
		USERNS_CHECK(answer.reason == questions[i].reason, "row %u: %s", i,
			     reason_name((enum reason)answer.reason));
		USERNS_CHECK(answer.target.family == AF_UNSPEC, "row %u: a target", i);
	}
	stop_server(&server);
	stop(&f);
}

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
	struct fixture f;
	int listener;

	start_linked(&f);
	listener = own_port(&target, true);
	for (int i = 0; i < 3; i++) {
		struct frame_punch q;
		struct child n;
		int fd;

		start_client(&n);
		q = mate_hear_question(&f.mate);
		check_question(&q, STRATEGY_SEQUENTIAL, 80);
		USERNS_CHECK(q.source.port != last, "a port is used again at once");
		last = q.source.port;
		/* Neither of these is its answer. */
		mate_answer(&f.mate, q.request + 1, REASON_REFUSED, NULL);
		mate_answer(&f.mate, q.request - 1, REASON_NONE, &target);
		mate_answer(&f.mate, q.request, REASON_NONE, &target);
		mate_answer(&f.mate, q.request, REASON_REFUSED, NULL);
		fd = accept_from(listener, &q.source);
		USERNS_CHECK(write(fd, "hi\n", 3) == 3, "%m");
		check_client(&n, "hi", 0);
		(void)close(fd);
	}
	mate_check_alive(&f.mate);
	stop(&f);
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
	struct fixture f;

	start_linked(&f);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct child n;
		json_t *event;

		start_client(&n);
		mate_answer(&f.mate, mate_hear_question(&f.mate).request, answers[i].reason, NULL);
		check_client(&n, answers[i].heard, 1);
		event = child_event(&f.node, "connect");
		USERNS_CHECK(strcmp(json_text(event, "reason"),
				    reason_name((enum reason)answers[i].reason)) == 0,
			     "%s", json_text(event, "reason"));
		json_decref(event);
	}
	stop(&f);
}

CLUSTER_TEST(dial, takes_a_reason_of_a_newer_version_for_a_failure)
{
	struct fixture f;
	struct child n;

	start_linked(&f);
	start_client(&n);
	mate_answer(&f.mate, mate_hear_question(&f.mate).request, 999, NULL);
	check_client(&n, "EPROTO", 1);
	stop(&f);
}

/* A port that answers no SYN: a listener whose queue is full drops them. */
static struct addr silent_port(void)
{
	struct addr at;
	int listener = own_port(&at, false), fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(sock_listen(listener, 0) == 0 && sock_connect(fd, &at, AF_INET) == 0, "%m");
	return at;
}

/* Its SYN has left already; the kernel alone would say ECONNRESET. */
CLUSTER_TEST(dial, tells_a_program_that_did_not_wait)
{
	struct addr at;
	struct fixture f;

	start_linked(&f);
	at = silent_port();
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct frame_punch q;
		struct child n;

		start_hasty_client(&n, &at);
		q = mate_hear_question(&f.mate);
		check_question(&q, STRATEGY_SIMULTANEOUS, at.port);
		mate_answer(&f.mate, q.request, answers[i].reason, NULL);
		check_client(&n, answers[i].heard, 1);
	}
	stop(&f);
}

CLUSTER_TEST(dial, believes_only_the_member_that_was_asked)
{
	struct frame_punch q;
	struct mate other;
	struct fixture f;
	struct child n;

	start_linked(&f);
	mate_join(&other, &f.c, "other");
	mate_link(&other);
	child_await(&f.node, "link");
	start_client(&n);
	q = mate_hear_question(&f.mate);
	mate_answer(&other, q.request, REASON_TIMEOUT, NULL);
	/* Once it has taken that, it gets the true one. */
	mate_check_alive(&other);
	mate_answer(&f.mate, q.request, REASON_REFUSED, NULL);
	check_client(&n, "ECONNREFUSED", 1);
	stop(&f);
}

CLUSTER_TEST(dial, fails_when_the_member_leaves_meanwhile)
{
	struct fixture f;
	struct child n;

	start_linked(&f);
	start_client(&n);
	(void)mate_hear_question(&f.mate);
	mate_leave(&f.mate);
	check_client(&n, "EHOSTUNREACH", 1);
	stop(&f);
}

CLUSTER_TEST(dial, asks_again_when_the_link_is_back)
{
	struct frame_punch first, second;
	struct fixture f;
	struct child n;

	start_linked(&f);
	start_client(&n);
	first = mate_hear_question(&f.mate);
	speaker_close(&f.mate.link);
	mate_link(&f.mate);
	second = mate_hear_question(&f.mate);
	USERNS_CHECK(second.request == first.request && addr_equal(&second.source, &first.source),
		     "another question");
	mate_answer(&f.mate, second.request, REASON_REFUSED, NULL);
	check_client(&n, "ECONNREFUSED", 1);
	stop(&f);
}

CLUSTER_TEST(dial, waits_for_a_link_that_is_not_there_yet)
{
	struct fixture f;
	struct child n;
	int fd;

	start(&f);
	/* The node is kept waiting with its hello while its program connects. */
	fd = mate_accept(&f.mate);
	start_client(&n);
	(void)close(fd);
	mate_link(&f.mate);
	mate_answer(&f.mate, mate_hear_question(&f.mate).request, REASON_REFUSED, NULL);
	check_client(&n, "ECONNREFUSED", 1);
	stop(&f);
}

CLUSTER_TEST(dial, is_forgotten_when_its_program_ends)
{
	struct frame_punch q;
	struct fixture f;
	struct child n;
	size_t before;

	start_linked(&f);
	before = child_descriptors(&f.node);
	start_client(&n);
	q = mate_hear_question(&f.mate);
	child_signal(&n, SIGKILL);
	(void)child_end(&n);
	child_await_descriptors(&f.node, before);
	mate_answer(&f.mate, q.request, REASON_NONE, &f.mate.at);
	mate_check_alive(&f.mate);
	stop(&f);
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
	struct fixture f;

	/* Without a link they wait. */
	start(&f);
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
	stop(&f);
}

/* In /proc/net/unix a connection that is open has the name of the node, too. */
CLUSTER_TEST(exec, finds_the_only_node_while_a_program_talks_to_it)
{
	struct fixture f;
	struct child waits, n;

	start_linked(&f);
	start_client(&waits);
	(void)mate_hear_question(&f.mate);
	node_exec(&n, "--", GUEST, "end", "3", NULL);
	node_check_end(&n, 3, "");
	child_signal(&waits, SIGKILL);
	(void)child_end(&waits);
	stop(&f);
}
