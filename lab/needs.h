/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for what a plan needs of the machine, so that one that is too large
 * is refused before anything is built. Counting is pure.
 */
#ifndef LAB_NEEDS_H
#define LAB_NEEDS_H

#include <stddef.h>

/* What a function with a NAT of its own takes of the lab's pid 1: two network
 * namespaces, the NAT's two sockets, the sandbox's two, and four of Boxer's:
 * events, their copy, and two files of output. */
#define NEEDS_FILES_PER_FUNCTION 10

struct plan;

/** enum need - what there are limits to; user namespaces are lab_start()'s to explain */
enum need {
	NEED_FILES, /* open at once, in the lab's pid 1 */
	NEED_PROCESSES,
	NEED_NET_NS,
	NEED_MNT_NS,
	NEED_PID_NS,
	NEED_UTS_NS,
	NEED_IPC_NS,
	NEEDS,
};

/** struct needs - how many of each; programs may start more processes of their own */
struct needs {
	size_t n[NEEDS];
};

/** plan_needs() - the most that a run of @plan has at one time. */
struct needs plan_needs(const struct plan *plan);

#endif
