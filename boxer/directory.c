/* SPDX-License-Identifier: MIT */
#include "boxer/directory.h"

#include "boxer/guest.h"
#include "boxer/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * In a directory that others may write to a name could be a trap, and a library that
 * programs are made to load could be another one. Return: what is wrong; NULL: nothing.
 */
static const char *not_ours(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) == 0)
		return NULL;
	if (errno != EEXIST || lstat(path, &st) < 0)
		return strerror(errno);
	if (!S_ISDIR(st.st_mode))
		return S_ISLNK(st.st_mode) ? "it is a symbolic link" : strerror(ENOTDIR);
	if (st.st_uid != geteuid())
		return "it is another user's";
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return "others may write to it";
	return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) < 0 ? strerror(errno) : NULL;
}

static int check(struct node *node, const char *path)
{
	const char *wrong = not_ours(path);

	if (!wrong)
		return 0;
	node_fail(node, REASON_LOCAL, "%s %s can't be used: %s",
		  node->options->dir ? "--dir" : "the directory", path, wrong);
	return -EPERM;
}

int directory_check(struct node *node)
{
	const char *dir = node->options->dir;

	if (!dir)
		return 0;
	if (strlen(dir) < sizeof(node->dir))
		return check(node, dir);
	node_fail(node, REASON_LOCAL, "--dir %.32s... is longer than %zu characters", dir,
		  sizeof(node->dir) - 1);
	return -ENAMETOOLONG;
}

/* BOXER_DIR: the caller's, or one that this user's node of that id always has. */
int directory_make(struct node *node)
{
	const char *tmp = getenv("TMPDIR");
	char path[sizeof(node->dir)];
	int n;

	if (node->options->dir)
		n = snprintf(path, sizeof(path), "%s", node->options->dir);
	else
		n = snprintf(path, sizeof(path), "%s/boxer-%u-%u", tmp && *tmp ? tmp : "/tmp",
			     (unsigned)geteuid(), node->id);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		node_fail(node, REASON_LOCAL, "TMPDIR is too long for a directory below it");
		return -ENAMETOOLONG;
	}
	/* What is not ours is not tidied up either. */
	if (check(node, path) < 0)
		return -EPERM;
	(void)memcpy(node->dir, path, strlen(path) + 1);
	return 0;
}

void directory_remove(const struct node *node)
{
	if (!node->dir[0])
		return;
	guest_forget_shim(node);
	if (!node->options->dir)
		(void)rmdir(node->dir);
}
