/* SPDX-License-Identifier: MIT */
/*
 * Interface for peers: the control links of one node to other members. A link is a
 * channel over a connection that was made by boxer/parallel from the node's one
 * control port. A set is full, and then has a link to every member that it may get
 * one to; or lazy, and then makes one when it is wanted. The set owns all sockets
 * and timers of it.
 */
#ifndef BOXER_PEER_H
#define BOXER_PEER_H

#include "boxer/frame.h"
#include "boxer/reason.h"
#include "boxer/relay.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_PAUSE_NS	  (500 * 1000000ULL)   /* after a lost link or an attempt that failed */
#define PEER_PAUSE_MAX_NS (30 * 1000000000ULL) /* it doubles each time */
#define PEER_STEADY_NS	  (5 * 1000000000ULL)  /* a link that lasts so long ends the doubling */
#define PEER_CHECK_NS	  (3 * 1000000000ULL)  /* for a link that is probably dead to answer */

struct peers;

/** struct peer_link - what is told of a link that has come up */
struct peer_link {
	uint32_t id;
	struct addr local, remote;
	uint64_t took_ns;
};

/**
 * struct peer_ops - what the set tells its owner, and asks it
 * @up: a link is there
 * @lost: it is not any more; a full set tries to get another one
 * @none: there is none: an attempt to get one has failed and will be made again, or, in
 *	a full set, REASON_NO_STRATEGY: the two NATs allow none
 * @frame: a frame came in by a link
 * @introduce: please tell that member that we punch, so that it does so, too. Return: about
 *	how long that takes, in ns; 0 when it can't be told
 * @find: the member with that id; NULL when there is none
 */
struct peer_ops {
	void (*up)(void *arg, const struct peer_link *link);
	void (*lost)(void *arg, uint32_t id, enum reason reason);
	void (*none)(void *arg, uint32_t id, enum reason reason);
	void (*frame)(void *arg, uint32_t id, uint8_t type, const uint8_t *body, size_t len);
	uint64_t (*introduce)(void *arg, uint32_t id);
	const struct frame_member *(*find)(void *arg, uint32_t id);
};

/**
 * struct peers_config - of a set
 * @self: this node's id
 * @inside: its own address and control port
 * @external: what the seed observed of it
 * @relay: for who wants one at our control port; NULL: we don't relay
 * @lazy: links are made when they are wanted
 * @silence_ns: for so long a silent peer is believed in
 */
struct peers_config {
	struct ev_loop *loop;
	const uint8_t *key;
	uint32_t self;
	struct addr inside, external;
	struct relay *relay;
	bool lazy;
	uint64_t silence_ns;
	const struct peer_ops *ops;
	void *arg;
};

/** peers_new() - Return: 0, or -errno when the control port can't be listened on. */
int peers_new(const struct peers_config *config, struct peers **ret_peers);
/** peers_free() - NULL is legal. */
void peers_free(struct peers *peers);

/**
 * peers_put() - a member appeared, or its record has changed
 *
 * A full set punches to it. A failed attempt to reach it begins again if the record
 * gives reason to; a link whose other end has moved is asked whether it is still there.
 *
 * @former: another node that had this id until now and was removed, or NULL. It may still
 * live, and prove that it speaks for the id: it is not let in any more.
 *
 * Return: 0, or -ENOMEM.
 */
int peers_put(struct peers *peers, const struct frame_member *member,
	      const struct frame_member *former);
/** peers_put_self() - the own record has come, or changed: as peers_put(), for all. */
void peers_put_self(struct peers *peers, const struct frame_member *self);
/** peers_remove() - it has gone; no callback is made. */
void peers_remove(struct peers *peers, uint32_t id);
/** peers_want() - there is use for a link to @id; it may take a while to come, or never. */
void peers_want(struct peers *peers, uint32_t id);
/** peers_introduced() - @id punches now: so do we; or is the link that we have dead? */
void peers_introduced(struct peers *peers, uint32_t id);
/** peers_send() - a frame to @id. Return: 0, -ENOTCONN without a link, -ENOBUFS. */
int peers_send(struct peers *peers, uint32_t id, uint8_t type, const uint8_t *body, size_t len);

/** peers_linked() - how many links are up. */
size_t peers_linked(const struct peers *peers);
/** peers_is_linked() - is there one to @id? */
bool peers_is_linked(const struct peers *peers, uint32_t id);
/** peers_is_barred() - can there be none to @id, by what is known of the NATs? */
bool peers_is_barred(const struct peers *peers, uint32_t id);
/** peers_may_link() - there is none to @id, but one is being made. */
bool peers_may_link(const struct peers *peers, uint32_t id);
/** peers_round_trip_ns() - to @id, as the kernel has measured it on the link; 0: unknown. */
uint64_t peers_round_trip_ns(const struct peers *peers, uint32_t id);
/** peers_is_near() - does the link to @id run to its inside address, past no NAT of its own? */
bool peers_is_near(const struct peers *peers, uint32_t id);
/** peers_link() - the link to @id. Return: whether there is one. */
bool peers_link(const struct peers *peers, uint32_t id, struct peer_link *ret_link);
/** peers_reason() - why there is no link to @id just now. */
enum reason peers_reason(const struct peers *peers, uint32_t id);

#endif
