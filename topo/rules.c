/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/rules.h"

#include <linux/netfilter/nf_tables.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void rules_init(struct rules *rules, const char *table)
{
	(void)memset(rules, 0, sizeof(*rules));
	rules->table = table;
}

void rules_done(struct rules *rules)
{
	free(rules->chains);
	free(rules->elements);
	free(rules->rules);
	free(rules->steps);
	rules_init(rules, rules->table);
}

bool rules_ok(const struct rules *rules)
{
	return !rules->failed;
}

/*
 * Room for one more element of @size at the end of an array of @n.
 *
 * Return: the array, wherever it is now, or NULL when there is no room.
 */
static void *grow(struct rules *rules, void *array, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 32;
	void *moved;

	if (rules->failed)
		return NULL;
	if (n < *room)
		return array;
	moved = reallocarray(array, more, size);
	if (!moved) {
		rules->failed = true;
		return NULL;
	}
	*room = more;
	return moved;
}

void rules_add_counter(struct rules *rules, const char *name)
{
	if (rules->n_counters == RULES_COUNTERS_MAX)
		rules->failed = true;
	else
		rules->counters[rules->n_counters++] = name;
}

size_t rules_add_chain(struct rules *rules, const struct rule_chain *chain)
{
	struct rule_chain *chains;

	if (rules->n_chains == RULES_CHAINS_MAX)
		rules->failed = true;
	chains = grow(rules, rules->chains, rules->n_chains, &rules->chains_room, sizeof(*chains));
	if (!chains)
		return 0;
	rules->chains = chains;
	chains[rules->n_chains] = *chain;
	return rules->n_chains++;
}

size_t rules_add_subchain(struct rules *rules, const char *fmt, ...)
{
	struct rule_chain chain = {.type = NULL};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(chain.name, sizeof(chain.name), fmt, ap);
	va_end(ap);
	return rules_add_chain(rules, &chain);
}

size_t rules_add_set(struct rules *rules, const struct rule_set *set)
{
	if (rules->n_sets == RULES_SETS_MAX) {
		rules->failed = true;
		return 0;
	}
	rules->sets[rules->n_sets] = *set;
	return rules->n_sets++;
}

void rules_add_element(struct rules *rules, const struct rule_element *element)
{
	struct rule_element *elements = grow(rules, rules->elements, rules->n_elements,
					     &rules->elements_room, sizeof(*elements));

	if (!elements)
		return;
	rules->elements = elements;
	elements[rules->n_elements++] = *element;
}

void rules_add(struct rules *rules, size_t chain, const char *fmt, ...)
{
	struct rule *array = grow(rules, rules->rules, rules->n_rules, &rules->rules_room,
				  sizeof(*rules->rules));
	struct rule *rule;
	va_list ap;

	if (!array)
		return;
	rules->rules = array;
	rule = &array[rules->n_rules++];
	*rule = (struct rule){.chain = chain, .first_step = rules->n_steps};
	va_start(ap, fmt);
	(void)vsnprintf(rule->comment, sizeof(rule->comment), fmt, ap);
	va_end(ap);
}

void rules_add_step(struct rules *rules, const struct rule_step *step)
{
	struct rule_step *steps =
		grow(rules, rules->steps, rules->n_steps, &rules->steps_room, sizeof(*steps));

	if (!steps)
		return;
	rules->steps = steps;
	steps[rules->n_steps++] = *step;
	rules->rules[rules->n_rules - 1].n_steps++;
}

size_t rules_fields(const enum rule_field *fields)
{
	size_t n = 0;

	while (fields[n] != RULE_FIELD_NONE)
		n++;
	return n;
}

bool rules_counts(const struct rules *rules, size_t chain)
{
	for (size_t i = 0; i < rules->n_rules; i++) {
		const struct rule *rule = &rules->rules[i];

		for (size_t j = 0; rule->chain == chain && j < rule->n_steps; j++) {
			const struct rule_step *step = &rules->steps[rule->first_step + j];

			if (step->kind == RULE_NUMBER && step->op == NFT_NG_INCREMENTAL)
				return true;
		}
	}
	return false;
}

size_t rules_find_chain(const struct rules *rules, const char *name)
{
	for (size_t i = 0; i < rules->n_chains; i++)
		if (strcmp(rules->chains[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

size_t rules_find_set(const struct rules *rules, const char *name)
{
	for (size_t i = 0; i < rules->n_sets; i++)
		if (strcmp(rules->sets[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}
