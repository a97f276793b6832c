/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Labs with wires: what they do is measured by programs that know nothing of it.
 */
#include "tests/lab/boxlab.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

TestSuite(wires, .init = need_labs);

#define SERVE "    serve: {node: pub, command: pingpong --serve 7100, port: 7100}\n"
#define RUN   "    run: {node: a, command: pingpong --rounds 10 pub 7100}\n"
#define WORLD                                                                  \
	"name: test\n"                                                         \
	"nodes:\n"                                                             \
	"  pub: {role: host, link: {}}\n"                                      \
	"  a: {role: host, nat: {preset: linux, link: {up: {delay: 20ms}}},\n" \
	"      link: {delay: 10ms, jitter: 5ms}}\n"                            \
	"steps:\n"

/* @key of the packets of @way of @node's wire. */
static json_int_t packets(const struct boxlab *b, const char *node, const char *way,
			  const char *key)
{
	const json_t *wire;
	size_t i;

	json_array_foreach(json_object_get(b->results, "wires"), i, wire)
	{
		const json_t *of = json_object_get(json_object_get(wire, way), "packets");

		if (strcmp(boxlab_text(wire, "node"), node) != 0)
			continue;
		cr_assert(json_is_object(of), "%s was not counted", node);
		return json_integer_value(json_object_get(of, key));
	}
	cr_assert(false, "no wire of %s", node);
	return -1;
}

static double value(const struct boxlab *b, const char *step, const char *label)
{
	const json_t *values = json_object_get(boxlab_step(b, step), "values");

	return json_number_value(json_object_get(json_object_get(values, label), "value"));
}

Test(wires, delay_and_are_reported)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - name: round trips\n" SERVE RUN
			     "    values: {median: {at: /median_us, unit: us}}\n"
			     "    moved: {sent: /sent_bytes, received: /received_bytes}\n"
			     "    expect: {path: direct}\n");
	boxlab_expect(&b, 0, "pass");
	cr_expect(strstr(b.ended.out, "topology: 2 machines, 1 NAT, 3 wires\n"), "%s", b.ended.out);
	boxlab_expect_step(&b, "self-check", "pass", NULL);
	/* 20 ms of the NAT's, and twice 5 to 15 ms of the machine's. */
	cr_expect_geq(value(&b, "round trips", "median"), 30000);
	cr_expect_lt(value(&b, "round trips", "median"), 1000000);
	cr_expect_geq(packets(&b, "a", "up", "passed"), 10);
	cr_expect_geq(packets(&b, "a", "up", "passed_bytes"), 10240);
	cr_expect_eq(packets(&b, "a", "up", "lost"), 0);
	boxlab_close(&b);
}

/* One datagram at a time, each answered or given up: the same packets in every run. */
#define LOSSY(seed)                                                                \
	"name: test\n"                                                             \
	"seed: " seed "\n"                                                         \
	"nodes:\n"                                                                 \
	"  pub: {role: host}\n"                                                    \
	"  a: {role: host, nat: {preset: linux, link: {loss: 30%}}}\n"             \
	"steps:\n"                                                                 \
	"  - name: datagrams\n"                                                    \
	"    run: {node: a, command: [bash, -c, 'for ((i = 0; i < 300; i++)); do " \
	"echo $i >/dev/udp/pub/9; done']}\n"

static json_int_t lost_by(const char *scenario)
{
	static struct boxlab b;
	json_int_t lost;

	boxlab_try(&b, scenario);
	boxlab_expect(&b, 0, "pass");
	cr_expect_eq(packets(&b, "a-nat", "up", "taken"), 300);
	cr_expect_eq(packets(&b, "a-nat", "up", "missed"), 0);
	lost = packets(&b, "a-nat", "up", "lost");
	boxlab_close(&b);
	return lost;
}

Test(wires, lose_the_same_by_the_same_seed_though_nats_were_measured)
{
	json_int_t lost = lost_by(LOSSY("7"));

	cr_expect(lost > 0 && lost < 300);
	cr_expect_eq(lost_by(LOSSY("7")), lost);
	cr_expect_eq(lost_by("check_nats: off\n" LOSSY("7")), lost);
	cr_expect_neq(lost_by(LOSSY("8")), lost);
}

Test(wires, are_clean_while_nats_are_measured)
{
	static struct boxlab b;

	boxlab_try(&b, "name: test\n"
		       "nodes:\n"
		       "  pub: {role: host, link: {delay: 10s}}\n"
		       "  a: {role: host, nat: {preset: linux, link: {loss: 100%}}}\n"
		       "steps:\n"
		       "  - name: nobody answers\n"
		       "    run: {node: a, command: timeout 0.3 pingpong pub 7100}\n"
		       "    expect: {exit: nonzero}\n");
	boxlab_expect(&b, 0, "pass");
	boxlab_expect_step(&b, "self-check", "pass", NULL);
	cr_expect_gt(packets(&b, "a-nat", "up", "lost"), 0);
	cr_expect_eq(packets(&b, "a-nat", "up", "passed"), 0);
	boxlab_close(&b);
}

static const json_t *fault(const struct boxlab *b, size_t i)
{
	const json_t *faults = json_object_get(b->results, "faults");

	cr_assert_lt(i, json_array_size(faults), "%s", b->ended.out);
	return json_array_get(faults, i);
}

Test(wires, change_while_a_step_runs_and_back_at_its_end)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - name: cut\n"
			     "    timeout: 700ms\n"
			     "    wire: {change: a-nat, loss: 100%}\n" SERVE RUN
			     "  - name: mended\n" SERVE RUN "  - name: cut on the way\n"
			     "    timeout: 1s\n"
			     "    wire: {change: a, up: {loss: 100%}, at: 100ms}\n" SERVE
			     "    run: {node: a, command: pingpong --rounds 100000 pub 7100}\n"
			     "  - name: slower for good\n"
			     "    wire: {change: pub, delay: 100ms, keep: on}\n"
			     "  - name: slow\n" SERVE RUN
			     "    values: {median: {at: /median_us, unit: us}}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "cut", "fail", "pingpong still ran");
	boxlab_expect_step(&b, "mended", "pass", NULL);
	boxlab_expect_step(&b, "cut on the way", "fail", "pingpong still ran");
	boxlab_expect_step(&b, "slow", "pass", NULL);
	cr_expect_geq(value(&b, "slow", "median"), 230000);
	cr_expect_str_eq(boxlab_text(fault(&b, 0), "wire"), "a-nat");
	cr_expect_str_eq(boxlab_text(fault(&b, 0), "what"), "loss 100%");
	cr_expect(json_is_null(json_object_get(fault(&b, 0), "nat")));
	cr_expect(json_is_number(json_object_get(fault(&b, 0), "undone_s")));
	cr_expect_str_eq(boxlab_text(fault(&b, 1), "what"), "up.loss 100%");
	cr_expect(json_is_number(json_object_get(fault(&b, 1), "at_s")));
	cr_expect(json_is_number(json_object_get(fault(&b, 2), "at_s")));
	cr_expect(json_is_null(json_object_get(fault(&b, 2), "undone_s")));
	boxlab_close(&b);
}

/* The child of @parent called @name, any if NULL; 0 if there is none. */
static pid_t child_of(pid_t parent, const char *name)
{
	char path[64], comm[32] = "";
	pid_t found = 0;
	int child;
	FILE *f, *g;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	f = fopen(path, "re");
	cr_assert(f, "%s", path);
	while (!found && fscanf(f, "%d", &child) == 1) {
		(void)snprintf(path, sizeof(path), "/proc/%d/comm", child);
		g = fopen(path, "re");
		if (!g)
			continue;
		if (fscanf(g, "%31s", comm) == 1 && (!name || strcmp(comm, name) == 0))
			found = child;
		(void)fclose(g);
	}
	(void)fclose(f);
	return found;
}

Test(wires, end_and_that_is_noticed)
{
	static struct boxlab b;
	cleanup_close int out = -1;
	char line[256];
	pid_t pid, wires;

	boxlab_open(&b, WORLD "  - name: long\n"
			      "    run: {node: pub, command: sleep 1000}\n"
			      "  - name: later\n"
			      "    run: {node: pub, command: \"true\"}\n");
	pid = boxlab_start(&b, &out);
	cr_assert(wait_line(out, line, sizeof(line)) && strstr(line, "topology"), "%s", line);
	cr_assert(wait_line(out, line, sizeof(line)) && strstr(line, "self-check"), "%s", line);
	wires = child_of(child_of(pid, NULL), "boxlab-wires");
	cr_assert_gt(wires, 0, "nobody carries the wires");
	cr_assert_eq(kill(wires, SIGKILL), 0);
	b.ended.code = wait_code(pid);
	boxlab_load(&b);
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "long", "fail", "the wires have ended");
	boxlab_expect_step(&b, "later", "skip", "the run ended before it");
	boxlab_close(&b);
}

static bool is_alive(pid_t pid)
{
	return kill(pid, 0) == 0;
}

Test(wires, go_with_the_lab)
{
	static struct boxlab b;
	cleanup_close int out = -1;
	char line[256];
	pid_t pid, pid1, wires;

	boxlab_open(&b, WORLD "  - {name: long, run: {node: pub, command: sleep 1000}}\n");
	pid = boxlab_start(&b, &out);
	cr_assert(wait_line(out, line, sizeof(line)) && strstr(line, "topology"), "%s", line);
	pid1 = child_of(pid, NULL);
	wires = child_of(pid1, "boxlab-wires");
	cr_assert_gt(wires, 0, "nobody carries the wires");
	cr_assert_eq(kill(pid1, SIGKILL), 0);
	(void)wait_code(pid);
	/* The kernel ends all of a pid namespace before its first process is reaped. */
	cr_expect_not(is_alive(wires));
	boxlab_close(&b);
}

Test(wires, are_there_when_a_lab_is_up)
{
	static struct boxlab b;
	char file[PATH_MAX], id[128];

	boxlab_open(&b, WORLD "  - {name: never, run: {node: a, command: \"true\"}}\n");
	(void)strcpy(file, boxlab_path(&b, "scenario.yaml"));
	(void)strcpy(id, helper_id());
	COMMAND(&b.ended, helper_path("boxlab"), "up", "--detach", "--id", id, file);
	cr_assert_eq(b.ended.code, 0, "%s", b.ended.out);
	COMMAND(&b.ended, helper_path("boxlab"), "exec", id, "a", "bash", "-c",
		"s=${EPOCHREALTIME/./}; ! : 2>/dev/null >/dev/tcp/pub/1; "
		"echo took $((${EPOCHREALTIME/./} - s)) us");
	cr_expect_eq(b.ended.code, 0, "%s", b.ended.out);
	/* Refused after one round trip. */
	cr_expect_geq(strtol(b.ended.out + strlen("took "), NULL, 10), 30000, "%s", b.ended.out);
	COMMAND(&b.ended, helper_path("boxlab"), "down", id);
	cr_expect_eq(b.ended.code, 0, "%s", b.ended.out);
	COMMAND(&b.ended, helper_path("boxlab"), "ls");
	cr_expect_null(strstr(b.ended.out, id), "%s", b.ended.out);
	boxlab_close(&b);
}
