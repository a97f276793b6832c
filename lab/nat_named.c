/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/nat_named.h"

#include "base/cleanup.h"
#include "lab/keys_near.h"
#include "lab/run.h"
#include "lab/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAPPINGS   (NAT_MAPPING_APDM + 1)
#define FILTERINGS (NAT_FILTERING_APDF + 1)

/* Random ports are possible with every mapping. */
static void make_pair(enum nat_mapping mapping, enum nat_filtering filtering,
		      struct nat_named *ret_nat)
{
	struct nat *nat = &ret_nat->nat;

	*nat = nat_preset_find("full-cone")->nat;
	nat->tcp.mapping = mapping;
	nat->tcp.filtering = filtering;
	nat->tcp.allocation = NAT_ALLOCATION_RANDOM;
	nat->tcp.hairpin = NAT_HAIRPIN_EXTERNAL;
	nat->udp = nat->tcp;
	(void)snprintf(ret_nat->name, sizeof(ret_nat->name), "%s-%s", nat_mapping_names[mapping],
		       nat_filtering_names[filtering]);
	(void)snprintf(nat->preset, sizeof(nat->preset), "%s-%s", nat_mapping_names[mapping],
		       nat_filtering_names[filtering]);
}

int nat_named_all(struct nat_named **ret_nats)
{
	size_t n_presets, n = 0;
	const struct nat_preset *presets = nat_presets(&n_presets);
	struct nat_named *nats = calloc(n_presets + MAPPINGS * FILTERINGS, sizeof(*nats));

	if (!nats)
		return -ENOMEM;
	for (size_t i = 0; i < n_presets; i++) {
		(void)snprintf(nats[n].name, sizeof(nats[n].name), "%s", presets[i].nat.preset);
		nats[n++].nat = presets[i].nat;
	}
	for (int m = 0; m < MAPPINGS; m++)
		for (int f = 0; f < FILTERINGS; f++)
			make_pair((enum nat_mapping)m, (enum nat_filtering)f, &nats[n++]);
	*ret_nats = nats;
	return (int)n;
}

static bool find_pair(const char *name, struct nat_named *ret_nat)
{
	for (int m = 0; m < MAPPINGS; m++) {
		for (int f = 0; f < FILTERINGS; f++) {
			make_pair((enum nat_mapping)m, (enum nat_filtering)f, ret_nat);
			if (strcmp(ret_nat->name, name) == 0)
				return true;
		}
	}
	return false;
}

static int complain(const char *name)
{
	struct keys_near near = keys_near(name);
	char hint[KEYS_HINT_MAX];
	size_t n;
	const struct nat_preset *presets = nat_presets(&n);

	for (size_t i = 0; i < n; i++)
		keys_near_offer(&near, presets[i].nat.preset);
	(void)fprintf(stderr,
		      "boxlab: \"%s\" is neither a preset nor a file%s; \"boxlab nat list\" shows "
		      "the presets\n",
		      name, keys_near_hint(&near, hint));
	return RUN_MISUSED;
}

int nat_named_find(const char *name, struct nat_named *ret_nat)
{
	const struct nat_preset *preset = nat_preset_find(name);
	cleanup_free char *text = NULL;
	struct scenario_errors errors;
	ssize_t len;
	int r;

	if (preset)
		ret_nat->nat = preset->nat;
	if (preset)
		(void)snprintf(ret_nat->name, sizeof(ret_nat->name), "%s", name);
	if (preset || find_pair(name, ret_nat))
		return 0;
	text = malloc(SCENARIO_SIZE_MAX + 1);
	len = text ? verb_read_file(name, text, SCENARIO_SIZE_MAX) : -ENOMEM;
	if (len == -ENOENT && !strchr(name, '/') && !strchr(name, '.'))
		return complain(name);
	if (len < 0) {
		(void)fprintf(stderr, "boxlab: %s: %s\n", name, strerror((int)-len));
		return RUN_MISUSED;
	}
	r = scenario_nat_read(text, (size_t)len, name, &ret_nat->nat, &errors);
	(void)snprintf(ret_nat->name, sizeof(ret_nat->name), "%s", name);
	return verb_tell(name, r, &errors);
}
