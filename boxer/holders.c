/* SPDX-License-Identifier: MIT */
#include "boxer/holders.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int by_inode(const void *a, const void *b)
{
	const struct held *left = a, *right = b;

	return left->inode < right->inode ? -1 : left->inode > right->inode;
}

static struct held *find(const struct held *sockets, size_t n, ino_t inode)
{
	const struct held wanted = {.inode = inode};

	return bsearch(&wanted, sockets, n, sizeof(*sockets), by_inode);
}

/* stat() would follow the link, perhaps to a file system that does not answer. */
static void look_at(int dir, const char *name, struct held *sockets, size_t n)
{
	char link[64];
	ssize_t len = readlinkat(dir, name, link, sizeof(link) - 1);
	unsigned long inode;
	struct held *found;

	link[len > 0 ? len : 0] = '\0';
	if (sscanf(link, "socket:[%lu]", &inode) != 1)
		return;
	found = find(sockets, n, inode);
	if (found)
		found->held = true;
}

/*
 * It may have ended by now. One that we may not look into is another user's, or of a user
 * namespace around ours, or must not be traced; some of these are on every machine.
 */
static bool may_be_skipped(int error)
{
	return error == ENOENT || error == ESRCH || error == EACCES || error == EPERM;
}

static int look_into(int proc, const char *pid, struct held *sockets, size_t n)
{
	char path[300];
	DIR *dir;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return may_be_skipped(errno) ? 0 : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		look_at(dirfd(dir), e->d_name, sockets, n);
	(void)closedir(dir);
	return 0;
}

/* Return: 0; or -errno: /proc is none, or of processes that are numbered otherwise. */
static int own_name(char *ret, size_t size)
{
	char pid[16];
	ssize_t len = readlink("/proc/self", ret, size - 1);

	if (len < 0)
		return -errno;
	ret[len] = '\0';
	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	return strcmp(ret, pid) == 0 ? 0 : -ESRCH;
}

int holders_find(struct held *sockets, size_t n)
{
	char self[16];
	int r = own_name(self, sizeof(self));
	DIR *dir = r == 0 ? opendir("/proc") : NULL;

	if (!dir)
		return r < 0 ? r : -errno;
	qsort(sockets, n, sizeof(*sockets), by_inode);
	for (struct dirent *e = readdir(dir); e && r == 0; e = readdir(dir))
		if (isdigit((unsigned char)e->d_name[0]) && strcmp(e->d_name, self) != 0)
			r = look_into(dirfd(dir), e->d_name, sockets, n);
	(void)closedir(dir);
	return r;
}

bool holders_look_up(const struct held *sockets, size_t n, ino_t inode)
{
	const struct held *found = find(sockets, n, inode);

	return found && found->held;
}
