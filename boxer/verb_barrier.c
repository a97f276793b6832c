/* SPDX-License-Identifier: MIT */
#include "boxer/verbs.h"

#include "boxer/frame.h"
#include "boxer/members.h"
#include "boxer/node.h"
#include "boxer/verb_local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MAX_S 86400

static const char barrier_usage[] =
	"usage: boxer barrier [OPTIONS] NAME COUNT\n\n"
	"Waits until COUNT have come to the barrier called NAME, in all of the cluster.\n\n"
	"  --timeout S   wait for so many seconds at most (default: for ever)\n" LOCAL_ID_HELP
	"  --help        this text\n\n"
	"Exits with 0 when all have come, 1 when the time is up, 125 when it fails.\n";

static int wait_there(const char *verb, const char *id, const char *name, unsigned count,
		      int timeout_ms)
{
	struct boxer *boxer;
	int status = local_open(verb, id, &boxer);
	int r;

	if (status != -1)
		return status;
	r = boxer_barrier(boxer, name, count, timeout_ms);
	boxer_close(boxer);
	if (r == 0)
		return EXIT_SUCCESS;
	if (r == -ETIMEDOUT) {
		(void)fprintf(stderr, "boxer %s: %s: timed out before %u had come\n", verb, name,
			      count);
		return EXIT_FAILURE;
	}
	if (r != -EPROTO)
		return local_failed(verb, name, r);
	(void)fprintf(stderr, "boxer %s: %s: others wait there for another count than %u\n", verb,
		      name, count);
	return NODE_EXIT_FAILED;
}

int verb_barrier(int argc, char **argv)
{
	static const struct option options[] = {
		{"timeout", required_argument, NULL, 't'}, LOCAL_OPTIONS, {0}};
	struct local_line line = {.usage = barrier_usage, .options = options};
	unsigned long seconds = 0, count;
	bool limited = false;

	while (local_next(&line, argc, argv) != -1) {
		limited = true;
		if (!local_number(optarg, TIMEOUT_MAX_S, &seconds))
			return local_usage(argv[0], "--timeout wants a number up to %d, not '%s'",
					   TIMEOUT_MAX_S, optarg);
	}
	if (line.status != -1)
		return line.status;
	if (argc - optind != 2)
		return local_usage(argv[0], "NAME and COUNT are wanted");
	if (!frame_name_valid(argv[optind]))
		return local_usage(argv[0], "'%s' can't be a name", argv[optind]);
	if (!local_number(argv[optind + 1], MEMBERS_MAX, &count) || count == 0)
		return local_usage(argv[0], "COUNT is a number from 1 to %d, not '%s'", MEMBERS_MAX,
				   argv[optind + 1]);
	return wait_there(argv[0], line.id, argv[optind], (unsigned)count,
			  limited ? (int)seconds * 1000 : -1);
}
