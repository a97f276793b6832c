/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for mounts: a tree of the host at a second place, read-only and cut
 * off from what is mounted on the host later.
 */
#ifndef LAB_MOUNTS_H
#define LAB_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

/* What a sandbox may do with the host's files: read them. */
#define MOUNTS_READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/**
 * mounts_clone() - a detached copy of the tree at @path, all submounts included
 * @attrs: MOUNT_ATTR_* to set on each mount of it
 *
 * Return: a descriptor, or -errno.
 */
int mounts_clone(int dir, const char *path, uint64_t attrs);
/** mounts_attach() - put a detached tree on @path, which exists. Return: 0, or -errno. */
int mounts_attach(int tree, int dir, const char *path);
/** mounts_bind() - clone and attach; directory or file @to is made. Return: 0, or -errno. */
int mounts_bind(int from_dir, const char *from, int to_dir, const char *to, bool is_dir,
		uint64_t attrs);

#endif
