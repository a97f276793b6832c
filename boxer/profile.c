/* SPDX-License-Identifier: MIT */
#include "boxer/profile.h"

const char *const profile_mapping_names[PROFILE_MAPPING_COUNT] = {
	[PROFILE_MAPPING_UNKNOWN] = "unknown",
	[PROFILE_MAPPING_NONE] = "none",
	[PROFILE_MAPPING_EIM] = "endpoint-independent",
	[PROFILE_MAPPING_ADM] = "address-dependent",
	[PROFILE_MAPPING_APDM] = "address-and-port-dependent",
	[PROFILE_MAPPING_NOT_APDM] = "not-port-dependent",
};

const char *const profile_ports_names[PROFILE_PORTS_COUNT] = {
	[PROFILE_PORTS_UNKNOWN] = "unknown",
	[PROFILE_PORTS_KEPT] = "kept",
	[PROFILE_PORTS_SEQUENTIAL] = "sequential",
	[PROFILE_PORTS_CHANGED] = "changed",
};

const char *const profile_filtering_names[PROFILE_FILTERING_COUNT] = {
	[PROFILE_FILTERING_UNKNOWN] = "unknown",
	[PROFILE_FILTERING_EIF] = "endpoint-independent",
	[PROFILE_FILTERING_ADF] = "address-dependent",
	[PROFILE_FILTERING_APDF] = "address-and-port-dependent",
	[PROFILE_FILTERING_NOT_APDF] = "not-port-dependent",
};

const char *const profile_refusal_names[PROFILE_REFUSAL_COUNT] = {
	[PROFILE_REFUSAL_UNKNOWN] = "unknown",
	[PROFILE_REFUSAL_NONE] = "silent",
	[PROFILE_REFUSAL_REFUSES] = "refuses",
};

/* Do two observers see the same: of one address, or of two? */
struct comparison {
	bool by_port, same_by_port;
	bool by_address, same_by_address;
};

static struct comparison compare(const struct profile_view *views, size_t n)
{
	struct comparison c = {.same_by_port = true, .same_by_address = true};

	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++) {
			bool same = addr_equal(&views[i].seen, &views[j].seen);

			if (addr_same_host(&views[i].observer, &views[j].observer)) {
				c.by_port = true;
				c.same_by_port &= same;
			} else {
				c.by_address = true;
				c.same_by_address &= same;
			}
		}
	return c;
}

static enum profile_mapping mapping_of(const struct comparison *c)
{
	/* The same from two addresses, whatever the ports: nothing depends on either. */
	if (c->by_address && c->same_by_address)
		return c->same_by_port ? PROFILE_MAPPING_EIM : PROFILE_MAPPING_APDM;
	if (!c->by_port)
		return c->by_address ? PROFILE_MAPPING_APDM : PROFILE_MAPPING_UNKNOWN;
	if (!c->same_by_port)
		return PROFILE_MAPPING_APDM;
	return c->by_address ? PROFILE_MAPPING_ADM : PROFILE_MAPPING_NOT_APDM;
}

/* The smallest step between mappings made one after the other; 0 when they don't follow. */
static int step_of(const struct profile_view *views, size_t n)
{
	int step = 0;

	for (size_t i = 1; i < n; i++) {
		int d = (int)views[i].seen.port - (int)views[i - 1].seen.port;

		if (d == 0)
			continue;
		if (d < -PROFILE_STEP_MAX || d > PROFILE_STEP_MAX ||
		    (step != 0 && (step > 0) != (d > 0)))
			return 0;
		if (step == 0 || (d > 0 ? d < step : d > step))
			step = d;
	}
	return step;
}

void profile_measure(struct profile *p, const struct addr *inside, const struct profile_view *views,
		     size_t n)
{
	struct comparison c = compare(views, n);
	int step;

	p->step = 0;
	p->ports = PROFILE_PORTS_UNKNOWN;
	p->mapping = PROFILE_MAPPING_UNKNOWN;
	if (n == 0)
		return;
	if (addr_equal(&views[0].seen, inside) && !addr_is_loopback(inside)) {
		p->mapping = PROFILE_MAPPING_NONE;
		p->ports = PROFILE_PORTS_KEPT;
		return;
	}
	p->mapping = mapping_of(&c);
	step = step_of(views, n);
	if (views[0].seen.port == inside->port) {
		p->ports = PROFILE_PORTS_KEPT;
	} else if (step != 0) {
		p->ports = PROFILE_PORTS_SEQUENTIAL;
		p->step = (int16_t)step;
	} else {
		p->ports = PROFILE_PORTS_CHANGED;
	}
}

bool profile_equal(const struct profile *a, const struct profile *b)
{
	return a->mapping == b->mapping && a->ports == b->ports && a->filtering == b->filtering &&
	       a->refusal == b->refusal && a->step == b->step;
}

bool profile_is_public(const struct profile *p)
{
	return p->mapping == PROFILE_MAPPING_NONE;
}

bool profile_is_stable(const struct profile *p)
{
	return p->mapping == PROFILE_MAPPING_NONE || p->mapping == PROFILE_MAPPING_EIM ||
	       p->mapping == PROFILE_MAPPING_NOT_APDM;
}

bool profile_is_open(const struct profile *p)
{
	return p->mapping == PROFILE_MAPPING_NONE || p->filtering == PROFILE_FILTERING_EIF;
}

bool profile_lets_host(const struct profile *p)
{
	return profile_is_open(p) || p->filtering == PROFILE_FILTERING_ADF ||
	       p->filtering == PROFILE_FILTERING_NOT_APDF;
}

bool profile_is_settled(const struct profile *p)
{
	return profile_is_public(p) || p->filtering != PROFILE_FILTERING_UNKNOWN ||
	       (p->mapping != PROFILE_MAPPING_UNKNOWN && !profile_is_stable(p));
}

bool profile_is_predictable(const struct profile *p)
{
	return profile_is_stable(p) || p->ports == PROFILE_PORTS_KEPT ||
	       p->ports == PROFILE_PORTS_SEQUENTIAL;
}

static bool may_be_stable(const struct profile *p)
{
	return p->mapping == PROFILE_MAPPING_UNKNOWN || profile_is_stable(p);
}

static bool may_be_open(const struct profile *p)
{
	return p->filtering == PROFILE_FILTERING_UNKNOWN || profile_is_open(p);
}

/* @from's port towards @to is anybody's guess; @to has written to where the seed sees @from. */
static bool may_let_in(const struct profile *to, const struct profile *from)
{
	return may_be_stable(to) && (profile_lets_host(to) || may_be_stable(from));
}

bool profile_may_link(const struct profile *a, const struct profile *b)
{
	return may_be_open(a) || may_be_open(b) || may_let_in(a, b) || may_let_in(b, a);
}
