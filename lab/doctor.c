/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * The table of checks has two parts: what the caller looks at in its own world,
 * and what the pid 1 of a lab made for this looks at in there. The findings lie
 * in memory that both share, so what was found before a crash is there after it.
 */
#include "lab/doctor.h"

#include "base/cleanup.h"
#include "lab/doctor_rules.h"
#include "lab/files.h"
#include "lab/lab.h"
#include "lab/needs.h"
#include "lab/sandbox.h"
#include "lab/userns.h"
#include "topo/conntrack.h"
#include "topo/ns.h"
#include "topo/topo.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define FUNCTIONS_MIN 4

/**
 * struct exam - an examination under way
 * @netns: a network namespace, from inside_netns() on; else -1
 * @topo: a host behind a NAT, from inside_nat() on
 */
struct exam {
	struct doctor *doctor;
	struct lab *lab;
	int netns;
	struct topo *topo;
};

/**
 * struct check - a row of the table
 * @inside: done by the lab's pid 1
 * @remedy: what helps when it fails, unless @examine knows better
 * @examine: Return: 0 with @finding->detail; -ECANCELED: not tried; or -errno with
 *	words
 */
struct check {
	const char *name;
	const char *need;
	bool inside;
	const char *remedy;
	int (*examine)(struct exam *exam, struct doctor_finding *finding, struct error *err);
};

static void say(struct doctor_finding *finding, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct doctor_finding *finding, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(finding->detail, sizeof(finding->detail), fmt, ap);
	va_end(ap);
}

static int outside_kernel(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	struct mount_attr attr = {0};
	struct utsname name;

	(void)exam;
	if (uname(&name) < 0)
		return error_sys(err, errno, "uname");
	/* EBADF, or ENOSYS before Linux 5.12. */
	if (mount_setattr(-1, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 && errno == ENOSYS)
		return error_set(err, ENOSYS, "%s has no mount_setattr()", name.release);
	say(finding, "%s %s", name.sysname, name.release);
	return 0;
}

static int outside_user(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	(void)exam;
	if (userns_is_overflow())
		return error_set(err, EPERM, "uid %u is an unmapped uid", (unsigned)geteuid());
	if (userns_may_be_wide())
		say(finding, "root: labs have %u uids, from %u on", USERNS_WIDE_IDS,
		    USERNS_WIDE_BASE);
	else
		say(finding, "uid %u: labs have this one uid", (unsigned)geteuid());
	return 0;
}

static int outside_limits(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	static const struct {
		const char *name;
		long per_function;
	} limits[] = {{"net", 2}, {"mnt", 1}, {"pid", 1}, {"uts", 1}, {"ipc", 1}};
	const char *least = "RLIMIT_NOFILE (ulimit -Hn)";
	char path[64], name[64];
	struct rlimit files;
	long functions = 0;

	(void)exam;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		functions = (long)(files.rlim_max / NEEDS_FILES_PER_FUNCTION);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		long here;

		(void)snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces",
			       limits[i].name);
		here = file_read_long(path, 0) / limits[i].per_function;
		if (here >= functions)
			continue;
		functions = here;
		(void)snprintf(name, sizeof(name), "user.max_%s_namespaces", limits[i].name);
		least = name;
	}
	if (functions < FUNCTIONS_MIN)
		return error_set(err, ENOSPC, "enough for %ld functions; the least is %s",
				 functions, least);
	say(finding, "enough for about %ld functions; the least is %s", functions, least);
	return 0;
}

/** userns_child() - can a mapped uid 0 really use its capabilities? Ends with an errno */
static void __attribute__((noreturn)) userns_child(int wait_for, bool wide)
{
	char byte;

	if (read(wait_for, &byte, 1) != 1)
		_exit(EPERM);
	if (userns_become_root(wide) < 0 || unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ||
	    mount("tmpfs", "/", "tmpfs", 0, NULL) < 0)
		_exit(errno);
	_exit(0);
}

static int outside_userns(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	bool wide = userns_may_be_wide();
	cleanup_close int tell = -1;
	int code, status, r;
	int fds[2];
	pid_t pid;

	(void)exam;
	if (pipe(fds) < 0)
		return error_sys(err, errno, "pipe");
	tell = fds[1];
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);
	code = errno;
	if (pid == 0) {
		(void)close(fds[1]);
		userns_child(fds[0], wide);
	}
	(void)close(fds[0]);
	if (pid < 0) {
		(void)userns_remedy(code, finding->remedy, sizeof(finding->remedy));
		return error_sys(err, code, "refused");
	}
	r = userns_map(pid, wide, err);
	if (!r)
		(void)write(tell, "", 1);
	(void)close(take_fd(&tell));
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return error_set(err, ECHILD, "the probe was killed");
	if (r < 0)
		return r;
	code = WEXITSTATUS(status);
	if (code) {
		(void)userns_remedy(code, finding->remedy, sizeof(finding->remedy));
		return error_sys(err, code, "made, but without power");
	}
	say(finding, "made and mapped");
	return 0;
}

static int inside_lab(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	(void)err;
	say(finding, "its own processes, mounts, /proc%s",
	    lab_uids(exam->lab) ? "" : ", but no user namespace: uid 0 is the machine's");
	return 0;
}

static int inside_netns(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	exam->netns = ns_new(err);
	if (exam->netns < 0)
		return exam->netns;
	say(finding, "made");
	return 0;
}

static int inside_veth(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	struct topo_node nodes[] = {{.name = "a", .kind = TOPO_HOST},
				    {.name = "b", .kind = TOPO_HOST}};
	struct topo_link link = {
		.ends = {{.node = 0, .ifname = "eth0", .addr = addr_v4(0x0a000001, 0)},
			 {.node = 1, .ifname = "eth0", .addr = addr_v4(0x0a000002, 0)}}};
	const struct topo_spec spec = {.nodes = nodes, .n_nodes = 2, .links = &link, .n_links = 1};
	struct topo *topo;
	int r;

	(void)exam;
	r = topo_apply(&spec, &topo, err);
	if (r < 0)
		return r;
	topo_free(topo);
	say(finding, "two hosts with a link, addresses and sysctls");
	return 0;
}

static int inside_rules(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	unsigned there, missing;
	char names[DOCTOR_TEXT_MAX / 2];
	struct error why;
	int r;

	if (exam->netns < 0)
		return -ECANCELED;
	r = doctor_rules_try(exam->netns, &there, &missing, &why);
	doctor_rules_names(r < 0 ? missing : there, names, sizeof(names));
	if (r == 0) {
		say(finding, "%s", names);
		return 0;
	}
	doctor_rules_remedy(missing, finding->remedy, sizeof(finding->remedy));
	return error_set(err, -r, "refused: %s: %.200s", names, why.text);
}

static int inside_nat(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	const struct nat_preset *preset = nat_preset_find("lambda");
	struct topo_node nodes[] = {
		{.name = "internet", .kind = TOPO_INTERNET},
		{.name = "nat",
		 .kind = TOPO_NAT,
		 .nat = &preset->nat,
		 .external = addr_v4(0xcb010001, 0),
		 .wan = "wan"},
		{.name = "fn", .kind = TOPO_HOST},
	};
	struct topo_link links[] = {
		{.ends = {{.node = 0, .ifname = "nat"},
			  {.node = 1, .ifname = "wan", .addr = addr_v4(0xcb010001, 0)}}},
		{.ends = {{.node = 1, .ifname = "lan", .addr = addr_v4(0x0a000001, 0)},
			  {.node = 2, .ifname = "eth0", .addr = addr_v4(0x0a000002, 0)}}},
	};
	const struct topo_spec spec = {.nodes = nodes,
				       .n_nodes = ARRAY_SIZE(nodes),
				       .links = links,
				       .n_links = ARRAY_SIZE(links)};
	int r;

	r = topo_apply(&spec, &exam->topo, err);
	if (r < 0)
		return r;
	say(finding, "a host behind a NAT, its rules accepted");
	return 0;
}

static int inside_conntrack(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	struct conntrack *watch;
	int r;

	if (!exam->topo)
		return -ECANCELED;
	r = conntrack_open(topo_netns(exam->topo, 1), &watch, err);
	if (!r)
		r = conntrack_refresh(watch, err);
	if (r < 0)
		return r;
	conntrack_close(watch);
	say(finding, "the NAT's flows can be watched and read");
	return 0;
}

static int inside_packet(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	cleanup_close int fd = -1;
	int on = 1;

	if (exam->netns < 0)
		return -ECANCELED;
	fd = ns_socket(exam->netns, AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL), err);
	if (fd < 0)
		return fd;
	/* What the two ends of a wire are. */
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		return error_sys(err, errno, "PACKET_VNET_HDR");
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) < 0)
		return error_sys(err, errno, "PACKET_QDISC_BYPASS");
	say(finding, "opened, with what wires need");
	return 0;
}

/** try_mount() - in a mount namespace that exists for that only */
static int try_mount(const char *type, const char *at, const char *options, struct error *err)
{
	pid_t pid = _Fork();
	int status;

	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount(type, at, type, MS_RDONLY, options) < 0)
			_exit(errno);
		_exit(0);
	}
	if (pid < 0)
		return error_sys(err, errno, "fork");
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return error_set(err, ECHILD, "the probe was killed");
	if (WEXITSTATUS(status))
		return error_sys(err, WEXITSTATUS(status), "cannot mount one");
	return 0;
}

static int inside_overlay(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	(void)exam;
	say(finding, "mounted");
	return try_mount("overlay", "/etc", "lowerdir=/opt:/etc", err);
}

static int inside_devpts(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	(void)exam;
	say(finding, "mounted");
	return try_mount("devpts", "/dev/pts", "newinstance,ptmxmode=0666", err);
}

/** run_true() - until it has ended or the sandbox has */
static int run_true(struct sandbox *sandbox, struct error *err)
{
	static char name[] = "true";
	static char *const argv[] = {name, NULL};
	const struct sandbox_program program = {
		.argv = argv, .fds = {-1, -1, -1}, .n_fds = 3, .cpu = -1};
	struct pollfd fd = {.fd = sandbox_fd(sandbox), .events = POLLIN};
	struct sandbox_event event;
	uint32_t handle;
	int r;

	r = sandbox_spawn(sandbox, &program, &handle, err);
	if (r < 0)
		return r;
	while ((r = sandbox_next_event(sandbox, &event)) == 0)
		(void)poll(&fd, 1, -1);
	if (r < 0)
		return error_sys(err, -r, "the sandbox");
	if (event.exec_error)
		return error_sys(err, event.exec_error, "cannot execute \"true\"");
	if (event.handle != handle || event.status)
		return error_set(err, ECHILD, "\"true\" failed");
	return 0;
}

static int inside_sandbox(struct exam *exam, struct doctor_finding *finding, struct error *err)
{
	const struct sandbox_spec spec = {.name = "doctor", .netns = exam->netns};
	struct sandbox *sandbox;
	int r;

	if (exam->netns < 0)
		return -ECANCELED;
	r = sandbox_start(&spec, &sandbox, err);
	if (r < 0)
		return r;
	r = run_true(sandbox, err);
	sandbox_kill(sandbox);
	say(finding, "started, and a program in it as uid %u", USERNS_GUEST);
	return r;
}

static const char more_namespaces[] =
	"raise the limit, also in the user namespaces around this one";

static const struct check checks[] = {
	{"kernel", "read-only binds", false, "Linux 5.12 or newer", outside_kernel},
	{"user", "an uid to map", false, "be root, or a user with an uid", outside_user},
	{"limits", "a machine per function", false, more_namespaces, outside_limits},
	{"user namespace", "everything: no lab touches the host", false, "", outside_userns},
	{"lab", "a root of its own", true, "", inside_lab},
	{"network namespace", "machines", true, "a kernel with CONFIG_NET_NS", inside_netns},
	{"veth", "links", true, "modprobe veth (CONFIG_VETH)", inside_veth},
	{"nftables rules", "NATs of every kind, limits", true, "", inside_rules},
	{"nftables NAT", "NATs", true,
	 "modprobe nf_tables nft_chain_nat nft_masq nft_ct (CONFIG_NF_TABLES, CONFIG_NFT_NAT)",
	 inside_nat},
	{"conntrack", "proofs of paths", true,
	 "modprobe nf_conntrack_netlink (CONFIG_NF_CT_NETLINK)", inside_conntrack},
	{"packet sockets", "captures, impaired links", true, "modprobe af_packet (CONFIG_PACKET)",
	 inside_packet},
	{"overlayfs", "a sandbox's /etc", true,
	 "Linux 5.11 with CONFIG_OVERLAY_FS (modprobe overlay)", inside_overlay},
	{"devpts", "terminals", true, "a kernel with CONFIG_UNIX98_PTYS", inside_devpts},
	{"sandbox", "where functions run", true, "", inside_sandbox},
};

static void examine(struct exam *exam, size_t i)
{
	struct doctor_finding *finding = &exam->doctor->findings[i];
	struct error err = {0};
	int r = checks[i].examine(exam, finding, &err);

	if (r == 0) {
		finding->status = DOCTOR_OK;
		finding->remedy[0] = '\0';
	} else if (r == -ECANCELED) {
		say(finding, "not tried");
	} else {
		finding->status = DOCTOR_MISSING;
		say(finding, "%.*s", DOCTOR_TEXT_MAX - 1, err.text);
		if (!*finding->remedy)
			(void)snprintf(finding->remedy, sizeof(finding->remedy), "%s",
				       r == -ENOSPC ? more_namespaces : checks[i].remedy);
	}
}

static int examine_inside(struct lab *lab, void *arg)
{
	struct exam *exam = arg;

	exam->lab = lab;
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (checks[i].inside)
			examine(exam, i);
	topo_free(exam->topo);
	return 0;
}

/** lab_failed() - it never came to looking inside */
static void lab_failed(struct doctor *doctor, const char *why)
{
	bool first = true;

	for (size_t i = 0; i < doctor->n; i++) {
		struct doctor_finding *finding = &doctor->findings[i];

		if (!checks[i].inside || finding->status != DOCTOR_UNTRIED)
			continue;
		if (first)
			finding->status = DOCTOR_MISSING;
		say(finding, "%s", first ? why : "not tried");
		first = false;
	}
}

int doctor_examine(struct doctor *ret_doctor)
{
	const struct lab_options options = {.out_dir = -1};
	struct exam exam = {.doctor = ret_doctor, .netns = -1};
	struct error err = {0};
	char died[64];
	int r;

	ret_doctor->n = 0;
	ret_doctor->findings = mmap(NULL, ARRAY_SIZE(checks) * sizeof(*ret_doctor->findings),
				    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ret_doctor->findings == MAP_FAILED)
		return -errno;
	ret_doctor->n = ARRAY_SIZE(checks);
	for (size_t i = 0; i < ret_doctor->n; i++) {
		ret_doctor->findings[i].name = checks[i].name;
		ret_doctor->findings[i].need = checks[i].need;
	}
	for (size_t i = 0; i < ret_doctor->n; i++)
		if (!checks[i].inside)
			examine(&exam, i);
	r = lab_start(&options, examine_inside, &exam, &err);
	(void)snprintf(died, sizeof(died), "the lab ended with code %d", r);
	if (r)
		lab_failed(ret_doctor, r < 0 ? err.text : died);
	return 0;
}

void doctor_free(struct doctor *doctor)
{
	if (doctor->n)
		(void)munmap(doctor->findings, doctor->n * sizeof(*doctor->findings));
	*doctor = (struct doctor){0};
}
