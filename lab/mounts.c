/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/mounts.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

int mounts_clone(int dir, const char *path, uint64_t attrs)
{
	/* A copy is a peer of a shared original until it is told otherwise. */
	struct mount_attr attr = {.attr_set = attrs, .propagation = MS_PRIVATE};
	cleanup_close int tree = -1;

	/* Submounts that came with a user namespace are locked: all, or none. */
	tree = open_tree(dir, path,
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_NO_AUTOMOUNT |
				 AT_SYMLINK_NOFOLLOW);
	if (tree < 0)
		return -errno;
	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return -errno;
	return take_fd(&tree);
}

int mounts_attach(int tree, int dir, const char *path)
{
	return move_mount(tree, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

int mounts_bind(int from_dir, const char *from, int to_dir, const char *to, bool is_dir,
		uint64_t attrs)
{
	cleanup_close int tree = -1;

	if (is_dir ? mkdirat(to_dir, to, 0755) < 0 : mknodat(to_dir, to, S_IFREG | 0644, 0) < 0) {
		if (errno != EEXIST)
			return -errno;
	}
	tree = mounts_clone(from_dir, from, attrs);
	return tree < 0 ? tree : mounts_attach(tree, to_dir, to);
}
