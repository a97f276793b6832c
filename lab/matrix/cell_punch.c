/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/matrix/cell_parts.h"

static int rendezvous_ended(const struct program *program, struct error *err)
{
	char how[EXPECT_STATUS_MAX], tail[PROGRAM_TAIL_MAX];

	(void)program_tail(program, tail);
	return error_set(err, ECHILD, "rendezvous %s%s%s", expect_describe(&program->end, how),
			 *tail ? ": " : "", tail);
}

int cell_meet_punch(struct cell *c, struct error *err)
{
	static char program[] = "rendezvous", port[] = "7000";
	char *const argv[] = {program, port, NULL};
	const struct program_spec spec = {.argv = argv, .file = "rendezvous", .cpu = -1, .fd3 = -1};
	struct machine *machine = &c->world.machines[CELL_MEETING];
	int r = program_start(&c->programs[CELL_MEETING], machine, &spec, err);

	_Static_assert(CELL_MEETING_PORT == 7000, "as above");
	if (!r)
		r = cell_await_listener(c, &c->programs[CELL_MEETING], CELL_MEETING_PORT, err);
	if (!r && c->programs[CELL_MEETING].ended)
		return rendezvous_ended(&c->programs[CELL_MEETING], err);
	return r;
}
