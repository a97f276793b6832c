/* SPDX-License-Identifier: MIT */
/*
 * Interface for lists sorted by member id. The lists are their owners', each of its
 * own kind; this only finds places in them.
 */
#ifndef BOXER_SORTED_H
#define BOXER_SORTED_H

#include <stddef.h>
#include <stdint.h>

/**
 * sorted_position() - where @id is in a list, or where it would have to be put
 * @list: sorted; no id twice. May be NULL if @n is 0
 * @n: its length
 * @id_at: the id of @list's element @at
 *
 * Return: the index of the first element that is not below @id; @n: all are.
 */
size_t sorted_position(const void *list, size_t n, uint32_t id,
		       uint32_t (*id_at)(const void *list, size_t at));

#endif
