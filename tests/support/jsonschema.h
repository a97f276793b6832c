/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for checking a JSON document against a JSON Schema, as far as the
 * schemas of this project go: type, const, enum, minimum, properties, required,
 * additionalProperties, items and references into "#/$defs/". A schema that uses
 * anything else is refused, so that nothing passes unchecked.
 */
#ifndef TESTS_SUPPORT_JSONSCHEMA_H
#define TESTS_SUPPORT_JSONSCHEMA_H

#include "base/error.h"

#include <jansson.h>

/** jsonschema_check() - Return: 0, or -EINVAL with the place and what is wrong there. */
int jsonschema_check(const json_t *schema, const json_t *document, struct error *err);

#endif
