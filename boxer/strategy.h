/* SPDX-License-Identifier: MIT */
/*
 * Interface for strategies: the ways in which a data connection can be made,
 * as a table in the order of preference. A row says when it applies and what
 * the answering side does; everything else follows from those flags. Numbers
 * are the protocol's.
 */
#ifndef BOXER_STRATEGY_H
#define BOXER_STRATEGY_H

#include "boxer/profile.h"
#include "boxer/reason.h"

#include <stdbool.h>
#include <stddef.h>

/** enum strategy_id - on the wire */
enum strategy_id {
	STRATEGY_SEQUENTIAL = 1,
	STRATEGY_SIMULTANEOUS = 2,
	STRATEGY_DIRECT = 3,
	STRATEGY_PRIVATE = 4,
};

/**
 * struct strategy_request - what is asked for
 * @waits: the program's connect() blocks, so it may be held until the hole is open
 * @self: the profile of the node that connects
 * @self_is_public: no NAT is in front of this node
 * @peer_is_public: no NAT is in front of the peer
 * @peer_is_near: the control link reaches it by its inside address
 */
struct strategy_request {
	bool waits;
	const struct profile *self;
	bool self_is_public;
	bool peer_is_public;
	bool peer_is_near;
};

/**
 * struct strategy - one row
 * @name: in events and reports
 * @punches: the peer is asked for a hole; otherwise the connection simply goes to its
 *	inside address, or to its external one when it is public
 * @keeps_socket: the answering side keeps its SYN_SENT socket and hands the
 *	connection over to the listening program; otherwise it gives the socket
 *	up at once and the program's listener takes the SYN that follows
 * @applies: REASON_NONE, or why it can't be used
 */
struct strategy {
	enum strategy_id id;
	const char *name;
	bool punches;
	bool keeps_socket;
	enum reason (*applies)(const struct strategy_request *request);
};

/** strategy_by_id() - NULL for a number that this build doesn't know. */
const struct strategy *strategy_by_id(unsigned id);
/**
 * strategy_choose() - the first row that applies
 * @ret_reason: when none does, the reason of the last one that was asked
 */
const struct strategy *strategy_choose(const struct strategy_request *request,
				       enum reason *ret_reason);

#endif
