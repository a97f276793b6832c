/* SPDX-License-Identifier: MIT */
/*
 * Interface for the verbs that speak to a node of this machine: how they find it,
 * and what they have in common.
 */
#ifndef BOXER_VERB_LOCAL_H
#define BOXER_VERB_LOCAL_H

#include "base/error.h"
#include "boxer/boxer.h"
#include "boxer/reason.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#define LOCAL_ID_HELP \
	"  --id ID       which node, if several run here (default: BOXER_ID, or the only one)\n"

/**
 * local_find() - the node that is meant
 * @id: as the command line says; NULL: BOXER_ID, or the only one of this machine
 *
 * Return: 0, or -errno with words.
 */
int local_find(const char *id, uint32_t *ret_id, struct error *err);

/** local_open() - find it and attach. Return: -1 to go on, or an exit status, words said. */
int local_open(const char *verb, const char *id, struct boxer **ret_boxer);

/** local_failed() - say that a call of libboxer gave @r. Return: the exit status for that. */
int local_failed(const char *verb, const char *what, int r);

/** local_number() - a decimal number up to @max. Return: whether it is one. */
bool local_number(const char *text, unsigned long max, unsigned long *ret);

/**
 * local_getopt() - getopt_long(3), whose complaints name the verb as people call it
 * @argv: from the verb on
 *
 * What @options has as 'h' may also be said as -h.
 */
int local_getopt(int argc, char **argv, const char *shorts, const struct option *options);

/** local_usage() - a command line that makes no sense. Return: EXIT_USAGE. */
int local_usage(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
