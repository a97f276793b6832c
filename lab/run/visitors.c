/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/visitors.h"

#include "lab/run/state.h"

#include "base/cleanup.h"

#include <stdio.h>

static struct sandbox *find_sandbox(void *arg, const char *node)
{
	const struct machine *machine = world_machine(arg, node);

	return machine ? machine->sandbox : NULL;
}

static bool describe_node(void *arg, size_t i, struct door_node *ret_node)
{
	static const char *const roles[] = {
		[ROLE_FUNCTION] = "function", [ROLE_SEED] = "seed", [ROLE_HOST] = "host"};
	const struct world *world = arg;
	const struct plan_node *node = &world->plan->nodes[i];

	if (i >= world->plan->n_nodes)
		return false;
	*ret_node = (struct door_node){.inside = node->inside, .external = node->external};
	(void)snprintf(ret_node->name, sizeof(ret_node->name), "%s", node->name);
	(void)snprintf(ret_node->role, sizeof(ret_node->role), "%s", roles[node->from->role]);
	return true;
}

static int tell_state(void *arg, const char *nat, struct error *err)
{
	return state_open(arg, nat, err);
}

static void end_world(void *arg)
{
	struct world *world = arg;

	world->ended = true;
}

static const struct door_ops ops = {
	.sandbox = find_sandbox, .node = describe_node, .state = tell_state, .end = end_world};

static void on_visitor(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct world *world = io->data;
	int client;

	(void)loop;
	(void)revents;
	while ((client = lab_next_client(world->lab)) >= 0)
		door_serve(world->door, client);
}

static void on_door(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct world *world = io->data;

	(void)loop;
	(void)revents;
	door_dispatch(world->door);
}

int visitors_open(struct world *world, struct error *err)
{
	int r = door_new(&ops, world, &world->door);

	if (r < 0)
		return error_sys(err, -r, "the lab's door");
	ev_io_init(&world->lab_io, on_visitor, lab_fd(world->lab), EV_READ);
	ev_io_init(&world->door_io, on_door, door_fd(world->door), EV_READ);
	world->lab_io.data = world->door_io.data = world;
	ev_io_start(world->loop, &world->lab_io);
	ev_io_start(world->loop, &world->door_io);
	return 0;
}

void visitors_take_event(struct world *world, const struct sandbox_event *event)
{
	/* Of nobody's program: of one that was forgotten. */
	if (world->door)
		(void)door_event(world->door, event);
}

void visitors_leave(struct machine *machine)
{
	if (machine->sandbox && machine->world->door)
		door_forget(machine->world->door, machine->sandbox);
}

void visitors_close(struct world *world)
{
	if (!world->door)
		return;
	ev_io_stop(world->loop, &world->lab_io);
	ev_io_stop(world->loop, &world->door_io);
	door_free(world->door);
	world->door = NULL;
}
