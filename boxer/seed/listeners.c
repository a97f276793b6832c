/* SPDX-License-Identifier: MIT */
#include "boxer/seed/listeners.h"

#include "base/cleanup.h"
#include "boxer/sock.h"

#include <errno.h>
#include <string.h>

#define BACKLOG	 1024
#define ATTEMPTS 32 /* to find two free neighbours */

/* Not sock_shared(): a second seed on our port must be told. */
static int listen_at(const struct addr *at, struct addr *ret_at)
{
	const int one = 1;
	cleanup_close int fd = socket(at->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(at, at->family, &ss);

	if (fd < 0 || len < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&ss, (socklen_t)len) < 0 || listen(fd, BACKLOG) < 0)
		return len < 0 ? len : -errno;
	(void)sock_local(fd, ret_at);
	return take_fd(&fd);
}

static int add(struct listeners *l, const struct addr *at)
{
	int fd = listen_at(at, &l->at[l->n]);

	if (fd < 0) {
		l->at[l->n] = *at;
		return fd;
	}
	/* The acceptor takes it over when it starts. */
	l->acceptors[l->n++].io.fd = fd;
	return 0;
}

static struct addr with_port(const struct addr *a, int port)
{
	struct addr x = *a;

	x.port = (uint16_t)port;
	return x;
}

/* On failure .at[.n] is the one at which it failed. */
static int open_all(struct listeners *l, const struct addr *main)
{
	struct addr next;
	int r = add(l, main);

	if (r < 0)
		return r;
	next = with_port(&l->at[0], l->at[0].port + 1);
	r = next.port == 0 ? -EADDRINUSE : add(l, &next);
	/* Who listens on all addresses listens on the second one as well. */
	if (l->second.family == AF_UNSPEC || addr_is_any(main))
		return r;
	for (int i = 0; r == 0 && i < 2; i++) {
		next = with_port(&l->second, l->at[0].port + i);
		r = add(l, &next);
	}
	return r;
}

static int check_second(const struct addr *main, const struct addr *second, struct error *err)
{
	char text[ADDR_TEXT_MAX];
	struct addr any_port = with_port(second, 0), unused;
	int fd;

	if (second->family == AF_UNSPEC)
		return 0;
	if (second->family != main->family || addr_is_any(second) || addr_same_host(second, main))
		return error_set(err, EINVAL, "%s is no second address beside the first one",
				 addr_format_host(second, text));
	fd = listen_at(&any_port, &unused);
	if (fd < 0)
		return error_sys(err, -fd, "cannot listen on %s", addr_format_host(second, text));
	(void)close(fd);
	return 0;
}

int listeners_open(struct listeners *l, const struct addr *main, const struct addr *second,
		   struct error *err)
{
	struct addr failed = {0};
	char text[ADDR_TEXT_MAX];
	int r = check_second(main, second, err);

	if (r < 0)
		return r;
	if (main->port == UINT16_MAX)
		return error_set(err, EINVAL, "%s: the port after it is needed, too",
				 addr_format(main, text));
	l->second = with_port(second, 0);
	for (int i = 0; i < ATTEMPTS; i++) {
		r = open_all(l, main);
		if (r == 0)
			return 0;
		failed = l->at[l->n];
		listeners_close(l);
		if (main->port != 0 || r != -EADDRINUSE)
			break;
	}
	return error_sys(err, -r, "cannot listen on %s", addr_format(&failed, text));
}

void listeners_start(struct listeners *l, struct ev_loop *loop,
		     void (*accepted)(void *arg, int fd, const struct addr *from), void *arg)
{
	for (size_t i = 0; i < l->n; i++)
		acceptor_start(&l->acceptors[i], loop, l->acceptors[i].io.fd, accepted, arg);
}

void listeners_close(struct listeners *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->acceptors[i].loop)
			acceptor_stop(&l->acceptors[i]);
		else
			(void)close(l->acceptors[i].io.fd);
	l->n = 0;
}

bool listeners_other_host(const struct listeners *l, const struct addr *at, struct addr *ret)
{
	struct addr other = l->second;

	if (addr_same_host(&other, at))
		other = with_port(&l->at[0], 0);
	if (addr_is_any(&other) || addr_same_host(&other, at))
		return false;
	*ret = other;
	return true;
}

size_t listeners_observers(const struct listeners *l, const struct addr *at,
			   struct addr ret[static LISTENERS_MAX])
{
	uint16_t port = l->at[0].port;
	struct addr other;
	size_t n = 0;

	ret[n++] = *at;
	ret[n++] = with_port(at, at->port == port ? port + 1 : port);
	if (listeners_other_host(l, at, &other)) {
		ret[n++] = with_port(&other, port);
		ret[n++] = with_port(&other, port + 1);
	}
	return n;
}
