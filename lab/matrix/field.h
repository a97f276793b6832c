/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the declared behaviours of a NAT by name, as people select by them
 * and change them on a command line. Names and words are those of scenarios.
 */
#ifndef LAB_MATRIX_FIELD_H
#define LAB_MATRIX_FIELD_H

#include "base/error.h"
#include "topo/nat.h"

#include <stddef.h>

/** struct field - one behaviour; @words: its values, NULL-terminated */
struct field {
	const char *name;
	const char *const *words;
	bool of_protocol;
	size_t offset;
};

/** field_find() - the behaviour whose name are @len bytes of @text, or NULL. */
const struct field *field_find(const char *text, size_t len);
/** field_word() - its value in words. @behaviour: TCP's or UDP's of @nat */
const char *field_word(const struct field *field, const struct nat *nat,
		       const struct nat_behaviour *behaviour);
/**
 * field_set() - for both protocols
 * @text: "KEY=VALUE", @len bytes
 *
 * Return: 0, or -EINVAL with what would be right.
 */
int field_set(struct nat *nat, const char *text, size_t len, struct error *err);
/** field_refuse() - "X is none of a, b, c". Return: -EINVAL. */
int field_refuse(const char *text, size_t len, const char *const *words, struct error *err);

#endif
