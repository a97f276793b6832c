/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * Without --detach the caller is the lab's front process, and the lab ends with
 * it. With it, a child in a session of its own takes that part. The caller waits
 * until the child has either written the lab's id into a pipe or ended; what the
 * child has to say until then goes to a file in memory, not to the caller's
 * stderr: the child would keep that open for as long as the lab lives, and a
 * reader of it would wait for its end in vain.
 */
#include "base/cleanup.h"
#include "lab/limits.h"
#include "lab/place.h"
#include "lab/run.h"
#include "lab/verbs.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const char usage[] =
	"usage: boxlab up FILE [--detach] [--id ID] [--out DIR] [--verbose]\n"
	"\n"
	"Build a scenario's machines, start its seed and functions, print the lab's id\n"
	"when all is ready, and stay until \"boxlab down\" or an interrupt.\n"
	"\n"
	"  --detach    come back once it is ready\n"
	"  --id ID     the lab's id (one that no running lab has)\n"
	"  --out DIR   keep what the Boxer processes say; a new or an empty directory\n"
	"  --verbose   say on stderr what happens\n";

/** struct order - what the command line asks for */
struct order {
	const char *file, *out, *id;
	bool detach, verbose;
};

/* As the front process, until the lab ends. */
static int stay(const struct order *order, const struct verb_input *input,
		const struct place *place, int ready_fd)
{
	struct run_options run = {
		.plan = input->plan, .verbose = order->verbose, .ready_fd = ready_fd};
	const struct lab_options lab = {
		.id = order->id, .task_dir = input->dir, .out_dir = place->dir};
	const struct needs needs = plan_needs(input->plan);
	struct error err = {0};
	int code = limits_check(&needs, &err);

	if (!code)
		code = lab_start(&lab, run_up, &run, &err);

	return code < 0 ? verb_unable(&err) : code;
}

static int lose_terminal(int said)
{
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || setsid() < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 || dup2(said, STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

static void copy_out(int from)
{
	char buf[4096];
	ssize_t n;

	(void)lseek(from, 0, SEEK_SET);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		(void)fwrite(buf, 1, (size_t)n, stderr);
}

/* Until the child is ready or has ended. */
static int await(pid_t child, int ready, int said)
{
	char id[LAB_ID_MAX + 2];
	ssize_t n = read(ready, id, sizeof(id) - 1);
	int status;

	if (n > 0) {
		copy_out(said);
		id[n] = '\0';
		(void)fputs(id, stdout);
		return RUN_PASSED;
	}
	if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		status = W_EXITCODE(RUN_UNABLE, 0);
	copy_out(said);
	return WEXITSTATUS(status);
}

static int detach(const struct order *order, const struct verb_input *input,
		  const struct place *place)
{
	cleanup_close int said = memfd_create("stderr", MFD_CLOEXEC);
	cleanup_close int ready_read = -1, ready_write = -1;
	int fds[2];
	pid_t child;

	if (said < 0 || fcntl(said, F_SETFL, O_APPEND) < 0 || pipe2(fds, O_CLOEXEC) < 0) {
		(void)fprintf(stderr, "boxlab: cannot detach: %s\n", strerror(errno));
		return RUN_UNABLE;
	}
	ready_read = fds[0];
	ready_write = fds[1];
	(void)fflush(NULL);
	child = fork();
	if (child < 0) {
		(void)fprintf(stderr, "boxlab: cannot detach: %s\n", strerror(errno));
		return RUN_UNABLE;
	}
	if (child > 0) {
		(void)close(take_fd(&ready_write));
		return await(child, ready_read, said);
	}
	(void)close(take_fd(&ready_read));
	if (lose_terminal(said) < 0)
		_exit(RUN_UNABLE);
	_exit(stay(order, input, place, ready_write));
}

static int up(const struct order *order)
{
	cleanup_with(verb_unload) struct verb_input input = {0};
	cleanup_with(place_leave) struct place place = PLACE_NONE;
	struct error err;
	int r = verb_load(order->file, &input);

	if (r)
		return r;
	if (order->out && place_make(order->out, input.scenario->name, &place, &err) < 0) {
		(void)fprintf(stderr, "boxlab: %s\n", err.text);
		return RUN_MISUSED;
	}
	return order->detach ? detach(order, &input, &place) : stay(order, &input, &place, -1);
}

int verb_up(int argc, char **argv)
{
	static const struct option options[] = {
		{"detach", no_argument, NULL, 'd'},    {"id", required_argument, NULL, 'i'},
		{"out", required_argument, NULL, 'o'}, {"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},      {0},
	};
	struct order order = {0};
	int opt;

	while ((opt = getopt_long(argc, argv, "do:vh", options, NULL)) != -1) {
		if (opt == 'd')
			order.detach = true;
		else if (opt == 'i')
			order.id = optarg;
		else if (opt == 'o')
			order.out = optarg;
		else if (opt == 'v')
			order.verbose = true;
		else
			return verb_usage(usage, opt == 'h');
	}
	if (argc - optind != 1)
		return verb_usage(usage, false);
	if (order.id && verb_check_id(order.id))
		return RUN_MISUSED;
	order.file = argv[optind];
	return up(&order);
}
