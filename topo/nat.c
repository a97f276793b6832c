/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nat.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>

const char *const nat_mapping_names[] = {
	[NAT_MAPPING_EIM] = "eim",
	[NAT_MAPPING_ADM] = "adm",
	[NAT_MAPPING_APDM] = "apdm",
	[NAT_MAPPING_NONE] = "none",
	NULL,
};

const char *const nat_filtering_names[] = {
	[NAT_FILTERING_EIF] = "eif",
	[NAT_FILTERING_ADF] = "adf",
	[NAT_FILTERING_APDF] = "apdf",
	NULL,
};

const char *const nat_allocation_names[] = {
	[NAT_ALLOCATION_PRESERVE] = "preserve",	    [NAT_ALLOCATION_RANDOM] = "random",
	[NAT_ALLOCATION_SEQUENTIAL] = "sequential", [NAT_ALLOCATION_SEEDED] = "seeded",
	[NAT_ALLOCATION_BLOCK] = "block",	    NULL,
};

const char *const nat_conflict_names[] = {
	[NAT_CONFLICT_OVERLOAD] = "overload",
	[NAT_CONFLICT_RANDOM] = "random",
	[NAT_CONFLICT_SEQUENTIAL] = "sequential",
	NULL,
};

const char *const nat_hairpin_names[] = {
	[NAT_HAIRPIN_OFF] = "off",
	[NAT_HAIRPIN_EXTERNAL] = "external",
	[NAT_HAIRPIN_INTERNAL] = "internal",
	NULL,
};

const char *const nat_pooling_names[] = {
	[NAT_POOLING_PAIRED] = "paired",
	[NAT_POOLING_ARBITRARY] = "arbitrary",
	NULL,
};

const char *const nat_unsolicited_names[] = {
	[NAT_UNSOLICITED_DROP] = "drop",
	[NAT_UNSOLICITED_RST] = "rst",
	[NAT_UNSOLICITED_ICMP] = "icmp",
	NULL,
};

const char *const nat_tcp_tracking_names[] = {
	[NAT_TCP_STRICT] = "strict",
	[NAT_TCP_LIBERAL] = "liberal",
	NULL,
};

const char *const nat_expired_names[] = {
	[NAT_EXPIRED_DROP] = "drop",
	[NAT_EXPIRED_RST] = "rst",
	NULL,
};

bool nat_translates(const struct nat *nat)
{
	return nat->tcp.mapping != NAT_MAPPING_NONE || nat->udp.mapping != NAT_MAPPING_NONE;
}

static int check_enum(unsigned int value, size_t n, const char *what, struct error *err)
{
	if (value < n)
		return 0;
	return error_set(err, EINVAL, "%s: there is no value %u", what, value);
}

static int check_forward(const struct nat *nat, size_t i, struct error *err)
{
	const struct nat_forward *f = &nat->forwards[i];

	if (f->proto != IPPROTO_TCP && f->proto != IPPROTO_UDP)
		return error_set(err, EINVAL, "forward %zu: protocol %u is neither TCP nor UDP", i,
				 f->proto);
	if (!f->port || !f->to.port)
		return error_set(err, EINVAL, "forward %zu: a port is missing", i);
	if (f->to.family != AF_INET || addr_is_any(&f->to))
		return error_set(err, EINVAL, "forward %zu: the inside address is not IPv4", i);
	for (size_t j = 0; j < i; j++)
		if (nat->forwards[j].proto == f->proto && nat->forwards[j].port == f->port)
			return error_set(err, EINVAL,
					 "forwards %zu and %zu: both are of %s port %u", j, i,
					 f->proto == IPPROTO_TCP ? "TCP" : "UDP", f->port);
	return 0;
}

int nat_check(const struct nat *nat, struct error *err)
{
	int r;

	if (strnlen(nat->preset, sizeof(nat->preset)) == sizeof(nat->preset))
		return error_set(err, EINVAL, "the preset's name has no end");
	r = check_enum(nat->tcp.mapping, ARRAY_SIZE(nat_mapping_names) - 1, "mapping", err);
	if (!r)
		r = check_enum(nat->tcp.filtering, ARRAY_SIZE(nat_filtering_names) - 1, "filtering",
			       err);
	if (!r)
		r = check_enum(nat->unsolicited, ARRAY_SIZE(nat_unsolicited_names) - 1,
			       "unsolicited", err);
	if (!r)
		r = check_enum(nat->tcp_tracking, ARRAY_SIZE(nat_tcp_tracking_names) - 1,
			       "tcp_tracking", err);
	if (!r && nat->n_forwards > NAT_FORWARDS_MAX)
		r = error_set(err, EINVAL, "%zu forwards are more than %d", nat->n_forwards,
			      NAT_FORWARDS_MAX);
	for (size_t i = 0; r == 0 && i < nat->n_forwards; i++)
		r = check_forward(nat, i, err);
	return r;
}
