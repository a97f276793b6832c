/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/selfcheck.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/expect.h"
#include "lab/run/carrier.h"
#include "lab/run/natcheck.h"

#include <stdio.h>
#include <string.h>

/* Probers mostly wait for what does not come; and one reflector serves so many. */
#define AT_A_TIME   32
#define PATIENCE_NS (60 * NS_PER_S)
#define PER_NAT_NS  (1 * NS_PER_S)

/**
 * struct checking - all of them
 * @forgot: for each of @targets, whether its NAT has lost the prober's flows
 */
struct checking {
	struct world *world;
	struct natcheck *check;
	struct natcheck_target *targets;
	struct natcheck_reflector *reflectors;
	bool *forgot;
};

static void drop_checking(struct checking *c)
{
	natcheck_free(c->check);
	free(c->targets);
	free(c->reflectors);
	free(c->forgot);
}

/*
 * To find a NAT's flows, the kernel looks at all of the machine: they have to go
 * before those of a thousand NATs are there.
 */
static void forget_flows(struct world *world, size_t nat)
{
	struct conntrack *watch;
	struct error err;

	/* What remains goes with all the rest, ignoring. */
	if (conntrack_open(topo_netns(world->topo, world->plan->nats[nat].topo), &watch, &err) < 0)
		return;
	(void)conntrack_flush(watch, &err);
	conntrack_close(watch);
}

static bool all_done(void *arg)
{
	struct checking *c = arg;

	for (size_t i = 0; i < c->world->plan->n_nats; i++) {
		if (c->forgot[i] || !c->targets[i].done)
			continue;
		c->forgot[i] = true;
		forget_flows(c->world, i);
	}
	return natcheck_left(c->check) == 0;
}

static void describe(const struct world *world, struct natcheck_target *targets,
		     struct natcheck_reflector *reflectors)
{
	const struct plan *plan = world->plan;

	for (size_t i = 0; i < plan->n_nats; i++) {
		const struct plan_nat *nat = &plan->nats[i];

		targets[i].name = nat->name;
		targets[i].declared = &nat->nat;
		targets[i].netns = topo_netns(world->topo, nat->probe.topo);
		targets[i].local = nat->probe.inside;
		targets[i].second = nat->probe.second;
		targets[i].reflector = nat->probe.reflector;
	}
	for (size_t i = 0; i < plan->n_reflectors; i++) {
		const struct plan_reflector *reflector = &plan->reflectors[i];

		reflectors[i].netns = topo_netns(world->topo, reflector->topo);
		(void)memcpy(reflectors[i].addrs, reflector->addrs, sizeof(reflector->addrs));
	}
}

/* "fn0-nat: mapping (tcp): declared eim, measured apdm; fn1-nat: ..." */
static int judge(const struct world *world, const struct natcheck_target *targets,
		 struct error *err)
{
	size_t len = 0;
	int r = 0;

	for (size_t i = 0; i < world->plan->n_nats; i++) {
		const struct natcheck_target *t = &targets[i];
		struct result_nat *nat = &world->result->nats[i];

		if (t->failure.code) {
			(void)error_set(err, t->failure.code,
					"%s: %s (\"check_nats: off\" does without)", t->name,
					t->failure.text);
			return -t->failure.code;
		}
		*nat = (struct result_nat){true, t->measured, t->differences};
		for (size_t k = 0; k < t->differences.n && len < sizeof(err->text); k++) {
			len += (size_t)snprintf(err->text + len, sizeof(err->text) - len,
						"%s%s%s%s", len ? "; " : "", k ? "" : t->name,
						k ? "" : ": ", t->differences.text[k]);
			err->code = EXPECT_UNMET;
			r = -EXPECT_UNMET;
		}
	}
	return r;
}

/* Limits would forbid to ask so much at once. */
static int lift_limits(struct world *world, struct error *err)
{
	static const struct nat_limits none;
	int r = 0;

	for (size_t i = 0; r == 0 && i < world->plan->n_nats; i++) {
		const struct plan_nat *nat = &world->plan->nats[i];
		struct nat unlimited = nat->nat;
		const struct topo_nat_change change = {.nat = &unlimited};

		if (memcmp(&nat->nat.limits, &none, sizeof(none)) == 0)
			continue;
		unlimited.limits = none;
		r = topo_nat_change(world->topo, nat->topo, &change, err);
		if (r < 0)
			(void)error_wrap(err, "%s", nat->name);
	}
	return r;
}

/* All that they were asked, and that limits were lifted. */
static int forget(struct world *world, struct error *err)
{
	const struct plan *plan = world->plan;
	cleanup_free struct topo_nat_order *orders = calloc(plan->n_nats, sizeof(*orders));

	if (!orders)
		return error_sys(err, ENOMEM, "the NATs");
	for (size_t i = 0; i < plan->n_nats; i++)
		orders[i] = (struct topo_nat_order){
			.node = plan->nats[i].topo,
			.change = {.nat = &plan->nats[i].nat, .forget = true},
		};
	return topo_nats_change(world->topo, orders, plan->n_nats, err);
}

static int measure(struct checking *c, struct error *err)
{
	const struct natcheck_options options = {.quick = true, .at_a_time = AT_A_TIME};
	const struct plan *plan = c->world->plan;
	int r = natcheck_start(c->world->loop, &options, c->reflectors, plan->n_reflectors,
			       c->targets, plan->n_nats, &c->check, err);

	if (r < 0)
		return r;
	r = world_wait(c->world, &(struct wait){.done = all_done,
						.arg = c,
						.deadline = clock_now() + PATIENCE_NS +
							    plan->n_nats * PER_NAT_NS});
	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT, "%zu of %zu NATs were not measured in time",
				 natcheck_left(c->check), plan->n_nats);
	return r;
}

int selfcheck(struct world *world, struct error *err)
{
	const struct plan *plan = world->plan;
	cleanup_with(drop_checking) struct checking c = {
		.world = world,
		.targets = calloc(plan->n_nats, sizeof(*c.targets)),
		.reflectors = calloc(plan->n_reflectors, sizeof(*c.reflectors)),
		.forgot = calloc(plan->n_nats, sizeof(*c.forgot)),
	};
	int r;

	if (!c.targets || !c.reflectors || !c.forgot)
		return error_sys(err, ENOMEM, "the NATs");
	describe(world, c.targets, c.reflectors);
	r = carrier_clean(world, err);
	if (r == 0)
		r = lift_limits(world, err);
	if (r == 0)
		r = measure(&c, err);
	if (r == 0)
		r = judge(world, c.targets, err);
	natcheck_free(take_ptr(c.check));
	if (r == 0)
		r = forget(world, err);
	return r < 0 ? r : carrier_begin(world, err);
}
