/* SPDX-License-Identifier: MIT */
#include "boxer/members.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void members_free(struct members *m)
{
	free(m->list);
	*m = (struct members){0};
}

/* Where @id is, or where it would have to be put. */
static size_t position(const struct members *m, uint32_t id)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->list[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int members_put(struct members *m, const struct frame_member *member)
{
	size_t at = position(m, member->id);

	if (at < m->n && m->list[at].id == member->id) {
		m->list[at] = *member;
		return 0;
	}
	if (m->n == MEMBERS_MAX)
		return -ENOSPC;
	if (m->n == m->room) {
		size_t room = m->room ? 2 * m->room : 16;
		struct frame_member *bigger = realloc(m->list, room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		m->list = bigger;
		m->room = room;
	}
	(void)memmove(&m->list[at + 1], &m->list[at], (m->n - at) * sizeof(*m->list));
	m->list[at] = *member;
	m->n++;
	return 1;
}

int members_remove(struct members *m, uint32_t id)
{
	size_t at = position(m, id);

	if (at == m->n || m->list[at].id != id)
		return -ENOENT;
	m->n--;
	(void)memmove(&m->list[at], &m->list[at + 1], (m->n - at) * sizeof(*m->list));
	return 0;
}

const struct frame_member *members_by_id(const struct members *m, uint32_t id)
{
	size_t at = position(m, id);

	return at < m->n && m->list[at].id == id ? &m->list[at] : NULL;
}

const struct frame_member *members_by_name(const struct members *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcasecmp(m->list[i].name, name) == 0)
			return &m->list[i];
	return NULL;
}

const struct frame_member *members_by_external(const struct members *m, const struct addr *host)
{
	const struct frame_member *found = NULL;

	for (size_t i = 0; i < m->n; i++) {
		if (!addr_same_host(&m->list[i].external, host))
			continue;
		if (found)
			return NULL;
		found = &m->list[i];
	}
	return found;
}

const struct frame_member *members_by_target(const struct members *m, const struct addr *target)
{
	if ((addr_v4_value(target) & LOCAL_OVERLAY_MASK) == LOCAL_OVERLAY_NET)
		return members_by_id(m, addr_v4_value(target) - LOCAL_OVERLAY_NET - 1);
	return members_by_external(m, target);
}

bool members_is_public(const struct frame_member *m)
{
	return addr_equal(&m->external, &m->inside) && !addr_is_loopback(&m->external);
}

struct addr overlay_addr(uint32_t id)
{
	return addr_v4(LOCAL_OVERLAY_NET + id + 1, 0);
}

static uint32_t flags_of(const struct members *m, const struct frame_member *row, uint32_t self)
{
	const struct frame_member *own = members_by_id(m, self);

	if (row->id == self)
		return TABLE_SELF;
	/* Perhaps behind our own NAT: then only the node knows where to connect to. */
	return own && addr_same_host(&own->external, &row->external) && !members_is_public(row) &&
			       !addr_is_loopback(&row->external)
		       ? TABLE_WAIT
		       : 0;
}

void members_write_page(const struct members *m, uint32_t self, struct table *page)
{
	uint32_t seq = atomic_load_explicit(&page->seq, memory_order_relaxed);

	/* Odd while rows change; the fence keeps the rows behind it. */
	atomic_store_explicit(&page->seq, seq + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	page->n = (uint32_t)m->n;
	for (size_t i = 0; i < m->n; i++) {
		const struct frame_member *from = &m->list[i];
		struct table_row row = {
			.id = from->id,
			.flags = flags_of(m, from, self),
			.overlay = from->overlay,
			.external = from->external,
			.inside = from->inside,
		};

		row.external.port = 0;
		row.inside.port = 0;
		(void)memcpy(row.name, from->name, sizeof(row.name));
		page->rows[i] = row;
	}
	page->magic = TABLE_MAGIC;
	page->version = LOCAL_VERSION;
	atomic_store_explicit(&page->seq, seq + 2, memory_order_release);
}

static int print_members(const struct members *m, uint32_t self, FILE *out)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct frame_member *x = &m->list[i];
		char overlay[ADDR_TEXT_MAX], external[ADDR_TEXT_MAX];

		(void)fprintf(out, "%u\t%s\t%s\t%s\t%s\n", x->id, x->name,
			      addr_format(&x->overlay, overlay),
			      addr_format(&x->external, external),
			      x->id == self ? "self" : "member");
	}
	return ferror(out) ? -EIO : 0;
}

int members_write_file(const struct members *m, uint32_t self, const char *dir)
{
	char path[4096], fresh[4096 + 8];
	FILE *out;
	int fd, r;

	if ((size_t)snprintf(path, sizeof(path), "%s/members", dir) >= sizeof(path))
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
	r = print_members(m, self, out);
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r;
}
