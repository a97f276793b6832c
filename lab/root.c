/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * The common root is a tmpfs with one read-only bind for each top-level entry of
 * the host's root (and of /var and /opt, so that /var/task and /opt/bin can
 * exist where the host has none), without what says who or where the host is:
 * /home, /root, /run and /tmp are empty. /proc and /sys are the lab's own.
 *
 *	/		tmpfs, read-only
 *	/bin /usr ...	the host's, read-only, submounts included
 *	/etc		the host's, read-only
 *	/var/x /opt/x	the host's, read-only; /var/tmp is /tmp, /var/run is /run
 *	/var/task	graft: the scenario's directory
 *	/opt/bin lib	grafts: the project's
 *	/dev		null zero full random urandom tty, the usual links
 *	/proc /sys	fresh; only /proc/sys/net and /proc/sys/user can be written
 *
 * A sandbox's mount namespace is a copy of that one, so nothing of it has to be
 * mounted a second time; and since unmounting costs an RCU grace period each, a
 * sandbox only ever mounts *over* what is there. It cannot uncover it again: its
 * programs have no capability over the mount namespace, and in one of their own
 * all these mounts are locked.
 *
 *	/etc		overlay: the sandbox's files over the host's, read-only
 *	/proc		of its pid namespace
 *	/sys		of its network namespace
 *	/dev/pts	its terminals
 *	/dev/shm /tmp	tmpfs, to be written to
 *	/run		tmpfs with the sandbox's files, read-only
 *
 * In a narrow lab the programs are, to the kernel, the user who made all these
 * mounts, so it is the read-only flag and not the owner that protects them. When
 * that user is the machine's root (`sudo unshare -r boxlab`), he even owns the
 * global sysctls: hence the read-only places in /proc, the same as Docker's.
 */
#include "lab/root.h"

#include "base/cleanup.h"
#include "lab/files.h"
#include "lab/mounts.h"
#include "lab/userns.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define BUILD_AT  "/tmp" /* every host has it; the common root has another */
#define TMPFS_MAX "512m" /* Lambda's /tmp */

static void closedir_ptr(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static bool in_list(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(name, *list) == 0)
			return true;
	return false;
}

/** mirror_entry() - one entry of the host's directory @from below @to */
static int mirror_entry(int from, const char *name, int to)
{
	char link[PATH_MAX];
	struct stat st;
	ssize_t len;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return 0; /* gone, or not ours to see */
	if (S_ISLNK(st.st_mode)) {
		len = readlinkat(from, name, link, sizeof(link) - 1);
		if (len < 0)
			return -errno;
		link[len] = '\0';
		return symlinkat(link, to, name) < 0 ? -errno : 0;
	}
	/*
	 * A mount that has gone bad (a dead FUSE or NFS server) is no reason not
	 * to start: its place stays empty.
	 */
	(void)mounts_bind(from, name, to, name, S_ISDIR(st.st_mode), MOUNTS_READ_ONLY);
	return 0;
}

/** mirror() - the entries of the host's @from below the new @to, except those in @skip */
static int mirror(const char *from, const char *to, const char *const *skip, struct error *err)
{
	cleanup_with(closedir_ptr) DIR *dir = opendir(from);
	cleanup_close int dest = -1;
	struct dirent *entry;
	int r = 0;

	if (mkdir(to, 0755) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make %s", from);
	if (!dir)
		return errno == ENOENT ? 0 : error_sys(err, errno, "%s", from);
	dest = open(to, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dest < 0)
		return error_sys(err, errno, "cannot open the new %s", from);
	while (!r && (entry = readdir(dir))) {
		if (in_list(entry->d_name, skip))
			continue;
		r = mirror_entry(dirfd(dir), entry->d_name, dest);
		if (r < 0)
			r = error_sys(err, -r, "cannot mirror %s/%s", from, entry->d_name);
	}
	return r;
}

/** make_dev() - the devices that any program expects, and the usual links */
static int make_dev(struct error *err)
{
	static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
	static const char *const links[][2] = {
		{"/proc/self/fd", "dev/fd"},	   {"/proc/self/fd/0", "dev/stdin"},
		{"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"},
		{"pts/ptmx", "dev/ptmx"},
	};
	char from[32];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		(void)snprintf(from, sizeof(from), "/dev/%s", devices[i]);
		r = mounts_bind(AT_FDCWD, from, AT_FDCWD, &from[1], false,
				MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
		if (r < 0)
			return error_sys(err, -r, "cannot bind %s", from);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			return error_sys(err, errno, "cannot make /%s", links[i][1]);
	return 0;
}

/** protect_proc() - what the machine's root could change even without capabilities */
static int protect_proc(const char *proc, struct error *err)
{
	static const char *const places[] = {"sys", "sysrq-trigger", "irq", "bus", "fs"};
	char path[64];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		cleanup_close int tree = -1;

		(void)snprintf(path, sizeof(path), "%s/%s", proc, places[i]);
		tree = mounts_clone(AT_FDCWD, path, MOUNTS_READ_ONLY);
		if (tree == -ENOENT)
			continue; /* not in this kernel */
		r = tree < 0 ? tree : mounts_attach(tree, AT_FDCWD, path);
		if (r < 0)
			return error_sys(err, -r, "cannot make /proc/%s read-only", places[i]);
	}
	return 0;
}

/** mount_common_proc() - read-only where it is the machine's; the lab's own sysctls stay open */
static int mount_common_proc(struct error *err)
{
	static const char *const open_places[] = {"proc/sys/net", "proc/sys/user"};
	int trees[ARRAY_SIZE(open_places)];
	int r = 0;

	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return error_sys(err, errno,
				 "cannot mount /proc (a container's own must not be masked: "
				 "--security-opt systempaths=unconfined)");
	for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
		trees[i] = mounts_clone(AT_FDCWD, open_places[i], 0);
	r = protect_proc("proc", err);
	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		cleanup_close int tree = trees[i];

		if (r < 0)
			continue;
		r = tree < 0 ? tree : mounts_attach(tree, AT_FDCWD, open_places[i]);
		if (r < 0)
			r = error_sys(err, -r, "cannot bind /%s", open_places[i]);
	}
	return r;
}

/** mount_sys() - of the caller's network namespace; where that is refused, the host's */
static int mount_sys(const char *path, const char *otherwise, struct error *err)
{
	int r;

	if (mount("sysfs", path, "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
		return 0;
	if (!otherwise)
		return 0;
	r = mounts_bind(AT_FDCWD, otherwise, AT_FDCWD, path, true, MOUNTS_READ_ONLY);
	return r < 0 ? error_sys(err, -r, "cannot mount /sys") : 0;
}

static int make_common(struct grafts *grafts, struct error *err)
{
	static const char *const own[] = {".",	 "..",	 "proc", "sys", "dev", "tmp",
					  "run", "home", "root", "var", "opt", NULL};
	static const char *const own_var[] = {".", "..", "tmp", "run", "lock", "task", NULL};
	static const char *const own_opt[] = {".", "..", "bin", "lib", "libexec", NULL};
	static const char *const dirs[] = {"proc", "sys",     "tmp",	 "run",	    "home",
					   "root", "dev",     "dev/pts", "dev/shm", "var",
					   "opt",  "opt/bin", "opt/lib", "var/task"};
	int r;

	r = mirror("/", ".", own, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdir(dirs[i], 0755) < 0)
			return error_sys(err, errno, "cannot make /%s", dirs[i]);
	r = mirror("/var", "var", own_var, err);
	if (!r)
		r = mirror("/opt", "opt", own_opt, err);
	if (r < 0)
		return r;
	if (symlink("/tmp", "var/tmp") < 0 || symlink("/run", "var/run") < 0 ||
	    symlink("/run/lock", "var/lock") < 0)
		return error_sys(err, errno, "cannot make the links in /var");
	r = grafts_attach(grafts, err);
	if (!r)
		r = make_dev(err);
	if (!r)
		r = mount_common_proc(err);
	return r ? r : mount_sys("sys", "/sys", err);
}

int root_enter_common(struct grafts *grafts, struct error *err)
{
	struct mount_attr attr = {.attr_set = MOUNTS_READ_ONLY};
	int r;

	/* What the host unmounts shall go here too; nothing goes the other way. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_sys(err, errno, "cannot cut the mounts off from the host's");
	if (mount("tmpfs", BUILD_AT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") < 0)
		return error_sys(err, errno, "cannot mount a tmpfs");
	if (chdir(BUILD_AT) < 0)
		return error_sys(err, errno, BUILD_AT);
	r = make_common(grafts, err);
	if (r < 0)
		return r;
	if (mount_setattr(AT_FDCWD, ".", 0, &attr, sizeof(attr)) < 0)
		return error_sys(err, errno, "cannot make the root read-only");
	/* Puts the old root on top of the new one; then "." is the old one. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return error_sys(err, errno, "pivot_root (is / an initramfs or a chroot?)");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return error_sys(err, errno, "cannot leave the old root");
	return 0;
}

/* What every sandbox's /etc says. */
static const char etc_passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
				 "user:x:1000:1000:the function:/tmp:/bin/sh\n"
				 "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
static const char etc_group[] = "root:x:0:\n"
				"tty:x:5:\n"
				"user:x:1000:\n"
				"nogroup:x:65534:\n";
static const char etc_nsswitch[] = "passwd: files\n"
				   "group: files\n"
				   "shadow: files\n"
				   "hosts: files dns\n"
				   "networks: files\n"
				   "protocols: files\n"
				   "services: files\n";

static int put_standard_etc(int dir, const char *name)
{
	char hostname[SANDBOX_NAME_MAX + 2];
	char hosts[SANDBOX_NAME_MAX + 128];
	const struct sandbox_file files[] = {
		{"passwd", etc_passwd}, {"group", etc_group},	{"nsswitch.conf", etc_nsswitch},
		{"hosts", hosts},	{"hostname", hostname}, {"resolv.conf", ""},
	};
	int r = 0;

	(void)snprintf(hostname, sizeof(hostname), "%s\n", name);
	(void)snprintf(hosts, sizeof(hosts),
		       "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n127.0.1.1\t%s\n", name);
	for (size_t i = 0; !r && i < ARRAY_SIZE(files); i++)
		r = file_put(dir, files[i].path, files[i].content, 0444);
	return r;
}

/** put_files() - those of @spec's files that are below @prefix, into @dir */
static int put_files(int dir, const struct sandbox_spec *spec, const char *prefix,
		     struct error *err)
{
	size_t len = strlen(prefix);
	int r;

	for (size_t i = 0; i < spec->n_files; i++) {
		const struct sandbox_file *file = &spec->files[i];

		if (strncmp(file->path, prefix, len) != 0)
			continue;
		r = file_put(dir, file->path + len, file->content, 0444);
		if (r < 0)
			return error_sys(err, -r, "cannot write %s", file->path);
	}
	return 0;
}

/** mount_etc() - the layer is a tmpfs on /tmp, which the sandbox's own /tmp will cover */
static int mount_etc(const struct sandbox_spec *spec, struct error *err)
{
	cleanup_close int layer = -1;
	int r;

	if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m") < 0)
		return error_sys(err, errno, "cannot mount the layer of /etc");
	layer = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layer < 0)
		return error_sys(err, errno, "cannot open the layer of /etc");
	r = put_standard_etc(layer, spec->name);
	if (r < 0)
		return error_sys(err, -r, "cannot write the standard files of /etc");
	r = put_files(layer, spec, "/etc/", err);
	if (r < 0)
		return r;
	/* Without an upper directory an overlay is read-only. */
	if (mount("overlay", "/etc", "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV,
		  "lowerdir=/tmp:/etc") < 0)
		return error_sys(err, errno,
				 "cannot mount /etc (overlayfs in a user namespace: Linux 5.11)");
	return 0;
}

static int mount_run(const struct sandbox_spec *spec, struct error *err)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV;
	cleanup_close int run = -1;
	int r;

	if (mount("tmpfs", "/run", "tmpfs", flags, "mode=0755,size=16m") < 0)
		return error_sys(err, errno, "cannot mount /run");
	run = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run < 0)
		return error_sys(err, errno, "cannot open /run");
	r = put_files(run, spec, "/run/", err);
	if (r < 0)
		return r;
	if (mount(NULL, "/run", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) < 0)
		return error_sys(err, errno, "cannot make /run read-only");
	return 0;
}

int root_enter_sandbox(const struct sandbox_spec *spec, struct error *err)
{
	static const struct {
		const char *type, *path;
		unsigned long flags;
		const char *options;
	} own[] = {
		{"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=" TMPFS_MAX},
		{"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777,size=" TMPFS_MAX},
		/* No gid=5: that group may not be mapped. */
		{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC,
		 "newinstance,ptmxmode=0666,mode=0620"},
		{"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
	};
	int r;

	r = mount_etc(spec, err);
	if (!r)
		r = mount_run(spec, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (mount(own[i].type, own[i].path, own[i].type, own[i].flags, own[i].options) < 0)
			return error_sys(err, errno, "cannot mount %s", own[i].path);
	r = protect_proc("/proc", err);
	return r ? r : mount_sys("/sys", NULL, err);
}
