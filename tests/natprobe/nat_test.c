/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every kind of NAT, made by hand in the kernel, is found to be what it is. */
#include "tests/natprobe/lab.h"

#include "base/cleanup.h"
#include "tests/support/userns.h"

#include <criterion/criterion.h>
#include <string.h>

#define PATIENCE_MS 60000

static void expect(const json_t *object, const char *key, const char *word)
{
	USERNS_CHECK(strcmp(lab_word(object, key), word) == 0, "%s is \"%s\", not \"%s\"", key,
		     lab_word(object, key), word);
}

static void expect_proto(const json_t *found, const char *proto, const struct handmade *nat)
{
	const json_t *o = json_object_get(found, proto);

	userns_say("%s:", proto);
	expect(o, "mapping", nat->mapping);
	expect(o, "filtering", nat->filtering);
	expect(o, "allocation", nat->allocation);
	expect(o, "hairpin", nat->hairpin);
	if (nat->conflict)
		expect(o, "conflict", nat->conflict);
}

static void find(void *arg)
{
	const struct handmade *nat = arg;
	bool apdm = strcmp(nat->mapping, "apdm") == 0;
	json_t *found;

	lab_build(nat);
	(void)lab_reflect();
	found = lab_probe("--second 10.0.0.3");
	expect_proto(found, "tcp", nat);
	expect_proto(found, "udp", nat);
	expect(found, "unsolicited", nat->unsolicited);
	expect(found, "simultaneous_open", apdm ? "" : nat->no_syn_in ? "false" : "true");
	expect(found, "tcp_tracking",
	       apdm || nat->no_syn_in ? ""
	       : nat->strict	      ? "strict"
				      : "liberal");
	expect(found, "pooling", "");
	json_decref(found);
}

/* clang-format off */
static const struct handmade nats[] = {
	{"eim",  "eif",  "random",     NULL,         "external", "drop", false, false, NULL},
	{"eim",  "adf",  "random",     NULL,         "off",      "rst",  true,  false, NULL},
	{"eim",  "apdf", "random",     NULL,         "internal", "icmp", false, false, NULL},
	{"adm",  "eif",  "random",     NULL,         "external", "icmp", true,  false, NULL},
	{"adm",  "adf",  "random",     NULL,         "internal", "drop", false, false, NULL},
	{"adm",  "apdf", "random",     NULL,         "off",      "rst",  false, false, NULL},
	{"apdm", "eif",  "random",     NULL,         "off",      "drop", false, false, NULL},
	{"apdm", "adf",  "random",     NULL,         "external", "icmp", false, false, NULL},
	{"apdm", "apdf", "random",     NULL,         "internal", "rst",  false, false, NULL},
	{"eim",  "apdf", "preserve",   "overload",   "off",      "drop", true,  false, NULL},
	{"eim",  "eif",  "preserve",   "random",     "internal", "drop", false, false, NULL},
	{"eim",  "adf",  "preserve",   "sequential", "external", "drop", true,  false, NULL},
	{"adm",  "adf",  "preserve",   "sequential", "off",      "drop", true,  false, NULL},
	{"adm",  "apdf", "preserve",   "random",     "off",      "drop", true,  false, NULL},
	{"apdm", "apdf", "preserve",   "sequential", "off",      "drop", false, false, NULL},
	{"apdm", "apdf", "preserve",   "random",     "off",      "drop", false, false, NULL},
	{"eim",  "eif",  "sequential", NULL,         "external", "drop", false, false, NULL},
	{"apdm", "apdf", "sequential", NULL,         "off",      "drop", false, false, NULL},
	{"eim",  "eif",  "block",      NULL,         "off",      "drop", false, false, NULL},
	{"eim",  "apdf", "preserve",   "overload",   "external", "drop", false, true,  NULL},
	{"eim",  "eif",  "preserve",   "random",     "external", "rst",  false, true,  NULL},
};
/* clang-format on */

static void find_nth(size_t first, size_t last)
{
	for (size_t i = first; i < last && i < ARRAY_SIZE(nats); i++) {
		struct handmade nat = nats[i];

		(void)fprintf(stderr, "%s %s %s\n", nat.mapping, nat.filtering, nat.allocation);
		userns_test(find, &nat, PATIENCE_MS);
	}
}

Test(natprobe, finds_each_of_the_nine_pairs_of_mapping_and_filtering)
{
	find_nth(0, 9);
}

Test(natprobe, finds_how_ports_are_chosen_and_who_wins_a_clash)
{
	find_nth(9, 19);
}

Test(natprobe, finds_that_no_syn_comes_in)
{
	find_nth(19, ARRAY_SIZE(nats));
}

static void find_nothing(void *arg)
{
	static const char *const protos[] = {"tcp", "udp"};
	json_t *found;

	(void)arg;
	lab_build(NULL);
	(void)lab_reflect();
	found = lab_probe("--second 10.0.0.3");
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		const json_t *o = json_object_get(found, protos[i]);

		expect(o, "mapping", "none");
		expect(o, "filtering", "eif");
		expect(o, "allocation", "preserve");
		expect(o, "conflict", "");
		expect(o, "hairpin", "");
	}
	expect(found, "unsolicited", "");
	expect(found, "tcp_tracking", "liberal");
	expect(found, "simultaneous_open", "true");
	json_decref(found);
}

Test(natprobe, finds_no_nat_where_there_is_a_router_only)
{
	userns_test(find_nothing, NULL, PATIENCE_MS);
}

static void find_pool(void *arg)
{
	struct handmade nat = {.mapping = "eim",
			       .filtering = "apdf",
			       .hairpin = "off",
			       .unsolicited = "drop",
			       .pooling = arg};
	json_t *found;

	lab_build(&nat);
	(void)lab_reflect();
	found = lab_probe("--second 10.0.0.3");
	expect(found, "pooling", nat.pooling);
	USERNS_CHECK(json_integer_value(json_object_get(found, "addresses")) == 2, "addresses");
	json_decref(found);
}

Test(natprobe, finds_how_external_addresses_are_given_out)
{
	char paired[] = "paired", arbitrary[] = "arbitrary";

	userns_test(find_pool, paired, PATIENCE_MS);
	userns_test(find_pool, arbitrary, PATIENCE_MS);
}

static void find_timeouts(void *arg)
{
	struct handmade nat = {.mapping = "eim",
			       .filtering = "apdf",
			       .allocation = "preserve",
			       .conflict = "overload",
			       .hairpin = "off",
			       .unsolicited = "drop"};
	const json_t *timeouts;
	json_t *found;

	(void)arg;
	lab_build(&nat);
	(void)lab_sh("ip netns exec nat sysctl -qw net.netfilter.nf_conntrack_udp_timeout=1 "
		     "net.netfilter.nf_conntrack_udp_timeout_stream=4 "
		     "net.netfilter.nf_conntrack_tcp_timeout_established=3 2>&1");
	(void)lab_reflect();
	found = lab_probe("--lifetime 5");
	timeouts = json_object_get(found, "timeouts");
	expect(timeouts, "udp", "1s");
	expect(timeouts, "udp_stream", "4s");
	expect(timeouts, "tcp_established", "3s");
	json_decref(found);
}

Test(natprobe, finds_how_long_mappings_live)
{
	userns_test(find_timeouts, NULL, PATIENCE_MS);
}
