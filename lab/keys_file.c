/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/keys.h"

#include "base/cleanup.h"
#include "lab/read_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Relative to the directory of @document. */
static char *path_of(const char *document, const char *name)
{
	const char *slash = strrchr(document, '/');
	char *path;

	if (*name == '/' || !slash)
		return strdup(name);
	if (asprintf(&path, "%.*s/%s", (int)(slash - document), document, name) < 0)
		return NULL;
	return path;
}

/* One byte more than a document may have is enough to see that. Return: the length, or -errno. */
static ssize_t read_regular(const char *path, char *buf, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	return read_all(fd, buf, size);
}

int keys_read_file(struct source *source, const char *name, struct where at, char **ret_path,
		   char **ret_text, size_t *ret_len)
{
	cleanup_free char *path = path_of(source->file, name);
	cleanup_free char *text = malloc(SCENARIO_SIZE_MAX + 1);
	ssize_t len;

	if (!path || !text)
		return -ENOMEM;
	len = read_regular(path, text, SCENARIO_SIZE_MAX + 1);
	if (len < 0) {
		source_error(source, at, "%s: %s", path, strerror((int)-len));
		return -EINVAL;
	}
	if (len > SCENARIO_SIZE_MAX) {
		source_error(source, at, "%s: larger than %d bytes", path, SCENARIO_SIZE_MAX);
		return -EINVAL;
	}
	*ret_path = take_ptr(path);
	*ret_text = take_ptr(text);
	*ret_len = (size_t)len;
	return 0;
}
