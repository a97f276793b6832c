/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/plan_making.h"
#include "lab/scenario_names.h"
#include "lab/scenario_nats.h"

#include <errno.h>
#include <string.h>

/* Of the addresses that are kept for them. */
enum { HIDDEN_PROBE, HIDDEN_REFLECTOR, HIDDEN_REFLECTOR_2, HIDDEN_PROBE_2 };

static size_t shared_index(const struct making *m, const struct scenario_nat *nat)
{
	return nat ? m->shared[nat - m->plan->scenario->nats] : PLAN_NONE;
}

static void name_nat(struct making *m, const char *name, const struct scenario_nat *from)
{
	struct plan_nat *nat = &m->plan->nats[m->plan->n_nats++];
	struct topo_node *node;

	(void)snprintf(nat->name, sizeof(nat->name), "%s", name);
	nat->from = from;
	nat->nat = from->nat;
	nat->topo = m->plan->spec.n_nodes;
	node = making_node(m, name, TOPO_NAT);
	node->nat = &nat->nat;
	(void)snprintf(node->wan, sizeof(node->wan), "wan");
}

static void name_nats(struct making *m)
{
	const struct scenario *scenario = m->plan->scenario;
	char name[TOPO_NAME_MAX];

	for (size_t i = 0; i < scenario->n_nats; i++) {
		m->shared[i] = PLAN_NONE;
		if (!nat_translates(&scenario->nats[i].nat))
			continue;
		m->shared[i] = m->plan->n_nats;
		name_nat(m, scenario->nats[i].name, &scenario->nats[i]);
	}
	m->n_own = m->plan->n_nats;
	for (size_t i = 0; i < scenario->n_nodes; i++) {
		const struct scenario_node *node = &scenario->nodes[i];

		if (!node->nat || !nat_translates(&node->nat->nat))
			continue;
		for (unsigned j = 0; j < node->count; j++)
			name_nat(m, scenario_nat_name(node, j, name), node->nat);
	}
}

int making_nats(struct making *m, struct error *err)
{
	struct plan *plan = m->plan;
	int r = 0;

	name_nats(m);
	for (size_t i = 0; r == 0 && i < plan->n_nats; i++) {
		struct plan_nat *nat = &plan->nats[i];
		struct topo_node *node = &plan->spec.nodes[nat->topo];

		nat->upstream = shared_index(m, scenario_nat_upstream(plan->scenario, nat->from));
		r = making_address(m, nat->upstream, &nat->external, err);
		node->external = nat->external;
		nat->wan_link =
			making_link(m, nat->upstream, nat->topo, node->wan, &nat->external, true);
		making_wire(m, nat->name, nat->wan_link, nat->from->link);
	}
	return r;
}

/* ---- what needs the machines ---- */

/* The machine behind NAT @nat of that name; the only one there for NULL. */
static const struct plan_node *find_behind(const struct plan *plan, size_t nat, const char *name)
{
	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct plan_node *node = &plan->nodes[i];

		if (node->nat == nat && (!name || strcmp(node->name, name) == 0))
			return node;
	}
	return NULL;
}

static int add_forwards(struct plan *plan, size_t i, struct error *err)
{
	struct plan_nat *nat = &plan->nats[i];

	for (size_t j = 0; j < nat->from->n_forwards; j++) {
		const struct scenario_forward *forward = &nat->from->forwards[j];
		/* Of a function's own NAT it is the only one there, however it is called. */
		const struct plan_node *node =
			find_behind(plan, i, nat->from->name ? forward->to : NULL);
		struct nat_forward *ret;

		if (!node || nat->nat.n_forwards == NAT_FORWARDS_MAX)
			return error_set(err, EINVAL, "%s can't forward port %u", nat->name,
					 forward->port);
		ret = &nat->nat.forwards[nat->nat.n_forwards++];
		ret->proto = forward->proto;
		ret->port = forward->port;
		ret->to = node->inside;
		ret->to.port = forward->to_port ? forward->to_port : forward->port;
	}
	return 0;
}

/* One more address on the NAT's public side. */
static int add_address(struct making *m, struct plan_nat *nat, struct addr *ret_addr,
		       struct error *err)
{
	struct topo_node *node = &m->plan->spec.nodes[nat->topo];
	int r = making_address(m, nat->upstream, ret_addr, err);

	if (r < 0)
		return r;
	node->others[node->n_others++] = *ret_addr;
	making_route(m, nat->wan_link, ret_addr);
	return 0;
}

static int add_statics(struct making *m, size_t i, struct error *err)
{
	struct plan_nat *nat = &m->plan->nats[i];
	char **names = nat->from->one_to_one;
	int r = 0;

	for (; r == 0 && names && *names; names++) {
		const struct plan_node *node =
			find_behind(m->plan, i, nat->from->name ? *names : NULL);
		struct nat_static *ret = &nat->nat.statics[nat->nat.n_statics];

		if (!node || nat->nat.n_statics == NAT_STATICS_MAX)
			return error_set(err, EINVAL, "%s can't give %s an address", nat->name,
					 *names);
		nat->nat.n_statics++;
		ret->inside = node->inside;
		r = add_address(m, nat, &ret->external, err);
	}
	return r;
}

static int add_addresses(struct making *m, size_t i, struct error *err)
{
	struct plan_nat *nat = &m->plan->nats[i];
	struct addr addr;
	int r = 0;

	_Static_assert(TOPO_OTHERS_MAX >= NAT_ADDRESSES_MAX + NAT_STATICS_MAX,
		       "a pool but for its first, the one-to-one machines, and a spare one");
	if (nat->nat.addresses > NAT_ADDRESSES_MAX)
		return error_set(err, EINVAL, "%s: %u addresses, at most %d can be", nat->name,
				 nat->nat.addresses, NAT_ADDRESSES_MAX);
	for (uint32_t n = 1; r == 0 && n < nat->nat.addresses; n++)
		r = add_address(m, nat, &addr, err);
	if (r == 0)
		r = add_statics(m, i, err);
	return r < 0 ? r : add_address(m, nat, &nat->spare, err);
}

static void add_public(struct making *m, const struct plan_node *node)
{
	struct topo_node *topo = &m->plan->spec.nodes[node->topo];

	_Static_assert(TOPO_OTHERS_MAX >= SCENARIO_ADDRESSES_MAX, "all but the first");
	for (unsigned i = 1; node->nat == PLAN_NONE && i < node->from->addresses; i++) {
		struct addr *addr = &topo->others[topo->n_others++];

		*addr = making_public(m);
		making_route(m, node->link, addr);
	}
}

int making_more(struct making *m, struct error *err)
{
	struct plan *plan = m->plan;

	for (size_t i = 0; i < plan->n_nodes; i++)
		add_public(m, &plan->nodes[i]);

	for (size_t i = 0; i < plan->n_nats; i++) {
		int r = add_forwards(plan, i, err);

		if (r == 0)
			r = add_addresses(m, i, err);
		if (r < 0)
			return r;
		if (nat_check(&plan->nats[i].nat, err) < 0)
			return error_wrap(err, "%s", plan->nats[i].name);
	}
	/* What the world sees of a machine of a one-to-one NAT on the public side. */
	for (size_t i = 0; i < plan->n_nodes; i++) {
		struct plan_node *node = &plan->nodes[i];
		const struct plan_nat *nat = node->nat == PLAN_NONE ? NULL : &plan->nats[node->nat];

		for (size_t j = 0; nat && nat->upstream == PLAN_NONE && j < nat->nat.n_statics; j++)
			if (addr_equal(&nat->nat.statics[j].inside, &node->inside))
				node->external = nat->nat.statics[j].external;
	}
	return 0;
}

/* ---- hidden hosts ---- */

static size_t add_reflector(struct making *m, size_t nat)
{
	struct plan *plan = m->plan;
	struct plan_reflector *reflector = &plan->reflectors[plan->n_reflectors];
	char name[TOPO_NAME_MAX] = "reflector";

	if (nat != PLAN_NONE)
		(void)snprintf(name, sizeof(name), "%.*s-reflector", TOPO_NAME_MAX - 16,
			       plan->nats[nat].name);
	reflector->topo = plan->spec.n_nodes;
	(void)making_node(m, name, TOPO_HOST);
	for (unsigned i = 0; i < 2; i++) {
		reflector->addrs[i] = making_hidden(nat, HIDDEN_REFLECTOR + i);
		(void)making_link(m, nat, reflector->topo, i ? "eth1" : "eth0",
				  &reflector->addrs[i], i == 0);
	}
	return plan->n_reflectors++;
}

static bool is_static(const struct nat *nat, const struct addr *inside)
{
	for (size_t i = 0; i < nat->n_statics; i++)
		if (addr_same_host(&nat->statics[i].inside, inside))
			return true;
	return false;
}

/* A machine for which the NAT makes no exception, or NULL. */
static const struct plan_node *find_plain(const struct plan *plan, size_t nat)
{
	for (size_t i = 0; i < plan->n_nodes; i++)
		if (plan->nodes[i].nat == nat &&
		    !is_static(&plan->nats[nat].nat, &plan->nodes[i].inside))
			return &plan->nodes[i];
	return NULL;
}

static void add_prober(struct making *m, size_t i)
{
	struct plan *plan = m->plan;
	struct plan_probe *probe = &plan->nats[i].probe;
	const struct plan_node *node = find_plain(plan, i);
	char name[TOPO_NAME_MAX];

	if (node) {
		probe->topo = node->topo;
		probe->inside = node->inside;
		return;
	}
	(void)snprintf(name, sizeof(name), "%.*s-probe", TOPO_NAME_MAX - 16, plan->nats[i].name);
	probe->topo = plan->spec.n_nodes;
	probe->inside = making_hidden(i, HIDDEN_PROBE);
	(void)making_node(m, name, TOPO_HOST);
	(void)making_link(m, i, probe->topo, "eth0", &probe->inside, true);
	probe->second = making_hidden(i, HIDDEN_PROBE_2);
	(void)making_link(m, i, probe->topo, "eth1", &probe->second, false);
}

void making_public_check(struct making *m)
{
	(void)add_reflector(m, PLAN_NONE);
}

void making_checks(struct making *m)
{
	struct plan *plan = m->plan;
	size_t public = PLAN_NONE;

	for (size_t i = 0; i < plan->n_nats; i++) {
		struct plan_nat *nat = &plan->nats[i];
		size_t *reflector = &public;

		add_prober(m, i);
		/* Of those behind one NAT the first brings the reflector, the others know. */
		nat->probe.reflector = PLAN_NONE;
		for (size_t j = 0; nat->upstream != PLAN_NONE && j < i; j++)
			if (plan->nats[j].upstream == nat->upstream)
				reflector = &plan->nats[j].probe.reflector;
		if (nat->upstream != PLAN_NONE && reflector == &public)
			reflector = &nat->probe.reflector;
		if (*reflector == PLAN_NONE)
			*reflector = add_reflector(m, nat->upstream);
		nat->probe.reflector = *reflector;
	}
}
