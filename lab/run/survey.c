/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/survey.h"

#include "lab/run/leak.h"
#include "lab/run/scratch.h"
#include "topo/topo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A full probe is some threads that wait, and bursts of a hundred flows. */
#define AT_A_TIME 6

struct survey {
	struct scratch *subjects;
	struct natcheck_reflector *reflectors;
	struct natcheck_target *targets;
	size_t n;
	struct natcheck *check;
};

static int build(struct scratch *subject, const struct survey_nat *nat, struct error *err)
{
	struct nat unlimited = *nat->nat;

	/* Limits would forbid to ask so much at once. */
	unlimited.limits = (struct nat_limits){0};
	return scratch_build(subject, nat->name, &unlimited, true, err);
}

static void describe(struct survey *s, size_t i, const struct survey_nat *nat)
{
	const struct plan *plan = s->subjects[i].plan;
	const struct plan_reflector *reflector = &plan->reflectors[0];
	struct topo *topo = s->subjects[i].topo;
	struct natcheck_target *target = &s->targets[i];

	s->reflectors[i].netns = topo_netns(topo, reflector->topo);
	(void)memcpy(s->reflectors[i].addrs, reflector->addrs, sizeof(reflector->addrs));
	*target = (struct natcheck_target){.name = nat->name, .declared = nat->nat, .reflector = i};
	if (plan->n_nats) {
		target->netns = topo_netns(topo, plan->nats[0].probe.topo);
		target->local = plan->nats[0].probe.inside;
		target->second = plan->nats[0].probe.second;
	} else {
		target->netns = topo_netns(topo, plan->nodes[0].topo);
		target->local = plan->nodes[0].inside;
	}
}

static int begin(struct survey *s, struct ev_loop *loop, const struct survey_nat *nats,
		 unsigned lifetime_s, struct error *err)
{
	const struct natcheck_options options = {.lifetime_s = lifetime_s, .at_a_time = AT_A_TIME};
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n; i++) {
		r = build(&s->subjects[i], &nats[i], err);
		if (r == 0)
			describe(s, i, &nats[i]);
	}
	return r ? r
		 : natcheck_start(loop, &options, s->reflectors, s->n, s->targets, s->n, &s->check,
				  err);
}

int survey_start(struct ev_loop *loop, const struct survey_nat *nats, size_t n, unsigned lifetime_s,
		 struct survey **ret_survey, struct error *err)
{
	struct survey *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return error_sys(err, ENOMEM, "the NATs");
	s->n = n;
	s->subjects = calloc(n, sizeof(*s->subjects));
	s->reflectors = calloc(n, sizeof(*s->reflectors));
	s->targets = calloc(n, sizeof(*s->targets));
	if (!s->subjects || !s->reflectors || !s->targets)
		r = error_sys(err, ENOMEM, "the NATs");
	else
		r = begin(s, loop, nats, lifetime_s, err);
	if (r < 0)
		survey_free(s);
	else
		*ret_survey = s;
	return r;
}

const struct natcheck_target *survey_targets(const struct survey *survey)
{
	return survey->targets;
}

size_t survey_left(const struct survey *survey)
{
	return natcheck_left(survey->check);
}

int survey_check_leaks(const struct survey *survey, struct error *err)
{
	for (size_t i = 0; i < survey->n; i++) {
		const struct scratch *subject = &survey->subjects[i];
		uint64_t packets;

		if (leak_check(subject->topo, subject->plan, &packets, err) < 0)
			return error_wrap(err, "%s", survey->targets[i].name);
	}
	return 0;
}

void survey_free(struct survey *s)
{
	if (!s)
		return;
	natcheck_free(s->check);
	for (size_t i = 0; s->subjects && i < s->n; i++)
		scratch_drop(&s->subjects[i]);
	free(s->subjects);
	free(s->reflectors);
	free(s->targets);
	free(s);
}
