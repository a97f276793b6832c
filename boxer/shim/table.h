/* SPDX-License-Identifier: MIT */
/*
 * Interface for reading the member table while the node may be writing it: a
 * row is handed out as a copy that was whole at one moment. Nothing here makes
 * a system call unless it meets a write under way.
 */
#ifndef BOXER_SHIM_TABLE_H
#define BOXER_SHIM_TABLE_H

#include "boxer/local.h"

#include <stdbool.h>
#include <stddef.h>

/** table_take_fn - see table_each() */
typedef void table_take_fn(const struct table_row *row, size_t i, void *arg);

/** table_find_name() - the member of that name, in any case. Return: whether there is one. */
bool table_find_name(const struct table *table, const char *name, struct table_row *ret_row);

/**
 * table_find_host() - the member that @host leads to
 * @host: an overlay address, or the external address of exactly one member; the
 *	port does not matter
 *
 * Return: whether there is one.
 */
bool table_find_host(const struct table *table, const struct addr *host, struct table_row *ret_row);

/** table_find_self() - this node's own row. Return: whether it is there yet. */
bool table_find_self(const struct table *table, struct table_row *ret_row);

/**
 * table_each() - go through all members, sorted by id
 * @take: is given a copy of row @i. When the table changes meanwhile it starts
 *	from 0 again, and what it was given before is void
 *
 * Return: how many there are; -ETIMEDOUT when the node died while writing.
 */
int table_each(const struct table *table, table_take_fn *take, void *arg);

/** table_in_overlay() - @host belongs to the overlay, whether a member has it or not. */
bool table_in_overlay(const struct addr *host);

#endif
