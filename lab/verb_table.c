/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/verb_table.h"

#include "lab/keys_near.h"
#include "lab/run.h"

#include <stdio.h>
#include <string.h>

#define TITLE_MAX 64

static int help(const struct verb_table *table, FILE *out, int code)
{
	size_t name = 0, synopsis = 0;

	for (size_t i = 0; i < table->n; i++) {
		size_t n = strlen(table->verbs[i].name), s = strlen(table->verbs[i].synopsis);

		name = n > name ? n : name;
		synopsis = s > synopsis ? s : synopsis;
	}
	(void)fprintf(out, "usage: %s VERB [OPTION]... [ARGUMENT]...\n\n%s\n\n", table->command,
		      table->about);
	for (size_t i = 0; i < table->n; i++)
		(void)fprintf(out, "  %-*s  %-*s  %s\n", (int)name, table->verbs[i].name,
			      (int)synopsis, table->verbs[i].synopsis, table->verbs[i].what);
	(void)fprintf(out, "\n%s\"%s VERB --help\" says more of a verb.\n",
		      table->more ? table->more : "", table->command);
	return code;
}

static int unknown(const struct verb_table *table, const char *name)
{
	struct keys_near near = keys_near(name);
	char hint[KEYS_HINT_MAX];

	for (size_t i = 0; i < table->n; i++)
		keys_near_offer(&near, table->verbs[i].name);
	(void)fprintf(stderr,
		      "boxlab: there is no verb \"%s\"%s\n"
		      "\"%s --help\" lists them\n",
		      name, keys_near_hint(&near, hint), table->command);
	return RUN_MISUSED;
}

int verb_table_run(const struct verb_table *table, int argc, char **argv)
{
	static char title[TITLE_MAX];

	if (argc < 2)
		return help(table, stderr, RUN_MISUSED);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return help(table, stdout, RUN_PASSED);
	for (size_t i = 0; i < table->n; i++) {
		if (strcmp(argv[1], table->verbs[i].name) != 0)
			continue;
		(void)snprintf(title, sizeof(title), "%s %s", table->command, argv[1]);
		argv[1] = title;
		return table->verbs[i].run(argc - 1, argv + 1);
	}
	return unknown(table, argv[1]);
}
