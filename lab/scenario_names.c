/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_names.h"

#include "lab/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *scenario_node_name(const struct scenario_node *node, unsigned index,
			       char buf[static TOPO_NAME_MAX])
{
	if (node->counted)
		(void)snprintf(buf, TOPO_NAME_MAX, "%.*s%u", KEYS_NAME_MAX, node->name, index);
	else
		(void)snprintf(buf, TOPO_NAME_MAX, "%.*s", KEYS_NAME_MAX, node->name);
	return buf;
}

const char *scenario_nat_name(const struct scenario_node *node, unsigned index,
			      char buf[static TOPO_NAME_MAX])
{
	char machine[TOPO_NAME_MAX];

	(void)scenario_node_name(node, index, machine);
	(void)snprintf(buf, TOPO_NAME_MAX, "%.*s-nat", TOPO_NAME_MAX - 5, machine);
	return buf;
}

static int compare(const void *a, const void *b)
{
	const struct scenario_name *x = a;
	const struct scenario_name *y = b;
	int r = strcmp(x->name, y->name);

	if (r)
		return r;
	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	return (x->at.column > y->at.column) - (x->at.column < y->at.column);
}

static void add_node(struct scenario_names *names, const struct scenario_node *node)
{
	for (unsigned i = 0; i < node->count; i++) {
		struct scenario_name *name = &names->name[names->n++];

		*name = (struct scenario_name){.node = node, .at = node->at};
		(void)scenario_node_name(node, i, name->name);
		if (!node->nat || !nat_translates(&node->nat->nat))
			continue;
		name = &names->name[names->n++];
		*name = (struct scenario_name){.node = node, .at = node->at, .is_nat = true};
		(void)scenario_nat_name(node, i, name->name);
	}
}

int scenario_names_make(const struct scenario *scenario, struct scenario_names *ret_names)
{
	struct scenario_names names = {0};
	size_t room = 1 + scenario->n_nats;

	for (size_t i = 0; i < scenario->n_nodes; i++)
		room += 2 * (size_t)scenario->nodes[i].count;
	names.name = calloc(room, sizeof(*names.name));
	if (!names.name)
		return -ENOMEM;
	for (size_t i = 0; i < scenario->n_nats; i++) {
		struct scenario_name *name = &names.name[names.n++];

		*name = (struct scenario_name){.is_nat = true, .at = scenario->nats[i].at};
		(void)snprintf(name->name, sizeof(name->name), "%.*s", KEYS_NAME_MAX,
			       scenario->nats[i].name);
	}
	for (size_t i = 0; i < scenario->n_nodes; i++)
		add_node(&names, &scenario->nodes[i]);
	qsort(names.name, names.n, sizeof(*names.name), compare);
	*ret_names = names;
	return 0;
}

const struct scenario_name *scenario_names_find(const struct scenario_names *names,
						const char *name)
{
	size_t low = 0;
	size_t high = names->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(names->name[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < names->n && strcmp(names->name[low].name, name) == 0)
		return &names->name[low];
	return NULL;
}

void scenario_names_free(struct scenario_names *names)
{
	free(names->name);
	(void)memset(names, 0, sizeof(*names));
}
