/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * Both machines may connect, listen, and keep a socket that waits for an answer; each
 * knows what the NATs are like, and can tell the other when it is its turn. A way is
 * looked for in this order:
 *
 *  1. One side lets the other in from whatever port, being open, or by address once
 *     it has written there. Its machine listens, whichever of the two wanted the
 *     connection. No SYN of its own is in that flow, so nothing can happen to it.
 *  2. Otherwise both ports must be known, and the SYNs of both sides are one flow.
 *     Who sends first makes a hole; it must still be there when the other's SYN
 *     arrives. It is if the other NAT was silent, and so is the socket that waits. An
 *     ICMP error ends the socket and leaves the hole: then a listener must answer,
 *     which a strict tracker does not let through. After a reset there is nothing.
 *     Where that fails in either order, only SYNs that cross on the way get through.
 *  3. A port that is not the one which the rendezvous saw is known if the NAT gives
 *     them in turn, or lets a fresh inside port keep its number.
 *  4. One side's port that can't be known is guessed: that side opens many, the
 *     other, whose mapping must be stable, tries many.
 *
 * Left out is what needs more than that: SYNs that die on the way to the other NAT,
 * and guessing at a NAT that filters by address.
 */
#include "topo/theory_ways.h"

static struct theory direct(const char *why)
{
	return (struct theory){THEORY_DIRECT, why};
}

static struct theory fails(const char *why)
{
	return (struct theory){THEORY_FAILS, why};
}

/* Does @to let @from in, whatever port that comes from? */
static bool admits(const struct side *to, const struct side *from)
{
	return to->open || (to->by_address && side_lets_in(to, from));
}

/*
 * What @first's SYN draws at @second's NAT. One that lets no SYN in where one went out
 * is silent about it: there it helps to have met silence oneself before.
 */
static enum nat_unsolicited answer(const struct side *first, const struct side *second)
{
	if (!second->simultaneous && first->refuses == NAT_UNSOLICITED_DROP)
		return NAT_UNSOLICITED_DROP;
	return second->refuses;
}

/* Can a SYN come in at @first for certain, after its own has gone out? */
static bool waits(const struct side *first, const struct side *second)
{
	switch (answer(first, second)) {
	case NAT_UNSOLICITED_DROP:
		return first->simultaneous;
	case NAT_UNSOLICITED_ICMP:
		return first->simultaneous && !first->strict;
	case NAT_UNSOLICITED_RST:
		break;
	}
	return false;
}

static bool is_known(const struct side *side)
{
	return side->stable || (side->same_address && side->ports != SIDE_PORTS_ANY);
}

/* Both ports are known. */
static struct theory same_flow(const struct side *a, const struct side *b)
{
	if (!a->simultaneous && !b->simultaneous)
		return fails("neither NAT lets a SYN in where one went out");
	if (!waits(a, b) && !waits(b, a))
		return (struct theory){THEORY_TIMING,
				       "whoever sends first is refused, which ends what it has "
				       "opened, unless the SYNs cross on the way"};
	if (a->stable && b->stable)
		return direct("both mappings are endpoint-independent, and who sends first waits "
			      "for the other's SYN");
	return (struct theory){THEORY_PREDICTED,
			       a->stable || b->stable
				       ? "one mapping depends on the destination, but its port "
					 "can be predicted"
				       : "both mappings depend on the destination, but their "
					 "ports can be predicted"};
}

/* Why nobody can guess; NULL when one can. @random: a side whose port is not known. */
static const char *why_not_guessed(const struct side *random, const struct side *other)
{
	if (!random->same_address)
		return "a mapping's address depends on the destination, and so does its port";
	if (!other->stable)
		return "both mappings depend on the destination, and one of them can't be "
		       "predicted";
	if (!waits(random, other) && !waits(other, random))
		return "one mapping can't be predicted, and who sends first is refused, so that "
		       "nothing is left to be guessed";
	return NULL;
}

static struct theory guessed(const struct side *a, const struct side *b)
{
	const char *why = is_known(a) ? why_not_guessed(b, a) : why_not_guessed(a, b);

	if (why)
		return fails(why);
	return (struct theory){THEORY_GUESSED,
			       "one mapping depends on the destination and can't be predicted, but "
			       "the other side may try many of its ports"};
}

struct theory theory_all_ways(const struct side *a, const struct side *b)
{
	if (!b->nat)
		return direct("the listening side is public");
	if (!a->nat)
		return direct("the connecting side is public, and may be connected to");
	if (admits(b, a))
		return direct("the listening side's NAT lets the connecting side in, from whatever "
			      "port");
	if (admits(a, b))
		return direct("the connecting side's NAT lets the listening side in, from whatever "
			      "port");
	if (is_known(a) && is_known(b))
		return same_flow(a, b);
	return guessed(a, b);
}
