/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * What matters of a NAT is reduced to a struct side (topo/theory_side). Then two
 * questions are asked; of all ways together, others (topo/theory_ways).
 *
 * Who lets the other in? A NAT is written to at the endpoint that the rendezvous
 * saw. With endpoint-independent filtering it lets anybody in there. With a
 * narrower one it lets in whom its own machine wrote to *from that endpoint*:
 * so its mapping must be the same towards the peer as it was towards the
 * rendezvous ("stable"), and the peer must come from where it was written to:
 * from the same address, and for address- and port-dependent filtering from the
 * same port, so that the peer's mapping must be stable as well.
 *
 * What becomes of a SYN on the way? When both mappings are stable, the SYNs of
 * both sides are of one flow, and these things can happen to it:
 *  - a NAT that does not know simultaneous open refuses a SYN where one went out;
 *  - a reset in answer to a SYN (by a NAT, or by the machine behind an open one
 *    when it does not listen) ends the flow, and with it the hole that the SYN
 *    has made; what filters by address alone, or not at all, stays open;
 *  - an ICMP error ends the socket and not the flow. A SYN that comes in then, or
 *    after the socket was closed, is answered by the listener, with a sequence
 *    number that a strict tracker does not expect in this flow: it drops the
 *    answer, unless that number is by chance within the window, as it is for the
 *    first milliseconds.
 * When a mapping is not stable, the two SYNs are two flows, and none of this is
 * in the way of the other.
 */
#include "topo/theory.h"

#include "topo/theory_side.h"
#include "topo/theory_ways.h"

#include <stddef.h>
#include <string.h>

const char *const theory_technique_names[] = {
	[THEORY_TCP_PARALLEL] = "tcp-parallel",
	[THEORY_TCP_SEQUENTIAL] = "tcp-sequential",
	[THEORY_TCP_SEQUENTIAL_KEEP] = "tcp-sequential-keep",
	[THEORY_UDP] = "udp",
	[THEORY_BOXER] = "boxer",
	NULL,
};

const char *const theory_verdict_names[] = {
	[THEORY_DIRECT] = "direct",	  [THEORY_FAILS] = "fails",	[THEORY_TIMING] = "timing",
	[THEORY_PREDICTED] = "predicted", [THEORY_GUESSED] = "guessed", NULL,
};

enum theory_technique theory_technique_find(const char *name)
{
	int i = 0;

	while (theory_technique_names[i] && strcmp(theory_technique_names[i], name) != 0)
		i++;
	return (enum theory_technique)i;
}

const struct nat_behaviour *theory_behaviour(enum theory_technique technique, const struct nat *nat)
{
	return technique == THEORY_UDP ? &nat->udp : &nat->tcp;
}

static struct theory direct(const char *why)
{
	return (struct theory){THEORY_DIRECT, why};
}

static struct theory fails(const char *why)
{
	return (struct theory){THEORY_FAILS, why};
}

static struct theory timing(const char *why)
{
	return (struct theory){THEORY_TIMING, why};
}

/* Why @to does not let @from in. */
static const char *why_shut(const struct side *to, const struct side *from)
{
	if (!to->stable)
		return "the listening side's mapping towards the connecting side is not the one that the "
		       "rendezvous saw, and that one lets nobody else in";
	return from->same_address
		       ? "the connecting side comes from another port than the one that was written to"
		       : "the connecting side comes from another address than the one that was written to";
}

/* ---- both at once ---- */

/*
 * Does a SYN come in at @to for certain? Its hole must not be closed by a reset
 * that its own SYN draws, unless it is open without that flow.
 */
static bool certain_way(const struct side *to, const struct side *from)
{
	return to->simultaneous &&
	       (to->open || to->by_address || from->refuses != NAT_UNSOLICITED_RST);
}

/* Can one come in where none may come in after one has gone out? Before that, or once a
 * reset has ended that flow and left the filter open. */
static bool other_way(const struct side *to, const struct side *from)
{
	return to->open || (to->by_address && from->refuses == NAT_UNSOLICITED_RST);
}

/* Is it answered, after an ICMP error, by a listener, which @side's tracker does not expect? */
static bool icmp_trap(const struct side *side, const struct side *peer)
{
	return side->strict && peer->refuses == NAT_UNSOLICITED_ICMP;
}

static struct theory one_flow(const struct side *a, const struct side *b)
{
	if (!a->simultaneous && !b->simultaneous && !other_way(a, b) && !other_way(b, a))
		return fails("neither NAT lets a SYN in where one went out");
	if (!certain_way(a, b) && !certain_way(b, a)) {
		if (!a->simultaneous || !b->simultaneous)
			return timing("a SYN must arrive while no other is out, or cross it, for "
				      "a NAT refuses simultaneous open");
		return timing("each SYN is answered with a reset, which closes the hole it made, "
			      "unless the SYNs cross on the way");
	}
	if (icmp_trap(a, b) || icmp_trap(b, a))
		return timing("an ICMP error may end the socket whose SYN a strict tracker "
			      "remembers");
	if (a->open || b->open)
		return direct("a NAT, or none, lets the other's SYN in at once");
	return direct("both mappings are endpoint-independent, and each SYN opens the way for the "
		      "other");
}

static struct theory two_flows(const struct side *a, const struct side *b)
{
	bool in_a = side_lets_in(a, b), in_b = side_lets_in(b, a);

	if (in_a && in_b)
		return direct("each lets the other in, from whatever port");
	if (in_a)
		return direct(
			"the connecting side's NAT lets the listening side in, from whatever port");
	if (in_b)
		return direct(
			"the listening side's NAT lets the connecting side in, from whatever port");
	if (!a->stable && !b->stable)
		return fails("both mappings depend on the destination, and neither NAT lets "
			     "strangers in");
	return fails("one mapping depends on the destination, and the other NAT lets in only what "
		     "comes from the port it has written to");
}

/* ---- one after the other ---- */

/* The listening side's SYN is answered with a reset: by the NAT, or by a machine that
 * does not listen. */
static bool draws_reset(const struct side *a)
{
	return a->open || a->refuses == NAT_UNSOLICITED_RST;
}

static struct theory after_reset(const struct side *b)
{
	if (!b->open && !b->by_address)
		return timing(
			"a reset answers the listening side's SYN and closes the hole, unless "
			"the connecting side's SYN is faster");
	if (!b->simultaneous)
		return timing(
			"the listening side's NAT refuses a SYN where one went out, until the "
			"reset has ended that");
	return direct(
		"the listening side's NAT stays open for the connecting side, although its SYN was "
		"answered with a reset");
}

/* The listening side's NAT refuses the SYN, and there was no reset. */
static struct theory no_simultaneous_open(const struct side *a, bool keeps)
{
	if (!keeps || !a->simultaneous)
		return fails("the listening side's NAT lets no SYN in where one went out");
	if (a->refuses == NAT_UNSOLICITED_ICMP)
		return timing("an ICMP error may end the socket whose second SYN would get "
			      "through");
	return direct("the socket that was kept repeats its SYN, and the connecting side's NAT "
		      "lets it in by then");
}

static struct theory sequential(const struct side *a, const struct side *b, bool keeps)
{
	if (!side_lets_in(b, a))
		return fails(why_shut(b, a));
	if (!b->nat)
		return direct("the listening side is public");
	if (!a->stable || !b->stable)
		return direct(
			"the listening side's NAT lets the connecting side in, from whatever port");
	if (draws_reset(a))
		return after_reset(b);
	if (!b->simultaneous)
		return no_simultaneous_open(a, keeps);
	if (b->strict && !keeps)
		return timing("a strict tracker expects the sequence numbers of the closed socket: "
			      "the listener's are near them for a few milliseconds at best");
	if (b->strict && a->refuses == NAT_UNSOLICITED_ICMP)
		return timing("an ICMP error may end the socket whose SYN a strict tracker "
			      "remembers");
	if (keeps && a->refuses == NAT_UNSOLICITED_DROP)
		return direct(
			"the connecting side's SYN meets the socket that was kept: a simultaneous open");
	return direct("the listening side's SYN has opened the way, and a liberal tracker lets its "
		      "listener answer");
}

static struct theory predict(enum theory_technique technique, const struct side *from,
			     const struct side *to)
{
	switch (technique) {
	case THEORY_TCP_PARALLEL:
		return from->stable && to->stable ? one_flow(from, to) : two_flows(from, to);
	case THEORY_TCP_SEQUENTIAL:
		return sequential(from, to, false);
	case THEORY_TCP_SEQUENTIAL_KEEP:
		return sequential(from, to, true);
	case THEORY_UDP:
		if (!from->stable || !to->stable)
			return two_flows(from, to);
		return direct("both mappings are endpoint-independent: each one's datagrams open "
			      "the way for the other's");
	case THEORY_BOXER:
		return theory_all_ways(from, to);
	case THEORY_TECHNIQUES:
		break;
	}
	return fails("there is no such technique");
}

struct theory theory_predict(enum theory_technique technique, const struct nat *a,
			     const struct nat *b)
{
	struct side from = side_of(a, theory_behaviour(technique, a));
	struct side to = side_of(b, theory_behaviour(technique, b));

	return predict(technique, &from, &to);
}

struct theory theory_predict_behind(enum theory_technique technique, const struct nat *a,
				    const struct nat *b, const struct nat *carrier)
{
	struct side outer = side_of(carrier, theory_behaviour(technique, carrier));
	struct side from = side_of(a, theory_behaviour(technique, a));
	struct side to = side_of(b, theory_behaviour(technique, b));

	from = side_behind(&from, &outer);
	to = side_behind(&to, &outer);
	return predict(technique, &from, &to);
}
