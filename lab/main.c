/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "lab/output.h"
#include "lab/verb_table.h"
#include "lab/verbs.h"

#include <stdio.h>
#include <string.h>

static const struct verb verbs[] = {
	{"run", verb_run, "FILE", "do the steps of a scenario and judge them"},
	{"up", verb_up, "FILE", "build a scenario's machines and keep them"},
	{"plan", verb_plan, "FILE", "show what would be built; build nothing"},
	{"matrix", verb_matrix, "", "try hole punching between every two kinds of NAT"},
	{"exec", verb_exec, "LAB MACHINE COMMAND...",
	 "run a program in a machine of a running lab"},
	{"shell", verb_shell, "LAB MACHINE", "a shell there"},
	{"ls", verb_ls, "", "the running labs and their machines"},
	{"down", verb_down, "[LAB]", "end a running lab"},
	{"nat", verb_nat, "list|show|probe|state ...", "kinds of NATs: how they behave"},
	{"doctor", verb_doctor, "", "what this machine and this user can do"},
};

static const struct verb_table table = {
	.command = "boxlab",
	.about = "Functions behind NATs, on this machine, without any cloud.",
	.verbs = verbs,
	.n = ARRAY_SIZE(verbs),
};

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		return output_finish(printf("boxlab %s\n", BOXER_VERSION) < 0);
	return output_finish(verb_table_run(&table, argc, argv));
}
