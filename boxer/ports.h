/* SPDX-License-Identifier: MIT */
/*
 * Interface for ports: the local ports of a node's connections, and under which
 * endpoint the world sees them. Local ports of outgoing connections are taken one
 * after the other from a range that all programs of the function share, since the
 * NATs on the way still hold the flow of a port used a moment ago. Where the NAT
 * keeps ports an external port is known; where it changes them it is learned by
 * one exchange with an observer of the seed, from that very port, and held for as
 * long as the mapping lives. A few outgoing ports are learned ahead.
 */
#ifndef BOXER_PORTS_H
#define BOXER_PORTS_H

#include "base/addr.h"
#include "boxer/reason.h"

#include <stdint.h>

#define PORTS_MAX	     96 /* learned; the one that was not asked for the longest time gives way */
#define PORTS_POOL	     4			 /* outgoing ports learned ahead */
#define PORTS_LEARN_NS	     (4 * 1000000000ULL) /* a SYN that is lost comes again after 1 and 3 s */
#define PORTS_RELEARN_NS     (500 * 1000000ULL) /* after an observation broke; doubles, with jitter, */
#define PORTS_RELEARN_MAX_NS (4 * 1000000000ULL) /* up to this, until one succeeds */

struct node;
struct ports;
struct ports_question;

/** ports_new() - Return: NULL without memory or descriptors. */
struct ports *ports_new(struct node *node);
/** ports_free() - nobody who asked is told; NULL is legal. */
void ports_free(struct ports *ports);
/** ports_cursor_fd() - the shared page of struct cursor, for the programs; stays the room's. */
int ports_cursor_fd(const struct ports *ports);
/** ports_next() - a local port that was not used for long. */
uint16_t ports_next(struct ports *ports);
/** ports_refill() - the profile, or the membership, is another one: learn ahead if need be. */
void ports_refill(struct ports *ports);
/** ports_rebound() - the NAT is another one, or has forgotten all: nothing is known any more. */
void ports_rebound(struct ports *ports);

/**
 * ports_external() - how the world sees a socket bound to @local_port
 *
 * Return: 0; -EAGAIN: it has to be learned; -ENODATA: each destination sees another.
 */
int ports_external(struct ports *ports, uint16_t local_port, struct addr *ret);
/** ports_are_kept() - does the world see @local_port of this function under its own number? */
bool ports_are_kept(const struct ports *ports);
/**
 * ports_answer - the end of a question; the question is gone then
 * @external: the endpoint, when @reason is REASON_NONE
 */
typedef void ports_answer(void *arg, enum reason reason, const struct addr *external);
/**
 * ports_ask() - learn it
 *
 * @answer comes from the loop, within PORTS_LEARN_NS. For a listening port the listener
 * must share it (SO_REUSEPORT).
 *
 * Return: NULL without memory.
 */
struct ports_question *ports_ask(struct ports *ports, uint16_t local_port, ports_answer *answer,
				 void *arg);
/**
 * ports_foretell() - how the world will see the next connection from @local_port, unused so far
 *
 * For a NAT whose mappings depend on the destination.
 *
 * Return: 0; -EAGAIN: it does not keep ports, so ports_ask_next() what it has come to.
 */
int ports_foretell(const struct ports *ports, uint16_t local_port, struct addr *ret);
/**
 * ports_ask_next() - which endpoint follows the last one of a NAT that counts
 *
 * Asks, as ports_ask() does, from a port that nobody else will use.
 *
 * Return: NULL without memory.
 */
struct ports_question *ports_ask_next(struct ports *ports, ports_answer *answer, void *arg);
/** ports_cancel() - @answer won't come; NULL is legal. */
void ports_cancel(struct ports_question *question);

/**
 * ports_take() - an outgoing port whose external endpoint is known
 *
 * It stays known until ports_release().
 *
 * Return: 0; -EAGAIN: there is none, so take ports_next() and learn it; -ENODATA.
 */
int ports_take(struct ports *ports, uint16_t *ret_port, struct addr *ret_external);
/** ports_release() - the connection from there is established, or will never be. */
void ports_release(struct ports *ports, uint16_t local_port);

#endif
