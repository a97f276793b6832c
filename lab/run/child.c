/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/child.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Of the program that could not be executed, as shells have it. */
#define EXIT_NOT_FOUND 127

/* Does not come back. Between fork and exec, so only what is safe there. */
static void __attribute__((noreturn))
become(int netns, char *const *argv, const int out[static 2], const int err[static 2])
{
	int null = open("/dev/null", O_RDONLY);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0 ||
	    dup2(err[1], STDERR_FILENO) < 0 || setns(netns, CLONE_NEWNET) < 0 ||
	    close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
		_exit(EXIT_FAILURE);
	(void)execv(argv[0], argv);
	_exit(EXIT_NOT_FOUND);
}

/* Return: true while there may come more. */
static bool hear(struct child_stream *stream)
{
	char scrap[1024];

	for (;;) {
		size_t room = CHILD_TEXT_MAX - stream->len;
		ssize_t n = read(stream->fd, room ? stream->text + stream->len : scrap,
				 room ? room : sizeof(scrap));

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		if (room)
			stream->len += (size_t)n;
		stream->text[stream->len] = '\0';
	}
}

static void stop_hearing(struct child *child, struct child_stream *stream)
{
	if (stream->fd < 0)
		return;
	ev_io_stop(child->loop, &stream->io);
	(void)close(take_fd(&stream->fd));
}

static void on_stream(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct child *child = io->data;
	struct child_stream *stream = io == &child->out.io ? &child->out : &child->err;

	(void)loop;
	(void)revents;
	if (!hear(stream))
		stop_hearing(child, stream);
	if (stream == &child->out && child->on_news)
		child->on_news(child);
}

static void reap(struct child *child)
{
	(void)waitpid(child->pid, &child->status, 0);
	if (child->out.fd >= 0)
		(void)hear(&child->out);
	if (child->err.fd >= 0)
		(void)hear(&child->err);
	child->ended = true;
	child->pid = 0;
	ev_io_stop(child->loop, &child->exit);
	ev_timer_stop(child->loop, &child->deadline);
	(void)close(take_fd(&child->pidfd));
	stop_hearing(child, &child->out);
	stop_hearing(child, &child->err);
}

static void on_exit_of(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct child *child = io->data;

	(void)loop;
	(void)revents;
	reap(child);
	if (child->on_news)
		child->on_news(child);
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	struct child *child = timer->data;

	(void)loop;
	(void)revents;
	child->late = true;
	(void)pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
}

static void start_hearing(struct child *child, struct child_stream *stream, int *fd)
{
	stream->fd = take_fd(fd);
	stream->io.data = child;
	ev_io_init(&stream->io, on_stream, stream->fd, EV_READ);
	ev_io_start(child->loop, &stream->io);
}

static void watch(struct child *child, uint64_t patience_ns, int out[static 2], int err[static 2])
{
	start_hearing(child, &child->out, &out[0]);
	start_hearing(child, &child->err, &err[0]);
	child->exit.data = child->deadline.data = child;
	ev_io_init(&child->exit, on_exit_of, child->pidfd, EV_READ);
	ev_io_start(child->loop, &child->exit);
	ev_timer_init(&child->deadline, on_deadline, (double)patience_ns / NS_PER_S, 0);
	ev_now_update(child->loop);
	if (patience_ns)
		ev_timer_start(child->loop, &child->deadline);
}

static void close_pipe(int fds[static 2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			(void)close(take_fd(&fds[i]));
}

int child_start(struct child *child, struct ev_loop *loop, int netns, char *const *argv,
		uint64_t patience_ns, struct error *err)
{
	int out[2] = {-1, -1}, errs[2] = {-1, -1};
	int r = 0;

	child->loop = loop;
	child->pidfd = child->out.fd = child->err.fd = -1;
	if (pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(errs, O_CLOEXEC | O_NONBLOCK) < 0) {
		r = error_sys(err, errno, "%s", argv[0]);
		close_pipe(out);
		return r;
	}
	/* Only its own ends may be waited on: a program expects to block on a full pipe. */
	(void)fcntl(out[1], F_SETFL, 0);
	(void)fcntl(errs[1], F_SETFL, 0);
	(void)fflush(NULL);
	child->pid = fork();
	if (child->pid == 0)
		become(netns, argv, out, errs);
	if (child->pid > 0)
		child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd < 0) {
		r = error_sys(err, errno, "%s", argv[0]);
		if (child->pid > 0 && kill(child->pid, SIGKILL) == 0)
			(void)waitpid(child->pid, NULL, 0);
		child->pid = 0;
	} else {
		watch(child, patience_ns, out, errs);
	}
	close_pipe(out);
	close_pipe(errs);
	return r;
}

void child_end(struct child *child)
{
	if (child->pid <= 0)
		return;
	(void)pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
	reap(child);
}

bool child_passed(const struct child *child)
{
	return child->ended && !child->late && WIFEXITED(child->status) &&
	       WEXITSTATUS(child->status) == 0;
}

int child_complaint(const struct child *child, const char *name, struct error *err)
{
	const char *text = child->err.text;
	size_t len = child->err.len;
	size_t from;

	if (child->late)
		return error_set(err, ETIMEDOUT, "%s had not ended in time", name);
	if (WIFSIGNALED(child->status))
		return error_set(err, ECHILD, "%s was killed by signal %d", name,
				 WTERMSIG(child->status));
	if (WEXITSTATUS(child->status) == EXIT_NOT_FOUND && !len)
		return error_set(err, ENOENT, "%s is not to be found beside boxlab", name);
	while (len && text[len - 1] == '\n')
		len--;
	for (from = len; from && text[from - 1] != '\n'; from--)
		;
	return error_set(err, ECHILD, "%s exited with status %d%s%.*s", name,
			 WEXITSTATUS(child->status), len ? ": " : "", (int)(len - from),
			 text + from);
}
