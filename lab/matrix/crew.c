/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 *	pid 1 of the lab ---fork---> one process per trial: cell_try(), then its
 *	   |                         place in the grid's shared memory
 *	   +-- hears: ends of processes, clients of the lab's door, the front process
 *
 * A trial's process holds its world; when it ends, however it ends, the world
 * goes with it, for its sandboxes end with their control sockets. When pid 1 ends,
 * the kernel ends all of them.
 *
 * Before any trial every NAT is measured by itself. If one of them is not as declared,
 * no cell would say what it seems to say, and none is tried.
 *
 * First every cell is tried once, or as often as is asked for. What came out unexpectedly is tried again when
 * that is over and the machine is calm: few at a time. Repetitions get no such chance.
 */
#include "lab/matrix/crew.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/door.h"
#include "lab/matrix/cell.h"
#include "lab/matrix/measure.h"
#include "lab/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#define JOBS_PER_CPU 16
#define CALM_PER_CPU 4
#define TICK_MS	     200 /* progress, and a look at deadlines */
#define LOG_NAME     "boxer.jsonl"

/** struct errand - a trial to make */
struct errand {
	size_t cell, gap, attempt;
};

/** struct worker - a process that makes one; @pid: 0 for none */
struct worker {
	pid_t pid;
	uint64_t deadline;
	struct errand errand;
};

/**
 * struct crew - the crew at work
 * @first, @again: what is to be done, and how far it is
 * @door: for those who look at the lab
 */
struct crew {
	struct lab *lab;
	const struct crew_order *order;
	struct errand *first, *again;
	size_t n_first, next_first, n_again, next_again;
	struct worker workers[CREW_JOBS_MAX];
	unsigned n_workers;
	size_t done;
	struct door *door;
	sigset_t mask;
	int signals;
	bool ended;
	bool shown;
};

static unsigned cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

unsigned crew_jobs(const struct grid *grid)
{
	unsigned n = cpus() * JOBS_PER_CPU;

	/* Boxer has more to do than to wait, and its times are of interest. */
	for (size_t i = 0; i < grid->n_techniques; i++)
		if (grid->techniques[i].boxer)
			n = cpus() * CALM_PER_CPU;
	return n < CREW_JOBS_MAX ? n : CREW_JOBS_MAX;
}

/* ---- errands ---- */

static int list_errands(struct crew *crew)
{
	const struct grid *grid = crew->order->grid;
	size_t repeat = grid->repeat ? grid->repeat : 1;
	size_t max = grid->n_cells * GRID_GAPS;

	crew->first = calloc(max * repeat + 1, sizeof(*crew->first));
	crew->again = calloc(max * GRID_ATTEMPTS + 1, sizeof(*crew->again));
	if (!crew->first || !crew->again)
		return -ENOMEM;
	for (size_t n = 0; n < repeat; n++)
		for (size_t i = 0; i < grid->n_cells; i++)
			for (size_t gap = 0; gap < grid->cells[i].n_gaps; gap++)
				crew->first[crew->n_first++] = (struct errand){i, gap, n};
	return 0;
}

/* The next one, if one more may be under way now. */
static const struct errand *next_errand(struct crew *crew)
{
	unsigned calm = cpus() * CALM_PER_CPU;

	if (crew->ended || crew->n_workers >= crew->order->jobs)
		return NULL;
	if (crew->next_first < crew->n_first)
		return &crew->first[crew->next_first++];
	if (crew->next_again < crew->n_again && crew->n_workers < calm)
		return &crew->again[crew->next_again++];
	return NULL;
}

static void finished(struct crew *crew, const struct errand *errand)
{
	const struct grid_cell *cell = &crew->order->grid->cells[errand->cell];

	crew->done++;
	/* All repetitions are on the first list. */
	if (cell->repeat == 1 && grid_wants_another(cell, errand->gap, errand->attempt + 1))
		crew->again[crew->n_again++] =
			(struct errand){errand->cell, errand->gap, errand->attempt + 1};
}

/* ---- workers ---- */

static struct trial *place_of(const struct crew *crew, const struct errand *errand)
{
	return grid_place(&crew->order->grid->cells[errand->cell], errand->gap, errand->attempt);
}

static void __attribute__((noreturn)) work(struct crew *crew, const struct errand *errand)
{
	const struct grid_cell *cell = &crew->order->grid->cells[errand->cell];
	struct trial trial;

	(void)sigprocmask(SIG_SETMASK, &crew->mask, NULL);
	trial = cell_try(crew->order->grid, cell, cell->gaps[errand->gap]);
	*place_of(crew, errand) = trial;
	_exit(EXIT_SUCCESS);
}

static int employ(struct crew *crew, const struct errand *errand)
{
	struct worker *worker = crew->workers;
	const struct grid *grid = crew->order->grid;
	pid_t pid;

	while (worker->pid)
		worker++;
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		work(crew, errand);
	if (pid < 0)
		return -errno;
	*worker = (struct worker){
		.pid = pid,
		.deadline = clock_now() + cell_limit_ns(grid_deadline_ms(
						  grid, grid->cells[errand->cell].technique)),
		.errand = *errand,
	};
	crew->n_workers++;
	return 0;
}

static void dismiss(struct crew *crew, struct worker *worker, int status)
{
	struct trial *trial = place_of(crew, &worker->errand);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS) {
		*trial = (struct trial){.kind = TRIAL_ERROR};
		(void)snprintf(trial->reason, sizeof(trial->reason),
			       "the trial's process ended with status 0x%x", (unsigned)status);
	}
	worker->pid = 0;
	crew->n_workers--;
	finished(crew, &worker->errand);
}

/* Sandboxes whose worker was killed are reaped here, too. */
static void reap(struct crew *crew)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(crew->signals, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < CREW_JOBS_MAX; i++)
			if (crew->workers[i].pid == pid) {
				dismiss(crew, &crew->workers[i], status);
				break;
			}
}

static void kill_late(struct crew *crew)
{
	uint64_t now = clock_now();

	for (size_t i = 0; i < CREW_JOBS_MAX; i++)
		if (crew->workers[i].pid && now > crew->workers[i].deadline)
			(void)kill(crew->workers[i].pid, SIGKILL);
}

/* The user has no more patience: what is under way is forgotten. */
static void stop(struct crew *crew)
{
	for (size_t i = 0; i < CREW_JOBS_MAX; i++) {
		struct worker *worker = &crew->workers[i];
		int status;

		if (!worker->pid)
			continue;
		(void)kill(worker->pid, SIGKILL);
		if (waitpid(worker->pid, &status, 0) < 0 || !WIFEXITED(status))
			*place_of(crew, &worker->errand) = (struct trial){0};
		worker->pid = 0;
	}
}

/* ---- the door ---- */

static struct sandbox *no_sandbox(void *arg, const char *node)
{
	(void)arg;
	(void)node;
	return NULL;
}

/* Its machines come and go too fast to be named; but the lab itself is listed. */
static bool describe(void *arg, size_t i, struct door_node *ret_node)
{
	(void)arg;
	if (i)
		return false;
	*ret_node = (struct door_node){.name = "-", .role = "grid"};
	return true;
}

static void end_crew(void *arg)
{
	struct crew *crew = arg;

	crew->ended = true;
}

static const struct door_ops ops = {.sandbox = no_sandbox, .node = describe, .end = end_crew};

static void hear(struct crew *crew)
{
	int client;

	while ((client = lab_next_client(crew->lab)) >= 0)
		door_serve(crew->door, client);
	crew->ended |= lab_ending(crew->lab);
}

static bool hear_all(void *arg)
{
	struct crew *crew = arg;

	hear(crew);
	door_dispatch(crew->door);
	return crew->ended;
}

/* ---- the whole ---- */

static int measure(struct crew *crew)
{
	const struct measure_watch watch = {
		.fds = {lab_fd(crew->lab), door_fd(crew->door)}, .hear = hear_all, .arg = crew};
	struct error err;
	int r = measure_nats(crew->order->grid, &watch, &err);

	if (r < 0)
		(void)fprintf(stderr, "boxlab: cannot measure the NATs: %s\n", err.text);
	return r;
}

/* Trials have no files of their own. */
static int open_log(struct crew *crew)
{
	struct grid *grid = crew->order->grid;
	struct error err;

	grid->log = -1;
	for (size_t i = 0; i < grid->n_techniques && grid->log < 0; i++) {
		if (!grid->techniques[i].boxer)
			continue;
		grid->log = lab_create_file(crew->lab, LOG_NAME, &err);
		if (grid->log < 0)
			(void)fprintf(stderr, "boxlab: %s: %s\n", LOG_NAME, err.text);
		if (grid->log < 0 || fcntl(grid->log, F_SETFL, O_APPEND) < 0)
			return -EIO;
	}
	return 0;
}

static void show_progress(struct crew *crew)
{
	if (!crew->order->progress)
		return;
	(void)fprintf(stderr, "\r%zu of %zu trials, %u under way\033[K", crew->done,
		      crew->n_first + crew->n_again, crew->n_workers);
	crew->shown = true;
}

static void hide_progress(struct crew *crew)
{
	if (crew->shown)
		(void)fputs("\r\033[K", stderr);
}

static bool is_done(const struct crew *crew)
{
	return crew->ended || (crew->n_workers == 0 && crew->next_first == crew->n_first &&
			       crew->next_again == crew->n_again);
}

static int try_all(struct crew *crew)
{
	struct pollfd fds[] = {
		{.fd = crew->signals, .events = POLLIN},
		{.fd = lab_fd(crew->lab), .events = POLLIN},
		{.fd = door_fd(crew->door), .events = POLLIN},
	};
	const struct errand *errand;
	int r;

	while (!is_done(crew)) {
		while ((errand = next_errand(crew))) {
			r = employ(crew, errand);
			if (r < 0)
				return r;
		}
		show_progress(crew);
		(void)poll(fds, ARRAY_SIZE(fds), TICK_MS);
		reap(crew);
		hear(crew);
		door_dispatch(crew->door);
		kill_late(crew);
	}
	stop(crew);
	hide_progress(crew);
	return 0;
}

static int begin(struct crew *crew)
{
	sigset_t mask;
	int r = door_new(&ops, crew, &crew->door);

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	if (!r && sigprocmask(SIG_BLOCK, &mask, &crew->mask) < 0)
		r = -errno;
	crew->signals = r ? -1 : signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (!r && crew->signals < 0)
		r = -errno;
	return r ? r : list_errands(crew);
}

int crew_run(struct lab *lab, void *arg)
{
	static struct crew crew;
	int r;

	crew = (struct crew){.lab = lab, .order = arg, .signals = -1};
	r = begin(&crew);
	if (!r)
		r = measure(&crew);
	if (!r)
		r = open_log(&crew);
	if (!r && grid_nats(crew.order->grid) == GRID_NATS_AGREE)
		r = try_all(&crew);
	door_free(crew.door);
	if (r < 0)
		(void)fprintf(stderr, "boxlab: cannot try the cells: %s\n", strerror(-r));
	if (!r)
		r = crew.order->report(lab, crew.order->grid, crew.ended, crew.order->arg);
	free(crew.first);
	free(crew.again);
	cleanup_close_fd(&crew.signals);
	cleanup_close_fd(&crew.order->grid->log);
	return r < 0 ? RUN_UNABLE : r;
}
