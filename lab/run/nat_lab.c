/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/nat_lab.h"

#include "base/cleanup.h"
#include "lab/expect.h"
#include "lab/output.h"
#include "lab/run.h"
#include "lab/run/nat_report.h"
#include "lab/run/scratch.h"
#include "lab/run/survey.h"
#include "topo/topo.h"

#include <ev.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* ---- measuring ---- */

/** struct probing - all of them */
struct probing {
	struct lab *lab;
	const struct nat_lab_probe *order;
	struct ev_loop *loop;
	struct ev_io lab_io;
	struct survey_nat *nats;
	struct survey *survey;
};

static void on_lab(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct probing *p = io->data;
	cleanup_close int client = lab_next_client(p->lab);

	/* Whoever knocks finds nobody: there is nothing to visit. */
	(void)loop;
	(void)revents;
}

static int begin(struct probing *p, struct error *err)
{
	const struct nat_lab_probe *order = p->order;

	p->loop = ev_loop_new(EVFLAG_AUTO);
	p->nats = calloc(order->n_nats, sizeof(*p->nats));
	if (!p->loop || !p->nats)
		return error_sys(err, ENOMEM, "the NATs");
	ev_io_init(&p->lab_io, on_lab, lab_fd(p->lab), EV_READ);
	p->lab_io.data = p;
	ev_io_start(p->loop, &p->lab_io);
	for (size_t i = 0; i < order->n_nats; i++)
		p->nats[i] = (struct survey_nat){order->nats[i].name, &order->nats[i].nat};
	return survey_start(p->loop, p->nats, order->n_nats, order->lifetime_s, &p->survey, err);
}

/* In their order, each as soon as it and all before it are known. */
static void watch(struct probing *p, struct nat_report *report)
{
	const struct natcheck_target *targets = survey_targets(p->survey);
	size_t next = 0;

	while (next < p->order->n_nats && !lab_ending(p->lab)) {
		for (; next < p->order->n_nats && targets[next].done; next++)
			nat_report_add(report, &targets[next]);
		nat_report_progress(report, p->order->n_nats - survey_left(p->survey));
		if (next < p->order->n_nats)
			(void)ev_run(p->loop, EVRUN_ONCE);
	}
}

static void end(struct probing *p)
{
	survey_free(p->survey);
	if (p->loop)
		ev_loop_destroy(p->loop);
	free(p->nats);
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
		code = lab_ending(lab) ? RUN_ENDED : output_finish(nat_report_end(&report));
		if (code == RUN_PASSED && survey_check_leaks(p.survey, &err) < 0) {
			(void)fprintf(stderr, "boxlab: %s\n", err.text);
			code = err.code == EXPECT_UNMET ? RUN_FAILED : RUN_UNABLE;
		}
		nat_report_drop(&report);
	}
	end(&p);
	return code;
}

/* ---- rules ---- */

static int build(struct scratch *scratch, const struct nat_named *nat, struct error *err)
{
	if (!nat_translates(&nat->nat))
		return error_set(err, EINVAL, "%s: nothing is translated", nat->name);
	return scratch_build(scratch, nat->name, &nat->nat, false, err);
}

/* nft does not say when it could not write, so that another must. */
static void __attribute__((noreturn)) list_rules(int netns, int out)
{
	if (setns(netns, CLONE_NEWNET) == 0 && dup2(out, STDOUT_FILENO) >= 0) {
		(void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			     1);
		(void)execlp("nft", "nft", "list", "ruleset", NULL);
	}
	_exit(errno == ENOENT ? 127 : 126);
}

static void copy_to_stdout(int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			(void)fwrite(buf, 1, (size_t)n, stdout);
}

/* Return: nft's status as of waitpid(), or -errno. */
static int run_nft(int netns)
{
	int fds[2];
	int status = 0, r = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		list_rules(netns, fds[1]);
	if (pid < 0)
		r = -errno;
	(void)close(fds[1]);
	if (pid > 0) {
		copy_to_stdout(fds[0]);
		r = waitpid(pid, &status, 0) < 0 ? -errno : status;
	}
	(void)close(fds[0]);
	return r;
}

int nat_lab_rules(struct lab *lab, void *arg)
{
	const struct nat_named *nat = arg;
	cleanup_with(scratch_drop) struct scratch scratch = {0};
	struct error err;
	int status;

	(void)lab;
	if (build(&scratch, nat, &err) < 0) {
		(void)fprintf(stderr, "boxlab: %s\n", err.text);
		return err.code == EINVAL ? RUN_MISUSED : RUN_UNABLE;
	}
	status = run_nft(topo_netns(scratch.topo, scratch.plan->nats[0].topo));
	if (status == 0)
		return output_finish(RUN_PASSED);
	if (status < 0)
		(void)fprintf(stderr, "boxlab: nft: %s\n", strerror(-status));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		(void)fprintf(stderr, "boxlab: there is no nft here to show them: it comes with "
				      "the package nftables\n");
	else
		(void)fprintf(stderr, "boxlab: nft could not show them\n");
	return RUN_UNABLE;
}
