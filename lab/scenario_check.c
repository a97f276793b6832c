/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_check.h"

#include "base/cleanup.h"
#include "lab/keys_near.h"
#include "lab/scenario_checking.h"
#include "lab/scenario_nats.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static void drop_check(struct check *check)
{
	scenario_names_free(&check->names);
	free(check->behind);
}

static const struct scenario_node *find_entry(const struct check *check, const char *name)
{
	for (size_t i = 0; i < check->scenario->n_nodes; i++)
		if (strcmp(check->scenario->nodes[i].name, name) == 0)
			return &check->scenario->nodes[i];
	return NULL;
}

void check_unknown(struct check *check, const char *name, struct where where, bool nats)
{
	const struct scenario_node *entry = find_entry(check, name);
	struct keys_near near = keys_near(name);
	char quoted[SOURCE_QUOTE_MAX];
	char hint[KEYS_HINT_MAX];

	(void)source_quote(name, quoted);
	if (entry && entry->count > 1) {
		source_error(check->source, where, "%s is %s0 to %s%u here, name one of them",
			     quoted, name, name, entry->count - 1);
		return;
	}
	for (size_t i = 0; i < check->names.n && !source_is_full(check->source); i++)
		if (nats || !check->names.name[i].is_nat)
			keys_near_offer(&near, check->names.name[i].name);
	source_error(check->source, where, "there is no %s %s%s", nats ? "node or NAT" : "node",
		     quoted, keys_near_hint(&near, hint));
}

const struct scenario_name *check_resolve(struct check *check, char *const *member,
					  struct where otherwise)
{
	struct where where = check_at(check, member, otherwise);
	const struct scenario_name *name;

	if (!*member || !check->names.n)
		return NULL;
	name = scenario_names_find(&check->names, *member);
	if (name && !name->is_nat)
		return name;
	if (name)
		source_error(check->source, where, "'%s' is a NAT, not a node", *member);
	else
		check_unknown(check, *member, where, false);
	return NULL;
}

static void check_guest(struct check *check, const struct scenario_node *node)
{
	if (node->run && node->role != ROLE_FUNCTION)
		source_error(check->source, check_at(check, &node->run, node->at),
			     "run: only a function has a guest; steps run programs in a host");
	if (!check_given(check, &node->wait) || check_refused(check, &node->wait))
		return;
	if (!check_given(check, &node->run))
		source_error(check->source, check_at(check, &node->wait, node->at),
			     "wait: there is no 'run', so nobody waits");
	else if (check->roles_known && node->wait > check->n_functions)
		source_error(check->source, check_at(check, &node->wait, node->at),
			     "wait: %u functions, but the scenario has only %zu", node->wait,
			     check->n_functions);
}

/* What is said of its Boxer process. */
static void check_process(struct check *check, const struct scenario_node *node)
{
	const struct {
		const void *member;
		const char *key;
	} about[] = {{&node->later, "start"}, {&node->options, "options"}, {&node->under, "under"}};

	for (size_t i = 0; i < ARRAY_SIZE(about); i++)
		if (node->role == ROLE_HOST && check_given(check, about[i].member))
			source_error(check->source, check_at(check, about[i].member, node->at),
				     "%s: a host has no Boxer process", about[i].key);
	if (node->role == ROLE_SEED && node->later)
		source_error(check->source, check_at(check, &node->later, node->at),
			     "start: nobody can join before the seed runs");
}

static void check_addresses(struct check *check, const struct scenario_node *node)
{
	struct where where = check_at(check, &node->addresses, node->at);

	if (node->addresses < 2)
		return;
	if (scenario_nat_of(check->scenario, node))
		source_error(check->source, where,
			     "addresses: behind a NAT a machine has one; the NAT may have more");
	else if (node->role == ROLE_FUNCTION && !check_refused(check, &node->role))
		source_error(check->source, where, "addresses: a function has one");
}

static void check_node(struct check *check, const struct scenario_node *node)
{
	static const char *const reserved[] = {"internet", "localhost"};
	const void *nat = node->behind ? (const void *)&node->behind : (const void *)&node->nat;

	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (strcmp(node->name, reserved[i]) == 0 && !node->counted)
			source_error(check->source, node->at, "no node may be called '%s'",
				     reserved[i]);
	if (node->nat && node->behind)
		source_error(check->source, check_at(check, &node->behind, node->at),
			     "'nat' and 'behind' exclude each other");
	else if ((node->nat || node->behind) && node->role == ROLE_SEED)
		source_error(check->source, check_at(check, nat, node->at),
			     "the seed is public, it cannot be behind a NAT");
	check_link(check, node->link);
	check_addresses(check, node);
	if (check_refused(check, &node->role))
		return;
	check_guest(check, node);
	check_process(check, node);
}

static void check_seeds(struct check *check)
{
	const struct scenario *scenario = check->scenario;
	const struct scenario_node *first = NULL;

	if (!check->roles_known)
		return;
	for (size_t i = 0; i < scenario->n_nodes; i++) {
		const struct scenario_node *node = &scenario->nodes[i];

		if (node->role != ROLE_SEED)
			continue;
		if (first)
			source_error(check->source, node->at,
				     "a second seed; the first is '%s' in line %u", first->name,
				     first->at.line);
		else if (node->count > 1)
			source_error(check->source, check_at(check, &node->count, node->at),
				     "there is only one seed");
		first = first ? first : node;
	}
	if (!first && check->n_functions && check_given(check, &scenario->nodes))
		source_error(check->source, check_at(check, &scenario->nodes, (struct where){1, 1}),
			     "there are functions, so one node must have 'role: seed'");
}

static void check_ports(struct check *check, const struct scenario_step *step, size_t i)
{
	const struct scenario_program *serve = &step->serve[i];

	for (const struct scenario_program *other = step->serve; other < serve; other++) {
		if (!serve->port || other->port != serve->port || !serve->node || !other->node ||
		    strcmp(other->node, serve->node) != 0)
			continue;
		source_error(check->source, check_at(check, &serve->port, serve->at),
			     "%s already serves port %u in line %u", serve->node, serve->port,
			     other->at.line);
		return;
	}
}

static void check_path(struct check *check, const struct scenario_step *step)
{
	const char *missing = NULL;

	if (step->path != PATH_DIRECT)
		return;
	if (!check_given(check, &step->serve))
		missing = "serve";
	else if (!check_given(check, &step->run))
		missing = "run";
	else if (!check_given(check, &step->moved))
		missing = "moved";
	if (missing)
		source_error(check->source, check_at(check, &step->path, step->at),
			     "path: to prove that it is direct, the step needs '%s'", missing);
}

static bool in_function(const struct check *check, const char *node)
{
	const struct scenario_name *name = node ? scenario_names_find(&check->names, node) : NULL;

	return name && !name->is_nat && name->node->role == ROLE_FUNCTION;
}

/* Through Boxer, a datagram to a name would go astray, and its answer never come. */
static void check_proto(struct check *check, const struct scenario_step *step)
{
	const char *node = NULL;

	if (step->proto != IPPROTO_UDP || !step->boxer || !check->roles_known)
		return;
	for (size_t i = 0; !node && i < step->n_serve; i++)
		node = in_function(check, step->serve[i].node) ? step->serve[i].node : NULL;
	for (size_t i = 0; !node && i < step->n_run; i++)
		node = in_function(check, step->run[i].node) ? step->run[i].node : NULL;
	if (node)
		source_error(check->source, check_at(check, &step->proto, step->at),
			     "proto: Boxer carries TCP alone, so with the function '%s' the step "
			     "needs 'boxer: off'",
			     node);
}

/* What is said of the programs of a step that has none. */
static void check_without_run(struct check *check, const struct scenario_step *step)
{
	const struct {
		const void *member;
		const char *key;
	} about_run[] = {
		{&step->values, "values"},
		{&step->moved, "moved"},
		{&step->exit, "exit"},
	};

	if (check_given(check, &step->run))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(about_run); i++)
		if (check_given(check, about_run[i].member) &&
		    !check_refused(check, about_run[i].member))
			source_error(check->source, check_at(check, about_run[i].member, step->at),
				     "%s: the step has no 'run' to take it from", about_run[i].key);
	if (!check_given(check, &step->serve) && !check_given(check, &step->links) &&
	    !check_given(check, &step->listening) && !check_given(check, &step->changes) &&
	    !check_given(check, &step->wires) && !check_given(check, &step->members) &&
	    !check_given(check, &step->events) && !source_complained_at(check->source, step->at))
		source_error(check->source, step->at,
			     "the step does nothing; it needs 'links', 'listening', 'nat', 'wire', "
			     "'member', 'events', 'serve' or 'run'");
}

void check_after(struct check *check, const struct scenario_step *step, const uint64_t *member,
		 struct where otherwise)
{
	struct where where = check_at(check, member, otherwise);

	if (*member && !check_given(check, &step->run))
		source_error(check->source, where, "at: the step has no 'run' to count from");
	else if (*member >= step->timeout_ns)
		source_error(check->source, where, "at: the step has failed by then");
}

static void check_step(struct check *check, const struct scenario_step *step)
{
	const struct scenario_name *dropper;

	for (const struct scenario_step *s = check->scenario->steps; step->name && s < step; s++) {
		if (s->name && strcmp(s->name, step->name) == 0) {
			source_error(check->source, check_at(check, &step->name, step->at),
				     "the step in line %u has the same name", s->at.line);
			break;
		}
	}
	if (step->links && check->roles_known && check->n_functions < 2)
		source_error(check->source, check_at(check, &step->links, step->at),
			     "links: there are no two functions to link");
	for (size_t i = 0; i < step->n_changes; i++)
		check_change(check, step, &step->changes[i]);
	for (size_t i = 0; i < step->n_wires; i++)
		check_wire(check, step, &step->wires[i]);
	for (size_t i = 0; i < step->n_members; i++)
		check_member(check, step, &step->members[i]);
	for (size_t i = 0; i < step->n_events; i++)
		check_event(check, &step->events[i]);
	for (size_t i = 0; i < step->n_listening; i++)
		(void)check_resolve(check, &step->listening[i].node, step->listening[i].at);
	for (size_t i = 0; i < step->n_serve; i++) {
		(void)check_resolve(check, &step->serve[i].node, step->serve[i].at);
		check_ports(check, step, i);
	}
	for (size_t i = 0; i < step->n_run; i++)
		(void)check_resolve(check, &step->run[i].node, step->run[i].at);
	check_without_run(check, step);
	check_path(check, step);
	check_proto(check, step);
	dropper = check_resolve(check, &step->dropped_by, step->at);
	if (dropper && !scenario_nat_of(check->scenario, dropper->node))
		source_error(check->source, check_at(check, &step->dropped_by, step->at),
			     "dropped_by: '%s' is not behind a NAT", step->dropped_by);
}

/* Names are unique, whatever counts make of them. */
static void check_unique(struct check *check)
{
	for (size_t i = 1; i < check->names.n; i++) {
		const struct scenario_name *name = &check->names.name[i];
		const struct scenario_name *other = name - 1;

		/* One complaint for each entry of the document is enough. */
		if (strcmp(name->name, other->name) != 0 ||
		    source_complained_at(check->source, name->at))
			continue;
		source_error(check->source, name->at,
			     "a %s '%s' comes of this, and a %s of line %u",
			     name->is_nat ? "NAT" : "node", name->name,
			     other->is_nat ? "NAT" : "node", other->at.line);
	}
}

/*
 * Multiply out, unless that would be too many, or what a count says is not
 * known: then no name is called unknown.
 */
static int make_names(struct check *check)
{
	const struct scenario *scenario = check->scenario;
	bool known = !check_refused(check, &scenario->nodes);
	size_t total = 0;

	for (size_t i = 0; i < scenario->n_nodes; i++) {
		const struct scenario_node *node = &scenario->nodes[i];

		known = known && !check_refused(check, &node->count);
		if (total <= SCENARIO_NODES_MAX && total + node->count > SCENARIO_NODES_MAX) {
			source_error(check->source, check_at(check, &node->count, node->at),
				     "more than %d nodes in all", SCENARIO_NODES_MAX);
			known = false;
		}
		total += node->count;
		check->roles_known = check->roles_known && !check_refused(check, &node->role);
		if (node->role == ROLE_FUNCTION)
			check->n_functions += node->count;
	}
	check->roles_known = check->roles_known && known;
	return known ? scenario_names_make(scenario, &check->names) : 0;
}

int scenario_check(const struct scenario *scenario, const struct keys_places *places,
		   struct source *source)
{
	cleanup_with(drop_check) struct check check = {
		.scenario = scenario, .places = places, .source = source, .roles_known = true};
	int r;

	check.behind = calloc(scenario->n_nats + 1, sizeof(*check.behind));
	if (!check.behind)
		return -ENOMEM;
	r = make_names(&check);
	if (r < 0)
		return r;
	check_unique(&check);
	for (size_t i = 0; i < scenario->n_nodes; i++)
		check_node(&check, &scenario->nodes[i]);
	check_seeds(&check);
	check_nats(&check);
	for (size_t i = 0; i < scenario->n_steps; i++)
		check_step(&check, &scenario->steps[i]);
	return 0;
}
