/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A sequence lock: the node makes .seq odd, writes, makes it even. We read .seq
 * until it is even, look through the rows and copy one, and believe the copy if
 * .seq has not moved. What is read in between may be torn, so it is only
 * compared and copied, never followed. A node that dies while it writes leaves
 * .seq odd for ever: after PATIENCE_NS the table counts as empty.
 */
#include "boxer/shim/table.h"

#include "base/clock.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <strings.h>

#define PATIENCE_NS (100 * NS_PER_MS)

typedef bool match_fn(const struct table_row *row, const void *key);

/* Enter a reading section; false when the writer seems to be dead. */
static bool enter(const struct table *table, uint32_t *ret_seq)
{
	uint64_t deadline = 0;

	for (;;) {
		uint32_t seq = atomic_load_explicit(&table->seq, memory_order_acquire);
		uint64_t now;

		if (!(seq & 1)) {
			*ret_seq = seq;
			return true;
		}
		now = clock_now();
		if (!deadline)
			deadline = now + PATIENCE_NS;
		if (now >= deadline)
			return false;
		(void)sched_yield();
	}
}

/* Whether all that was read since enter() is of one piece. */
static bool leave(const struct table *table, uint32_t seq)
{
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&table->seq, memory_order_relaxed) == seq;
}

static size_t count(const struct table *table)
{
	return table->n < TABLE_ROWS_MAX ? table->n : TABLE_ROWS_MAX;
}

static void copy(const struct table_row *row, struct table_row *ret_row)
{
	(void)memcpy(ret_row, row, sizeof(*ret_row));
	ret_row->name[TABLE_NAME_MAX - 1] = '\0';
}

/* The row that matches, if exactly one does. */
static bool find_only(const struct table *table, match_fn *match, const void *key,
		      struct table_row *ret_row)
{
	size_t found = 0;
	uint32_t seq;

	do {
		if (!enter(table, &seq))
			return false;
		found = 0;
		for (size_t i = 0, n = count(table); i < n; i++)
			if (match(&table->rows[i], key) && !found++)
				copy(&table->rows[i], ret_row);
	} while (!leave(table, seq));
	return found == 1;
}

static bool has_name(const struct table_row *row, const void *key)
{
	return strncasecmp(row->name, key, TABLE_NAME_MAX) == 0;
}

static bool has_overlay(const struct table_row *row, const void *key)
{
	return addr_same_host(&row->overlay, key);
}

static bool has_external(const struct table_row *row, const void *key)
{
	return addr_same_host(&row->external, key);
}

static bool is_self(const struct table_row *row, const void *key)
{
	(void)key;
	return row->flags & TABLE_SELF;
}

bool table_find_name(const struct table *table, const char *name, struct table_row *ret_row)
{
	return *name && find_only(table, has_name, name, ret_row);
}

bool table_in_overlay(const struct addr *host)
{
	return host->family == AF_INET &&
	       (addr_v4_value(host) & LOCAL_OVERLAY_MASK) == LOCAL_OVERLAY_NET;
}

bool table_find_host(const struct table *table, const struct addr *host, struct table_row *ret_row)
{
	return find_only(table, table_in_overlay(host) ? has_overlay : has_external, host, ret_row);
}

bool table_find_self(const struct table *table, struct table_row *ret_row)
{
	return find_only(table, is_self, NULL, ret_row);
}

int table_each(const struct table *table, table_take_fn *take, void *arg)
{
	struct table_row row;
	uint32_t seq;
	size_t n;

	do {
		if (!enter(table, &seq))
			return -ETIMEDOUT;
		n = count(table);
		for (size_t i = 0; i < n; i++) {
			copy(&table->rows[i], &row);
			take(&row, i, arg);
		}
	} while (!leave(table, seq));
	return (int)n;
}
