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

/** What all verbs have, in a table of options. */
#define LOCAL_OPTIONS                          \
	{"id", required_argument, NULL, 'i'},  \
	{                                      \
		"help", no_argument, NULL, 'h' \
	}
/** What those have that print JSON, too. */
#define LOCAL_OPTIONS_JSON {"json", no_argument, NULL, 'j'}, LOCAL_OPTIONS

/**
 * struct local_line - the command line of a verb, and what verbs have in common of it
 * @usage: what --help says
 * @options: the verb's own, and LOCAL_OPTIONS or LOCAL_OPTIONS_JSON
 * @has_program: behind the options follows a program with options of its own
 * @begun: for local_next() alone
 * @status: an exit status, when there is nothing left to do; else -1
 * @id: --id, or NULL
 * @json: --json
 */
struct local_line {
	const char *usage;
	const struct option *options;
	bool has_program;
	bool begun;
	int status;
	const char *id;
	bool json;
};

/**
 * local_next() - go on to the next option that is the verb's own
 *
 * Return: its letter, with optarg; -1 behind the last one, with @line filled in and
 * optind at the first operand.
 */
int local_next(struct local_line *line, int argc, char **argv);

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
