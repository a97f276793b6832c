/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run.h"
#include "lab/verbs.h"

#include <getopt.h>
#include <stdio.h>

int verb_usage(const char *text, bool asked)
{
	(void)fputs(text, asked ? stdout : stderr);
	return asked ? RUN_PASSED : RUN_MISUSED;
}

int verb_only_json(int argc, char **argv, const char *usage, int operands_max, bool *ret_json)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt != 'j')
			return verb_usage(usage, opt == 'h');
		json = true;
	}
	if (argc - optind > operands_max)
		return verb_usage(usage, false);
	*ret_json = json;
	return -1;
}
