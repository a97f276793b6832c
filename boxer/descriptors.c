/* SPDX-License-Identifier: MIT */
#include "boxer/descriptors.h"

#include <stdbool.h>
#include <sys/resource.h>

static struct rlimit before;
static bool raised;

void descriptors_raise(void)
{
	struct rlimit most;

	if (raised || getrlimit(RLIMIT_NOFILE, &before) < 0)
		return;
	most = before;
	most.rlim_cur = most.rlim_max;
	raised = setrlimit(RLIMIT_NOFILE, &most) == 0;
}

void descriptors_restore(void)
{
	if (raised)
		(void)setrlimit(RLIMIT_NOFILE, &before);
}
