/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/rules.h"

#include "base/cleanup.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
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
	[NFT_CT_STATE] = "state",
	[NFT_CT_STATUS] = "status",
};

static const char *const base_names[] = {
	[NFT_PAYLOAD_NETWORK_HEADER] = "network",
	[NFT_PAYLOAD_TRANSPORT_HEADER] = "transport",
};

static const char *const cmp_names[] = {
	[NFT_CMP_EQ] = "eq",
	[NFT_CMP_NEQ] = "neq",
};

static const char *name_of(const char *const *names, size_t n, uint32_t value)
{
	return value < n && names[value] ? names[value] : "?";
}

#define NAME_OF(names, value) name_of(names, ARRAY_SIZE(names), value)

/* Names as text, all else as the bytes that lie in the register. */
static void print_data(const struct rule_step *step, FILE *to)
{
	if (step->len == RULES_DATA_MAX) {
		(void)fprintf(to, "\"%.*s\"", RULES_DATA_MAX, (const char *)step->data);
		return;
	}
	(void)fputs("0x", to);
	for (uint32_t i = 0; i < step->len; i++)
		(void)fprintf(to, "%02x", step->data[i]);
}

static void print_loaded(const struct rule_step *step, FILE *to)
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

static void print_nat(const struct rule_step *step, FILE *to)
{
	(void)fprintf(to, "[ nat %s addr reg %u", step->type == NFT_NAT_SNAT ? "snat" : "dnat",
		      step->reg);
	if (step->port_reg)
		(void)fprintf(to, " port reg %u", step->port_reg);
	if (step->flags & NF_NAT_RANGE_PROTO_RANDOM_FULLY)
		(void)fputs(" fully-random", to);
	(void)fputs(" ]", to);
}

static void print_step(const struct rule_step *step, FILE *to)
{
	switch (step->kind) {
	case RULE_META:
		(void)fprintf(to, "[ meta load %s => reg %u ]", NAME_OF(meta_names, step->key),
			      step->reg);
		break;
	case RULE_CT:
		(void)fprintf(to, "[ ct load %s => reg %u ]", NAME_OF(ct_names, step->key),
			      step->reg);
		break;
	case RULE_PAYLOAD:
		(void)fprintf(to, "[ payload load %ub @ %s header + %u => reg %u ]", step->len,
			      NAME_OF(base_names, step->base), step->offset, step->reg);
		break;
	case RULE_IMMEDIATE:
		print_loaded(step, to);
		break;
	case RULE_MASK:
	case RULE_CMP:
		print_tested(step, to);
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
		(void)fprintf(to, "[ %s ]", step->code == NF_DROP ? "drop" : "accept");
		break;
	}
}

static void print_rule(const struct rules *rules, const struct rule *rule, FILE *to)
{
	(void)fprintf(to, "    # %s\n", rule->comment);
	for (size_t i = 0; i < rule->n_steps; i++) {
		(void)fputs("    ", to);
		print_step(&rules->steps[rule->first_step + i], to);
		(void)fputc('\n', to);
	}
}

void rules_print(const struct rules *rules, FILE *to)
{
	(void)fprintf(to, "table ip %s\n", rules->table);
	for (size_t i = 0; i < rules->n_counters; i++)
		(void)fprintf(to, "  counter %s\n", rules->counters[i]);
	for (size_t i = 0; i < rules->n_chains; i++) {
		const struct rule_chain *chain = &rules->chains[i];

		(void)fprintf(to, "  chain %s: %s hook %s priority %d\n", chain->name, chain->type,
			      NAME_OF(hook_names, chain->hook), chain->priority);
		for (size_t j = 0; j < rules->n_rules; j++)
			if (rules->rules[j].chain == i)
				print_rule(rules, &rules->rules[j], to);
	}
}
