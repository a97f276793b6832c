/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nft_expr.h"

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#define PORT_BYTES 2

/* One step's attributes; how a kind of step is built is one function of the table below. */
static void fill_meta(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, s->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, s->reg);
}

static void fill_ct(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, s->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, s->reg);
	if (s->direction >= 0)
		nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, (uint8_t)s->direction);
}

static void fill_payload(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, s->base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, s->offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, s->len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, s->reg);
}

static void fill_immediate(struct nftnl_expr *e, const struct rules *rules,
			   const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, s->reg);
	(void)nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, s->data, s->len);
}

static void fill_number(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NG_DREG, s->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NG_TYPE, s->op);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NG_MODULUS, s->count);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NG_OFFSET, s->offset);
}

static void fill_hash(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_TYPE, NFT_HASH_JENKINS);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SREG, s->source);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_DREG, s->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_LEN, s->len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_MODULUS, s->count);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_OFFSET, s->offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SEED, s->seed);
}

static void fill_swap(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_SREG, s->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_DREG, s->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_OP, NFT_BYTEORDER_HTON);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_LEN, PORT_BYTES);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_SIZE, PORT_BYTES);
}

static void fill_mask(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	static const uint8_t zero[RULES_DATA_MAX];

	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, s->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, s->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, s->len);
	(void)nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, s->data, s->len);
	(void)nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, s->len);
}

static void fill_cmp(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, s->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, s->op);
	(void)nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, s->data, s->len);
}

static void fill_lookup(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, rules->sets[s->set].name);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, s->reg);
	if (s->dest)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, s->dest);
	if (s->inverted)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void fill_connlimit(struct nftnl_expr *e, const struct rules *rules,
			   const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CONNLIMIT_COUNT, s->count);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
}

static void set_rate(struct nftnl_expr *limit, uint32_t packets, uint32_t burst, uint32_t flags)
{
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_RATE, packets);
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_BURST, burst);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_FLAGS, flags);
}

static void fill_update(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, rules->sets[s->set].name);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, s->op);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, s->reg);
	if (s->source)
		nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_DATA, s->source);
	if (s->timeout_ms)
		nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, s->timeout_ms);
	if (s->count) {
		struct nftnl_expr *limit = nftnl_expr_alloc("connlimit");

		if (!limit)
			return;
		fill_connlimit(limit, rules, s);
		(void)nftnl_expr_set(e, NFTNL_EXPR_DYNSET_EXPR, limit, 0);
	}
	if (s->rate) {
		struct nftnl_expr *limit = nftnl_expr_alloc("limit");

		if (!limit)
			return;
		set_rate(limit, s->rate, 1, 0);
		(void)nftnl_expr_set(e, NFTNL_EXPR_DYNSET_EXPR, limit, 0);
	}
}

static void fill_limit(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)rules;
	set_rate(e, s->count, s->count, NFT_LIMIT_F_INV);
}

static void fill_count(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	(void)nftnl_expr_set_str(e, NFTNL_EXPR_OBJREF_IMM_NAME, s->name);
}

static void fill_nat(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, s->type);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, NFPROTO_IPV4);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, s->reg);
	if (s->source)
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, s->source);
	if (s->dest)
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MAX, s->dest);
	if (s->flags)
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FLAGS, s->flags);
}

static void fill_reject(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	(void)rules;
	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, s->type);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, (uint8_t)s->code);
}

static void fill_verdict(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, s->code);
	if (s->code == (uint32_t)NFT_JUMP || s->code == (uint32_t)NFT_GOTO)
		(void)nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, rules->chains[s->chain].name);
}

static const struct {
	const char *name;
	void (*fill)(struct nftnl_expr *e, const struct rules *rules, const struct rule_step *s);
} step_ops[] = {
	[RULE_META] = {"meta", fill_meta},
	[RULE_CT] = {"ct", fill_ct},
	[RULE_PAYLOAD] = {"payload", fill_payload},
	[RULE_IMMEDIATE] = {"immediate", fill_immediate},
	[RULE_NUMBER] = {"numgen", fill_number},
	[RULE_HASH] = {"hash", fill_hash},
	[RULE_SWAP] = {"byteorder", fill_swap},
	[RULE_MASK] = {"bitwise", fill_mask},
	[RULE_CMP] = {"cmp", fill_cmp},
	[RULE_LOOKUP] = {"lookup", fill_lookup},
	[RULE_UPDATE] = {"dynset", fill_update},
	[RULE_CONNLIMIT] = {"connlimit", fill_connlimit},
	[RULE_LIMIT] = {"limit", fill_limit},
	[RULE_COUNT] = {"objref", fill_count},
	[RULE_NAT] = {"nat", fill_nat},
	[RULE_REJECT] = {"reject", fill_reject},
	[RULE_VERDICT] = {"immediate", fill_verdict},
};

struct nftnl_expr *nft_expr(const struct rules *rules, const struct rule_step *step)
{
	struct nftnl_expr *e = nftnl_expr_alloc(step_ops[step->kind].name);

	if (e)
		step_ops[step->kind].fill(e, rules, step);
	return e;
}
