/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/files.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t r = write(fd, text, len);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		text += r;
		len -= (size_t)r;
	}
	return 0;
}

int file_write(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : write_all(fd, text);
}

int dir_make_parents(int dir, const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return -ENAMETOOLONG;
	(void)memcpy(part, path, len + 1);
	for (char *slash = strchr(part, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (*part && mkdirat(dir, part, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

int file_put(int dir, const char *path, const char *content, mode_t mode)
{
	cleanup_close int fd = -1;
	int r;

	r = dir_make_parents(dir, path);
	if (r < 0)
		return r;
	fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, content);
	if (r < 0)
		return r;
	/* Not left to the umask. */
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

ssize_t file_read(const char *path, char *ret_text, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t r;

	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		r = read(fd, ret_text + len, size - 1 - len);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		len += (size_t)r;
	}
	ret_text[len] = '\0';
	return (ssize_t)len;
}

long file_read_long(const char *path, long otherwise)
{
	char text[32];
	char *end;
	long value;

	if (file_read(path, text, sizeof(text)) <= 0)
		return otherwise;
	errno = 0;
	value = strtol(text, &end, 10);
	return errno || end == text ? otherwise : value;
}
