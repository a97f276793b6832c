/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for user namespaces: which ids a lab gets, and words for it when
 * the kernel gives none.
 *
 * A wide lab has 65,536 ids mapped, to a range that is not the machine's: only
 * the machine's root can make one. Every other user's lab is narrow: it has the
 * one uid of its user, as uid 0. A narrow lab's programs therefore need a user
 * namespace of their own in order to be somebody else than uid 0; to the kernel
 * they are the same user still.
 */
#ifndef LAB_USERNS_H
#define LAB_USERNS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define USERNS_WIDE_BASE 1000000u /* what a wide lab's uid 0 is outside */
#define USERNS_WIDE_IDS	 65536u
#define USERNS_GUEST	 1000u /* as whom programs run */

/** userns_has_id() - is @id mapped in the caller's user namespace (as uid and as gid)? */
bool userns_has_id(unsigned id);
/** userns_may_be_wide() - may the caller map the wide range for a child? */
bool userns_may_be_wide(void);
/** userns_is_overflow() - is the caller nobody in particular (an unmapped uid)? */
bool userns_is_overflow(void);

/**
 * userns_map() - give ids to a new user namespace, from outside of it
 * @pid: a child of the caller's, the only process in that namespace
 * @wide: 65,536 ids; else the caller's own becomes 0
 *
 * Return: 0, or -errno with words.
 */
int userns_map(pid_t pid, bool wide, struct error *err);

/**
 * userns_become_root() - after userns_map(): be uid and gid 0 inside, and nothing else
 *
 * Return: 0, or -errno.
 */
int userns_become_root(bool wide);

/**
 * userns_guest() - a user namespace in which the caller's uid 0 is USERNS_GUEST
 *
 * For narrow labs. No process is in it until one enters with setns(), and no
 * user namespace can be made inside it.
 *
 * Return: a descriptor, or -errno with words.
 */
int userns_guest(struct error *err);

/**
 * userns_remedy() - why this machine gives no user namespace, and what helps
 * @code: positive errno of the refusal
 * @ret_text: a sentence that names the sysctl or the option
 *
 * Return: true when that was found to be the cause, false when it is a guess.
 */
bool userns_remedy(int code, char *ret_text, size_t size);

#endif
