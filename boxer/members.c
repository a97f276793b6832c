/* SPDX-License-Identifier: MIT */
#include "boxer/members.h"

#include "base/cleanup.h"
#include "boxer/sorted.h"

#include <string.h>
#include <strings.h>

void members_free(struct members *m)
{
	free(m->list);
	free(m->shares);
	*m = (struct members){0};
}

static uint32_t id_at(const void *list, size_t at)
{
	return ((const struct frame_member *)list)[at].id;
}

static size_t position(const struct members *m, uint32_t id)
{
	return sorted_position(m->list, m->n, id, id_at);
}

/* Who was, or is, seen under that address. */
static void count_sharers(struct members *m, const struct addr *host)
{
	bool *first = NULL;

	for (size_t i = 0; i < m->n; i++) {
		if (!addr_same_host(&m->list[i].external, host))
			continue;
		m->shares[i] = first != NULL;
		if (first)
			*first = true;
		else
			first = &m->shares[i];
	}
}

static void replace(struct members *m, size_t at, const struct frame_member *member)
{
	const struct addr before = m->list[at].external;

	m->list[at] = *member;
	if (addr_same_host(&before, &member->external))
		return;
	count_sharers(m, &before);
	count_sharers(m, &member->external);
}

static int make_room(struct members *m)
{
	size_t room = m->room ? 2 * m->room : 16;
	struct frame_member *list;
	bool *shares;

	if (m->n < m->room)
		return 0;
	list = realloc(m->list, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	m->list = list;
	shares = realloc(m->shares, room * sizeof(*shares));
	if (!shares)
		return -ENOMEM;
	m->shares = shares;
	m->room = room;
	return 0;
}

int members_put(struct members *m, const struct frame_member *member)
{
	size_t at = position(m, member->id);

	if (at < m->n && m->list[at].id == member->id) {
		replace(m, at, member);
		return 0;
	}
	if (m->n == MEMBERS_MAX)
		return -ENOSPC;
	if (make_room(m) < 0)
		return -ENOMEM;
	(void)memmove(&m->list[at + 1], &m->list[at], (m->n - at) * sizeof(*m->list));
	(void)memmove(&m->shares[at + 1], &m->shares[at], (m->n - at) * sizeof(*m->shares));
	m->list[at] = *member;
	m->n++;
	count_sharers(m, &member->external);
	return 1;
}

int members_remove(struct members *m, uint32_t id)
{
	size_t at = position(m, id);
	struct addr host;

	if (at == m->n || m->list[at].id != id)
		return -ENOENT;
	host = m->list[at].external;
	m->n--;
	(void)memmove(&m->list[at], &m->list[at + 1], (m->n - at) * sizeof(*m->list));
	(void)memmove(&m->shares[at], &m->shares[at + 1], (m->n - at) * sizeof(*m->shares));
	count_sharers(m, &host);
	return 0;
}

const struct frame_member *members_by_id(const struct members *m, uint32_t id)
{
	size_t at = position(m, id);

	return at < m->n && m->list[at].id == id ? &m->list[at] : NULL;
}

const struct frame_member *members_from(const struct members *m, uint32_t id)
{
	size_t at = position(m, id);

	return at < m->n ? &m->list[at] : NULL;
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

bool members_share_address(const struct members *m, const struct frame_member *member)
{
	size_t at = position(m, member->id);

	return at < m->n && m->list[at].id == member->id && m->shares[at];
}

struct addr overlay_addr(uint32_t id)
{
	return addr_v4(LOCAL_OVERLAY_NET + id + 1, 0);
}

struct table_row members_row(const struct frame_member *member, uint32_t flags)
{
	struct table_row row = {
		.id = member->id,
		.flags = flags,
		.overlay = member->overlay,
		.external = member->external,
		.inside = member->inside,
		.profile = member->profile,
	};

	row.external.port = 0;
	row.inside.port = 0;
	(void)memcpy(row.name, member->name, sizeof(row.name));
	(void)memcpy(row.role, member->role, sizeof(row.role));
	return row;
}

void members_write_page(const struct members *m,
			uint32_t (*flags)(void *arg, const struct frame_member *member), void *arg,
			struct table *page)
{
	uint32_t seq = atomic_load_explicit(&page->seq, memory_order_relaxed);

	/* Odd while rows change; the fence keeps the rows behind it. */
	atomic_store_explicit(&page->seq, seq + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	page->n = (uint32_t)m->n;
	for (size_t i = 0; i < m->n; i++)
		page->rows[i] = members_row(&m->list[i], flags(arg, &m->list[i]));
	page->magic = TABLE_MAGIC;
	page->version = LOCAL_VERSION;
	atomic_store_explicit(&page->seq, seq + 2, memory_order_release);
}
