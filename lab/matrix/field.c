/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/matrix/field.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>

static const char *const no_yes[] = {"no", "yes", NULL};

#define PROTOCOL(member, words)                                              \
	{                                                                    \
#member, words, true, offsetof(struct nat_behaviour, member) \
	}
#define WHOLE(member, words)                                        \
	{                                                           \
#member, words, false, offsetof(struct nat, member) \
	}

/* All but the last are enums. */
static const struct field fields[] = {
	PROTOCOL(mapping, nat_mapping_names),	     PROTOCOL(filtering, nat_filtering_names),
	PROTOCOL(allocation, nat_allocation_names),  PROTOCOL(conflict, nat_conflict_names),
	PROTOCOL(hairpin, nat_hairpin_names),	     WHOLE(unsolicited, nat_unsolicited_names),
	WHOLE(tcp_tracking, nat_tcp_tracking_names), WHOLE(simultaneous_open, no_yes),
};

_Static_assert(sizeof(enum nat_mapping) == sizeof(unsigned), "enums are read as numbers");

const struct field *field_find(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strlen(fields[i].name) == len && strncmp(text, fields[i].name, len) == 0)
			return &fields[i];
	return NULL;
}

const char *field_word(const struct field *field, const struct nat *nat,
		       const struct nat_behaviour *behaviour)
{
	const char *base = field->of_protocol ? (const char *)behaviour : (const char *)nat;
	unsigned value;

	if (field->words == no_yes)
		return no_yes[nat->simultaneous_open];
	(void)memcpy(&value, base + field->offset, sizeof(value));
	return field->words[value];
}

int field_refuse(const char *text, size_t len, const char *const *words, struct error *err)
{
	char list[512] = "";
	size_t n = 0;

	for (size_t i = 0; words[i] && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "", words[i]);
	return error_set(err, EINVAL, "\"%.*s\" is none of %s", (int)len, text, list);
}

static void store(struct nat *nat, const struct field *field, unsigned value)
{
	if (field->words == no_yes) {
		nat->simultaneous_open = value;
	} else if (field->of_protocol) {
		(void)memcpy((char *)&nat->tcp + field->offset, &value, sizeof(value));
		(void)memcpy((char *)&nat->udp + field->offset, &value, sizeof(value));
	} else {
		(void)memcpy((char *)nat + field->offset, &value, sizeof(value));
	}
}

int field_set(struct nat *nat, const char *text, size_t len, struct error *err)
{
	const char *equals = memchr(text, '=', len);
	size_t key = equals ? (size_t)(equals - text) : len;
	const struct field *field = field_find(text, key);
	const char *names[ARRAY_SIZE(fields) + 1] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		names[i] = fields[i].name;
	if (!field)
		return field_refuse(text, key, names, err);
	if (!equals)
		return error_set(err, EINVAL, "%s has no value", field->name);
	len -= key + 1;
	for (unsigned i = 0; field->words[i]; i++) {
		if (strlen(field->words[i]) != len ||
		    strncmp(equals + 1, field->words[i], len) != 0)
			continue;
		store(nat, field, i);
		return 0;
	}
	return field_refuse(equals + 1, len, field->words, err);
}
