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
#define OR_MORE	      " or more"

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
static int write_fresh(const char *path, const struct state_content *content)
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
	(void)fprintf(f, "next_id %" PRIu32 " members %zu%s\n", content->next_id, content->places.n,
		      content->complete ? "" : OR_MORE);
	for (size_t i = 0; i < content->places.n; i++)
		put_place(f, &content->places.list[i]);
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

/* Needs neither a directory that can be written nor a block that is free. */
static int cut_down(const char *path, uint32_t next_id)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "next_id %" PRIu32 "\n", next_id);
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || pwrite(fd, text, (size_t)len, 0) != len || ftruncate(fd, len) < 0 ||
	    fsync(fd) < 0)
		return -1;
	return 0;
}

static int replace(const char *path, const struct state_content *content)
{
	char fresh[PATH_LEN_MAX];
	int r;

	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh))
		return -ENAMETOOLONG;
	r = write_fresh(fresh, content);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r;
}

int state_write(struct state *s, const struct state_content *content)
{
	bool ids_change = content->next_id != s->next_id;
	int r = replace(s->path, content);

	s->misleads =
		s->misleads || content->next_id > s->next_id || (s->complete && !content->complete);
	if (r == 0 && ids_change)
		sync_directory(s->path);
	if (r == 0 || (s->misleads && cut_down(s->path, content->next_id) == 0))
		s->misleads = false;
	s->next_id = content->next_id;
	s->complete = r == 0 && content->complete;
	return r;
}

/* Return: 0, or -EBADMSG: it is no place, or somebody else's as well. */
static int parse_place(const char *line, const struct state_content *content, struct place *ret)
{
	const struct places *others = &content->places;
	struct place p = {0};
	char token[TOKEN_HEX_LEN], external[ADDR_TEXT_MAX], end;
	size_t len;

	if (sscanf(line, "%" SCNu32 " %32[0-9a-f] %55s %63s%c", &p.id, token, external, p.name,
		   &end) != 5 ||
	    end != '\n' || p.id >= content->next_id || !frame_name_valid(p.name) ||
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

/* Return: 0, or -EBADMSG. */
static int parse_head(const char *line, struct state_content *content, size_t *ret_n)
{
	uint32_t next_id;
	size_t n = 0;
	int end = 0, given;

	given = sscanf(line, "next_id %" SCNu32 "%n members %zu%n", &next_id, &end, &n, &end);
	if (given < 1 || next_id > ADMISSION_IDS + STATE_AHEAD || n > MEMBERS_MAX)
		return -EBADMSG;
	/* Without a number it is the file of a seed that kept no places. */
	content->complete = given == 2 && strcmp(line + end, "\n") == 0;
	if (!content->complete && strcmp(line + end, given == 2 ? OR_MORE "\n" : "\n") != 0)
		return -EBADMSG;
	content->next_id = next_id;
	*ret_n = n;
	return 0;
}

/* Return: 0; -EBADMSG: it is something else, or not whole; -errno. */
static int parse_file(FILE *f, struct state_content *content)
{
	char line[LINE_LEN_MAX] = "";
	size_t n;
	int r;

	if (!fgets(line, sizeof(line), f) && ferror(f))
		return -errno;
	r = parse_head(line, content, &n);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct place p;

		if (!fgets(line, sizeof(line), f))
			return -EBADMSG;
		r = parse_place(line, content, &p);
		if (r == 0)
			r = places_add(&content->places, &p);
	}
	if (r < 0)
		return r;
	return fgetc(f) == EOF ? 0 : -EBADMSG;
}

/* Return: as parse_file(); 0 also when there is no file yet. */
static int read_file(const char *path, struct state_content *content)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	FILE *f cleanup_with(close_file) = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!f) {
		(void)close(fd);
		return -ENOMEM;
	}
	return parse_file(f, content);
}

int state_open(struct state *s, const char *path, struct state_content *ret, struct error *err)
{
	struct state_content content = {.complete = true};
	int r = 0;

	s->path = path;
	if (path)
		r = read_file(path, &content);
	if (r == -EBADMSG)
		r = error_set(err, EINVAL, "%s: it holds no seed's state, or is damaged", path);
	else if (r < 0 || (path && (r = replace(path, &content)) < 0))
		r = error_sys(err, -r, "state file %s", path);
	if (r < 0) {
		places_free(&content.places);
		return r;
	}
	if (path)
		sync_directory(path);
	s->next_id = content.next_id;
	s->complete = content.complete;
	*ret = content;
	return 0;
}
