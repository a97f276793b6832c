/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/rules_steps.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

/* Whatever is matched goes through the first register. */
#define REG NFT_REG_1

/* Offsets in an IPv4 header, at the head of TCP and UDP alike, and of TCP. */
#define IP_SADDR	 12
#define IP_DADDR	 16
#define TRANSPORT_SOURCE 0
#define TRANSPORT_DEST	 2
#define TCP_FLAGS	 13

#define SLOTS_PER_REGISTER 4

/* How long an entry is there that nothing meets; the least that all kernels keep time for. */
#define FIRST_MS 1000

/* The kernel knows the registers of 16 bytes and of four, which share their memory,
 * and says the first name where both fit. */
static uint32_t reg_of(int slot)
{
	uint32_t n = (uint32_t)slot;

	return n % SLOTS_PER_REGISTER ? NFT_REG32_00 + n : NFT_REG_1 + n / SLOTS_PER_REGISTER;
}

static void add_data(struct rules *rules, struct rule_step step, const void *data, uint32_t len)
{
	(void)memcpy(step.data, data, len);
	step.len = len;
	rules_add_step(rules, &step);
}

static void add_cmp(struct rules *rules, uint32_t op, const void *data, uint32_t len)
{
	add_data(rules, (struct rule_step){.kind = RULE_CMP, .reg = REG, .op = op}, data, len);
}

static void add_mask(struct rules *rules, const void *mask, uint32_t len)
{
	add_data(rules, (struct rule_step){.kind = RULE_MASK, .reg = REG}, mask, len);
}

static void add_immediate(struct rules *rules, int slot, const void *data, uint32_t len)
{
	add_data(rules, (struct rule_step){.kind = RULE_IMMEDIATE, .reg = reg_of(slot)}, data, len);
}

static void load_meta(struct rules *rules, uint32_t key)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_META, .reg = REG, .key = key});
}

static void load_payload(struct rules *rules, int slot, uint32_t base, uint32_t offset,
			 uint32_t len)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_PAYLOAD,
						  .reg = reg_of(slot),
						  .base = base,
						  .offset = offset,
						  .len = len});
}

static void if_name(struct rules *rules, uint32_t key, uint32_t op, const char *ifname)
{
	char name[IFNAMSIZ] = {0};

	load_meta(rules, key);
	/* With its padding: "wan" is not to match "wan0". */
	(void)snprintf(name, sizeof(name), "%s", ifname);
	add_cmp(rules, op, name, sizeof(name));
}

void rules_if_in(struct rules *rules, const char *ifname)
{
	if_name(rules, NFT_META_IIFNAME, NFT_CMP_EQ, ifname);
}

void rules_unless_in(struct rules *rules, const char *ifname)
{
	if_name(rules, NFT_META_IIFNAME, NFT_CMP_NEQ, ifname);
}

void rules_if_out(struct rules *rules, const char *ifname)
{
	if_name(rules, NFT_META_OIFNAME, NFT_CMP_EQ, ifname);
}

void rules_if_source(struct rules *rules, const struct addr *net, unsigned int prefix_len)
{
	uint32_t mask = htonl(prefix_len ? UINT32_MAX << (32 - prefix_len) : 0);

	rules_load_source(rules, 0);
	if (prefix_len < 32)
		add_mask(rules, &mask, sizeof(mask));
	add_cmp(rules, NFT_CMP_EQ, net->bytes, 4);
}

void rules_if_destination(struct rules *rules, const struct addr *addr)
{
	rules_load_destination(rules, 0);
	add_cmp(rules, NFT_CMP_EQ, addr->bytes, 4);
}

void rules_if_proto(struct rules *rules, uint8_t proto)
{
	load_meta(rules, NFT_META_L4PROTO);
	add_cmp(rules, NFT_CMP_EQ, &proto, sizeof(proto));
}

void rules_if_destination_port(struct rules *rules, uint16_t port)
{
	uint16_t big_endian = htons(port);

	rules_load_destination_port(rules, 0);
	add_cmp(rules, NFT_CMP_EQ, &big_endian, sizeof(big_endian));
}

void rules_if_tcp_flags(struct rules *rules, uint8_t mask, uint8_t flags)
{
	load_payload(rules, 0, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, 1);
	add_mask(rules, &mask, sizeof(mask));
	add_cmp(rules, NFT_CMP_EQ, &flags, sizeof(flags));
}

/* Properties of a connection are numbers of the machine's own byte order. */
static void if_ct_bits(struct rules *rules, uint32_t key, uint32_t bits, uint32_t op)
{
	uint32_t zero = 0;

	rules_load_ct(rules, 0, key, -1);
	add_mask(rules, &bits, sizeof(bits));
	add_cmp(rules, op, &zero, sizeof(zero));
}

void rules_if_ct_state(struct rules *rules, uint32_t states)
{
	if_ct_bits(rules, NFT_CT_STATE, states, NFT_CMP_NEQ);
}

void rules_if_ct_status(struct rules *rules, uint32_t status)
{
	if_ct_bits(rules, NFT_CT_STATUS, status, NFT_CMP_NEQ);
}

void rules_unless_ct_status(struct rules *rules, uint32_t status)
{
	if_ct_bits(rules, NFT_CT_STATUS, status, NFT_CMP_EQ);
}

void rules_if_ct_direction(struct rules *rules, uint8_t direction)
{
	rules_load_ct(rules, 0, NFT_CT_DIRECTION, -1);
	add_cmp(rules, NFT_CMP_EQ, &direction, sizeof(direction));
}

void rules_if_faster(struct rules *rules, uint32_t rate)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_LIMIT, .count = rate});
}

void rules_if_number(struct rules *rules, int slot, uint32_t value)
{
	add_data(rules, (struct rule_step){.kind = RULE_CMP, .reg = reg_of(slot), .op = NFT_CMP_EQ},
		 &value, sizeof(value));
}

void rules_load_source(struct rules *rules, int slot)
{
	load_payload(rules, slot, NFT_PAYLOAD_NETWORK_HEADER, IP_SADDR, 4);
}

void rules_load_destination(struct rules *rules, int slot)
{
	load_payload(rules, slot, NFT_PAYLOAD_NETWORK_HEADER, IP_DADDR, 4);
}

void rules_load_source_port(struct rules *rules, int slot)
{
	load_payload(rules, slot, NFT_PAYLOAD_TRANSPORT_HEADER, TRANSPORT_SOURCE, 2);
}

void rules_load_destination_port(struct rules *rules, int slot)
{
	load_payload(rules, slot, NFT_PAYLOAD_TRANSPORT_HEADER, TRANSPORT_DEST, 2);
}

void rules_load_ct(struct rules *rules, int slot, uint32_t key, int direction)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_CT,
						  .reg = reg_of(slot),
						  .key = key,
						  .direction = direction});
}

void rules_load_addr(struct rules *rules, int slot, const struct addr *addr)
{
	add_immediate(rules, slot, addr->bytes, 4);
}

static void load_port(struct rules *rules, int slot, uint16_t port)
{
	uint16_t big_endian = htons(port);

	add_immediate(rules, slot, &big_endian, sizeof(big_endian));
}

void rules_load_number(struct rules *rules, int slot, uint32_t op, uint32_t first, uint32_t count)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_NUMBER,
						  .reg = reg_of(slot),
						  .op = op,
						  .offset = first,
						  .count = count});
}

void rules_load_hash(struct rules *rules, int slot, int from_slot, uint32_t fields, uint32_t seed,
		     uint32_t first, uint32_t count)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_HASH,
						  .reg = reg_of(slot),
						  .source = reg_of(from_slot),
						  .len = fields * 4,
						  .seed = seed,
						  .offset = first,
						  .count = count});
}

void rules_number_to_port(struct rules *rules, int slot)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_SWAP, .reg = reg_of(slot)});
}

void rules_if_known(struct rules *rules, size_t set, int slot)
{
	rules_add_step(rules,
		       &(struct rule_step){.kind = RULE_LOOKUP, .reg = reg_of(slot), .set = set});
}

void rules_unless_known(struct rules *rules, size_t set, int slot)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_LOOKUP,
						  .reg = reg_of(slot),
						  .set = set,
						  .inverted = true});
}

void rules_if_found(struct rules *rules, size_t map, int slot, int to_slot)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_LOOKUP,
						  .reg = reg_of(slot),
						  .dest = reg_of(to_slot),
						  .set = map});
}

void rules_learn(struct rules *rules, size_t set, int slot, int data_slot, uint64_t timeout_ms)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_UPDATE,
						  .reg = reg_of(slot),
						  .source = data_slot < 0 ? 0 : reg_of(data_slot),
						  .op = timeout_ms ? NFT_DYNSET_OP_UPDATE
								   : NFT_DYNSET_OP_ADD,
						  .set = set,
						  .timeout_ms = timeout_ms});
}

void rules_if_crowded(struct rules *rules, size_t set, int slot, uint32_t limit)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_UPDATE,
						  .reg = reg_of(slot),
						  .op = NFT_DYNSET_OP_ADD,
						  .set = set,
						  .count = limit});
}

void rules_if_first(struct rules *rules, size_t set, int slot, uint32_t rate)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_UPDATE,
						  .reg = reg_of(slot),
						  .op = NFT_DYNSET_OP_ADD,
						  .set = set,
						  .rate = rate,
						  .timeout_ms = FIRST_MS});
}

void rules_if_all_crowded(struct rules *rules, uint32_t limit)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_CONNLIMIT, .count = limit});
}

void rules_count(struct rules *rules, const char *name)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_COUNT, .name = name});
}

void rules_snat(struct rules *rules, const struct addr *addr)
{
	rules_load_addr(rules, 0, addr);
	rules_snat_slots(rules, 0, RULES_NO_SLOT);
}

void rules_snat_random(struct rules *rules, const struct addr *addr, uint16_t min, uint16_t max)
{
	rules_load_addr(rules, 0, addr);
	load_port(rules, 1, min);
	load_port(rules, 2, max);
	rules_add_step(rules, &(struct rule_step){.kind = RULE_NAT,
						  .type = NFT_NAT_SNAT,
						  .reg = reg_of(0),
						  .source = reg_of(1),
						  .dest = reg_of(2),
						  .flags = NF_NAT_RANGE_PROTO_RANDOM_FULLY});
}

static void nat_slots(struct rules *rules, uint32_t type, int addr, int port)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_NAT,
						  .type = type,
						  .reg = reg_of(addr),
						  .source = port < 0 ? 0 : reg_of(port)});
}

void rules_snat_slots(struct rules *rules, int addr, int port)
{
	nat_slots(rules, NFT_NAT_SNAT, addr, port);
}

void rules_dnat_slots(struct rules *rules, int addr, int port)
{
	nat_slots(rules, NFT_NAT_DNAT, addr, port);
}

void rules_dnat(struct rules *rules, const struct addr *to)
{
	rules_load_addr(rules, 0, to);
	if (to->port)
		load_port(rules, 1, to->port);
	rules_dnat_slots(rules, 0, to->port ? 1 : RULES_NO_SLOT);
}

void rules_reject(struct rules *rules, uint32_t type, uint8_t code)
{
	rules_add_step(rules, &(struct rule_step){.kind = RULE_REJECT, .type = type, .code = code});
}

static void add_verdict(struct rules *rules, uint32_t code, size_t chain)
{
	rules_add_step(rules,
		       &(struct rule_step){.kind = RULE_VERDICT, .code = code, .chain = chain});
}

void rules_drop(struct rules *rules)
{
	add_verdict(rules, NF_DROP, 0);
}

void rules_accept(struct rules *rules)
{
	add_verdict(rules, NF_ACCEPT, 0);
}

void rules_jump(struct rules *rules, size_t chain)
{
	add_verdict(rules, (uint32_t)NFT_JUMP, chain);
}

void rules_goto(struct rules *rules, size_t chain)
{
	add_verdict(rules, (uint32_t)NFT_GOTO, chain);
}
