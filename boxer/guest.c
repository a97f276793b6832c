/* SPDX-License-Identifier: MIT */
#include "boxer/guest.h"

#include "base/cleanup.h"
#include "boxer/descriptors.h"
#include "boxer/node.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SHIM_NAME "libboxer-shim.so"

struct guest {
	struct node *node;
	struct ev_child child;
};

/*
 * The shim lies beside the program: ../lib of a build tree or of a bundle, or
 * where cmake --install has put it.
 */
static int find_shim(char *ret, size_t size)
{
	static const char *const places[] = {"../lib", ("../" BOXER_LIBDIR), "."};
	char exe[PATH_MAX], path[2 * PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (n < 0)
		return -errno;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s/" SHIM_NAME, exe, places[i]);
		if (access(path, R_OK) < 0)
			continue;
		if (!realpath(path, exe))
			return -errno;
		return (size_t)snprintf(ret, size, "%s", exe) < size ? 0 : -ENAMETOOLONG;
	}
	return -ENOENT;
}

/* What the dynamic linker splits LD_PRELOAD at. */
static bool can_preload(const char *path)
{
	return !strpbrk(path, " :");
}

/* One may be left of a node that was killed; anything else at its place is not ours. */
static void remove_link(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		(void)unlink(path);
}

int guest_locate_shim(struct node *node)
{
	char link[sizeof(node->dir) + sizeof("/" SHIM_NAME)];
	int r = find_shim(node->shim, sizeof(node->shim));

	if (r < 0 || can_preload(node->shim))
		return r;
	(void)snprintf(link, sizeof(link), "%s/" SHIM_NAME, node->dir);
	if (!can_preload(link))
		return -EINVAL;
	remove_link(link);
	if (symlink(node->shim, link) < 0)
		return -errno;
	(void)snprintf(node->shim, sizeof(node->shim), "%s", link);
	return 0;
}

void guest_forget_shim(const struct node *node)
{
	char link[sizeof(node->dir) + sizeof("/" SHIM_NAME)];

	(void)snprintf(link, sizeof(link), "%s/" SHIM_NAME, node->dir);
	if (strcmp(node->shim, link) == 0)
		remove_link(link);
}

int guest_environment(const struct node *node, char *buf, size_t size)
{
	char seed[ADDR_TEXT_MAX];
	int n = snprintf(buf, size,
			 "BOXER_ID=%u\nBOXER_NAME=%s\nBOXER_ROLE=%s\nBOXER_SIZE=%zu\n"
			 "BOXER_SEED=%s\nBOXER_DIR=%s\nLD_PRELOAD=%s\n",
			 node->id, node->options->name, node->options->role, node->members.n,
			 addr_format(&node->options->seed[0], seed), node->dir, node->shim);

	return (size_t)n < size ? n : -ENAMETOOLONG;
}

/* Ours first: it must see connect() before any other preloaded library does. */
static void put_preload(const char *shim)
{
	const char *others = getenv("LD_PRELOAD");
	cleanup_free char *both = NULL;

	if (others && *others && asprintf(&both, "%s:%s", shim, others) < 0)
		both = NULL;
	(void)setenv("LD_PRELOAD", both ? both : shim, 1);
}

void guest_apply_environment(char *lines)
{
	char *save = NULL;

	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (strcmp(line, "LD_PRELOAD") == 0)
			put_preload(value);
		else
			(void)setenv(line, value, 1);
	}
}

int guest_exec(char *const *argv, struct error *err)
{
	(void)execvp(argv[0], argv);
	(void)error_sys(err, errno, "cannot execute %s", argv[0]);
	return err->code == ENOENT ? NODE_EXIT_NOT_FOUND : NODE_EXIT_NOT_EXECUTABLE;
}

/** struct exec_failure - what a child says that could not become the program */
struct exec_failure {
	int status;
	struct error err;
};

static void run_child(struct node *node, pid_t parent, int report)
{
	struct exec_failure failure = {.status = NODE_EXIT_FAILED};
	char environment[LOCAL_TEXT_MAX];
	sigset_t none;
	int n;

	/* The loop's handlers go at exec; its mask would stay. */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	descriptors_restore();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(NODE_EXIT_FAILED);
	n = guest_environment(node, environment, sizeof(environment));
	if (n < 0) {
		(void)error_sys(&failure.err, -n, "cannot find " SHIM_NAME);
	} else {
		guest_apply_environment(environment);
		failure.status = guest_exec(node->options->guest, &failure.err);
	}
	(void)!write(report, &failure, sizeof(failure));
	_exit(NODE_EXIT_FAILED);
}

static void on_guest_exit(struct ev_loop *loop, struct ev_child *w, int revents)
{
	struct guest *g = w->data;
	int status = w->rstatus;

	(void)revents;
	ev_child_stop(loop, w);
	g->node->exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	g->child.pid = 0;
	EMIT(&g->node->options->events, "guest-exit",
	     EV_NUMBER("status", (uint64_t)g->node->exit_status));
	ev_break(loop, EVBREAK_ALL);
}

/* Return: 0 when the child has become the program, else the exit status for its error. */
static int await_exec(int report, pid_t pid, struct error *err)
{
	struct exec_failure failure;
	ssize_t n;

	do
		n = read(report, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(failure))
		return 0;
	(void)waitpid(pid, NULL, 0);
	if (err)
		*err = failure.err;
	return failure.status;
}

int guest_start(struct node *node)
{
	struct guest *g = calloc(1, sizeof(*g));
	int report[2], status;
	pid_t parent = getpid(), pid;

	if (!g || pipe2(report, O_CLOEXEC) < 0) {
		free(g);
		(void)error_sys(node->err, errno, "cannot start the guest");
		return NODE_EXIT_FAILED;
	}
	g->node = node;
	pid = fork();
	if (pid == 0)
		run_child(node, parent, report[1]);
	(void)close(report[1]);
	if (pid < 0) {
		(void)error_sys(node->err, errno, "cannot start the guest");
		status = NODE_EXIT_FAILED;
	} else {
		status = await_exec(report[0], pid, node->err);
	}
	(void)close(report[0]);
	if (status != 0) {
		free(g);
		return status;
	}
	ev_child_init(&g->child, on_guest_exit, pid, 0);
	g->child.data = g;
	ev_child_start(node->loop, &g->child);
	node->guest = g;
	EMIT(&node->options->events, "guest-start", EV_NUMBER("pid", (uint64_t)pid));
	return 0;
}

void guest_signal(struct guest *g, int signal)
{
	if (g && g->child.pid > 0)
		(void)kill(g->child.pid, signal);
}

void guest_free(struct guest *g)
{
	if (!g)
		return;
	guest_signal(g, SIGKILL);
	ev_child_stop(g->node->loop, &g->child);
	free(g);
}
