/* SPDX-License-Identifier: MIT */
#include "boxer/verbs.h"

#include "base/cleanup.h"
#include "boxer/node.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *does;
} verbs[] = {
	{"seed", verb_seed, "serve as the coordinator that every function can reach"},
	{"node", verb_node, "take part without a program of its own"},
	{"run", verb_run, "take part, and run a program once everybody is there"},
	{"exec", verb_exec, "run a program in a function whose node is running"},
	{"members", verb_members, "list who takes part, and follow the changes"},
	{"status", verb_status, "say what the node knows of itself, its NAT and the others"},
	{"barrier", verb_barrier, "wait until others have come to the same place"},
	{"punch", verb_punch, "make a connection, and say how"},
	{"doctor", verb_doctor, "say whether this NAT lets connections be made, and how"},
};

static void usage(FILE *out)
{
	(void)fprintf(out, "usage: boxer VERB [OPTIONS]\n\n"
			   "TCP between functions that sit behind NATs.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		(void)fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].does);
	(void)fprintf(out, "\n'boxer VERB --help' tells the rest. boxerd is the same program.\n");
}

/* What was said and did not arrive is a failure, too. Return: the exit status. */
static int finish(const char *verb, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	(void)fprintf(stderr, "boxer %s: cannot write to standard output\n", verb);
	return status == EXIT_SUCCESS ? NODE_EXIT_FAILED : status;
}

int main(int argc, char **argv)
{
	if (geteuid() == 65534) {
		/* Peers of the local socket are told apart by uid; this one is everybody's. */
		(void)fprintf(stderr, "boxer: refusing to run as uid 65534, the overflow uid\n");
		return EXIT_USAGE;
	}
	if (sodium_init() < 0) {
		(void)fprintf(stderr, "boxer: libsodium does not start\n");
		return EXIT_FAILURE;
	}
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return finish(verbs[i].name, verbs[i].run(argc - 1, argv + 1));
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts("boxer " BOXER_VERSION);
		return EXIT_SUCCESS;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return EXIT_SUCCESS;
	}
	(void)fprintf(stderr, "boxer: no verb '%s'; 'boxer --help' lists them\n", argv[1]);
	return EXIT_USAGE;
}
