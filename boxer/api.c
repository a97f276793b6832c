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
#include "boxer/ports.h"
#include "boxer/request.h"
#include "boxer/sock.h"
#include "boxer/status.h"
#include "boxer/strategy.h"
#include "boxer/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>

#define SWEEP_S 0.25 /* of those who are queued */

struct client {
	TAILQ_ENTRY(client) link;
	struct api *api;
	struct ev_io io;
	/* What it waits for: one of these, or none. */
	bool queued; /* for its turn; its request has not been read yet */
	uint64_t queued_at;
	struct dial *dial;
	struct watch *watch;
	struct waiter *waiter;
};

struct api {
	struct node *node;
	struct acceptor acceptor;
	TAILQ_HEAD(, client) clients;
	size_t n_clients, n_waiting, n_dialling, n_queued, max_queued;
	struct ev_timer sweeper; /* while somebody is queued */
	struct watches *watches;
	int table_fd;
	struct table *table;
};

static bool is_waiting(const struct client *c)
{
	return c->queued || c->dial || c->watch || c->waiter;
}

/*
 * Those who wait hold descriptors, and short requests must always get through. So a
 * connect() too many waits on its client's socket, until one has ended.
 */
static void enqueue(struct client *c)
{
	struct ev_loop *loop = c->api->node->loop;

	c->queued = true;
	/* Who finds all taken once more has waited since the first time. */
	if (c->queued_at == 0)
		c->queued_at = clock_now();
	c->api->n_queued++;
	c->api->n_waiting++;
	ev_io_stop(loop, &c->io);
	if (!ev_is_active(&c->api->sweeper))
		ev_timer_again(loop, &c->api->sweeper);
}

static void dequeue(struct client *c)
{
	c->queued = false;
	c->api->n_queued--;
	c->api->n_waiting--;
	ev_io_start(c->api->node->loop, &c->io);
}

/* Whose turn it is comes by the loop; who finds all taken once more keeps the place. */
static void wake_next(const struct api *api)
{
	struct client *c;

	if (api->n_queued == 0 || api->n_dialling >= API_DIALLING_MAX)
		return;
	TAILQ_FOREACH(c, &api->clients, link)
		if (c->queued)
			break;
	if (c)
		dequeue(c);
}

static void client_free(struct client *c)
{
	struct api *api = c->api;

	if (c->queued)
		dequeue(c);
	if (is_waiting(c))
		api->n_waiting--;
	if (c->dial) {
		dial_cancel(c->dial);
		api->n_dialling--;
	}
	if (c->waiter)
		waiter_leave(c->waiter);
	watch_free(c->watch);
	ev_io_stop(api->node->loop, &c->io);
	(void)close(c->io.fd);
	TAILQ_REMOVE(&api->clients, c, link);
	api->n_clients--;
	free(c);
	wake_next(api);
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

static void refuse(const struct client *c, enum reason reason)
{
	answer(c, reason, reason_errno(reason), NULL, NULL, 0);
}

static void on_dialled(void *arg, enum reason reason, const struct addr *target, int fd)
{
	struct client *c = arg;

	c->dial = NULL;
	c->api->n_dialling--;
	c->api->n_waiting--;
	answer(c, reason, reason_errno(reason), target, &fd, fd < 0 ? 0 : 1);
	if (fd >= 0)
		(void)close(fd);
	client_free(c);
}

/* Return: false when the client is done with. @fd is taken over. */
static bool punch(struct client *c, const struct local_request *request, int fd)
{
	struct dials *dials = c->api->node->dials;
	enum reason reason = dial_take_result(dials, request->cookie);

	/* The last way has failed, and the program has only just heard of it. */
	if (reason != REASON_NONE) {
		if (fd >= 0)
			(void)close(fd);
		refuse(c, reason);
		return false;
	}
	if (fd >= 0 && c->api->n_dialling < API_DIALLING_MAX)
		c->dial = dial_ask(dials, &request->target, fd, request->cookie, on_dialled, c);
	else if (fd >= 0)
		(void)close(fd);
	if (c->dial && c->queued_at)
		dial_asked_at(c->dial, c->queued_at);
	if (!c->dial) {
		refuse(c, REASON_LOCAL);
		return false;
	}
	dial_owned_by(dials, request->cookie, sock_peer_pid(c->io.fd));
	c->api->n_dialling++;
	c->api->n_waiting++;
	return true;
}

/* connect() begins at once. @fd is taken over. */
static void follow(const struct client *c, const struct local_request *request, int fd)
{
	struct dials *dials = c->api->node->dials;

	dial_follow(dials, &request->target, fd, request->cookie);
	dial_owned_by(dials, request->cookie, sock_peer_pid(c->io.fd));
}

static void fetch(const struct client *c, const struct local_request *request)
{
	struct addr remote = {0};
	cleanup_close int fd = handoff_fetch(c->api->node->handoff, &request->target,
					     request->local.port, &remote);

	answer(c, REASON_NONE, fd < 0 ? -fd : 0, &remote, &fd, fd < 0 ? 0 : 1);
}

static void on_watch_ended(void *arg)
{
	client_free(arg);
}

/* Return: false when the client is done with. */
static bool watch(struct client *c)
{
	c->watch = watch_new(c->api->watches, c->io.fd, on_watch_ended, c);
	if (!c->watch) {
		refuse(c, REASON_LOCAL);
		return false;
	}
	c->api->n_waiting++;
	answer(c, REASON_NONE, 0, NULL, NULL, 0);
	return true;
}

static void on_barrier(void *arg, enum reason reason)
{
	struct client *c = arg;

	c->waiter = NULL;
	c->api->n_waiting--;
	refuse(c, reason);
	client_free(c);
}

/* Return: false when the client is done with. */
static bool come_to_barrier(struct client *c, const struct local_request *request)
{
	struct node *node = c->api->node;

	if (!frame_name_valid(request->name) || !request->count || request->count > MEMBERS_MAX) {
		answer(c, REASON_PROTOCOL, EINVAL, NULL, NULL, 0);
		return false;
	}
	c->waiter = waiter_come(node->waiters, request->name, request->count, on_barrier, c);
	if (!c->waiter) {
		refuse(c, waiters_reason(node->waiters));
		return false;
	}
	c->api->n_waiting++;
	return true;
}

static void send_status(const struct client *c)
{
	cleanup_close int fd = status_page(c->api->node);

	answer(c, REASON_NONE, fd < 0 ? -fd : 0, NULL, &fd, fd < 0 ? 0 : 1);
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
	const int pages[2] = {c->api->table_fd, ports_cursor_fd(node->ports)};
	cleanup_close int passed = fd;

	switch ((enum local_op)request->op) {
	case LOCAL_TABLE:
		answer(c, REASON_NONE, 0, NULL, pages, ARRAY_SIZE(pages));
		return false;
	case LOCAL_PUNCH:
		return punch(c, request, take_fd(&passed));
	case LOCAL_CONNECTING:
		if (passed >= 0)
			follow(c, request, take_fd(&passed));
		return false;
	case LOCAL_RESULT:
		refuse(c, dial_result(node->dials, request->cookie));
		return false;
	case LOCAL_FETCH:
		fetch(c, request);
		return false;
	case LOCAL_ENV:
		send_environment(c);
		return false;
	case LOCAL_WATCH:
		return watch(c);
	case LOCAL_STATUS:
		send_status(c);
		return false;
	case LOCAL_BARRIER:
		return come_to_barrier(c, request);
	}
	return false;
}

/* We are out of descriptors. Who connects already asks later why that failed. */
static void answer_lost_descriptor(const struct client *c, const struct local_request *request)
{
	if (request->op == LOCAL_CONNECTING)
		dial_note_failure(c->api->node->dials, request->cookie, REASON_LOCAL);
	else
		refuse(c, REASON_LOCAL);
}

/* A connection that is closed with its request unread would end in an error, not in an answer. */
static void give_up(struct client *c)
{
	struct local_request request;
	int fd = -1;

	if (request_receive(c->io.fd, &request, &fd) == 0 && fd >= 0)
		(void)close(fd);
	refuse(c, REASON_TIMEOUT);
	client_free(c);
}

static bool has_hung_up(const struct client *c)
{
	struct pollfd p = {.fd = c->io.fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) == 1 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

/* The loop does not watch them, for their requests wait in their sockets. */
static void sweep_queue(struct api *api)
{
	uint64_t now = clock_now();
	struct client *c, *next;

	for (c = TAILQ_FIRST(&api->clients); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->queued && has_hung_up(c))
			client_free(c);
		else if (c->queued && now - c->queued_at >= DIAL_DEADLINE_NS)
			give_up(c);
	}
}

static void on_sweep(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct api *api = w->data;

	(void)revents;
	sweep_queue(api);
	if (api->n_queued == 0)
		ev_timer_stop(loop, w);
}

static bool must_queue(const struct client *c)
{
	const struct api *api = c->api;

	return !is_waiting(c) && api->n_dialling >= API_DIALLING_MAX &&
	       api->n_queued < api->max_queued && request_is_waiting(c->io.fd, LOCAL_PUNCH);
}

static void on_request(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct client *c = w->data;
	struct local_request request;
	int fd = -1, r;

	(void)loop;
	(void)revents;
	if (c->api->n_queued >= c->api->max_queued)
		sweep_queue(c->api);
	if (must_queue(c)) {
		enqueue(c);
		return;
	}
	r = request_receive(w->fd, &request, &fd);
	if (r == -EAGAIN)
		return;
	/* A second message of one who waits is no part of the protocol. */
	if (r == 0 && is_waiting(c)) {
		r = -EPROTO;
		if (fd >= 0)
			(void)close(fd);
	}
	if (r == -EMFILE)
		answer_lost_descriptor(c, &request);
	if (r == -EOPNOTSUPP)
		answer(c, REASON_PROTOCOL, EPROTO, NULL, NULL, 0);
	if (r < 0 || !serve(c, &request, fd))
		client_free(c);
}

static struct client *longest_silent(const struct api *api)
{
	struct client *c;

	TAILQ_FOREACH(c, &api->clients, link)
		if (!is_waiting(c))
			return c;
	return NULL;
}

static void on_accepted(void *arg, int fd, const struct addr *from)
{
	struct api *api = arg;
	struct client *c;

	(void)from;
	if (api->n_clients - api->n_waiting >= API_CLIENTS_MAX)
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

static int make_page(struct api *api)
{
	api->table = shared_page("boxer-members", sizeof(*api->table), &api->table_fd);
	if (!api->table)
		return -ENOMEM;
	/* Programs may only read the table; our own mapping stays writable. */
	if (fcntl(api->table_fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) <
	    0)
		return -errno;
	api_show_members(api);
	return 0;
}

void api_member_put(struct api *api, const struct frame_member *member, bool is_new)
{
	watches_put(api->watches, member, is_new);
}

void api_member_gone(struct api *api, const struct frame_member *member, enum reason reason)
{
	watches_gone(api->watches, member, reason);
}

/* May a program's SYN leave before the node is asked? */
static uint32_t flags_of(void *arg, const struct frame_member *m)
{
	const struct node *node = arg;
	bool same = addr_same_host(&m->external, &node->external);

	if (m->id == node->id)
		return TABLE_SELF;
	if (profile_is_public(&m->profile))
		return node->options->strategies & STRATEGY_BIT(STRATEGY_DIRECT) ? TABLE_EARLY : 0;
	if (same || !ports_are_kept(node->ports) || m->profile.ports != PROFILE_PORTS_KEPT ||
	    members_share_address(&node->members, m) ||
	    !(node->options->strategies & STRATEGY_BIT(STRATEGY_SIMULTANEOUS)) ||
	    history_lately(&node->history, m->id, "simultaneous", clock_now()) != HISTORY_FINE)
		return 0;
	return strategy_may_begin_early(&node->profile, &m->profile) ? TABLE_EARLY : 0;
}

void api_show_members(struct api *api)
{
	members_write_page(&api->node->members, flags_of, api->node, api->table);
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
	ev_timer_init(&api->sweeper, on_sweep, 0., SWEEP_S);
	api->sweeper.data = api;
	api->max_queued = sock_quota(API_QUEUED_MAX, API_QUEUED_SHARE);
	TAILQ_INIT(&api->clients);
	(void)snprintf(name, sizeof(name), LOCAL_NAME_FMT, node->id);
	api->watches = watches_new(node->loop, &node->members, node->id);
	r = api->watches ? make_page(api) : -ENOMEM;
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
	ev_timer_stop(api->node->loop, &api->sweeper);
	watches_free(api->watches);
	acceptor_stop(&api->acceptor);
	if (api->table)
		(void)munmap(api->table, sizeof(*api->table));
	if (api->table_fd >= 0)
		(void)close(api->table_fd);
	free(api);
}
