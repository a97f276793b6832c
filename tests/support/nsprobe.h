/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for proving that no namespace is left, by the only count that the
 * kernel gives: the limits of a user namespace. The caller moves into a user
 * namespace around all that it starts from then on; with a limit of 1, a new
 * namespace of a kind can be made only if no other one of that kind is left,
 * whoever made it below.
 *
 * The caller has one thread (so not a Criterion worker: fork first) and stays in
 * all its other namespaces. Nothing here fails a test; it returns.
 */
#ifndef TESTS_SUPPORT_NSPROBE_H
#define TESTS_SUPPORT_NSPROBE_H

#include <stddef.h>

/**
 * nsprobe_enter() - move into a new user namespace, as its uid 0
 *
 * The caller also becomes the parent of orphans below it, and reaps them in
 * nsprobe_none_left(). The machine's root keeps its uid, the low 65,536 ids, and those that wide labs
 * map; anybody else becomes uid 0 with the one uid that he has.
 *
 * Return: 0, or -errno.
 */
int nsprobe_enter(void);

/**
 * nsprobe_limit() - allow so many namespaces of a kind below the caller's user namespace
 * @kind: "user", "net", "mnt", "pid", "uts", "ipc"
 *
 * Return: 0, or -errno.
 */
int nsprobe_limit(const char *kind, long max);

/**
 * nsprobe_none_left() - wait until no namespace of any kind is left below
 * @timeout_ms: how long; the kernel removes some of them behind one's back
 * @ret_left: which were left, and how many at least, for people; "" for none
 *
 * All children of the caller are reaped: wait for those that matter before.
 *
 * Return: 0, -ETIMEDOUT when some are left, or another -errno.
 */
int nsprobe_none_left(int timeout_ms, char *ret_left, size_t size);

#endif
