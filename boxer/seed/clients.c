/* SPDX-License-Identifier: MIT */
#include "boxer/seed/clients.h"

#include "base/clock.h"
#include "boxer/members.h"
#include "boxer/seed/seed.h"
#include "boxer/sock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Members have none; their channel notices when they fall silent. */
static const uint64_t patience[CLIENT_MEMBER] = {
	[CLIENT_PENDING] = CLIENTS_PENDING_NS,
	[CLIENT_WAITING] = CLIENTS_PENDING_NS,
	[CLIENT_VISITOR] = CLIENTS_VISIT_NS,
};

static void leave_list(struct client *c)
{
	struct clients *clients = &c->seed->clients;

	TAILQ_REMOVE(&clients->lists[c->state], c, link);
	clients->n[c->state]--;
}

static void enter_list(struct client *c, enum client_state state)
{
	struct clients *clients = &c->seed->clients;

	if (state < CLIENT_MEMBER && clients->n[state] == clients->max[state])
		client_free(TAILQ_FIRST(&clients->lists[state]));
	c->state = state;
	c->since = clock_now();
	TAILQ_INSERT_TAIL(&clients->lists[state], c, link);
	clients->n[state]++;
}

void client_move(struct client *c, enum client_state state)
{
	leave_list(c);
	enter_list(c, state);
}

void client_free(struct client *c)
{
	leave_list(c);
	prober_forget(c->seed->prober, c);
	channel_free(c->channel);
	free(c);
}

void clients_take(struct seed *seed, const struct arrival *a, const struct channel_ops *ops)
{
	struct channel_pace pace = channel_pace_of(seed->options->silence_ns);
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		(void)close(a->fd);
		return;
	}
	c->seed = seed;
	c->from = a->from;
	c->at = a->at;
	enter_list(c, CLIENT_PENDING);
	c->channel = channel_new(seed->loop, a->fd, seed->options->key, FRAME_ID_SEED,
				 FRAME_ID_JOINING, ops, c);
	if (c->channel)
		channel_set_pace(c->channel, &pace);
	else
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
	for (int i = 0; i < CLIENT_MEMBER; i++)
		while ((c = TAILQ_FIRST(&seed->clients.lists[i])) && now - c->since >= patience[i])
			client_free(c);
}

void clients_start(struct seed *seed)
{
	for (int i = 0; i < CLIENT_STATES; i++)
		TAILQ_INIT(&seed->clients.lists[i]);
	seed->clients.max[CLIENT_PENDING] = sock_quota(CLIENTS_PENDING_MAX, CLIENTS_SHARE);
	/* They have the key, and will be members; who is hung up on is back at once. */
	seed->clients.max[CLIENT_WAITING] = MEMBERS_MAX;
	seed->clients.max[CLIENT_VISITOR] = sock_quota(CLIENTS_VISITORS_MAX, CLIENTS_SHARE);
	ev_timer_init(&seed->clients.sweeper, on_sweep, 1., 1.);
	seed->clients.sweeper.data = seed;
	ev_timer_start(seed->loop, &seed->clients.sweeper);
}

void clients_stop(struct seed *seed)
{
	struct client *c;

	for (int i = 0; i < CLIENT_STATES; i++)
		while ((c = TAILQ_FIRST(&seed->clients.lists[i])))
			client_free(c);
	ev_timer_stop(seed->loop, &seed->clients.sweeper);
}

struct client *clients_by_id(const struct clients *clients, uint32_t id)
{
	struct client *c;

	TAILQ_FOREACH(c, &clients->lists[CLIENT_MEMBER], link)
		if (c->record.id == id)
			return c;
	return NULL;
}

struct client *clients_by_token(const struct clients *clients,
				const uint8_t token[static FRAME_TOKEN_LEN])
{
	static const uint8_t nobody[FRAME_TOKEN_LEN];
	struct client *c;

	if (memcmp(token, nobody, sizeof(nobody)) == 0)
		return NULL;
	for (int i = CLIENT_VISITOR; i < CLIENT_STATES; i++)
		TAILQ_FOREACH(c, &clients->lists[i], link)
			if (memcmp(c->seen.token, token, FRAME_TOKEN_LEN) == 0)
				return c;
	return NULL;
}

void client_send_record(struct client *c, const struct frame_member *m)
{
	uint8_t body[384];
	int len = frame_encode_member(m, body, sizeof(body));

	if (len > 0)
		(void)channel_send(c->channel, FRAME_MEMBER, body, (size_t)len);
}

void clients_broadcast(struct clients *clients, uint8_t type, const uint8_t *body, size_t len)
{
	struct client *c;

	TAILQ_FOREACH(c, &clients->lists[CLIENT_MEMBER], link)
		(void)channel_send(c->channel, type, body, len);
}
