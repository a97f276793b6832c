/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/graft.h"

#include "base/cleanup.h"
#include "lab/files.h"
#include "lab/mounts.h"
#include "lab/sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#ifndef BOXLAB_BIN_TO_LIB
#error "BOXLAB_BIN_TO_LIB: the relative path from the installed programs to the libraries"
#endif
#ifndef BOXLAB_BIN_TO_LIBEXEC
#error "BOXLAB_BIN_TO_LIBEXEC: the relative path from the programs to libexec/boxer"
#endif
#define BUILD_BIN_TO_LIB "../lib"

static void closedir_ptr(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

/** open_to_others() - refuse what another uid could not read */
static int open_to_others(const char *path, const struct stat *st, struct error *err)
{
	mode_t need = S_ISDIR(st->st_mode) ? S_IROTH | S_IXOTH : S_IROTH;

	if ((st->st_mode & need) == need)
		return 0;
	return error_set(err, ENOTSUP,
			 "%s has mode %04o, but root's labs run programs as another uid: chmod "
			 "o+r%s it",
			 path, st->st_mode & 07777, S_ISDIR(st->st_mode) ? "x" : "");
}

/** add() - open one entry of the directory @dir, whose path is @dir_path */
static int add(struct grafts *g, int dir, const char *dir_path, const char *name,
	       const char *place_dir, bool others, struct error *err)
{
	struct graft *graft = &g->items[g->n];
	char path[PATH_MAX];
	struct stat st;
	ssize_t len;
	int r;

	(void)snprintf(path, sizeof(path), "%s%s%s", dir_path, *name ? "/" : "", name);
	if (g->n == GRAFTS_MAX)
		return error_set(err, ENOBUFS, "%s: more than %d programs", dir_path, GRAFTS_MAX);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return error_sys(err, errno, "%s", path);
	(void)snprintf(graft->place, sizeof(graft->place), "%s%s%s", place_dir, *name ? "/" : "",
		       name);
	graft->tree = -1;
	graft->dir = S_ISDIR(st.st_mode);
	if (S_ISLNK(st.st_mode)) {
		len = readlinkat(dir, name, graft->link, sizeof(graft->link) - 1);
		if (len < 0)
			return error_sys(err, errno, "%s", path);
		graft->link[len] = '\0';
		g->n++;
		return 0;
	}
	r = others ? open_to_others(path, &st, err) : 0;
	if (r < 0)
		return r;
	/* A clone of "." in @dir is one of @dir itself. */
	graft->tree = mounts_clone(dir, *name ? name : ".", MOUNTS_READ_ONLY);
	if (graft->tree < 0)
		return error_sys(err, -graft->tree, "cannot clone the mount of %s", path);
	g->n++;
	return 0;
}

/** add_dir() - a whole directory; one that is missing is left out if @optional */
static int add_dir(struct grafts *g, const char *path, const char *place, bool others,
		   bool optional, struct error *err)
{
	cleanup_close int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 && errno == ENOENT && optional)
		return 0;
	if (dir < 0)
		return error_sys(err, errno, "%s", path);
	return add(g, dir, path, "", place, others, err);
}

/** add_matching() - those entries of a directory whose names match */
static int add_matching(struct grafts *g, const char *path, const char *pattern, const char *place,
			bool others, struct error *err)
{
	cleanup_with(closedir_ptr) DIR *dir = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : error_sys(err, errno, "%s", path);
	while (!r && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && fnmatch(pattern, entry->d_name, 0) == 0)
			r = add(g, dirfd(dir), path, entry->d_name, place, others, err);
	return r;
}

/** add_tools() - the build tree as it is; of an installation, what belongs to the project */
static int add_tools(struct grafts *g, bool others, struct error *err)
{
	char exe[PATH_MAX], libexec[PATH_MAX + 64], lib[PATH_MAX + 64];
	const char *bin;
	ssize_t len;
	int r;

	len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (len < 0)
		return error_sys(err, errno, "/proc/self/exe");
	exe[len] = '\0';
	bin = dirname(exe);
	(void)snprintf(libexec, sizeof(libexec), "%s/%s", bin, BOXLAB_BIN_TO_LIBEXEC);
	if (access(libexec, F_OK) < 0) {
		(void)snprintf(lib, sizeof(lib), "%s/%s", bin, BUILD_BIN_TO_LIB);
		r = add_dir(g, bin, "opt/bin", others, false, err);
		return r < 0 ? r : add_dir(g, lib, "opt/lib", others, true, err);
	}
	(void)snprintf(lib, sizeof(lib), "%s/%s", bin, BOXLAB_BIN_TO_LIB);
	r = add_matching(g, bin, "boxer*", "opt/bin", others, err);
	if (!r)
		r = add_matching(g, libexec, "*", "opt/bin", others, err);
	if (!r)
		r = add_matching(g, lib, "libboxer*.so*", "opt/lib", others, err);
	return r;
}

int grafts_open(const char *task_dir, bool others, struct grafts *ret_grafts, struct error *err)
{
	int r;

	ret_grafts->n = 0;
	r = add_tools(ret_grafts, others, err);
	if (!r && task_dir)
		r = add_dir(ret_grafts, task_dir, &SANDBOX_TASK[1], others, false, err);
	if (r < 0)
		grafts_close(ret_grafts);
	return r;
}

static int attach(struct graft *graft)
{
	int r = dir_make_parents(AT_FDCWD, graft->place);

	if (r < 0)
		return r;
	if (graft->tree < 0)
		return symlink(graft->link, graft->place) < 0 ? -errno : 0;
	if (graft->dir ? mkdir(graft->place, 0755) < 0
		       : mknod(graft->place, S_IFREG | 0644, 0) < 0) {
		if (errno != EEXIST)
			return -errno;
	}
	r = mounts_attach(graft->tree, AT_FDCWD, graft->place);
	(void)close(take_fd(&graft->tree));
	return r;
}

int grafts_attach(struct grafts *grafts, struct error *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < grafts->n; i++) {
		r = attach(&grafts->items[i]);
		if (r < 0)
			r = error_sys(err, -r, "cannot attach /%s", grafts->items[i].place);
	}
	grafts_close(grafts);
	return r;
}

void grafts_close(struct grafts *grafts)
{
	for (size_t i = 0; i < grafts->n; i++) {
		cleanup_close int tree = take_fd(&grafts->items[i].tree);
	}
	grafts->n = 0;
}
