/* SPDX-License-Identifier: MIT */
/*
 * Interface for strategies: the ways in which a data connection can be made, as
 * a table in the order of preference. A row says when it can work, by the
 * profiles of both sides; boxer/dial and boxer/answer do it. A way that works
 * whatever is still unknown of a NAT comes before one that depends on it. Pure.
 * Numbers are the protocol's.
 */
#ifndef BOXER_STRATEGY_H
#define BOXER_STRATEGY_H

#include "boxer/profile.h"
#include "boxer/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * enum strategy_id - on the wire; A connects, B listens
 * @STRATEGY_SEQUENTIAL: B opens its NAT from the listener's port, then A connects to the
 *	listener (the paper, 3.2)
 * @STRATEGY_SIMULTANEOUS: the same, but B keeps the socket of its SYN; the connection
 *	completes there and is handed over to the listening program
 * @STRATEGY_DIRECT: B is public: A connects
 * @STRATEGY_PRIVATE: A connects to B's inside address, behind their common NAT
 * @STRATEGY_SYNCHRONISED: both NATs answer a SYN with a reset: the SYNs must cross on
 *	the way. Both repeat them, in different rhythms, until they do
 * @STRATEGY_REVERSE: A's NAT lets B in from whatever port: A's node listens, B's connects
 * @STRATEGY_PREDICT: a mapping that depends on the destination, whose port can be foretold
 * @STRATEGY_BIRTHDAY: one whose port is random: many sockets meet many ports
 * @STRATEGY_RELAY: both connect to a relay
 */
enum strategy_id {
	STRATEGY_SEQUENTIAL = 1,
	STRATEGY_SIMULTANEOUS = 2,
	STRATEGY_DIRECT = 3,
	STRATEGY_PRIVATE = 4,
	STRATEGY_SYNCHRONISED = 5,
	STRATEGY_REVERSE = 6,
	STRATEGY_PREDICT = 7,
	STRATEGY_BIRTHDAY = 8,
	STRATEGY_RELAY = 9,
};

#define STRATEGY_COUNT	 9
#define STRATEGY_SPREAD	 16 /* ports after the foretold one that are tried, too */
#define STRATEGY_BIT(id) (1u << (id))
/* Without being asked, nothing goes through a third machine. */
#define STRATEGY_DEFAULT (((1u << (STRATEGY_COUNT + 1)) - 2) & ~STRATEGY_BIT(STRATEGY_RELAY))
/* Those that ask for nothing that is measured of a NAT. */
#define STRATEGY_UNMEASURED (STRATEGY_BIT(STRATEGY_PRIVATE) | STRATEGY_BIT(STRATEGY_RELAY))

/**
 * struct strategy_request - what is asked for
 * @self, @peer: the profiles of the node that connects and of the one that listens
 * @near: the control link reaches the peer by its inside address
 * @relay: there is a relay
 * @allowed: STRATEGY_BIT of each that may be used
 */
struct strategy_request {
	struct profile self, peer;
	bool near;
	bool relay;
	unsigned allowed;
};

/** struct strategy - one row; @can_work: may it lead to a connection between these two? */
struct strategy {
	enum strategy_id id;
	const char *name;
	bool (*can_work)(const struct strategy_request *request);
};

/** strategy_by_id() - NULL for a number that this build doesn't know. */
const struct strategy *strategy_by_id(unsigned id);
/** strategy_by_name() - NULL when there is none. */
const struct strategy *strategy_by_name(const char *name);
/**
 * strategy_plan() - those that can work, the best first
 * @ret_reason: why there is none: REASON_NO_STRATEGY, or REASON_NOT_ALLOWED
 *
 * Return: how many.
 */
size_t strategy_plan(const struct strategy_request *request,
		     const struct strategy *ret_plan[static STRATEGY_COUNT],
		     enum reason *ret_reason);
/**
 * strategy_may_begin_early() - for STRATEGY_SIMULTANEOUS: may A's SYN leave before B knows
 * of it? Not where it would be answered with a reset.
 */
bool strategy_may_begin_early(const struct profile *self, const struct profile *peer);
/**
 * strategy_needs_filtering() - does the choice depend on a filtering that is not known yet?
 * @allowed: as in the request: among these
 */
bool strategy_needs_filtering(const struct profile *self, const struct profile *peer,
			      unsigned allowed);
/** strategy_spread() - how many ports are tried for one that is foretold, if the peer @asked. */
size_t strategy_spread(uint16_t asked);
/** strategy_parse() - "direct,relay" into bits. Return: 0, or -EINVAL: not names of them. */
int strategy_parse(const char *list, unsigned *ret_allowed);

#endif
