/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/scratch.h"

#include "topo/topo.h"

int scratch_build(struct scratch *scratch, const char *name, const struct nat *nat, bool measured,
		  struct error *err)
{
	static char nat_name[] = "nat", host_name[] = "host";
	bool translates = nat_translates(nat);
	int r;

	scratch->entry = (struct scenario_nat){.name = nat_name, .nat = *nat};
	scratch->host = (struct scenario_node){.name = host_name, .role = ROLE_HOST, .count = 1};
	scratch->scenario = (struct scenario){
		.name = nat_name,
		.check_nats = measured,
		.check_public = measured,
		.nats = &scratch->entry,
		.n_nats = translates ? 1 : 0,
		.nodes = &scratch->host,
		.n_nodes = translates ? 0 : 1,
	};
	r = plan_make(&scratch->scenario, &scratch->plan, err);
	if (r == 0)
		r = topo_apply(&scratch->plan->spec, &scratch->topo, err);
	return r < 0 ? error_wrap(err, "%s", name) : 0;
}

void scratch_drop(struct scratch *scratch)
{
	topo_free(scratch->topo);
	plan_free(scratch->plan);
	*scratch = (struct scratch){0};
}
