/* SPDX-License-Identifier: MIT */
/*
 * Interface between the files of the probe: how a command answers, and the
 * commands that have a file of their own. A command is given the words of its
 * line, the first being its name, with NULL after the last.
 */
#ifndef TESTS_SHIM_PROBE_H
#define TESTS_SHIM_PROBE_H

#include "base/addr.h"

/** probe_answer() - the one line that answers a command. */
void probe_answer(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** probe_format() - a socket address as text. Return: @buf, or a "?". */
const char *probe_format(const struct sockaddr_storage *ss, socklen_t len,
			 char buf[static ADDR_TEXT_MAX]);

void probe_resolve(char **words);
void probe_host(char **words);
void probe_host_r(char **words);
void probe_open(char **words);
void probe_members(char **words);
void probe_member(char **words);
void probe_reach(char **words);
void probe_serve(char **words);
void probe_take(char **words);

#endif
