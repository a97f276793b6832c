/* SPDX-License-Identifier: MIT */
/*
 * Techniques of hole punching, as small as they can be: what `boxlab matrix`
 * tries between any two NATs. What to do stands in the environment, what came of
 * it is one line of JSON; docs/matrix.md describes both.
 *
 * Exit status: 0 connected, and bytes went both ways; 1 not; 2 misused.
 */
#include "techniques.h"

#include <stdio.h>
#include <string.h>

static int parallel(struct meeting *m, struct outcome *outcome)
{
	return tcp_punch(m, TCP_PARALLEL, outcome);
}

static int sequential(struct meeting *m, struct outcome *outcome)
{
	return tcp_punch(m, TCP_SEQUENTIAL, outcome);
}

static int sequential_keep(struct meeting *m, struct outcome *outcome)
{
	return tcp_punch(m, TCP_SEQUENTIAL_KEEP, outcome);
}

static const struct {
	const char *name;
	int (*punch)(struct meeting *m, struct outcome *outcome);
} techniques[] = {
	{"tcp-parallel", parallel},
	{"tcp-sequential", sequential},
	{"tcp-sequential-keep", sequential_keep},
	{"udp", udp_punch},
};

int main(int argc, char **argv)
{
	struct outcome outcome = {0};
	struct meeting m;
	size_t i = 0;

	while (argc == 2 && i < 4 && strcmp(techniques[i].name, argv[1]) != 0)
		i++;
	if (argc != 2 || i == 4) {
		(void)fputs("usage: punch tcp-parallel|tcp-sequential|tcp-sequential-keep|udp\n",
			    stderr);
		return 2;
	}
	if (meet_init(&m) < 0)
		return 2;
	(void)techniques[i].punch(&m, &outcome);
	meet_tell(&m, techniques[i].name, &outcome);
	return *outcome.reason ? 1 : 0;
}
