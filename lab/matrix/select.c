/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/matrix/select.h"

#include "base/cleanup.h"
#include "lab/matrix/field.h"

#include <stdio.h>
#include <string.h>

/** enum what - what is compared */
enum what { FROM, TO, TECHNIQUE, THEORY };

/** struct comparison - one, taken apart */
struct comparison {
	enum what what;
	const struct field *field; /* NULL: the name itself */
	bool not ;
	const char *values;
};

static const struct {
	const char *name;
	enum what what;
} keys[] = {{"from", FROM}, {"to", TO}, {"technique", TECHNIQUE}, {"theory", THEORY}};

static bool is(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncmp(text, word, len) == 0;
}

static int parse_key(const char *text, size_t len, struct comparison *c)
{
	const char *dot = memchr(text, '.', len);
	size_t head = dot ? (size_t)(dot - text) : len;
	size_t i = 0;

	while (i < ARRAY_SIZE(keys) && !is(text, head, keys[i].name))
		i++;
	if (i == ARRAY_SIZE(keys))
		return -EINVAL;
	c->what = keys[i].what;
	c->field = NULL;
	if (!dot)
		return 0;
	c->field = field_find(dot + 1, len - head - 1);
	return c->field && (c->what == FROM || c->what == TO) ? 0 : -EINVAL;
}

static int parse(const char *text, struct comparison *ret)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : 0;

	ret->not = len && text[len - 1] == '!';
	if (!equals || parse_key(text, len - ret->not, ret) < 0)
		return -EINVAL;
	ret->values = equals + 1;
	return 0;
}

/* ---- checking ---- */

/* The @i'th word that may be compared with, or NULL behind the last. */
static const char *word(const struct comparison *c, const struct grid *grid, size_t i)
{
	if (c->field)
		return c->field->words[i];
	switch (c->what) {
	case FROM:
	case TO:
		return i < grid->n_nats ? grid->nats[i]->preset : NULL;
	case TECHNIQUE:
		return i < grid->n_techniques ? grid->techniques[i].name : NULL;
	case THEORY:
		return i == 0 ? "-" : theory_verdict_names[i - 1];
	}
	return NULL;
}

static bool is_word(const struct comparison *c, const struct grid *grid, const char *text,
		    size_t len)
{
	const char *w;

	for (size_t i = 0; (w = word(c, grid, i)); i++)
		if (is(text, len, w))
			return true;
	return false;
}

static int refuse_value(const struct comparison *c, const struct grid *grid, const char *text,
			size_t len, struct error *err)
{
	const char *words[GRID_NATS_MAX + 1] = {0};

	_Static_assert(GRID_NATS_MAX > GRID_TECHNIQUES_MAX, "room for either");
	for (size_t i = 0; i < GRID_NATS_MAX && (words[i] = word(c, grid, i)); i++)
		;
	return field_refuse(text, len, words, err);
}

int selection_add(struct selection *selection, const struct grid *grid, const char *text,
		  struct error *err)
{
	struct comparison c;

	if (parse(text, &c) < 0)
		return error_set(err, EINVAL,
				 "\"%s\": KEY=VALUE or KEY!=VALUE is expected, with a key of from, "
				 "to, technique, theory, or from.X and to.X with X of mapping, "
				 "filtering, allocation, conflict, hairpin, unsolicited, "
				 "tcp_tracking, simultaneous_open",
				 text);
	if (selection->n == SELECTION_MAX)
		return error_set(err, EINVAL, "more than %d comparisons", SELECTION_MAX);
	for (const char *v = c.values;; v++) {
		size_t len = strcspn(v, ",");

		if (!is_word(&c, grid, v, len))
			return refuse_value(&c, grid, v, len, err);
		v += len;
		if (!*v)
			break;
	}
	selection->text[selection->n++] = text;
	return 0;
}

/* ---- comparing ---- */

static const char *value_of(const struct comparison *c, const struct grid *grid,
			    const struct grid_cell *cell)
{
	const struct grid_technique *technique = &grid->techniques[cell->technique];
	const struct nat *nat = grid->nats[c->what == FROM ? cell->from : cell->to];

	if (c->field)
		return field_word(c->field, nat, theory_behaviour(technique->theory, nat));
	switch (c->what) {
	case FROM:
	case TO:
		return nat->preset;
	case TECHNIQUE:
		return technique->name;
	case THEORY:
		break;
	}
	return cell->has_theory ? theory_verdict_names[cell->theory.verdict] : "-";
}

static bool holds(const char *text, const struct grid *grid, const struct grid_cell *cell)
{
	struct comparison c;
	const char *value;

	if (parse(text, &c) < 0)
		return false;
	value = value_of(&c, grid, cell);
	for (const char *v = c.values;; v++) {
		size_t len = strcspn(v, ",");

		if (is(v, len, value))
			return !c.not ;
		v += len;
		if (!*v)
			return c.not ;
	}
}

bool selection_has(const struct selection *selection, const struct grid *grid,
		   const struct grid_cell *cell)
{
	for (size_t i = 0; i < selection->n; i++)
		if (!holds(selection->text[i], grid, cell))
			return false;
	return true;
}
