/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a lab's process tree. The front process stays where the user
 * started it: it owns the terminal, the result directory and the lab's door.
 * It starts one child, the lab's pid 1, in user, mount, pid, network, uts and
 * ipc namespaces of its own; everything else of the lab is below that one. When
 * pid 1 ends, the kernel removes all of it; when the front process ends, however
 * it ends, so does pid 1.
 *
 * A running lab is found through the abstract Unix socket "@boxlab/UID/ID" that
 * the front process holds. Who connects to it is checked by uid and passed on to
 * pid 1, which then talks to the client itself.
 */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LAB_ID_MAX 32

/**
 * struct lab_options - how to start a lab
 * @id: its id, [a-z0-9-]; NULL: one is made up that no running lab has
 * @task_dir: bound to SANDBOX_TASK in every sandbox; NULL: none
 * @out_dir: descriptor of the result directory, or -1
 */
struct lab_options {
	const char *id;
	const char *task_dir;
	int out_dir;
};

/** struct lab - the lab as its pid 1 sees it */
struct lab;

/**
 * lab_start() - build the process tree and run @body as the lab's pid 1
 * @options: see there
 * @body: runs in pid 1, uid 0 of the lab's user namespace; what it returns is
 *	  the exit code
 * @arg: passed on; pid 1 has a copy of the caller's memory
 *
 * In pid 1 the host's files are gone but for what sandboxes see of them,
 * read-only; descriptors that the caller has stay open.
 *
 * Returns in the front process only, when the lab is gone. SIGINT and SIGTERM
 * to the front process end the lab gently (lab_ending() becomes true), a second
 * one at once.
 *
 * Return: the exit code of @body, 128+n if pid 1 was killed, or -errno with
 * words in @err when the kernel or the user can't (exit code 3).
 */
int lab_start(const struct lab_options *options, int (*body)(struct lab *lab, void *arg), void *arg,
	      struct error *err);

/** lab_id() - the lab's id. */
const char *lab_id(const struct lab *lab);
/**
 * lab_uids() - how many uids are mapped in the lab: 1, or 65536
 *
 * Return: 0 when the kernel gave the machine's root no user namespace, so that
 * the lab has none: a thing to report.
 */
unsigned lab_uids(const struct lab *lab);
/**
 * lab_create_file() - a new file in the result directory, opened by the front process
 * @name: relative, without ".." ; directories on the way are made
 *
 * Return: a descriptor, or -errno (-ENOENT: the lab has no result directory).
 */
int lab_create_file(struct lab *lab, const char *name, struct error *err);
/** lab_fd() - readable when a client has come or the lab is asked to end. */
int lab_fd(const struct lab *lab);
/**
 * lab_next_client() - never blocks
 *
 * Return: the connected socket of a client (SOCK_SEQPACKET), -EAGAIN when none waits.
 */
int lab_next_client(struct lab *lab);
/** lab_ending() - true when the user asked the lab to end. */
bool lab_ending(const struct lab *lab);

#endif
