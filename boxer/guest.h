/* SPDX-License-Identifier: MIT */
/*
 * Interface for the guest: the unmodified program that a node starts once
 * everybody is there, the environment that any program of the function runs in,
 * and the shim that is loaded into it.
 */
#ifndef BOXER_GUEST_H
#define BOXER_GUEST_H

#include "base/error.h"

#include <stddef.h>

struct node;
struct guest;

/**
 * guest_locate_shim() - where programs of this function find it: node.shim
 *
 * A path that LD_PRELOAD cannot hold, with a space or a colon in it, is reached by
 * a link in BOXER_DIR.
 *
 * Return: 0; -ENOENT when it is not installed, -EINVAL when BOXER_DIR cannot be
 * written in LD_PRELOAD either, -errno.
 */
int guest_locate_shim(struct node *node);
/** guest_forget_shim() - take that link away, if there is one. */
void guest_forget_shim(const struct node *node);
/**
 * guest_environment() - BOXER_ID, _NAME, _ROLE, _SIZE, _SEED, _DIR, and LD_PRELOAD as "NAME=VALUE\n" lines
 *
 * Return: the length of @buf that is used, or -ENAMETOOLONG.
 */
int guest_environment(const struct node *node, char *buf, size_t size);
/** guest_apply_environment() - put such lines into this process's environment. */
void guest_apply_environment(char *lines);
/**
 * guest_exec() - become the program
 * @argv: NULL-terminated
 *
 * Return: only on failure: NODE_EXIT_NOT_FOUND or NODE_EXIT_NOT_EXECUTABLE, with words.
 */
int guest_exec(char *const *argv, struct error *err);

/**
 * guest_start() - start the node's guest; when it ends node.exit_status is set and
 * the loop is left
 *
 * Return: 0, or the exit status to end with, with words in node.err.
 */
int guest_start(struct node *node);
/** guest_signal() - pass on a signal that the node got; without a guest nothing happens. */
void guest_signal(struct guest *guest, int signal);
/** guest_free() - end the guest if it still runs; NULL is legal. */
void guest_free(struct guest *guest);

#endif
