/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boxlab matrix as a whole: techniques between NATs, for real. */
#include "tests/lab/boxlab.h"
#include "tests/support/jsonschema.h"
#include "tests/support/nsprobe.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

TestSuite(matrix, .init = need_labs);

/** struct use - one use of boxlab matrix; the scenario of @b is not looked at */
struct use {
	struct boxlab b;
	json_t *matrix;
};

static json_t *load(const struct boxlab *b, const char *name)
{
	char file[64];
	json_t *schema = json_load_file(SOURCE_DIR "/docs/matrix.schema.json", 0, NULL);
	json_t *document;
	struct error err;

	(void)snprintf(file, sizeof(file), "%s/matrix.json", name);
	document = json_load_file(boxlab_path(b, file), 0, NULL);
	cr_assert(schema && document, "no %s:\n%s", file, b->ended.out);
	cr_assert_eq(jsonschema_check(schema, document, &err), 0, "%s", err.text);
	json_decref(schema);
	return document;
}

static void run_to(struct boxlab *b, const char *name, const char *const *options)
{
	char boxlab[PATH_MAX], out[PATH_MAX];
	const char *argv[32] = {boxlab, "matrix", "--out", out};
	size_t n = 4;

	(void)strcpy(boxlab, helper_path("boxlab"));
	(void)strcpy(out, boxlab_path(b, name));
	while (*options && n < 31)
		argv[n++] = *options++;
	command_run(&b->ended, argv);
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void use(struct use *u, const char *const *options)
{
	boxlab_open(&u->b, "name: unused\n");
	run_to(&u->b, "out", options);
	u->matrix = load(&u->b, "out");
}

static void leave(struct use *u)
{
	json_decref(u->matrix);
	boxlab_close(&u->b);
}

static const json_t *cell_of(const json_t *matrix, const char *technique, const char *from,
			     const char *to)
{
	const json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(matrix, "cells"), i,
			   cell) if (strcmp(boxlab_text(cell, "technique"), technique) == 0 &&
				     strcmp(boxlab_text(cell, "from"), from) == 0 &&
				     strcmp(boxlab_text(cell, "to"), to) == 0) return cell;
	cr_assert_fail("no cell %s, %s to %s", technique, from, to);
	return NULL;
}

/* Its last trial. */
static const json_t *trial_of(const json_t *cell)
{
	const json_t *trials = json_object_get(cell, "trials");

	cr_assert_gt(json_array_size(trials), 0);
	return json_array_get(trials, json_array_size(trials) - 1);
}

static void expect_reason(const json_t *cell, const char *text)
{
	const char *reason = boxlab_text(trial_of(cell), "reason");

	cr_expect(strstr(reason, text), "\"%s\" does not say \"%s\"", reason, text);
}

Test(matrix, agrees_with_theory)
{
	static struct use u;
	const json_t *trial, *proof, *nat;

	use(&u, OPTIONS("--nats", "lambda,linux,symmetric,none"));
	expect(&u.b.ended, 0, "64 cells in ");
	expect(&u.b.ended, 0, "4 NATs behave as declared\n");
	cr_expect_eq(json_array_size(json_object_get(u.matrix, "cells")), 64);
	nat = json_array_get(json_object_get(u.matrix, "nats"), 3);
	cr_expect_str_eq(
		boxlab_text(json_object_get(json_object_get(nat, "measured"), "udp"), "mapping"),
		"none");
	trial = trial_of(cell_of(u.matrix, "tcp-parallel", "lambda", "linux"));
	cr_expect_str_eq(boxlab_text(trial, "result"), "direct");
	cr_expect_str_eq(boxlab_text(trial, "who_accepted"), "simultaneous");
	cr_expect_eq(json_integer_value(json_object_get(trial, "sent")), 8192);
	proof = json_object_get(trial, "proof");
	cr_expect_str_eq(boxlab_text(proof, "reason"), "through caller-nat and listener-nat");
	cr_expect_eq(json_array_size(json_object_get(proof, "nats")), 2);
	trial = trial_of(cell_of(u.matrix, "tcp-sequential", "linux", "lambda"));
	cr_expect_str_eq(boxlab_text(trial, "who_accepted"), "listen");
	trial = trial_of(cell_of(u.matrix, "tcp-sequential-keep", "linux", "linux"));
	cr_expect_str_eq(boxlab_text(trial, "who_accepted"), "simultaneous");
	trial = trial_of(cell_of(u.matrix, "udp", "linux", "symmetric"));
	cr_expect_str_eq(boxlab_text(trial, "result"), "failed");
	cr_expect_eq(access(boxlab_path(&u.b, "out/matrix.html"), F_OK), 0);
	leave(&u);
}

/* Each of these has a sentence of theory's to itself. */
Test(matrix, agrees_with_theory_on_nats_that_are_no_presets)
{
	static struct use u;

	use(&u,
	    OPTIONS("--nat", "open=full-cone,mapping=apdm,allocation=random", "--nat",
		    "no-sim=lambda,simultaneous_open=no", "--nat", "icmp=lambda,unsolicited=icmp",
		    "--nat", "address=symmetric,mapping=adm,filtering=adf", "--nat",
		    "rst=restricted-cone,unsolicited=rst", "--gap", "0"));
	expect(&u.b.ended, 0, "100 cells in ");
	cr_expect_str_eq(boxlab_text(trial_of(cell_of(u.matrix, "udp", "icmp", "open")), "result"),
			 "direct");
	leave(&u);
}

Test(matrix, shows_what_depends_on_timing_at_two_gaps)
{
	static struct use u;
	const json_t *cell, *trials;

	use(&u, OPTIONS("--nats", "lambda,linux", "--technique", "tcp-sequential", "--select",
			"theory=timing"));
	expect(&u.b.ended, 0, "2 timing");
	cell = cell_of(u.matrix, "tcp-sequential", "lambda", "linux");
	cr_expect_str_eq(boxlab_text(cell, "status"), "timing");
	trials = json_object_get(cell, "trials");
	cr_assert_eq(json_array_size(trials), 2);
	cr_expect_eq(json_integer_value(json_object_get(json_array_get(trials, 1), "gap_ms")), 10);
	/* Ten milliseconds later the listener's numbers are surely out of the window. */
	cr_expect_str_eq(boxlab_text(json_array_get(trials, 1), "result"), "failed");
	leave(&u);
}

/* What there is to say of every cell but for times, one line each. */
static char *essence(const json_t *matrix, char *text, size_t size)
{
	const json_t *cell;
	size_t i, len = 0;

	*text = '\0';
	json_array_foreach(json_object_get(matrix, "cells"), i, cell) len += (size_t)snprintf(
		text + len, size - len, "%s %s %s %s %s\n", boxlab_text(cell, "technique"),
		boxlab_text(cell, "from"), boxlab_text(cell, "to"), boxlab_text(cell, "status"),
		boxlab_text(trial_of(cell), "result"));
	return text;
}

Test(matrix, says_the_same_with_many_jobs_and_in_shards)
{
	static struct boxlab b;
	static const char *const names[] = {"many", "one", "first", "second"};
	static const char *const how[][2] = {
		{"--jobs", "16"}, {"--jobs", "1"}, {"--shard", "1/2"}, {"--shard", "2/2"}};
	static char texts[4][4096];

	boxlab_open(&b, "name: unused\n");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		json_t *matrix;

		run_to(&b, names[i],
		       OPTIONS("--nats", "lambda,symmetric,none", "--technique", "tcp-parallel",
			       "--deadline", "500", how[i][0], how[i][1]));
		cr_expect_eq(b.ended.code, 0, "%s", b.ended.out);
		matrix = load(&b, names[i]);
		(void)essence(matrix, texts[i], sizeof(texts[i]));
		json_decref(matrix);
	}
	cr_expect_str_eq(texts[0], texts[1]);
	/* The shards take turns. */
	cr_expect_eq(strlen(texts[2]) + strlen(texts[3]), strlen(texts[0]));
	for (char *line = strtok(texts[0], "\n"); line; line = strtok(NULL, "\n"))
		cr_expect(!strstr(texts[2], line) != !strstr(texts[3], line), "%s", line);
	boxlab_close(&b);
}

Test(matrix, does_not_believe_a_technique_that_lies)
{
	static struct use u;

	use(&u, OPTIONS("--nats", "lambda", "--technique",
			"liar=sh -c 'echo \"{\\\"sent\\\": 9000, \\\"received\\\": 9000}\"'",
			"--technique", "mute=true", "--technique", "udp=true"));
	/* Theory knows "udp", whoever does it. */
	expect(&u.b.ended, 1, "differs: udp, lambda to lambda");
	expect_reason(cell_of(u.matrix, "liar", "lambda", "lambda"),
		      "the programs say that it worked, but: ");
	expect_reason(cell_of(u.matrix, "liar", "lambda", "lambda"), "holds no connection");
	expect_reason(cell_of(u.matrix, "mute", "lambda", "lambda"),
		      "does not say that it moved anything");
	cr_expect_str_eq(boxlab_text(cell_of(u.matrix, "liar", "lambda", "lambda"), "status"),
			 "unpredicted");
	leave(&u);
}

Test(matrix, ends_a_technique_that_hangs)
{
	static struct use u;

	use(&u, OPTIONS("--nats", "lambda", "--deadline", "200", "--technique",
			"hang=sh -c 'trap \"\" TERM INT; sleep 1000'"));
	expect(&u.b.ended, 0, "hang, lambda to lambda: caller still ran after its deadline");
	expect_reason(cell_of(u.matrix, "hang", "lambda", "lambda"),
		      "still ran after its deadline");
	leave(&u);
}

/* It says nothing of NATs. */
Test(matrix, does_not_take_a_missing_program_for_a_nat)
{
	static struct use u;

	use(&u, OPTIONS("--nats", "lambda", "--technique", "missing=no-such-program"));
	expect(&u.b.ended, 3, "1 error");
	expect_reason(cell_of(u.matrix, "missing", "lambda", "lambda"), "could not be executed");
	leave(&u);
}

/* What natprobe prints is one of the grid's, and so is a pair. */
Test(matrix, knows_nats_that_are_no_presets)
{
	static const char measured[] = "{\"mapping\": \"adm\", \"allocation\": \"random\"}";
	static struct use u;
	char file[PATH_MAX], nats[PATH_MAX + 64];

	boxlab_open(&u.b, "name: unused\n");
	(void)snprintf(file, sizeof(file), "%s", boxlab_path(&u.b, "home.json"));
	helper_write_file(file, measured);
	(void)snprintf(nats, sizeof(nats), "mine,apdm-eif,%s", file);
	run_to(&u.b, "out",
	       OPTIONS("--nat", "mine=lambda,filtering=adf", "--nats", nats, "--technique", "udp"));
	u.matrix = load(&u.b, "out");
	expect(&u.b.ended, 0, "9 agrees");
	cr_expect(cell_of(u.matrix, "udp", "home", "apdm-eif"));
	leave(&u);
}

/* ---- Boxer ---- */

static const char *strategy_of(const json_t *matrix, const char *from, const char *to)
{
	return boxlab_text(trial_of(cell_of(matrix, "boxer", from, to)), "strategy");
}

Test(matrix, boxer_connects_ordinary_programs)
{
	static const char *const programs[] = {"boxer", "boxer=plain --nonblocking"};
	static struct use u;
	const json_t *trial;

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		use(&u, OPTIONS("--technique", programs[i], "--nats", "lambda,none"));
		expect(&u.b.ended, 0, "4 agrees");
		cr_expect_str_eq(strategy_of(u.matrix, "lambda", "none"), "direct");
		cr_expect_str_eq(strategy_of(u.matrix, "none", "none"), "direct");
		trial = trial_of(cell_of(u.matrix, "boxer", "lambda", "lambda"));
		cr_expect_str_eq(boxlab_text(trial, "strategy_reason"), "none");
		cr_expect(json_is_real(json_object_get(trial, "strategy_ms")));
		cr_expect_eq(json_integer_value(json_object_get(trial, "received")), 32768);
		cr_expect_str_eq(boxlab_text(json_object_get(trial, "proof"), "reason"),
				 "through caller-nat and listener-nat");
		leave(&u);
	}
}

Test(matrix, boxer_says_why_there_is_no_connection)
{
	static struct use u;
	const json_t *cell;

	use(&u, OPTIONS("--technique", "boxer", "--nats", "symmetric"));
	expect(&u.b.ended, 0, "1 agrees");
	cell = cell_of(u.matrix, "boxer", "symmetric", "symmetric");
	cr_expect_str_eq(boxlab_text(trial_of(cell), "result"), "failed");
	cr_expect_str_neq(boxlab_text(trial_of(cell), "strategy_reason"), "");
	expect_reason(cell, "(Boxer: ");
	leave(&u);
}

/* Theory says that there is no way; but whoever hangs has not found that out. */
Test(matrix, boxer_must_give_up_by_itself)
{
	static struct outcome o;
	static struct use u;

	use(&u, OPTIONS("--deadline", "300", "--nats", "symmetric", "--technique",
			"boxer=sh -c 'test $BOXLAB_ROLE = listen && exec plain; exec sleep 1000'"));
	expect(&u.b.ended, 1, "differs: boxer, symmetric to symmetric");
	expect_reason(cell_of(u.matrix, "boxer", "symmetric", "symmetric"),
		      "still ran after its deadline");
	/* Whoever looks into it finds what the nodes have told. */
	COMMAND(&o, "grep", "-A3", "\"node\": \"listener\"", boxlab_path(&u.b, "out/boxer.jsonl"));
	expect(&o, 0, "\"event\": \"joined\"");
	leave(&u);
}

Test(matrix, counts_repetitions)
{
	static struct use u;
	const json_t *cell;

	use(&u, OPTIONS("--technique", "boxer", "--nats", "lambda", "--repeat", "3"));
	expect(&u.b.ended, 0, "every cell 3 times");
	cell = cell_of(u.matrix, "boxer", "lambda", "lambda");
	cr_expect_eq(json_integer_value(json_object_get(cell, "made")), 3);
	cr_expect_eq(json_integer_value(json_object_get(cell, "as_expected")), 3);
	leave(&u);
	use(&u, OPTIONS("--technique", "udp=false", "--nats", "lambda", "--repeat", "3"));
	expect(&u.b.ended, 1, "0/3!");
	leave(&u);
}

Test(matrix, two_functions_behind_one_nat_go_the_private_way)
{
	static struct use u;

	use(&u, OPTIONS("--technique", "boxer", "--shape", "shared", "--nats", "linux,none"));
	expect(&u.b.ended, 0, "2 agrees");
	cr_expect_str_eq(strategy_of(u.matrix, "linux", "linux"), "private");
	cr_expect_str_eq(boxlab_text(u.matrix, "shape"), "shared");
	leave(&u);
}

Test(matrix, a_carrier_is_as_strict_as_theory_says)
{
	static struct use u;

	use(&u, OPTIONS("--shape", "double", "--carrier", "cgnat-blocks", "--nats",
			"lambda,symmetric,none", "--gap", "0"));
	expect(&u.b.ended, 0, "each NAT is behind a carrier's: cgnat-blocks");
	cr_expect_str_eq(boxlab_text(u.matrix, "carrier"), "cgnat-blocks");
	cr_expect_eq(json_array_size(json_object_get(u.matrix, "nats")), 4);
	cr_expect_str_eq(
		boxlab_text(json_object_get(trial_of(cell_of(u.matrix, "udp", "lambda", "none")),
					    "proof"),
			    "reason"),
		"through caller-nat, caller-carrier and listener-carrier");
	leave(&u);
}

/* The example of the documentation, held against theory. */
Test(matrix, the_puncher_of_the_documentation_works)
{
	static struct outcome o;
	static struct boxlab b;
	char command[2 * PATH_MAX];

	COMMAND(&o, "python3", "-c", "0");
	if (o.code)
		cr_skip_test("there is no python3 here");
	boxlab_open(&b, "name: unused\n");
	(void)snprintf(command, sizeof(command),
		       "cp '%s/scenarios/punch/puncher.py' '%s' && cd '%s' && '%s' matrix --nats "
		       "lambda,linux,symmetric,none --technique "
		       "tcp-parallel='python3 puncher.py' --out out",
		       SOURCE_DIR, b.dir, b.dir, helper_path("boxlab"));
	COMMAND(&o, "sh", "-c", command);
	expect(&o, 0, "16 agrees");
	boxlab_close(&b);
}

Test(matrix, explains_its_command_line)
{
	static const struct {
		const char *options[5];
		const char *words;
	} wrong[] = {
		{{"--nats", "lambda,mars"}, "\"mars\" is neither a preset nor a file"},
		{{"--gap", "2000"}, "a gap of 2000 ms leaves nothing of a deadline of 2000 ms"},
		{{"--technique", "magic"}, "there is no technique \"magic\""},
		{{"--technique", "my=a | b"}, "the command of \"my\": "},
		{{"--select", "to.colour=red"}, "KEY=VALUE or KEY!=VALUE is expected"},
		{{"--select", "from=mars"}, "\"mars\" is none of lambda, "},
		{{"--nats", "lambda", "--select", "theory=fails"}, "no cell is left"},
		{{"--shard", "3/2"}, "\"3/2\" is no K/N"},
		{{"--shape", "round"}, "\"round\" is none of apart, shared, double, crowd"},
		{{"--shape", "crowd"}, "only the technique boxer can be a crowd"},
		{{"--carrier", "linux"}, "only the shape double has one"},
		{{"--shape", "double", "--carrier", "mars"}, "\"mars\" is no NAT"},
		{{"--relay"}, "only the technique boxer can"},
		{{"--repeat", "0"}, "\"0\" is no number from 1 to"},
		{{"--jobs", "0"}, "\"0\" is no number from 1 to"},
		{{"--gap", "soon"}, "\"soon\" is no number from 0 to"},
		{{"--deadline", "-5"}, "\"-5\" is no number from 1 to"},
		{{"everything"}, "usage: boxlab matrix"},
	};
	static struct boxlab b;

	boxlab_open(&b, "name: unused\n");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		run_to(&b, "out", wrong[i].options);
		expect(&b.ended, 2, wrong[i].words);
	}
	boxlab_close(&b);
}

/* ---- its end ---- */

/** struct ending - boxlab gets @signal in the middle; in a user namespace of its own */
struct ending {
	const char *boxlab, *out;
	int signal;
};

static bool is_sleep(pid_t pid, const char *how_long)
{
	char path[64], line[128] = "";
	size_t len;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	len = fread(line, 1, sizeof(line) - 1, f);
	(void)fclose(f);
	return len > 6 && strcmp(line, "sleep") == 0 && strcmp(line + 6, how_long) == 0;
}

/* Does "sleep HOW_LONG" run, anywhere below @pid? */
static bool sleeps_below(pid_t pid, const char *how_long)
{
	char path[64];
	bool found = is_sleep(pid, how_long);
	int child;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	while (f && !found && fscanf(f, "%d", &child) == 1)
		found = sleeps_below(child, how_long);
	if (f)
		(void)fclose(f);
	return found;
}

static size_t n_children(pid_t pid, pid_t *ret_first)
{
	char path[64];
	int child;
	size_t n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &child) == 1)
		if (n++ == 0)
			*ret_first = child;
	if (f)
		(void)fclose(f);
	return n;
}

/* The long trial is under way yet; the short one has been, and has ended, so that it is
 * pid 1's child no more. Return: is it so, in time? */
static bool in_the_middle(pid_t boxlab)
{
	bool began = false;
	pid_t pid1, trial;

	for (int i = 0; i < 30000; i++) {
		began |= sleeps_below(boxlab, "0.3");
		if (began && n_children(boxlab, &pid1) && n_children(pid1, &trial) == 1 &&
		    sleeps_below(trial, "1000"))
			return true;
		(void)poll(NULL, 0, 1);
	}
	return false;
}

static int end_in_the_middle(void *arg)
{
	const struct ending *e = arg;
	char left[256];
	int status;
	pid_t pid;

	if (nsprobe_enter() < 0)
		return 99;
	pid = fork();
	if (pid == 0) {
		(void)execl(e->boxlab, e->boxlab, "matrix", "--nats", "lambda", "--technique",
			    "short=sleep 0.3", "--technique", "long=sleep 1000", "--deadline",
			    "60000", "--jobs", "2", "--out", e->out, NULL);
		_exit(98);
	}
	if (!in_the_middle(pid))
		(void)printf("it never was in the middle\n");
	(void)kill(pid, e->signal);
	if (waitpid(pid, &status, 0) != pid)
		return 97;
	if (nsprobe_none_left(20000, left, sizeof(left)) < 0) {
		(void)printf("it left: %s\n", left);
		return 96;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void end_by(struct boxlab *b, int signal)
{
	char boxlab[PATH_MAX], out[PATH_MAX];
	struct ending e = {.boxlab = boxlab, .out = out, .signal = signal};

	boxlab_open(b, "name: unused\n");
	(void)strcpy(boxlab, helper_path("boxlab"));
	(void)strcpy(out, boxlab_path(b, "out"));
	child_run(&b->ended, end_in_the_middle, &e);
}

Test(matrix, writes_what_is_known_when_it_is_interrupted)
{
	static struct use u;

	end_by(&u.b, SIGINT);
	expect(&u.b.ended, 130, "ended by the user");
	u.matrix = load(&u.b, "out");
	cr_expect(json_is_false(json_object_get(u.matrix, "complete")));
	cr_expect_str_eq(boxlab_text(cell_of(u.matrix, "short", "lambda", "lambda"), "status"),
			 "unpredicted");
	cr_expect_str_eq(boxlab_text(cell_of(u.matrix, "long", "lambda", "lambda"), "status"),
			 "not run");
	leave(&u);
}

Test(matrix, leaves_nothing_behind_when_it_is_killed)
{
	static struct boxlab b;

	end_by(&b, SIGKILL);
	expect(&b.ended, 128 + SIGKILL, "");
	boxlab_close(&b);
}
