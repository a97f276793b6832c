/* SPDX-License-Identifier: MIT */
#include "tests/boxer/duo.h"

#include "boxer/sock.h"

#include <poll.h>

static void await_joined(struct duo *d)
{
	json_t *event = child_event(&d->node, "joined");
	USERNS_CHECK(addr_parse(json_text(event, "local"), &d->at) == 0, "local");
	json_decref(event);
}

void duo_start_node(struct duo *d)
{
	node_start(&d->node, &d->c, "node", "fn-0", NULL);
	await_joined(d);
}

void duo_start(struct duo *d)
{
	cluster_start(&d->c, NULL);
	duo_start_node(d);
	mate_join(&d->mate, &d->c, "mate");
}

void duo_start_linked(struct duo *d)
{
	duo_start(d);
	mate_link(&d->mate);
	child_await(&d->node, "link");
}

void duo_start_by(struct duo *d, const char *strategies)
{
	cluster_start(&d->c, NULL);
	node_start(&d->node, &d->c, "node", "fn-0", "--strategies", strategies, NULL);
	await_joined(d);
	mate_join(&d->mate, &d->c, "mate");
	mate_link(&d->mate);
	child_await(&d->node, "link");
}

void duo_stop(struct duo *d)
{
	node_stop(&d->node);
	cluster_stop(&d->c);
}

int duo_own_port(struct addr *ret_at, bool listening)
{
	int fd;

	*ret_at = addr_v4(INADDR_LOOPBACK, 0);
	fd = sock_shared(ret_at, AF_INET);
	USERNS_CHECK(fd >= 0 && sock_local(fd, ret_at) == 0, "%m");
	if (listening)
		USERNS_CHECK(sock_listen(fd, 16) == 0, "%m");
	return fd;
}

int duo_accept_from(int listener, const struct addr *expected)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	struct addr from;
	int fd;

	USERNS_CHECK(poll(&p, 1, CHILD_PATIENCE_MS) == 1, "nobody came");
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	USERNS_CHECK(fd >= 0 && sock_remote(fd, &from) == 0, "%m");
	USERNS_CHECK(addr_equal(&from, expected), "from port %u", from.port);
	return fd;
}

struct addr duo_silent_port(void)
{
	struct addr at;
	int listener = duo_own_port(&at, false), fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	USERNS_CHECK(sock_listen(listener, 0) == 0 && sock_connect(fd, &at, AF_INET) == 0, "%m");
	return at;
}
