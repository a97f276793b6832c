/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A run begins with steps of its own: the topology (namespaces, links, NATs and
 * sandboxes), the self-check (is every NAT as declared?) and the cluster (the seed, then all functions at once, until
 * every one has joined). The scenario's steps follow. A failed step does not keep
 * the next one from being tried, unless the world is broken: a Boxer process has
 * died, the lab itself failed, or the user wants it to end. What is not tried is
 * reported as skipped.
 *
 * Whatever happens, a result is written.
 */
#include "lab/run.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/expect.h"
#include "lab/human.h"
#include "lab/result.h"
#include "lab/run/carrier.h"
#include "lab/run/console.h"
#include "lab/run/leak.h"
#include "lab/run/member.h"
#include "lab/run/selfcheck.h"
#include "lab/run/step.h"
#include "lab/run/world.h"

#include <stdio.h>
#include <string.h>

/* How long the seed may take to listen, and all functions to join it. */
#define SEED_NS	    (10 * NS_PER_S)
#define JOIN_NS	    (20 * NS_PER_S)
#define PER_JOIN_NS (50 * NS_PER_MS)

/**
 * struct run - a run under way
 * @broken: nothing more can be tried
 */
struct run {
	const struct run_options *options;
	const struct plan *plan;
	struct console console;
	struct result *result;
	struct world world;
	bool broken;
};

/* ---- the lab's own steps ---- */

static const char *plural(size_t n, const char *noun, char buf[static 32])
{
	if (n)
		(void)snprintf(buf, 32, "%zu %s%s", n, noun, n > 1 ? "s" : "");
	else
		(void)snprintf(buf, 32, "no %s", noun);
	return buf;
}

/* @detail: what there is to say when it has passed. */
static void own_step(struct run *run, const char *name, const char *detail,
		     int (*body)(struct world *world, struct error *err))
{
	struct world *world = &run->world;
	struct result_step *step = result_add_step(run->result, name, clock_now());
	struct error err = {0};
	enum verdict verdict;
	int r;

	world->title = step->name;
	world->title_since = clock_now();
	r = body(world, &err);
	verdict = world_verdict(world, r, &err);
	result_end_step(run->result, step, verdict, r < 0 ? err.text : NULL, clock_now());
	if (verdict == VERDICT_PASS)
		(void)snprintf(step->detail, sizeof(step->detail), "%s", detail);
	console_step(&run->console, step);
	run->broken = verdict != VERDICT_PASS;
}

static bool seed_listens(void *arg)
{
	const struct world *world = arg;

	return member_is_up(world->machines[world->plan->seed].member);
}

static bool all_joined(void *arg)
{
	const struct world *world = arg;

	return world->n_up == world->n_members;
}

static int late_joiner(const struct world *world, uint64_t limit_ns, struct error *err)
{
	char limit[HUMAN_TEXT_MAX];
	size_t late = 0, first = 0;

	for (size_t i = world->plan->n_nodes; i-- > 0;) {
		const struct member *member = world->machines[i].member;

		if (member && member_takes_part(member) && !member_is_up(member)) {
			late++;
			first = i;
		}
	}
	(void)human_format((double)limit_ns, "ns", limit);
	if (late > 1)
		return error_set(err, EXPECT_UNMET,
				 "%s and %zu others had not joined the seed after %s",
				 world->plan->nodes[first].name, late - 1, limit);
	return error_set(err, EXPECT_UNMET, "%s had not joined the seed after %s",
			 world->plan->nodes[first].name, limit);
}

static int start_functions(struct world *world, struct error *err)
{
	uint64_t limit = JOIN_NS + world->plan->n_functions * PER_JOIN_NS;
	int r = 0;

	for (size_t i = 0; r == 0 && i < world->plan->n_nodes; i++)
		if (world->plan->nodes[i].from->role == ROLE_FUNCTION &&
		    !world->plan->nodes[i].from->later)
			r = member_start(&world->machines[i], err);
	if (!r)
		r = world_wait(world, &(struct wait){.done = all_joined,
						     .arg = world,
						     .deadline = clock_now() + limit});
	return r == -ETIMEDOUT ? late_joiner(world, limit, err) : r;
}

static int start_cluster(struct world *world, struct error *err)
{
	char limit[HUMAN_TEXT_MAX];
	int r = member_start(&world->machines[world->plan->seed], err);

	if (!r)
		r = world_wait(world, &(struct wait){.done = seed_listens,
						     .arg = world,
						     .deadline = clock_now() + SEED_NS});
	if (r == -ETIMEDOUT)
		return error_set(err, EXPECT_UNMET, "the seed did not listen after %s",
				 human_format((double)SEED_NS, "ns", limit));
	return r < 0 ? r : start_functions(world, err);
}

static int build(struct world *world, struct error *err)
{
	int r = world_build(world, err);

	return r || world->plan->checks_nats ? r : world_watch(world, err);
}

static int check_nats(struct world *world, struct error *err)
{
	int r = selfcheck(world, err);

	return r ? r : world_watch(world, err);
}

/* Functions that join before the first step. */
static size_t n_starting(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_nodes; i++)
		n += plan->nodes[i].from->role == ROLE_FUNCTION && !plan->nodes[i].from->later;
	return n;
}

static void begin(struct run *run)
{
	const struct plan *plan = run->plan;
	char name[RESULT_NAME_MAX + 32];
	char a[32], b[32], c[32];

	/* Whoever reads the report must know when its programs had the machine's own uids. */
	(void)snprintf(
		name, sizeof(name), "topology: %s, %s%s%s%s", plural(plan->n_nodes, "machine", a),
		plural(plan->n_nats, "NAT", b), plan->n_wires ? ", " : "",
		plan->n_wires ? plural(plan->n_wires, "wire", c) : "",
		run->result->uids ? "" : ", without a user namespace: the kernel refuses it");
	own_step(run, name, "", build);
	if (!run->broken && plan->checks_nats) {
		(void)snprintf(name, sizeof(name), "%s behave%s as declared",
			       plural(plan->n_nats, "NAT", b), plan->n_nats > 1 ? "" : "s");
		own_step(run, "self-check", name, check_nats);
	}
	if (run->broken || plan->seed == PLAN_NONE)
		return;
	(void)snprintf(name, sizeof(name), "cluster: the seed and %s",
		       plural(n_starting(plan), "function", a));
	own_step(run, name, "", start_cluster);
}

/* ---- the scenario's steps ---- */

static void do_steps(struct run *run)
{
	const struct scenario *scenario = run->plan->scenario;

	for (size_t i = 0; i < scenario->n_steps; i++) {
		struct result_step *step =
			result_add_step(run->result, scenario->steps[i].name, clock_now());

		if (run->broken) {
			result_end_step(run->result, step, VERDICT_SKIP, "the run ended before it",
					clock_now());
		} else {
			run->world.title = step->name;
			run->world.title_since = clock_now();
			step_do(&run->world, &scenario->steps[i], i + 1, step);
		}
		console_step(&run->console, step);
		run->broken |= run->world.trouble.code || step->status == VERDICT_ERROR;
	}
}

/* What no step is to blame for. */
static void blame(struct run *run, enum verdict verdict, const struct error *err)
{
	if (*run->result->reason)
		return;
	run->result->verdict = verdict;
	(void)snprintf(run->result->reason, sizeof(run->result->reason), "%s", err->text);
}

static void check_leak(struct run *run)
{
	uint64_t packets;
	struct error err;
	int r;

	if (!run->world.topo)
		return;
	r = leak_check(run->world.topo, run->plan, &packets, &err);
	if (r < 0)
		blame(run, r == -EXPECT_UNMET ? VERDICT_FAIL : VERDICT_ERROR, &err);
}

/* A Boxer process that died while no step was waiting for anything. */
static void check_trouble(struct run *run)
{
	for (size_t i = 0; i < run->result->n_steps; i++)
		if (run->result->steps[i].status > VERDICT_SKIP)
			return;
	if (run->world.trouble.code)
		blame(run, VERDICT_FAIL, &run->world.trouble);
}

/* Its steps say so, too, but whoever reads only the verdict wants to know. */
static void check_ending(struct run *run)
{
	struct error err;

	if (!run->broken || !world_ending(&run->world))
		return;
	(void)error_set(&err, ECANCELED, "ended by the user");
	blame(run, VERDICT_ERROR, &err);
}

/* ---- the ends ---- */

static bool write_result(struct run *run)
{
	struct error err;
	cleanup_close int fd = lab_create_file(run->world.lab, RUN_RESULT_PART, &err);

	if (fd >= 0 && result_write(run->result, fd, &err) == 0)
		return true;
	(void)fprintf(stderr, "boxlab: cannot write the result: %s\n", err.text);
	return false;
}

/* @written: a run without a result is none, however it went. */
static enum run_exit exit_code(const struct run *run, bool written)
{
	if (!written)
		return world_ending(&run->world) ? RUN_ENDED : RUN_UNABLE;
	switch (run->result->verdict) {
	case VERDICT_PASS:
		return RUN_PASSED;
	case VERDICT_FAIL:
		return RUN_FAILED;
	case VERDICT_SKIP:
	case VERDICT_ERROR:
		break;
	}
	return world_ending(&run->world) ? RUN_ENDED : RUN_UNABLE;
}

static int start_run(struct run *run, struct lab *lab, const struct run_options *options)
{
	struct error err;

	*run = (struct run){.options = options, .plan = options->plan};
	console_init(&run->console, options->quiet, options->verbose);
	run->result = result_new(options->plan, clock_now());
	if (!run->result) {
		(void)fprintf(stderr, "boxlab: %s\n", strerror(ENOMEM));
		return -ENOMEM;
	}
	(void)snprintf(run->result->id, sizeof(run->result->id), "%s", lab_id(lab));
	run->result->uids = lab_uids(lab);
	if (world_init(&run->world, lab, options->plan, &run->console, run->result, &err) < 0) {
		(void)fprintf(stderr, "boxlab: %s\n", err.text);
		return -err.code;
	}
	return 0;
}

static void end_run(struct run *run)
{
	world_close(&run->world);
	result_free(run->result);
}

int run_scenario(struct lab *lab, void *arg)
{
	enum run_exit code = RUN_UNABLE;
	struct run run;
	bool written;

	if (start_run(&run, lab, arg) == 0) {
		begin(&run);
		do_steps(&run);
		check_leak(&run);
		check_trouble(&run);
		carrier_count(&run.world);
		check_ending(&run);
		result_conclude(run.result, clock_now());
		written = write_result(&run);
		console_verdict(&run.console, run.result);
		code = exit_code(&run, written);
	}
	end_run(&run);
	return code;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static void say_ready(const struct run *run)
{
	int fd = run->options->ready_fd;

	if (fd < 0) {
		(void)printf("%s\n", run->result->id);
		(void)fflush(stdout);
		return;
	}
	(void)dprintf(fd, "%s\n", run->result->id);
	(void)close(fd);
}

/* Until the user has had enough; what dies meanwhile is only told of. */
static void stay_up(struct run *run)
{
	struct world *world = &run->world;
	int r;

	world->title = NULL;
	do {
		r = world_wait(world, &(struct wait){.done = never, .deadline = UINT64_MAX});
		if (r == -ECHILD)
			(void)fprintf(stderr, "boxlab: %s\n", world->trouble.text);
		world->trouble = (struct error){0};
	} while (r != -ECANCELED);
}

int run_up(struct lab *lab, void *arg)
{
	enum run_exit code = RUN_UNABLE;
	struct run run;

	if (start_run(&run, lab, arg) == 0) {
		run.console.quiet = true;
		begin(&run);
		result_conclude(run.result, clock_now());
		code = exit_code(&run, true);
		if (run.broken) {
			const struct result_step *last =
				&run.result->steps[run.result->n_steps - 1];

			(void)fprintf(stderr, "boxlab: %s: %s\n", last->name, last->reason);
		} else {
			say_ready(&run);
			stay_up(&run);
		}
	}
	end_run(&run);
	return code;
}
