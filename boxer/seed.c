/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * Every connection is a struct client on one of two lists. It starts on
 * @pending, authenticates (boxer/channel), sends one JOIN and, if admitted,
 * moves to @joined; from then on it is told of every change. The pending list
 * is bounded and the oldest of it gives way to the newest, so that connections
 * that never authenticate cannot keep others out. A member is gone when its
 * channel is: closed, broken, or silent for too long.
 */
#include "boxer/seed.h"

#include "base/clock.h"
#include "boxer/acceptor.h"
#include "boxer/channel.h"
#include "boxer/members.h"
#include "boxer/sock.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define SEED_BACKLOG	1024
#define SEED_ACCEPT_RUN 64 /* connections accepted before others get their turn */
#define SEED_PENDING_NS (10 * NS_PER_S)

TAILQ_HEAD(client_list, client);

struct client {
	TAILQ_ENTRY(client) link;
	struct seed *seed;
	struct channel *channel;
	struct addr from;
	uint64_t since;
	bool joined;
	uint32_t id;
};

struct seed {
	const struct seed_options *options;
	struct ev_loop *loop;
	struct acceptor acceptor;
	struct ev_timer sweeper;
	struct client_list pending, joined;
	size_t n_pending;
	struct members members;
	uint32_t next_id;
};

static void client_free(struct client *c)
{
	if (c->joined) {
		TAILQ_REMOVE(&c->seed->joined, c, link);
	} else {
		TAILQ_REMOVE(&c->seed->pending, c, link);
		c->seed->n_pending--;
	}
	channel_free(c->channel);
	free(c);
}

static void broadcast(struct seed *seed, uint8_t type, const uint8_t *body, size_t len)
{
	struct client *c;

	/* A client that reads too slowly is closed by its channel, later. */
	TAILQ_FOREACH(c, &seed->joined, link)
		(void)channel_send(c->channel, type, body, len);
}

static void client_gone(struct client *c, enum reason reason)
{
	struct seed *seed = c->seed;
	const struct frame_member *m = c->joined ? members_by_id(&seed->members, c->id) : NULL;
	struct frame_gone gone = {.id = c->id, .reason = (uint16_t)reason};
	uint8_t body[64];
	int len;

	if (!m) {
		client_free(c);
		return;
	}
	EMIT(&seed->options->events, "leave", EV_NUMBER("id", m->id), EV_TEXT("name", m->name),
	     EV_TEXT("reason", reason_name(reason)));
	(void)members_remove(&seed->members, c->id);
	gone.version = ++seed->members.version;
	client_free(c);
	len = frame_encode_gone(&gone, body, sizeof(body));
	if (len > 0)
		broadcast(seed, FRAME_GONE, body, (size_t)len);
}

static void reject(struct client *c, const char *name, enum reason reason)
{
	uint8_t body[2];
	int len = frame_encode_reason((uint16_t)reason, body, sizeof(body));

	EMIT(&c->seed->options->events, "reject", EV_TEXT("name", name), EV_ADDR("from", &c->from),
	     EV_TEXT("reason", reason_name(reason)));
	if (len > 0)
		(void)channel_send(c->channel, FRAME_REJECT, body, (size_t)len);
	client_free(c);
}

static enum reason admit(const struct seed *seed, const struct client *c,
			 const struct frame_join *join)
{
	size_t max = seed->options->members_max ? seed->options->members_max : MEMBERS_MAX;

	if (members_by_name(&seed->members, join->name))
		return REASON_DUPLICATE_NAME;
	/* Ids are never used twice; at last the overlay has no address for the next one. */
	if (seed->members.n >= max || seed->next_id >= ~LOCAL_OVERLAY_MASK - 1)
		return REASON_CLUSTER_FULL;
	if (seed->options->unique_address)
		for (size_t i = 0; i < seed->members.n; i++)
			if (addr_same_host(&seed->members.list[i].external, &c->from))
				return REASON_DUPLICATE_ADDRESS;
	return REASON_NONE;
}

static int send_member(struct client *c, const struct frame_member *m)
{
	uint8_t body[256];
	int len = frame_encode_member(m, body, sizeof(body));

	return len < 0 ? len : channel_send(c->channel, FRAME_MEMBER, body, (size_t)len);
}

static void send_joined(struct client *c, const struct frame_member *m)
{
	struct frame_joined joined = {.id = m->id, .overlay = m->overlay, .observed = m->external};
	uint8_t body[64];
	int len = frame_encode_joined(&joined, body, sizeof(body));

	if (len > 0)
		(void)channel_send(c->channel, FRAME_JOINED, body, (size_t)len);
}

static void join(struct client *c, const struct frame_join *request)
{
	struct seed *seed = c->seed;
	struct frame_member m = {
		.id = seed->next_id,
		.overlay = overlay_addr(seed->next_id),
		.external = c->from,
		.inside = request->inside,
	};
	enum reason reason = admit(seed, c, request);
	struct client *other;

	(void)memcpy(m.name, request->name, sizeof(m.name));
	if (reason == REASON_NONE && members_put(&seed->members, &m) < 0)
		reason = REASON_CLUSTER_FULL;
	if (reason != REASON_NONE) {
		reject(c, request->name, reason);
		return;
	}
	seed->next_id++;
	m.version = ++seed->members.version;
	c->id = m.id;
	send_joined(c, &m);
	for (size_t i = 0; i < seed->members.n; i++)
		if (seed->members.list[i].id != m.id)
			(void)send_member(c, &seed->members.list[i]);
	TAILQ_FOREACH(other, &seed->joined, link)
		(void)send_member(other, &m);
	TAILQ_REMOVE(&seed->pending, c, link);
	seed->n_pending--;
	TAILQ_INSERT_TAIL(&seed->joined, c, link);
	c->joined = true;
	/* Its own record comes last and says: this was everybody. */
	(void)send_member(c, &m);
	EMIT(&seed->options->events, "join", EV_NUMBER("id", m.id), EV_TEXT("name", m.name),
	     EV_ADDR("external", &m.external));
}

static void on_ready(struct channel *ch, void *arg)
{
	(void)ch;
	(void)arg;
}

static void on_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	struct client *c = arg;
	struct frame_join request;
	uint16_t reason;

	(void)ch;
	if (!c->joined && type == FRAME_JOIN && frame_decode_join(body, len, &request) == 0)
		join(c, &request);
	else if (c->joined && type == FRAME_LEAVE && frame_decode_reason(body, len, &reason) == 0)
		client_gone(c, REASON_LEFT);
	else
		client_gone(c, REASON_PROTOCOL);
}

static void on_closed(struct channel *ch, void *arg, enum reason reason)
{
	struct client *c = arg;

	(void)ch;
	if (!c->joined)
		EMIT(&c->seed->options->events, "reject", EV_TEXT("name", ""),
		     EV_ADDR("from", &c->from), EV_TEXT("reason", reason_name(reason)));
	client_gone(c, reason);
}

static const struct channel_ops seed_ops = {on_ready, on_frame, on_closed};

static void on_accepted(void *arg, int fd, const struct addr *from)
{
	struct seed *seed = arg;
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		(void)close(fd);
		return;
	}
	if (seed->n_pending == SEED_PENDING_MAX)
		client_free(TAILQ_FIRST(&seed->pending));
	c->seed = seed;
	c->from = *from;
	c->since = clock_now();
	TAILQ_INSERT_TAIL(&seed->pending, c, link);
	seed->n_pending++;
	c->channel = channel_new(seed->loop, fd, seed->options->key, FRAME_ID_SEED,
				 FRAME_ID_JOINING, &seed_ops, c);
	if (!c->channel)
		client_free(c);
}

/* Authenticated, but no JOIN: the channel's own deadline no longer holds it. */
static void on_sweep(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct seed *seed = w->data;
	uint64_t now = clock_now();
	struct client *c;

	(void)loop;
	(void)revents;
	while ((c = TAILQ_FIRST(&seed->pending)) && now - c->since >= SEED_PENDING_NS)
		client_free(c);
}

static void on_signal(struct ev_loop *loop, struct ev_signal *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static int open_listener(const struct seed_options *options, struct addr *ret_addr,
			 struct error *err)
{
	char text[ADDR_TEXT_MAX];
	const int one = 1;
	int fd = socket(options->listen.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(&options->listen, options->listen.family, &ss);

	if (fd < 0 || len < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&ss, (socklen_t)len) < 0 || listen(fd, SEED_BACKLOG) < 0) {
		int code = errno;

		if (fd >= 0)
			(void)close(fd);
		return error_sys(err, code, "cannot listen on %s",
				 addr_format(&options->listen, text));
	}
	(void)sock_local(fd, ret_addr);
	return fd;
}

static void drain(struct seed *seed)
{
	struct client *c;

	while ((c = TAILQ_FIRST(&seed->pending)))
		client_free(c);
	while ((c = TAILQ_FIRST(&seed->joined)))
		client_free(c);
	members_free(&seed->members);
}

int seed_run(const struct seed_options *options, struct error *err)
{
	struct seed seed = {.options = options, .loop = ev_default_loop(0)};
	struct ev_signal term, interrupt;
	char text[ADDR_TEXT_MAX];
	struct addr bound;
	int fd;

	TAILQ_INIT(&seed.pending);
	TAILQ_INIT(&seed.joined);
	if (!seed.loop)
		return error_set(err, ENOMEM, "cannot make an event loop");
	fd = open_listener(options, &bound, err);
	if (fd < 0)
		return fd;
	acceptor_start(&seed.acceptor, seed.loop, fd, on_accepted, &seed);
	ev_timer_init(&seed.sweeper, on_sweep, 1., 1.);
	seed.sweeper.data = &seed;
	ev_timer_start(seed.loop, &seed.sweeper);
	ev_signal_init(&term, on_signal, SIGTERM);
	ev_signal_start(seed.loop, &term);
	ev_signal_init(&interrupt, on_signal, SIGINT);
	ev_signal_start(seed.loop, &interrupt);
	/* Who reads our events may go away. */
	(void)signal(SIGPIPE, SIG_IGN);
	EMIT(&options->events, "listening", EV_ADDR("address", &bound));
	(void)fprintf(stderr, "boxer seed: listening on %s\n", addr_format(&bound, text));

	ev_run(seed.loop, 0);

	drain(&seed);
	acceptor_stop(&seed.acceptor);
	ev_loop_destroy(seed.loop);
	return 0;
}
