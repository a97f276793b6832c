/* SPDX-License-Identifier: MIT */
/*
 * Interface for peers: the control links of one node to all others. A link is a
 * channel over a connection made by parallel hole punching (boxer/punch) from
 * the node's one control port; a lost link is punched again as long as its
 * member is there. The set owns all sockets and timers of it.
 */
#ifndef BOXER_PEER_H
#define BOXER_PEER_H

#include "boxer/frame.h"
#include "boxer/reason.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_PUNCH_NS	  (10 * 1000000000ULL) /* one attempt */
#define PEER_PAUSE_NS	  (500 * 1000000ULL)   /* between a lost link and the next attempt */
#define PEER_INCOMING_MAX 64		       /* accepted, not yet proven; the oldest gives way */

struct peers;

/** struct peer_link - what is told of a link that has come up */
struct peer_link {
	uint32_t id;
	struct addr local, remote;
	uint64_t took_ns;
};

/** struct peer_ops - what the set tells its owner */
struct peer_ops {
	void (*up)(void *arg, const struct peer_link *link);
	/* also when an attempt to bring one up has failed */
	void (*lost)(void *arg, uint32_t id, enum reason reason);
	void (*frame)(void *arg, uint32_t id, uint8_t type, const uint8_t *body, size_t len);
};

/**
 * struct peers_config - of a set
 * @self: this node's id
 * @inside: its own address and control port
 * @external: what the seed observed of it
 */
struct peers_config {
	struct ev_loop *loop;
	const uint8_t *key;
	uint32_t self;
	struct addr inside, external;
	const struct peer_ops *ops;
	void *arg;
};

/** peers_new() - Return: 0, or -errno when the control port can't be listened on. */
int peers_new(const struct peers_config *config, struct peers **ret_peers);
/** peers_free() - NULL is legal. */
void peers_free(struct peers *peers);
/** peers_add() - a member appeared: punch to it. Return: 0, or -ENOMEM. */
int peers_add(struct peers *peers, const struct frame_member *member);
/** peers_remove() - it has gone; no callback is made. */
void peers_remove(struct peers *peers, uint32_t id);
/** peers_linked() - how many links are up. */
size_t peers_linked(const struct peers *peers);
/** peers_send() - a frame to @id. Return: 0, -ENOTCONN without a link, -ENOBUFS. */
int peers_send(struct peers *peers, uint32_t id, uint8_t type, const uint8_t *body, size_t len);
/** peers_is_near() - does the link to @id run to its inside address, past no NAT of its own? */
bool peers_is_near(const struct peers *peers, uint32_t id);
/** peers_reason() - why there is no link to @id just now. */
enum reason peers_reason(const struct peers *peers, uint32_t id);

#endif
