/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * Each event of the step becomes one entry, or, when it names no node, one for
 * every function. An entry whose machine has no Boxer process when it comes to
 * waiting is not waited for: it may have been killed, or may start in a later step.
 */
#include "lab/run/hearing.h"

#include "lab/expect.h"
#include "lab/run/member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void add(struct hearing *hearing, const struct scenario_event *event,
		const struct machine *machine)
{
	hearing->list[hearing->n++] = (struct heard){.event = event, .machine = machine};
}

/* Nobody tells an event about itself. */
static bool is_wanted(const struct scenario_event *event, const struct machine *machine)
{
	return machine->node->from->role == ROLE_FUNCTION &&
	       !(event->about && strcmp(event->about, machine->node->name) == 0);
}

int hearing_begin(struct hearing *hearing, struct world *world, const struct scenario_step *step,
		  struct error *err)
{
	if (!step->n_events)
		return 0;
	hearing->list = calloc(step->n_events * world->plan->n_nodes, sizeof(*hearing->list));
	if (!hearing->list)
		return error_sys(err, ENOMEM, "%s", step->name);
	hearing->world = world;
	for (size_t i = 0; i < step->n_events; i++) {
		const struct scenario_event *event = &step->events[i];

		if (event->node)
			add(hearing, event, world_machine(world, event->node));
		for (size_t k = 0; !event->node && k < world->plan->n_nodes; k++)
			if (is_wanted(event, &world->machines[k]))
				add(hearing, event, &world->machines[k]);
	}
	world->hearing = hearing;
	return 0;
}

void hearing_take(struct hearing *hearing, const struct machine *machine, const char *event,
		  const char *about)
{
	for (size_t i = 0; i < hearing->n; i++) {
		struct heard *h = &hearing->list[i];

		if (h->machine == machine && strcmp(h->event->event, event) == 0 &&
		    (!h->event->about || strcmp(h->event->about, about) == 0))
			h->times++;
	}
}

static bool runs(const struct machine *machine)
{
	return machine->member && member_runs(machine->member);
}

/* The first one that has not been told; NULL when all have. */
static const struct heard *missing(const struct hearing *hearing)
{
	for (size_t i = 0; i < hearing->n; i++) {
		const struct heard *h = &hearing->list[i];

		if (!h->event->never && !h->times && (h->event->node || runs(h->machine)))
			return h;
	}
	return NULL;
}

static bool all_told(void *arg)
{
	return !missing(arg);
}

static int unmet(const struct heard *h, const char *how, const char *when, struct error *err)
{
	const char *about = h->event->about;

	return error_set(err, EXPECT_UNMET, "%s %s \"%s\"%s%s%s", h->machine->node->name, how,
			 h->event->event, about ? " of " : "", about ? about : "", when);
}

int hearing_wait(struct hearing *hearing, uint64_t deadline, struct error *err)
{
	int r;

	if (!hearing->n)
		return 0;
	r = world_wait(hearing->world,
		       &(struct wait){.done = all_told, .arg = hearing, .deadline = deadline});
	return r == -ETIMEDOUT ? unmet(missing(hearing), "did not tell", " in time", err) : r;
}

int hearing_judge(const struct hearing *hearing, struct error *err)
{
	for (size_t i = 0; i < hearing->n; i++)
		if (hearing->list[i].event->never && hearing->list[i].times)
			return unmet(&hearing->list[i], "told", "", err);
	return 0;
}

void hearing_end(struct hearing *hearing)
{
	if (hearing->world)
		hearing->world->hearing = NULL;
	free(hearing->list);
	*hearing = (struct hearing){0};
}
