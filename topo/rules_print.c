/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/rules.h"

#include "base/cleanup.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>

static const char *const hook_names[] = {
	[NF_INET_PRE_ROUTING] = "prerouting",	[NF_INET_LOCAL_IN] = "input",
	[NF_INET_FORWARD] = "forward",		[NF_INET_LOCAL_OUT] = "output",
	[NF_INET_POST_ROUTING] = "postrouting",
};

static const char *const meta_names[] = {
	[NFT_META_IIFNAME] = "iifname",
	[NFT_META_OIFNAME] = "oifname",
	[NFT_META_L4PROTO] = "l4proto",
};

static const char *const ct_names[] = {
	[NFT_CT_STATE] = "state",   [NFT_CT_DIRECTION] = "direction",
	[NFT_CT_STATUS] = "status", [NFT_CT_PROTO_SRC] = "proto_src",
	[NFT_CT_SRC_IP] = "src_ip", [NFT_CT_PROTO_DST] = "proto_dst",
	[NFT_CT_DST_IP] = "dst_ip",
};

static const char *const base_names[] = {
	[NFT_PAYLOAD_NETWORK_HEADER] = "network",
	[NFT_PAYLOAD_TRANSPORT_HEADER] = "transport",
};

static const char *const cmp_names[] = {
	[NFT_CMP_EQ] = "eq",
	[NFT_CMP_NEQ] = "neq",
};

static const char *const field_names[] = {
	[RULE_FIELD_ADDR] = "ipv4_addr",
	[RULE_FIELD_PORT] = "inet_service",
	[RULE_FIELD_NUMBER] = "mark",
};

static const char *name_of(const char *const *names, size_t n, uint32_t value)
{
	return value < n && names[value] ? names[value] : "?";
}

#define NAME_OF(names, value) name_of(names, ARRAY_SIZE(names), value)

static void print_bytes(const uint8_t *bytes, size_t len, FILE *to)
{
	(void)fputs("0x", to);
	for (size_t i = 0; i < len; i++)
		(void)fprintf(to, "%02x", bytes[i]);
}

/* Names as text, all else as the bytes that lie in the register. */
static void print_data(const struct rule_step *step, FILE *to)
{
	if (step->len == RULES_DATA_MAX)
		(void)fprintf(to, "\"%.*s\"", RULES_DATA_MAX, (const char *)step->data);
	else
		print_bytes(step->data, step->len, to);
}

static void print_ct(const struct rule_step *step, FILE *to)
{
	(void)fprintf(to, "[ ct load %s => reg %u", NAME_OF(ct_names, step->key), step->reg);
	if (step->direction >= 0)
		(void)fprintf(to, " , dir %s",
			      step->direction == IP_CT_DIR_ORIGINAL ? "original" : "reply");
	(void)fputs(" ]", to);
}

static void print_immediate(const struct rule_step *step, FILE *to)
{
	(void)fputs("[ immediate ", to);
	print_data(step, to);
	(void)fprintf(to, " => reg %u ]", step->reg);
}

static void print_tested(const struct rule_step *step, FILE *to)
{
	if (step->kind == RULE_MASK)
		(void)fprintf(to, "[ bitwise reg %u & ", step->reg);
	else
		(void)fprintf(to, "[ cmp %s reg %u ", NAME_OF(cmp_names, step->op), step->reg);
	print_data(step, to);
	(void)fputs(" ]", to);
}

static void print_lookup(const struct rules *rules, const struct rule_step *step, FILE *to)
{
	(void)fprintf(to, "[ lookup reg %u set %s", step->reg, rules->sets[step->set].name);
	if (step->dest)
		(void)fprintf(to, " dreg %u", step->dest);
	(void)fputs(step->inverted ? " 0x1 ]" : " ]", to);
}

static void print_update(const struct rules *rules, const struct rule_step *step, FILE *to)
{
	(void)fprintf(to, "[ dynset %s reg_key %u set %s",
		      step->op == NFT_DYNSET_OP_UPDATE ? "update" : "add", step->reg,
		      rules->sets[step->set].name);
	if (step->timeout_ms)
		(void)fprintf(to, " timeout %llums", (unsigned long long)step->timeout_ms);
	if (step->source)
		(void)fprintf(to, " sreg_data %u", step->source);
	if (step->count)
		(void)fprintf(to, " expr [ connlimit count %u flags 1 ]", step->count);
	if (step->rate)
		(void)fprintf(to, " expr [ limit rate %u/second burst 1 type packets flags 0x0 ]",
			      step->rate);
	(void)fputs(" ]", to);
}

static void print_nat(const struct rule_step *step, FILE *to)
{
	(void)fprintf(to, "[ nat %s ip addr_min reg %u",
		      step->type == NFT_NAT_SNAT ? "snat" : "dnat", step->reg);
	if (step->source)
		(void)fprintf(to, " proto_min reg %u", step->source);
	if (step->dest)
		(void)fprintf(to, " proto_max reg %u", step->dest);
	if (step->flags)
		(void)fprintf(to, " flags 0x%x", step->flags);
	(void)fputs(" ]", to);
}

static void print_verdict(const struct rules *rules, const struct rule_step *step, FILE *to)
{
	if (step->code == (uint32_t)NFT_JUMP || step->code == (uint32_t)NFT_GOTO)
		(void)fprintf(to, "[ %s %s ]", step->code == (uint32_t)NFT_JUMP ? "jump" : "goto",
			      rules->chains[step->chain].name);
	else
		(void)fprintf(to, "[ %s ]", step->code == NF_DROP ? "drop" : "accept");
}

static void print_limit(const struct rule_step *step, FILE *to)
{
	if (step->kind == RULE_CONNLIMIT)
		(void)fprintf(to, "[ connlimit count %u flags 1 ]", step->count);
	else
		(void)fprintf(to, "[ limit rate %u/second burst %u type packets flags 0x1 ]",
			      step->count, step->count);
}

static void print_step(const struct rules *rules, const struct rule_step *step, FILE *to)
{
	switch (step->kind) {
	case RULE_META:
		(void)fprintf(to, "[ meta load %s => reg %u ]", NAME_OF(meta_names, step->key),
			      step->reg);
		break;
	case RULE_CT:
		print_ct(step, to);
		break;
	case RULE_PAYLOAD:
		(void)fprintf(to, "[ payload load %ub @ %s header + %u => reg %u ]", step->len,
			      NAME_OF(base_names, step->base), step->offset, step->reg);
		break;
	case RULE_IMMEDIATE:
		print_immediate(step, to);
		break;
	case RULE_NUMBER:
		(void)fprintf(to, "[ numgen reg %u = %s mod %u offset %u ]", step->reg,
			      step->op == NFT_NG_RANDOM ? "random" : "inc", step->count,
			      step->offset);
		break;
	case RULE_HASH:
		(void)fprintf(to, "[ hash reg %u = jhash(reg %u, %u, 0x%x) %% mod %u offset %u ]",
			      step->reg, step->source, step->len, step->seed, step->count,
			      step->offset);
		break;
	case RULE_SWAP:
		(void)fprintf(to, "[ byteorder reg %u = hton(reg %u, 2, 2) ]", step->reg,
			      step->reg);
		break;
	case RULE_MASK:
	case RULE_CMP:
		print_tested(step, to);
		break;
	case RULE_LOOKUP:
		print_lookup(rules, step, to);
		break;
	case RULE_UPDATE:
		print_update(rules, step, to);
		break;
	case RULE_CONNLIMIT:
	case RULE_LIMIT:
		print_limit(step, to);
		break;
	case RULE_COUNT:
		(void)fprintf(to, "[ counter %s ]", step->name);
		break;
	case RULE_NAT:
		print_nat(step, to);
		break;
	case RULE_REJECT:
		if (step->type == NFT_REJECT_TCP_RST)
			(void)fputs("[ reject tcp reset ]", to);
		else
			(void)fprintf(to, "[ reject icmp unreachable code %u ]", step->code);
		break;
	case RULE_VERDICT:
		print_verdict(rules, step, to);
		break;
	}
}

static void print_rule(const struct rules *rules, const struct rule *rule, FILE *to)
{
	(void)fprintf(to, "    # %s\n", rule->comment);
	for (size_t i = 0; i < rule->n_steps; i++) {
		(void)fputs("    ", to);
		print_step(rules, &rules->steps[rule->first_step + i], to);
		(void)fputc('\n', to);
	}
}

static void print_fields(const enum rule_field *fields, FILE *to)
{
	for (size_t i = 0; fields[i] != RULE_FIELD_NONE; i++)
		(void)fprintf(to, "%s%s", i ? " . " : "", NAME_OF(field_names, fields[i]));
}

static void print_set(const struct rules *rules, size_t set, FILE *to)
{
	const struct rule_set *s = &rules->sets[set];

	(void)fprintf(to, "  %s %s: ", rules_fields(s->data) ? "map" : "set", s->name);
	print_fields(s->key, to);
	if (rules_fields(s->data)) {
		(void)fputs(" : ", to);
		print_fields(s->data, to);
	}
	(void)fprintf(to, "%s%s\n", s->timeout ? " timeout" : "", s->transient ? " transient" : "");
	for (size_t i = 0; i < rules->n_elements; i++) {
		if (rules->elements[i].set != set)
			continue;
		(void)fputs("    ", to);
		print_bytes(rules->elements[i].key, rules_fields(s->key) * 4, to);
		(void)fputc('\n', to);
	}
}

void rules_print_chain(const struct rules *rules, size_t chain, FILE *to)
{
	const struct rule_chain *c = &rules->chains[chain];

	(void)fprintf(to, "  chain %s", c->name);
	if (c->type)
		(void)fprintf(to, ": %s hook %s priority %d", c->type, NAME_OF(hook_names, c->hook),
			      c->priority);
	(void)fputc('\n', to);
	for (size_t i = 0; i < rules->n_rules; i++)
		if (rules->rules[i].chain == chain)
			print_rule(rules, &rules->rules[i], to);
}

void rules_print(const struct rules *rules, FILE *to)
{
	(void)fprintf(to, "table ip %s\n", rules->table);
	for (size_t i = 0; i < rules->n_counters; i++)
		(void)fprintf(to, "  counter %s\n", rules->counters[i]);
	for (size_t i = 0; i < rules->n_sets; i++)
		print_set(rules, i, to);
	for (size_t i = 0; i < rules->n_chains; i++)
		rules_print_chain(rules, i, to);
}
