/* SPDX-License-Identifier: MIT */
#include "boxer/strategy.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

/* What is not known yet is given the benefit of the doubt. */
static bool may_be_stable(const struct profile *p)
{
	return profile_is_stable(p) || p->mapping == PROFILE_MAPPING_UNKNOWN;
}

static bool refuses(const struct profile *p)
{
	return p->refusal == PROFILE_REFUSAL_REFUSES && !profile_is_open(p);
}

static bool both_refuse(const struct strategy_request *r)
{
	return refuses(&r->self) && refuses(&r->peer);
}

static bool both_stable(const struct strategy_request *r)
{
	return may_be_stable(&r->self) && may_be_stable(&r->peer);
}

/* Its kernel answers for it, with a reset where nobody listens. */
static bool direct_can(const struct strategy_request *r)
{
	return profile_is_public(&r->peer);
}

/* That the control link runs there proves that the way is open. */
static bool private_can(const struct strategy_request *r)
{
	return r->near;
}

/*
 * Whoever is refused tries again, so one NAT that refuses does no harm, unless the
 * other side's hole is open to all: a SYN that comes in there before the program's
 * own has left is answered by its kernel, with a reset.
 */
static bool simultaneous_can(const struct strategy_request *r)
{
	return both_stable(r) && !both_refuse(r) &&
	       !(refuses(&r->peer) && profile_is_open(&r->self));
}

static bool reverse_can(const struct strategy_request *r)
{
	return profile_is_stable(&r->self) && profile_lets_host(&r->self);
}

static bool sequential_can(const struct strategy_request *r)
{
	if (profile_is_stable(&r->peer) && profile_lets_host(&r->peer))
		return true;
	/* The SYN that opens B's NAT must not be answered with a reset, which closes it. */
	return both_stable(r) && !refuses(&r->self) && !profile_is_open(&r->self);
}

static bool synchronised_can(const struct strategy_request *r)
{
	return both_stable(r) && both_refuse(r);
}

static bool predict_can(const struct strategy_request *r)
{
	return !both_stable(r) && profile_is_predictable(&r->self) &&
	       profile_is_predictable(&r->peer);
}

static bool birthday_can(const struct strategy_request *r)
{
	return profile_is_stable(&r->self) != profile_is_stable(&r->peer) && !both_stable(r);
}

static bool relay_can(const struct strategy_request *r)
{
	return r->relay;
}

static const struct strategy strategies[] = {
	{STRATEGY_DIRECT, "direct", direct_can},
	{STRATEGY_PRIVATE, "private", private_can},
	{STRATEGY_SIMULTANEOUS, "simultaneous", simultaneous_can},
	{STRATEGY_REVERSE, "reverse", reverse_can},
	{STRATEGY_SEQUENTIAL, "sequential", sequential_can},
	{STRATEGY_SYNCHRONISED, "synchronised", synchronised_can},
	{STRATEGY_PREDICT, "predict", predict_can},
	{STRATEGY_BIRTHDAY, "birthday", birthday_can},
	{STRATEGY_RELAY, "relay", relay_can},
};
_Static_assert(ARRAY_SIZE(strategies) == STRATEGY_COUNT, "each strategy has a row");

const struct strategy *strategy_by_id(unsigned id)
{
	for (size_t i = 0; i < ARRAY_SIZE(strategies); i++)
		if (strategies[i].id == id)
			return &strategies[i];
	return NULL;
}

const struct strategy *strategy_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(strategies); i++)
		if (strcmp(strategies[i].name, name) == 0)
			return &strategies[i];
	return NULL;
}

size_t strategy_plan(const struct strategy_request *request,
		     const struct strategy *ret_plan[static STRATEGY_COUNT],
		     enum reason *ret_reason)
{
	bool forbidden = false;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(strategies); i++) {
		const struct strategy *s = &strategies[i];

		if (!s->can_work(request))
			continue;
		if (request->allowed & STRATEGY_BIT(s->id))
			ret_plan[n++] = s;
		else
			forbidden = true;
	}
	*ret_reason = n > 0 ? REASON_NONE : forbidden ? REASON_NOT_ALLOWED : REASON_NO_STRATEGY;
	return n;
}

bool strategy_may_begin_early(const struct profile *self, const struct profile *peer)
{
	return may_be_stable(self) && profile_is_stable(peer) &&
	       (peer->refusal == PROFILE_REFUSAL_NONE || profile_is_open(peer));
}

/* Can it work with one filtering of @filters, which is in @request, and not with another? */
static bool depends_on(const struct strategy *s, const struct strategy_request *request,
		       struct profile *filters)
{
	bool works[2] = {false, false};

	for (int i = PROFILE_FILTERING_EIF; i <= PROFILE_FILTERING_APDF; i++) {
		filters->filtering = (enum profile_filtering)i;
		works[s->can_work(request)] = true;
	}
	return works[false] && works[true];
}

bool strategy_needs_filtering(const struct profile *self, const struct profile *peer,
			      unsigned allowed)
{
	struct strategy_request request = {.self = *self, .peer = *peer};
	struct profile *stable = may_be_stable(self) ? &request.self : &request.peer;

	/* Between two that may be stable there is a way that works whatever it is. */
	if (may_be_stable(self) == may_be_stable(peer) || profile_is_public(stable) ||
	    stable->filtering != PROFILE_FILTERING_UNKNOWN)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(strategies); i++)
		if (allowed & STRATEGY_BIT(strategies[i].id) &&
		    depends_on(&strategies[i], &request, stable))
			return true;
	return false;
}

size_t strategy_spread(uint16_t asked)
{
	return asked == 0 ? 1 : asked < STRATEGY_SPREAD ? asked : STRATEGY_SPREAD;
}

int strategy_parse(const char *list, unsigned *ret_allowed)
{
	unsigned allowed = 0;

	while (*list) {
		size_t len = strcspn(list, ",");
		char name[32];

		if (len >= sizeof(name))
			return -EINVAL;
		(void)memcpy(name, list, len);
		name[len] = '\0';
		if (!strategy_by_name(name))
			return -EINVAL;
		allowed |= STRATEGY_BIT(strategy_by_name(name)->id);
		list += len;
		if (*list && *++list == '\0')
			return -EINVAL;
	}
	if (allowed == 0)
		return -EINVAL;
	*ret_allowed = allowed;
	return 0;
}
