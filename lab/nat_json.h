/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a NAT as JSON, in the words of the table of keys: as it is
 * declared, and as it was measured. What was measured may say less than what is
 * declared: a struct nat_part is a NAT of which only some is known. It is read by
 * the same table as a scenario's "from". Pure.
 */
#ifndef LAB_NAT_JSON_H
#define LAB_NAT_JSON_H

#include "base/error.h"
#include "topo/nat.h"

#include <jansson.h>

/**
 * struct nat_part - some of a NAT
 * @known: each byte of a member that is known is 1
 */
struct nat_part {
	struct nat nat;
	struct nat known;
};

/** nat_json() - the whole declaration. Return: NULL when out of memory. */
json_t *nat_json(const struct nat *nat);
/** nat_part_json() - what is known. Return: NULL when out of memory. */
json_t *nat_part_json(const struct nat_part *part);
/**
 * nat_part_read() - read what nat_part_json() or a person wrote
 * @file: its name, for errors
 *
 * Return: 0; -EINVAL with the first error's words, or -ENOMEM.
 */
int nat_part_read(const char *text, size_t len, const char *file, struct nat_part *ret_part,
		  struct error *err);
/** nat_part_apply() - what is known overrules @nat. */
void nat_part_apply(const struct nat_part *part, struct nat *nat);

#endif
