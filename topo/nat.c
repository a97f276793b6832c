/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nat.h"

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
