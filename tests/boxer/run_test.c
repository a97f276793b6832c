/* SPDX-License-Identifier: MIT */
/* boxer run and boxer node: the guest, its files, its signals, and its end. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/sock.h"
#include "tests/boxer/node.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define GUEST	 GUEST_PATH
#define TEXT_MAX 65536

static char output[TEXT_MAX];

static const struct {
	const char *argv[4];
	int status;
	const char *words;
} ends[] = {
	{{GUEST, "end", "0"}, 0, ""},
	{{GUEST, "end", "7"}, 7, ""},
	{{GUEST, "end", "255"}, 255, ""},
	{{GUEST, "die", "15"}, 128 + SIGTERM, ""},
	{{GUEST, "die", "9"}, 128 + SIGKILL, ""},
	{{GUEST, "die", "11"}, 128 + SIGSEGV, ""},
	{{"true"}, 0, ""}, /* by PATH */
	{{"boxer-there-is-no-such-program"}, 127, "boxer-there-is-no-such-program: No such file"},
	{{"/mnt/missing"}, 127, "/mnt/missing: No such file"},
	{{"/mnt/key"}, 126, "/mnt/key: Permission denied"},
	{{"/mnt"}, 126, "/mnt: Permission denied"},
};

CLUSTER_TEST(run, ends_as_its_guest_does)
{
	struct cluster c;

	cluster_start(&c, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		bool started = ends[i].status != 126 && ends[i].status != 127;
		struct child n;

		node_start(&n, &c, "run", "a", "--", ends[i].argv[0], ends[i].argv[1],
			   ends[i].argv[2], NULL);
		node_check_end(&n, ends[i].status, ends[i].words);
		USERNS_CHECK(child_has_said(&n, "guest-start") == started, "row %zu: %s", i,
			     n.text);
		USERNS_CHECK(child_has_said(&n, started ? "guest-exit" : "failed"), "row %zu: %s",
			     i, n.text);
		(void)close(n.errors);
		/* The next one has the same name. */
		child_await(&c.seed, "leave");
	}
	cluster_stop(&c);
}

static void copy_file(const char *from, const char *to)
{
	cleanup_close int in = open(from, O_RDONLY | O_CLOEXEC);
	cleanup_close int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ssize_t n;

	USERNS_CHECK(in >= 0 && out >= 0, "%m");
	while ((n = read(in, output, sizeof(output))) > 0)
		USERNS_CHECK(write(out, output, (size_t)n) == n, "%m");
}

/* Found by it: ended with 127, as if the guest were missing. */
CLUSTER_TEST(run, ends_with_125_when_its_shim_is_missing)
{
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	copy_file(BOXER_PATH, "/mnt/boxer");
	child_start(&n,
		    (const char *[]){"/mnt/boxer", "run", "--seed", c.text, "--key-file",
				     CLUSTER_KEY, "--events", CHILD_EVENTS, "--", GUEST, "end", "0",
				     NULL},
		    NULL);
	node_check_end(&n, 125, "libboxer-shim.so");
	USERNS_CHECK(child_has_said(&n, "failed"), "%s", n.text);
	cluster_stop(&c);
}

static const char *const bundles[] = {"/mnt/bundle", "/mnt/a bundle"};

/* Found by it: with --dir in the bundle the node removed its own shim at its end. */
CLUSTER_TEST(run, takes_no_shim_away_that_it_did_not_put_there)
{
	struct cluster c;

	cluster_start(&c, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(bundles); i++) {
		char boxer[64], shim[64];
		struct stat st;
		struct child n;

		USERNS_CHECK(mkdir(bundles[i], 0700) == 0, "%m");
		(void)snprintf(boxer, sizeof(boxer), "%s/boxer", bundles[i]);
		(void)snprintf(shim, sizeof(shim), "%s/libboxer-shim.so", bundles[i]);
		copy_file(BOXER_PATH, boxer);
		copy_file(SHIM_PATH, shim);
		child_start(&n,
			    (const char *[]){boxer, "run", "--seed", c.text, "--key-file",
					     CLUSTER_KEY, "--dir", bundles[i], "--", GUEST, "end",
					     "0", NULL},
			    NULL);
		/* What is in the way of a link is an error, too. */
		(void)child_end(&n);
		(void)close(n.errors);
		USERNS_CHECK(lstat(shim, &st) == 0 && S_ISREG(st.st_mode), "%s is gone", shim);
		child_await(&c.seed, "leave");
	}
	cluster_stop(&c);
}

CLUSTER_TEST(run, passes_standard_input_and_output_through)
{
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--", GUEST, "copy", NULL);
	child_tell(&n, "one\n");
	child_hear(&n, output, sizeof(output));
	USERNS_CHECK(strcmp(output, "one") == 0, "%s", output);
	child_tell(&n, "two");
	child_close_in(&n);
	child_hear_all(&n, output, sizeof(output));
	USERNS_CHECK(strcmp(output, "two") == 0, "%s", output);
	node_check_end(&n, 0, "");
	USERNS_CHECK(!*child_errors(&n), "%s", child_errors(&n));
	cluster_stop(&c);
}

/* The value of NAME in lines of NAME=VALUE. */
static const char *value_of(const char *lines, const char *name)
{
	static char value[256];
	size_t len = strlen(name);

	for (const char *line = lines; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == '=') {
			(void)snprintf(value, sizeof(value), "%.*s",
				       (int)strcspn(line + len + 1, "\n"), line + len + 1);
			return value;
		}
	}
	return "(nothing)";
}

static void check_value(const char *name, const char *expected)
{
	USERNS_CHECK(strcmp(value_of(output, name), expected) == 0, "%s is %s, not %s", name,
		     value_of(output, name), expected);
}

CLUSTER_TEST(run, tells_its_guest_who_it_is)
{
	struct speaker s;
	struct cluster c;
	struct child n;
	char dir[64];

	cluster_start(&c, NULL);
	/* So that neither the id nor the size is what it would be by accident. */
	(void)cluster_joins(&c, &s, "other");
	node_start(&n, &c, "run", "fn-a", "--", GUEST, "show", NULL);
	child_hear_all(&n, output, sizeof(output));
	node_check_end(&n, 0, "");
	check_value("BOXER_ID", "1");
	check_value("BOXER_NAME", "fn-a");
	check_value("BOXER_SIZE", "2");
	check_value("BOXER_SEED", c.text);
	(void)snprintf(dir, sizeof(dir), CLUSTER_DIR "/boxer-%u-1", geteuid());
	check_value("BOXER_DIR", dir);
	USERNS_CHECK(strstr(value_of(output, "LD_PRELOAD"), "/libboxer-shim.so"), "%s",
		     value_of(output, "LD_PRELOAD"));
	/* Its own path, or a link in BOXER_DIR, which has gone with the node. */
	USERNS_CHECK(strncmp(value_of(output, "LD_PRELOAD"), dir, strlen(dir)) == 0 ||
			     access(value_of(output, "LD_PRELOAD"), R_OK) == 0,
		     "%m");
	cluster_stop(&c);
}

/* The node has as many descriptors as it may, its guest no more than it was given. */
CLUSTER_TEST(run, leaves_the_limit_of_descriptors_to_the_guest)
{
	struct rlimit limit, of_node;
	char expected[32];
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	USERNS_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max > 300, "%m");
	limit.rlim_cur = 200;
	USERNS_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "%m");
	node_start(&n, &c, "run", "a", "--", "/bin/sh", "-c", "ulimit -n; cat", NULL);
	child_await(&n, "guest-start");
	USERNS_CHECK(prlimit(n.pid, RLIMIT_NOFILE, NULL, &of_node) == 0, "%m");
	USERNS_CHECK(of_node.rlim_cur == limit.rlim_max, "%lu of the node",
		     (unsigned long)of_node.rlim_cur);
	(void)snprintf(expected, sizeof(expected), "%lu\n", (unsigned long)limit.rlim_cur);
	child_close_in(&n);
	child_hear_all(&n, output, sizeof(output));
	USERNS_CHECK(strcmp(output, expected) == 0, "%s of the guest", output);
	node_check_end(&n, 0, "");
	cluster_stop(&c);
}

/* Descriptor 3 is the events', and is not the guest's business. */
CLUSTER_TEST(run, starts_its_guest_as_a_shell_would)
{
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--", GUEST, "show", NULL);
	child_hear_all(&n, output, sizeof(output));
	node_check_end(&n, 0, "");
	for (int fd = 0; fd < 10; fd++) {
		char line[16];

		(void)snprintf(line, sizeof(line), "\nfd %d\n", fd);
		USERNS_CHECK((strstr(output, line) != NULL) == (fd < 3), "descriptor %d\n%s", fd,
			     output);
	}
	USERNS_CHECK(!strstr(output, "\nblocked "), "signals are blocked\n%s", output);
	/* 13 is ignored by the test itself, and that is inherited as it should be. */
	USERNS_CHECK(!strstr(output, "\nignored 1\n") && !strstr(output, "\nignored 2\n") &&
			     !strstr(output, "\nignored 15\n"),
		     "signals are ignored\n%s", output);
	cluster_stop(&c);
}

/* The file comes a moment after the event. */
static void check_members_file(const char *dir, const char *expected)
{
	uint64_t deadline = clock_now() + CHILD_PATIENCE_MS * NS_PER_MS;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/members", dir);
	while (strcmp(node_read_file(path), expected) != 0 && clock_now() < deadline)
		(void)sched_yield();
	USERNS_CHECK(strcmp(node_read_file(path), expected) == 0, "%s is\n%sand not\n%s", path,
		     node_read_file(path), expected);
}

CLUSTER_TEST(run, keeps_a_file_of_members_while_it_runs)
{
	char at[2][ADDR_TEXT_MAX], expected[512];
	struct addr external;
	struct speaker s;
	struct cluster c;
	struct child n;
	json_t *event;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "fn-a", "--dir", "/mnt/dir", "--", GUEST, "stay", NULL);
	event = child_event(&n, "joined");
	(void)snprintf(at[0], sizeof(at[0]), "%s", json_text(event, "external"));
	json_decref(event);
	child_hear(&n, output, sizeof(output));
	(void)snprintf(expected, sizeof(expected), "0\tfn-a\t198.18.0.1\t%s\t-\n", at[0]);
	check_members_file("/mnt/dir", expected);

	(void)cluster_joins(&c, &s, "fn-b");
	USERNS_CHECK(sock_local(s.fd, &external) == 0, "%m");
	(void)snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
		       "1\tfn-b\t198.18.0.2\t%s\t-\n", addr_format(&external, at[1]));
	check_members_file("/mnt/dir", expected);

	child_signal(&n, SIGTERM);
	node_check_end(&n, 9, "");
	USERNS_CHECK(access("/mnt/dir/members", F_OK) < 0, "the file is left behind");
	USERNS_CHECK(access("/mnt/dir", F_OK) == 0, "a directory that was given is the giver's");
	cluster_stop(&c);
}

CLUSTER_TEST(run, removes_the_directory_that_it_made)
{
	struct cluster c;
	struct child n;
	char dir[64];

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--", GUEST, "stay", NULL);
	child_hear(&n, output, sizeof(output));
	(void)snprintf(dir, sizeof(dir), CLUSTER_DIR "/boxer-%u-0", geteuid());
	USERNS_CHECK(access(dir, F_OK) == 0, "%s: %m", dir);
	child_signal(&n, SIGTERM);
	node_check_end(&n, 9, "");
	USERNS_CHECK(access(dir, F_OK) < 0, "%s is left behind", dir);
	cluster_stop(&c);
}

static const struct {
	const char *dir;
	const char *words;
} bad_dirs[] = {
	{"/mnt/key", "--dir /mnt/key can't be used: Not a directory"},
	{"/mnt/missing/dir", "--dir /mnt/missing/dir can't be used: No such file"},
	{"/mnt/link", "--dir /mnt/link can't be used: it is a symbolic link"},
	{"/mnt/group", "--dir /mnt/group can't be used: others may write to it"},
	{"/mnt/all", "--dir /mnt/all can't be used: others may write to it"},
};

/*
 * In a directory that others may write to, the name could be a trap. That was found out
 * when an id was spent already, and not said.
 */
CLUSTER_TEST(run, refuses_a_directory_that_is_not_its_own)
{
	struct cluster c;

	cluster_start(&c, NULL);
	USERNS_CHECK(mkdir("/mnt/elsewhere", 0700) == 0 &&
			     symlink("/mnt/elsewhere", "/mnt/link") == 0 &&
			     mkdir("/mnt/group", 0700) == 0 && chmod("/mnt/group", 0720) == 0 &&
			     mkdir("/mnt/all", 0700) == 0 && chmod("/mnt/all", 01703) == 0,
		     "%m");
	for (size_t i = 0; i < ARRAY_SIZE(bad_dirs); i++) {
		struct child n;

		node_start(&n, &c, "run", "a", "--dir", bad_dirs[i].dir, "--", GUEST, "end", "0",
			   NULL);
		node_check_failed(&n, "local-resource");
		USERNS_CHECK(strstr(child_errors(&n), bad_dirs[i].words), "%s", child_errors(&n));
		(void)close(n.errors);
	}
	child_drain(&c.seed);
	USERNS_CHECK(!child_has_said(&c.seed, "join"), "an id was spent");
	USERNS_CHECK(access("/mnt/elsewhere/members", F_OK) < 0, "it went through the link");
	USERNS_CHECK(access("/mnt/key", F_OK) == 0, "the file is gone");
	cluster_stop(&c);
}

/* Only now is it known that there can't be files. */
CLUSTER_TEST(run, fails_where_no_file_can_be_made)
{
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--dir", "/proc", "--", GUEST, "end", "0", NULL);
	node_check_failed(&n, "local-resource");
	cluster_stop(&c);
}

/* Anybody may read in it: the list is no secret. */
CLUSTER_TEST(run, takes_a_directory_that_is_there)
{
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	USERNS_CHECK(mkdir("/mnt/dir", 0700) == 0 && chmod("/mnt/dir", 0755) == 0, "%m");
	node_start(&n, &c, "run", "a", "--dir", "/mnt/dir", "--", GUEST, "end", "0", NULL);
	node_check_end(&n, 0, "");
	USERNS_CHECK(access("/mnt/dir", F_OK) == 0, "a directory that was given is the giver's");
	cluster_stop(&c);
}

/* Nothing of another's may be removed either. */
CLUSTER_TEST(run, leaves_a_directory_alone_that_it_refused)
{
	struct cluster c;
	struct child n;
	FILE *out;

	cluster_start(&c, NULL);
	USERNS_CHECK(mkdir("/mnt/elsewhere", 0700) == 0 &&
			     symlink("/mnt/elsewhere", "/mnt/link") == 0,
		     "%m");
	out = fopen("/mnt/elsewhere/members", "we");
	USERNS_CHECK(out && fclose(out) == 0, "%m");
	node_start(&n, &c, "run", "a", "--dir", "/mnt/link", "--", GUEST, "end", "0", NULL);
	node_check_failed(&n, "local-resource");
	USERNS_CHECK(access("/mnt/elsewhere/members", F_OK) == 0, "it was removed");
	cluster_stop(&c);
}

/*
 * Two clusters on one machine give the same ids. The second node can't serve
 * under its id; found by it: on its way out it removed the first one's files.
 */
CLUSTER_TEST(run, fails_beside_a_node_of_the_same_id_and_leaves_it_alone)
{
	struct cluster one, other;
	struct child first, second;
	char path[96];

	cluster_start(&one, NULL);
	cluster_start_seed(&other, NULL, NULL);
	node_start(&first, &one, "run", "a", "--", GUEST, "stay", NULL);
	child_hear(&first, output, sizeof(output));
	node_start(&second, &other, "run", "a", "--", GUEST, "end", "0", NULL);
	node_check_failed(&second, "local-resource");
	(void)snprintf(path, sizeof(path), CLUSTER_DIR "/boxer-%u-0/members", geteuid());
	USERNS_CHECK(access(path, F_OK) == 0, "%s is gone", path);
	child_signal(&first, SIGTERM);
	node_check_end(&first, 9, "");
	cluster_stop(&other);
	cluster_stop(&one);
}

static const int passed_on[] = {SIGTERM, SIGINT, SIGHUP};

CLUSTER_TEST(run, passes_signals_to_its_guest)
{
	struct cluster c;

	cluster_start(&c, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		char expected[32];
		struct child n;

		node_start(&n, &c, "run", "a", "--", GUEST, "stay", NULL);
		child_hear(&n, output, sizeof(output));
		/* The guest is up; its node must have seen that it is. */
		child_await(&n, "guest-start");
		child_signal(&n, passed_on[i]);
		child_hear(&n, output, sizeof(output));
		(void)snprintf(expected, sizeof(expected), "signal %d", passed_on[i]);
		USERNS_CHECK(strcmp(output, expected) == 0, "%s", output);
		node_check_end(&n, 9, "");
		(void)close(n.errors);
		child_await(&c.seed, "leave");
	}
	cluster_stop(&c);
}

CLUSTER_TEST(run, ends_by_a_signal_while_it_waits_for_others)
{
	struct cluster c;

	cluster_start(&c, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		struct child n;

		node_start(&n, &c, "run", "a", "--wait", "2", "--timeout", "600", "--", GUEST,
			   "stay", NULL);
		(void)node_id(&n);
		child_signal(&n, passed_on[i]);
		node_check_end(&n, 128 + passed_on[i], "");
		(void)close(n.errors);
		child_await(&c.seed, "leave");
	}
	cluster_stop(&c);
}

CLUSTER_TEST(node, runs_until_a_signal_and_leaves)
{
	struct cluster c;

	cluster_start(&c, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		struct child n;
		json_t *event;

		node_start(&n, &c, "node", "a", NULL);
		child_await(&n, "ready");
		child_signal(&n, passed_on[i]);
		node_check_end(&n, 0, "");
		(void)close(n.errors);
		event = child_event(&c.seed, "leave");
		USERNS_CHECK(strcmp(json_text(event, "reason"), "left") == 0, "%s",
			     json_text(event, "reason"));
		json_decref(event);
	}
	cluster_stop(&c);
}

/* The guest holds the other end of the output: its end is the guest's end. */
CLUSTER_TEST(run, takes_its_guest_with_it_when_it_is_killed)
{
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--", GUEST, "stay", NULL);
	child_hear(&n, output, sizeof(output));
	child_signal(&n, SIGKILL);
	child_hear_all(&n, output, sizeof(output));
	USERNS_CHECK(!*output, "%s", output);
	USERNS_CHECK(child_end(&n) == -SIGKILL, "it was not killed");
	child_await(&c.seed, "leave");
	cluster_stop(&c);
}

CLUSTER_TEST(run, goes_on_without_the_seed_once_its_guest_runs)
{
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--", GUEST, "stay", NULL);
	child_hear(&n, output, sizeof(output));
	cluster_stop(&c);
	child_await(&n, "seed-lost");
	child_signal(&n, SIGTERM);
	node_check_end(&n, 9, "");
}

CLUSTER_TEST(run, goes_on_when_the_reader_of_its_events_has_gone)
{
	struct speaker s;
	struct cluster c;
	struct child n;

	cluster_start(&c, NULL);
	node_start(&n, &c, "run", "a", "--", GUEST, "stay", NULL);
	child_hear(&n, output, sizeof(output));
	(void)close(n.events);
	n.events = -1;
	(void)cluster_joins(&c, &s, "b");
	speaker_close(&s);
	child_await(&c.seed, "leave");
	child_signal(&n, SIGTERM);
	node_check_end(&n, 9, "");
	cluster_stop(&c);
}
