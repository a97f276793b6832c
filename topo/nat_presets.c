/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nat.h"

#include "base/cleanup.h"

#include <string.h>

static const struct nat_preset presets[] = {
	{
		.nat =
			{
				.preset = "lambda",
				.mapping = NAT_MAPPING_EIM,
				.filtering = NAT_FILTERING_APDF,
				.unsolicited = NAT_UNSOLICITED_DROP,
				.tcp_tracking = NAT_TCP_LIBERAL,
			},
		.source = "Boxer's papers: functions reach each other by TCP hole punching with "
			  "the external address a seed observed, so the mapping is "
			  "endpoint-independent",
		.assumptions = "not publicly known: the filtering class, silence towards an "
			       "unsolicited SYN, liberal TCP tracking, that ports are kept, "
			       "timeouts, sharing of addresses",
	},
	{
		.nat =
			{
				.preset = "linux",
				.mapping = NAT_MAPPING_EIM,
				.filtering = NAT_FILTERING_APDF,
				.unsolicited = NAT_UNSOLICITED_DROP,
				.tcp_tracking = NAT_TCP_STRICT,
			},
		.source = "Linux's plain source NAT behind a firewall that drops, with the "
			  "kernel's default tracking; measured",
	},
	{
		.nat =
			{
				.preset = "symmetric",
				.mapping = NAT_MAPPING_APDM,
				.filtering = NAT_FILTERING_APDF,
				.unsolicited = NAT_UNSOLICITED_DROP,
				.tcp_tracking = NAT_TCP_STRICT,
			},
		.source = "RFC 3489, section 5, \"symmetric\": a new external port for each "
			  "remote endpoint; here Linux's fully random ports, measured",
		.assumptions = "RFC 3489 leaves open how ports are chosen: here at random, which "
			       "is the hardest to predict",
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
