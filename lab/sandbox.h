/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for sandboxes: the world in which a node's programs live. A sandbox
 * has mount, pid, uts and ipc namespaces of its own, the network namespace it
 * is given, and a pid 1 (the init) that starts programs on request, reaps, and
 * reports exit statuses; killing the init is how a machine dies with everything
 * that it started. Programs run as uid 1000 without capabilities, with
 * no_new_privs and 1,024 descriptors, on a read-only root with private /tmp,
 * /run, /dev and /etc/{passwd,group,hosts,hostname,resolv.conf}.
 *
 * Everything here is called by the lab's pid 1. Handles of programs are numbers
 * that are never used twice in a lab.
 */
#ifndef LAB_SANDBOX_H
#define LAB_SANDBOX_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SANDBOX_NAME_MAX     64 /* a hostname */
#define SANDBOX_FDS_MAX	     8
#define SANDBOX_REQUEST_MAX  65536 /* bytes of argv and environment of one program */
#define SANDBOX_PROGRAMS_MAX 256   /* started and not yet reported as ended, per sandbox */

/* Where things are inside every sandbox. */
#define SANDBOX_TOOLS "/opt"	  /* bin/ and lib/: ours, as Lambda's layers */
#define SANDBOX_TASK  "/var/task" /* the scenario's directory, read-only; where programs start */
#define SANDBOX_HOME  "/tmp"	  /* the only place that a function may write to */

/** struct sandbox_file - a small file that is put into the sandbox, mode 0444 */
struct sandbox_file {
	const char *path; /* absolute, below /etc or /run */
	const char *content;
};

/**
 * struct sandbox_spec - what the world looks like
 * @name: hostname
 * @netns: its network namespace; stays the caller's
 * @files: put there besides the standard ones, which they may replace
 */
struct sandbox_spec {
	const char *name;
	int netns;
	const struct sandbox_file *files;
	size_t n_files;
};

/**
 * struct sandbox_program - a program to start
 * @argv: NULL-terminated; argv[0] is looked up in the sandbox's PATH
 * @env: additional NAME=VALUE strings, NULL-terminated; NULL for none. The rest
 *	 is the sandbox's own: PATH, LD_LIBRARY_PATH, HOME, TMPDIR, LANG, TERM
 * @fds: descriptors that it inherits, numbered from 0; stay the caller's; -1: /dev/null
 * @n_fds: 3 or more
 * @cpu: pinned to that processor; -1: anywhere
 * @tty: fds[0] is a terminal that becomes its controlling one
 */
struct sandbox_program {
	char *const *argv;
	char *const *env;
	int fds[SANDBOX_FDS_MAX];
	size_t n_fds;
	int cpu;
	bool tty;
};

/**
 * struct sandbox_event - what the init reports
 * @handle: which program; 0: the sandbox itself has ended
 * @exec_error: positive errno when the program could not be executed, else 0
 * @status: as from waitpid()
 */
struct sandbox_event {
	uint32_t handle;
	int exec_error;
	int status;
};

struct sandbox;

/** sandbox_start() - build the world and its init. Return: 0, or -errno with the failing step. */
int sandbox_start(const struct sandbox_spec *spec, struct sandbox **ret_sandbox, struct error *err);
/** sandbox_kill() - end it with all that runs in it, and free; NULL is legal. */
void sandbox_kill(struct sandbox *sandbox);
/** sandbox_pid() - the init's pid, as the lab's pid 1 sees it. */
pid_t sandbox_pid(const struct sandbox *sandbox);
/** sandbox_fd() - readable when an event waits; for an event loop. */
int sandbox_fd(const struct sandbox *sandbox);
/** sandbox_next_event() - never blocks. Return: 1 with an event, 0 when none waits, or -errno. */
int sandbox_next_event(struct sandbox *sandbox, struct sandbox_event *ret_event);
/**
 * sandbox_spawn() - start a program; it leads a session and a process group of its own
 *
 * Return: 0, or -errno: -E2BIG over SANDBOX_REQUEST_MAX, -EAGAIN over
 * SANDBOX_PROGRAMS_MAX. That it can't be executed comes as an event.
 */
int sandbox_spawn(struct sandbox *sandbox, const struct sandbox_program *program,
		  uint32_t *ret_handle, struct error *err);
/** sandbox_signal() - send @signal to the program's process group. Return: 0, -ESRCH, or -errno. */
int sandbox_signal(struct sandbox *sandbox, uint32_t handle, int signal);
/**
 * sandbox_open_tty() - a new terminal of the sandbox's own /dev/pts, owned by its programs' user
 * @ret_master: the terminal's far side
 * @ret_tty: for a program's fds[0], with .tty
 *
 * Return: 0, or -errno.
 */
int sandbox_open_tty(struct sandbox *sandbox, int *ret_master, int *ret_tty, struct error *err);

#endif
