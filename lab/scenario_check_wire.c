/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "lab/scenario_checking.h"
#include "lab/scenario_nats.h"
#include "lab/scenario_wires.h"

#include <string.h>

/* @said: the members that the document has given, for the place of a complaint. */
static void check_fates(struct check *check, const struct topo_wire *wire,
			const struct topo_wire *said, struct where otherwise)
{
	struct error why = {0};

	/* Said of both directions, it is bad in both: one complaint is enough. */
	for (int way = SCENARIO_UP; way >= SCENARIO_DOWN; way--) {
		const struct fate_spec *spec = &said->from[way];
		struct where where = check_at(check, &spec->delay_ns, otherwise);

		if (fate_check(&wire->from[way], &why) == 0)
			continue;
		source_error(check->source, check_at(check, &spec->jitter_ns, where), "%s",
			     why.text);
		return;
	}
}

void check_link(struct check *check, const struct scenario_link *link)
{
	if (link)
		check_fates(check, &link->wire, &link->wire, link->at);
}

/* The declaration of the link that is changed; NULL after a complaint, or when not known. */
static const struct scenario_link *changed_link(struct check *check,
						const struct scenario_wire_change *change)
{
	struct where where = check_at(check, &change->name, change->at);
	const struct scenario_link *link;
	const struct scenario_name *name;

	if (!change->name || !check->names.n)
		return NULL;
	name = scenario_names_find(&check->names, change->name);
	if (!name) {
		check_unknown(check, change->name, where, true);
		return NULL;
	}
	if (!name->is_nat)
		link = name->node->link;
	else
		link = name->node ? name->node->nat->link
				  : scenario_nat_find(check->scenario, change->name)->link;
	if (!link)
		source_error(check->source, where,
			     "the link of '%s' is no wire that could change; give it 'link: {}'",
			     change->name);
	return link;
}

/* What earlier steps, and earlier changes of this one, have made of it. */
static void apply_earlier(const struct check *check, const struct scenario_step *until,
			  const struct scenario_wire_change *change, struct topo_wire *wire)
{
	for (const struct scenario_step *s = check->scenario->steps; s <= until; s++) {
		for (size_t i = 0; i < s->n_wires; i++) {
			const struct scenario_wire_change *c = &s->wires[i];

			if (c == change)
				return;
			if (c->name && strcmp(c->name, change->name) == 0 &&
			    (c->keep || s == until))
				scenario_wire_apply(c, wire);
		}
	}
}

static bool says_something(const struct check *check, const struct topo_wire *wire)
{
	for (size_t i = 0; i < ARRAY_SIZE(wire->from); i++)
		if (check_given(check, &wire->from[i].delay_ns) ||
		    check_given(check, &wire->from[i].jitter_ns) ||
		    check_given(check, &wire->from[i].loss_ppm))
			return true;
	return false;
}

void check_wire(struct check *check, const struct scenario_step *step,
		const struct scenario_wire_change *change)
{
	const struct scenario_link *link = changed_link(check, change);
	struct topo_wire wire;

	if (!says_something(check, &change->wire))
		source_error(check->source, change->at,
			     "nothing changes; it needs 'delay', 'jitter', 'loss', 'up' or 'down'");
	check_after(check, step, &change->after_ns, change->at);
	if (!link)
		return;
	wire = link->wire;
	apply_earlier(check, step, change, &wire);
	scenario_wire_apply(change, &wire);
	check_fates(check, &wire, &change->wire, change->at);
}
