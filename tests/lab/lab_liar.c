/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "lab-liar SCENARIO DIRECTORY NAT PRESET": as "boxlab run", but the NAT of that name
 * is built as the preset says, whatever is declared.
 */
#include "base/cleanup.h"
#include "lab/run.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static struct plan *plan_lie(const char *file, const char *name, const char *preset)
{
	static char text[SCENARIO_SIZE_MAX];
	const struct nat_preset *lie = nat_preset_find(preset);
	cleanup_close int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text));
	struct scenario *scenario = NULL;
	struct scenario_errors errors;
	const struct plan_nat *nat;
	struct plan *plan;
	struct error err;

	if (len < 0 || scenario_read(text, (size_t)len, file, &scenario, &errors) < 0 ||
	    plan_make(scenario, &plan, &err) < 0)
		return NULL;
	nat = plan_find_nat(plan, name);
	if (!lie || !nat)
		return NULL;
	plan->spec.nodes[nat->topo].nat = &lie->nat;
	return plan;
}

int main(int argc, char **argv)
{
	struct run_options run = {.ready_fd = -1};
	struct lab_options lab = {0};
	struct error err;
	int r;

	if (argc != 5)
		return RUN_MISUSED;
	run.plan = plan_lie(argv[1], argv[3], argv[4]);
	lab.out_dir = open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!run.plan || lab.out_dir < 0)
		return RUN_MISUSED;
	r = lab_start(&lab, run_scenario, &run, &err);
	if (r < 0)
		(void)fprintf(stderr, "%s\n", err.text);
	return r < 0 ? RUN_UNABLE : r;
}
