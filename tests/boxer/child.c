/* SPDX-License-Identifier: MIT */
#include "tests/boxer/child.h"

#include "base/clock.h"
#include "tests/support/userns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FD_EVENTS = 3 };

#define REST_NS (50 * NS_PER_MS) /* what is open for a moment is closed by then */

/* The end: with all that the child has said. */
static void __attribute__((noreturn)) fail(const struct child *c, const char *what)
{
	userns_fail(__FILE__, __LINE__, "%s, from pid %d\nevents:\n%.*s\nstandard error:\n%s", what,
		    c->pid, (int)c->len, c->text, child_errors(c));
}

static void __attribute__((noreturn))
become(const char *const *argv, int in, int out, int errors, int events, void (*prepare)(void))
{
	char *const *mutable;

	/* First out of the way of the numbers that are about to be taken. */
	in = fcntl(in, F_DUPFD_CLOEXEC, 10);
	out = fcntl(out, F_DUPFD_CLOEXEC, 10);
	errors = fcntl(errors, F_DUPFD_CLOEXEC, 10);
	events = fcntl(events, F_DUPFD_CLOEXEC, 10);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(errors, STDERR_FILENO) < 0 || dup2(events, FD_EVENTS) < 0)
		_exit(99);
	/* Whatever the test and its harness have open is not for the program. */
	(void)syscall(SYS_close_range, FD_EVENTS + 1, ~0U, 0);
	if (prepare)
		prepare();
	/* execv() takes pointers to char for history's sake. */
	(void)memcpy(&mutable, &argv, sizeof(mutable));
	(void)execv(argv[0], mutable);
	(void)dprintf(STDERR_FILENO, "cannot execute %s: %m\n", argv[0]);
	_exit(99);
}

void child_start(struct child *c, const char *const *argv, void (*prepare)(void))
{
	pid_t parent = getpid();
	int in[2], out[2], events[2];

	*c = (struct child){.errors = memfd_create("stderr", MFD_CLOEXEC)};
	USERNS_CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
			     pipe2(events, O_CLOEXEC) == 0 && c->errors >= 0,
		     "%m");
	c->pid = fork();
	USERNS_CHECK(c->pid >= 0, "%m");
	if (c->pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(99);
		become(argv, in[0], out[1], c->errors, events[1], prepare);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(events[1]);
	c->in = in[1];
	c->out = out[0];
	c->events = events[0];
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	USERNS_CHECK(c->pidfd >= 0, "%m");
	(void)fcntl(c->events, F_SETFL, O_NONBLOCK);
	(void)signal(SIGPIPE, SIG_IGN);
}

static void await(const struct child *c, int fd, uint64_t deadline, const char *what)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now = clock_now();
	int left = deadline > now ? (int)((deadline - now) / NS_PER_MS) : 0;

	if (poll(&p, 1, left) != 1)
		fail(c, what);
}

static uint64_t patience(void)
{
	return clock_now() + CHILD_PATIENCE_MS * NS_PER_MS;
}

void child_tell(struct child *c, const char *text)
{
	size_t len = strlen(text);

	USERNS_CHECK(write(c->in, text, len) == (ssize_t)len, "%m");
}

void child_close_in(struct child *c)
{
	if (c->in >= 0)
		(void)close(c->in);
	c->in = -1;
}

void child_hear(struct child *c, char *ret_line, size_t size)
{
	uint64_t deadline = patience();

	for (size_t len = 0; len < size; len++) {
		await(c, c->out, deadline, "waited in vain for a line of output");
		if (read(c->out, ret_line + len, 1) != 1)
			fail(c, "the output has ended");
		if (ret_line[len] == '\n') {
			ret_line[len] = '\0';
			return;
		}
	}
	fail(c, "a line of output is too long");
}

void child_hear_all(struct child *c, char *ret_text, size_t size)
{
	uint64_t deadline = patience();
	size_t len = 0;
	ssize_t n;

	do {
		await(c, c->out, deadline, "waited in vain for the end of the output");
		n = read(c->out, ret_text + len, size - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	ret_text[len] = '\0';
}

/* Forget what was looked at; if that is not enough, the oldest lines that were not. */
static void make_room(struct child *c)
{
	char *end;

	if (c->len < sizeof(c->text) / 2)
		return;
	if (c->read == 0) {
		end = memchr(c->text + c->len / 2, '\n', c->len - c->len / 2);
		c->read = end ? (size_t)(end + 1 - c->text) : c->len;
	}
	(void)memmove(c->text, c->text + c->read, c->len - c->read);
	c->len -= c->read;
	c->read = 0;
}

/* Return: false at the end of the events. */
static bool take_events(struct child *c)
{
	ssize_t n;

	make_room(c);
	n = read(c->events, c->text + c->len, sizeof(c->text) - 1 - c->len);
	if (n > 0)
		c->len += (size_t)n;
	c->text[c->len] = '\0';
	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* The next whole line that was not looked at. Return: NULL: there is none. */
static json_t *next_line(struct child *c)
{
	char *line = c->text + c->read, *end = strchr(line, '\n');
	json_error_t error;
	json_t *event;

	if (!end)
		return NULL;
	event = json_loadb(line, (size_t)(end - line), 0, &error);
	if (!event)
		fail(c, "an event that is no JSON");
	c->read = (size_t)(end + 1 - c->text);
	return event;
}

json_t *child_event(struct child *c, const char *name)
{
	uint64_t deadline = patience();
	char what[128];

	(void)snprintf(what, sizeof(what), "waited in vain for the event '%s'", name);
	for (;;) {
		json_t *event;

		while ((event = next_line(c))) {
			if (strcmp(json_text(event, "event"), name) == 0)
				return event;
			json_decref(event);
		}
		await(c, c->events, deadline, what);
		if (!take_events(c))
			fail(c, what);
	}
}

void child_await(struct child *c, const char *name)
{
	json_decref(child_event(c, name));
}

bool child_has_said(struct child *c, const char *name)
{
	char pattern[64];

	(void)take_events(c);
	(void)snprintf(pattern, sizeof(pattern), "\"event\": \"%s\"", name);
	return strstr(c->text, pattern) != NULL;
}

void child_drain(struct child *c)
{
	(void)take_events(c);
}

void child_signal(const struct child *c, int signal)
{
	USERNS_CHECK(kill(c->pid, signal) == 0, "%m");
}

bool child_is_running(const struct child *c)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

int child_end(struct child *c)
{
	uint64_t deadline = patience();
	struct pollfd p[2] = {{.fd = c->pidfd, .events = POLLIN},
			      {.fd = c->events, .events = POLLIN}};
	int status;

	/* It must not hang for a full pipe. */
	while (!(p[0].revents & POLLIN)) {
		if (clock_now() > deadline || poll(p, 2, CHILD_PATIENCE_MS) <= 0)
			fail(c, "waited in vain for the end");
		if (p[1].revents && !take_events(c))
			p[1].fd = -1;
	}
	(void)take_events(c);
	USERNS_CHECK(waitpid(c->pid, &status, 0) == c->pid, "%m");
	child_close_in(c);
	(void)close(c->out);
	(void)close(c->events);
	(void)close(c->pidfd);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

const char *child_errors(const struct child *c)
{
	static char text[4096];
	ssize_t n = pread(c->errors, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

size_t child_memory_kb(const struct child *c)
{
	char path[64], line[256];
	size_t kb = 0;
	FILE *in;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", c->pid);
	in = fopen(path, "re");
	USERNS_CHECK(in, "%s: %m", path);
	while (fgets(line, sizeof(line), in))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kb = strtoul(line + 6, NULL, 10);
	(void)fclose(in);
	USERNS_CHECK(kb > 0, "no VmRSS in %s", path);
	return kb;
}

size_t child_descriptors(const struct child *c)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", c->pid);
	dir = opendir(path);
	USERNS_CHECK(dir, "%s: %m", path);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		n += e->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

size_t child_descriptors_at_rest(const struct child *c)
{
	size_t fewest = child_descriptors(c);
	uint64_t until = clock_now() + REST_NS;

	while (clock_now() < until) {
		size_t n = child_descriptors(c);

		if (n < fewest) {
			fewest = n;
			until = clock_now() + REST_NS;
		}
		(void)poll(NULL, 0, 1);
	}
	return fewest;
}

void child_await_descriptors(const struct child *c, size_t wanted)
{
	uint64_t deadline = patience();

	while (child_descriptors(c) != wanted) {
		USERNS_CHECK(clock_now() < deadline, "%zu descriptors, then %zu", wanted,
			     child_descriptors(c));
		(void)sched_yield();
	}
}

void child_await_descriptors_below(const struct child *c, size_t limit)
{
	uint64_t deadline = patience();

	while (child_descriptors(c) >= limit) {
		USERNS_CHECK(clock_now() < deadline, "not fewer than %zu descriptors, but %zu",
			     limit, child_descriptors(c));
		(void)sched_yield();
	}
}

const char *json_text(const json_t *event, const char *field)
{
	const char *text = json_string_value(json_object_get(event, field));

	USERNS_CHECK(text, "the event has no text '%s'", field);
	return text;
}

json_int_t json_number(const json_t *event, const char *field)
{
	const json_t *number = json_object_get(event, field);

	USERNS_CHECK(json_is_integer(number), "the event has no number '%s'", field);
	return json_integer_value(number);
}
