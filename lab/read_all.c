/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/read_all.h"

#include <errno.h>
#include <unistd.h>

ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}
