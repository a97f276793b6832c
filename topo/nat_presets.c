/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nat.h"

#include "base/cleanup.h"

#include <string.h>

/* The connection tracker's own, on every Linux. */
#define LINUX_TIMEOUTS                                                                           \
	{                                                                                        \
		.tcp_syn_sent = 120, .tcp_syn_received = 60, .tcp_established = 432000,          \
		.tcp_fin_wait = 120, .tcp_close_wait = 60, .tcp_last_ack = 30,                   \
		.tcp_time_wait = 120, .tcp_close = 10, .udp = 30, .udp_stream = 120, .icmp = 30, \
	}

/* The least that RFC 4787 (REQ-5: two minutes for UDP) and RFC 5382 (REQ-5: 2 h 4 min
 * established, 4 min in between) allow. */
#define RFC_TIMEOUTS                                                                              \
	{                                                                                         \
		.tcp_syn_sent = 240, .tcp_syn_received = 240, .tcp_established = 7440,            \
		.tcp_fin_wait = 240, .tcp_close_wait = 240, .tcp_last_ack = 240,                  \
		.tcp_time_wait = 240, .tcp_close = 10, .udp = 120, .udp_stream = 300, .icmp = 60, \
	}

/* Amazon's page names the idle timeout, not those of the states in between. */
#define AWS_TIMEOUTS                                                                              \
	{                                                                                         \
		.tcp_syn_sent = 120, .tcp_syn_received = 60, .tcp_established = 350,              \
		.tcp_fin_wait = 120, .tcp_close_wait = 60, .tcp_last_ack = 30,                    \
		.tcp_time_wait = 120, .tcp_close = 10, .udp = 120, .udp_stream = 350, .icmp = 30, \
	}

/* What every declaration begins with. Ports that are not kept come from the dynamic
 * range and the registered one, as RFC 4787, REQ-3 has it. */
#define COMMON(first_port)                                                                      \
	.simultaneous_open = true, .addresses = 1, .port_min = (first_port), .port_max = 65535, \
	.block_size = 512, .hash_seed = 1

#define BOTH(...) .tcp = {__VA_ARGS__}, .udp = {__VA_ARGS__}

static const struct nat_preset presets[] = {
	{
		.nat =
			{
				.preset = "lambda",
				BOTH(.mapping = NAT_MAPPING_EIM, .filtering = NAT_FILTERING_APDF,
				     .allocation = NAT_ALLOCATION_PRESERVE,
				     .conflict = NAT_CONFLICT_RANDOM, .hairpin = NAT_HAIRPIN_OFF),
				COMMON(1024),
				.loose = true,
				.timeouts = LINUX_TIMEOUTS,
				.tcp_tracking = NAT_TCP_LIBERAL,
			},
		.source =
			"Boxer's papers: functions reach each other by TCP hole punching with the external address a seed observed, so the mapping is endpoint-independent",
		.assumptions =
			"not publicly known: the filtering class, silence towards an unsolicited SYN, liberal TCP tracking, that ports are kept, what becomes of a port that is taken, no hairpinning, timeouts, sharing of addresses",
	},
	{
		.nat =
			{
				.preset = "linux",
				BOTH(.mapping = NAT_MAPPING_EIM, .filtering = NAT_FILTERING_APDF,
				     .allocation = NAT_ALLOCATION_PRESERVE,
				     .conflict = NAT_CONFLICT_OVERLOAD, .hairpin = NAT_HAIRPIN_OFF),
				COMMON(1024),
				.loose = true,
				.timeouts = LINUX_TIMEOUTS,
			},
		.source =
			"Linux's plain source NAT behind a firewall that drops, with the kernel's default tracking; measured. A port that two inside endpoints want is used by both while they talk to different endpoints, so that the mapping of the second one is endpoint-independent only as long as they do",
	},
	{
		.nat =
			{
				.preset = "full-cone",
				BOTH(.mapping = NAT_MAPPING_EIM, .filtering = NAT_FILTERING_EIF,
				     .allocation = NAT_ALLOCATION_PRESERVE,
				     .conflict = NAT_CONFLICT_RANDOM,
				     .hairpin = NAT_HAIRPIN_EXTERNAL),
				COMMON(1024),
				.loose = true,
				.timeouts = RFC_TIMEOUTS,
			},
		.source =
			"RFC 3489, section 5, \"full cone\"; hairpinning as RFC 4787, REQ-9 and RFC 5382, REQ-8 demand",
		.assumptions =
			"RFC 3489 leaves open which port is chosen: here the inside one while it is free",
	},
	{
		.nat =
			{
				.preset = "restricted-cone",
				BOTH(.mapping = NAT_MAPPING_EIM, .filtering = NAT_FILTERING_ADF,
				     .allocation = NAT_ALLOCATION_PRESERVE,
				     .conflict = NAT_CONFLICT_RANDOM,
				     .hairpin = NAT_HAIRPIN_EXTERNAL),
				COMMON(1024),
				.loose = true,
				.timeouts = RFC_TIMEOUTS,
			},
		.source = "RFC 3489, section 5, \"restricted cone\"; otherwise as full-cone",
		.assumptions = "as for full-cone",
	},
	{
		.nat =
			{
				.preset = "port-restricted-cone",
				BOTH(.mapping = NAT_MAPPING_EIM, .filtering = NAT_FILTERING_APDF,
				     .allocation = NAT_ALLOCATION_PRESERVE,
				     .conflict = NAT_CONFLICT_RANDOM,
				     .hairpin = NAT_HAIRPIN_EXTERNAL),
				COMMON(1024),
				.loose = true,
				.timeouts = RFC_TIMEOUTS,
			},
		.source = "RFC 3489, section 5, \"port restricted cone\"; otherwise as full-cone",
		.assumptions = "as for full-cone",
	},
	{
		.nat =
			{
				.preset = "symmetric",
				BOTH(.mapping = NAT_MAPPING_APDM, .filtering = NAT_FILTERING_APDF,
				     .allocation = NAT_ALLOCATION_RANDOM,
				     .conflict = NAT_CONFLICT_OVERLOAD, .hairpin = NAT_HAIRPIN_OFF),
				COMMON(1024),
				.loose = true,
				.timeouts = LINUX_TIMEOUTS,
			},
		.source =
			"RFC 3489, section 5, \"symmetric\": a new external port for each remote endpoint",
		.assumptions =
			"RFC 3489 leaves open how ports are chosen: here at random, which is the hardest to predict; no hairpinning",
	},
	{
		.nat =
			{
				.preset = "symmetric-sequential",
				BOTH(.mapping = NAT_MAPPING_APDM, .filtering = NAT_FILTERING_APDF,
				     .allocation = NAT_ALLOCATION_SEQUENTIAL,
				     .conflict = NAT_CONFLICT_OVERLOAD, .hairpin = NAT_HAIRPIN_OFF),
				COMMON(40000),
				.loose = true,
				.timeouts = LINUX_TIMEOUTS,
			},
		.source =
			"RFC 3489, section 5, \"symmetric\"; ports one after another, the predictable kind that RFC 5128, sections 3.5 and 3.6 describe",
		.assumptions = "the range begins at 40000, and ports grow by one; no hairpinning",
	},
	{
		.nat =
			{
				.preset = "symmetric-preserving",
				BOTH(.mapping = NAT_MAPPING_APDM, .filtering = NAT_FILTERING_APDF,
				     .allocation = NAT_ALLOCATION_PRESERVE,
				     .conflict = NAT_CONFLICT_SEQUENTIAL,
				     .hairpin = NAT_HAIRPIN_OFF),
				COMMON(40000),
				.loose = true,
				.timeouts = LINUX_TIMEOUTS,
			},
		.source =
			"RFC 4787, section 4.2.1, port preservation, by a NAT whose mapping is address- and port-dependent: the first mapping of an inside port keeps it",
		.assumptions =
			"further mappings take ports one after another from 40000 on; no hairpinning",
	},
	{
		.nat =
			{
				.preset = "cgnat-blocks",
				BOTH(.mapping = NAT_MAPPING_EIM, .filtering = NAT_FILTERING_EIF,
				     .allocation = NAT_ALLOCATION_BLOCK,
				     .conflict = NAT_CONFLICT_OVERLOAD,
				     .hairpin = NAT_HAIRPIN_EXTERNAL),
				COMMON(1024),
				.loose = true,
				.timeouts = RFC_TIMEOUTS,
			},
		.source =
			"RFC 6888 (carrier-grade NAT: endpoint-independent mapping and filtering by RFC 4787, a limit of ports per customer in REQ-4), blocks of ports per customer by RFC 7422",
		.assumptions = "512 ports for a customer; random ones within the block",
	},
	{
		.nat =
			{
				.preset = "aws-nat-gateway",
				BOTH(.mapping = NAT_MAPPING_APDM, .filtering = NAT_FILTERING_APDF,
				     .allocation = NAT_ALLOCATION_RANDOM,
				     .conflict = NAT_CONFLICT_OVERLOAD, .hairpin = NAT_HAIRPIN_OFF),
				COMMON(1024),
				.timeouts = AWS_TIMEOUTS,
				.tcp_tracking = NAT_TCP_LIBERAL,
				.loose = false,
				.expired = NAT_EXPIRED_RST,
				.limits = {.flows_per_destination = 55000},
			},
		.source =
			"Amazon VPC user guide, NAT gateways: a flow idle for 350 s is forgotten and its next packet from inside answered with a reset; 55,000 flows at a time to one destination",
		.assumptions =
			"known from use, not from the guide: that it is symmetric; assumed: silence towards unsolicited packets, random ports, liberal TCP tracking, timeouts other than 350 s",
	},
	{
		.nat =
			{
				.preset = "rst-on-unsolicited",
				BOTH(.mapping = NAT_MAPPING_EIM, .filtering = NAT_FILTERING_APDF,
				     .allocation = NAT_ALLOCATION_PRESERVE,
				     .conflict = NAT_CONFLICT_RANDOM, .hairpin = NAT_HAIRPIN_OFF),
				COMMON(1024),
				.loose = true,
				.timeouts = LINUX_TIMEOUTS,
				.unsolicited = NAT_UNSOLICITED_RST,
			},
		.source =
			"RFC 5128, section 3.4 and RFC 5382, section 4.3: NATs that answer an unsolicited SYN with a reset, against REQ-4; otherwise as linux, but a port that is taken gives way to a random one",
	},
	{
		.nat =
			{
				.preset = "hairpin-none",
				BOTH(.mapping = NAT_MAPPING_EIM, .filtering = NAT_FILTERING_EIF,
				     .allocation = NAT_ALLOCATION_PRESERVE,
				     .conflict = NAT_CONFLICT_RANDOM, .hairpin = NAT_HAIRPIN_OFF),
				COMMON(1024),
				.loose = true,
				.timeouts = RFC_TIMEOUTS,
			},
		.source =
			"RFC 5128, section 3.3 (hairpinning is not to be relied on): a full-cone NAT that lacks it; otherwise as full-cone",
		.assumptions = "as for full-cone",
	},
	{
		.nat =
			{
				.preset = "none",
				BOTH(.mapping = NAT_MAPPING_NONE, .filtering = NAT_FILTERING_EIF),
				COMMON(1024),
				.loose = true,
				.timeouts = LINUX_TIMEOUTS,
			},
		.source = "no NAT: a public machine, whose address everybody can reach",
	},
};

const struct nat_preset *nat_presets(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(presets);
	return presets;
}

const struct nat_preset *nat_preset_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(presets); i++)
		if (strcmp(presets[i].nat.preset, name) == 0)
			return &presets[i];
	return NULL;
}
