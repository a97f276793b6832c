/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for nftables rules as data: the chains and named counters of one
 * table, and rules that are lists of typed expressions, the steps of nftables'
 * register machine. They are built here, printed by rules_print() and carried
 * to the kernel by nft.h; nothing in this file knows what the rules are for, and
 * nothing touches the kernel.
 *
 * Building can't fail halfway: memory that ran out is remembered, and
 * rules_ok() asks for it once at the end. Names are kept by reference, and are
 * string constants or outlive the rules.
 */
#ifndef TOPO_RULES_H
#define TOPO_RULES_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RULES_CHAINS_MAX   8
#define RULES_COUNTERS_MAX 8
#define RULES_DATA_MAX	   16
#define RULES_COMMENT_MAX  64

/** enum rule_step_kind - what a step does; each has its part of struct rule_step */
enum rule_step_kind {
	RULE_META,	/* load a property of the packet */
	RULE_CT,	/* load a property of its connection */
	RULE_PAYLOAD,	/* load bytes of a header */
	RULE_IMMEDIATE, /* load a constant */
	RULE_MASK,	/* clear all bits of the register that the data lacks */
	RULE_CMP,	/* go on only if the register compares so with the data */
	RULE_COUNT,	/* add the packet to a named counter */
	RULE_NAT,	/* translate an address, and a port */
	RULE_REJECT,	/* answer with an error, and drop */
	RULE_VERDICT,	/* decide */
};

/**
 * struct rule_step - one expression
 * @reg: the register it loads or reads; a 4-byte slot is enough for all but names
 * @key: NFT_META_*, NFT_CT_*
 * @op: RULE_CMP: NFT_CMP_*
 * @base, @offset: RULE_PAYLOAD: NFT_PAYLOAD_*_HEADER, and bytes from there
 * @data, @len: a constant in the order of bytes in which it is compared; @len is
 *	also how much a payload step loads
 * @name: RULE_COUNT
 * @type: RULE_NAT: NFT_NAT_SNAT or NFT_NAT_DNAT; RULE_REJECT: NFT_REJECT_*
 * @code: RULE_REJECT: the ICMP code; RULE_VERDICT: NF_DROP or NF_ACCEPT
 * @port_reg: RULE_NAT: holds the port; 0 when it is not chosen
 * @flags: RULE_NAT: NF_NAT_RANGE_*
 */
struct rule_step {
	enum rule_step_kind kind;
	uint32_t reg;
	uint32_t key;
	uint32_t op;
	uint32_t base, offset;
	uint8_t data[RULES_DATA_MAX];
	uint32_t len;
	const char *name;
	uint32_t type;
	uint32_t code;
	uint32_t port_reg;
	uint32_t flags;
};

/**
 * struct rule_chain - a base chain
 * @type: "filter" or "nat"
 * @hook: NF_INET_*
 */
struct rule_chain {
	const char *name;
	const char *type;
	uint32_t hook;
	int32_t priority;
};

/**
 * struct rule - one rule
 * @chain: index of its chain
 * @first_step, @n_steps: its steps, in struct rules.steps
 * @comment: for people who list the rules
 */
struct rule {
	size_t chain;
	size_t first_step, n_steps;
	char comment[RULES_COMMENT_MAX];
};

/** struct rules - one table of family ip; zero-initialise, then rules_init() */
struct rules {
	const char *table;
	struct rule_chain chains[RULES_CHAINS_MAX];
	size_t n_chains;
	const char *counters[RULES_COUNTERS_MAX];
	size_t n_counters;
	struct rule *rules;
	size_t n_rules, rules_room;
	struct rule_step *steps;
	size_t n_steps, steps_room;
	bool failed;
};

/** rules_init() - an empty table. */
void rules_init(struct rules *rules, const char *table);
/** rules_done() - free what was allocated. */
void rules_done(struct rules *rules);
/** rules_ok() - false when memory or room ran out while building. */
bool rules_ok(const struct rules *rules);

/** rules_add_counter() - a named counter. */
void rules_add_counter(struct rules *rules, const char *name);
/** rules_add_chain() - a base chain that accepts what no rule decides. Return: its index. */
size_t rules_add_chain(struct rules *rules, const struct rule_chain *chain);
/** rules_add() - a new rule at the end of @chain; the functions below add to the last one. */
void rules_add(struct rules *rules, size_t chain, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** rules_if_in() - if the packet came in by @ifname. */
void rules_if_in(struct rules *rules, const char *ifname);
/** rules_if_out() - if the packet goes out by @ifname. */
void rules_if_out(struct rules *rules, const char *ifname);
/** rules_if_source() - if the IPv4 source lies in @net/@prefix_len. */
void rules_if_source(struct rules *rules, const struct addr *net, unsigned int prefix_len);
/** rules_if_destination() - if the IPv4 destination is @addr. */
void rules_if_destination(struct rules *rules, const struct addr *addr);
/** rules_if_proto() - if it is of transport protocol @proto. */
void rules_if_proto(struct rules *rules, uint8_t proto);
/** rules_if_destination_port() - if it is to @port; the protocol was matched before. */
void rules_if_destination_port(struct rules *rules, uint16_t port);
/** rules_if_ct_state() - if its connection's state is one of @states (NF_CT_STATE_*_BIT). */
void rules_if_ct_state(struct rules *rules, uint32_t states);
/** rules_unless_ct_status() - if its connection has none of @status (IPS_*). */
void rules_unless_ct_status(struct rules *rules, uint32_t status);
/** rules_count() - add it to the counter @name. */
void rules_count(struct rules *rules, const char *name);
/** rules_snat() - translate its source to @addr; @flags as in struct rule_step. */
void rules_snat(struct rules *rules, const struct addr *addr, uint32_t flags);
/** rules_dnat() - translate its destination to @to, address and port. */
void rules_dnat(struct rules *rules, const struct addr *to);
/** rules_reject() - NFT_REJECT_TCP_RST, or NFT_REJECT_ICMP_UNREACH with @code. */
void rules_reject(struct rules *rules, uint32_t type, uint8_t code);
/** rules_drop() - drop it. */
void rules_drop(struct rules *rules);

/**
 * rules_print() - the whole table as text, one step in brackets after another
 *
 * For tests and for people; the steps read as "nft --debug=netlink" shows them.
 */
void rules_print(const struct rules *rules, FILE *to);

#endif
