/* SPDX-License-Identifier: MIT */
/*
 * Doors of TCP: a listener, and on the same port a connection to each spot that
 * is asked. An answer is expected in the connection that the question went to.
 */
#include "base/clock.h"
#include "scenarios/natprobe/door.h"
#include "scenarios/natprobe/sock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static int tcp_open(struct door *d)
{
	d->fd = sock_listen(&d->at);
	return d->fd < 0 ? d->fd : 0;
}

static int flow_send(struct flow *f)
{
	ssize_t n = send(f->fd, f->out, sizeof(f->out), MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return n == sizeof(f->out) ? 0 : -EPIPE;
}

static int tcp_post(struct door *d, enum spot spot, const struct wire_msg *msg)
{
	struct flow *f = &d->flows[spot];
	int fd;

	if (f->connecting)
		return -EBUSY;
	wire_encode(msg, f->out);
	if (f->fd >= 0)
		return flow_send(f);
	fd = sock_connect_from(&d->at, &d->probe->spots[spot]);
	if (fd < 0)
		return fd;
	f->fd = fd;
	f->connecting = true;
	return 0;
}

static int flow_connected(struct flow *f)
{
	int r = sock_error(f->fd);

	f->connecting = false;
	return r < 0 ? r : flow_send(f);
}

static int flow_readable(struct door *d, struct flow *f)
{
	ssize_t n = recv(f->fd, f->in + f->fill, sizeof(f->in) - f->fill, 0);
	struct wire_msg msg;
	int r;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	f->fill += (size_t)n;
	if (f->fill < sizeof(f->in))
		return 0;
	f->fill = 0;
	r = wire_decode(f->in, sizeof(f->in), &msg);
	if (r < 0)
		return r;
	door_got(d, &msg);
	return 0;
}

static void accept_knock(struct door *d)
{
	struct addr from;
	int fd = sock_accept(d->fd, &from);

	if (fd >= 0)
		door_knocked(d, &from, fd);
}

static int tcp_collect(struct door *d, uint64_t deadline)
{
	struct pollfd pfds[1 + SPOT_ANSWERING] = {{.fd = d->fd, .events = POLLIN}};
	int r;

	for (int i = 0; i < SPOT_ANSWERING; i++) {
		struct flow *f = &d->flows[i];

		pfds[1 + i] =
			(struct pollfd){.fd = f->fd, .events = f->connecting ? POLLOUT : POLLIN};
	}
	r = door_poll(pfds, 1 + SPOT_ANSWERING, deadline);
	if (r < 0)
		return r;
	if (pfds[0].revents)
		accept_knock(d);
	for (int i = 0; i < SPOT_ANSWERING; i++) {
		struct flow *f = &d->flows[i];

		if (!pfds[1 + i].revents)
			continue;
		r = f->connecting ? flow_connected(f) : flow_readable(d, f);
		if (r < 0) {
			sock_reset(f->fd);
			*f = (struct flow){.fd = -1, .error = r};
		}
	}
	return 0;
}

/* The connection itself is of no interest: it begins, and who is at the other end sees it. */
static int tcp_knock(struct door *d, const struct addr *to)
{
	struct flow *f = &d->flows[SPOT_OTHER_BOTH];
	int fd = sock_connect_from(&d->at, to);

	if (fd < 0)
		return fd;
	sock_reset(f->fd);
	*f = (struct flow){.fd = fd};
	return 0;
}

static void tcp_close(struct door *d)
{
	for (int i = 0; i < SPOT_ANSWERING; i++)
		sock_reset(d->flows[i].fd);
}

const struct door_ops door_tcp = {
	.open = tcp_open,
	.post = tcp_post,
	.collect = tcp_collect,
	.knock = tcp_knock,
	.close = tcp_close,
};
