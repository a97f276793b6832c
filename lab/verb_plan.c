/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "lab/run.h"
#include "lab/verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: boxlab plan FILE [--json]\n"
	"       boxlab plan --schema | --reference\n"
	"\n"
	"Show the machines, addresses and NATs that a scenario makes; build nothing.\n"
	"\n"
	"  --json       for programs\n"
	"  --schema     the JSON Schema of scenarios\n"
	"  --reference  every key of a scenario, in Markdown\n";

static int plan_file(const char *file, bool json)
{
	cleanup_with(verb_unload) struct verb_input input = {0};
	int r = verb_load(file, &input);

	if (r)
		return r;
	if (!json) {
		plan_print(input.plan, stdout);
		return RUN_PASSED;
	}
	r = plan_print_json(input.plan, stdout);
	if (r < 0)
		(void)fprintf(stderr, "boxlab: %s: %s\n", file, strerror(-r));
	return r < 0 ? RUN_UNABLE : RUN_PASSED;
}

int verb_plan(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"schema", no_argument, NULL, 's'},
		{"reference", no_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	bool json = false;
	int only = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'j')
			json = true;
		else if (opt == 's' || opt == 'r')
			only = opt;
		else
			return verb_usage(usage, opt == 'h');
	}
	if (argc - optind != (only ? 0 : 1) || (only && json))
		return verb_usage(usage, false);
	if (only == 's')
		scenario_print_schema(stdout);
	if (only == 'r')
		scenario_print_reference(stdout);
	return only ? RUN_PASSED : plan_file(argv[optind], json);
}
