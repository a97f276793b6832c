/* SPDX-License-Identifier: MIT */
#include "boxer/gate.h"

#include "base/cleanup.h"
#include "boxer/members.h"
#include "boxer/sorted.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/** struct met - somebody who counts */
struct met {
	uint32_t id;
	char name[FRAME_NAME_MAX + 1];
	char role[FRAME_NAME_MAX + 1];
};

struct gate {
	const struct gate_wants *wants;
	struct met *met; /* sorted by id; no two have one name */
	size_t n_met, room;
	bool names[GATE_NAMES_MAX];
	size_t roles[GATE_ROLES_MAX];
};

int gate_wants_names(struct gate_wants *wants, const char *list)
{
	while (*list) {
		size_t len = strcspn(list, ",");
		char name[FRAME_NAME_MAX + 1] = "";

		if (wants->n_names == GATE_NAMES_MAX)
			return -E2BIG;
		if (len > FRAME_NAME_MAX)
			return -EINVAL;
		(void)memcpy(name, list, len);
		if (!frame_name_valid(name))
			return -EINVAL;
		if (!wants->names)
			wants->names = calloc(GATE_NAMES_MAX, sizeof(*wants->names));
		if (!wants->names)
			return -ENOMEM;
		(void)memcpy(wants->names[wants->n_names++], name, sizeof(name));
		list += len;
		if (*list && *++list == '\0')
			return -EINVAL;
	}
	return wants->n_names > 0 ? 0 : -EINVAL;
}

int gate_wants_role(struct gate_wants *wants, const char *text)
{
	const char *equals = strchr(text, '=');
	struct gate_role role = {0};
	unsigned long count;
	char *end;

	if (!equals || equals - text > FRAME_NAME_MAX || equals[1] < '0' || equals[1] > '9')
		return -EINVAL;
	(void)memcpy(role.role, text, (size_t)(equals - text));
	count = strtoul(equals + 1, &end, 10);
	if (!frame_name_valid(role.role) || *end || count == 0 || count > MEMBERS_MAX)
		return -EINVAL;
	if (wants->n_roles == GATE_ROLES_MAX)
		return -E2BIG;
	role.count = count;
	wants->roles[wants->n_roles++] = role;
	return 0;
}

void gate_wants_free(struct gate_wants *wants)
{
	free(wants->names);
	wants->names = NULL;
	wants->n_names = 0;
}

struct gate *gate_new(const struct gate_wants *wants)
{
	struct gate *gate = calloc(1, sizeof(*gate));

	if (gate)
		gate->wants = wants;
	return gate;
}

void gate_free(struct gate *gate)
{
	if (!gate)
		return;
	free(gate->met);
	free(gate);
}

static uint32_t id_at(const void *list, size_t at)
{
	return ((const struct met *)list)[at].id;
}

static size_t position(const struct gate *gate, uint32_t id)
{
	return sorted_position(gate->met, gate->n_met, id, id_at);
}

static bool has_met(const struct gate *gate, uint32_t id)
{
	size_t at = position(gate, id);

	return at < gate->n_met && gate->met[at].id == id;
}

static int make_room(struct gate *gate)
{
	size_t room = gate->room ? 2 * gate->room : 16;
	struct met *bigger;

	if (gate->n_met < gate->room)
		return 0;
	bigger = reallocarray(gate->met, room, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	gate->met = bigger;
	gate->room = room;
	return 0;
}

static void count(struct gate *gate, const struct met *m, bool counts)
{
	const struct gate_wants *wants = gate->wants;

	for (size_t i = 0; i < wants->n_names; i++)
		if (strcasecmp(wants->names[i], m->name) == 0)
			gate->names[i] = counts;
	for (size_t i = 0; i < wants->n_roles; i++)
		if (strcmp(wants->roles[i].role, m->role) == 0)
			gate->roles[i] += counts ? 1 : (size_t)-1;
}

static void forget_at(struct gate *gate, size_t at)
{
	count(gate, &gate->met[at], false);
	gate->n_met--;
	(void)memmove(&gate->met[at], &gate->met[at + 1], (gate->n_met - at) * sizeof(*gate->met));
}

void gate_forget(struct gate *gate, uint32_t id)
{
	if (has_met(gate, id))
		forget_at(gate, position(gate, id));
}

void gate_replace(struct gate *gate, const struct frame_member *member)
{
	for (size_t i = 0; i < gate->n_met; i++)
		if (gate->met[i].id != member->id &&
		    strcasecmp(gate->met[i].name, member->name) == 0) {
			forget_at(gate, i);
			return;
		}
}

int gate_meet(struct gate *gate, const struct frame_member *member)
{
	struct met *m;
	size_t at;

	if (has_met(gate, member->id))
		return 0;
	gate_replace(gate, member);
	if (make_room(gate) < 0)
		return -ENOMEM;
	at = position(gate, member->id);
	m = &gate->met[at];
	(void)memmove(m + 1, m, (gate->n_met - at) * sizeof(*m));
	gate->n_met++;
	m->id = member->id;
	(void)memcpy(m->name, member->name, sizeof(m->name));
	(void)memcpy(m->role, member->role, sizeof(m->role));
	count(gate, m, true);
	return 0;
}

bool gate_is_open(const struct gate *gate)
{
	const struct gate_wants *wants = gate->wants;

	if (gate->n_met < wants->count)
		return false;
	for (size_t i = 0; i < wants->n_names; i++)
		if (!gate->names[i])
			return false;
	for (size_t i = 0; i < wants->n_roles; i++)
		if (gate->roles[i] < wants->roles[i].count)
			return false;
	return true;
}

/** struct text - a sentence under construction; what does not fit is left out */
struct text {
	char *buf;
	size_t size, len;
};

static void say(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len = t->len + (size_t)n < t->size ? t->len + (size_t)n : t->size - 1;
}

static void say_names(const struct gate *gate, const struct members *members,
		      const char *(*why)(void *arg, uint32_t id), void *arg, struct text *t)
{
	for (size_t i = 0; i < gate->wants->n_names; i++) {
		const char *name = gate->wants->names[i];
		const struct frame_member *m = members_by_name(members, name);

		if (gate->names[i])
			continue;
		say(t, "; %s %s", name, m ? "is there, but " : "has not joined");
		if (m)
			say(t, "%s", why(arg, m->id));
	}
}

/* Those that are there and count for nothing yet. */
static void say_unmet(const struct gate *gate, const struct members *members,
		      const char *(*why)(void *arg, uint32_t id), void *arg, struct text *t)
{
	for (size_t i = 0; i < members->n; i++)
		if (!has_met(gate, members->list[i].id))
			say(t, "; %s is there, but %s", members->list[i].name,
			    why(arg, members->list[i].id));
}

void gate_missing(const struct gate *gate, const struct members *members,
		  const char *(*why)(void *arg, uint32_t id), void *arg, char *ret, size_t size)
{
	const struct gate_wants *wants = gate->wants;
	struct text t = {.buf = ret, .size = size};

	if (gate->n_met < wants->count)
		say(&t, "met %zu of %zu members", gate->n_met, wants->count);
	else
		say(&t, "met %zu members", gate->n_met);
	for (size_t i = 0; i < wants->n_roles; i++)
		if (gate->roles[i] < wants->roles[i].count)
			say(&t, "; %zu of %zu in the role %s", gate->roles[i],
			    wants->roles[i].count, wants->roles[i].role);
	say_names(gate, members, why, arg, &t);
	if (wants->n_names == 0)
		say_unmet(gate, members, why, arg, &t);
}
