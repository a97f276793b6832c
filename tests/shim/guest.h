/* SPDX-License-Identifier: MIT */
/*
 * Interface for guests: the probe (probe.c) in a process of its own, as a rule
 * under the shim, which is told what to do line by line and answers each line
 * with one. The test binary itself never runs under the shim.
 */
#ifndef TESTS_SHIM_GUEST_H
#define TESTS_SHIM_GUEST_H

#include "tests/shim/fakenode.h"

#include <sys/types.h>

#define GUEST_LINE_MAX 512

/** struct guest - a running probe; killed at the end of the test's process */
struct guest {
	pid_t pid;
	int in;
	int out;
	char line[GUEST_LINE_MAX];
};

/** enum guest_how - the environment of a guest */
enum guest_how {
	GUEST_SHIMMED, /* LD_PRELOAD and BOXER_ID */
	GUEST_BARE,    /* BOXER_ID */
	GUEST_FOREIGN, /* LD_PRELOAD */
};

/** guest_start() - start one. @node: whose id it is given */
struct guest guest_start(const struct fakenode *node, enum guest_how how);
/** guest_tell() - give it a line; does not wait for the answer. */
void guest_tell(struct guest *guest, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** guest_hear() - wait for the answer. Return: it, until the next call. */
const char *guest_hear(struct guest *guest);
/** guest_ask() - tell and hear. */
const char *guest_ask(struct guest *guest, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** guest_wait_asleep() - wait until the guest itself waits for something. */
void guest_wait_asleep(const struct guest *guest);
/** guest_signal_until_heard() - send a signal until the answer comes. */
const char *guest_signal_until_heard(struct guest *guest, int sig);
/** guest_end() - close its input and wait. Return: its exit status, -1 if it was killed. */
int guest_end(struct guest *guest);

#endif
