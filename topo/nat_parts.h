/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface between the parts of nat_rules: each adds the rules of one concern.
 * For nat_rules.c and its parts alone.
 */
#ifndef TOPO_NAT_PARTS_H
#define TOPO_NAT_PARTS_H

#include "topo/nat_rules.h"
#include "topo/nat_tables.h"
#include "topo/rules_steps.h"

#define NAT_PROTOS 2

/**
 * struct nat_build - a NAT's rules, half made
 * @protos: TCP, then UDP
 */
struct nat_build {
	struct rules *rules;
	const struct nat *nat;
	const struct nat_site *site;
	struct nat_tables protos[NAT_PROTOS];
};

/** nat_inbound_add() - destination translation: forwards, one-to-one, filtering, hairpin. */
void nat_inbound_add(const struct nat_build *build);
/** nat_outbound_add() - source translation: one-to-one, mapping, choice of the address. */
void nat_outbound_add(const struct nat_build *build);
/**
 * nat_ports_add() - choice of the port, once nothing is remembered
 * @chain: the rules' place
 * @index: of the external address in the pool
 */
void nat_ports_add(const struct nat_build *build, const struct nat_tables *tables, size_t chain,
		   size_t index);
/** nat_blocks_add() - give the inside address a block of ports, if it has none. */
void nat_blocks_add(const struct nat_build *build, const struct nat_tables *tables, size_t chain);
/** nat_learn_add() - remember what was translated. */
void nat_learn_add(const struct nat_build *build);
/** nat_guards_add() - what ends at the router, what may not pass it, limits. */
void nat_guards_add(const struct nat_build *build);

#endif
