/* SPDX-License-Identifier: MIT */
/*
 * Interface for clients: the connections to the seed that speak over a channel.
 * One authenticates, sends one JOIN, and becomes a member or a visitor. Those that
 * have not said yet what they want, and visitors, are bounded: the oldest gives
 * way to the newest, and there is a deadline. Who waits to become a member is bounded
 * like members are.
 */
#ifndef BOXER_SEED_CLIENTS_H
#define BOXER_SEED_CLIENTS_H

#include "boxer/channel.h"
#include "boxer/frame.h"
#include "boxer/reception.h"
#include "boxer/seed/introductions.h"
#include "boxer/seed/sightings.h"

#include <stdbool.h>
#include <sys/queue.h>

#define CLIENTS_PENDING_MAX  1024 /* connections that have not joined */
#define CLIENTS_SHARE	     8	  /* or fewer, see sock_quota() */
#define CLIENTS_PENDING_NS   (10 * 1000000000ULL)
#define CLIENTS_VISITORS_MAX 64
#define CLIENTS_VISIT_NS     (60 * 1000000000ULL)

struct seed;

/** enum client_state - which list it is on */
enum client_state {
	CLIENT_PENDING, /* not authenticated, or not joined yet */
	CLIENT_WAITING, /* its JOIN is not answered yet, see boxer/seed/grace.h */
	CLIENT_VISITOR, /* is measured, and no member */
	CLIENT_MEMBER,
	CLIENT_STATES,
};

/**
 * struct client - a connection
 * @from, @at: the other side, and our own endpoint to which it came
 * @since: it is in this state
 * @join: what it has asked for, as long as it waits
 * @record: what is known of it; others know what is in seed->members
 * @seen: what other endpoints of ours have seen of it, and its token
 * @probed_at: when it was last dialled in to, or 0
 * @stale: @record has changed since it was last told
 */
struct client {
	TAILQ_ENTRY(client) link;
	struct seed *seed;
	struct channel *channel;
	enum client_state state;
	struct addr from, at;
	uint64_t since;
	struct frame_join join;
	struct frame_member record;
	struct sighting seen;
	struct budget introductions;
	uint64_t probed_at;
	bool stale;
};

TAILQ_HEAD(client_list, client);

/** struct clients - all of them, in the order in which they came to their state */
struct clients {
	struct client_list lists[CLIENT_STATES];
	size_t n[CLIENT_STATES], max[CLIENT_MEMBER];
	struct ev_timer sweeper;
};

/** clients_start() - @seed->clients, empty. */
void clients_start(struct seed *seed);
/** clients_stop() - hang up on all. */
void clients_stop(struct seed *seed);
/** clients_take() - somebody who wants a channel; for struct reception_ops. */
void clients_take(struct seed *seed, const struct arrival *a, const struct channel_ops *ops);
/** client_move() - to another state. */
void client_move(struct client *c, enum client_state state);
/** client_free() - hang up and forget, nobody is told. */
void client_free(struct client *c);
/** clients_by_id() - a member, or NULL. */
struct client *clients_by_id(const struct clients *clients, uint32_t id);
/** clients_by_token() - a member or visitor, or NULL; nobody has a token of zeroes. */
struct client *clients_by_token(const struct clients *clients,
				const uint8_t token[static FRAME_TOKEN_LEN]);
/** client_send_record() - MEMBER. A client that reads too slowly is closed by its channel, later. */
void client_send_record(struct client *c, const struct frame_member *m);
/** clients_broadcast() - a frame to all members. */
void clients_broadcast(struct clients *clients, uint8_t type, const uint8_t *body, size_t len);

#endif
