/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boxlab as a whole: how it is used wrongly, how it ends, and what is left then.
 */
#include "tests/lab/boxlab.h"

#include "base/cleanup.h"
#include "tests/support/nsprobe.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

TestSuite(ends, .init = need_labs);

#define LONG                                                                     \
	"name: test\n"                                                           \
	"nats:\n"                                                                \
	"  office: {preset: lambda}\n"                                           \
	"nodes:\n"                                                               \
	"  pub: {role: host}\n"                                                  \
	"  fwd: {role: host, nat: {preset: lambda, forwards: [{port: 7100}]}}\n" \
	"  o1: {role: host, behind: office}\n"                                   \
	"  o2: {role: host, behind: office}\n"                                   \
	"steps:\n"                                                               \
	"  - name: long\n"                                                       \
	"    serve: {node: fwd, command: pingpong --serve 7100, port: 7100}\n"   \
	"    run: {node: pub, command: sleep 1000}\n"                            \
	"  - name: later\n"                                                      \
	"    run: {node: pub, command: \"true\"}\n"

/* ---- wrong use ---- */

Test(ends, tells_all_errors_of_a_scenario_and_builds_nothing)
{
	static struct boxlab b;

	boxlab_try(&b, "name: wrong\n"
		       "nodes:\n"
		       "  a: {role: hots}\n"
		       "  b: {role: host, nat: lambada}\n"
		       "steps:\n"
		       "  - name: s\n"
		       "    run: {node: c, command: \"true\"}\n"
		       "    timeout: soon\n");
	cr_expect_eq(b.ended.code, 2, "%s", b.ended.out);
	cr_expect(strstr(b.ended.out, "scenario.yaml:3:"), "%s", b.ended.out);
	cr_expect(strstr(b.ended.out, "scenario.yaml:4:"), "%s", b.ended.out);
	cr_expect(strstr(b.ended.out, "scenario.yaml:7:"), "%s", b.ended.out);
	cr_expect(strstr(b.ended.out, "scenario.yaml:8:"), "%s", b.ended.out);
	cr_expect_null(strstr(b.ended.out, "topology"), "%s", b.ended.out);
	cr_expect_eq(access(boxlab_path(&b, "out"), F_OK), -1, "no directory for results either");
	boxlab_close(&b);
}

Test(ends, does_not_mix_the_results_of_two_runs)
{
	static struct boxlab b;

	boxlab_try(&b, "name: first\n"
		       "nodes: {a: {role: host}}\n"
		       "steps: [{name: s, run: {node: a, command: \"true\"}}]\n");
	boxlab_expect(&b, 0, "pass");
	json_decref(take_ptr(b.results));
	boxlab_run(&b);
	cr_expect_eq(b.ended.code, 2);
	cr_expect(strstr(b.ended.out, "/out: Directory not empty"), "%s", b.ended.out);
	boxlab_close(&b);
}

Test(ends, refuses_a_directory_without_a_name)
{
	static struct outcome o;

	COMMAND(&o, helper_path("boxlab"), "run", SOURCE_DIR "/scenarios/quickstart.yaml", "--out",
		"");
	expect(&o, 2, "boxlab: --out: no directory is named\n");
}

Test(ends, explains_its_command_line)
{
	static const char *const verbs[] = {"run", "up", "plan"};
	static struct outcome o;
	char boxlab[PATH_MAX];

	(void)strcpy(boxlab, helper_path("boxlab"));
	COMMAND(&o, boxlab);
	expect(&o, 2, "usage: boxlab VERB");
	COMMAND(&o, boxlab, "--help");
	expect(&o, 0, "\n  doctor ");
	COMMAND(&o, boxlab, "--version");
	expect(&o, 0, "boxlab " BOXER_VERSION "\n");
	COMMAND(&o, boxlab, "fly");
	expect(&o, 2, "boxlab: there is no verb \"fly\"");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		COMMAND(&o, boxlab, verbs[i], "--help");
		expect(&o, 0, "usage: boxlab ");
		COMMAND(&o, boxlab, verbs[i]);
		expect(&o, 2, "usage: boxlab ");
		COMMAND(&o, boxlab, verbs[i], "--no-such-option", "x");
		expect(&o, 2, "unrecognized option");
		COMMAND(&o, boxlab, verbs[i], "/no/such/file");
		expect(&o, 2, "boxlab: /no/such/file: No such file or directory");
	}
}

/* ---- full disks ---- */

/* A run whose results go to a file system of its own, with room for @blocks of 4 KiB. */
static void run_on_little_room(struct outcome *o, const char *scenario, unsigned blocks)
{
	static struct boxlab b;
	char size[32];

	boxlab_open(&b, scenario);
	(void)snprintf(size, sizeof(size), "nr_blocks=%u", blocks);
	COMMAND(o, "unshare", "-rm", "sh", "-c",
		"mkdir \"$1/out\" && mount -t tmpfs -o \"$2\" small \"$1/out\" &&"
		"chmod 777 \"$1/out\" && \"$0\" run \"$1/scenario.yaml\" --out \"$1/out\" 2>&1;"
		"code=$?; ls \"$1/out\"; exit $code",
		helper_path("boxlab"), b.dir, size);
	boxlab_close(&b);
}

/* What can't be kept is the lab's trouble, and no program's. */
Test(ends, blames_a_full_disk_for_what_it_loses)
{
	static struct outcome o;

	run_on_little_room(&o,
			   "name: full\n"
			   "nodes: {a: {role: host}}\n"
			   "steps:\n"
			   "  - name: much\n"
			   "    run: {node: a, command: [sh, -c, \"head -c 99999 /dev/zero; :\"]}\n"
			   "  - name: lost\n"
			   "    run: {node: a, command: [sh, -c, \"echo '{}'; :\"]}\n"
			   "    values: {n: /n}\n",
			   8);
	expect(&o, 3, "no output of programs can be kept: No space left on device");
	cr_expect(strstr(o.out, "cannot write the result: results.json: No space left on device\n"),
		  "%s", o.out);
	cr_expect_null(strstr(o.out, "printed nothing"), "%s", o.out);
	cr_expect_null(strstr(o.out, "results in"), "%s", o.out);
	cr_expect_null(strstr(o.out, "\nresults.json"), "%s", o.out);
}

Test(ends, has_not_passed_when_the_result_cannot_be_written)
{
	static struct outcome o;

	run_on_little_room(
		&o,
		"name: full\n"
		"nodes: {a: {role: host}}\n"
		"steps:\n"
		"  - name: much\n"
		"    run: {node: a, command: [sh, -c, \"head -c 99999 /dev/zero; :\"]}\n",
		8);
	expect(&o, 3, "cannot write the result: results.json: No space left on device\n");
}

/* ---- ends ---- */

/* Its first lines say that the topology is there; then the long step begins. */
static void wait_until_built(int out)
{
	char line[256];

	cr_assert(wait_line(out, line, sizeof(line)));
	cr_assert(strstr(line, "topology"), "%s", line);
	cr_assert(wait_line(out, line, sizeof(line)));
	cr_assert(strstr(line, "self-check"), "%s", line);
}

Test(ends, ends_cleanly_when_it_is_interrupted)
{
	static struct boxlab b;
	cleanup_close int out = -1;
	pid_t pid;

	boxlab_open(&b, LONG);
	pid = boxlab_start(&b, &out);
	wait_until_built(out);
	cr_assert_eq(kill(pid, SIGINT), 0);
	b.ended.code = wait_code(pid);
	boxlab_load(&b);
	boxlab_expect(&b, 130, "error");
	cr_expect_str_eq(boxlab_text(b.results, "reason"), "ended by the user");
	boxlab_expect_step(&b, "long", "error", "ended by the user");
	boxlab_expect_step(&b, "later", "skip", "the run ended before it");
	boxlab_close(&b);
}

/* Its only child. */
static pid_t pid1_of(pid_t boxlab)
{
	char path[64];
	int child = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)boxlab, (int)boxlab);
	f = fopen(path, "re");
	cr_assert(f && fscanf(f, "%d", &child) == 1, "%s", path);
	(void)fclose(f);
	return child;
}

Test(ends, writes_a_result_even_when_the_lab_is_killed)
{
	static struct boxlab b;
	cleanup_close int out = -1;
	pid_t pid;

	boxlab_open(&b, LONG);
	pid = boxlab_start(&b, &out);
	wait_until_built(out);
	cr_assert_eq(kill(pid1_of(pid), SIGKILL), 0);
	b.ended.code = wait_code(pid);
	boxlab_load(&b);
	boxlab_expect(&b, 3, "error");
	cr_expect_str_eq(boxlab_text(b.results, "reason"), "the lab was killed by signal 9");
	boxlab_close(&b);
}

/* Where there is no room for a lab, it says so and leaves a result all the same. */
static int run_without_room(void *arg)
{
	const char *const *argv = arg;
	int r = nsprobe_enter();

	if (!r)
		r = nsprobe_limit("net", 0);
	if (r < 0) {
		(void)printf("no probe: %s\n", strerror(-r));
		return 99;
	}
	(void)execl(argv[0], argv[0], "run", argv[1], "--out", argv[2], NULL);
	return 98;
}

Test(ends, writes_a_result_when_this_machine_cannot)
{
	static struct boxlab b;
	char boxlab[PATH_MAX], file[PATH_MAX], out[PATH_MAX];

	boxlab_open(&b, LONG);
	(void)strcpy(boxlab, helper_path("boxlab"));
	(void)strcpy(file, boxlab_path(&b, "scenario.yaml"));
	(void)strcpy(out, boxlab_path(&b, "out"));
	child_run(&b.ended, run_without_room, (const char *[]){boxlab, file, out});
	boxlab_load(&b);
	boxlab_expect(&b, 3, "skip");
	cr_expect_neq(boxlab_text(b.results, "reason")[0], '\0');
	boxlab_close(&b);
}

/* ---- what is left after kill -9 ---- */

/**
 * struct murder - boxlab is killed again and again, each time @step_ms later
 * @dir: with scenario.yaml; results go to 0, 1, ...
 */
struct murder {
	const char *boxlab, *dir;
	unsigned times;
	unsigned step_ms;
};

static pid_t start_victim(const struct murder *m, unsigned i)
{
	char file[PATH_MAX], out[PATH_MAX];
	pid_t pid = fork();
	int null;

	if (pid != 0)
		return pid;
	(void)snprintf(file, sizeof(file), "%s/scenario.yaml", m->dir);
	(void)snprintf(out, sizeof(out), "%s/%u", m->dir, i);
	null = open("/dev/null", O_WRONLY);
	if (dup2(null, STDOUT_FILENO) >= 0)
		(void)execl(m->boxlab, m->boxlab, "run", file, "--out", out, NULL);
	_exit(98);
}

/* In a child with one thread, in a user namespace of its own. */
static int kill_again_and_again(void *arg)
{
	const struct murder *m = arg;
	char left[256];
	int status;
	int r = nsprobe_enter();

	if (r < 0) {
		(void)printf("no probe: %s\n", strerror(-r));
		return 99;
	}
	for (unsigned i = 0; i < m->times; i++) {
		pid_t pid = start_victim(m, i);

		(void)poll(NULL, 0, (int)(i * m->step_ms));
		(void)kill(pid, SIGKILL);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status)) {
			(void)printf("it ended too early\n");
			return 97;
		}
		if (nsprobe_none_left(20000, left, sizeof(left)) < 0) {
			(void)printf("killed after %u ms, it left: %s\n", i * m->step_ms, left);
			return 1;
		}
	}
	return 0;
}

/* While it builds, while the server starts, and in the middle of a step. */
Test(ends, leaves_nothing_behind_when_it_is_killed)
{
	static struct boxlab b;
	char boxlab[PATH_MAX];
	struct murder m = {.boxlab = boxlab, .times = test_count(12), .step_ms = 5};

	boxlab_open(&b, LONG);
	(void)strcpy(boxlab, helper_path("boxlab"));
	m.dir = b.dir;
	child_run(&b.ended, kill_again_and_again, &m);
	cr_expect_eq(b.ended.code, 0, "%s", b.ended.out);
	boxlab_close(&b);
}

/* ---- up ---- */

Test(ends, comes_back_from_up_with_the_id_of_a_lab_that_stays)
{
	static struct boxlab b;
	static struct outcome o;
	char boxlab[PATH_MAX], file[PATH_MAX], id[32], line[40];

	boxlab_open(&b, LONG);
	(void)strcpy(boxlab, helper_path("boxlab"));
	(void)strcpy(file, boxlab_path(&b, "scenario.yaml"));
	(void)strcpy(id, helper_id());
	(void)snprintf(line, sizeof(line), "%s\n", id);
	COMMAND(&o, boxlab, "up", "--detach", "--id", id, file);
	cr_expect_eq(o.code, 0);
	cr_expect_str_eq(o.out, line);
	COMMAND(&o, boxlab, "up", "--detach", "--id", id, file);
	cr_expect_eq(o.code, 2, "two labs of one id: %s", o.out);
	cr_expect(strstr(o.out, id), "%s", o.out);
	COMMAND(&o, boxlab, "exec", id, "fwd", "hostname");
	expect(&o, 0, "fwd\n");
	COMMAND(&o, boxlab, "exec", id, "fwd", "getent", "hosts", "o2");
	expect(&o, 0, "203.1.0.1");
	COMMAND(&o, boxlab, "down", id);
	expect(&o, 0, "");
	COMMAND(&o, boxlab, "exec", id, "fwd", "hostname");
	expect(&o, 2, "");
	boxlab_close(&b);
}

Test(ends, says_by_up_what_is_wrong_before_it_comes_back)
{
	static struct boxlab b;
	static struct outcome o;
	char boxlab[PATH_MAX];

	boxlab_open(&b, "name: wrong\nnodes: {}\n");
	(void)strcpy(boxlab, helper_path("boxlab"));
	COMMAND(&o, boxlab, "up", "--detach", boxlab_path(&b, "scenario.yaml"));
	expect(&o, 2, "scenario.yaml:2:");
	boxlab_close(&b);
}
