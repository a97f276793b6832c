/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_checking.h"

#include <string.h>

static void check_takes_part(struct check *check, char *const *member, struct where otherwise)
{
	const struct scenario_name *name = check_resolve(check, member, otherwise);

	if (name && check->roles_known && name->node->role == ROLE_HOST)
		source_error(check->source, check_at(check, member, otherwise),
			     "'%s' is a host, which has no Boxer process", *member);
}

/* Does it run just before @until, by what the document says before that? */
static bool runs_before(const struct check *check, const struct scenario_node *node,
			const struct scenario_member_change *until)
{
	const struct scenario *scenario = check->scenario;
	bool runs = !node->later;

	for (size_t i = 0; i < scenario->n_steps; i++) {
		const struct scenario_step *step = &scenario->steps[i];

		for (size_t k = 0; k < step->n_members; k++) {
			const struct scenario_member_change *c = &step->members[k];

			if (c == until)
				return runs;
			if (c->name && strcmp(c->name, until->name) == 0)
				runs = c->what == MEMBER_START;
		}
	}
	return runs;
}

void check_member(struct check *check, const struct scenario_step *step,
		  const struct scenario_member_change *change)
{
	const struct scenario_name *name;
	bool runs;

	check_takes_part(check, &change->name, change->at);
	check_after(check, step, &change->after_ns, change->at);
	name = change->name && check->names.n ? scenario_names_find(&check->names, change->name)
					      : NULL;
	if (!name || name->is_nat || name->node->role == ROLE_HOST ||
	    !check_given(check, &change->what) || check_refused(check, &change->what))
		return;
	runs = runs_before(check, name->node, change);
	if (runs == (change->what == MEMBER_START))
		source_error(check->source, check_at(check, &change->what, change->at),
			     "do: %s %s by then", change->name,
			     runs ? "runs already" : "does not run");
}

void check_event(struct check *check, const struct scenario_event *event)
{
	check_takes_part(check, &event->node, event->at);
	check_takes_part(check, &event->about, event->at);
}
