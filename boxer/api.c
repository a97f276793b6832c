/* SPDX-License-Identifier: MIT */
#include "boxer/api.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/acceptor.h"
#include "boxer/dial.h"
#include "boxer/guest.h"
#include "boxer/handoff.h"
#include "boxer/local.h"
#include "boxer/node.h"
#include "boxer/sock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>

struct client {
	TAILQ_ENTRY(client) link;
	struct api *api;
	struct ev_io io;
	struct dial *dial; /* what it waits for */
};

struct api {
	struct node *node;
	struct acceptor acceptor;
	TAILQ_HEAD(, client) clients;
	size_t n_clients, n_dialling;
	int table_fd, cursor_fd;
	struct table *table;
};

static void client_free(struct client *c)
{
	if (c->dial) {
		dial_cancel(c->dial);
		c->api->n_dialling--;
	}
	ev_io_stop(c->api->node->loop, &c->io);
	(void)close(c->io.fd);
	TAILQ_REMOVE(&c->api->clients, c, link);
	c->api->n_clients--;
	free(c);
}

static void answer(const struct client *c, enum reason reason, int error, const struct addr *addr,
		   const int *fds, size_t n_fds)
{
	struct local_reply reply = {
		.version = LOCAL_VERSION,
		.error = error,
		.reason = reason,
	};

	if (addr)
		reply.addr = *addr;
	(void)sock_send_fds(c->io.fd, &reply, sizeof(reply), fds, n_fds);
}

static void on_dialled(void *arg, enum reason reason, const struct addr *target)
{
	struct client *c = arg;

	c->dial = NULL;
	c->api->n_dialling--;
	answer(c, reason, reason_errno(reason), target, NULL, 0);
	client_free(c);
}

/* Return: false when the client is done with. */
static bool punch(struct client *c, const struct local_request *request)
{
	/* Those who wait hold descriptors; short requests must always get through. */
	if (c->api->n_dialling < API_DIALLING_MAX)
		c->dial = dial_wait(c->api->node->dials, &request->target, &request->local,
				    on_dialled, c);
	if (c->dial)
		c->api->n_dialling++;
	else
		answer(c, REASON_LOCAL, reason_errno(REASON_LOCAL), NULL, NULL, 0);
	return c->dial != NULL;
}

static void fetch(const struct client *c, const struct local_request *request)
{
	struct addr remote = {0};
	cleanup_close int fd = handoff_fetch(c->api->node->handoff, &request->target,
					     request->local.port, &remote);

	answer(c, REASON_NONE, fd < 0 ? -fd : 0, &remote, &fd, fd < 0 ? 0 : 1);
}

static void send_environment(const struct client *c)
{
	struct local_reply reply = {.version = LOCAL_VERSION};
	char text[sizeof(reply) + LOCAL_TEXT_MAX];
	int len = guest_environment(c->api->node, text + sizeof(reply), LOCAL_TEXT_MAX);

	if (len < 0) {
		answer(c, REASON_LOCAL, -len, NULL, NULL, 0);
		return;
	}
	(void)memcpy(text, &reply, sizeof(reply));
	(void)sock_send_fds(c->io.fd, text, sizeof(reply) + (size_t)len, NULL, 0);
}

/* Return: false when the client is done with. @fd is taken over. */
static bool serve(struct client *c, const struct local_request *request, int fd)
{
	struct node *node = c->api->node;
	const int pages[2] = {c->api->table_fd, c->api->cursor_fd};
	cleanup_close int passed = fd;
	int error;

	switch ((enum local_op)request->op) {
	case LOCAL_TABLE:
		answer(c, REASON_NONE, 0, NULL, pages, ARRAY_SIZE(pages));
		return false;
	case LOCAL_PUNCH:
		return punch(c, request);
	case LOCAL_CONNECTING:
		if (passed >= 0)
			dial_follow(node->dials, &request->target, &request->local,
				    take_fd(&passed), request->cookie);
		return false;
	case LOCAL_RESULT:
		error = dial_result(node->dials, request->cookie);
		answer(c, REASON_NONE, error, NULL, NULL, 0);
		return false;
	case LOCAL_FETCH:
		fetch(c, request);
		return false;
	case LOCAL_ENV:
		send_environment(c);
		return false;
	}
	answer(c, REASON_PROTOCOL, EPROTO, NULL, NULL, 0);
	return false;
}

static int passed_fd(struct msghdr *msg)
{
	int fd = -1;

	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m; m = CMSG_NXTHDR(msg, m)) {
		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		/* There is room for one descriptor only; more make the message MSG_CTRUNC. */
		(void)memcpy(&fd, CMSG_DATA(m), sizeof(fd));
	}
	return fd;
}

static void on_request(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct client *c = w->data;
	struct local_request request;
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = &request, .iov_len = sizeof(request)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		/* CMSG_SPACE would have room for two: alignment. */
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t n = recvmsg(w->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int fd;

	(void)loop;
	(void)revents;
	if (n < 0 && errno == EAGAIN)
		return;
	fd = n > 0 ? passed_fd(&msg) : -1;
	/* A second message while a dial is under way is no part of the protocol. */
	if (n != sizeof(request) || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || c->dial ||
	    request.version != LOCAL_VERSION) {
		/* Out of descriptors: the program's SYN is on its way and nobody will answer. */
		if (n == sizeof(request) && request.op == LOCAL_CONNECTING)
			dial_note_failure(c->api->node->dials, request.cookie, REASON_LOCAL);
		if (fd >= 0)
			(void)close(fd);
		client_free(c);
		return;
	}
	if (!serve(c, &request, fd))
		client_free(c);
}

static struct client *longest_silent(const struct api *api)
{
	struct client *c;

	TAILQ_FOREACH(c, &api->clients, link)
		if (!c->dial)
			return c;
	return NULL;
}

static void on_accepted(void *arg, int fd, const struct addr *from)
{
	struct api *api = arg;
	struct client *c;

	(void)from;
	if (api->n_clients - api->n_dialling >= API_CLIENTS_MAX)
		client_free(longest_silent(api));
	c = sock_peer_is_us(fd) ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		(void)close(fd);
		return;
	}
	c->api = api;
	TAILQ_INSERT_TAIL(&api->clients, c, link);
	api->n_clients++;
	ev_io_init(&c->io, on_request, fd, EV_READ);
	c->io.data = c;
	ev_io_start(api->node->loop, &c->io);
	/* The request is usually there already. */
	on_request(api->node->loop, &c->io, EV_READ);
}

static void *shared_page(const char *name, size_t size, int *ret_fd)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *page;

	if (fd < 0)
		return NULL;
	page = ftruncate(fd, (off_t)size) == 0
		       ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
		       : MAP_FAILED;
	if (page == MAP_FAILED) {
		(void)close(fd);
		return NULL;
	}
	*ret_fd = fd;
	return page;
}

static int make_pages(struct api *api)
{
	struct cursor *cursor;

	api->table = shared_page("boxer-members", sizeof(*api->table), &api->table_fd);
	cursor = shared_page("boxer-cursor", sizeof(*cursor), &api->cursor_fd);
	if (!api->table || !cursor)
		return -ENOMEM;
	/* Programs may only read the table; our own mapping stays writable. */
	if (fcntl(api->table_fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) <
	    0)
		return -errno;
	/*
	 * A node that starts again should not begin where the last one did; and two
	 * behind one NAT must not use the same port towards the same peer, for the
	 * NAT can't keep it for both: the golden ratio keeps all ids apart.
	 */
	atomic_store(&cursor->next, (uint32_t)(clock_now() / NS_PER_MS) +
					    api->node->id * (CURSOR_PORT_COUNT * 618 / 1000));
	(void)munmap(cursor, sizeof(*cursor));
	api_show_members(api);
	return 0;
}

void api_show_members(struct api *api)
{
	members_write_page(&api->node->members, api->node->id, api->table);
}

int api_new(struct node *node, struct api **ret_api)
{
	struct api *api = calloc(1, sizeof(*api));
	char name[32];
	int r;

	if (!api)
		return -ENOMEM;
	api->node = node;
	api->table_fd = -1;
	api->cursor_fd = -1;
	TAILQ_INIT(&api->clients);
	(void)snprintf(name, sizeof(name), LOCAL_NAME_FMT, node->id);
	r = make_pages(api);
	if (r == 0)
		r = sock_listen_local(name);
	if (r < 0) {
		api_free(api);
		return r;
	}
	acceptor_start(&api->acceptor, node->loop, r, on_accepted, api);
	*ret_api = api;
	return 0;
}

void api_free(struct api *api)
{
	if (!api)
		return;
	while (!TAILQ_EMPTY(&api->clients))
		client_free(TAILQ_FIRST(&api->clients));
	acceptor_stop(&api->acceptor);
	if (api->table)
		(void)munmap(api->table, sizeof(*api->table));
	if (api->table_fd >= 0)
		(void)close(api->table_fd);
	if (api->cursor_fd >= 0)
		(void)close(api->cursor_fd);
	free(api);
}
