/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/userns.h"

#include "base/cleanup.h"
#include "lab/files.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/** maps() - does the map in @path say that the ids @first .. @first + @n - 1 exist here? */
static bool maps(const char *path, unsigned long first, unsigned long n)
{
	char text[4096];
	char *at = text;

	if (file_read(path, text, sizeof(text)) < 0)
		return false;
	/* Lines of three numbers: first inside, first outside, how many. */
	for (char *end; *at; at = end) {
		unsigned long inside = strtoul(at, &end, 10);
		unsigned long count;

		(void)strtoul(end, &end, 10);
		count = strtoul(end, &end, 10);
		if (end == at)
			break;
		if (first >= inside && count >= n && first - inside <= count - n)
			return true;
	}
	return false;
}

static bool has_ids(unsigned first, unsigned n)
{
	return maps("/proc/self/uid_map", first, n) && maps("/proc/self/gid_map", first, n);
}

bool userns_has_id(unsigned id)
{
	return has_ids(id, 1);
}

static bool has_caps(void)
{
	const uint32_t need = 1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & need) == need;
}

bool userns_may_be_wide(void)
{
	return geteuid() == 0 && has_caps() && has_ids(USERNS_WIDE_BASE, USERNS_WIDE_IDS);
}

bool userns_is_overflow(void)
{
	long overflow = file_read_long("/proc/sys/kernel/overflowuid", 65534);

	return geteuid() == (uid_t)overflow || !userns_has_id(geteuid());
}

static int write_map(pid_t pid, const char *which, unsigned outside, unsigned n, struct error *err)
{
	char path[64], line[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, which);
	(void)snprintf(line, sizeof(line), "0 %u %u\n", outside, n);
	r = file_write(path, line);
	if (r < 0)
		return error_sys(err, -r, "cannot write \"0 %u %u\" to %s", outside, n, path);
	return 0;
}

int userns_map(pid_t pid, bool wide, struct error *err)
{
	unsigned n = wide ? USERNS_WIDE_IDS : 1;
	char path[64];
	int r;

	if (!wide) {
		/* An unprivileged gid_map is only accepted without setgroups(). */
		(void)snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
		r = file_write(path, "deny");
		if (r < 0)
			return error_sys(err, -r, "cannot write \"deny\" to %s", path);
	}
	r = write_map(pid, "uid_map", wide ? USERNS_WIDE_BASE : geteuid(), n, err);
	if (r < 0)
		return r;
	return write_map(pid, "gid_map", wide ? USERNS_WIDE_BASE : getegid(), n, err);
}

int userns_become_root(bool wide)
{
	/* A wide lab's first process is still the machine's root, unmapped. */
	if (wide && setgroups(0, NULL) < 0)
		return -errno;
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return -errno;
	return 0;
}

/** guest_child() - make the namespace; stay in it until the parent has its descriptor */
static void __attribute__((noreturn)) guest_child(int hold)
{
	char line[32];
	char byte = 0;
	int r = 0;

	(void)snprintf(line, sizeof(line), "%u 0 1\n", USERNS_GUEST);
	if (unshare(CLONE_NEWUSER) < 0)
		r = errno;
	if (!r)
		r = -file_write("/proc/self/setgroups", "deny");
	if (!r)
		r = -file_write("/proc/self/uid_map", line);
	if (!r)
		r = -file_write("/proc/self/gid_map", line);
	/* A function makes no namespaces; without them it has less of a kernel to attack. */
	if (!r)
		r = -file_write("/proc/sys/user/max_user_namespaces", "0");
	(void)write(hold, &r, sizeof(r));
	(void)read(hold, &byte, 1);
	_exit(0);
}

int userns_guest(struct error *err)
{
	cleanup_close int hold = -1;
	char path[64];
	int socks[2];
	int fd = -1;
	int r, code;
	pid_t pid;

	r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks);
	if (r < 0)
		return error_sys(err, errno, "cannot make a socket pair");
	hold = socks[0];
	pid = _Fork();
	if (pid == 0) {
		(void)close(socks[0]);
		guest_child(socks[1]);
	}
	code = errno;
	(void)close(socks[1]);
	if (pid < 0)
		return error_sys(err, code, "cannot fork");
	if (read(hold, &code, sizeof(code)) != sizeof(code))
		code = EIO;
	if (code) {
		r = error_sys(err, code, "cannot make the programs' user namespace");
	} else {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		r = fd < 0 ? error_sys(err, errno, "cannot open %s", path) : fd;
	}
	(void)close(take_fd(&hold));
	(void)waitpid(pid, NULL, 0);
	return r;
}

static bool seccomp_filters(void)
{
	char text[4096];

	return file_read("/proc/self/status", text, sizeof(text)) > 0 &&
	       strstr(text, "\nSeccomp:\t2\n");
}

bool userns_remedy(int code, char *ret_text, size_t size)
{
	static const struct {
		const char *path;
		long bad;
		const char *text;
	} sysctls[] = {
		{"/proc/sys/user/max_user_namespaces", 0,
		 "user.max_user_namespaces is 0: sysctl -w user.max_user_namespaces=10000"},
		{"/proc/sys/kernel/unprivileged_userns_clone", 0,
		 "kernel.unprivileged_userns_clone is 0: set it to 1, or run as root"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1,
		 "AppArmor restricts user namespaces: set "
		 "kernel.apparmor_restrict_unprivileged_userns to 0, or run as root"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
		if (file_read_long(sysctls[i].path, sysctls[i].bad - 1) == sysctls[i].bad) {
			(void)snprintf(ret_text, size, "%s", sysctls[i].text);
			return true;
		}
	}
	if (code == EINVAL || code == ENOSYS)
		(void)snprintf(ret_text, size, "this kernel is built without CONFIG_USER_NS");
	else if (code == ENOSPC)
		(void)snprintf(ret_text, size,
			       "a limit is reached: raise the sysctls user.max_*_namespaces, here "
			       "and in the user namespaces around this one");
	else if (seccomp_filters())
		(void)snprintf(ret_text, size,
			       "a seccomp filter is on, as in a container: start it with "
			       "--security-opt seccomp=unconfined, or --privileged");
	else
		(void)snprintf(ret_text, size,
			       "nothing known forbids it: a chroot or a security module may; in "
			       "a container, --security-opt apparmor=unconfined");
	return code == EINVAL || code == ENOSYS || code == ENOSPC || seccomp_filters();
}
