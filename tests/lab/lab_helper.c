/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lab to look at: "lab-helper MODE [ARGUMENT]..." starts one by lab_start() and
 * does in its pid 1 what the test asks for, or is one of boxlab's verbs.
 * Criterion's workers have threads, from which no user namespace can be made;
 * this program has none.
 *
 * LAB_ID, LAB_TASK and LAB_OUT in the environment are the lab's options.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/door.h"
#include "lab/lab.h"
#include "lab/sandbox.h"
#include "lab/verbs.h"
#include "topo/ns.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define NODES_MAX 2048

static int status_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int complain(const char *what, const struct error *err)
{
	(void)fprintf(stderr, "%s: %s\n", what, err->text);
	return 3;
}

static int start_sandbox(const char *name, struct sandbox **ret, struct error *err)
{
	static const struct sandbox_file files[] = {
		{"/etc/boxlab-test", "of the spec\n"},
		{"/etc/deep/er/file", "deep\n"},
		{"/run/boxlab/test", "in run\n"},
		{"/etc/resolv.conf", "nameserver 192.0.2.53\n"},
	};
	cleanup_close int netns = ns_new(err);
	const struct sandbox_spec spec = {
		.name = name, .netns = netns, .files = files, .n_files = ARRAY_SIZE(files)};

	return netns < 0 ? netns : sandbox_start(&spec, ret, err);
}

/* Until an event comes. */
static int await(struct sandbox *sandbox, struct sandbox_event *ret)
{
	struct pollfd fd = {.fd = sandbox_fd(sandbox), .events = POLLIN};
	int r;

	while ((r = sandbox_next_event(sandbox, ret)) == 0)
		(void)poll(&fd, 1, -1);
	return r;
}

static int run_in(struct sandbox *sandbox, const struct sandbox_program *program)
{
	struct sandbox_event event;
	struct error err;
	uint32_t handle;

	if (sandbox_spawn(sandbox, program, &handle, &err) < 0)
		return complain("spawn", &err);
	if (await(sandbox, &event) < 0)
		return 3;
	if (!event.handle) {
		(void)puts("the sandbox has ended");
		return 4;
	}
	if (event.exec_error)
		(void)printf("exec: %s\n", strerrorname_np(event.exec_error));
	return event.exec_error ? 127 : status_code(event.status);
}

/* sandbox CMD...: in a sandbox "fn0", with our stdin, stdout and stderr */
static int in_sandbox(struct lab *lab, void *arg)
{
	const struct sandbox_program program = {
		.argv = arg, .fds = {0, 1, 2}, .n_fds = 3, .cpu = -1};
	struct sandbox *sandbox;
	struct error err;
	int code;

	(void)lab;
	if (start_sandbox("fn0", &sandbox, &err) < 0)
		return complain("start", &err);
	code = run_in(sandbox, &program);
	sandbox_kill(sandbox);
	return code;
}

/* fds CMD...: with descriptors /dev/null, stdout, stderr, a pipe, /dev/null, stdout; on cpu 0 */
static int with_fds(struct lab *lab, void *arg)
{
	struct sandbox_program program = {
		.argv = arg, .fds = {-1, 1, 2, -1, -1, 1}, .n_fds = 6, .cpu = 0};
	char *const env[] = {(char[]){"PATH=/opt/bin:/bin"}, (char[]){"COLOUR=blue"}, NULL};
	struct sandbox *sandbox;
	struct error err;
	int fds[2];
	int code;

	(void)lab;
	if (start_sandbox("fn0", &sandbox, &err) < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return complain("start", &err);
	program.fds[3] = fds[0];
	program.env = env;
	code = run_in(sandbox, &program);
	sandbox_kill(sandbox);
	return code;
}

/* pid1 CMD...: as the lab's uid 0, in the lab's own world */
static int in_pid1(struct lab *lab, void *arg)
{
	char *const *argv = arg;
	int status;
	pid_t pid;

	(void)printf("lab %s of %u uids\n", lab_id(lab), lab_uids(lab));
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	(void)waitpid(pid, &status, 0);
	return status_code(status);
}

/* many N: how long N sandboxes take, and a program in each */
static int many(struct lab *lab, void *arg)
{
	char *const argv[] = {(char[]){"true"}, NULL};
	const struct sandbox_program program = {
		.argv = argv, .fds = {-1, 1, 2}, .n_fds = 3, .cpu = -1};
	size_t n = (size_t)atol(((char **)arg)[0]);
	cleanup_free struct sandbox **all = calloc(n, sizeof(struct sandbox *));
	uint64_t t[4];
	char name[32];
	struct error err;
	int code = 0;

	(void)lab;
	t[0] = clock_now();
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "fn%zu", i);
		if (start_sandbox(name, &all[i], &err) < 0)
			return complain("start", &err);
	}
	t[1] = clock_now();
	for (size_t i = 0; i < n && !code; i++)
		code = run_in(all[i], &program);
	t[2] = clock_now();
	for (size_t i = 0; i < n; i++)
		sandbox_kill(all[i]);
	t[3] = clock_now();
	(void)printf("%zu sandboxes: ms each:", n);
	for (size_t i = 0; i < 3; i++)
		(void)printf(" %s %.2f", ((const char *[]){"start", "program", "kill"})[i],
			     (double)(t[i + 1] - t[i]) / (double)(NS_PER_MS * n));
	(void)putchar('\n');
	return code;
}

/* burst N: start N programs, hear of none until all have ended */
static int burst(struct lab *lab, void *arg)
{
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"exit 7"}, NULL};
	const struct sandbox_program program = {
		.argv = argv, .fds = {-1, 1, 2}, .n_fds = 3, .cpu = -1};
	int n = atoi(((char **)arg)[0]);
	int started = 0, ended = 0, r = 0;
	struct sandbox_event event;
	struct sandbox *sandbox;
	struct error err;
	uint32_t handle;

	(void)lab;
	if (start_sandbox("fn0", &sandbox, &err) < 0)
		return complain("start", &err);
	while (started < n && (r = sandbox_spawn(sandbox, &program, &handle, &err)) == 0)
		started++;
	(void)printf("started %d, then %s\n", started, r < 0 ? strerrorname_np(-r) : "no more");
	while (ended < started && await(sandbox, &event) == 1 && event.handle &&
	       status_code(event.status) == 7)
		ended++;
	(void)printf("ended %d\n", ended);
	sandbox_kill(sandbox);
	return 0;
}

/* large N: a program with an argument of N bytes */
static int large(struct lab *lab, void *arg)
{
	size_t n = (size_t)atol(((char **)arg)[0]);
	cleanup_free char *text = malloc(n + 1);
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"echo ${#1}"},
			      (char[]){"sh"}, text,	      NULL};
	const struct sandbox_program program = {
		.argv = argv, .fds = {-1, 1, 2}, .n_fds = 3, .cpu = -1};
	struct sandbox *sandbox;
	struct error err;
	uint32_t handle;
	int r;

	(void)lab;
	(void)memset(text, 'x', n);
	text[n] = '\0';
	if (start_sandbox("fn0", &sandbox, &err) < 0)
		return complain("start", &err);
	r = sandbox_spawn(sandbox, &program, &handle, &err);
	/* After the program's own line: it writes to the same place. */
	if (!r) {
		struct sandbox_event event;

		(void)await(sandbox, &event);
	}
	(void)printf("%s\n", r < 0 ? strerrorname_np(-r) : "taken");
	sandbox_kill(sandbox);
	return 0;
}

/* death CMD...: start it, kill the init when it has written a line, hear of that */
static int death(struct lab *lab, void *arg)
{
	struct sandbox_program program = {.argv = arg, .fds = {-1, -1, 2}, .n_fds = 3, .cpu = -1};
	struct sandbox_event event;
	struct sandbox *sandbox;
	struct error err;
	uint32_t handle;
	int fds[2];
	char byte;
	int r;

	(void)lab;
	if (start_sandbox("fn0", &sandbox, &err) < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return complain("start", &err);
	program.fds[1] = fds[1];
	if (sandbox_spawn(sandbox, &program, &handle, &err) < 0)
		return complain("spawn", &err);
	(void)close(fds[1]);
	(void)!read(fds[0], &byte, 1);
	(void)kill(sandbox_pid(sandbox), SIGKILL);
	r = await(sandbox, &event);
	(void)printf("event %d of handle %u, then %d, signal %s\n", r, event.handle,
		     sandbox_next_event(sandbox, &event),
		     strerrorname_np(-sandbox_signal(sandbox, handle + 1, SIGTERM)));
	sandbox_kill(sandbox);
	/* All that held the pipe must be gone: also what left the process group. */
	while ((r = (int)read(fds[0], &byte, 1)) == 1)
		;
	(void)printf("end of file: %d\n", r);
	return 0;
}

/* files NAME...: make them in the result directory */
static int files(struct lab *lab, void *arg)
{
	for (char **name = arg; *name; name++) {
		struct error err = {0};
		cleanup_close int fd = lab_create_file(lab, *name, &err);

		if (fd < 0)
			(void)printf("%s: %s\n", strerrorname_np(-fd), err.text);
		else
			(void)printf("%s: %s\n", *name, dprintf(fd, "hello") == 5 ? "ok" : "no");
	}
	return 0;
}

/* exit N, or die by signal -N */
static int leave(struct lab *lab, void *arg)
{
	int n = atoi(((char **)arg)[0]);

	(void)lab;
	if (n < 0)
		(void)kill(0, -n);
	return n;
}

/* deaf: say that we are there, and hear nothing */
static int deaf(struct lab *lab, void *arg)
{
	(void)arg;
	(void)printf("%s\n", lab_id(lab));
	(void)fflush(stdout);
	while (pause() < 0)
		;
	return 0;
}

/** struct town - the lab of "up" */
struct town {
	struct sandbox *nodes[NODES_MAX];
	size_t n;
	bool ending;
};

static struct sandbox *town_sandbox(void *arg, const char *node)
{
	const struct town *town = arg;
	unsigned i;

	if (sscanf(node, "fn%u", &i) != 1 || i >= town->n)
		return NULL;
	return town->nodes[i];
}

static bool town_node(void *arg, size_t i, struct door_node *ret)
{
	const struct town *town = arg;

	if (i >= town->n)
		return false;
	*ret = (struct door_node){
		.role = "function",
		.inside = addr_v4(0x0a000002 + (uint32_t)i, 0),
		.external = addr_v4(0xcb010001, 0),
	};
	(void)snprintf(ret->name, sizeof(ret->name), "fn%zu", i);
	return true;
}

static void town_end(void *arg)
{
	struct town *town = arg;

	town->ending = true;
}

static void town_hear(struct town *town, struct door *door, size_t i)
{
	struct sandbox_event event;

	while (town->nodes[i] && sandbox_next_event(town->nodes[i], &event) == 1) {
		if (event.handle) {
			(void)door_event(door, &event);
			continue;
		}
		door_forget(door, town->nodes[i]);
		sandbox_kill(town->nodes[i]);
		town->nodes[i] = NULL;
	}
}

static void town_live(struct town *town, struct door *door, struct lab *lab)
{
	static struct pollfd fds[NODES_MAX + 2];

	while (!town->ending && !lab_ending(lab)) {
		int client;

		fds[0] = (struct pollfd){.fd = lab_fd(lab), .events = POLLIN};
		fds[1] = (struct pollfd){.fd = door_fd(door), .events = POLLIN};
		for (size_t i = 0; i < town->n; i++)
			fds[2 + i] = (struct pollfd){
				.fd = town->nodes[i] ? sandbox_fd(town->nodes[i]) : -1,
				.events = POLLIN};
		(void)poll(fds, town->n + 2, -1);
		while ((client = lab_next_client(lab)) >= 0)
			door_serve(door, client);
		if (fds[1].revents)
			door_dispatch(door);
		for (size_t i = 0; i < town->n; i++)
			if (fds[2 + i].revents)
				town_hear(town, door, i);
	}
}

/* up N: N machines and an open door, until it is asked to end */
static int up(struct lab *lab, void *arg)
{
	static const struct door_ops ops = {
		.sandbox = town_sandbox, .node = town_node, .end = town_end};
	static struct town town;
	size_t n = (size_t)atol(((char **)arg)[0]);
	struct door *door;
	struct error err;

	if (door_new(&ops, &town, &door) < 0)
		return 3;
	for (; town.n < n && town.n < NODES_MAX; town.n++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "fn%zu", town.n);
		if (start_sandbox(name, &town.nodes[town.n], &err) < 0)
			return complain("start", &err);
	}
	(void)printf("%s\n", lab_id(lab));
	(void)fflush(stdout);
	town_live(&town, door, lab);
	door_free(door);
	for (size_t i = 0; i < town.n; i++)
		sandbox_kill(town.nodes[i]);
	return 0;
}

static const struct {
	const char *name;
	int (*body)(struct lab *lab, void *arg);
} modes[] = {
	{"sandbox", in_sandbox}, {"fds", with_fds}, {"pid1", in_pid1}, {"many", many},
	{"burst", burst},	 {"large", large},  {"death", death},  {"files", files},
	{"leave", leave},	 {"deaf", deaf},    {"up", up},
};

static const struct {
	const char *name;
	int (*verb)(int argc, char **argv);
} verbs[] = {
	{"exec", verb_exec}, {"shell", verb_shell},   {"ls", verb_ls},
	{"down", verb_down}, {"doctor", verb_doctor},
};

int main(int argc, char **argv)
{
	struct lab_options options = {
		.id = getenv("LAB_ID"), .task_dir = getenv("LAB_TASK"), .out_dir = -1};
	const char *out = getenv("LAB_OUT");
	struct error err = {0};
	int r;

	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].verb(argc - 1, argv + 1);
	if (out)
		options.out_dir = open(out, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(modes); i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		r = lab_start(&options, modes[i].body, &argv[2], &err);
		return r < 0 ? complain("lab_start", &err) : r;
	}
	return 2;
}
