/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/file.h"

#include "lab/keys.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>

static const uint8_t *file_text; /* NULL: there are no files */
static size_t file_len;

size_t file_split(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\0', size) : NULL;

	file_text = end ? end + 1 : NULL;
	file_len = end ? size - (size_t)(file_text - data) : 0;
	return end ? (size_t)(end - data) : size;
}

int __wrap_keys_read_file(struct source *source, const char *name, struct where at, char **ret_path,
			  char **ret_text, size_t *ret_len);

int __wrap_keys_read_file(struct source *source, const char *name, struct where at, char **ret_path,
			  char **ret_text, size_t *ret_len)
{
	if (!file_text) {
		source_error(source, at, "%s: %s", name, strerror(ENOENT));
		return -EINVAL;
	}
	*ret_path = strdup(name);
	*ret_text = (char *)fuzz_copy(file_text, file_len);
	*ret_len = file_len;
	return 0;
}
