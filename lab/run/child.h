/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a child of the lab's pid 1 that has no sandbox: one of the project's
 * own programs, run in a network namespace, heard of in an event loop. A struct
 * child is embedded by who started it; child_end() it before it goes away.
 */
#ifndef LAB_RUN_CHILD_H
#define LAB_RUN_CHILD_H

#include "base/error.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_TEXT_MAX 16384

/** struct child_stream - what it has written to one descriptor; more is thrown away */
struct child_stream {
	int fd;
	struct ev_io io;
	size_t len;
	char text[CHILD_TEXT_MAX + 1];
};

/**
 * struct child - a program
 * @pid: 0: it was never started, or it has been ended
 * @ended: its @status is known, and all that it wrote
 * @late: it was killed, for its deadline had come
 * @on_news: told when it has written to stdout, and when it has ended
 */
struct child {
	struct ev_loop *loop;
	pid_t pid;
	int pidfd;
	struct ev_io exit;
	struct ev_timer deadline;
	struct child_stream out, err;
	bool ended, late;
	int status;
	void (*on_news)(struct child *child);
	void *arg;
};

/**
 * child_start() - start it
 * @argv: argv[0] is its path
 * @netns: stays the caller's
 * @patience_ns: after that long it is killed; 0: never
 *
 * Return: 0, or -errno.
 */
int child_start(struct child *child, struct ev_loop *loop, int netns, char *const *argv,
		uint64_t patience_ns, struct error *err);
/** child_end() - kill it if it still runs, and forget it; zeroed is legal. */
void child_end(struct child *child);
/** child_passed() - it has ended, by itself, with status 0. */
bool child_passed(const struct child *child);
/** child_complaint() - why it did not: its last line, or how it ended. Return: -errno. */
int child_complaint(const struct child *child, const char *name, struct error *err);

#endif
