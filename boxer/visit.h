/* SPDX-License-Identifier: MIT */
/*
 * Interface for visits: to ask the seed what it sees of the NAT in front of this
 * machine, without becoming a member. Blocks, with an event loop of its own.
 */
#ifndef BOXER_VISIT_H
#define BOXER_VISIT_H

#include "boxer/auth.h"
#include "boxer/frame.h"
#include "boxer/reason.h"

#define VISIT_NS (8 * 1000000000ULL) /* then what has been measured has to do */

/**
 * struct visit_config - of a visit
 * @seed: @n_seed endpoints of the seed, as struct uplink_config has them
 * @timeout_ns: for being admitted; the measuring takes two seconds, VISIT_NS at most
 */
struct visit_config {
	struct addr seed[FRAME_OBSERVERS];
	size_t n_seed;
	uint8_t key[AUTH_KEY_LEN];
	const char *name;
	uint64_t timeout_ns;
};

/** struct visit_result - the visitor, as the seed sees it; what is not known is zero */
struct visit_result {
	struct addr inside, outside;
	struct profile profile;
};

/** visit() - Return: REASON_NONE, or why nothing was found out. */
enum reason visit(const struct visit_config *config, struct visit_result *ret_result);

#endif
