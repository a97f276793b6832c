/* SPDX-License-Identifier: MIT */
/*
 * Interface for the verbs of the boxer command. Each takes its own argv, with
 * the verb as argv[0], and returns the exit status of the process.
 */
#ifndef BOXER_VERBS_H
#define BOXER_VERBS_H

/* Exit status of a command line that makes no sense. */
#define EXIT_USAGE 2

int verb_seed(int argc, char **argv);
int verb_node(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_exec(int argc, char **argv);

#endif
