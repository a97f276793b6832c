/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * The files of a trial are in memory alone, and go with it. Of one that came out
 * unexpectedly, what the nodes have told is worth more than a sentence: it is appended
 * to one file that all trials share. Each part is written at once, so that those of
 * several processes don't mix, and begins with a line that says whose it is.
 */
#include "lab/matrix/cell_parts.h"

#include "base/cleanup.h"
#include "lab/run/member.h"

#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>

#define PART_MAX (1 << 20) /* the last bytes of a node's events */

static void print_head(const struct cell *c, enum cell_machine machine, FILE *out)
{
	json_t *head = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "technique",
				 c->grid->techniques[c->what->technique].name, "from",
				 c->grid->nats[c->what->from]->preset, "to",
				 c->grid->nats[c->what->to]->preset, "trial", c->nonce, "reason",
				 c->trial.reason, "node", cell_name(c, machine));

	(void)json_dumpf(head, out, 0);
	(void)fputc('\n', out);
	json_decref(head);
}

static void print_events(int fd, FILE *out)
{
	char data[4096];
	struct stat st;
	off_t at = 0;
	ssize_t n;

	if (fstat(fd, &st) == 0 && st.st_size > PART_MAX)
		at = st.st_size - PART_MAX;
	while ((n = pread(fd, data, sizeof(data), at)) > 0) {
		(void)fwrite(data, 1, (size_t)n, out);
		at += n;
	}
}

static void log_node(const struct cell *c, enum cell_machine machine)
{
	const struct member *member = c->world.machines[machine].member;
	cleanup_free char *text = NULL;
	size_t len;
	FILE *out = member ? open_memstream(&text, &len) : NULL;

	if (!out)
		return;
	print_head(c, machine, out);
	print_events(member_log(member), out);
	/* Whoever has no room for it has it said elsewhere: the results are being written, too. */
	if (fclose(out) == 0)
		(void)!write(c->grid->log, text, len);
}

void cell_log(const struct cell *c)
{
	for (size_t i = 0; c->world.machines && i < c->n_machines; i++)
		log_node(c, (enum cell_machine)i);
}
