/* SPDX-License-Identifier: MIT */
/*
 * Interface for holders: has another process the same socket open? The kernel tells
 * a process of its own copies only, so all of /proc is looked through: for rare events.
 */
#ifndef BOXER_HOLDERS_H
#define BOXER_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** struct held - a socket, by its inode; @held: by another process than this one */
struct held {
	ino_t inode;
	bool held;
};

/**
 * holders_find() - fill in .held of @n sockets, all in one go; @sockets are sorted afterwards
 *
 * Processes into which we may not look, as those of other users, don't count.
 *
 * Return: 0; -errno: that can't be told.
 */
int holders_find(struct held *sockets, size_t n);
/** holders_look_up() - what was found of @inode. */
bool holders_look_up(const struct held *sockets, size_t n, ino_t inode);

#endif
