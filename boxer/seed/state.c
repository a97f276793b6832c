/* SPDX-License-Identifier: MIT */
#include "boxer/seed/state.h"

#include "base/cleanup.h"
#include "boxer/members.h"
#include "boxer/seed/admission.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN_MAX  4096
#define LINE_LEN_MAX  256
#define TOKEN_HEX_LEN (2 * FRAME_TOKEN_LEN + 1)

static void close_file(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static void put_place(FILE *f, const struct place *p)
{
	char token[TOKEN_HEX_LEN], external[ADDR_TEXT_MAX];

	(void)fprintf(f, "%" PRIu32 " %s %s %s\n", p->id,
		      sodium_bin2hex(token, sizeof(token), p->token, sizeof(p->token)),
		      addr_format(&p->external, external), p->name);
}

/* To the disk, in full. */
static int write_fresh(const char *path, uint32_t next_id, const struct places *places)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f cleanup_with(close_file) = fd < 0 ? NULL : fdopen(fd, "w");

	if (fd < 0)
		return -errno;
	if (!f) {
		(void)close(fd);
		return -ENOMEM;
	}
	/* Tokens are secrets, and the file may be left from somebody less careful. */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	(void)fprintf(f, "next_id %" PRIu32 " members %zu\n", next_id, places->n);
	for (size_t i = 0; i < places->n; i++)
		put_place(f, &places->list[i]);
	if (fflush(f) != 0 || fsync(fd) < 0)
		return -errno;
	return ferror(f) ? -EIO : 0;
}

/* So that the name outlives a power failure; where that can't be, nothing else helps. */
static void sync_directory(const char *path)
{
	char copy[PATH_LEN_MAX];
	cleanup_close int fd = -1;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)fsync(fd);
}

int state_write(struct state *s, uint32_t next_id, const struct places *places)
{
	char fresh[PATH_LEN_MAX];
	int r;

	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", s->path) >= sizeof(fresh))
		return -ENAMETOOLONG;
	r = write_fresh(fresh, next_id, places);
	if (r == 0 && rename(fresh, s->path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(fresh);
		return r;
	}
	sync_directory(s->path);
	s->kept = next_id;
	return 0;
}

/* Return: 0, or -EBADMSG: it is no place, or somebody else's as well. */
static int parse_place(const char *line, uint32_t next_id, const struct places *others,
		       struct place *ret)
{
	struct place p = {0};
	char token[TOKEN_HEX_LEN], external[ADDR_TEXT_MAX], end;
	size_t len;

	if (sscanf(line, "%" SCNu32 " %32[0-9a-f] %55s %63s%c", &p.id, token, external, p.name,
		   &end) != 5 ||
	    end != '\n' || p.id >= next_id || !frame_name_valid(p.name) ||
	    addr_parse(external, &p.external) < 0)
		return -EBADMSG;
	if (sodium_hex2bin(p.token, sizeof(p.token), token, strlen(token), NULL, &len, NULL) != 0 ||
	    len != sizeof(p.token))
		return -EBADMSG;
	if (places_by_id(others, p.id) || places_by_name(others, p.name) ||
	    places_by_token(others, p.token))
		return -EBADMSG;
	*ret = p;
	return 0;
}

/* Return: 0; -EBADMSG: it is something else, or not whole; -errno. */
static int parse_file(FILE *f, uint32_t *ret_next_id, struct places *places)
{
	char line[LINE_LEN_MAX] = "", end = '\0';
	uint32_t next_id;
	size_t n = 0;
	int r;

	if (!fgets(line, sizeof(line), f) && ferror(f))
		return -errno;
	/* The first form is that of a seed that kept no places. */
	if ((sscanf(line, "next_id %" SCNu32 "%c", &next_id, &end) != 2 || end != '\n') &&
	    (sscanf(line, "next_id %" SCNu32 " members %zu%c", &next_id, &n, &end) != 3 ||
	     end != '\n'))
		return -EBADMSG;
	if (next_id > ADMISSION_IDS + STATE_AHEAD || n > MEMBERS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		struct place p;

		r = fgets(line, sizeof(line), f) ? parse_place(line, next_id, places, &p)
						 : -EBADMSG;
		if (r == 0)
			r = places_add(places, &p);
		if (r < 0)
			return r;
	}
	*ret_next_id = next_id;
	return fgetc(f) == EOF ? 0 : -EBADMSG;
}

/* Return: as parse_file(); 0 also when there is no file yet. */
static int read_file(const char *path, uint32_t *ret_next_id, struct places *places)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	FILE *f cleanup_with(close_file) = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!f) {
		(void)close(fd);
		return -ENOMEM;
	}
	return parse_file(f, ret_next_id, places);
}

int state_open(struct state *s, const char *path, uint32_t *ret_next_id, struct places *ret_places,
	       struct error *err)
{
	struct places places = {0};
	uint32_t next_id = 0;
	int r;

	s->path = path;
	if (!path)
		return 0;
	r = read_file(path, &next_id, &places);
	if (r == -EBADMSG)
		r = error_set(err, EINVAL, "%s: it holds no seed's state, or is damaged", path);
	else if (r < 0 || (r = state_write(s, next_id, &places)) < 0)
		r = error_sys(err, -r, "state file %s", path);
	if (r < 0) {
		places_free(&places);
		return r;
	}
	*ret_next_id = next_id;
	*ret_places = places;
	return 0;
}

bool state_must_grow(const struct state *s, uint32_t next_id)
{
	return s->path && next_id > s->kept;
}
