/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program in a sandbox may do: "lab-probe WHAT [ARGUMENT]" tries it and
 * prints "allowed" or the errno's name for people. What is allowed by mistake
 * changes nothing outside: a sysctl is written with its own value.
 */
#include "base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>

static int try_mount(const char *arg)
{
	(void)arg;
	return mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
}

static int try_remount(const char *arg)
{
	return mount(NULL, arg, NULL, MS_REMOUNT | MS_BIND, NULL);
}

static int try_umount(const char *arg)
{
	return umount2(arg, MNT_DETACH);
}

/* Links are set up, not down, so that the program's own lo would be tried. */
static int try_link(const char *arg)
{
	struct ifreq ifr = {0};
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", arg);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		return -1;
	ifr.ifr_flags ^= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &ifr);
}

static int try_userns(const char *arg)
{
	(void)arg;
	return unshare(CLONE_NEWUSER);
}

static int try_netns(const char *arg)
{
	(void)arg;
	return unshare(CLONE_NEWNET);
}

static int try_hostname(const char *arg)
{
	return sethostname(arg, strlen(arg));
}

static int try_uid(const char *arg)
{
	return setuid((uid_t)atoi(arg));
}

static int try_raw(const char *arg)
{
	(void)arg;
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int try_trace(const char *arg)
{
	return (int)ptrace(PTRACE_ATTACH, atoi(arg), 0, 0);
}

static int try_getfd(const char *arg)
{
	cleanup_close int pidfd = pidfd_open(atoi(arg), 0);

	return pidfd < 0 ? -1 : pidfd_getfd(pidfd, 3, 0);
}

/* Delivered or not, the init must still be there: the caller sees to that. */
static int try_kill(const char *arg)
{
	return kill(atoi(arg), SIGKILL);
}

static int try_rewrite(const char *arg)
{
	cleanup_close int in = open(arg, O_RDONLY);
	cleanup_close int out = -1;
	char text[256];
	ssize_t n = in < 0 ? -1 : read(in, text, sizeof(text));

	if (n < 0)
		return -1;
	out = open(arg, O_WRONLY);
	return out < 0 || write(out, text, (size_t)n) < 0 ? -1 : 0;
}

static int try_create(const char *arg)
{
	int fd = open(arg, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd >= 0)
		(void)unlink(arg);
	return fd;
}

static int try_nofile(const char *arg)
{
	struct rlimit limit = {(rlim_t)atol(arg), (rlim_t)atol(arg)};

	return setrlimit(RLIMIT_NOFILE, &limit);
}

/* Not a trial: which descriptors are open. */
static int list_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char path[512], target[512];

	while (dir && (entry = readdir(dir))) {
		ssize_t n;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		(void)printf("%s %s\n", entry->d_name, target);
	}
	return dir ? closedir(dir) : 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *what;
		int (*try)(const char *arg);
	} trials[] = {
		{"mount", try_mount},	    {"remount", try_remount}, {"umount", try_umount},
		{"link", try_link},	    {"userns", try_userns},   {"netns", try_netns},
		{"hostname", try_hostname}, {"uid", try_uid},	      {"raw", try_raw},
		{"trace", try_trace},	    {"getfd", try_getfd},     {"kill", try_kill},
		{"rewrite", try_rewrite},   {"create", try_create},   {"nofile", try_nofile},
	};

	if (argc > 1 && strcmp(argv[1], "fds") == 0)
		return list_fds();
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(trials); i++) {
		int r;

		if (strcmp(argv[1], trials[i].what) != 0)
			continue;
		errno = 0;
		r = trials[i].try(argc > 2 ? argv[2] : "");
		(void)printf("%s\n", r < 0 ? strerrorname_np(errno) : "allowed");
		return 0;
	}
	return 2;
}
