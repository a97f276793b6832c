/* SPDX-License-Identifier: MIT */
/* The verbs that speak to a node: members, status, barrier, punch, doctor. */
#include "base/cleanup.h"
#include "boxer/probe.h"
#include "tests/boxer/node.h"
#include "tests/boxer/pretender.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GUEST GUEST_PATH

static char output[65536];

/** struct pair - a cluster with two nodes, ids 0 and 1 */
struct pair {
	struct cluster c;
	struct child left, right;
};

static void pair_start(struct pair *p)
{
	/* A port whose neighbour is free: the seed listens on that, too. */
	cluster_start(&p->c, "--listen", "127.0.0.1:7000", NULL);
	node_start(&p->left, &p->c, "node", "left", "--wait", "2", NULL);
	(void)node_id(&p->left);
	node_start(&p->right, &p->c, "node", "right", "--wait", "2", NULL);
	child_await(&p->left, "ready");
	child_await(&p->right, "ready");
}

static void pair_stop(struct pair *p)
{
	node_stop(&p->right);
	node_stop(&p->left);
	cluster_stop(&p->c);
}

/* boxer @..., up to NULL. */
static void __attribute__((sentinel)) start(struct child *n, ...)
{
	const char *argv[NODE_ARGUMENTS_MAX] = {BOXER_PATH};
	va_list ap;

	va_start(ap, n);
	for (size_t i = 1; i < NODE_ARGUMENTS_MAX - 1; i++) {
		argv[i] = va_arg(ap, const char *);
		if (!argv[i])
			break;
	}
	va_end(ap);
	child_start(n, argv, NULL);
}

/* All that it says, as text; it must end with @status and @words on standard error. */
static const char *heard(struct child *n, int status, const char *words)
{
	child_close_in(n);
	child_hear_all(n, output, sizeof(output));
	node_check_end(n, status, words);
	(void)close(n->errors);
	return output;
}

/* The same as one JSON document, the caller's. */
static json_t *heard_json(struct child *n, int status)
{
	json_error_t error;
	json_t *j = json_loads(heard(n, status, ""), 0, &error);

	USERNS_CHECK(j, "%s\n%s", error.text, output);
	return j;
}

static json_t *hear_json_line(struct child *n)
{
	json_error_t error;
	json_t *j;

	child_hear(n, output, sizeof(output));
	j = json_loads(output, 0, &error);
	USERNS_CHECK(j, "%s\n%s", error.text, output);
	return j;
}

CLUSTER_TEST(verbs, list_members)
{
	struct pair p;
	struct child n;
	json_t *j;

	pair_start(&p);
	start(&n, "members", "--id", "0", NULL);
	USERNS_CHECK(strcmp(heard(&n, 0, ""), "0\tleft\t\t198.18.0.1\t127.0.0.1\tself\n"
					      "1\tright\t\t198.18.0.2\t127.0.0.1\tmember\n") == 0,
		     "%s", output);
	start(&n, "members", "--id", "1", "--json", NULL);
	j = heard_json(&n, 0);
	USERNS_CHECK(json_array_size(json_object_get(j, "members")) == 2, "%s", output);
	USERNS_CHECK(strcmp(json_text(json_array_get(json_object_get(j, "members"), 1), "name"),
			    "right") == 0,
		     "%s", output);
	json_decref(j);
	start(&n, "members", NULL);
	(void)heard(&n, 125, "several nodes run here; say --id (0, 1)");
	pair_stop(&p);
}

CLUSTER_TEST(verbs, what_cannot_be_written_is_a_failure)
{
	struct child n;

	child_start(
		&n,
		(const char *[]){"/bin/sh", "-c", "exec '" BOXER_PATH "' members --help >&-", NULL},
		NULL);
	(void)heard(&n, 125, "boxer members: cannot write to standard output");
}

/* As tail(1) does: not only when there is something to say. */
CLUSTER_TEST(verbs, follow_ends_when_nobody_reads)
{
	struct pair p;
	struct child n;

	pair_start(&p);
	child_start(&n,
		    (const char *[]){"/bin/sh", "-c",
				     "'" BOXER_PATH "' members --id 0 --follow | head -n 1", NULL},
		    NULL);
	USERNS_CHECK(strncmp(heard(&n, 0, ""), "here\t0\tleft", 11) == 0, "%s", output);
	pair_stop(&p);
}

static void expect_change(struct child *n, const char *change, const char *name)
{
	json_t *j = hear_json_line(n);

	/* What is found out about a member comes when it does. */
	while (strcmp(json_text(j, "change"), "updated") == 0) {
		json_decref(j);
		j = hear_json_line(n);
	}
	USERNS_CHECK(strcmp(json_text(j, "change"), change) == 0, "%s", output);
	if (name)
		USERNS_CHECK(strcmp(json_text(json_object_get(j, "member"), "name"), name) == 0,
			     "%s", output);
	json_decref(j);
}

CLUSTER_TEST(verbs, follow_members_until_the_node_ends)
{
	struct child node, other, n;
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&node, &c, "node", "left", NULL);
	child_await(&node, "ready");
	start(&n, "members", "--follow", "--json", NULL);
	expect_change(&n, "here", "left");
	expect_change(&n, "synced", NULL);
	node_start(&other, &c, "node", "right", NULL);
	expect_change(&n, "joined", "right");
	child_await(&other, "ready");
	node_stop(&other);
	expect_change(&n, "left", "right");
	child_signal(&node, SIGKILL);
	(void)child_end(&node);
	(void)heard(&n, 125, "the node has ended");
	cluster_stop(&c);
}

/* A program of right's that listens and says hello, until its input ends. */
static void start_server(struct child *n, char *ret_target, size_t size)
{
	char port[32];

	node_exec(n, "--id", "1", "--", GUEST, "serve", NULL);
	child_hear(n, port, sizeof(port));
	(void)snprintf(ret_target, size, "right:%s", port);
}

CLUSTER_TEST(verbs, punch_and_say_how)
{
	struct pair p;
	struct child n;
	struct child server;
	char target[64];
	json_t *j;

	pair_start(&p);
	start_server(&server, target, sizeof(target));
	start(&n, "punch", "--id", "0", target, "--json", NULL);
	j = heard_json(&n, 0);
	USERNS_CHECK(json_is_true(json_object_get(j, "connected")), "%s", output);
	USERNS_CHECK(*json_text(j, "strategy") && strcmp(json_text(j, "reason"), "none") == 0, "%s",
		     output);
	json_decref(j);
	child_close_in(&server);
	node_check_end(&server, 0, "");

	start_server(&server, target, sizeof(target));
	start(&n, "punch", "--id", "0", "--stdio", target, NULL);
	USERNS_CHECK(strcmp(heard(&n, 0, "ms"), "hello\n") == 0, "%s", output);
	child_close_in(&server);
	node_check_end(&server, 0, "");

	/* Nobody is there any more. */
	start(&n, "punch", "--id", "0", target, "--json", "--count", "2", NULL);
	child_close_in(&n);
	for (int i = 0; i < 2; i++) {
		j = hear_json_line(&n);
		USERNS_CHECK(strcmp(json_text(j, "reason"), "refused") == 0, "%s", output);
		json_decref(j);
	}
	node_check_end(&n, 1, "");
	start(&n, "punch", "--id", "0", "nobody:80", NULL);
	(void)heard(&n, 1, "there is no such member");
	start(&n, "punch", "--id", "0", "77:80", NULL);
	(void)heard(&n, 1, "there is no such member");
	pair_stop(&p);
}

CLUSTER_TEST(verbs, show_the_status)
{
	struct pair p;
	struct child n;
	json_t *j, *peer;

	pair_start(&p);
	start(&n, "punch", "--id", "0", "right:9", NULL);
	(void)heard(&n, 1, "refused");
	start(&n, "status", "--id", "0", "--json", NULL);
	j = heard_json(&n, 0);
	USERNS_CHECK(strcmp(json_text(j, "name"), "left") == 0, "%s", output);
	USERNS_CHECK(strcmp(json_text(json_object_get(j, "seed"), "state"), "joined") == 0, "%s",
		     output);
	USERNS_CHECK(*json_text(json_object_get(j, "nat"), "mapping"), "%s", output);
	USERNS_CHECK(json_number(j, "connections_failed") == 1, "%s", output);
	peer = json_array_get(json_object_get(j, "peers"), 0);
	USERNS_CHECK(strcmp(json_text(peer, "name"), "right") == 0, "%s", output);
	USERNS_CHECK(strcmp(json_text(json_object_get(peer, "link"), "state"), "up") == 0, "%s",
		     output);
	USERNS_CHECK(strcmp(json_text(json_object_get(peer, "last"), "reason"), "refused") == 0,
		     "%s", output);
	json_decref(j);
	start(&n, "status", "--id", "0", NULL);
	USERNS_CHECK(strstr(heard(&n, 0, ""), "\n1\tright\tup\t127.0.0.1:"), "%s", output);
	pair_stop(&p);
}

CLUSTER_TEST(verbs, doctor_explains_the_nat)
{
	struct pair p;
	struct child n;
	json_t *j, *peer;

	pair_start(&p);
	start(&n, "doctor", "--seed", p.c.text, "--key-file", CLUSTER_KEY, "--json", NULL);
	j = heard_json(&n, 0);
	USERNS_CHECK(strcmp(json_text(j, "verdict"), "punchable") == 0, "%s", output);
	USERNS_CHECK(json_array_size(json_object_get(j, "peers")) == 6, "%s", output);
	peer = json_array_get(json_object_get(j, "peers"), 0);
	USERNS_CHECK(strcmp(json_string_value(json_array_get(json_object_get(peer, "to"), 0)),
			    "direct") == 0,
		     "%s", output);
	json_decref(j);
	start(&n, "doctor", "--id", "0", NULL);
	USERNS_CHECK(strstr(heard(&n, 0, ""), "Connections can be made."), "%s", output);
	/* It has come as a visitor: nobody else has heard of it. */
	start(&n, "members", "--id", "0", NULL);
	USERNS_CHECK(!strstr(heard(&n, 0, ""), "doctor"), "%s", output);
	start(&n, "doctor", "--seed", p.c.text, "--key-file", CLUSTER_BAD_KEY, NULL);
	(void)heard(&n, 125, "(wrong-key)");
	pair_stop(&p);
}

/* Its observer is silent: what is known by then is told, and nothing is asked five times. */
CLUSTER_TEST(verbs, doctor_tells_what_has_been_measured_when_its_time_is_up)
{
	const struct addr seen = addr_v4(INADDR_LOOPBACK + 8, 4000);
	const struct frame_member self = {
		.version = 1,
		.id = FRAME_ID_JOINING,
		.name = "doctor",
		.external = seen,
		.profile = {.mapping = PROFILE_MAPPING_EIM, .ports = PROFILE_PORTS_KEPT},
	};
	unsigned asked = 0;
	struct frame_join join;
	struct cluster c;
	struct speaker s;
	struct child n;
	int fd = pretender_listen(&c), one;

	start(&n, "doctor", "--seed", c.text, "--key-file", CLUSTER_KEY, NULL);
	pretender_greet(fd, &s, &join);
	USERNS_CHECK(join.flags & FRAME_FLAG_VISIT, "flags %u", join.flags);
	pretender_admit(&s, self.id, &seen);
	pretender_announce(&s, &self);
	/* The session lives. */
	for (struct pollfd p = {.fd = n.out, .events = POLLIN}; poll(&p, 1, 1000) == 0;)
		USERNS_CHECK(speaker_send(&s, FRAME_PING, NULL, 0) == 0, "PING");
	USERNS_CHECK(strstr(heard(&n, 0, ""), "Connections can be made."), "%s", output);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((one = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		(void)close(one);
		asked++;
	}
	USERNS_CHECK(asked > 0 && asked < PROBE_TIMES_MAX, "asked %u times", asked);
	speaker_close(&s);
	(void)close(fd);
}

CLUSTER_TEST(verbs, wait_at_barriers)
{
	struct child first, second;
	struct pair p;

	pair_start(&p);
	start(&first, "barrier", "--id", "0", "start", "2", NULL);
	start(&second, "barrier", "--id", "1", "start", "2", "--timeout", "30", NULL);
	(void)heard(&first, 0, "");
	(void)heard(&second, 0, "");
	start(&first, "barrier", "--id", "0", "start", "2", "--timeout", "0", NULL);
	(void)heard(&first, 1, "timed out before 2 had come");
	pair_stop(&p);
}

CLUSTER_TEST(verbs, barrier_says_that_counts_differ)
{
	struct child first, second;
	int a, b;
	struct pair p;

	pair_start(&p);
	start(&first, "barrier", "--id", "0", "start", "3", "--timeout", "3", NULL);
	start(&second, "barrier", "--id", "1", "start", "2", "--timeout", "3", NULL);
	a = child_end(&first);
	b = child_end(&second);
	/* Who comes later is told so. */
	USERNS_CHECK((a == 1 && b == 125) || (a == 125 && b == 1), "ended with %d and %d", a, b);
	USERNS_CHECK(strstr(child_errors(a == 125 ? &first : &second),
			    "others wait there for another count than"),
		     "%s%s", child_errors(&first), child_errors(&second));
	(void)close(first.errors);
	(void)close(second.errors);
	pair_stop(&p);
}

static void become_another_uid(void)
{
	if (setresuid(1000, 1000, 1000) < 0)
		_exit(77);
}

CLUSTER_TEST(verbs, do_not_speak_to_a_node_of_another_uid)
{
	static const char *const lines[] = {"members", "status", "doctor"};
	struct pair p;

	pair_start(&p);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct child n;
		int status;

		child_start(&n, (const char *[]){BOXER_PATH, lines[i], "--id", "0", NULL},
			    become_another_uid);
		status = child_end(&n);
		if (status == 77) {
			userns_say("not tried: only root may map more than one uid");
			break;
		}
		USERNS_CHECK(status == 125, "%s: %d", lines[i], status);
		USERNS_CHECK(strstr(child_errors(&n), "Operation not permitted"), "%s",
			     child_errors(&n));
	}
	pair_stop(&p);
}
