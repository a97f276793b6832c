/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A port is tried by a rule that puts it together with the external address, goes
 * on only if the two are in use by no mapping, and translates. A rule that does
 * not go on leaves the packet to the next one, so trying again is to jump to
 * the same rule once more: then a counter that lies in the rule goes on, and ports
 * that are given one after another stay so even where some are taken.
 *
 * Two packets that are translated at once, each on a processor of its own, may both find
 * a port free: that it is in use is learnt when they leave. So it is claimed before,
 * and the kernel lets one packet alone go on with the same claim for a while.
 *
 * When all tries have failed, a port that serves one remote endpoint alone may be
 * shared, which the kernel sees to; else the flow is dropped.
 */
#include "topo/nat_parts.h"

#include "base/cleanup.h"
#include "topo/topo.h"

#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>

/* Tries by random, or by the next number: eight times eight. At 90 of 100 ports taken
 * one new mapping of a thousand finds none; at half of them, none fails. */
#define TRIES	     8
#define SEEDS	     8
#define BLOCKS	     64
#define HASHED	     4 /* the first slot of what is hashed */
#define BLOCK	     4 /* the slot of a block's number */
#define SEED_UP	     0x9e3779b9U
#define CLAIMS_PER_S 100 /* of one port; it is long in use when the next one may come */

struct ports {
	struct rules *rules;
	const struct nat *nat;
	const struct nat_tables *tables;
	const struct addr *external;
	size_t index;
};

static uint32_t range(const struct nat *nat)
{
	return (uint32_t)nat->port_max - nat->port_min + 1;
}

/* How many blocks there are at each external address. The rules grow with them. */
static uint32_t blocks(const struct nat *nat)
{
	uint32_t n = range(nat) / nat->block_size;
	uint32_t most = BLOCKS / nat->addresses;

	return n < most ? n : most;
}

/* The address and the port are in slots 0 and 1. */
static void unless_taken(const struct ports *p)
{
	if (p->tables->reserved != NAT_NO_TABLE)
		rules_unless_known(p->rules, p->tables->reserved, 1);
	for (unsigned int i = 0; i < p->tables->clocks; i++)
		rules_unless_known(p->rules, p->tables->used[i], 0);
	rules_if_first(p->rules, p->tables->claimed, 0, CLAIMS_PER_S);
}

static void translate_if_free(const struct ports *p)
{
	unless_taken(p);
	rules_snat_slots(p->rules, 0, 1);
}

static void try_number(const struct ports *p, size_t chain, uint32_t op)
{
	rules_add(p->rules, chain, "%s port if it is free",
		  op == NFT_NG_RANDOM ? "a random" : "the next");
	rules_load_addr(p->rules, 0, p->external);
	rules_load_number(p->rules, 1, op, p->nat->port_min, range(p->nat));
	rules_number_to_port(p->rules, 1);
	translate_if_free(p);
}

static void try_often(const struct ports *p, size_t chain, size_t try, const char *name)
{
	size_t tries = rules_add_subchain(p->rules, "%s_%s_8_%zu", p->tables->name, name, p->index);

	for (int i = 0; i < TRIES; i++) {
		rules_add(p->rules, tries, "try");
		rules_jump(p->rules, try);
	}
	for (int i = 0; i < TRIES; i++) {
		rules_add(p->rules, chain, "try %s", name);
		rules_jump(p->rules, tries);
	}
}

static size_t add_numbers(const struct ports *p, const char *name, uint32_t op)
{
	size_t chain = rules_add_subchain(p->rules, "%s_%s_%zu", p->tables->name, name, p->index);

	try_number(p, chain, op);
	return chain;
}

static void add_random(const struct ports *p, size_t chain)
{
	try_often(p, chain, add_numbers(p, "random", NFT_NG_RANDOM), "random");
}

/* A run of ports that are taken, as after a change that began the count anew, may be
 * longer than all tries. */
static void add_sequential(const struct ports *p, size_t chain)
{
	try_often(p, chain, add_numbers(p, "next", NFT_NG_INCREMENTAL), "next");
	add_random(p, chain);
}

/*
 * A flow may live on in the tracker when nothing is remembered of it any more. If it
 * has the port towards the very same remote endpoint, a translation to exactly that
 * port is dropped, and so is every retry. A mapping for one remote endpoint leaves the
 * port to the kernel instead, which keeps it unless it is in the way.
 */
static void add_preserving(const struct ports *p, size_t chain)
{
	bool one = p->tables->behaviour->mapping == NAT_MAPPING_APDM;

	rules_add(p->rules, chain, "the same port if it is free");
	rules_load_addr(p->rules, 0, p->external);
	rules_load_source_port(p->rules, 1);
	unless_taken(p);
	rules_snat_slots(p->rules, 0, one ? RULES_NO_SLOT : 1);
}

/* What is hashed is what the mapping is for. */
static void add_seeded(const struct ports *p, size_t chain)
{
	enum nat_mapping mapping = p->tables->behaviour->mapping;
	uint32_t fields = mapping == NAT_MAPPING_EIM ? 2 : mapping == NAT_MAPPING_ADM ? 3 : 4;

	for (uint32_t i = 0; i < SEEDS; i++) {
		rules_add(p->rules, chain, "hashed port %u if it is free", i);
		rules_load_source(p->rules, HASHED);
		rules_load_source_port(p->rules, HASHED + 1);
		if (fields > 2)
			rules_load_ct(p->rules, HASHED + 2, NFT_CT_DST_IP, IP_CT_DIR_ORIGINAL);
		if (fields > 3)
			rules_load_ct(p->rules, HASHED + 3, NFT_CT_PROTO_DST, IP_CT_DIR_ORIGINAL);
		rules_load_addr(p->rules, 0, p->external);
		rules_load_hash(p->rules, 1, HASHED, fields, p->nat->hash_seed + i * SEED_UP,
				p->nat->port_min, range(p->nat));
		rules_number_to_port(p->rules, 1);
		translate_if_free(p);
	}
	add_random(p, chain);
}

/* One rule for each block, since there is no adding of numbers. */
static void add_blocks(const struct ports *p, size_t chain)
{
	size_t try = rules_add_subchain(p->rules, "%s_block_%zu", p->tables->name, p->index);

	for (uint32_t i = 0; i < blocks(p->nat); i++) {
		rules_add(p->rules, try, "a random port of block %u if it is free", i);
		rules_load_source(p->rules, 0);
		rules_if_found(p->rules, p->tables->block, 0, BLOCK);
		rules_if_number(p->rules, BLOCK, i);
		rules_load_addr(p->rules, 0, p->external);
		rules_load_number(p->rules, 1, NFT_NG_RANDOM,
				  p->nat->port_min + i * p->nat->block_size, p->nat->block_size);
		rules_number_to_port(p->rules, 1);
		translate_if_free(p);
	}
	try_often(p, chain, try, "block");
}

void nat_blocks_add(const struct nat_build *build, const struct nat_tables *tables, size_t chain)
{
	size_t next = rules_add_subchain(build->rules, "%s_blocks", tables->name);

	rules_add(build->rules, chain, "give a block");
	rules_jump(build->rules, next);
	rules_add(build->rules, next, "a block for an inside address that has none");
	rules_load_source(build->rules, 0);
	rules_unless_known(build->rules, tables->block, 0);
	rules_load_number(build->rules, BLOCK, NFT_NG_INCREMENTAL, 0, blocks(build->nat));
	rules_learn(build->rules, tables->block, 0, BLOCK, 0);
}

static void add_last_resort(const struct ports *p, size_t chain)
{
	if (p->tables->behaviour->allocation == NAT_ALLOCATION_BLOCK ||
	    nat_tables_is_exclusive(p->tables)) {
		rules_add(p->rules, chain, "no port is free");
		rules_count(p->rules, TOPO_COUNTER_LIMITED);
		rules_drop(p->rules);
	} else {
		rules_add(p->rules, chain, "a port that serves another remote endpoint too");
		rules_snat_random(p->rules, p->external, p->nat->port_min, p->nat->port_max);
	}
}

void nat_ports_add(const struct nat_build *build, const struct nat_tables *tables, size_t chain,
		   size_t index)
{
	const struct nat_behaviour *b = tables->behaviour;
	struct ports p = {build->rules, build->nat, tables, &build->site->pool[index], index};
	bool keep = b->allocation == NAT_ALLOCATION_PRESERVE;

	if (keep && b->conflict == NAT_CONFLICT_OVERLOAD) {
		rules_add(p.rules, chain, "the same port, for different remote endpoints");
		rules_snat(p.rules, p.external);
		return;
	}
	if (tables->used[0] == NAT_NO_TABLE) {
		rules_add(p.rules, chain, "a random port for each connection");
		rules_snat_random(p.rules, p.external, p.nat->port_min, p.nat->port_max);
		return;
	}
	if (keep)
		add_preserving(&p, chain);
	if (b->allocation == NAT_ALLOCATION_SEQUENTIAL ||
	    (keep && b->conflict == NAT_CONFLICT_SEQUENTIAL))
		add_sequential(&p, chain);
	else if (b->allocation == NAT_ALLOCATION_SEEDED)
		add_seeded(&p, chain);
	else if (b->allocation == NAT_ALLOCATION_BLOCK)
		add_blocks(&p, chain);
	else
		add_random(&p, chain);
	add_last_resort(&p, chain);
}
