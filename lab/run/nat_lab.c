/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/nat_lab.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/plan.h"
#include "lab/run.h"
#include "lab/run/nat_report.h"
#include "lab/run/natcheck.h"

#include <ev.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* A full probe is some threads that wait, and bursts of a hundred flows. */
#define AT_A_TIME 6

/** struct subject - a NAT and its topology */
struct subject {
	struct scenario scenario;
	struct scenario_nat entry;
	struct plan *plan;
	struct topo *topo;
};

/** struct probing - all of them */
struct probing {
	struct lab *lab;
	const struct nat_lab_probe *order;
	struct ev_loop *loop;
	struct ev_io lab_io;
	struct subject *subjects;
	struct natcheck_reflector *reflectors;
	struct natcheck_target *targets;
	struct natcheck *check;
};

/* ---- one topology ---- */

static int build(struct subject *subject, const struct nat_named *nat, struct error *err)
{
	static char name[] = "nat";
	int r;

	subject->entry = (struct scenario_nat){.name = name, .nat = nat->nat};
	subject->scenario = (struct scenario){
		.name = name, .check_nats = true, .nats = &subject->entry, .n_nats = 1};
	r = plan_make(&subject->scenario, &subject->plan, err);
	if (r == 0 && !subject->plan->n_nats)
		r = error_set(err, EINVAL, "nothing is translated");
	if (r == 0)
		r = topo_apply(&subject->plan->spec, &subject->topo, err);
	return r < 0 ? error_wrap(err, "%s", nat->name) : 0;
}

static void drop_subject(struct subject *subject)
{
	topo_free(subject->topo);
	plan_free(subject->plan);
}

/* ---- measuring ---- */

static void on_lab(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct probing *p = io->data;
	cleanup_close int client = lab_next_client(p->lab);

	/* Whoever knocks finds nobody: there is nothing to visit. */
	(void)loop;
	(void)revents;
}

static void describe(struct probing *p, size_t i)
{
	const struct plan *plan = p->subjects[i].plan;
	const struct plan_probe *probe = &plan->nats[0].probe;
	const struct plan_reflector *reflector = &plan->reflectors[probe->reflector];
	struct topo *topo = p->subjects[i].topo;

	p->reflectors[i].netns = topo_netns(topo, reflector->topo);
	(void)memcpy(p->reflectors[i].addrs, reflector->addrs, sizeof(reflector->addrs));
	p->targets[i] = (struct natcheck_target){
		.name = p->order->nats[i].name,
		.declared = &plan->nats[0].nat,
		.netns = topo_netns(topo, probe->topo),
		.local = probe->inside,
		.second = probe->second,
		.reflector = i,
	};
}

static int begin(struct probing *p, struct error *err)
{
	const struct nat_lab_probe *order = p->order;
	const struct natcheck_options options = {.lifetime_s = order->lifetime_s,
						 .at_a_time = AT_A_TIME};
	size_t n = order->n_nats;
	int r = 0;

	p->loop = ev_loop_new(EVFLAG_AUTO);
	p->subjects = calloc(n, sizeof(*p->subjects));
	p->reflectors = calloc(n, sizeof(*p->reflectors));
	p->targets = calloc(n, sizeof(*p->targets));
	if (!p->loop || !p->subjects || !p->reflectors || !p->targets)
		return error_sys(err, ENOMEM, "the NATs");
	ev_io_init(&p->lab_io, on_lab, lab_fd(p->lab), EV_READ);
	p->lab_io.data = p;
	ev_io_start(p->loop, &p->lab_io);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = build(&p->subjects[i], &order->nats[i], err);
		if (r == 0)
			describe(p, i);
	}
	if (r == 0)
		r = natcheck_start(p->loop, &options, p->reflectors, n, p->targets, n, &p->check,
				   err);
	return r;
}

/* In their order, each as soon as it and all before it are known. */
static void watch(struct probing *p, struct nat_report *report)
{
	size_t next = 0;

	while (next < p->order->n_nats && !lab_ending(p->lab)) {
		for (; next < p->order->n_nats && p->targets[next].done; next++)
			nat_report_add(report, &p->targets[next]);
		nat_report_progress(report, p->order->n_nats - natcheck_left(p->check));
		if (next < p->order->n_nats)
			(void)ev_run(p->loop, EVRUN_ONCE);
	}
}

static void end(struct probing *p)
{
	natcheck_free(p->check);
	for (size_t i = 0; p->subjects && i < p->order->n_nats; i++)
		drop_subject(&p->subjects[i]);
	if (p->loop)
		ev_loop_destroy(p->loop);
	free(p->subjects);
	free(p->reflectors);
	free(p->targets);
}

int nat_lab_probe(struct lab *lab, void *arg)
{
	const struct nat_lab_probe *order = arg;
	struct probing p = {.lab = lab, .order = order};
	struct nat_report report;
	struct error err;
	int code;

	nat_report_begin(&report, order->n_nats, order->json, order->summary);
	if (begin(&p, &err) < 0) {
		(void)fprintf(stderr, "boxlab: %s\n", err.text);
		code = err.code == EINVAL ? RUN_MISUSED : RUN_UNABLE;
		nat_report_drop(&report);
	} else {
		watch(&p, &report);
		code = lab_ending(lab) ? RUN_ENDED : nat_report_end(&report);
		nat_report_drop(&report);
	}
	end(&p);
	return code;
}

/* ---- rules ---- */

static void __attribute__((noreturn)) list_rules(int netns)
{
	if (setns(netns, CLONE_NEWNET) == 0) {
		(void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			     1);
		(void)execlp("nft", "nft", "list", "ruleset", NULL);
	}
	_exit(errno == ENOENT ? 127 : 126);
}

int nat_lab_rules(struct lab *lab, void *arg)
{
	const struct nat_named *nat = arg;
	cleanup_with(drop_subject) struct subject subject = {0};
	struct error err;
	int status;
	pid_t pid;

	(void)lab;
	if (build(&subject, nat, &err) < 0) {
		(void)fprintf(stderr, "boxlab: %s\n", err.text);
		return err.code == EINVAL ? RUN_MISUSED : RUN_UNABLE;
	}
	pid = fork();
	if (pid == 0)
		list_rules(topo_netns(subject.topo, subject.plan->nats[0].topo));
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		(void)fprintf(stderr, "boxlab: nft: %s\n", strerror(errno));
		return RUN_UNABLE;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return RUN_PASSED;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		(void)fprintf(stderr, "boxlab: there is no nft here to show them: it comes with "
				      "the package nftables\n");
	else
		(void)fprintf(stderr, "boxlab: nft could not show them\n");
	return RUN_UNABLE;
}
