/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A seed takes the place of the rendezvous, every side is a function, and its program
 * is started by `boxer exec`. Before that the two sides must know of each other, have a
 * control link if they can, and know their NATs, by which the strategy is chosen: what
 * can't be is waited for in vain for a while, and what Boxer makes of it is the trial's
 * result.
 *
 * How the connection was made is known by the nodes' events alone.
 */
#include "lab/matrix/cell_parts.h"

#include "base/clock.h"
#include "lab/run/member.h"

#include <stdio.h>
#include <string.h>

#define JOIN_NS	 (20 * NS_PER_S)
#define READY_NS (3 * NS_PER_S)
#define TOLD_NS	 NS_PER_S /* what was written before the program's end, and is not read yet */

static bool seed_listens(void *arg)
{
	const struct cell *c = arg;

	return member_is_up(c->world.machines[CELL_MEETING].member);
}

/* Both pairs have their places side by side. */
static bool pair_is(const struct cell *c, enum cell_machine from, enum cell_machine to,
		    bool (*is)(const struct member *member, size_t index))
{
	const struct machine *machines = c->world.machines;

	return is(machines[from].member, to) && is(machines[to].member, from);
}

static bool pairs_are(const struct cell *c, bool (*is)(const struct member *member, size_t index))
{
	return pair_is(c, CELL_FROM, CELL_TO, is) &&
	       (c->n_machines == CELL_FROM_2 || pair_is(c, CELL_FROM_2, CELL_TO_2, is));
}

static bool are_acquainted(void *arg)
{
	const struct cell *c = arg;

	return c->world.n_up == c->n_machines && pairs_are(c, member_knows);
}

static bool are_ready(void *arg)
{
	const struct cell *c = arg;

	for (size_t i = CELL_FROM; i < c->n_machines; i++)
		if (member_is_measuring(c->world.machines[i].member))
			return false;
	return pairs_are(c, member_is_decided);
}

static int wait_for(struct cell *c, bool (*done)(void *arg), uint64_t limit)
{
	return world_wait(&c->world,
			  &(struct wait){.done = done, .arg = c, .deadline = clock_now() + limit});
}

static int explain(const struct cell *c, int r, const char *what, struct error *err)
{
	if (r == -ECHILD)
		*err = c->world.trouble;
	else
		(void)error_sys(err, -r, "%s", what);
	return r;
}

int cell_meet_boxer(struct cell *c, struct error *err)
{
	int r = member_start(&c->world.machines[CELL_MEETING], err);

	if (r < 0)
		return r;
	r = wait_for(c, seed_listens, CELL_LISTEN_NS);
	if (r < 0)
		return explain(c, r, "the seed does not listen", err);
	for (size_t i = CELL_FROM; i < c->n_machines; i++) {
		r = member_start(&c->world.machines[i], err);
		if (r < 0)
			return r;
	}
	r = wait_for(c, are_acquainted, JOIN_NS);
	if (r < 0)
		return explain(c, r, "not all functions have joined", err);
	r = wait_for(c, are_ready, READY_NS);
	if (r < 0 && r != -ETIMEDOUT)
		return explain(c, r, "the control links", err);
	c->world.contact = (struct contact){.from = c->world.machines[CELL_FROM].node,
					    .to = c->world.machines[CELL_TO].node,
					    .port = CELL_LOCAL_PORT};
	return 0;
}

static bool has_told(void *arg)
{
	const struct cell *c = arg;

	return *c->world.contact.reason;
}

void cell_hear_boxer(struct cell *c)
{
	const struct contact *contact = &c->world.contact;
	struct route *route = &c->trial.route;

	(void)world_wait(&c->world, &(struct wait){.done = has_told,
						   .arg = c,
						   .deadline = clock_now() + TOLD_NS,
						   .stubborn = true});
	route->ms = has_told(c) ? contact->ms : -1;
	(void)snprintf(route->strategy, sizeof(route->strategy), "%.*s",
		       (int)sizeof(route->strategy) - 1, contact->strategy);
	(void)snprintf(route->reason, sizeof(route->reason), "%.*s", (int)sizeof(route->reason) - 1,
		       contact->reason);
	(void)snprintf(route->attempts, sizeof(route->attempts), "%s", contact->attempts);
	c->evidence.from_port = contact->local.port;
}
