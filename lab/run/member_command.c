/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/member_command.h"

#include "lab/run/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_LISTEN "0.0.0.0"
#define EVENTS_FD   "3"

static void add(struct member_command *c, const char *word, const char *value)
{
	c->argv[c->n++] = word;
	if (value)
		c->argv[c->n++] = value;
}

static void add_words(struct member_command *c, char *const *words)
{
	while (words && *words)
		add(c, *words++, NULL);
}

/* A seed that has another address serves there, too. */
static void add_second(const struct machine *machine, struct member_command *c)
{
	const struct topo_node *topo = &machine->world->plan->spec.nodes[machine->node->topo];

	if (topo->n_others)
		add(c, "--second", addr_format_host(&topo->others[0], c->second));
}

static void make(const struct machine *machine, struct member_command *c)
{
	const struct plan *plan = machine->world->plan;
	const struct plan_node *node = machine->node;
	struct addr seed;

	*c = (struct member_command){0};
	add_words(c, node->from->under);
	if (node->from->role == ROLE_SEED) {
		(void)snprintf(c->listen, sizeof(c->listen), SEED_LISTEN ":%d", PLAN_SEED_PORT);
		add(c, "boxerd", "seed");
		add(c, "--listen", c->listen);
		add_second(machine, c);
		if (node->from->relay)
			add(c, "--relay", NULL);
	} else {
		seed = plan->nodes[plan->seed].external;
		seed.port = PLAN_SEED_PORT;
		add(c, "boxer", node->from->run ? "run" : "node");
		add(c, "--seed", addr_format(&seed, c->seed));
		add(c, "--name", node->name);
		if (node->from->strategies)
			add(c, "--strategies", node->from->strategies);
	}
	add(c, "--key-file", MEMBER_KEY_FILE);
	add(c, "--events", EVENTS_FD);
	add_words(c, node->from->options);
	if (node->from->run) {
		(void)snprintf(c->wait, sizeof(c->wait), "%u", node->wait);
		add(c, "--wait", c->wait);
		add(c, "--", NULL);
	}
}

/* The words of @c and of the guest. */
static char **whole(const struct member_command *c, char *const *guest)
{
	size_t n_guest = 0;
	char **argv;

	while (guest && guest[n_guest])
		n_guest++;
	argv = calloc(c->n + n_guest + 1, sizeof(*argv));
	if (!argv)
		return NULL;
	/* argv's type has no const, for historical reasons; nobody writes to it. */
	(void)memcpy(argv, c->argv, c->n * sizeof(*argv));
	if (n_guest)
		(void)memcpy(argv + c->n, guest, n_guest * sizeof(*argv));
	return argv;
}

char **member_command(const struct machine *machine, struct member_command *command)
{
	make(machine, command);
	return whole(command, machine->node->from->run);
}
