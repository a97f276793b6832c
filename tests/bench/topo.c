/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * One build of one topology in one way, under the clock; scripts/bench calls it
 * many times. It moves into a user namespace of its own, which also counts the
 * namespaces that are left (nsprobe.h), and works in two children, one after the
 * other: the first prepares, the second builds, says how long it took, and ends
 * when it is told to. "Gone" is the time from that word until the kernel counts
 * none of them any more.
 */
#include "tests/bench/bench.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/support/nsprobe.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define GONE_MS 120000
#define SKIPPED 77

static const char usage[] =
	"usage: bench-topo WAY FUNCTIONS [--show]\n"
	"\n"
	"Build FUNCTIONS functions, each behind a NAT of its own, and undo it; print how\n"
	"long both took, in JSON. Exit status 77: user namespaces, or a program that WAY\n"
	"runs, are missing.\n"
	"\n"
	"  --show   print the result instead, namespace by namespace\n"
	"\n";

static int apply_build(struct bench *bench, struct error *err)
{
	return topo_apply(bench->spec, &bench->topo, err);
}

static int apply_find(struct bench *bench, struct error *err)
{
	(void)err;
	for (size_t n = 0; n < bench->spec->n_nodes; n++)
		bench->netns[n] = topo_netns(bench->topo, n);
	return 0;
}

static const struct bench_way ways[] = {
	{"apply", "topo_apply()", NULL, apply_build, apply_find, {NULL}},
	{"floor",
	 "the same messages to the kernel, blindly",
	 floor_prepare,
	 floor_build,
	 NULL,
	 {NULL}},
	{"batch",
	 "the best script: ip -batch, nft -f",
	 script_prepare_batch,
	 script_build,
	 script_find,
	 {"ip", "nft"}},
	{"single",
	 "a script with one command for each object",
	 script_prepare_single,
	 script_build,
	 script_find,
	 {"ip", "nft"}},
};

/** struct run - the command line, and what both children share */
struct run {
	const struct bench_way *way;
	bool show;
	size_t functions;
	struct scenario *scenario;
	struct plan *plan;
	struct bench bench;
	char dir[32];
};

static void __attribute__((noreturn)) fail(const char *what, const struct error *err)
{
	(void)fprintf(stderr, "bench-topo: %s: %s\n", what, err->text);
	_exit(1);
}

static void __attribute__((noreturn)) fail_sys(const char *what)
{
	struct error err;

	(void)error_set(&err, errno, "%s", strerror(errno));
	fail(what, &err);
}

/* ---- what is shown of a result ---- */

static void show_one(const char *name, int netns)
{
	/* Not the numbers of interfaces, nor what changes by itself: the state too, for
	 * it is the kernel's to find out, and only topo waits until it has. */
	static const char look[] =
		"{ ip -br link; ip -br addr; } | tr -s ' ' | "
		"sed 's/@[^ ]*//; s/ UP / /; s/ UNKNOWN / /; s/ DOWN / /'; ip neigh | sort; "
		"ip route; ip -6 route; nft list ruleset; cd /proc/sys/net; "
		"for f in ipv4 ipv6 core netfilter; do test ! -e $f || "
		"find $f -type f -perm -400 ! -name '*_key' ! -name nf_conntrack_count "
		"! -name stable_secret | sort | xargs grep -s . ; done";
	int status;
	pid_t pid;

	(void)printf("== %s\n", name);
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (setns(netns, CLONE_NEWNET) == 0)
			(void)execlp("sh", "sh", "-c", look, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		fail_sys("show");
}

static void show(const struct bench *bench)
{
	for (size_t n = 0; n < bench->spec->n_nodes; n++)
		show_one(bench->spec->nodes[n].name, bench->netns[n]);
}

/* ---- the two children ---- */

/* As in a lab: a pid namespace of one's own, so that the procfs is, too. Names of
 * namespaces are files in a /run that nobody else sees. */
static pid_t fork_pid1(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, 0);
}

static void enter_namespaces(const struct run *run)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, NULL) < 0 ||
	    mkdir("/run/netns", 0755) < 0 || chdir(run->dir) < 0)
		fail_sys("cannot make namespaces");
}

static void __attribute__((noreturn)) prepare(struct run *run)
{
	struct bench *bench = &run->bench;
	struct error err;

	enter_namespaces(run);
	floor_listen(bench->log);
	if (apply_build(bench, &err) < 0)
		fail("apply", &err);
	floor_listen(NULL);
	(void)apply_find(bench, &err);
	if (run->way->prepare(bench, &err) < 0)
		fail(run->way->name, &err);
	_exit(0);
}

static void __attribute__((noreturn)) build(struct run *run, int say, int hear)
{
	struct bench *bench = &run->bench;
	struct error err;
	uint64_t took;
	char byte;

	enter_namespaces(run);
	took = clock_now();
	if (run->way->build(bench, &err) < 0)
		fail(run->way->name, &err);
	took = clock_now() - took;
	if (run->show && run->way->find && run->way->find(bench, &err) < 0)
		fail(run->way->name, &err);
	if (run->show)
		show(bench);
	if (write(say, &took, sizeof(took)) != sizeof(took) || read(hear, &byte, 1) != 0)
		_exit(1);
	topo_free(bench->topo);
	_exit(0);
}

static void expect_gone(void)
{
	struct error err;
	char left[256];
	int r = nsprobe_none_left(GONE_MS, left, sizeof(left));

	if (r < 0) {
		(void)error_set(&err, -r, "%s: %s", strerror(-r), left);
		fail("not gone", &err);
	}
}

static void run_preparation(struct run *run)
{
	int status;
	pid_t pid = fork_pid1();

	if (pid == 0)
		prepare(run);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		fail_sys("fork");
	if (status)
		_exit(1);
	expect_gone();
}

static void run_build(struct run *run, uint64_t *ret_built, uint64_t *ret_gone)
{
	uint64_t begun;
	int up[2], down[2];
	pid_t pid;

	if (pipe2(up, O_CLOEXEC) < 0 || pipe2(down, O_CLOEXEC) < 0)
		fail_sys("pipe");
	pid = fork_pid1();
	if (pid == 0) {
		(void)close(up[0]);
		(void)close(down[1]);
		build(run, up[1], down[0]);
	}
	(void)close(up[1]);
	(void)close(down[0]);
	if (pid < 0)
		fail_sys("fork");
	if (read(up[0], ret_built, sizeof(*ret_built)) != sizeof(*ret_built))
		_exit(1);
	begun = clock_now();
	(void)close(down[1]);
	expect_gone();
	*ret_gone = clock_now() - begun;
	(void)close(up[0]);
}

/* ---- the rest ---- */

static void make_plan(struct run *run)
{
	struct scenario_errors errors = {0};
	struct error err;
	char text[128];
	int len = snprintf(text, sizeof(text),
			   "name: bench\ncheck_nats: off\nnodes:\n"
			   "  fn: {role: host, count: %zu, nat: linux}\n",
			   run->functions);

	if (scenario_read(text, (size_t)len, "bench.yaml", &run->scenario, &errors) < 0) {
		(void)error_set(&err, EINVAL, "%s", errors.n ? errors.text[0] : "out of memory");
		fail("scenario", &err);
	}
	if (plan_make(run->scenario, &run->plan, &err) < 0)
		fail("plan", &err);
	run->bench.spec = &run->plan->spec;
	run->bench.netns = calloc(run->plan->spec.n_nodes, sizeof(int));
	run->bench.log = floor_log_new(run->plan->spec.n_nodes);
	if (!run->bench.netns || !run->bench.log)
		fail_sys("cannot begin");
}

static bool is_there(const char *program)
{
	cleanup_free char *path = strdup(getenv("PATH") ? getenv("PATH") : "");
	char file[PATH_MAX];

	for (char *dir = strtok(path, ":"); dir; dir = strtok(NULL, ":")) {
		(void)snprintf(file, sizeof(file), "%s/%s", dir, program);
		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}

static void check_needs(const struct run *run)
{
	for (const char *const *need = run->way->needs; *need; need++) {
		if (is_there(*need))
			continue;
		(void)fprintf(stderr, "bench-topo: %s: there is no %s\n", run->way->name, *need);
		exit(SKIPPED);
	}
}

static void empty_and_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
	(void)rmdir(path);
}

/* Namespaces and sockets: more than the 1,024 that programs get at first. */
static void allow_descriptors(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static bool read_order(int argc, char **argv, struct run *run)
{
	char *end;

	if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "--show") != 0))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			run->way = &ways[i];
	run->show = argc == 4;
	run->functions = strtoul(argv[2], &end, 10);
	return run->way && !*end && run->functions;
}

/* The directory is the caller's, so that it goes whatever becomes of the work. */
static int work(struct run *run)
{
	uint64_t built, gone;
	int status;
	pid_t pid = fork();

	if (pid != 0)
		return pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status)
			       ? 1
			       : WEXITSTATUS(status);
	status = nsprobe_enter();
	if (status < 0) {
		(void)fprintf(stderr, "bench-topo: no user namespace: %s\n", strerror(-status));
		_exit(SKIPPED);
	}
	if (run->way->prepare)
		run_preparation(run);
	run_build(run, &built, &gone);
	if (!run->show)
		(void)printf("{\"way\": \"%s\", \"functions\": %zu, \"namespaces\": %zu, "
			     "\"build_s\": %.4f, \"gone_s\": %.4f}\n",
			     run->way->name, run->functions, run->bench.spec->n_nodes,
			     (double)built / NS_PER_S, (double)gone / NS_PER_S);
	(void)fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct run run = {.dir = "/tmp/bench-topo.XXXXXX"};
	int r;

	if (!read_order(argc, argv, &run)) {
		(void)fputs(usage, stderr);
		for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
			(void)fprintf(stderr, "  %-8s %s\n", ways[i].name, ways[i].what);
		return 2;
	}
	check_needs(&run);
	allow_descriptors();
	make_plan(&run);
	if (!mkdtemp(run.dir))
		fail_sys(run.dir);
	r = work(&run);
	empty_and_remove(run.dir);
	free(run.bench.netns);
	plan_free(run.plan);
	scenario_free(run.scenario);
	return r;
}
