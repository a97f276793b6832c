/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/limits.h"
#include "lab/place.h"
#include "lab/result.h"
#include "lab/run.h"
#include "lab/verbs.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char usage[] =
	"usage: boxlab run FILE [--out DIR] [--id ID] [--json] [--verbose]\n"
	"\n"
	"Do the steps of a scenario and judge them.\n"
	"\n"
	"  --out DIR   where the results go; a new or an empty directory\n"
	"              (./" PLACE_ROOT "/NAME-TIME)\n"
	"  --id ID     the lab's name while it runs, for \"boxlab exec\" and its like\n"
	"  --json      print " RESULT_FILE " instead of a line per step\n"
	"  --verbose   say on stderr what happens within the steps\n"
	"\n"
	"Exit status: 0 passed; 1 an expectation failed; 2 the command line or the\n"
	"scenario is wrong; 3 this kernel or this user can't; 130 ended by the user.\n";

/** struct order - what the command line asks for */
struct order {
	const char *file, *out, *id;
	bool json, verbose;
};

/* The lab could not be started, or was killed: nobody has written a result. */
static int write_substitute(const struct place *place, const struct plan *plan,
			    enum verdict verdict, const char *reason)
{
	cleanup_close int fd =
		openat(place->dir, RUN_RESULT_PART, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	struct result *result = result_new(plan, clock_now());
	struct error err = {.code = ENOMEM, .text = "out of memory"};
	int r = -ENOMEM;

	if (fd < 0)
		(void)error_sys(&err, errno, "%s", RUN_RESULT_PART);
	if (fd >= 0 && result) {
		result->verdict = verdict;
		(void)snprintf(result->reason, sizeof(result->reason), "%s", reason);
		result_conclude(result, clock_now());
		r = result_write(result, fd, &err);
	}
	result_free(result);
	if (r < 0)
		(void)fprintf(stderr, "boxlab: cannot write the result: %s\n", err.text);
	return r;
}

static int print_file(const struct place *place)
{
	cleanup_close int fd = openat(place->dir, RESULT_FILE, O_RDONLY | O_CLOEXEC);
	char buf[16384];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
			return -EIO;
	return fflush(stdout) == 0 ? 0 : -errno;
}

/* Was it not written as a whole? Then it is of no use to anybody. */
static bool is_lost(const struct place *place)
{
	struct stat st;

	if (fstatat(place->dir, RUN_RESULT_PART, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size)
		return false;
	(void)unlinkat(place->dir, RUN_RESULT_PART, 0);
	return true;
}

/* Give the result its name, now that it is whole, and show where it is. */
static void publish(const struct order *order, const struct place *place)
{
	if (is_lost(place))
		return;
	if (renameat(place->dir, RUN_RESULT_PART, place->dir, RESULT_FILE) < 0)
		(void)fprintf(stderr, "boxlab: %s/%s: %s\n", place->name, RESULT_FILE,
			      strerror(errno));
	else if (order->json)
		(void)print_file(place);
	else
		(void)printf("results in %s\n", place->name);
}

static int run_lab(const struct order *order, const struct verb_input *input,
		   const struct place *place)
{
	struct run_options run = {
		.plan = input->plan,
		.quiet = order->json,
		.verbose = order->verbose,
		.ready_fd = -1,
	};
	const struct lab_options lab = {
		.id = order->id, .task_dir = input->dir, .out_dir = place->dir};
	const struct needs needs = plan_needs(input->plan);
	struct error err = {0};
	int code = limits_check(&needs, &err);

	if (!code)
		code = lab_start(&lab, run_scenario, &run, &err);

	if (code < 0) {
		(void)write_substitute(place, input->plan, VERDICT_SKIP, err.text);
		code = verb_unable(&err);
	} else if (code > 128 && code != RUN_ENDED) {
		(void)error_set(&err, EINTR, "the lab was killed by signal %d", code - 128);
		(void)fprintf(stderr, "boxlab: %s\n", err.text);
		(void)write_substitute(place, input->plan, VERDICT_ERROR, err.text);
		code = RUN_UNABLE;
	}
	publish(order, place);
	return code;
}

static int run_order(const struct order *order)
{
	cleanup_with(verb_unload) struct verb_input input = {0};
	cleanup_with(place_leave) struct place place = PLACE_NONE;
	struct error err;
	int r = verb_load(order->file, &input);

	if (r)
		return r;
	if (place_make(order->out, input.scenario->name, &place, &err) < 0) {
		(void)fprintf(stderr, "boxlab: %s\n", err.text);
		return RUN_MISUSED;
	}
	return run_lab(order, &input, &place);
}

int verb_run(int argc, char **argv)
{
	static const struct option options[] = {
		{"out", required_argument, NULL, 'o'}, {"id", required_argument, NULL, 'i'},
		{"json", no_argument, NULL, 'j'},      {"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},      {0},
	};
	struct order order = {0};
	int opt;

	while ((opt = getopt_long(argc, argv, "o:hv", options, NULL)) != -1) {
		if (opt == 'o')
			order.out = optarg;
		else if (opt == 'i')
			order.id = optarg;
		else if (opt == 'j')
			order.json = true;
		else if (opt == 'v')
			order.verbose = true;
		else
			return verb_usage(usage, opt == 'h');
	}
	if (argc - optind != 1)
		return verb_usage(usage, false);
	if (order.out && !*order.out) {
		(void)fprintf(stderr, "boxlab: --out: no directory is named\n");
		return RUN_MISUSED;
	}
	if (order.id && verb_check_id(order.id))
		return RUN_MISUSED;
	order.file = argv[optind];
	return run_order(&order);
}
