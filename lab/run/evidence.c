/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/evidence.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/run/member.h"

#include <string.h>

/**
 * struct carrier - one link of the internet
 * @node: the public machine at its other end; NULL when it is the NAT @nat
 * @link: in plan.spec.links; its end 0 is the internet's
 * @received, @sent: by the internet: as read first, then what was added meanwhile
 */
struct carrier {
	const struct plan_node *node;
	size_t nat;
	const char *name;
	size_t link;
	uint64_t received, sent;
};

/* ---- the internet's links ---- */

static int make_carriers(struct evidence *e, struct error *err)
{
	const struct plan *plan = e->world->plan;
	struct carrier *c = calloc(plan->n_nats + plan->n_nodes, sizeof(*c));

	if (!c)
		return error_sys(err, ENOMEM, "evidence");
	e->carriers = c;
	for (size_t i = 0; i < plan->n_nats; i++)
		if (plan->nats[i].upstream == PLAN_NONE)
			*c++ = (struct carrier){.nat = i,
						.name = plan->nats[i].name,
						.link = plan->nats[i].wan_link};
	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct plan_node *node = &plan->nodes[i];

		if (node->nat == PLAN_NONE)
			*c++ = (struct carrier){.node = node,
						.nat = PLAN_NONE,
						.name = node->name,
						.link = node->link};
	}
	e->n_carriers = (size_t)(c - e->carriers);
	return 0;
}

static int read_carriers(struct evidence *e, struct error *err)
{
	for (size_t i = 0; i < e->n_carriers; i++) {
		struct carrier *c = &e->carriers[i];
		uint64_t received, sent;
		int r = topo_link_bytes(e->world->topo, c->link, 0, &received, &sent, err);

		if (r < 0)
			return error_wrap(err, "the link of %s", c->name);
		c->received = received - c->received;
		c->sent = sent - c->sent;
	}
	return 0;
}

static const struct carrier *carrier_of(const struct evidence *e, const struct plan_node *node)
{
	for (size_t i = 0; i < e->n_carriers; i++)
		if (e->carriers[i].node == node)
			return &e->carriers[i];
	return NULL;
}

/* ---- the NATs' tables ---- */

/* Those from @nat outwards; none that @until is, or is behind of. */
static void add_routers(struct evidence *e, size_t nat, size_t until)
{
	const struct plan *plan = e->world->plan;

	for (; nat != until && e->n_routers < PROOF_ROUTERS_MAX; nat = plan->nats[nat].upstream)
		e->routers[e->n_routers++] = nat;
}

/* The first NAT that both are behind, or PLAN_NONE. */
static size_t meeting(const struct plan *plan, size_t from, size_t to)
{
	for (; from != PLAN_NONE; from = plan->nats[from].upstream)
		for (size_t other = to; other != PLAN_NONE; other = plan->nats[other].upstream)
			if (other == from)
				return from;
	return PLAN_NONE;
}

static void choose_routers(struct evidence *e)
{
	size_t shared = meeting(e->world->plan, e->from->nat, e->to->nat);

	_Static_assert(PROOF_ROUTERS_MAX >= 2 * SCENARIO_NATS_DEEP, "all on the way");
	add_routers(e, e->from->nat, shared);
	if (shared != PLAN_NONE)
		e->routers[e->n_routers++] = shared;
	add_routers(e, e->to->nat, shared);
}

/* Of NAT @nat; PROOF_PUBLIC when it is not in between. */
static int router_index(const struct evidence *e, size_t nat)
{
	for (size_t i = 0; i < e->n_routers; i++)
		if (e->routers[i] == nat)
			return (int)i;
	return PROOF_PUBLIC;
}

static int refresh(struct evidence *e, struct error *err)
{
	for (size_t i = 0; i < e->n_routers; i++) {
		struct router *router = &e->world->routers[e->routers[i]];

		if (conntrack_refresh(router->watch, err) < 0)
			return error_wrap(err, "cannot read the flows of %s", router->nat->name);
	}
	return 0;
}

static int cmp_known(const void *a, const void *b)
{
	uint32_t x = ((const struct proof_known *)a)->id, y = ((const struct proof_known *)b)->id;

	return x < y ? -1 : x > y;
}

/*
 * An entry that has ended is not remembered: the kernel may give its id to the
 * next one, and the time of its establishment betrays it anyway.
 */
static int remember(struct evidence *e, size_t i, struct error *err)
{
	size_t n, n_known = 0;
	const struct conntrack_flow *flows =
		conntrack_flows(e->world->routers[e->routers[i]].watch, &n);
	struct proof_known *known = calloc(n + 1, sizeof(*known));

	if (!known)
		return error_sys(err, ENOMEM, "evidence");
	for (size_t k = 0; k < n; k++)
		if (!flows[k].gone)
			known[n_known++] = (struct proof_known){
				flows[k].id, flows[k].bytes + flows[k].reply_bytes};
	qsort(known, n_known, sizeof(*known), cmp_known);
	e->known[i] = known;
	e->n_known[i] = n_known;
	return 0;
}

int evidence_begin(struct evidence *e, struct world *world, const struct scenario_step *step,
		   struct error *err)
{
	int r;

	*e = (struct evidence){
		.world = world,
		.step = step,
		.proto = step->proto,
		.from = plan_find(world->plan, step->run[0].node),
		.to = plan_find(world->plan, step->serve[0].node),
	};
	choose_routers(e);
	r = make_carriers(e, err);
	if (!r)
		r = refresh(e, err);
	for (size_t i = 0; r == 0 && i < e->n_routers; i++)
		r = remember(e, i, err);
	if (!r)
		r = read_carriers(e, err);
	e->began = clock_now();
	return r;
}

int evidence_end(struct evidence *e, struct error *err)
{
	int r = refresh(e, err);

	if (!r)
		r = read_carriers(e, err);
	e->ended = clock_now();
	return r;
}

/* ---- judging ---- */

static bool takes_part(const struct evidence *e, const struct plan_node *node)
{
	for (size_t i = 0; i < e->step->n_serve; i++)
		if (strcmp(e->step->serve[i].node, node->name) == 0)
			return true;
	for (size_t i = 0; i < e->step->n_run; i++)
		if (strcmp(e->step->run[i].node, node->name) == 0)
			return true;
	return false;
}

/* Does a machine that takes part in the step use this link? */
static bool is_used(const struct evidence *e, const struct carrier *c)
{
	const struct plan *plan = e->world->plan;

	if (c->node)
		return takes_part(e, c->node);
	for (size_t i = 0; i < plan->n_nodes; i++)
		if (plan_outermost(plan, plan->nodes[i].nat) == c->nat &&
		    takes_part(e, &plan->nodes[i]))
			return true;
	return false;
}

static uint16_t control_port(const struct evidence *e, const struct plan_node *node)
{
	const struct member *member = e->world->machines[node - e->world->plan->nodes].member;

	return member ? member_control_port(member) : 0;
}

/* A function has one to every other and to the seed, which has one to each of them. */
static size_t controls_on(const struct evidence *e, const struct carrier *c)
{
	const struct plan *plan = e->world->plan;
	size_t n = 0;

	if (plan->seed == PLAN_NONE)
		return 0;
	if (c->node)
		return c->node->from->role != ROLE_HOST ? plan->n_functions : 0;
	for (size_t i = 0; i < plan->n_nodes; i++)
		if (plan_outermost(plan, plan->nodes[i].nat) == c->nat &&
		    plan->nodes[i].from->role == ROLE_FUNCTION)
			n += plan->n_functions;
	return n;
}

static void describe_end(const struct evidence *e, const struct plan_node *node,
			 struct proof_end *ret_end)
{
	const struct plan *plan = e->world->plan;
	const struct carrier *c = carrier_of(e, node);
	size_t outermost = plan_outermost(plan, node->nat);
	const struct topo_node *outside =
		&plan->spec.nodes[outermost == PLAN_NONE ? node->topo : plan->nats[outermost].topo];

	*ret_end = (struct proof_end){
		.name = node->name,
		.inside = node->inside,
		.external = node->external,
		.router = router_index(e, node->nat),
		.control = control_port(e, node),
		/* What the internet received there, the node has sent. */
		.link_sent = c ? c->received : 0,
		.link_received = c ? c->sent : 0,
		.others = outside->others,
		.n_others = outside->n_others,
	};
}

static void describe_routers(const struct evidence *e, struct proof_case *c)
{
	for (size_t i = 0; i < e->n_routers; i++) {
		const struct router *router = &e->world->routers[e->routers[i]];
		struct proof_router *p = &c->routers[i];
		int behind;

		p->name = router->nat->name;
		p->flows = conntrack_flows(router->watch, &p->n_flows);
		p->known = e->known[i];
		p->n_known = e->n_known[i];
		p->lost = conntrack_forgot_until(router->watch) >= e->began;
		behind = router_index(e, router->nat->upstream);
		p->behind = behind == PROOF_PUBLIC ? NULL : &c->routers[behind];
	}
	c->n_routers = e->n_routers;
}

static int cmp_host(const void *a, const void *b)
{
	return addr_cmp_host(a, b);
}

static void add_partner(const struct plan *plan, const struct plan_node *node,
			struct addr *partners, size_t *n)
{
	const struct topo_node *topo = &plan->spec.nodes[node->topo];

	partners[(*n)++] = node->external;
	for (size_t i = 0; i < topo->n_others; i++)
		partners[(*n)++] = topo->others[i];
}

int evidence_judge(const struct evidence *e, uint64_t sent, uint64_t received,
		   struct proof *ret_proof)
{
	const struct plan *plan = e->world->plan;
	cleanup_free struct proof_link *others = calloc(e->n_carriers + 1, sizeof(*others));
	cleanup_free struct addr *partners =
		calloc(plan->n_nodes * SCENARIO_ADDRESSES_MAX, sizeof(*partners));
	struct proof_case c = {
		.proto = e->proto,
		.port = e->step->serve[0].port,
		.from_port = e->from_port,
		.sent = sent,
		.received = received,
		.began = e->began,
		.ended = e->ended,
		.others = others,
		.partners = partners,
	};

	if (!others || !partners)
		return -ENOMEM;
	if (plan->seed != PLAN_NONE) {
		c.seed = plan->nodes[plan->seed].external;
		c.seed.port = PLAN_SEED_PORT;
	}
	describe_end(e, e->from, &c.from);
	describe_end(e, e->to, &c.to);
	describe_routers(e, &c);
	for (size_t i = 0; i < e->n_carriers; i++)
		if (!is_used(e, &e->carriers[i]))
			others[c.n_others++] = (struct proof_link){
				e->carriers[i].name, e->carriers[i].received, e->carriers[i].sent,
				controls_on(e, &e->carriers[i])};
	for (size_t i = 0; i < plan->n_nodes; i++)
		if (&plan->nodes[i] != e->from && &plan->nodes[i] != e->to &&
		    takes_part(e, &plan->nodes[i]))
			add_partner(plan, &plan->nodes[i], partners, &c.n_partners);
	qsort(partners, c.n_partners, sizeof(*partners), cmp_host);
	return proof_judge(&c, ret_proof);
}

void evidence_free(struct evidence *e)
{
	for (size_t i = 0; i < PROOF_ROUTERS_MAX; i++)
		free(e->known[i]);
	free(e->carriers);
	*e = (struct evidence){0};
}
