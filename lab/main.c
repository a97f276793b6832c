/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "lab/run.h"
#include "lab/verbs.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*verb)(int argc, char **argv);
	const char *synopsis;
	const char *what;
} verbs[] = {
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

static int help(FILE *out, int code)
{
	(void)fputs("usage: boxlab VERB [OPTION]... [ARGUMENT]...\n"
		    "\n"
		    "Functions behind NATs, on this machine, without any cloud.\n"
		    "\n",
		    out);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		(void)fprintf(out, "  %-6s %-25s  %s\n", verbs[i].name, verbs[i].synopsis,
			      verbs[i].what);
	(void)fputs("\n\"boxlab VERB --help\" says more of a verb.\n", out);
	return code;
}

/* What could not be written is no success: a full disk below "--json > file". */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	(void)fprintf(stderr, "boxlab: cannot write to standard output\n");
	return code == RUN_PASSED ? RUN_UNABLE : code;
}

int main(int argc, char **argv)
{
	static char title[32];

	if (argc < 2)
		return help(stderr, RUN_MISUSED);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return help(stdout, RUN_PASSED);
	if (strcmp(argv[1], "--version") == 0)
		return printf("boxlab %s\n", BOXER_VERSION) < 0;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		(void)snprintf(title, sizeof(title), "boxlab %s", verbs[i].name);
		argv[1] = title;
		return finish(verbs[i].verb(argc - 1, argv + 1));
	}
	(void)fprintf(stderr, "boxlab: there is no verb \"%s\"\n", argv[1]);
	return help(stderr, RUN_MISUSED);
}
