/* SPDX-License-Identifier: MIT */
/*
 * Interface for the membership: who takes part, on the seed and on every node.
 * Members are kept sorted by id; the version counts changes. A node shows its
 * copy to the programs of its function in two forms: a page of shared memory
 * that the shim reads without asking (boxer/local.h), and text files (boxer/shown).
 */
#ifndef BOXER_MEMBERS_H
#define BOXER_MEMBERS_H

#include "boxer/frame.h"
#include "boxer/local.h"

#include <stdbool.h>

#define MEMBERS_MAX TABLE_ROWS_MAX

/**
 * struct members - the table; zero is an empty one
 * @list: sorted by id
 * @shares: of each: another one is seen under the same address. Asked of all of
 *	them whenever one of them changes, so it is kept and not counted
 */
struct members {
	struct frame_member *list;
	bool *shares;
	size_t n, room;
	uint64_t version;
};

/** members_free() - release the table, not the struct. */
void members_free(struct members *m);
/** members_put() - add or replace. Return: 1 new, 0 replaced, -ENOSPC, or -ENOMEM. */
int members_put(struct members *m, const struct frame_member *member);
/** members_remove() - Return: 0, or -ENOENT. */
int members_remove(struct members *m, uint32_t id);
/** members_by_id(), members_by_name(), members_by_external() - NULL when there is none. */
const struct frame_member *members_by_id(const struct members *m, uint32_t id);
const struct frame_member *members_by_name(const struct members *m, const char *name);
/** members_from() - the first whose id is @id or more; NULL: none. */
const struct frame_member *members_from(const struct members *m, uint32_t id);
/** members_by_external() - by external host; NULL too when several members share it. */
const struct frame_member *members_by_external(const struct members *m, const struct addr *host);
/** members_by_target() - whom a program means: an overlay or external address. */
const struct frame_member *members_by_target(const struct members *m, const struct addr *target);

/** members_share_address() - another member is seen under the address of @member, one of @m. */
bool members_share_address(const struct members *m, const struct frame_member *member);

/** overlay_addr() - the stable address of member @id. */
struct addr overlay_addr(uint32_t id);

/** members_row() - a member as programs see it; @flags: TABLE_SELF and so on. */
struct table_row members_row(const struct frame_member *member, uint32_t flags);
/**
 * members_write_page() - show the members in the shared page, under its sequence lock
 * @flags: gives a row's flags
 */
void members_write_page(const struct members *m,
			uint32_t (*flags)(void *arg, const struct frame_member *member), void *arg,
			struct table *page);

#endif
