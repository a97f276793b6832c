/* SPDX-License-Identifier: MIT */
/*
 * Interface for channels: an authenticated, ordered stream of frames over a
 * connected TCP socket, between a node and the seed or between two nodes. Both
 * sides run the same handshake (boxer/auth), so it does not matter who
 * connected to whom, nor whether anybody did: a simultaneous open has no
 * acceptor. The channel owns its socket. Its callbacks may free it.
 */
#ifndef BOXER_CHANNEL_H
#define BOXER_CHANNEL_H

#include "base/addr.h"
#include "boxer/auth.h"
#include "boxer/reason.h"

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_QUEUE_MAX    (1024UL * 1024) /* bytes that may wait to be sent */
#define CHANNEL_HANDSHAKE_NS (5 * 1000000000ULL)
#define CHANNEL_SILENCE_NS   (10 * 1000000000ULL) /* nothing heard: the peer is lost */

struct channel;

/**
 * struct channel_pace - how patient a channel is, in ns
 * @handshake: for all of it
 * @ping: between two pings
 * @silence: when nothing was heard for so long the peer is lost
 */
struct channel_pace {
	uint64_t handshake, ping, silence;
};

/**
 * struct channel_ops - what a channel tells its owner
 * @ready: both sides are proven; frames may be sent
 * @frame: one came in
 * @closed: it is over and only channel_free() may be called
 */
struct channel_ops {
	void (*ready)(struct channel *ch, void *arg);
	void (*frame)(struct channel *ch, void *arg, uint8_t type, const uint8_t *body, size_t len);
	void (*closed)(struct channel *ch, void *arg, enum reason reason);
};

/**
 * channel_new() - begin the handshake on a connected socket
 * @fd: taken over
 * @key: the cluster's, stays the caller's for the channel's life
 * @self: who we say we are: an id, or one of FRAME_ID_*
 * @peer: who it must be; FRAME_ID_JOINING for an acceptor that learns it
 *
 * Return: the channel, or NULL without memory; @fd is closed then.
 */
struct channel *channel_new(struct ev_loop *loop, int fd, const uint8_t *key, uint32_t self,
			    uint32_t peer, const struct channel_ops *ops, void *arg);
/** channel_free() - NULL is legal; allowed inside a callback. */
void channel_free(struct channel *ch);
/** channel_own() - another owner from now on. */
void channel_own(struct channel *ch, const struct channel_ops *ops, void *arg);
/** channel_pace_of() - the pace that notices a lost peer after @silence_ns: three pings in it. */
struct channel_pace channel_pace_of(uint64_t silence_ns);
/** channel_set_pace() - another one than that of CHANNEL_SILENCE_NS. */
void channel_set_pace(struct channel *ch, const struct channel_pace *pace);
/**
 * channel_check() - there is reason to think that the peer is no longer there
 *
 * It is pinged at once; not heard for @patience_ns from now, it is lost.
 */
void channel_check(struct channel *ch, uint64_t patience_ns);
/** channel_peer() - the id that the other side proved to speak for. */
uint32_t channel_peer(const struct channel *ch);
/** channel_fd() - for socket addresses. */
int channel_fd(const struct channel *ch);
/**
 * channel_send() - queue a frame, which leaves when the loop has done what else there is
 *
 * Return: 0; -ENOBUFS when the peer reads too slowly (the channel will be
 * closed), -ENOTCONN before it is ready or after it is over.
 */
int channel_send(struct channel *ch, uint8_t type, const uint8_t *body, size_t len);
/** channel_queued() - bytes that wait for a peer which has not read what came before them. */
size_t channel_queued(const struct channel *ch);

#endif
