/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the sysctls of a namespace. A new network namespace inherits
 * some of the machine's tuning, so every sysctl that a result rests on is
 * written, from one table: topo_sysctls() in topo.h shows it, sysctl_apply()
 * writes it.
 */
#ifndef TOPO_SYSCTL_H
#define TOPO_SYSCTL_H

#include "base/error.h"
#include "topo/topo.h"

/* How many namespaces one procfs should serve. */
#define SYSCTL_NAMESPACES_MAX 32

/**
 * sysctl_open_proc() - a procfs through which sysctls are written
 *
 * The kernel keeps the names of all namespaces' sysctls in one directory's hash
 * chains: a thousand namespaces seen through one procfs make every look-up a
 * walk past a thousand entries. So this is a procfs of its own (Linux 5.8), to be
 * replaced every SYSCTL_NAMESPACES_MAX namespaces; where mounting one is not
 * allowed it is /proc, which is slower and no worse.
 *
 * Return: a descriptor of its root, or -errno.
 */
int sysctl_open_proc(struct error *err);

/**
 * sysctl_apply() - write what a namespace of @kind needs
 * @proc: see sysctl_open_proc()
 *
 * The rules of a TOPO_NAT are loaded before: it is a rule about connections that
 * makes the kernel load its tracker, and the tracker's sysctls are there only
 * then.
 *
 * Return: 0, or -errno with the sysctl's path in @err.
 */
int sysctl_apply(int netns, int proc, enum topo_kind kind, const struct nat *nat,
		 struct error *err);

/**
 * sysctl_write() - sysctl_apply() in the caller's own namespace
 *
 * Below sys/net a path means the namespace of the thread that opens it, in any
 * procfs.
 */
int sysctl_write(int proc, enum topo_kind kind, const struct nat *nat, struct error *err);

#endif
