/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What came of a step, held against what its scenario expects. -EXPECT_UNMET means
 * that an expectation was not met.
 */
#include "lab/run/doing.h"

#include "base/cleanup.h"
#include "lab/expect.h"
#include "lab/human.h"

#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/** struct numbers - what the first program of "run" says in its output */
struct numbers {
	json_t *document;
	uint64_t sent, received;
};

static void drop_numbers(struct numbers *numbers)
{
	json_decref(numbers->document);
}

static int judge_exits(struct doing *d, struct error *err)
{
	for (size_t i = d->n_serve; i < d->n_jobs; i++) {
		struct error how;

		if (expect_exit(d->step->exit, &d->jobs[i].program.end, &how) < 0)
			return job_failed(&d->jobs[i], how.text, err);
	}
	return 0;
}

static const struct plan_nat *dropper(const struct doing *d)
{
	const struct plan *plan = d->world->plan;

	return &plan->nats[plan_find(plan, d->step->dropped_by)->nat];
}

static int read_dropped(const struct doing *d, uint64_t *ret_packets, struct error *err)
{
	uint64_t bytes;

	return topo_counter(d->world->topo, dropper(d)->topo, TOPO_COUNTER_UNSOLICITED, ret_packets,
			    &bytes, err);
}

static int judge_dropped(struct doing *d, struct error *err)
{
	uint64_t n = d->dropped_after - d->dropped;
	int r;

	if (!d->step->dropped_by)
		return 0;
	/* All servers were seen listening, or the step would have ended there. */
	r = expect_dropped(dropper(d)->name, d->dropped, d->dropped_after, d->n_serve > 0, err);
	if (r == 0)
		doing_detail(d, "%s dropped %" PRIu64 " packet%s", dropper(d)->name, n,
			     n == 1 ? "" : "s");
	return r;
}

/* The first program of "run". */
static const struct job *speaker(const struct doing *d)
{
	return &d->jobs[d->n_serve];
}

static int read_document(const struct doing *d, json_t **ret_document, struct error *err)
{
	const struct job *job = speaker(d);
	cleanup_free char *text = NULL;
	size_t len;
	int r = program_output(&job->program, &text, &len, err);

	if (!r)
		r = expect_document(text, len, ret_document, err);
	if (r == -EINVAL)
		err->code = EXPECT_UNMET;
	return r < 0 ? error_wrap(err, "%s: %s", job->from->node, job_name(job)) : 0;
}

static int read_number(const struct doing *d, const struct numbers *numbers,
		       const struct scenario_value *from, double *ret_value, struct error *err)
{
	const struct job *job = speaker(d);
	const char *excuse;
	struct error why;

	if (expect_number(numbers->document, from->pointer, ret_value, &why) == 0)
		return 0;
	/* Many programs say in their JSON why there is no number, as iperf3 does. */
	excuse = json_string_value(json_object_get(numbers->document, "error"));
	return error_set(err, EXPECT_UNMET, "%s of %s: %s: %s%s%s", from->label, job->from->node,
			 job_name(job), why.text, excuse ? ": " : "", excuse ? excuse : "");
}

static int read_values(struct doing *d, const struct numbers *numbers, struct error *err)
{
	bool several = d->step->n_values > 1;

	for (size_t i = 0; i < d->step->n_values; i++) {
		const struct scenario_value *from = &d->step->values[i];
		struct result_value value = {.label = from->label, .unit = from->unit};
		char text[HUMAN_TEXT_MAX];
		int r = read_number(d, numbers, from, &value.value, err);

		if (r < 0)
			return r;
		if (result_add_value(d->result, &value) < 0)
			return error_sys(err, ENOMEM, "%s", from->label);
		doing_detail(d, "%s%s%s", several ? from->label : "", several ? " " : "",
			     human_format(value.value, value.unit, text));
	}
	return 0;
}

static int read_moved(struct doing *d, struct numbers *numbers, struct error *err)
{
	for (size_t i = 0; i < d->step->n_moved; i++) {
		const struct scenario_value *from = &d->step->moved[i];
		double value;
		int r = read_number(d, numbers, from, &value, err);

		if (r < 0)
			return r;
		if (value < 0 || value >= (double)INT64_MAX)
			return error_set(err, EXPECT_UNMET, "%s of %s: %g is no number of bytes",
					 from->label, speaker(d)->from->node, value);
		if (strcmp(from->label, "received") == 0)
			numbers->received = (uint64_t)value;
		else
			numbers->sent = (uint64_t)value;
	}
	return 0;
}

static int judge_numbers(struct doing *d, struct numbers *numbers, struct error *err)
{
	int r;

	if (!d->step->n_values && !d->step->n_moved)
		return 0;
	r = read_document(d, &numbers->document, err);
	if (!r)
		r = read_values(d, numbers, err);
	return r ? r : read_moved(d, numbers, err);
}

static int judge_path(struct doing *d, const struct numbers *numbers, struct error *err)
{
	struct world *world = d->world;
	struct result_path *path;
	char moved[HUMAN_TEXT_MAX];
	int r;

	if (d->step->path != PATH_DIRECT)
		return 0;
	path = result_add_path(world->result);
	if (!path)
		return error_sys(err, ENOMEM, "the path");
	*path = (struct result_path){
		.step = (size_t)(d->result - world->result->steps),
		.from = d->evidence.from->name,
		.to = d->evidence.to->name,
		.port = d->step->serve[0].port,
		.strategy = "none",
		.sent = numbers->sent,
		.received = numbers->received,
	};
	if (*world->contact.strategy)
		(void)strcpy(path->strategy, world->contact.strategy);
	r = evidence_judge(&d->evidence, path->sent, path->received, &path->proof);
	if (r < 0)
		return error_sys(err, -r, "the path");
	if (path->proof.kind != PROOF_DIRECT)
		return error_set(err, EXPECT_UNMET, "not proven to be direct: %s",
				 path->proof.reason);
	if (*world->contact.strategy)
		doing_detail(d, "direct %s (%s)", path->proof.reason, path->strategy);
	else
		doing_detail(d, "direct %s", path->proof.reason);
	doing_detail(d, "%s", human_format((double)(path->sent + path->received), "B", moved));
	return 0;
}

int judge_begin(struct doing *d, struct error *err)
{
	int r = 0;

	if (d->step->dropped_by)
		r = read_dropped(d, &d->dropped, err);
	if (r == 0 && d->step->path == PATH_DIRECT)
		r = evidence_begin(&d->evidence, d->world, d->step, err);
	if (d->n_serve && d->n_serve < d->n_jobs && d->step->proto != IPPROTO_UDP)
		d->world->contact = (struct contact){
			.from = speaker(d)->machine->node,
			.to = d->jobs[0].machine->node,
			.port = d->jobs[0].from->port,
		};
	return r;
}

int judge_end(struct doing *d, struct error *err)
{
	int r = 0;

	if (d->step->dropped_by)
		r = read_dropped(d, &d->dropped_after, err);
	if (r == 0 && d->step->path == PATH_DIRECT)
		r = evidence_end(&d->evidence, err);
	return r;
}

int judge_step(struct doing *d, struct error *err)
{
	cleanup_with(drop_numbers) struct numbers numbers = {0};
	int r = judge_exits(d, err);

	if (!r)
		r = hearing_judge(&d->hearing, err);
	if (!r)
		r = judge_dropped(d, err);
	if (!r)
		r = judge_numbers(d, &numbers, err);
	return r ? r : judge_path(d, &numbers, err);
}
