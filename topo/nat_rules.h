/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for what a declared NAT, and the public side, mean as rules. Pure:
 * a declaration goes in, a table of rules comes out.
 */
#ifndef TOPO_NAT_RULES_H
#define TOPO_NAT_RULES_H

#include "base/addr.h"
#include "topo/nat.h"
#include "topo/rules.h"

/* The one table that topo loads into a namespace. */
#define NAT_RULES_TABLE "boxlab"
/* It is there while a NAT is changed, and drops all that comes. */
#define NAT_GATE_TABLE "boxlab-gate"

/**
 * struct nat_site - where a NAT stands
 * @wan: its interface on the public side; outlives the rules
 * @pool: the IPv4 addresses it translates to, as many as it declares
 */
struct nat_site {
	const char *wan;
	struct addr pool[NAT_ADDRESSES_MAX];
};

/**
 * nat_rules() - the rules of a NAT
 * @nat: checked before by nat_check()
 * @ret_rules: initialised here; rules_ok() tells whether it is whole, and
 *	rules_done() frees it in either case
 */
void nat_rules(const struct nat *nat, const struct nat_site *site, struct rules *ret_rules);

/** nat_gate_rules() - nothing passes; @ret_rules as for nat_rules(). */
void nat_gate_rules(struct rules *ret_rules);

/** struct nat_prefix - an IPv4 prefix that the public Internet does not route */
struct nat_prefix {
	struct addr net;
	unsigned int len;
};

/** nat_private_prefixes() - those that the public side knows nothing of. */
const struct nat_prefix *nat_private_prefixes(size_t *ret_n);

/** nat_internet_rules() - the rules of the public side; @ret_rules as for nat_rules(). */
void nat_internet_rules(struct rules *ret_rules);

#endif
