/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for verbs in a table, which finds one by its name and explains them
 * all; "boxlab" and "boxlab nat" have one each.
 */
#ifndef LAB_VERB_TABLE_H
#define LAB_VERB_TABLE_H

#include <stddef.h>

/**
 * struct verb - one verb
 * @run: gets "boxlab VERB" as argv[0] and returns the exit code
 * @synopsis: its operands
 * @what: what it does, in some words
 */
struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *synopsis;
	const char *what;
};

/**
 * struct verb_table - the verbs of one command
 * @command: "boxlab", "boxlab nat"
 * @about: a line of what it is for
 * @more: what help says beneath the verbs, or NULL
 */
struct verb_table {
	const char *command;
	const char *about;
	const char *more;
	const struct verb *verbs;
	size_t n;
};

/** verb_table_run() - the verb of argv[1], or help. Return: the exit code. */
int verb_table_run(const struct verb_table *table, int argc, char **argv);

#endif
