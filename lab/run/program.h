/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a program in a machine: started, heard of, ended, forgotten. A
 * struct program is embedded by who started it and must be forgotten before it
 * goes away.
 */
#ifndef LAB_RUN_PROGRAM_H
#define LAB_RUN_PROGRAM_H

#include "lab/expect.h"
#include "lab/run/world.h"

#define PROGRAM_TAIL_MAX 512

/**
 * struct program - one program
 * @machine: where; NULL when it was never started
 * @next: in machine.programs
 * @handle: the sandbox's
 * @ended: @end is valid
 * @on_end: told when it has ended; may be NULL
 * @out, @err: its output files, open for reading, or -1
 * @out_name, @err_name: their names; empty when there are none
 */
struct program {
	struct machine *machine;
	struct program *next;
	uint32_t handle;
	bool ended;
	struct expect_end end;
	void (*on_end)(struct program *program);
	int out, err;
	char out_name[RESULT_NAME_MAX], err_name[RESULT_NAME_MAX];
};

/**
 * struct program_spec - what to start
 * @argv: NULL-terminated
 * @env: additional NAME=VALUE strings, NULL-terminated; NULL for none
 * @file: its output goes to "FILE.out" and "FILE.err" in the result directory
 * @no_out: nothing is expected on its stdout; what comes there goes to "FILE.err" too
 * @cpu: pinned to that processor; -1: anywhere
 * @by_boxer: `boxer exec` starts it
 * @fd3: inherited as descriptor 3; -1: none
 */
struct program_spec {
	char *const *argv;
	char *const *env;
	const char *file;
	int cpu;
	bool no_out;
	bool by_boxer;
	int fd3;
};

/** program_start() - Return: 0, or -errno; program_forget() it in either case. */
int program_start(struct program *program, struct machine *machine, const struct program_spec *spec,
		  struct error *err);
/** program_signal() - to its whole process group; what has ended is left alone. */
void program_signal(struct program *program, int signal);
/** program_forget() - close its files and hear of it no more; zeroed is legal. */
void program_forget(struct program *program);
/**
 * program_tail() - the last lines that it wrote, on one line, to tell a person
 *
 * Return: @buf; empty when it wrote nothing.
 */
const char *program_tail(const struct program *program, char buf[static PROGRAM_TAIL_MAX]);
/** program_lost_output() - is there no room for more of what it writes? Return: an errno, or 0. */
int program_lost_output(const struct program *program);
/** program_output() - all that it wrote to stdout. Return: 0, or -errno; free() the text. */
int program_output(const struct program *program, char **ret_text, size_t *ret_len,
		   struct error *err);
/** program_take_events() - what @machine's sandbox has to report. */
void program_take_events(struct machine *machine);

#endif
