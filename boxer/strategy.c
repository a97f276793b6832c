/* SPDX-License-Identifier: MIT */
#include "boxer/strategy.h"

#include "base/cleanup.h"

static enum reason ports_known(const struct strategy_request *request)
{
	return request->self->ports == PROFILE_PORTS_KEPT ? REASON_NONE : REASON_PORT_NOT_KEPT;
}

/* Nothing is in the way; its kernel answers for it, with a reset where nobody listens. */
static enum reason direct_applies(const struct strategy_request *request)
{
	return request->peer_is_public ? REASON_NONE : REASON_UNREACHABLE;
}

/* Behind the same NAT: that the control link runs there proves that the way is open. */
static enum reason private_applies(const struct strategy_request *request)
{
	return request->peer_is_near ? REASON_NONE : REASON_UNREACHABLE;
}

/*
 * The paper's (3.2): the hole first, then the SYN. It costs the caller a round trip.
 * A caller without a NAT would answer the SYN that opens the hole with a reset,
 * which closes it.
 */
static enum reason sequential_applies(const struct strategy_request *request)
{
	if (!request->waits || request->self_is_public)
		return REASON_UNREACHABLE;
	return ports_known(request);
}

/* Both SYNs at once: the only one for a program that must not be held. */
static enum reason simultaneous_applies(const struct strategy_request *request)
{
	return ports_known(request);
}

static const struct strategy strategies[] = {
	{STRATEGY_DIRECT, "direct", false, false, direct_applies},
	{STRATEGY_PRIVATE, "private", false, false, private_applies},
	{STRATEGY_SEQUENTIAL, "sequential", true, false, sequential_applies},
	{STRATEGY_SIMULTANEOUS, "simultaneous", true, true, simultaneous_applies},
};

const struct strategy *strategy_by_id(unsigned id)
{
	for (size_t i = 0; i < ARRAY_SIZE(strategies); i++)
		if (strategies[i].id == id)
			return &strategies[i];
	return NULL;
}

const struct strategy *strategy_choose(const struct strategy_request *request,
				       enum reason *ret_reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(strategies); i++) {
		*ret_reason = strategies[i].applies(request);
		if (*ret_reason == REASON_NONE)
			return &strategies[i];
	}
	return NULL;
}
