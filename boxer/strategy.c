/* SPDX-License-Identifier: MIT */
#include "boxer/strategy.h"

#include "base/cleanup.h"

static enum reason ports_known(const struct strategy_request *request)
{
	return request->self->ports == PROFILE_PORTS_KEPT ? REASON_NONE : REASON_PORT_NOT_KEPT;
}

/* The paper's (3.2): the hole first, then the SYN. It costs the caller a round trip. */
static enum reason sequential_applies(const struct strategy_request *request)
{
	return request->waits ? ports_known(request) : REASON_NO_LINK;
}

/* Both SYNs at once: the only one for a program that must not be held. */
static enum reason simultaneous_applies(const struct strategy_request *request)
{
	return ports_known(request);
}

static const struct strategy strategies[] = {
	{STRATEGY_SEQUENTIAL, "sequential", false, sequential_applies},
	{STRATEGY_SIMULTANEOUS, "simultaneous", true, simultaneous_applies},
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
