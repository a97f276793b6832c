/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/selfcheck.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/expect.h"
#include "lab/run/natcheck.h"

#include <stdio.h>
#include <string.h>

/* Probers mostly wait for what does not come. */
#define AT_A_TIME   16
#define PATIENCE_NS (60 * NS_PER_S)
#define PER_NAT_NS  (1 * NS_PER_S)

static void drop_check(struct natcheck **check)
{
	natcheck_free(*check);
}

static bool all_done(void *arg)
{
	return natcheck_left(arg) == 0;
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
			*err = t->failure;
			return error_wrap(err, "%s can't be measured", t->name);
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
	int r = 0;

	for (size_t i = 0; r == 0 && i < world->plan->n_nats; i++) {
		const struct plan_nat *nat = &world->plan->nats[i];
		const struct topo_nat_change change = {.nat = &nat->nat, .forget = true};

		r = topo_nat_change(world->topo, nat->topo, &change, err);
		if (r < 0)
			(void)error_wrap(err, "%s", nat->name);
	}
	return r;
}

int selfcheck(struct world *world, struct error *err)
{
	const struct plan *plan = world->plan;
	const struct natcheck_options options = {.quick = true, .at_a_time = AT_A_TIME};
	cleanup_free struct natcheck_target *targets = calloc(plan->n_nats, sizeof(*targets));
	cleanup_free struct natcheck_reflector *reflectors =
		calloc(plan->n_reflectors, sizeof(*reflectors));
	cleanup_with(drop_check) struct natcheck *check = NULL;
	int r;

	if (!targets || !reflectors)
		return error_sys(err, ENOMEM, "the NATs");
	describe(world, targets, reflectors);
	r = lift_limits(world, err);
	if (r == 0)
		r = natcheck_start(world->loop, &options, reflectors, plan->n_reflectors, targets,
				   plan->n_nats, &check, err);
	if (r == 0)
		r = world_wait(world, &(struct wait){.done = all_done,
						     .arg = check,
						     .deadline = clock_now() + PATIENCE_NS +
								 plan->n_nats * PER_NAT_NS});
	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT, "%zu of %zu NATs were not measured in time",
				 natcheck_left(check), plan->n_nats);
	if (r == 0)
		r = judge(world, targets, err);
	natcheck_free(take_ptr(check));
	return r < 0 ? r : forget(world, err);
}
