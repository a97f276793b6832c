/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the command line of a Boxer process, made of what the scenario says
 * of its node.
 */
#ifndef LAB_RUN_MEMBER_COMMAND_H
#define LAB_RUN_MEMBER_COMMAND_H

#include "base/addr.h"
#include "lab/run/world.h"

#define MEMBER_WORDS_MAX 64

/**
 * struct member_command - a command line under construction
 * @argv: @n words, for who only reads them
 * @listen, @second, @seed, @wait: words that are made up
 */
struct member_command {
	const char *argv[MEMBER_WORDS_MAX + 1];
	size_t n;
	char listen[ADDR_TEXT_MAX], second[ADDR_TEXT_MAX], seed[ADDR_TEXT_MAX], wait[16];
};

/**
 * member_command() - of @machine's process, with the guest's
 * @command: holds words of it
 *
 * Return: an array to free(), ending with NULL; NULL without memory.
 */
char **member_command(const struct machine *machine, struct member_command *command);

#endif
