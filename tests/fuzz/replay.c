/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target without a fuzzer: it is handed every file of the directories and
 * every file that are named. What was found once is so a test with any compiler.
 * The last name printed is the one that broke it.
 */
#include "tests/fuzz/fuzz.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t n_files;

static int run_file(const char *path, int fd, size_t size)
{
	cleanup_free uint8_t *bytes = malloc(size ? size : 1);
	size_t used = 0;
	ssize_t n = 1;

	if (!bytes)
		return -ENOMEM;
	while (used < size && (n = read(fd, bytes + used, size - used)) > 0)
		used += (size_t)n;
	if (n < 0)
		return -errno;
	(void)puts(path);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(bytes, used);
	n_files++;
	return 0;
}

static int run(const char *path);

/* In the order of their names, so that two runs are alike. */
static int run_directory(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);
	int r = n < 0 ? -errno : 0;

	for (int i = 0; i < n; i++) {
		cleanup_free char *below = NULL;

		if (r == 0 && entries[i]->d_name[0] != '.') {
			r = asprintf(&below, "%s/%s", path, entries[i]->d_name) < 0 ? -ENOMEM : 0;
			r = r < 0 ? r : run(below);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return r;
}

static int run(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		return run_directory(path);
	else
		r = run_file(path, fd, (size_t)st.st_size);
	if (r < 0)
		(void)fprintf(stderr, "%s: %s\n", path, strerror(-r));
	return r;
}

int main(int argc, char **argv)
{
	int r = 0;

	for (int i = 1; i < argc && r == 0; i++)
		r = run(argv[i]);
	if (r == 0 && n_files == 0)
		(void)fputs("usage: fuzz-TARGET FILE-OR-DIRECTORY ...\n", stderr);
	return r == 0 && n_files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
