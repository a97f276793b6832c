/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface between boxlab's main() and its verbs. A verb gets "boxlab VERB" as
 * argv[0], reports once, and returns the exit code (enum run_exit).
 */
#ifndef LAB_VERBS_H
#define LAB_VERBS_H

#include "lab/plan.h"

#include <stdbool.h>
#include <sys/types.h>

int verb_run(int argc, char **argv);
int verb_up(int argc, char **argv);
int verb_plan(int argc, char **argv);
int verb_exec(int argc, char **argv);
int verb_shell(int argc, char **argv);
int verb_ls(int argc, char **argv);
int verb_down(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_nat(int argc, char **argv);
int verb_matrix(int argc, char **argv);

/**
 * verb_usage() - show how a verb is used
 * @asked: by --help, so on stdout; else it is a complaint, on stderr
 *
 * Return: the exit code.
 */
int verb_usage(const char *text, bool asked);
/**
 * verb_only_json() - the command line of a verb with no options but --json and --help
 * @usage: of the verb, for verb_usage()
 * @operands_max: how many operands it may have
 *
 * Return: -1 to go on, and then optind is the first operand's; else the exit code.
 */
int verb_only_json(int argc, char **argv, const char *usage, int operands_max, bool *ret_json);

/** verb_check_id() - may a lab be called that? Return: 0, or the exit code after words. */
int verb_check_id(const char *id);
/** verb_unable() - tell why there is no lab. Return: the exit code. */
int verb_unable(const struct error *err);

/**
 * verb_read_file() - the beginning of a file
 *
 * Return: the length, or -errno; one byte more than a document may have is enough to
 * see that it is too long.
 */
ssize_t verb_read_file(const char *file, char *buf, size_t size);
/** verb_tell() - what is wrong with a document, if @r says so. Return: 0, or the exit code. */
int verb_tell(const char *file, int r, struct scenario_errors *errors);

/**
 * struct verb_input - a scenario from a file, planned
 * @dir: the directory of the file
 */
struct verb_input {
	struct scenario *scenario;
	struct plan *plan;
	char *dir;
};

/**
 * verb_load() - read a scenario and plan it; every error goes to stderr
 *
 * Return: 0, or the exit code. verb_unload() it in either case.
 */
int verb_load(const char *file, struct verb_input *ret_input);
/** verb_unload() - zeroed is legal. */
void verb_unload(struct verb_input *input);
#endif
