/* SPDX-License-Identifier: MIT */
#include "boxer/directory.h"

#include "boxer/guest.h"
#include "boxer/node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* In a directory that others may write to the name could be a trap. */
static int own_dir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) && st.st_uid == geteuid() ? 0 : -EPERM;
}

/* BOXER_DIR: the caller's, or one that this user's node of that id always has. */
int directory_make(struct node *node)
{
	const char *tmp = getenv("TMPDIR");
	int n, r;

	if (node->options->dir)
		n = snprintf(node->dir, sizeof(node->dir), "%s", node->options->dir);
	else
		n = snprintf(node->dir, sizeof(node->dir), "%s/boxer-%u-%u",
			     tmp && *tmp ? tmp : "/tmp", (unsigned)geteuid(), node->id);
	r = n < 0 || (size_t)n >= sizeof(node->dir) ? -ENAMETOOLONG : own_dir(node->dir);
	/* What is not ours is not tidied up either. */
	if (r < 0)
		node->dir[0] = '\0';
	return r;
}

void directory_remove(const struct node *node)
{
	if (!node->dir[0])
		return;
	guest_forget_shim(node);
	if (!node->options->dir)
		(void)rmdir(node->dir);
}
