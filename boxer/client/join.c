/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * The node is a child of this process, made by posix_spawn(), since the program
 * may have threads. Two pipes lead to it: one on which it tells its events,
 * until it is ready, and one on which it waits for the end of file that comes
 * when nobody holds our side any more (--lifeline). PR_SET_PDEATHSIG would end it
 * with the thread that has started it.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/client/handle.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define DEFAULT_TIMEOUT_MS 30000
#define TIMEOUT_S_MAX	   86400u
/* Beyond the node's own deadline: it knows better what went wrong. */
#define GRACE_NS      (2 * NS_PER_S)
#define END_MS	      5000
#define ARGUMENTS_MAX 64
#define EVENT_MAX     4096

/* Where the node finds its ends of the pipes. */
enum { NODE_EVENTS = 3, NODE_LIFELINE, NODE_FDS };

/** struct start - a node that is being started */
struct start {
	pid_t pid;
	int events, lifeline; /* our ends */
	bool joined;
	uint32_t id;
	char text[EVENT_MAX]; /* of events, up to an unfinished line */
	size_t len;
};

/* Beside the library: in a build tree or a bundle, or where cmake --install has put it. */
static bool find_beside(char ret[static PATH_MAX])
{
	static const char *const places[] = {"../bin/boxer", "../../bin/boxer", "boxer"};
	const char *slash;
	Dl_info info;

	if (!dladdr(places, &info) || !info.dli_fname)
		return false;
	slash = strrchr(info.dli_fname, '/');
	for (size_t i = 0; slash && i < ARRAY_SIZE(places); i++) {
		(void)snprintf(ret, PATH_MAX, "%.*s/%s", (int)(slash - info.dli_fname),
			       info.dli_fname, places[i]);
		if (access(ret, X_OK) == 0)
			return true;
	}
	return false;
}

static const char *find_program(const struct boxer_options *options, char buf[static PATH_MAX])
{
	const char *named = secure_getenv("BOXER_BINARY");

	if (options->program)
		return options->program;
	if (named && *named)
		return named;
	return find_beside(buf) ? buf : "boxer";
}

/** struct command - the node's command line; the numbers need room */
struct command {
	const char *argv[ARGUMENTS_MAX];
	size_t n;
	char events[4], lifeline[4], wait[16], timeout[16];
};

static void add(struct command *c, const char *option, const char *value)
{
	if (!value || c->n + 3 > ARGUMENTS_MAX)
		return;
	c->argv[c->n++] = option;
	c->argv[c->n++] = value;
}

static unsigned timeout_of(const struct boxer_options *options)
{
	return options->timeout_ms ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
}

static int make_command(struct command *c, const struct boxer_options *options, const char *program)
{
	unsigned seconds = timeout_of(options) / 1000 + (timeout_of(options) % 1000 != 0);

	*c = (struct command){.argv = {program, "node"}, .n = 2};
	(void)snprintf(c->events, sizeof(c->events), "%d", NODE_EVENTS);
	(void)snprintf(c->lifeline, sizeof(c->lifeline), "%d", NODE_LIFELINE);
	(void)snprintf(c->wait, sizeof(c->wait), "%u", options->wait);
	(void)snprintf(c->timeout, sizeof(c->timeout), "%u",
		       seconds < TIMEOUT_S_MAX ? seconds : TIMEOUT_S_MAX);
	add(c, "--events", c->events);
	add(c, "--lifeline", c->lifeline);
	add(c, "--seed", options->seed);
	add(c, "--key-file", options->key_file);
	add(c, "--name", options->name);
	add(c, "--wait", c->wait);
	add(c, "--timeout", c->timeout);
	for (size_t i = 0; options->arguments && options->arguments[i]; i++) {
		if (c->n + 1 >= ARGUMENTS_MAX)
			return -E2BIG;
		c->argv[c->n++] = options->arguments[i];
	}
	return 0;
}

/* Without BOXER_ID: were the shim preloaded, it would take the node for a guest of another. */
static char **node_environment(void)
{
	size_t n = 0, kept = 0;
	char **env;

	while (environ && environ[n])
		n++;
	env = calloc(n + 1, sizeof(*env));
	for (size_t i = 0; env && i < n; i++)
		if (strncmp(environ[i], "BOXER_ID=", strlen("BOXER_ID=")) != 0)
			env[kept++] = environ[i];
	return env;
}

static int spawn_with(const struct command *c, int events, int lifeline, pid_t *ret_pid)
{
	cleanup_free char **env = node_environment();
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	char *const *argv;
	int r;

	if (!env)
		return -ENOMEM;
	/* execve() takes pointers to char for history's sake. */
	(void)memcpy(&argv, &(const char *const *){c->argv}, sizeof(argv));
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	(void)posix_spawn_file_actions_init(&files);
	r = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY,
						     0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, events, NODE_EVENTS);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, lifeline, NODE_LIFELINE);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&files, NODE_FDS);
	if (r == 0)
		r = posix_spawnp(ret_pid, c->argv[0], &files, &attributes, argv, env);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attributes);
	return -r;
}

/* A pipe of which the end for the node is out of the way of the numbers it will get. */
static int make_pipe(int node_end, int ret[static 2])
{
	int moved;

	if (pipe2(ret, O_CLOEXEC) < 0)
		return -errno;
	moved = fcntl(ret[node_end], F_DUPFD_CLOEXEC, NODE_FDS);
	(void)close(ret[node_end]);
	ret[node_end] = moved;
	if (moved >= 0)
		return 0;
	moved = errno;
	(void)close(ret[!node_end]);
	return -moved;
}

static int start_node(const struct boxer_options *options, struct start *s)
{
	cleanup_close int their_events = -1, their_lifeline = -1;
	char found[PATH_MAX];
	struct command command;
	int events[2], lifeline[2];
	int r = make_command(&command, options, find_program(options, found));

	if (r == 0)
		r = make_pipe(1, events);
	if (r < 0)
		return r;
	s->events = events[0];
	their_events = events[1];
	r = make_pipe(0, lifeline);
	if (r < 0)
		return r;
	s->lifeline = lifeline[1];
	their_lifeline = lifeline[0];
	return spawn_with(&command, their_events, their_lifeline, &s->pid);
}

static enum reason reason_of(const char *name, size_t len)
{
	for (int i = 0; i < REASON_MAX; i++) {
		const char *known = reason_name((enum reason)i);

		if (strlen(known) == len && strncmp(known, name, len) == 0)
			return (enum reason)i;
	}
	return REASON_PROTOCOL;
}

/* What follows "KEY": in an event; the names are Boxer's, so nothing in them is escaped. */
static const char *field(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? at + strlen(key) : NULL;
}

/* Return: 1 ready, 0 not yet, or why it never will be. */
static int take_event(struct start *s, const char *line)
{
	const char *event = field(line, "\"event\": \"");
	const char *value;

	if (!event)
		return 0;
	if (strncmp(event, "joined\"", strlen("joined\"")) == 0) {
		value = field(event, "\"id\": ");
		s->joined = value != NULL;
		s->id = value ? (uint32_t)strtoul(value, NULL, 10) : 0;
	}
	if (strncmp(event, "ready\"", strlen("ready\"")) == 0)
		return s->joined ? 1 : -EPROTO;
	if (strncmp(event, "surplus\"", strlen("surplus\"")) == 0)
		return client_reason(REASON_SURPLUS);
	if (strncmp(event, "failed\"", strlen("failed\"")) != 0)
		return 0;
	value = field(event, "\"reason\": \"");
	return client_reason(value ? reason_of(value, strcspn(value, "\"")) : REASON_PROTOCOL);
}

static int take_events(struct start *s)
{
	char *line = s->text, *end;
	int r = 0;

	s->text[s->len] = '\0';
	while (r == 0 && (end = strchr(line, '\n'))) {
		*end = '\0';
		r = take_event(s, line);
		line = end + 1;
	}
	s->len -= (size_t)(line - s->text);
	(void)memmove(s->text, line, s->len);
	/* A line of that length is none of ours. */
	return r == 0 && s->len == sizeof(s->text) - 1 ? -EPROTO : r;
}

static int await_ready(struct start *s, uint64_t deadline)
{
	for (;;) {
		struct pollfd p = {.fd = s->events, .events = POLLIN};
		uint64_t now = clock_now();
		int left = now < deadline ? (int)((deadline - now) / NS_PER_MS) : 0;
		ssize_t n;
		int r = poll(&p, 1, left);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return client_reason(REASON_TIMEOUT);
		if (r < 0)
			continue;
		n = read(s->events, s->text + s->len, sizeof(s->text) - 1 - s->len);
		if (n < 0 && errno != EINTR)
			return -errno;
		/* It has told why on standard error: options that make no sense. */
		if (n == 0)
			return -EINVAL;
		s->len += n > 0 ? (size_t)n : 0;
		r = take_events(s);
		if (r != 0)
			return r < 0 ? r : 0;
	}
}

void client_end_node(struct boxer *boxer)
{
	struct pollfd p = {.fd = boxer->pidfd, .events = POLLIN};

	if (boxer->lifeline >= 0)
		(void)close(boxer->lifeline);
	if (!boxer->pid)
		return;
	/* -1 is passed over by poll(): then it is merely waited for. */
	if (poll(&p, 1, END_MS) == 0 && boxer->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, boxer->pidfd, SIGKILL, NULL, 0);
	if (boxer->pidfd >= 0)
		(void)close(boxer->pidfd);
	while (waitpid(boxer->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int attach(struct start *s, struct boxer **ret_boxer)
{
	struct boxer *boxer;
	int r = client_new(s->id, &boxer);

	if (r < 0)
		return r;
	boxer->pid = s->pid;
	boxer->lifeline = s->lifeline;
	boxer->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	*ret_boxer = boxer;
	return 0;
}

static bool is_good(const struct boxer_options *options)
{
	return options && options->size == sizeof(*options) && options->seed && options->key_file;
}

API int boxer_join(const struct boxer_options *options, struct boxer **ret_boxer)
{
	struct start s = {.events = -1, .lifeline = -1};
	int r;

	client_begin();
	if (!is_good(options))
		return -EINVAL;
	r = start_node(options, &s);
	if (r == 0)
		r = await_ready(&s, clock_now() + timeout_of(options) * NS_PER_MS + GRACE_NS);
	if (r == 0)
		r = attach(&s, ret_boxer);
	if (s.events >= 0)
		(void)close(s.events);
	if (r < 0) {
		struct boxer never = {.pid = s.pid, .lifeline = s.lifeline, .pidfd = -1};

		if (s.pid)
			never.pidfd = (int)syscall(SYS_pidfd_open, s.pid, 0);
		client_end_node(&never);
	}
	return r;
}
