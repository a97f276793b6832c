/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the end of whoever prints on stdout: what could not be written is no
 * success, as when "--json > file" meets a full disk.
 */
#ifndef LAB_OUTPUT_H
#define LAB_OUTPUT_H

/**
 * output_finish() - flush stdout; say so on stderr if something was lost
 * @code: what the exit code would be, an enum run_exit
 *
 * Return: @code, or RUN_UNABLE for a success that was lost. A reader that has gone has
 * had enough: then 128+SIGPIPE, without a word, as pid 1 of a lab can't die of it.
 */
int output_finish(int code);

#endif
