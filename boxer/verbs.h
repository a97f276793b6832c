/* SPDX-License-Identifier: MIT */
/*
 * Interface for the verbs of the boxer command. Each takes its own argv, with
 * the verb as argv[0], and returns the exit status of the process.
 */
#ifndef BOXER_VERBS_H
#define BOXER_VERBS_H

#include "base/addr.h"
#include "boxer/auth.h"

#include <stddef.h>

/* Exit status of a command line that makes no sense. */
#define EXIT_USAGE 2

int verb_seed(int argc, char **argv);
int verb_node(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_exec(int argc, char **argv);
int verb_members(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_barrier(int argc, char **argv);
int verb_punch(int argc, char **argv);
int verb_doctor(int argc, char **argv);

/**
 * verb_take_seed() - read --seed
 * @ret_seed: room for FRAME_OBSERVERS; the endpoint to join, and who else looks at the
 *	control port: the seed's next port, and its second address
 *
 * Return: -1 to go on, or an exit status, words said.
 */
int verb_take_seed(const char *verb, const char *text, struct addr *ret_seed, size_t *ret_n);
/** verb_take_key() - read --key-file. Return: as verb_take_seed(). */
int verb_take_key(const char *verb, const char *path, uint8_t ret_key[static AUTH_KEY_LEN]);

#endif
