/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is too large for this machine or this user is refused before anything is
 * built; what just fits works.
 */
#include "tests/lab/boxlab.h"

#include "base/cleanup.h"
#include "tests/support/nsprobe.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(limits, .init = need_labs);

/* 332 namespaces: the public side's, 150 NATs', 180 machines', that of who helps to measure
 * them; and the lab's own. Files:
 * 64 of the lab's own, those namespaces, two for each NAT and each machine, and three
 * for the step's program. */
#define MANY                                            \
	"name: many\n"                                  \
	"nodes:\n"                                      \
	"  fn: {role: host, count: 150, nat: lambda}\n" \
	"  h: {role: host, count: 30}\n"                \
	"steps:\n"                                      \
	"  - name: a function has 1024 all the same\n"  \
	"    run: {node: fn0, command: [sh, -c, 'test $(ulimit -Sn).$(ulimit -Hn) = 1024.1024']}\n"
#define MANY_FILES "1059"
#define MANY_NETNS 333

/* With prlimit's @limit. */
static void run_limited(struct boxlab *b, const char *limit)
{
	char scenario[128], out[128];

	(void)snprintf(scenario, sizeof(scenario), "%s", boxlab_path(b, "scenario.yaml"));
	(void)snprintf(out, sizeof(out), "%s", boxlab_path(b, "out"));
	COMMAND(&b->ended, "prlimit", limit, helper_path("boxlab"), "run", scenario, "--out", out);
	boxlab_load(b);
}

/* Exit code 3, with @words, and no step was begun. */
static void expect_refused_early(struct boxlab *b, const char *words)
{
	boxlab_expect(b, 3, "skip");
	cr_expect(strstr(b->ended.out, words), "%s", b->ended.out);
	cr_expect(strstr(boxlab_text(b->results, "reason"), words), "%s",
		  boxlab_text(b->results, "reason"));
	cr_expect_eq(json_array_size(json_object_get(b->results, "steps")), 0);
}

Test(limits, too_many_open_files_are_refused_before_anything_is_built)
{
	static struct boxlab b;

	boxlab_open(&b, MANY);
	run_limited(&b, "--nofile=1024:1058");
	expect_refused_early(&b, "needs " MANY_FILES " open files, and RLIMIT_NOFILE allows 1058");
	cr_expect(strstr(b.ended.out, "ulimit -n " MANY_FILES), "%s", b.ended.out);
	boxlab_close(&b);
}

Test(limits, the_open_files_that_are_needed_are_enough_and_are_taken)
{
	static struct boxlab b;

	boxlab_open(&b, MANY);
	run_limited(&b, "--nofile=256:" MANY_FILES);
	boxlab_expect(&b, 0, "pass");
	boxlab_close(&b);
}

Test(limits, too_many_processes_are_refused)
{
	static struct boxlab b;

	boxlab_open(&b, MANY);
	run_limited(&b, "--nproc=100");
	expect_refused_early(&b, "processes, and RLIMIT_NPROC allows 100");
	boxlab_close(&b);
}

Test(limits, an_up_that_is_too_large_is_refused)
{
	static struct boxlab b;

	boxlab_open(&b, MANY);
	COMMAND(&b.ended, "prlimit", "--nofile=1058", helper_path("boxlab"), "up",
		boxlab_path(&b, "scenario.yaml"), "--detach");
	expect(&b.ended, 3, "needs " MANY_FILES " open files");
	boxlab_close(&b);
}

static int run_within(void *arg)
{
	struct boxlab *b = arg;
	int r = nsprobe_enter();

	if (r < 0 || (r = nsprobe_limit("net", b->ended.code)) < 0) {
		(void)printf("cannot limit: %s\n", strerror(-r));
		return 1;
	}
	(void)execl(helper_path("boxlab"), "boxlab", "up", boxlab_path(b, "scenario.yaml"), NULL);
	return 1;
}

Test(limits, too_many_namespaces_are_refused)
{
	static struct outcome o;
	static struct boxlab b;

	boxlab_open(&b, MANY);
	b.ended.code = MANY_NETNS - 1;
	child_run(&o, run_within, &b);
	expect(&o, 3, "needs 333 network namespaces, and user.max_net_namespaces allows 332");
	boxlab_close(&b);
}
