/* SPDX-License-Identifier: MIT */
#include "boxer/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void rest(struct acceptor *a)
{
	ev_io_stop(a->loop, &a->io);
	ev_timer_set(&a->timer, 1e-9 * (double)ACCEPTOR_REST_NS, 0.);
	ev_timer_start(a->loop, &a->timer);
}

/* Tell somebody at once that there is no room. Return: false when that was not possible. */
static bool hang_up(struct acceptor *a)
{
	int fd;

	if (a->reserve < 0)
		return false;
	(void)close(a->reserve);
	fd = accept4(a->io.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		(void)close(fd);
	a->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

static void on_rested(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct acceptor *a = w->data;

	(void)revents;
	ev_io_start(loop, &a->io);
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct acceptor *a = w->data;

	(void)loop;
	(void)revents;
	for (int i = 0; i < ACCEPTOR_RUN; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct addr from = {0};
		int fd = accept4(w->fd, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (!is_shortage(errno))
				return;
			if (hang_up(a))
				continue;
			rest(a);
			return;
		}
		(void)addr_from_sockaddr((struct sockaddr *)&ss, len, &from);
		a->accepted(a->arg, fd, &from);
	}
}

void acceptor_start(struct acceptor *a, struct ev_loop *loop, int fd,
		    void (*accepted)(void *arg, int fd, const struct addr *from), void *arg)
{
	a->loop = loop;
	a->accepted = accepted;
	a->arg = arg;
	a->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_io_init(&a->io, on_readable, fd, EV_READ);
	a->io.data = a;
	ev_timer_init(&a->timer, on_rested, 0., 0.);
	a->timer.data = a;
	ev_io_start(loop, &a->io);
}

void acceptor_stop(struct acceptor *a)
{
	if (!a->loop)
		return;
	ev_io_stop(a->loop, &a->io);
	ev_timer_stop(a->loop, &a->timer);
	(void)close(a->io.fd);
	if (a->reserve >= 0)
		(void)close(a->reserve);
	a->loop = NULL;
}
