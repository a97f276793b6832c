/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a YAML document as a tree of values, each with its place in the
 * text. It is the part of YAML that people write by hand: one document of
 * mappings, lists and scalars. Anchors, aliases and tags are refused, so a
 * tree is never larger than its text; depth and size have maxima. The tree owns
 * all that it points to.
 */
#ifndef LAB_YAML_H
#define LAB_YAML_H

#include "lab/scenario_source.h"

#define YAML_DEPTH_MAX	16
#define YAML_VALUES_MAX (128 * 1024)

/** enum yaml_kind - what a value is */
enum yaml_kind {
	YAML_SCALAR,
	YAML_LIST,
	YAML_MAP,
};

/**
 * struct yaml_value - one value
 * @at: where it begins
 * @text: of a scalar; UTF-8 without control characters but tab and newline
 * @plain: the scalar was written without quotes, and not as a block
 * @items: of a list or a mapping, in the order of the text
 */
struct yaml_value {
	enum yaml_kind kind;
	struct where at;
	char *text;
	bool plain;
	struct yaml_item *items;
	size_t n_items;
};

/**
 * struct yaml_item - one entry of a list or a mapping
 * @key: NULL in a list; unique in a mapping
 * @key_at: where the key begins
 */
struct yaml_item {
	char *key;
	struct where key_at;
	struct yaml_value value;
};

/**
 * yaml_read() - read a document
 *
 * Complains into @source. A mapping's repeated keys are left out of the tree,
 * so that a tree may come with complaints.
 *
 * Return: 0; -EINVAL when there is no tree, or -ENOMEM.
 */
int yaml_read(const char *text, size_t len, struct source *source, struct yaml_value **ret_root);
/** yaml_free() - NULL is legal. */
void yaml_free(struct yaml_value *root);
/** yaml_find() - the entry of a mapping, or NULL; also for values that are no mapping. */
const struct yaml_item *yaml_find(const struct yaml_value *map, const char *key);
/** yaml_is_null() - nothing was written where a value was due, or "null" or "~". */
bool yaml_is_null(const struct yaml_value *value);

#endif
