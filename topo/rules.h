/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for nftables rules as data: the chains, sets, maps and named counters
 * of one table, and rules that are lists of typed expressions, the steps of
 * nftables' register machine. They are built here, step by step by rules_steps.h,
 * printed by rules_print() and carried to the kernel by nft.h; nothing in this
 * file knows what the rules are for, and nothing touches the kernel.
 *
 * Building can't fail halfway: memory that ran out is remembered, and
 * rules_ok() asks for it once at the end. Names of interfaces and counters are
 * kept by reference, and are string constants or outlive the rules.
 */
#ifndef TOPO_RULES_H
#define TOPO_RULES_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RULES_CHAINS_MAX   512
#define RULES_SETS_MAX	   32
#define RULES_COUNTERS_MAX 8
#define RULES_FIELDS_MAX   4 /* of a set's key, or its data */
#define RULES_DATA_MAX	   16
#define RULES_NAME_MAX	   32
#define RULES_COMMENT_MAX  64
/* Entries of a set that rules fill. */
#define RULES_SET_SIZE 65536

/** enum rule_step_kind - what a step does; each has its part of struct rule_step */
enum rule_step_kind {
	RULE_META,	/* load a property of the packet */
	RULE_CT,	/* load a property of its connection */
	RULE_PAYLOAD,	/* load bytes of a header */
	RULE_IMMEDIATE, /* load a constant */
	RULE_NUMBER,	/* load a random number, or the next one */
	RULE_HASH,	/* load a hash of other registers */
	RULE_SWAP,	/* a 16-bit number from the machine's byte order to the network's */
	RULE_MASK,	/* clear all bits of the register that the data lacks */
	RULE_CMP,	/* go on only if the register compares so with the data */
	RULE_LOOKUP,	/* go on only if a set has the key, or lacks it; load a map's data */
	RULE_UPDATE,	/* put a key into a set, or begin its time anew */
	RULE_CONNLIMIT, /* go on only if there are more connections than that */
	RULE_LIMIT,	/* go on only if packets come faster than that */
	RULE_COUNT,	/* add the packet to a named counter */
	RULE_NAT,	/* translate an address, and a port */
	RULE_REJECT,	/* answer with an error, and drop */
	RULE_VERDICT,	/* decide, or go to another chain */
};

/**
 * struct rule_step - one expression
 * @reg: the register it loads or reads; of a key in several fields, the first one
 * @source: RULE_HASH: the first of the registers that are hashed, @len bytes;
 *	RULE_UPDATE: the first one of the data, 0 in a set; RULE_NAT: the port's, or 0
 * @dest: RULE_LOOKUP: the register that gets the data, 0 in a set; RULE_NAT: that of
 *	the range's last port, or 0
 * @key: NFT_META_*, NFT_CT_*
 * @direction: RULE_CT: IP_CT_DIR_* for what both directions have, else negative
 * @op: RULE_CMP: NFT_CMP_*; RULE_NUMBER: NFT_NG_*; RULE_UPDATE: NFT_DYNSET_OP_*
 * @base, @offset: RULE_PAYLOAD: NFT_PAYLOAD_*_HEADER, and bytes from there;
 *	RULE_NUMBER, RULE_HASH: @offset is the least number
 * @data, @len: a constant in the order of bytes in which it is compared; @len is
 *	also how much a payload step loads
 * @count: RULE_NUMBER, RULE_HASH: how many numbers there are; RULE_CONNLIMIT,
 *	RULE_LIMIT: the limit; RULE_UPDATE: a connection limit of each entry, or 0
 * @rate: RULE_UPDATE: how many packets a second may meet each entry, one by one; 0: any
 * @seed: RULE_HASH
 * @timeout_ms: RULE_UPDATE: 0 for an entry that stays
 * @set: RULE_LOOKUP, RULE_UPDATE: the set's index
 * @chain: RULE_VERDICT: the chain's index, for NFT_JUMP and NFT_GOTO
 * @inverted: RULE_LOOKUP: go on only if the set lacks the key
 * @name: RULE_COUNT
 * @type: RULE_NAT: NFT_NAT_SNAT or NFT_NAT_DNAT; RULE_REJECT: NFT_REJECT_*
 * @code: RULE_REJECT: the ICMP code; RULE_VERDICT: NF_* or NFT_*
 * @flags: RULE_NAT: NF_NAT_RANGE_*
 */
struct rule_step {
	enum rule_step_kind kind;
	uint32_t reg, source, dest;
	uint32_t key;
	int direction;
	uint32_t op;
	uint32_t base, offset;
	uint8_t data[RULES_DATA_MAX];
	uint32_t len;
	uint32_t count;
	uint32_t rate;
	uint32_t seed;
	uint64_t timeout_ms;
	size_t set;
	size_t chain;
	bool inverted;
	const char *name;
	uint32_t type;
	uint32_t code;
	uint32_t flags;
};

/**
 * struct rule_chain - a base chain, or one that others go to
 * @type: "filter" or "nat"; NULL for a chain without a hook
 * @hook: NF_INET_*
 */
struct rule_chain {
	char name[RULES_NAME_MAX];
	const char *type;
	uint32_t hook;
	int32_t priority;
};

/** enum rule_field - what a register of a key or of data holds */
enum rule_field {
	RULE_FIELD_NONE,
	RULE_FIELD_ADDR,   /* an IPv4 address */
	RULE_FIELD_PORT,   /* in network byte order, in the first two bytes */
	RULE_FIELD_NUMBER, /* in the machine's byte order */
};

/**
 * struct rule_set - a set of keys, or a map from keys to data
 * @key: its fields, a register of four bytes each, up to RULE_FIELD_NONE
 * @data: likewise; none in a set
 * @timeout: its entries have a time to live
 * @transient: it begins anew when the rules are changed
 */
struct rule_set {
	char name[RULES_NAME_MAX];
	enum rule_field key[RULES_FIELDS_MAX + 1];
	enum rule_field data[RULES_FIELDS_MAX + 1];
	bool timeout;
	bool transient;
};

/** struct rule_element - an entry that a set has from the beginning */
struct rule_element {
	size_t set;
	uint8_t key[RULES_FIELDS_MAX * 4];
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
	struct rule_chain *chains;
	size_t n_chains, chains_room;
	struct rule_set sets[RULES_SETS_MAX];
	size_t n_sets;
	struct rule_element *elements;
	size_t n_elements, elements_room;
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
/** rules_add_chain() - a chain that accepts what no rule decides. Return: its index. */
size_t rules_add_chain(struct rules *rules, const struct rule_chain *chain);
/** rules_add_subchain() - a chain without a hook, named so. Return: its index. */
size_t rules_add_subchain(struct rules *rules, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** rules_add_set() - a set or a map. Return: its index. */
size_t rules_add_set(struct rules *rules, const struct rule_set *set);
/** rules_add_element() - an entry of a set without data. */
void rules_add_element(struct rules *rules, const struct rule_element *element);
/** rules_add() - a new rule at the end of @chain; its steps come next. */
void rules_add(struct rules *rules, size_t chain, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** rules_add_step() - a step at the end of the last rule. */
void rules_add_step(struct rules *rules, const struct rule_step *step);

/** rules_fields() - how many fields a set's key or data has. */
size_t rules_fields(const enum rule_field *fields);

/**
 * rules_print() - the whole table as text, one step in brackets after another
 *
 * For tests and for people; the steps read as "nft --debug=netlink" shows them.
 */
void rules_print(const struct rules *rules, FILE *to);
/** rules_print_chain() - one chain of it. */
void rules_print_chain(const struct rules *rules, size_t chain, FILE *to);

/** rules_counts() - does @chain count up numbers? It begins anew when its rules do. */
bool rules_counts(const struct rules *rules, size_t chain);
/** rules_find_chain() - the chain of that name, or SIZE_MAX. */
size_t rules_find_chain(const struct rules *rules, const char *name);
/** rules_find_set() - the set of that name, or SIZE_MAX. */
size_t rules_find_set(const struct rules *rules, const char *name);

#endif
