/* SPDX-License-Identifier: MIT */
#include "boxer/seed/state.h"

#include "base/cleanup.h"
#include "boxer/seed/admission.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_LEN_MAX 4096

static int write_whole(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n = write(fd, text, len);

	if (n < 0)
		return -errno;
	if ((size_t)n != len)
		return -ENOSPC;
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_file(struct state *s, uint32_t next_id)
{
	char fresh[PATH_LEN_MAX], text[32];
	int fd, r;

	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", s->path) >= sizeof(fresh))
		return -ENAMETOOLONG;
	(void)snprintf(text, sizeof(text), "next_id %" PRIu32 "\n", next_id);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_whole(fd, text);
	(void)close(fd);
	if (r == 0 && rename(fresh, s->path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	else
		s->kept = next_id;
	return r;
}

/* Return: 0, also when there is no file yet; -errno; -EBADMSG: it is something else. */
static int read_file(const char *path, uint32_t *ret_next_id)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char text[64] = "", end;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	if (sscanf(text, "next_id %" SCNu32 "%c", ret_next_id, &end) != 2 || end != '\n' ||
	    *ret_next_id > ADMISSION_IDS + STATE_AHEAD)
		return -EBADMSG;
	return 0;
}

int state_open(struct state *s, const char *path, uint32_t *ret_next_id, struct error *err)
{
	uint32_t next_id = 0;
	int r;

	s->path = path;
	if (!path)
		return 0;
	r = read_file(path, &next_id);
	if (r == -EBADMSG)
		return error_set(err, EINVAL, "%s: it holds no seed's state", path);
	if (r == 0)
		r = write_file(s, next_id);
	if (r < 0)
		return error_sys(err, -r, "state file %s", path);
	*ret_next_id = next_id;
	return 0;
}

int state_keep(struct state *s, uint32_t next_id)
{
	if (!s->path || next_id <= s->kept)
		return 0;
	return write_file(s, next_id + STATE_AHEAD);
}

int state_close(struct state *s, uint32_t next_id)
{
	return s->path && next_id != s->kept ? write_file(s, next_id) : 0;
}
