/* SPDX-License-Identifier: MIT */
/* The boxer command: what it makes of its arguments. */
#include "base/cleanup.h"
#include "boxer/gate.h"
#include "tests/boxer/node.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define SEED_1 "--seed", "127.0.0.1:1"
#define KEY    "--key-file", CLUSTER_KEY
#define LONG   "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *argv[12];
	int status;
	const char *words; /* on standard output if the status is 0, else on standard error */
} commands[] = {
	{{NULL}, 2, "usage: boxer VERB"},
	{{"--help"}, 0, "usage: boxer VERB"},
	{{"help"}, 0, "usage: boxer VERB"},
	{{"--version"}, 0, "boxer " BOXER_VERSION},
	{{"seed", "--help"}, 0, "usage: boxer seed"},
	{{"node", "--help"}, 0, "usage: boxer node"},
	{{"run", "--help"}, 0, "usage: boxer run"},
	{{"run", "--help"}, 0, "127"},
	{{"exec", "--help"}, 0, "usage: boxer exec"},
	{{"members", "--help"}, 0, "usage: boxer members"},
	{{"status", "--help"}, 0, "usage: boxer status"},
	{{"barrier", "--help"}, 0, "usage: boxer barrier"},
	{{"punch", "--help"}, 0, "usage: boxer punch"},
	{{"doctor", "--help"}, 0, "usage: boxer doctor"},

	{{"bogus"}, 2, "no verb 'bogus'"},
	{{""}, 2, "no verb ''"},
	{{"--bogus"}, 2, "no verb '--bogus'"},
	{{"seed", "--bogus"}, 2, "boxer seed: unrecognized option '--bogus'"},
	{{"seed", "-x"}, 2, "'x'"},
	{{"node", "--bogus"}, 2, "boxer node: unrecognized option '--bogus'"},
	{{"run", "--bogus"}, 2, "boxer run: unrecognized option '--bogus'"},
	{{"exec", "--bogus"}, 2, "boxer exec: unrecognized option '--bogus'"},
	{{"members", "--bogus"}, 2, "boxer members: unrecognized option '--bogus'"},
	{{"status", "--bogus"}, 2, "boxer status: unrecognized option '--bogus'"},
	{{"barrier", "--bogus"}, 2, "boxer barrier: unrecognized option '--bogus'"},
	{{"punch", "--bogus"}, 2, "boxer punch: unrecognized option '--bogus'"},
	{{"doctor", "--bogus"}, 2, "boxer doctor: unrecognized option '--bogus'"},
	/* an option of another verb */
	{{"seed", SEED_1}, 2, "--seed"},
	{{"node", "--listen", "127.0.0.1:0"}, 2, "--listen"},
	{{"run", "--members", "2"}, 2, "--members"},

	{{"node", "-h"}, 0, "usage: boxer node"},
	{{"exec", "-h"}, 0, "usage: boxer exec"},
	{{"status", "-h"}, 0, "usage: boxer status"},
	{{"status", "--bogus"}, 2, "'boxer status --help' tells more"},

	{{"seed"}, 2, "--listen is missing"},
	{{"seed", "--listen"}, 2, "--listen"},
	{{"seed", "--listen", "127.0.0.1:0"}, 2, "--key-file is missing"},
	{{"node", KEY}, 2, "--seed is missing"},
	{{"node", SEED_1}, 2, "--key-file is missing"},
	{{"run", SEED_1, KEY}, 2, "-- PROGRAM is missing"},
	{{"run", "--", "true"}, 2, "--seed is missing"},
	{{"exec"}, 2, "-- PROGRAM is missing"},
	{{"exec", "--"}, 2, "-- PROGRAM is missing"},
	{{"exec", "--id"}, 2, "--id"},

	{{"members", "all"}, 2, "what is 'all' for"},
	{{"status", "all"}, 2, "what is 'all' for"},
	{{"doctor", "now"}, 2, "what is 'now' for"},
	{{"barrier"}, 2, "NAME and COUNT are wanted"},
	{{"barrier", "start"}, 2, "NAME and COUNT are wanted"},
	{{"barrier", "start", "2", "3"}, 2, "NAME and COUNT are wanted"},
	{{"barrier", "a.b", "2"}, 2, "'a.b' can't be a name"},
	{{"barrier", "start", "0"}, 2, "COUNT is a number from 1 to 4096, not '0'"},
	{{"barrier", "start", "4097"}, 2, "COUNT is a number"},
	{{"barrier", "start", "2", "--timeout", "x"}, 2, "--timeout wants a number"},
	{{"punch"}, 2, "NODE:PORT is wanted"},
	{{"punch", "left"}, 2, "'left' is not a node and a port"},
	{{"punch", ":80"}, 2, "':80' is not a node and a port"},
	{{"punch", "left:"}, 2, "is not a node and a port"},
	{{"punch", "left:0"}, 2, "is not a node and a port"},
	{{"punch", "left:65536"}, 2, "is not a node and a port"},
	{{"punch", LONG LONG ":1"}, 2, "is not a node and a port"},
	{{"punch", "left:80", "--count", "0"}, 2, "--count wants a number"},
	{{"punch", "left:80", "--count", "2", "--stdio"}, 2, "--stdio takes one connection"},
	{{"doctor", "--timeout", "x"}, 2, "--timeout wants a number"},
	{{"doctor", "--seed", "127.0.0.1:1"}, 2, "--key-file is missing"},
	{{"doctor", KEY}, 2, "--seed is missing"},
	{{"doctor", "--seed", "127.0.0.1", KEY}, 2, "is not an address and a port"},

	{{"members"}, 125, "no node runs here"},
	{{"status"}, 125, "no node runs here"},
	{{"barrier", "start", "2"}, 125, "no node runs here"},
	{{"punch", "left:80"}, 125, "no node runs here"},
	{{"doctor"}, 125, "no node runs here"},
	{{"members", "--id", "7"}, 125, "no node answers at @boxer/7"},
	{{"status", "--id", "7"}, 125, "no node answers at @boxer/7"},
	{{"status", "--id", "x"}, 125, "'x' is no id of a node"},
	{{"doctor", SEED_1, KEY, "--timeout", "1"}, 125, "(seed-unreachable)"},

	{{"seed", "--listen", "127.0.0.1:0", KEY, "more"}, 2, "what is 'more' for"},
	{{"node", SEED_1, KEY, "--", "true"}, 2, "a node has no program"},
	{{"seed", "--unique-address=yes", KEY}, 2, "unique-address"},

	{{"seed", "--listen", "localhost:80", KEY}, 2, "'localhost:80' is not an address"},
	{{"seed", "--listen", "127.0.0.1:65536", KEY}, 2, "is not an address"},
	{{"seed", "--listen", "", KEY}, 2, "is not an address"},
	{{"seed", "--listen", "127.0.0.1", KEY}, 2, "is not an address and a port"},
	{{"seed", "--listen", "127.0.0.1:0", "--over-provision", KEY}, 2, "wants --members"},
	{{"node", "--seed", "127.0.0.1", KEY}, 2, "is not an address and a port"},
	{{"node", "--seed", "127.0.0.1:0", KEY}, 2, "is not an address and a port"},
	{{"run", "--seed", "::1", KEY, "--", "true"}, 2, "is not an address and a port"},

	{{"node", SEED_1, "--key-file", "/mnt/missing"}, 2, "/mnt/missing: No such file"},
	{{"node", SEED_1, "--key-file", "/mnt"}, 2, "/mnt: Is a directory"},
	{{"node", SEED_1, "--key-file", "/mnt/short-key"}, 2, "64 hexadecimal digits"},
	{{"node", SEED_1, "--key-file", "/mnt/long-key"}, 2, "64 hexadecimal digits"},
	{{"node", SEED_1, "--key-file", "/dev/null"}, 2, "64 hexadecimal digits"},
	{{"seed", "--listen", "127.0.0.1:0", "--key-file", "/mnt/short-key"}, 2, "64 hexadecimal"},

	{{"node", SEED_1, KEY, "--name", ""}, 2, "'' can't be a name"},
	{{"node", SEED_1, KEY, "--name", "a.b"}, 2, "'a.b' can't be a name"},
	{{"node", SEED_1, KEY, "--name", "-a"}, 2, "'-a' can't be a name"},
	{{"node", SEED_1, KEY, "--name", LONG}, 2, "can't be a name"},

	{{"seed", "--members", "x"}, 2, "--members wants a number up to 4096, not 'x'"},
	{{"seed", "--members", "4097"}, 2, "--members wants a number"},
	{{"seed", "--members", "-1"}, 2, "--members wants a number"},
	{{"seed", "--members", "2 "}, 2, "--members wants a number"},
	{{"seed", "--members", ""}, 2, "--members wants a number"},
	{{"node", "--wait", "4097"}, 2, "--wait wants a number"},
	{{"node", "--timeout", "86401"}, 2, "--timeout wants a number"},
	{{"node", "--timeout", "1.5"}, 2, "--timeout wants a number"},
	{{"node", "--timeout", "99999999999999999999"}, 2, "--timeout wants a number"},
	{{"node", "--wait-name", "a,,b"},
	 2,
	 "--wait-name wants names with commas between, not 'a,,"},
	{{"node", "--wait-name", "a,"}, 2, "--wait-name wants names with commas between, not 'a,'"},
	{{"node", "--wait-role", "a"}, 2, "--wait-role wants a role and a number, like worker=3"},
	{{"node", SEED_1, KEY, "--strategies", "direct,"},
	 2,
	 "names with commas between, not 'dir"},
	{{"node", SEED_1, KEY, "--strategies", "magic"}, 2, "there are direct, private, "},
	{{"node", SEED_1, KEY, "--events", "x"}, 2, "--events wants a number"},
	{{"node", SEED_1, KEY, "--events", "77"}, 2, "--events names no open descriptor"},
	{{"seed", "--listen", "127.0.0.1:0", "--second", "localhost", KEY}, 2, "is not an address"},
	{{"seed", "--listen", "127.0.0.1:0", "--second", "127.0.0.2:7000", KEY},
	 2,
	 "without a port"},
	{{"seed", "--listen", "127.0.0.1:0", "--members", "0", KEY}, 2, "at least 1"},
	{{"seed", "--listen", "127.0.0.1:0", "--second", "127.0.0.1", KEY}, 1, "no second address"},
	{{"seed", "--listen", "127.0.0.1:0", "--second", "::1", KEY}, 1, "no second address"},
	{{"seed", "--listen", "127.0.0.1:0", "--second", "0.0.0.0", KEY}, 1, "no second address"},
	{{"seed", "--listen", "127.0.0.1:0", "--second", "192.0.2.1", KEY},
	 1,
	 "listen on 192.0.2.1"},
	{{"seed", "--listen", "127.0.0.1:65535", KEY}, 1, "the port after it"},
	{{"seed", "--listen", "127.0.0.1:0", "--silence", "0", KEY}, 2, "at least a second"},
	{{"seed", "--listen", "127.0.0.1:0", KEY, "--events", "77"}, 2, "no open descriptor"},
};

static void write_text(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");

	USERNS_CHECK(out && fputs(text, out) >= 0 && fclose(out) == 0, "%s: %m", path);
}

static void start_command(struct child *n, const char *program, const char *const *argv)
{
	const char *all[NODE_ARGUMENTS_MAX] = {program};

	for (size_t i = 0; i < 12 && argv[i]; i++)
		all[i + 1] = argv[i];
	child_start(n, all, NULL);
	child_close_in(n);
}

CLUSTER_TEST(command, is_understood_or_refused_in_words)
{
	cluster_prepare();
	write_text("/mnt/short-key", "00112233\n");
	write_text("/mnt/long-key", LONG "00\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		static char out[8192];
		const char *words = commands[i].words;
		struct child n;
		int status;

		start_command(&n, i % 2 ? BOXER_PATH : BOXERD_PATH, commands[i].argv);
		child_hear_all(&n, out, sizeof(out));
		status = child_end(&n);
		USERNS_CHECK(status == commands[i].status, "row %zu: ended with %d\n%s", i, status,
			     child_errors(&n));
		if (status == 0)
			USERNS_CHECK(strstr(out, words) && !*child_errors(&n),
				     "row %zu: '%s' does not say '%s'", i, out, words);
		else
			USERNS_CHECK(strstr(child_errors(&n), words) && !*out,
				     "row %zu: '%s' does not say '%s'", i, child_errors(&n), words);
		(void)close(n.errors);
	}
}

static void check_refused(const char *const *argv, const char *words)
{
	struct child n;

	child_start(&n, argv, NULL);
	node_check_end(&n, 2, words);
	(void)close(n.errors);
}

/* It was said that one role more was no role, and that a bad name was one too many. */
CLUSTER_TEST(command, tells_too_many_from_what_is_none)
{
	const char *roles[GATE_ROLES_MAX + 4] = {BOXER_PATH, "node"};
	const char *names[] = {BOXER_PATH, "node", "--wait-name", NULL, NULL};
	static char list[2 * (GATE_NAMES_MAX + 1)];

	for (size_t i = 0; i <= GATE_ROLES_MAX; i++)
		roles[i + 2] = "--wait-role=worker=1";
	check_refused(roles, "--wait-role may be given at most 16 times");
	for (size_t i = 0; i <= GATE_NAMES_MAX; i++)
		(void)memcpy(list + 2 * i, i < GATE_NAMES_MAX ? "a," : "a", 2);
	names[3] = list;
	check_refused(names, "--wait-name takes at most 256 names");
}

static const struct {
	const char *verb;
	const char *options[18];
} helps[] = {
	{"seed",
	 {"--listen", "--second", "--key-file", "--members", "--over-provision", "--unique-address",
	  "--relay", "--silence", "--state", "--events"}},
	{"node",
	 {"--seed", "--key-file", "--name", "--role", "--wait", "--wait-name", "--wait-role",
	  "--timeout", "--control", "--silence", "--dir", "--strategies", "--relay", "--events"}},
	{"run",
	 {"--seed", "--key-file", "--name", "--role", "--wait", "--wait-name", "--wait-role",
	  "--timeout", "--control", "--silence", "--dir", "--strategies", "--relay", "--events"}},
	{"exec", {"--id", "--help"}},
	{"members", {"--follow", "--json", "--id", "--help"}},
	{"status", {"--json", "--id", "--help"}},
	{"barrier", {"--timeout", "--id", "--help"}},
	{"punch", {"--count", "--stdio", "--json", "--id", "--help"}},
	{"doctor", {"--seed", "--key-file", "--timeout", "--json", "--id", "--help"}},
};

CLUSTER_TEST(command, help_names_every_option_of_the_verb)
{
	for (size_t i = 0; i < ARRAY_SIZE(helps); i++) {
		static char out[8192];
		struct child n;

		start_command(&n, BOXER_PATH, (const char *[12]){helps[i].verb, "--help"});
		child_hear_all(&n, out, sizeof(out));
		node_check_end(&n, 0, "");
		for (size_t j = 0; helps[i].options[j]; j++)
			USERNS_CHECK(strstr(out, helps[i].options[j]), "%s --help:\n%s",
				     helps[i].verb, out);
	}
}

/* In a user namespace without a map everybody is the overflow uid. */
static void become_nobody_in_particular(void)
{
	if (unshare(CLONE_NEWUSER) < 0 || geteuid() != 65534)
		_exit(99);
}

CLUSTER_TEST(command, is_refused_to_the_overflow_uid)
{
	struct child n;

	child_start(&n, (const char *[]){BOXER_PATH, "--help", NULL}, become_nobody_in_particular);
	node_check_end(&n, 2, "65534");
}
