/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for sides: what matters of a NAT, or of two NATs one behind the other,
 * to theory (topo/theory). Pure, as all of it.
 */
#ifndef TOPO_THEORY_SIDE_H
#define TOPO_THEORY_SIDE_H

#include "topo/nat.h"

/** enum side_ports - how the external port of a new mapping can be known in advance */
enum side_ports {
	SIDE_PORTS_ANY,	 /* not at all */
	SIDE_PORTS_OWN,	 /* it is the inside one, as long as that has no other mapping */
	SIDE_PORTS_NEXT, /* it follows the one of the mapping before */
};

/**
 * struct side - what matters of a NAT
 * @nat: false: there is none, the machine is public
 * @stable: towards the peer it uses the endpoint that the rendezvous saw
 * @same_address: at least the address of that endpoint
 * @ports: of mappings, where they are not stable
 * @open: anybody may write to that endpoint
 * @by_address: whoever has an address that was written to may
 * @simultaneous: a SYN may come in where one went out
 * @strict: it checks sequence numbers
 * @refuses: how a packet that it does not let in is answered; DROP when @open
 */
struct side {
	bool nat;
	bool stable, same_address;
	enum side_ports ports;
	bool open, by_address;
	bool simultaneous;
	bool strict;
	enum nat_unsolicited refuses;
};

/** side_of() - @behaviour: the part of @nat that counts, TCP's or UDP's. */
struct side side_of(const struct nat *nat, const struct nat_behaviour *behaviour);
/** side_behind() - @inner behind @outer, seen as one. */
struct side side_behind(const struct side *inner, const struct side *outer);
/** side_lets_in() - may what @from sends come in at @to, once @to has written to its endpoint? */
bool side_lets_in(const struct side *to, const struct side *from);

#endif
