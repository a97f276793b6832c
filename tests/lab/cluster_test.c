/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boxlab as a whole, with Boxer:
 *
 *	seed ── internet ──┬── fn0-nat ── fn0
 *	                   ├── fn1-nat ── fn1
 *	                   └── fn2-nat ── fn2
 */
#include "tests/lab/boxlab.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

TestSuite(cluster, .init = need_labs);

#define NODES(nat)                         \
	"name: test\n"                     \
	"nodes:\n"                         \
	"  seed: {role: seed}\n"           \
	"  fn: {count: 3, nat: " nat "}\n" \
	"steps:\n"
#define LAMBDA	  NODES("lambda")
#define SYMMETRIC NODES("symmetric")

#define PROVEN                                                        \
	"    moved: {sent: /sent_bytes, received: /received_bytes}\n" \
	"    expect: {path: direct}\n"

/* The shell of a machine may not have pidof. */
#define KILL_BOXER                             \
	"[sh, -c, 'for p in /proc/[0-9]*; do " \
	"if [ \"$(cat $p/comm)\" = boxer ]; then kill -9 ${p#/proc/}; fi; done; sleep 100']"

/* ---- what passes ---- */

static const char *end_of(const json_t *path, size_t nat, const char *tuple, const char *end)
{
	const json_t *witness = json_array_get(json_object_get(path, "nats"), nat);

	return boxlab_text(json_object_get(witness, tuple), end);
}

/* Each of the two NATs holds the pair of translated addresses that the other one holds. */
static void expect_holes(const struct boxlab *b, size_t i, const char *strategy)
{
	const json_t *path = json_array_get(json_object_get(b->results, "paths"), i);
	const json_t *nats = json_object_get(path, "nats");

	cr_expect_str_eq(boxlab_text(path, "proof"), "direct", "%s", boxlab_text(path, "reason"));
	cr_expect_str_eq(boxlab_text(path, "strategy"), strategy);
	cr_assert_eq(json_array_size(nats), 2);
	/* The connecting side's NAT: translated source, and whom it wrote to. */
	cr_expect_eq(strncmp(end_of(path, 0, "reply", "dst"), "203.1.0.", 8), 0);
	/* The other NAT thinks that its own node began: a hole was punched. */
	cr_expect_str_eq(end_of(path, 1, "original", "dst"), end_of(path, 0, "reply", "dst"));
	cr_expect_str_eq(end_of(path, 1, "reply", "dst"), end_of(path, 0, "original", "dst"));
	cr_expect_eq(strncmp(end_of(path, 1, "original", "src"), "10.", 3), 0);
}

Test(cluster, proves_punched_holes)
{
	static struct boxlab b;

	boxlab_try(
		&b, LAMBDA
		"  - name: links\n"
		"    links: all\n"
		"  - name: blocking\n"
		"    serve: {node: fn0, command: pingpong --serve 7100, port: 7100}\n"
		"    run: {node: fn1, command: pingpong --rounds 100 fn0 7100}\n" PROVEN
		"  - name: not blocking\n"
		"    serve: {node: fn2, command: pingpong --serve 7100 --nonblock, port: 7100}\n"
		"    run: {node: fn0, command: pingpong --nonblock --rounds 100 fn2 7100}\n" PROVEN
		"  - name: control\n"
		"    boxer: off\n"
		"    serve: {node: fn0, command: pingpong --serve 7100, port: 7100}\n"
		"    run: {node: fn1, command: timeout 0.2 pingpong fn0 7100}\n"
		"    expect: {exit: nonzero, dropped_by: fn0}\n");
	boxlab_expect(&b, 0, "pass");
	boxlab_expect_step(&b, "cluster: the seed and 3 functions", "pass", NULL);
	cr_expect_str_eq(boxlab_text(boxlab_step(&b, "links"), "detail"), "3 of 3");
	expect_holes(&b, 0, "simultaneous");
	expect_holes(&b, 1, "simultaneous");
	cr_expect_eq(access(boxlab_path(&b, "out/fn2-events.jsonl"), R_OK), 0);
	cr_expect_eq(access(boxlab_path(&b, "out/seed-boxer.err"), R_OK), 0);
	boxlab_close(&b);
}

/* The paper's own way (3.2), for those who ask for it. */
Test(cluster, proves_holes_that_were_punched_one_after_the_other)
{
	static struct boxlab b;

	boxlab_try(&b, "name: t\n"
		       "nodes:\n"
		       "  seed: {role: seed}\n"
		       "  fn: {count: 2, nat: lambda, options: --strategies sequential}\n"
		       "steps:\n"
		       "  - name: blocking\n"
		       "    serve: {node: fn0, command: pingpong --serve 7100, port: 7100}\n"
		       "    run: {node: fn1, command: pingpong --rounds 100 fn0 7100}\n" PROVEN);
	boxlab_expect(&b, 0, "pass");
	expect_holes(&b, 0, "sequential");
	boxlab_close(&b);
}

static unsigned occurrences(const char *path, const char *word)
{
	static char text[65536];
	FILE *f = fopen(path, "re");
	unsigned n = 0;
	size_t len;

	cr_assert(f, "%s: %m", path);
	len = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	text[len] = '\0';
	for (const char *at = text; (at = strstr(at, word)); at++)
		n++;
	return n;
}

/* A sanitizer wants to be loaded first, which it is not where the shim is preloaded. */
#define PUNCH "env, ASAN_OPTIONS=verify_asan_link_order=0, boxer, punch"

/*
 * The boxer command asks for the way by itself, also where the shim is preloaded; which
 * took the address that it was told for a member's and asked for a way to that.
 */
Test(cluster, the_punch_command_asks_once_under_the_shim_too)
{
	static struct boxlab b;

	boxlab_try(&b, "name: t\n"
		       "check_nats: off\n"
		       "nodes:\n"
		       "  seed: {role: seed}\n"
		       "  a: {nat: lambda}\n"
		       "  b: {nat: {preset: lambda, allocation: sequential}}\n"
		       "steps:\n"
		       "  - {name: links, links: all}\n"
		       "  - name: punch\n"
		       "    serve: {node: b, command: pingpong --serve 8000, port: 8000}\n"
		       "    run: {node: a, command: [" PUNCH ", 'b:8000']}\n"
		       "  - name: nobody listens\n"
		       "    run: {node: a, command: [" PUNCH ", 'b:8001']}\n"
		       "    expect: {exit: nonzero}\n");
	boxlab_expect(&b, 0, "pass");
	cr_expect_eq(occurrences(boxlab_path(&b, "out/a-events.jsonl"), "\"connect\""), 2);
	boxlab_close(&b);
}

/* What people run first. */
Test(cluster, passes_the_quickstart)
{
	static struct boxlab b;
	static struct outcome iperf3;
	const char *must_work = getenv("BOXLAB_MUST_WORK");
	FILE *f = fopen(SOURCE_DIR "/scenarios/quickstart.yaml", "re");
	static char text[65536];

	COMMAND(&iperf3, "iperf3", "--version");
	if (iperf3.code != 0 && !(must_work && strcmp(must_work, "1") == 0))
		cr_skip_test("missing: iperf3");
	cr_assert(f && fread(text, 1, sizeof(text) - 1, f) > 0 && fclose(f) == 0);
	boxlab_try(&b, text);
	boxlab_expect(&b, 0, "pass");
	boxlab_close(&b);
}

/* Nobody waits until a guest listens, so the client tries again until it does. */
Test(cluster, starts_guests_and_gives_them_the_network)
{
	static struct boxlab b;

	boxlab_try(&b, "name: guests\n"
		       "nodes:\n"
		       "  seed: {role: seed}\n"
		       "  server: {nat: lambda, run: pingpong --serve 7100}\n"
		       "  client: {nat: lambda}\n"
		       "steps:\n"
		       "  - {name: links, links: all}\n"
		       "  - name: to the guest\n"
		       "    run: {node: client, command: [sh, -c, 'until pingpong --rounds 10 "
		       "server 7100; do :; done']}\n");
	boxlab_expect(&b, 0, "pass");
	boxlab_close(&b);
}

/* They may have come and gone before anybody looks. */
Test(cluster, does_not_miss_guests_that_end_at_once)
{
	static struct boxlab b;

	boxlab_try(&b, "name: guests\n"
		       "nodes:\n"
		       "  seed: {role: seed}\n"
		       "  fn: {count: 4, nat: lambda, run: \"true\", wait: 1}\n"
		       "steps: []\n");
	boxlab_expect(&b, 0, "pass");
	boxlab_close(&b);
}

/* ---- what fails, and why ---- */

Test(cluster, fails_the_step_in_which_a_boxer_process_dies)
{
	static struct boxlab b;

	boxlab_try(&b, LAMBDA "  - name: links\n"
			      "    links: all\n"
			      "  - name: murder\n"
			      "    boxer: off\n"
			      "    run: {node: fn1, command: " KILL_BOXER "}\n"
			      "  - name: later\n"
			      "    links: all\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "murder", "fail",
			   "the Boxer process of fn1 was killed by signal 9 (Killed)");
	boxlab_expect_step(&b, "later", "skip", "the run ended before it");
	boxlab_close(&b);
}

Test(cluster, fails_when_a_guest_fails)
{
	static struct boxlab b;

	boxlab_try(&b,
		   "name: guests\n"
		   "nodes:\n"
		   "  seed: {role: seed}\n"
		   "  good: {nat: lambda, run: \"true\"}\n"
		   "  bad: {nat: lambda, run: [sh, -c, 'echo no luck >&2; sleep 0.2; exit 3']}\n"
		   "steps:\n"
		   "  - name: wait\n"
		   "    boxer: off\n"
		   "    run: {node: good, command: sleep 100}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "wait", "fail", "the guest of bad ended with exit code 3: ");
	boxlab_expect_step(&b, "wait", "fail", "no luck");
	boxlab_close(&b);
}

/* Nobody can be reached through a NAT that gives each flow another port. */
Test(cluster, names_the_links_that_are_missing)
{
	static struct boxlab b;

	boxlab_try(&b, SYMMETRIC "  - name: links\n"
				 "    links: all\n"
				 "    timeout: 500ms\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "links", "fail",
			   "only 0 of 3 in time, missing: fn0-fn1, fn0-fn2, fn1-fn2");
	boxlab_close(&b);
}

Test(cluster, says_why_a_program_under_boxer_could_not_be_started)
{
	static struct boxlab b;

	boxlab_try(&b, LAMBDA "  - name: not there\n"
			      "    run: {node: fn0, command: no-such-program}\n"
			      "  - name: nor in a control\n"
			      "    run: {node: fn0, command: no-such-program}\n"
			      "    expect: {exit: nonzero}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "not there", "fail",
			   "fn0: no-such-program ended with exit code 127");
	boxlab_expect_step(&b, "not there", "fail", "No such file or directory");
	boxlab_expect_step(&b, "nor in a control", "fail", "which is not a failure of its own");
	boxlab_close(&b);
}

/* The proof does not believe in Boxer: what it says is not punched is found out. */
Test(cluster, refuses_a_port_that_nobody_moved_bytes_through)
{
	static struct boxlab b;

	boxlab_try(&b,
		   LAMBDA "  - name: another port\n"
			  "    serve:\n"
			  "      - {node: fn0, command: pingpong --serve 7101, port: 7101}\n"
			  "      - {node: fn0, command: pingpong --serve 7100, port: 7100}\n"
			  "    run: {node: fn1, command: pingpong --rounds 100 fn0 7100}\n" PROVEN);
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "another port", "fail",
			   "fn0-nat holds no connection of fn0 (10.0.0.2:7101) with fn1");
	boxlab_close(&b);
}

/* Pings of many functions are more than a small step moves, and are no relay. */
Test(cluster, does_not_take_pings_for_a_relay)
{
	static struct boxlab b;

	boxlab_try(&b,
		   "name: test\n"
		   "nodes:\n"
		   "  seed: {role: seed}\n"
		   "  fn: {count: 12, nat: lambda}\n"
		   "steps:\n"
		   "  - name: links\n"
		   "    links: all\n"
		   "  - name: at once\n"
		   "    serve: {node: fn0, command: pingpong --serve 7100, port: 7100}\n"
		   "    run: {node: fn1, command: pingpong --rounds 1 --size 256 fn0 7100}\n" PROVEN
		   "  - name: across a ping\n"
		   "    serve: {node: fn0, command: pingpong --serve 7200, port: 7200}\n"
		   "    run: {node: fn1, command: [sh, -c, 'sleep 11; "
		   "pingpong --rounds 1 --size 256 fn0 7200']}\n" PROVEN);
	boxlab_expect(&b, 0, "pass");
	boxlab_expect_step(&b, "across a ping", "pass", NULL);
	boxlab_close(&b);
}

/* Over connections that Boxer itself has made, each of which is direct. */
Test(cluster, finds_the_function_that_relays)
{
	static struct boxlab b;

	boxlab_try(&b, LAMBDA
		   "  - name: links\n"
		   "    links: all\n"
		   "  - name: a relay stands by\n"
		   "    run: {node: fn2, command: lab-relay 7200 fn0 7100}\n"
		   "  - name: small\n"
		   "    serve: {node: fn0, command: pingpong --serve 7100, port: 7100}\n"
		   "    run: {node: fn1, command: pingpong --rounds 1 --size 256 fn2 7200}\n" PROVEN
		   "  - name: large\n"
		   "    serve: {node: fn0, command: pingpong --serve 7100, port: 7100}\n"
		   "    run: {node: fn1, command: pingpong --rounds 1000 fn2 7200}\n" PROVEN);
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "a relay stands by", "pass", NULL);
	boxlab_expect_step(&b, "small", "fail", ":7200 above all");
	boxlab_expect_step(&b, "large", "fail", ":7200 above all");
	boxlab_close(&b);
}

/* ---- ends ---- */

Test(cluster, ends_cleanly_when_it_is_interrupted)
{
	static struct boxlab b;
	cleanup_close int out = -1;
	char line[256];
	pid_t pid;

	boxlab_open(&b,
		    LAMBDA "  - name: long\n"
			   "    serve: {node: fn0, command: pingpong --serve 7100, port: 7100}\n"
			   "    run: {node: fn1, command: sleep 1000}\n");
	pid = boxlab_start(&b, &out);
	for (int i = 0; i < 3; i++)
		cr_assert(wait_line(out, line, sizeof(line)));
	cr_expect(strstr(line, "cluster"), "%s", line);
	cr_assert_eq(kill(pid, SIGTERM), 0);
	b.ended.code = wait_code(pid);
	boxlab_load(&b);
	boxlab_expect(&b, 130, "error");
	boxlab_expect_step(&b, "long", "error", "ended by the user");
	boxlab_close(&b);
}

Test(cluster, stays_up_with_its_functions)
{
	static struct boxlab b;
	static struct outcome o;
	char boxlab[PATH_MAX], file[PATH_MAX], id[32];

	boxlab_open(&b, LAMBDA "  - {name: links, links: all}\n");
	(void)strcpy(boxlab, helper_path("boxlab"));
	(void)strcpy(file, boxlab_path(&b, "scenario.yaml"));
	(void)strcpy(id, helper_id());
	COMMAND(&o, boxlab, "up", "--detach", "--id", id, file);
	expect(&o, 0, id);
	COMMAND(&o, boxlab, "exec", id, "fn1", "--", "boxer", "exec", "--", "getent", "hosts",
		"fn2");
	expect(&o, 0, "fn2");
	COMMAND(&o, boxlab, "down", id);
	expect(&o, 0, "");
	boxlab_close(&b);
}
