/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for places: what a document has given, and where, of the members of a
 * struct that keys_bind() has filled. They are for errors across keys, and hold as
 * long as the struct does, since a member is known by its address.
 */
#ifndef LAB_KEYS_PLACES_H
#define LAB_KEYS_PLACES_H

#include "lab/keys.h"

/**
 * struct keys_place - where in the document a member was given
 * @member: its address in the bound struct
 * @key: what was given; two keys may have one member
 * @at: the value's place
 * @good: it was understood; else the member holds its default
 */
struct keys_place {
	const void *member;
	const struct key *key;
	struct where at;
	bool good;
};

/** struct keys_places - all places of one document, for errors across keys */
struct keys_places {
	struct keys_place *place;
	size_t n, room;
};

/** keys_places_add() - for the binder: one more. Return: 0, or -ENOMEM. */
int keys_places_add(struct keys_places *places, const struct keys_place *place);
/** keys_places_sort() - for the binder, behind the last one: before it none can be found. */
void keys_places_sort(struct keys_places *places);

/** keys_given() - was this member's key in the document? */
bool keys_given(const struct keys_places *places, const void *member);
/** keys_refused() - it was, but could not be understood. */
bool keys_refused(const struct keys_places *places, const void *member);
/** keys_at() - the place of this member's value; @otherwise when it was not given. */
struct where keys_at(const struct keys_places *places, const void *member, struct where otherwise);
/** keys_places_free() - frees the array, not the struct. */
void keys_places_free(struct keys_places *places);

/**
 * keys_mark() - say which members a document has given
 * @object: as bound
 * @ret_mask: a struct of the same kind, zeroed: each byte of such a member becomes 1
 *
 * What is no plain number - a list, a name - is left out.
 */
void keys_mark(const struct keys *keys, const struct keys_places *places, const void *object,
	       void *ret_mask);

#endif
