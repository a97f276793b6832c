/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/output.h"

#include "lab/run.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static bool reader_is_gone(void)
{
	struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) > 0 && (fd.revents & POLLERR);
}

int output_finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (reader_is_gone())
		return 128 + SIGPIPE;
	(void)fprintf(stderr, "boxlab: cannot write to standard output\n");
	return code == RUN_PASSED ? RUN_UNABLE : code;
}
