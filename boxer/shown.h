/* SPDX-License-Identifier: MIT */
/*
 * Interface for what the function's programs are shown of the membership: the
 * shared page (boxer/local.h) and the files in BOXER_DIR. Changes often come in
 * crowds, so they are only noted: the page is written once before the loop waits
 * again, and the files not more often than every SHOWN_PAUSE_NS.
 *
 *	members	a line per member, separated by tabs: id, name, overlay address,
 *		external address:port, role or "-"
 *	names	a name per line, in the order of the ids
 *	ids	an id per line
 *	id	this node's own
 */
#ifndef BOXER_SHOWN_H
#define BOXER_SHOWN_H

#include <stdint.h>

#define SHOWN_PAUSE_NS (20 * 1000000ULL)

struct members;
struct node;
struct shown;

/** shown_new() - for @node, whose page and directory are there. Return: NULL without memory. */
struct shown *shown_new(struct node *node);
/** shown_free() - the files go, too; NULL is legal. */
void shown_free(struct shown *s);
/** shown_note() - something has changed. */
void shown_note(struct shown *s);
/** shown_now() - write what has been noted, before somebody looks. */
void shown_now(struct shown *s);

/** shown_write_files() - replace the four files in @dir, each at once. Return: 0, or -errno. */
int shown_write_files(const struct members *members, uint32_t self, const char *dir);

#endif
