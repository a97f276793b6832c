/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/carrier.h"

#include "base/cleanup.h"
#include "lab/run/world.h"
#include "topo/wire.h"

#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/**
 * struct carrier - the process
 * @pid: 0: it has ended and been reaped
 * @control: see topo/wire.h
 */
struct carrier {
	struct world *world;
	pid_t pid;
	int pidfd;
	int control;
	struct ev_io exit;
};

/* Does not come back. A signal for the terminal's whole group is pid 1's to understand. */
static void __attribute__((noreturn)) become(struct wires *wires, int control, pid_t parent)
{
	sigset_t all;

	(void)sigfillset(&all);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
	    sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		_exit(EXIT_FAILURE);
	(void)prctl(PR_SET_NAME, "boxlab-wires");
	wires_close_others(wires, control);
	_exit(wires_run(wires, control) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void on_exit_of(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct carrier *carrier = io->data;

	(void)revents;
	ev_io_stop(loop, io);
	(void)waitpid(carrier->pid, NULL, 0);
	carrier->pid = 0;
	world_trouble(carrier->world, "the wires have ended");
}

static int fork_carrier(struct carrier *carrier, struct wires *wires, int control,
			struct error *err)
{
	pid_t parent = getpid();

	(void)fflush(NULL);
	carrier->pid = fork();
	if (carrier->pid < 0) {
		int code = errno;

		carrier->pid = 0;
		return error_sys(err, code, "the wires");
	}
	if (carrier->pid == 0)
		become(wires, control, parent);
	carrier->pidfd = pidfd_open(carrier->pid, 0);
	return carrier->pidfd < 0 ? error_sys(err, errno, "the wires") : 0;
}

static void drop_wires(struct wires **wires)
{
	wires_free(*wires);
}

int carrier_start(struct world *world, struct error *err)
{
	cleanup_with(drop_wires) struct wires *wires = NULL;
	cleanup_close int control = -1;
	struct carrier *carrier;
	int pair[2];
	int r;

	if (!world->plan->n_wires)
		return 0;
	carrier = calloc(1, sizeof(*carrier));
	if (!carrier)
		return error_sys(err, ENOMEM, "the wires");
	*carrier = (struct carrier){.world = world, .pidfd = -1, .control = -1};
	world->carrier = carrier;
	r = topo_wires_open(world->topo, &wires, err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "the wires");
	carrier->control = pair[0];
	control = pair[1];
	r = fork_carrier(carrier, wires, control, err);
	if (r < 0)
		return r;
	ev_io_init(&carrier->exit, on_exit_of, carrier->pidfd, EV_READ);
	carrier->exit.data = carrier;
	ev_io_start(world->loop, &carrier->exit);
	return 0;
}

void carrier_free(struct carrier *carrier)
{
	if (!carrier)
		return;
	if (carrier->pidfd >= 0) {
		ev_io_stop(carrier->world->loop, &carrier->exit);
		(void)close(carrier->pidfd);
	}
	if (carrier->pid > 0) {
		(void)kill(carrier->pid, SIGKILL);
		(void)waitpid(carrier->pid, NULL, 0);
	}
	if (carrier->control >= 0)
		(void)close(carrier->control);
	free(carrier);
}

static int failed(struct world *world, int r, struct error *err)
{
	/* Its death may be known here before the loop hears of it. */
	if (r == -EPIPE) {
		world_trouble(world, "the wires have ended");
		return -ECHILD;
	}
	return error_sys(err, -r, "the wires");
}

int carrier_set(struct world *world, size_t wire, const struct topo_wire *to, struct error *err)
{
	size_t link = world->plan->wires[wire].link;

	for (int end = 0; end < 2; end++) {
		int r = wires_set(world->carrier->control, link, end, &to->from[end]);

		if (r < 0)
			return failed(world, r, err);
	}
	return 0;
}

int carrier_clean(struct world *world, struct error *err)
{
	static const struct topo_wire clean;
	int r = 0;

	for (size_t i = 0; r == 0 && i < world->plan->n_wires; i++)
		r = carrier_set(world, i, &clean, err);
	return r;
}

int carrier_begin(struct world *world, struct error *err)
{
	const struct plan *plan = world->plan;
	int r = 0;

	if (!world->carrier)
		return 0;
	for (size_t i = 0; r == 0 && i < plan->n_wires; i++)
		r = carrier_set(world, i, plan->spec.links[plan->wires[i].link].wire, err);
	if (r < 0)
		return r;
	r = wires_restart(world->carrier->control);
	return r < 0 ? failed(world, r, err) : 0;
}

void carrier_count(struct world *world)
{
	const struct plan *plan = world->plan;

	for (size_t i = 0; world->carrier && i < plan->n_wires; i++) {
		struct result_wire *result = &world->result->wires[i];
		bool counted = true;

		for (int end = 0; end < 2; end++)
			counted =
				counted && wires_stats(world->carrier->control, plan->wires[i].link,
						       end, &result->stats[end]) == 0;
		result->is_counted = counted;
	}
}
