/* SPDX-License-Identifier: MIT */
#include "boxer/shown.h"

#include "base/cleanup.h"
#include "boxer/api.h"
#include "boxer/node.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct shown {
	struct node *node;
	struct ev_prepare page;
	struct ev_timer files;
	bool page_is_old, files_are_old;
};

static void put_members(const struct members *members, uint32_t self, FILE *out)
{
	(void)self;
	for (size_t i = 0; i < members->n; i++) {
		const struct frame_member *m = &members->list[i];
		char overlay[ADDR_TEXT_MAX], external[ADDR_TEXT_MAX];

		(void)fprintf(out, "%u\t%s\t%s\t%s\t%s\n", m->id, m->name,
			      addr_format(&m->overlay, overlay),
			      addr_format(&m->external, external), m->role[0] ? m->role : "-");
	}
}

static void put_names(const struct members *members, uint32_t self, FILE *out)
{
	(void)self;
	for (size_t i = 0; i < members->n; i++)
		(void)fprintf(out, "%s\n", members->list[i].name);
}

static void put_ids(const struct members *members, uint32_t self, FILE *out)
{
	(void)self;
	for (size_t i = 0; i < members->n; i++)
		(void)fprintf(out, "%u\n", members->list[i].id);
}

static void put_id(const struct members *members, uint32_t self, FILE *out)
{
	(void)members;
	(void)fprintf(out, "%u\n", self);
}

static const struct {
	const char *name;
	void (*put)(const struct members *members, uint32_t self, FILE *out);
} files[] = {{"members", put_members}, {"names", put_names}, {"ids", put_ids}, {"id", put_id}};

/* Who reads it meanwhile sees the old one or the new one, whole. */
static int replace(const struct members *members, uint32_t self, const char *dir, size_t which)
{
	char path[PATH_MAX], fresh[PATH_MAX + 8];
	FILE *out;
	int fd, r;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, files[which].name) >= sizeof(path))
		return -ENAMETOOLONG;
	(void)snprintf(fresh, sizeof(fresh), "%s.new", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	out = fdopen(fd, "w");
	if (!out) {
		(void)close(fd);
		return -ENOMEM;
	}
	files[which].put(members, self, out);
	r = ferror(out) ? -EIO : 0;
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r;
}

int shown_write_files(const struct members *members, uint32_t self, const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int r = replace(members, self, dir, i);

		if (r < 0)
			return r;
	}
	return 0;
}

static void write_page(struct shown *s)
{
	ev_prepare_stop(s->node->loop, &s->page);
	if (s->page_is_old)
		api_show_members(s->node->api);
	s->page_is_old = false;
}

static void write_files(struct shown *s)
{
	const struct node *node = s->node;
	int r = s->files_are_old ? shown_write_files(&node->members, node->id, node->dir) : 0;

	s->files_are_old = false;
	if (r < 0)
		(void)fprintf(stderr,
			      "boxer: cannot write the members' files in %s: %s, ignoring\n",
			      node->dir, strerror(-r));
}

static void on_prepare(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	(void)loop;
	(void)revents;
	write_page(w->data);
}

static void rest(struct shown *s)
{
	ev_timer_set(&s->files, 1e-9 * (double)SHOWN_PAUSE_NS, 0.);
	ev_timer_start(s->node->loop, &s->files);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	write_files(w->data);
}

struct shown *shown_new(struct node *node)
{
	struct shown *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->node = node;
	ev_prepare_init(&s->page, on_prepare);
	s->page.data = s;
	ev_timer_init(&s->files, on_timer, 0., 0.);
	s->files.data = s;
	return s;
}

void shown_free(struct shown *s)
{
	char path[sizeof(s->node->dir) + 16];

	if (!s)
		return;
	ev_prepare_stop(s->node->loop, &s->page);
	ev_timer_stop(s->node->loop, &s->files);
	for (size_t i = 0; i < ARRAY_SIZE(files) && s->node->dir[0]; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", s->node->dir, files[i].name);
		(void)unlink(path);
	}
	free(s);
}

void shown_note(struct shown *s)
{
	s->page_is_old = true;
	s->files_are_old = true;
	ev_prepare_start(s->node->loop, &s->page);
	if (!ev_is_active(&s->files))
		rest(s);
}

void shown_now(struct shown *s)
{
	write_page(s);
	write_files(s);
}
