/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * Two NATs, one behind the other, are as strict as the stricter of them is in each
 * respect: a mapping is the same towards everybody only if both of them make it so,
 * and whoever wants in must get past both. Two things follow the order. A packet
 * from outside meets the outer one first, so it is that one's answer that a stranger
 * gets, unless it is open. And the outer one gives a port to what the inner one has
 * made of the inside port: to count on, it must either count by itself, or keep what
 * can be counted on.
 */
#include "topo/theory_side.h"

/* A port that several mappings may use at a time stays the same for all. */
static bool is_stable(const struct nat_behaviour *b)
{
	return b->mapping == NAT_MAPPING_EIM || b->mapping == NAT_MAPPING_NONE ||
	       (b->allocation == NAT_ALLOCATION_PRESERVE && b->conflict == NAT_CONFLICT_OVERLOAD);
}

static enum side_ports ports_of(const struct nat_behaviour *b)
{
	if (b->mapping == NAT_MAPPING_NONE || b->allocation == NAT_ALLOCATION_PRESERVE)
		return SIDE_PORTS_OWN;
	return b->allocation == NAT_ALLOCATION_SEQUENTIAL ? SIDE_PORTS_NEXT : SIDE_PORTS_ANY;
}

struct side side_of(const struct nat *nat, const struct nat_behaviour *b)
{
	bool translates = b->mapping != NAT_MAPPING_NONE;
	bool one_address = nat->addresses <= 1 || nat->pooling == NAT_POOLING_PAIRED;
	struct side side = {
		.nat = translates,
		.ports = ports_of(b),
		.open = !translates || b->filtering == NAT_FILTERING_EIF,
		.by_address = b->filtering == NAT_FILTERING_ADF,
		.simultaneous = !translates || nat->simultaneous_open,
		.strict = translates && nat->tcp_tracking == NAT_TCP_STRICT,
		.refuses = nat->unsolicited,
	};

	/* Mappings of several addresses may overload a port, but not know of each other. */
	side.stable = is_stable(b) && (one_address || b->mapping == NAT_MAPPING_EIM || !translates);
	side.same_address = side.stable || one_address;
	if (side.open)
		side.refuses = NAT_UNSOLICITED_DROP;
	return side;
}

static enum side_ports ports_behind(const struct side *inner, const struct side *outer)
{
	return outer->ports == SIDE_PORTS_OWN ? inner->ports : outer->ports;
}

struct side side_behind(const struct side *inner, const struct side *outer)
{
	struct side side = {
		.nat = true,
		.stable = inner->stable && outer->stable,
		.same_address = inner->same_address && outer->same_address,
		.ports = ports_behind(inner, outer),
		.open = inner->open && outer->open,
		.simultaneous = inner->simultaneous && outer->simultaneous,
		.strict = inner->strict || outer->strict,
		.refuses = outer->open ? inner->refuses : outer->refuses,
	};

	if (!inner->nat)
		return *outer;
	if (!outer->nat)
		return *inner;
	side.by_address = !side.open && (inner->open || inner->by_address) &&
			  (outer->open || outer->by_address);
	return side;
}

bool side_lets_in(const struct side *to, const struct side *from)
{
	if (to->open)
		return true;
	if (!to->stable)
		return false;
	return to->by_address ? from->same_address : from->stable;
}
