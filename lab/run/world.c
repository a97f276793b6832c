/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/world.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/run/carrier.h"
#include "lab/run/member.h"
#include "lab/run/program.h"
#include "lab/run/visitors.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define KEY_BYTES   32
#define PROGRESS_NS NS_PER_S

/* ---- trouble and files ---- */

void world_trouble(struct world *world, const char *fmt, ...)
{
	va_list ap;

	if (world->trouble.code)
		return;
	world->trouble.code = ECHILD;
	va_start(ap, fmt);
	(void)vsnprintf(world->trouble.text, sizeof(world->trouble.text), fmt, ap);
	va_end(ap);
}

int world_create_file(struct world *world, const char *name, int *ret_fd, struct error *err)
{
	cleanup_close int fd = world->lab ? lab_create_file(world->lab, name, err)
					  : memfd_create(name, MFD_CLOEXEC);

	if (!world->lab) {
		if (fd < 0)
			return error_sys(err, errno, "%s", name);
		*ret_fd = take_fd(&fd);
		return 0;
	}
	if (fd == -ENOENT) {
		*ret_fd = -1;
		return 0;
	}
	if (fd < 0)
		return fd;
	if (result_add_file(world->result, name) < 0)
		return error_sys(err, ENOMEM, "%s", name);
	*ret_fd = take_fd(&fd);
	return 0;
}

struct machine *world_machine(struct world *world, const char *name)
{
	const struct plan_node *node = plan_find(world->plan, name);

	return node ? &world->machines[node - world->plan->nodes] : NULL;
}

/* ---- waiting ---- */

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	/* It only ends ev_run(). */
	(void)loop;
	(void)timer;
	(void)revents;
}

static void arm(struct world *world, uint64_t now, const struct wait *wait)
{
	uint64_t delay = wait->deadline > now ? wait->deadline - now : 0;

	if (wait->poll_ns && wait->poll_ns < delay)
		delay = wait->poll_ns;
	if (world->console->terminal && PROGRESS_NS < delay)
		delay = PROGRESS_NS;
	ev_timer_stop(world->loop, &world->timer);
	ev_now_update(world->loop);
	ev_timer_set(&world->timer, (double)delay / NS_PER_S, 0);
	ev_timer_start(world->loop, &world->timer);
}

bool world_ending(const struct world *world)
{
	return world->ended || (world->lab && lab_ending(world->lab));
}

int world_wait(struct world *world, const struct wait *wait)
{
	while (!wait->done(wait->arg)) {
		uint64_t now = clock_now();

		if (world_ending(world))
			return -ECANCELED;
		if (world->trouble.code && !wait->stubborn)
			return -ECHILD;
		if (now >= wait->deadline)
			return -ETIMEDOUT;
		if (world->title)
			console_progress(world->console, world->title, now - world->title_since);
		arm(world, now, wait);
		(void)ev_run(world->loop, EVRUN_ONCE);
	}
	return 0;
}

enum verdict world_verdict(const struct world *world, int r, struct error *err)
{
	switch (-r) {
	case 0:
		return VERDICT_PASS;
	case EXPECT_UNMET:
		return VERDICT_FAIL;
	case ECANCELED:
		(void)error_set(err, ECANCELED, "ended by the user");
		return VERDICT_ERROR;
	case ECHILD:
		if (!world->trouble.code)
			return VERDICT_ERROR;
		*err = world->trouble;
		return VERDICT_FAIL;
	default:
		return VERDICT_ERROR;
	}
}

/* ---- building ---- */

static void on_conntrack(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct router *router = io->data;
	struct error err;

	(void)revents;
	if (conntrack_process(router->watch, &err) < 0) {
		ev_io_stop(loop, io);
		world_trouble(router->world, "cannot watch %s: %s", router->nat->name, err.text);
	}
}

int world_watch(struct world *world, struct error *err)
{
	for (size_t i = 0; i < world->plan->n_nats; i++) {
		struct router *router = &world->routers[i];
		int netns = topo_netns(world->topo, router->nat->topo);
		int r = conntrack_open(netns, &router->watch, err);

		if (r < 0)
			return error_wrap(err, "%s", router->nat->name);
		ev_io_init(&router->io, on_conntrack, conntrack_fd(router->watch), EV_READ);
		router->io.data = router;
		ev_io_start(world->loop, &router->io);
	}
	return 0;
}

static void on_sandbox(struct ev_loop *loop, struct ev_io *io, int revents)
{
	(void)loop;
	(void)revents;
	program_take_events(io->data);
}

/* Names as public DNS would have them: without Boxer too, every name leads to a
 * node's external address. */
static int make_hosts(const struct plan *plan, char **ret_text, struct error *err)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return error_sys(err, errno, "/etc/hosts");
	(void)fputs("127.0.0.1 localhost\n::1 localhost\n", f);
	for (size_t i = 0; i < plan->n_nodes; i++) {
		char address[ADDR_TEXT_MAX];

		(void)fprintf(f, "%s %s\n", addr_format_host(&plan->nodes[i].external, address),
			      plan->nodes[i].name);
	}
	if (fclose(f) < 0) {
		int code = errno;

		free(text);
		return error_sys(err, code, "/etc/hosts");
	}
	*ret_text = text;
	return 0;
}

static int build_machines(struct world *world, struct error *err)
{
	cleanup_free char *hosts = NULL;
	int r = make_hosts(world->plan, &hosts, err);

	for (size_t i = 0; r == 0 && i < world->plan->n_nodes; i++) {
		struct machine *machine = &world->machines[i];
		const struct sandbox_file files[] = {
			{"/etc/hosts", hosts},
			{MEMBER_KEY_FILE, world->key},
		};
		bool has_boxer = machine->node->from->role != ROLE_HOST;
		struct sandbox_spec spec = {
			.name = machine->node->name,
			.netns = topo_netns(world->topo, machine->node->topo),
			.files = files,
			.n_files = has_boxer ? 2 : 1,
		};

		r = sandbox_start(&spec, &machine->sandbox, err);
		if (r < 0)
			return r;
		ev_io_init(&machine->io, on_sandbox, sandbox_fd(machine->sandbox), EV_READ);
		machine->io.data = machine;
		ev_io_start(world->loop, &machine->io);
	}
	return r;
}

static int make_key(struct world *world, struct error *err)
{
	unsigned char bytes[KEY_BYTES];

	_Static_assert(sizeof(world->key) == 2 * KEY_BYTES + 1, "a key in hexadecimal digits");
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return error_sys(err, errno, "no random bytes for the cluster's key");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(world->key + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int world_init(struct world *world, struct lab *lab, const struct plan *plan,
	       struct console *console, struct result *result, struct error *err)
{
	int r;

	*world = (struct world){.lab = lab, .plan = plan, .console = console, .result = result};
	world->loop = ev_loop_new(EVFLAG_AUTO);
	world->machines = calloc(plan->n_nodes, sizeof(*world->machines));
	world->routers = calloc(plan->n_nats + 1, sizeof(*world->routers));
	world->wires = calloc(plan->n_wires + 1, sizeof(*world->wires));
	world->by_id = malloc(plan->n_nodes * sizeof(*world->by_id));
	if (!world->loop || !world->machines || !world->routers || !world->wires || !world->by_id)
		return error_sys(err, ENOMEM, "the event loop");
	for (size_t i = 0; i < plan->n_nodes; i++) {
		world->machines[i] =
			(struct machine){.world = world, .node = &plan->nodes[i], .index = i};
		world->by_id[i] = PLAN_NONE;
	}
	for (size_t i = 0; i < plan->n_nats; i++)
		world->routers[i] = (struct router){.world = world,
						    .nat = &plan->nats[i],
						    .now = plan->nats[i].nat,
						    .external = plan->nats[i].external};
	for (size_t i = 0; i < plan->n_wires; i++)
		world->wires[i] = *plan->spec.links[plan->wires[i].link].wire;
	ev_timer_init(&world->timer, on_timer, 0, 0);
	r = make_key(world, err);
	return r || !lab ? r : visitors_open(world, err);
}

int world_build(struct world *world, struct error *err)
{
	int r = topo_apply(&world->plan->spec, &world->topo, err);

	/* Before anybody can send. */
	if (!r)
		r = carrier_start(world, err);
	return r ? r : build_machines(world, err);
}

void world_close(struct world *world)
{
	visitors_close(world);
	for (size_t i = 0; world->machines && i < world->plan->n_nodes; i++) {
		struct machine *machine = &world->machines[i];

		if (machine->sandbox)
			ev_io_stop(world->loop, &machine->io);
		member_free(machine->member);
		assert(!machine->programs);
		sandbox_kill(machine->sandbox);
	}
	for (size_t i = 0; world->routers && i < world->plan->n_nats; i++) {
		struct router *router = &world->routers[i];

		if (router->watch)
			ev_io_stop(world->loop, &router->io);
		conntrack_close(router->watch);
	}
	carrier_free(world->carrier);
	topo_free(world->topo);
	if (world->loop) {
		ev_timer_stop(world->loop, &world->timer);
		ev_loop_destroy(world->loop);
	}
	free(world->machines);
	free(world->routers);
	free(world->wires);
	free(world->by_id);
	*world = (struct world){0};
}
