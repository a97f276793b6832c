/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "lab/keys_near.h"
#include "lab/scenario_check.h"
#include "lab/scenario_checking.h"
#include "lab/scenario_nats.h"

#include <netinet/in.h>
#include <string.h>

struct where scenario_nat_blame(const struct scenario_nat *nat, const struct keys_places *places)
{
	const struct nat_behaviour *tcp = &nat->nat.tcp, *udp = &nat->nat.udp;
	const void *const overloads[] = {&tcp->conflict, &udp->conflict,  &tcp->mapping,
					 &udp->mapping,	 &tcp->filtering, &udp->filtering,
					 &tcp->hairpin,	 &udp->hairpin};
	const void *const none[] = {&tcp->mapping, &udp->mapping};
	const void *const *members = none;
	size_t n = 0;

	if (nat_check_conflict(&nat->nat, NULL) < 0) {
		members = overloads;
		n = ARRAY_SIZE(overloads);
	} else if (tcp->mapping == NAT_MAPPING_NONE || udp->mapping == NAT_MAPPING_NONE) {
		n = ARRAY_SIZE(none);
	}
	for (size_t i = 0; i < n; i++)
		if (keys_given(places, members[i]))
			return keys_at(places, members[i], nat->at);
	return nat->at;
}

/* The only place where an inconsistent declaration is known by its line. */
static void check_behaviour(struct check *check, const struct scenario_nat *nat)
{
	struct error why = {0};

	if (nat_check(&nat->nat, &why) < 0)
		source_error(check->source, scenario_nat_blame(nat, check->places), "%s", why.text);
}

/* @member: the name of a NAT, of "nats" or nobody's. */
static void check_exists(struct check *check, char *const *member, struct where otherwise)
{
	struct where where = check_at(check, member, otherwise);
	const struct scenario *scenario = check->scenario;
	struct keys_near near;
	char hint[KEYS_HINT_MAX];

	if (!*member || scenario_nat_find(scenario, *member))
		return;
	near = keys_near(*member);
	for (size_t i = 0; i < scenario->n_nats && !source_is_full(check->source); i++)
		keys_near_offer(&near, scenario->nats[i].name);
	source_error(check->source, where, "there is no NAT '%s' in 'nats'%s", *member,
		     keys_near_hint(&near, hint));
}

/* Is @nat in a circle, and the first of it in the document? */
static bool begins_circle(const struct scenario *scenario, const struct scenario_nat *nat)
{
	const struct scenario_nat *next = scenario_nat_find(scenario, nat->behind);

	for (size_t i = 0; next && i < scenario->n_nats; i++) {
		if (next == nat)
			return true;
		if (next < nat)
			return false;
		next = scenario_nat_find(scenario, next->behind);
	}
	return false;
}

static bool in_circle(const struct scenario *scenario, const struct scenario_nat *nat)
{
	return scenario_nat_depth(scenario, nat) > scenario->n_nats + 1;
}

static void check_depth(struct check *check, const struct scenario_nat *nat)
{
	const struct scenario *scenario = check->scenario;
	struct where where = check_at(check, &nat->behind, nat->at);
	size_t depth = scenario_nat_depth(scenario, nat);

	check_exists(check, &nat->behind, nat->at);
	if (nat->name && begins_circle(scenario, nat))
		source_error(check->source, where, "'%s' is behind itself", nat->name);
	else if (!in_circle(scenario, nat) && depth > SCENARIO_NATS_DEEP)
		source_error(check->source, where,
			     "%zu NATs one behind the other, at most %d can be", depth,
			     SCENARIO_NATS_DEEP);
}

/* Is the machine @to behind this NAT and no nearer one? */
static bool is_behind(const struct check *check, const struct scenario_name *to,
		      const struct scenario_nat *nat)
{
	return scenario_nat_of(check->scenario, to->node) == nat;
}

static void check_to(struct check *check, const struct scenario_nat *nat, char *const *member,
		     struct where otherwise, const struct scenario_node *node, const char *advice)
{
	const struct scenario_name *to = check_resolve(check, member, otherwise);
	struct where where = check_at(check, member, otherwise);

	if (!to)
		return;
	if (node && (node->counted || to->node != node))
		source_error(check->source, where, "this NAT has only its own node behind it, %s",
			     advice);
	else if (!node && !is_behind(check, to, nat))
		source_error(check->source, where, "'%s' is not behind '%s'", *member, nat->name);
}

/* @node: whose own the NAT is; NULL for one of "nats", @n_behind machines behind it. */
static void check_forward(struct check *check, const struct scenario_nat *nat,
			  const struct scenario_forward *forward, const struct scenario_node *node,
			  size_t n_behind)
{
	for (const struct scenario_forward *f = nat->forwards; f < forward; f++) {
		if (f->port && f->port == forward->port && f->proto == forward->proto) {
			source_error(check->source, check_at(check, &forward->port, forward->at),
				     "%s port %u is already forwarded in line %u",
				     f->proto == IPPROTO_TCP ? "TCP" : "UDP", f->port, f->at.line);
			break;
		}
	}
	if (forward->to)
		check_to(check, nat, &forward->to, forward->at, node, "leave out 'to'");
	else if (!node && n_behind != 1 && !check_given(check, &forward->to))
		source_error(check->source, forward->at,
			     "'to' is missing: %zu nodes are behind '%s'", n_behind, nat->name);
}

static void check_statics(struct check *check, const struct scenario_nat *nat,
			  const struct scenario_node *node)
{
	for (char **name = nat->one_to_one; name && *name; name++) {
		check_to(check, nat, name, nat->at, node, "so one_to_one can name no other");
		for (char **other = nat->one_to_one; other < name; other++) {
			if (strcmp(*other, *name) != 0)
				continue;
			source_error(check->source, check_at(check, name, nat->at),
				     "one_to_one names '%s' twice", *name);
			break;
		}
	}
}

static void check_nat(struct check *check, const struct scenario_nat *nat,
		      const struct scenario_node *node, size_t n_behind)
{
	check_behaviour(check, nat);
	check_depth(check, nat);
	check_link(check, nat->link);
	if (!nat_translates(&nat->nat) && nat->link)
		source_error(check->source, nat->link->at, "mapping: none, so there is no link");
	if (!nat_translates(&nat->nat) && (nat->n_forwards || nat->one_to_one)) {
		source_error(check->source, nat->at,
			     "mapping: none, so there is nothing to forward");
		return;
	}
	for (size_t i = 0; i < nat->n_forwards; i++)
		check_forward(check, nat, &nat->forwards[i], node, n_behind);
	check_statics(check, nat, node);
}

/* @n of something with @addresses addresses each are behind @nat; NULL: public. */
static struct check_behind *put_behind(struct check *check, const struct scenario_nat *nat,
				       size_t n, size_t addresses)
{
	const struct scenario *scenario = check->scenario;
	struct check_behind *behind =
		&check->behind[nat ? (size_t)(nat - scenario->nats) : scenario->n_nats];

	behind->addresses += n * addresses;
	return behind;
}

static void count_behind(struct check *check)
{
	const struct scenario *scenario = check->scenario;

	for (size_t i = 0; i < scenario->n_nats; i++) {
		const struct scenario_nat *nat = &scenario->nats[i];

		/* Of one that is none somebody else speaks. */
		if (nat_translates(&nat->nat))
			put_behind(check, scenario_nat_upstream(scenario, nat), 1,
				   scenario_nat_addresses(nat))
				->nats++;
	}
	for (size_t i = 0; i < scenario->n_nodes; i++) {
		const struct scenario_node *node = &scenario->nodes[i];
		const struct scenario_nat *nat = scenario_nat_of(scenario, node);

		if (nat && nat == node->nat)
			put_behind(check, scenario_nat_upstream(scenario, nat), node->count,
				   scenario_nat_addresses(nat))
				->nats += node->count;
		else
			put_behind(check, nat, node->count, 1)->machines += node->count;
	}
}

static bool is_named(const struct scenario *scenario, const struct scenario_nat *nat)
{
	for (size_t i = 0; i < scenario->n_nodes; i++) {
		const struct scenario_node *node = &scenario->nodes[i];
		const char *behind = node->nat ? node->nat->behind : NULL;

		if ((behind && strcmp(behind, nat->name) == 0) ||
		    (node->behind && strcmp(node->behind, nat->name) == 0))
			return true;
	}
	for (size_t i = 0; i < scenario->n_nats; i++)
		if (scenario->nats[i].behind && strcmp(scenario->nats[i].behind, nat->name) == 0)
			return true;
	return false;
}

void check_nats(struct check *check)
{
	const struct scenario *scenario = check->scenario;

	count_behind(check);
	for (size_t i = 0; i < scenario->n_nats; i++) {
		const struct scenario_nat *nat = &scenario->nats[i];
		const struct check_behind *behind = &check->behind[i];

		check_nat(check, nat, NULL, behind->machines);
		if (!is_named(scenario, nat))
			source_error(check->source, nat->at, "no node is behind the NAT '%s'",
				     nat->name);
		else if (behind->addresses > SCENARIO_BEHIND_MAX)
			source_error(check->source, nat->at,
				     "%zu addresses are needed behind the NAT '%s', at most %d "
				     "can be",
				     behind->addresses, nat->name, SCENARIO_BEHIND_MAX);
	}
	for (size_t i = 0; i < scenario->n_nodes; i++) {
		const struct scenario_node *node = &scenario->nodes[i];

		check_exists(check, &node->behind, node->at);
		if (node->nat)
			check_nat(check, node->nat, node, 1);
	}
}

/* ---- changes ---- */

static void complain_unknown_nat(struct check *check, const struct scenario_nat_change *change)
{
	struct where where = check_at(check, &change->nat, change->at);
	struct keys_near near = keys_near(change->nat);
	char hint[KEYS_HINT_MAX];

	for (size_t i = 0; i < check->names.n && !source_is_full(check->source); i++)
		if (check->names.name[i].is_nat)
			keys_near_offer(&near, check->names.name[i].name);
	source_error(check->source, where, "there is no NAT '%s'%s", change->nat,
		     keys_near_hint(&near, hint));
}

/* The declaration of the NAT that is changed; NULL after a complaint, or when not known. */
static const struct scenario_nat *changed_nat(struct check *check,
					      const struct scenario_nat_change *change)
{
	const struct scenario_name *name;
	const struct scenario_nat *nat;

	if (!change->nat || !check->names.n)
		return NULL;
	name = scenario_names_find(&check->names, change->nat);
	nat = name && name->is_nat && name->node ? name->node->nat
						 : scenario_nat_find(check->scenario, change->nat);
	if (nat && nat_translates(&nat->nat))
		return nat;
	if (nat)
		source_error(check->source, check_at(check, &change->nat, change->at),
			     "mapping: none, so '%s' is no NAT that could change", change->nat);
	else
		complain_unknown_nat(check, change);
	return NULL;
}

/* What earlier steps, and earlier changes of this one, have made of it. */
static void apply_earlier(const struct check *check, const struct scenario_step *until,
			  const struct scenario_nat_change *change, struct nat *nat)
{
	for (const struct scenario_step *s = check->scenario->steps; s <= until; s++) {
		for (size_t i = 0; i < s->n_changes; i++) {
			const struct scenario_nat_change *c = &s->changes[i];

			if (c == change)
				return;
			if (c->nat && strcmp(c->nat, change->nat) == 0 && (c->keep || s == until))
				scenario_nat_apply(c, nat);
		}
	}
}

static void check_set(struct check *check, const struct scenario_step *step,
		      const struct scenario_nat_change *change, const struct scenario_nat *from)
{
	struct where where = check_at(check, &change->set, change->at);
	struct nat nat = from->nat;
	struct error why = {0};

	apply_earlier(check, step, change, &nat);
	scenario_nat_apply(change, &nat);
	if (nat.addresses > from->nat.addresses)
		source_error(check->source, where,
			     "set: more addresses than '%s' has, which are %u", change->nat,
			     from->nat.addresses);
	else if (!nat_translates(&nat))
		source_error(check->source, where, "set: a NAT can't become none");
	else if (nat_check(&nat, &why) < 0)
		source_error(check->source, where, "%s", why.text);
}

void check_change(struct check *check, const struct scenario_step *step,
		  const struct scenario_nat_change *change)
{
	const struct scenario_nat *nat = changed_nat(check, change);
	bool lasting = change->rebind || change->set;

	if (!lasting && !change->reboot)
		source_error(check->source, change->at,
			     "nothing changes; it needs 'reboot', 'rebind' or 'set'");
	else if (!lasting && change->keep)
		source_error(
			check->source, check_at(check, &change->keep, change->at),
			"keep: what was forgotten stays so; only 'rebind' and 'set' are undone");
	check_after(check, step, &change->after_ns, change->at);
	if (nat && lasting)
		check_set(check, step, change, nat);
}
