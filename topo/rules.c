/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/rules.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The first 16-byte register holds whatever is matched; the second one a port
 * that goes with an address in the first. */
#define REG	 NFT_REG_1
#define REG_PORT NFT_REG_2

/* Offsets in an IPv4 header and at the head of TCP and UDP alike. */
#define IP_SADDR       12
#define IP_DADDR       16
#define TRANSPORT_DEST 2

void rules_init(struct rules *rules, const char *table)
{
	(void)memset(rules, 0, sizeof(*rules));
	rules->table = table;
}

void rules_done(struct rules *rules)
{
	free(rules->rules);
	free(rules->steps);
	rules_init(rules, rules->table);
}

bool rules_ok(const struct rules *rules)
{
	return !rules->failed;
}

/* Room for one more element of @size in an array of @n; false when there is none. */
static bool make_room(struct rules *rules, void **array, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 32;
	void *moved;

	if (rules->failed)
		return false;
	if (n < *room)
		return true;
	moved = reallocarray(*array, more, size);
	if (!moved) {
		rules->failed = true;
		return false;
	}
	*array = moved;
	*room = more;
	return true;
}

void rules_add_counter(struct rules *rules, const char *name)
{
	if (rules->n_counters == RULES_COUNTERS_MAX)
		rules->failed = true;
	else
		rules->counters[rules->n_counters++] = name;
}

size_t rules_add_chain(struct rules *rules, const struct rule_chain *chain)
{
	if (rules->n_chains == RULES_CHAINS_MAX) {
		rules->failed = true;
		return 0;
	}
	rules->chains[rules->n_chains] = *chain;
	return rules->n_chains++;
}

void rules_add(struct rules *rules, size_t chain, const char *fmt, ...)
{
	void *array = rules->rules;
	struct rule *rule;
	va_list ap;

	if (!make_room(rules, &array, rules->n_rules, &rules->rules_room, sizeof(*rules->rules)))
		return;
	rules->rules = array;
	rule = &rules->rules[rules->n_rules++];
	*rule = (struct rule){.chain = chain, .first_step = rules->n_steps};
	va_start(ap, fmt);
	(void)vsnprintf(rule->comment, sizeof(rule->comment), fmt, ap);
	va_end(ap);
}

static void add_step(struct rules *rules, const struct rule_step *step)
{
	void *array = rules->steps;

	if (!make_room(rules, &array, rules->n_steps, &rules->steps_room, sizeof(*rules->steps)))
		return;
	rules->steps = array;
	rules->steps[rules->n_steps++] = *step;
	rules->rules[rules->n_rules - 1].n_steps++;
}

static void add_cmp(struct rules *rules, uint32_t op, const void *data, uint32_t len)
{
	struct rule_step step = {.kind = RULE_CMP, .reg = REG, .op = op, .len = len};

	(void)memcpy(step.data, data, len);
	add_step(rules, &step);
}

static void add_mask(struct rules *rules, const void *mask, uint32_t len)
{
	struct rule_step step = {.kind = RULE_MASK, .reg = REG, .len = len};

	(void)memcpy(step.data, mask, len);
	add_step(rules, &step);
}

static void add_immediate(struct rules *rules, uint32_t reg, const void *data, uint32_t len)
{
	struct rule_step step = {.kind = RULE_IMMEDIATE, .reg = reg, .len = len};

	(void)memcpy(step.data, data, len);
	add_step(rules, &step);
}

static void load_meta(struct rules *rules, uint32_t key)
{
	add_step(rules, &(struct rule_step){.kind = RULE_META, .reg = REG, .key = key});
}

static void load_ct(struct rules *rules, uint32_t key)
{
	add_step(rules, &(struct rule_step){.kind = RULE_CT, .reg = REG, .key = key});
}

static void load_payload(struct rules *rules, uint32_t base, uint32_t offset, uint32_t len)
{
	add_step(rules, &(struct rule_step){.kind = RULE_PAYLOAD,
					    .reg = REG,
					    .base = base,
					    .offset = offset,
					    .len = len});
}

static void if_name(struct rules *rules, uint32_t key, const char *ifname)
{
	char name[IFNAMSIZ] = {0};

	load_meta(rules, key);
	/* With its padding: "wan" is not to match "wan0". */
	(void)snprintf(name, sizeof(name), "%s", ifname);
	add_cmp(rules, NFT_CMP_EQ, name, sizeof(name));
}

void rules_if_in(struct rules *rules, const char *ifname)
{
	if_name(rules, NFT_META_IIFNAME, ifname);
}

void rules_if_out(struct rules *rules, const char *ifname)
{
	if_name(rules, NFT_META_OIFNAME, ifname);
}

void rules_if_source(struct rules *rules, const struct addr *net, unsigned int prefix_len)
{
	uint32_t mask = htonl(prefix_len ? UINT32_MAX << (32 - prefix_len) : 0);

	load_payload(rules, NFT_PAYLOAD_NETWORK_HEADER, IP_SADDR, 4);
	if (prefix_len < 32)
		add_mask(rules, &mask, sizeof(mask));
	add_cmp(rules, NFT_CMP_EQ, net->bytes, 4);
}

void rules_if_destination(struct rules *rules, const struct addr *addr)
{
	load_payload(rules, NFT_PAYLOAD_NETWORK_HEADER, IP_DADDR, 4);
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

	load_payload(rules, NFT_PAYLOAD_TRANSPORT_HEADER, TRANSPORT_DEST, 2);
	add_cmp(rules, NFT_CMP_EQ, &big_endian, sizeof(big_endian));
}

/* Properties of a connection are numbers of the machine's own byte order. */
static void if_ct_bits(struct rules *rules, uint32_t key, uint32_t bits, uint32_t op)
{
	uint32_t zero = 0;

	load_ct(rules, key);
	add_mask(rules, &bits, sizeof(bits));
	add_cmp(rules, op, &zero, sizeof(zero));
}

void rules_if_ct_state(struct rules *rules, uint32_t states)
{
	if_ct_bits(rules, NFT_CT_STATE, states, NFT_CMP_NEQ);
}

void rules_unless_ct_status(struct rules *rules, uint32_t status)
{
	if_ct_bits(rules, NFT_CT_STATUS, status, NFT_CMP_EQ);
}

void rules_count(struct rules *rules, const char *name)
{
	add_step(rules, &(struct rule_step){.kind = RULE_COUNT, .name = name});
}

void rules_snat(struct rules *rules, const struct addr *addr, uint32_t flags)
{
	add_immediate(rules, REG, addr->bytes, 4);
	add_step(rules,
		 &(struct rule_step){
			 .kind = RULE_NAT, .reg = REG, .type = NFT_NAT_SNAT, .flags = flags});
}

void rules_dnat(struct rules *rules, const struct addr *to)
{
	uint16_t port = htons(to->port);

	add_immediate(rules, REG, to->bytes, 4);
	add_immediate(rules, REG_PORT, &port, sizeof(port));
	add_step(rules,
		 &(struct rule_step){
			 .kind = RULE_NAT, .reg = REG, .type = NFT_NAT_DNAT, .port_reg = REG_PORT});
}

void rules_reject(struct rules *rules, uint32_t type, uint8_t code)
{
	add_step(rules, &(struct rule_step){.kind = RULE_REJECT, .type = type, .code = code});
}

void rules_drop(struct rules *rules)
{
	add_step(rules, &(struct rule_step){.kind = RULE_VERDICT, .code = NF_DROP});
}
