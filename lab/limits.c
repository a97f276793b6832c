/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/limits.h"

#include "base/cleanup.h"
#include "lab/files.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/**
 * struct limit - one limit
 * @need, @what: what there may be so many of
 * @name: of the resource, or of the sysctl
 * @rlimit: the resource, or -1 for a sysctl
 * @hard: the lab raises the soft one by itself
 * @ulimit: the option of the shell's ulimit
 */
static const struct limit {
	enum need need;
	const char *what;
	const char *name;
	int rlimit;
	bool hard;
	const char *ulimit;
} limits[] = {
	{NEED_FILES, "open files", "RLIMIT_NOFILE", RLIMIT_NOFILE, true, "-n"},
	{NEED_PROCESSES, "processes", "RLIMIT_NPROC", RLIMIT_NPROC, false, "-u"},
	{NEED_PROCESSES, "processes", "kernel.threads-max", -1, false, NULL},
	{NEED_PROCESSES, "processes", "kernel.pid_max", -1, false, NULL},
	{NEED_NET_NS, "network namespaces", "user.max_net_namespaces", -1, false, NULL},
	{NEED_MNT_NS, "mount namespaces", "user.max_mnt_namespaces", -1, false, NULL},
	{NEED_PID_NS, "pid namespaces", "user.max_pid_namespaces", -1, false, NULL},
	{NEED_UTS_NS, "UTS namespaces", "user.max_uts_namespaces", -1, false, NULL},
	{NEED_IPC_NS, "IPC namespaces", "user.max_ipc_namespaces", -1, false, NULL},
};

static rlim_t read_sysctl(const char *name)
{
	char path[96] = "/proc/sys/";
	size_t len = strlen(path);
	long value;

	(void)snprintf(path + len, sizeof(path) - len, "%s", name);
	for (char *dot = path + len; *dot; dot++)
		if (*dot == '.')
			*dot = '/';
	value = file_read_long(path, -1);
	return value < 0 ? RLIM_INFINITY : (rlim_t)value;
}

static rlim_t read_limit(const struct limit *limit)
{
	struct rlimit r;

	if (limit->rlimit < 0)
		return read_sysctl(limit->name);
	if (getrlimit((__rlimit_resource_t)limit->rlimit, &r) < 0)
		return RLIM_INFINITY;
	return limit->hard ? r.rlim_max : r.rlim_cur;
}

static int refuse(const struct limit *limit, size_t needed, rlim_t allowed, struct error *err)
{
	char remedy[128];

	if (limit->rlimit < 0)
		(void)snprintf(remedy, sizeof(remedy), "sysctl -w %s=%zu", limit->name, needed);
	else
		(void)snprintf(remedy, sizeof(remedy), "ulimit %s %zu", limit->ulimit, needed);
	return error_set(err, ENOSPC,
			 "the scenario needs %zu %s, and %s allows %llu; root may raise it: \"%s\"",
			 needed, limit->what, limit->name, (unsigned long long)allowed, remedy);
}

int limits_check(const struct needs *needs, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		size_t needed = needs->n[limits[i].need];
		rlim_t allowed = read_limit(&limits[i]);

		if (allowed != RLIM_INFINITY && needed > allowed)
			return refuse(&limits[i], needed, allowed, err);
	}
	return 0;
}
