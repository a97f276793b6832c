/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for grafts: the few trees of the host that every sandbox has at
 * another place than the host. They are the project's own programs and
 * libraries (/opt/bin, /opt/lib) and the scenario's directory (/var/task).
 *
 * A graft is opened where its path can be reached (by a machine's root before
 * it gives up its uid, for a checkout often lies below a home of mode 700) and
 * attached where it is wanted, maybe in another user namespace. In between it is
 * a detached, read-only mount, held by a descriptor.
 */
#ifndef LAB_GRAFT_H
#define LAB_GRAFT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define GRAFTS_MAX	64
#define GRAFT_PLACE_MAX 288

/**
 * struct graft - one tree, file or symbolic link
 * @place: where it goes, relative to a sandbox's root
 * @tree: the detached mount, or -1 for a symbolic link
 * @dir: a directory
 * @link: what the symbolic link holds
 */
struct graft {
	char place[GRAFT_PLACE_MAX];
	int tree;
	bool dir;
	char link[GRAFT_PLACE_MAX];
};

/** struct grafts - all of them */
struct grafts {
	struct graft items[GRAFTS_MAX];
	size_t n;
};

/**
 * grafts_open() - find the project's programs, as seen from the running one, and the task
 * @task_dir: the scenario's directory; NULL for none
 * @others: other users must be able to read them: the sandboxes' programs will
 *	    have another uid
 *
 * The caller has CAP_SYS_ADMIN over its mount namespace.
 *
 * Return: 0, or -errno with words; then nothing is open.
 */
int grafts_open(const char *task_dir, bool others, struct grafts *ret_grafts, struct error *err);
/** grafts_attach() - make the places below the current directory and attach. Return: 0, or -errno. */
int grafts_attach(struct grafts *grafts, struct error *err);
/** grafts_close() - give up what was not attached. */
void grafts_close(struct grafts *grafts);

#endif
