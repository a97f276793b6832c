/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the file system that a lab lives in. The lab's pid 1 makes the
 * common root once and moves into it: what every sandbox shares, read-only. A
 * sandbox starts with a copy of that and mounts over it what must be its own.
 */
#ifndef LAB_ROOT_H
#define LAB_ROOT_H

#include "base/error.h"
#include "lab/graft.h"
#include "lab/sandbox.h"

/**
 * root_enter_common() - build the common root and make it the caller's
 * @grafts: attached; used up in any case
 *
 * The caller is uid 0 and alone in a mount namespace and a pid namespace.
 *
 * Return: 0, or -errno with the failing step.
 */
int root_enter_common(struct grafts *grafts, struct error *err);

/**
 * root_enter_sandbox() - in a copy of the common root, mount a sandbox's own
 * @spec: its name and files
 *
 * The caller is the first process of its mount, pid and uts namespaces and
 * already in its network namespace. Allocates nothing.
 *
 * Return: 0, or -errno with the failing step.
 */
int root_enter_sandbox(const struct sandbox_spec *spec, struct error *err);

#endif
