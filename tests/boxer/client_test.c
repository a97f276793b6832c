/* SPDX-License-Identifier: MIT */
/* libboxer with real nodes and a real seed; the test is the program. */
#include "base/clock.h"
#include "tests/boxer/joiner.h"
#include "tests/boxer/node.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect_leave(struct cluster *c, const char *name)
{
	json_t *event = child_event(&c->seed, "leave");

	USERNS_CHECK(strcmp(json_text(event, "name"), name) == 0, "%s", json_text(event, "name"));
	json_decref(event);
}

static void expect_change(struct boxer_watch *watch, enum boxer_change_kind kind, const char *name)
{
	struct boxer_change change = {0};
	int r = boxer_next(watch, CHILD_PATIENCE_MS, &change);

	/* What is found out about a member comes when it does. */
	while (r == 0 && change.kind == BOXER_UPDATED && kind != BOXER_UPDATED)
		r = boxer_next(watch, CHILD_PATIENCE_MS, &change);
	USERNS_CHECK(r == 0, "%s: %s", name, strerror(-r));
	USERNS_CHECK(change.kind == (int)kind && strcmp(change.member.name, name) == 0,
		     "kind %d of '%s', not %d of '%s'", change.kind, change.member.name, kind,
		     name);
}

CLUSTER_TEST(client, joins_and_leaves)
{
	struct boxer_member members[2];
	struct boxer *boxer;
	struct cluster c;

	cluster_start(&c, NULL);
	boxer = joiner_join(&c, "fn-a");
	USERNS_CHECK(boxer_id(boxer) == 0, "%u", boxer_id(boxer));
	USERNS_CHECK(boxer_members(boxer, members, 2) == 1, "members");
	USERNS_CHECK(members[0].self == 1 && strcmp(members[0].name, "fn-a") == 0, "%s",
		     members[0].name);
	USERNS_CHECK(strcmp(boxer_reason(), "none") == 0, "%s", boxer_reason());
	boxer_close(boxer);
	expect_leave(&c, "fn-a");
	USERNS_CHECK(waitpid(-1, NULL, WNOHANG) == 0, "only the seed is left");
	cluster_stop(&c);
}

CLUSTER_TEST(client, waits_for_the_members_it_wants)
{
	struct boxer_options options;
	struct boxer *boxer;
	struct child node;
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&node, &c, "node", "other", NULL);
	options = joiner_options(&c, "fn-a");
	options.wait = 2;
	USERNS_CHECK(boxer_join(&options, &boxer) == 0, "%s", boxer_reason());
	USERNS_CHECK(boxer_members(boxer, NULL, 0) == 2, "members");
	boxer_close(boxer);
	options.wait = 3;
	options.timeout_ms = 500;
	USERNS_CHECK(boxer_join(&options, &boxer) == -ETIMEDOUT, "%s", boxer_reason());
	USERNS_CHECK(strcmp(boxer_reason(), "timeout") == 0, "%s", boxer_reason());
	node_stop(&node);
	cluster_stop(&c);
}

static void check_join_fails(const struct boxer_options *options, int error, const char *reason)
{
	struct boxer *boxer = NULL;
	int r = boxer_join(options, &boxer);

	USERNS_CHECK(r == -error, "%s, not %s (%s)", strerror(-r), strerror(error), boxer_reason());
	USERNS_CHECK(strcmp(boxer_reason(), reason) == 0, "%s, not %s", boxer_reason(), reason);
	USERNS_CHECK(!boxer, "a handle all the same");
}

CLUSTER_TEST(client, says_why_it_can_not_join)
{
	static const char *const nonsense[] = {"--bogus", NULL};
	struct boxer_options good, o;
	struct child node;
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&node, &c, "node", "taken", NULL);
	child_await(&node, "ready");
	good = joiner_options(&c, "fn-a");
	o = good;
	o.size--;
	check_join_fails(&o, EINVAL, "none");
	o = good;
	o.seed = NULL;
	check_join_fails(&o, EINVAL, "none");
	o = good;
	o.arguments = nonsense;
	check_join_fails(&o, EINVAL, "none");
	o = good;
	o.key_file = "/mnt/missing";
	check_join_fails(&o, EINVAL, "none");
	o = good;
	o.program = "/mnt/missing";
	check_join_fails(&o, ENOENT, "none");
	o = good;
	o.program = "/bin/true";
	check_join_fails(&o, EINVAL, "none");
	o = good;
	o.name = "taken";
	check_join_fails(&o, EEXIST, "duplicate-name");
	o = good;
	o.key_file = CLUSTER_BAD_KEY;
	check_join_fails(&o, EACCES, "wrong-key");
	o = good;
	o.seed = "127.0.0.1:1";
	o.timeout_ms = 300;
	check_join_fails(&o, ENETUNREACH, "seed-unreachable");
	node_stop(&node);
	cluster_stop(&c);
}

/* However the program ends, nothing of it stays behind. */
CLUSTER_TEST(client, takes_its_node_with_it)
{
	struct cluster c;
	int ready[2];
	pid_t pid;
	char byte;

	cluster_start(&c, NULL);
	USERNS_CHECK(pipe2(ready, O_CLOEXEC) == 0, "%m");
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)joiner_join(&c, "doomed");
		_exit(write(ready[1], "", 1) != 1 || pause());
	}
	USERNS_CHECK(read(ready[0], &byte, 1) == 1, "%m");
	(void)kill(pid, SIGKILL);
	expect_leave(&c, "doomed");
	cluster_stop(&c);
}

CLUSTER_TEST(client, is_told_of_every_change)
{
	struct boxer_watch *watch;
	struct child a, b;
	struct pollfd p;
	struct boxer_change change;
	struct boxer *boxer;
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&a, &c, "node", "fn-a", NULL);
	child_await(&a, "ready");
	boxer = joiner_open(0);
	USERNS_CHECK(boxer_watch(boxer, &watch) == 0, "%s", boxer_reason());
	boxer_close(boxer);
	expect_change(watch, BOXER_HERE, "fn-a");
	expect_change(watch, BOXER_SYNCED, "");
	USERNS_CHECK(boxer_next(watch, 0, &change) == -ETIMEDOUT, "nothing has happened");
	node_start(&b, &c, "node", "fn-b", NULL);
	p = (struct pollfd){.fd = boxer_watch_fd(watch), .events = POLLIN};
	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "its descriptor does not wake");
	expect_change(watch, BOXER_JOINED, "fn-b");
	child_await(&b, "ready");
	node_stop(&b);
	expect_change(watch, BOXER_LEFT, "fn-b");
	/* The node dies under our hands. */
	child_signal(&a, SIGKILL);
	(void)child_end(&a);
	USERNS_CHECK(boxer_next(watch, CHILD_PATIENCE_MS, &change) == -ECONNRESET, "no end");
	boxer_unwatch(watch);
	cluster_stop(&c);
}

CLUSTER_TEST(client, watches_with_many)
{
	enum { MANY = 70 };
	struct boxer_watch *watches[MANY];
	struct child a, b;
	struct boxer *boxer;
	struct cluster c;
	size_t before;

	cluster_start(&c, NULL);
	node_start(&a, &c, "node", "fn-a", NULL);
	child_await(&a, "ready");
	before = child_descriptors_at_rest(&a);
	boxer = joiner_open(0);
	for (int i = 0; i < MANY; i++)
		USERNS_CHECK(boxer_watch(boxer, &watches[i]) == 0, "%d: %s", i, boxer_reason());
	node_start(&b, &c, "node", "fn-b", NULL);
	child_await(&b, "ready");
	for (int i = 0; i < MANY; i++) {
		expect_change(watches[i], BOXER_HERE, "fn-a");
		expect_change(watches[i], BOXER_SYNCED, "");
		expect_change(watches[i], BOXER_JOINED, "fn-b");
		boxer_unwatch(watches[i]);
	}
	node_stop(&b);
	child_await(&a, "member-left");
	child_await_descriptors(&a, before);
	boxer_close(boxer);
	node_stop(&a);
	cluster_stop(&c);
}

/* What one node knows the other learns a moment later. */
static void await_member(struct boxer *boxer, const char *name)
{
	uint64_t deadline = clock_now() + CHILD_PATIENCE_MS * NS_PER_MS;
	struct boxer_member member;

	while (boxer_resolve(boxer, name, &member) < 0) {
		USERNS_CHECK(clock_now() < deadline, "%s does not appear", name);
		(void)poll(NULL, 0, 2);
	}
}

static void check_talks(int from, int to)
{
	char text[8] = "";

	USERNS_CHECK(from >= 0 && to >= 0, "%d, %d (%s)", from, to, boxer_reason());
	USERNS_CHECK(write(from, "hello", 5) == 5, "%m");
	USERNS_CHECK(read(to, text, sizeof(text)) == 5 && strcmp(text, "hello") == 0, "%s", text);
	(void)close(from);
	(void)close(to);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in at;

	USERNS_CHECK(getsockname(fd, (struct sockaddr *)&at, &(socklen_t){sizeof(at)}) == 0, "%m");
	return ntohs(at.sin_port);
}

CLUSTER_TEST(client, listens_accepts_and_connects)
{
	struct boxer *a, *b;
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	struct cluster c;
	int listener, fd;
	uint16_t port;

	cluster_start(&c, NULL);
	a = joiner_join(&c, "fn-a");
	b = joiner_join(&c, "fn-b");
	await_member(a, "fn-b");
	listener = boxer_listen(b, 0, 16);
	USERNS_CHECK(listener >= 0, "%s", strerror(-listener));
	USERNS_CHECK(fcntl(listener, F_GETFD) & FD_CLOEXEC, "it survives an exec");
	port = port_of(listener);
	fd = boxer_connect(a, "fn-b", port);
	USERNS_CHECK(fd >= 0, "%s (%s)", strerror(-fd), boxer_reason());
	check_talks(fd, boxer_accept(b, listener, (struct sockaddr *)&peer, &len));
	USERNS_CHECK(len == sizeof(struct sockaddr_in), "%u", len);
	fd = boxer_connect_id(a, boxer_id(b), port);
	check_talks(boxer_accept(b, listener, NULL, NULL), fd);
	/* To oneself. */
	fd = boxer_connect(b, "fn-b", port);
	check_talks(boxer_accept(b, listener, NULL, NULL), fd);
	USERNS_CHECK(boxer_connect(a, "nobody", port) == -ENOENT, "nobody");
	USERNS_CHECK(boxer_connect_id(a, 77, port) == -ENOENT, "77");
	USERNS_CHECK(boxer_connect_id(a, UINT32_MAX, port) == -ENOENT, "none");
	(void)close(listener);
	fd = boxer_connect(a, "fn-b", port);
	USERNS_CHECK(fd == -ECONNREFUSED, "%d", fd);
	USERNS_CHECK(strcmp(boxer_reason(), "refused") == 0, "%s", boxer_reason());
	boxer_close(a);
	boxer_close(b);
	cluster_stop(&c);
}

/* The node learns how a connection ended a moment after the program does. */
static void status_with_connection(struct boxer *boxer, struct boxer_status *ret_status,
				   struct boxer_peer *ret_peer)
{
	uint64_t deadline = clock_now() + CHILD_PATIENCE_MS * NS_PER_MS;

	do {
		USERNS_CHECK(boxer_status(boxer, ret_status, ret_peer, 1) == 1, "one peer");
		if (ret_status->connections > 0)
			return;
		(void)poll(NULL, 0, 2);
	} while (clock_now() < deadline);
	userns_fail(__FILE__, __LINE__, "the node does not notice its connection");
}

CLUSTER_TEST(client, sees_what_the_node_knows)
{
	struct boxer_status status;
	struct boxer_peer peer;
	struct boxer *a, *b;
	struct cluster c;
	int listener, fd;

	cluster_start(&c, NULL);
	a = joiner_join(&c, "fn-a");
	USERNS_CHECK(boxer_status(a, &status, NULL, 0) == 0, "no peers yet");
	USERNS_CHECK(status.seed == BOXER_SEED_JOINED && status.ready == 1, "%d, %d", status.seed,
		     status.ready);
	USERNS_CHECK(strcmp(status.self.name, "fn-a") == 0, "%s", status.self.name);
	USERNS_CHECK(status.connections == 0 && status.links == 0, "counters");
	b = joiner_join(&c, "fn-b");
	await_member(a, "fn-b");
	listener = boxer_listen(b, 0, 16);
	fd = boxer_connect(a, "fn-b", port_of(listener));
	USERNS_CHECK(fd >= 0, "%s", boxer_reason());
	status_with_connection(a, &status, &peer);
	USERNS_CHECK(peer.id == 1 && strcmp(peer.name, "fn-b") == 0, "%s", peer.name);
	USERNS_CHECK(peer.link == BOXER_LINK_UP && peer.local.ss_family == AF_INET, "%d",
		     peer.link);
	USERNS_CHECK(*peer.strategy && strcmp(peer.reason, "none") == 0, "'%s': '%s'",
		     peer.strategy, peer.reason);
	USERNS_CHECK(status.connections == 1 && status.connections_failed == 0, "%llu, %llu",
		     (unsigned long long)status.connections,
		     (unsigned long long)status.connections_failed);
	USERNS_CHECK(status.links >= 1, "links");
	(void)close(fd);
	(void)close(listener);
	boxer_close(b);
	boxer_close(a);
	cluster_stop(&c);
}

CLUSTER_TEST(client, says_that_the_seed_is_lost)
{
	struct boxer_status status;
	struct child node;
	struct cluster c;
	struct boxer *a;

	cluster_start(&c, NULL);
	node_start(&node, &c, "node", "fn-a", NULL);
	child_await(&node, "ready");
	a = joiner_open(0);
	cluster_stop(&c);
	child_await(&node, "seed-lost");
	USERNS_CHECK(boxer_status(a, &status, NULL, 0) == 0, "%s", boxer_reason());
	USERNS_CHECK(status.seed == BOXER_SEED_LOST && status.seed_losses == 1, "%d", status.seed);
	boxer_close(a);
	node_stop(&node);
}

CLUSTER_TEST(client, says_that_its_node_is_gone)
{
	struct boxer_watch *watch;
	struct boxer_status status;
	struct child node;
	struct cluster c;
	struct boxer *a;

	cluster_start(&c, NULL);
	node_start(&node, &c, "node", "fn-a", NULL);
	child_await(&node, "ready");
	a = joiner_open(0);
	node_stop(&node);
	USERNS_CHECK(boxer_status(a, &status, NULL, 0) == -ECONNREFUSED, "status");
	USERNS_CHECK(boxer_watch(a, &watch) == -ECONNREFUSED, "watch");
	USERNS_CHECK(boxer_barrier(a, "b", 1, 1000) == -ECONNREFUSED, "barrier");
	USERNS_CHECK(boxer_open_id(0, &a) == -ECONNREFUSED, "open");
	cluster_stop(&c);
}

/* The manual's programs; they find the boxer command beside the library. */
CLUSTER_TEST(client, is_what_the_manual_says)
{
	struct child left, right;
	static char text[4096];
	struct cluster c;

	cluster_start(&c, NULL);
	child_start(&left, (const char *[]){GREET_PATH, c.text, CLUSTER_KEY, "left", NULL}, NULL);
	child_start(&right,
		    (const char *[]){GREET_PATH, c.text, CLUSTER_KEY, "right", "left", NULL}, NULL);
	child_hear_all(&left, text, sizeof(text));
	USERNS_CHECK(strcmp(text, "heard: hello\n") == 0, "%s\n%s", text, child_errors(&left));
	node_check_end(&left, 0, "");
	node_check_end(&right, 0, "");
	cluster_stop(&c);
}

CLUSTER_TEST(client, can_be_followed_from_under_the_shim)
{
	struct child node, other, n;
	static char text[256];
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&node, &c, "node", "fn-a", NULL);
	child_await(&node, "ready");
	node_exec(&n, "--", FOLLOW_PATH, NULL);
	child_hear(&n, text, sizeof(text));
	USERNS_CHECK(strcmp(text, "+ fn-a") == 0, "%s", text);
	node_start(&other, &c, "node", "fn-b", NULL);
	child_hear(&n, text, sizeof(text));
	USERNS_CHECK(strcmp(text, "+ fn-b") == 0, "%s", text);
	child_await(&other, "ready");
	node_stop(&other);
	child_hear(&n, text, sizeof(text));
	USERNS_CHECK(strcmp(text, "- fn-b (left)") == 0, "%s", text);
	node_stop(&node);
	node_check_end(&n, 1, "Connection reset by peer");
	cluster_stop(&c);
}

/* One that does not read costs the node nothing but the log that all share. */
CLUSTER_TEST(client, is_cut_off_when_it_does_not_read)
{
	enum { COMERS = 900 };
	struct boxer_watch *slow;
	struct boxer_change change;
	struct boxer *boxer;
	struct child node;
	struct cluster c;
	size_t before;
	int r;

	cluster_start(&c, NULL);
	node_start(&node, &c, "node", "fn-a", NULL);
	child_await(&node, "ready");
	before = child_descriptors_at_rest(&node);
	boxer = joiner_open(0);
	USERNS_CHECK(boxer_watch(boxer, &slow) == 0, "%s", boxer_reason());
	for (unsigned i = 0; i < COMERS; i++) {
		struct speaker s;

		(void)cluster_joins(&c, &s, cluster_name(i));
		cluster_leave(&s);
		child_drain(&c.seed);
		child_drain(&node);
	}
	child_await_descriptors(&node, before);
	do
		r = boxer_next(slow, CHILD_PATIENCE_MS, &change);
	while (r == 0);
	USERNS_CHECK(r == -ECONNRESET, "%s", strerror(-r));
	boxer_unwatch(slow);
	USERNS_CHECK(boxer_members(boxer, NULL, 0) >= 1, "the node is well");
	boxer_close(boxer);
	node_stop(&node);
	cluster_stop(&c);
}
