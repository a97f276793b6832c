/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "boxlab nat", as a person types it.
 */
#include "tests/lab/boxlab.h"

#include "base/cleanup.h"
#include "topo/nat.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

TestSuite(nat, .init = need_labs);

/* What a command prints on stdout and stderr together, as JSON. */
static json_t *json_of(const struct outcome *o)
{
	json_t *json = json_loads(o->out, 0, NULL);

	cr_assert(json, "%s", o->out);
	return json;
}

Test(nat, lists_every_preset)
{
	static struct outcome o;
	char boxlab[PATH_MAX];
	json_t *list;
	size_t n;
	const struct nat_preset *presets = nat_presets(&n);

	(void)strcpy(boxlab, helper_path("boxlab"));
	COMMAND(&o, boxlab, "nat", "list", "--json");
	cr_assert_eq(o.code, 0, "%s", o.out);
	list = json_of(&o);
	cr_assert_eq(json_array_size(list), n);
	for (size_t i = 0; i < n; i++) {
		const json_t *entry = json_array_get(list, i);

		cr_expect_str_eq(boxlab_text(entry, "preset"), presets[i].nat.preset);
		cr_expect_str_eq(boxlab_text(entry, "source"), presets[i].source);
	}
	json_decref(list);
	COMMAND(&o, boxlab, "nat", "list");
	for (size_t i = 0; i < n; i++)
		cr_expect(strstr(o.out, presets[i].nat.preset), "%s", o.out);
}

/* What is shown declares the same NAT. */
Test(nat, shows_what_can_be_read_again)
{
	static struct outcome shown, again;
	static struct boxlab b;
	char boxlab[PATH_MAX], file[PATH_MAX];

	boxlab_open(&b, "");
	(void)strcpy(boxlab, helper_path("boxlab"));
	(void)strcpy(file, boxlab_path(&b, "nat.yaml"));
	helper_write_file(file, "{preset: symmetric, timeouts: {udp: 5s}, tcp: {mapping: adm}}\n");
	COMMAND(&shown, boxlab, "nat", "show", file);
	cr_assert_eq(shown.code, 0, "%s", shown.out);
	cr_expect(strstr(shown.out, "preset: symmetric\ntcp:\n  mapping: adm\n"), "%s", shown.out);
	helper_write_file(file, shown.out);
	COMMAND(&again, boxlab, "nat", "show", file);
	cr_expect_str_eq(again.out, shown.out);
	COMMAND(&shown, boxlab, "nat", "show", file, "--json");
	helper_write_file(file, shown.out);
	COMMAND(&again, boxlab, "nat", "show", file, "--json");
	cr_expect_str_eq(again.out, shown.out);
	boxlab_close(&b);
}

static bool has_nft(void)
{
	return access("/usr/sbin/nft", X_OK) == 0 || access("/sbin/nft", X_OK) == 0;
}

Test(nat, shows_the_rules_that_the_kernel_has)
{
	static struct outcome o;

	COMMAND(&o, helper_path("boxlab"), "nat", "show", "full-cone", "--nft");
	cr_expect_eq(o.code, has_nft() ? 0 : 3, "%s", o.out);
	cr_expect(strstr(o.out, has_nft() ? "hook postrouting" : "package nftables"), "%s", o.out);
}

Test(nat, measures_one)
{
	static struct outcome o;
	const json_t *entry;
	json_t *list;

	COMMAND(&o, helper_path("boxlab"), "nat", "probe", "symmetric-preserving", "--json");
	cr_assert_eq(o.code, 0, "%s", o.out);
	list = json_of(&o);
	cr_assert_eq(json_array_size(list), 1);
	entry = json_array_get(list, 0);
	cr_expect_str_eq(boxlab_text(entry, "name"), "symmetric-preserving");
	cr_expect_eq(json_array_size(json_object_get(entry, "differences")), 0);
	entry = json_object_get(json_object_get(entry, "measured"), "tcp");
	cr_expect_str_eq(boxlab_text(entry, "mapping"), "apdm");
	cr_expect_str_eq(boxlab_text(entry, "conflict"), "sequential");
	json_decref(list);
	COMMAND(&o, helper_path("boxlab"), "nat", "probe", "adm-eif");
	cr_expect_eq(o.code, 0, "%s", o.out);
	cr_expect(strstr(o.out, "mapping (udp)               adm         adm"), "%s", o.out);
	cr_expect(strstr(o.out, "adm-eif behaves as declared"), "%s", o.out);
	COMMAND(&o, helper_path("boxlab"), "nat", "probe", "none");
	cr_expect_eq(o.code, 0, "%s", o.out);
	cr_expect(strstr(o.out, "mapping (tcp)               none        none"), "%s", o.out);
	cr_expect(strstr(o.out, "filtering (udp)             eif         eif"), "%s", o.out);
}

Test(nat, measures_each_kind_of_hairpin)
{
	static const char *const kinds[] = {"off", "external", "internal"};
	static struct outcome o;
	static struct boxlab b;
	char file[PATH_MAX], text[64];
	const json_t *measured;
	json_t *list;

	boxlab_open(&b, "");
	(void)strcpy(file, boxlab_path(&b, "nat.yaml"));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		(void)snprintf(text, sizeof(text), "{preset: full-cone, hairpin: %s}\n", kinds[i]);
		helper_write_file(file, text);
		COMMAND(&o, helper_path("boxlab"), "nat", "probe", file, "--json");
		cr_expect_eq(o.code, 0, "%s: %s", kinds[i], o.out);
		list = json_of(&o);
		measured = json_object_get(json_array_get(list, 0), "measured");
		cr_expect_str_eq(boxlab_text(json_object_get(measured, "tcp"), "hairpin"),
				 kinds[i]);
		cr_expect_str_eq(boxlab_text(json_object_get(measured, "udp"), "hairpin"),
				 kinds[i]);
		json_decref(list);
	}
	boxlab_close(&b);
}

/* Limits would be in the way, and are not what is measured. */
Test(nat, lifts_limits_while_it_measures)
{
	static struct outcome o;
	static struct boxlab b;
	char file[PATH_MAX];

	boxlab_open(&b, "");
	(void)strcpy(file, boxlab_path(&b, "nat.yaml"));
	helper_write_file(file, "{preset: linux, limits: {table: 1, new_flows_per_second: 1}}\n");
	COMMAND(&o, helper_path("boxlab"), "nat", "probe", file);
	cr_expect_eq(o.code, 0, "%s", o.out);
	boxlab_close(&b);
}

/* A NAT whose few ports are not enough to ask for all can't be measured, and so is not
 * known to be as declared. */
Test(nat, says_what_it_cannot_measure)
{
	static struct outcome o;
	static struct boxlab b;
	char file[PATH_MAX];

	boxlab_open(&b, "");
	(void)strcpy(file, boxlab_path(&b, "nat.yaml"));
	helper_write_file(file, "{preset: full-cone, allocation: sequential, ports: 5000-5005}\n");
	COMMAND(&o, helper_path("boxlab"), "nat", "probe", file);
	cr_expect_eq(o.code, 3, "%s", o.out);
	cr_expect(strstr(o.out, "nat.yaml: "), "%s", o.out);
	cr_expect(!strstr(o.out, "behaves as declared"), "%s", o.out);
	boxlab_close(&b);
}

Test(nat, measures_all)
{
	static struct outcome o;

	COMMAND(&o, helper_path("boxlab"), "nat", "probe", "--all");
	cr_expect_eq(o.code, 0, "%s", o.out);
	cr_expect(strstr(o.out, "22 of 22 NATs behave as declared"), "%s", o.out);
	cr_expect(strstr(o.out, " none\n"), "%s", o.out);
}

Test(nat, shows_what_a_running_one_remembers)
{
	static struct outcome o;
	static struct boxlab b;
	char boxlab[PATH_MAX], file[PATH_MAX], id[32];
	const json_t *nat, *entry;
	json_t *list;

	boxlab_open(&b, "name: t\n"
			"nodes:\n"
			"  pub: {role: host}\n"
			"  a: {role: host, nat: restricted-cone}\n"
			"  b: {role: host, nat: symmetric}\n");
	(void)strcpy(boxlab, helper_path("boxlab"));
	(void)strcpy(file, boxlab_path(&b, "scenario.yaml"));
	(void)strcpy(id, helper_id());
	COMMAND(&o, boxlab, "up", "--detach", "--id", id, file);
	cr_assert_eq(o.code, 0, "%s", o.out);
	COMMAND(&o, boxlab, "nat", "state", id, "--json");
	list = json_of(&o);
	cr_assert_eq(json_array_size(list), 2);
	for (size_t i = 0; i < 2; i++) {
		nat = json_array_get(list, i);
		cr_expect_eq(json_array_size(json_object_get(nat, "flows")), 0, "%s", o.out);
		cr_expect_eq(json_array_size(json_object_get(nat, "mappings")), 0, "%s", o.out);
	}
	json_decref(list);
	COMMAND(&o, boxlab, "exec", id, "a", "--", "bash", "-c",
		"exec 3<>/dev/udp/203.0.113.10/53; echo x >&3");
	cr_assert_eq(o.code, 0, "%s", o.out);
	COMMAND(&o, boxlab, "nat", "state", id, "a-nat", "--json");
	list = json_of(&o);
	cr_assert_eq(json_array_size(list), 1);
	nat = json_array_get(list, 0);
	entry = json_array_get(json_object_get(nat, "mappings"), 0);
	cr_expect(strstr(boxlab_text(entry, "inside"), "10.0.0.2:"), "%s", o.out);
	cr_expect(strstr(boxlab_text(entry, "external"), "203.1.0.1:"), "%s", o.out);
	entry = json_array_get(json_object_get(nat, "filters"), 0);
	cr_expect(strstr(boxlab_text(entry, "remote"), "203.0.113.10"), "%s", o.out);
	entry = json_array_get(json_object_get(nat, "flows"), 0);
	cr_expect_str_eq(boxlab_text(entry, "dst"), "203.0.113.10:53");
	cr_expect_gt(json_integer_value(json_object_get(entry, "expires_s")), 0);
	json_decref(list);
	COMMAND(&o, boxlab, "nat", "state", id);
	cr_expect(strstr(o.out, "a-nat\n  MAPS ") && strstr(o.out, "b-nat\n"), "%s", o.out);
	COMMAND(&o, boxlab, "nat", "state", id, "c-nat");
	cr_expect_eq(o.code, 2);
	cr_expect(strstr(o.out, "no NAT \"c-nat\" is here; there is: a-nat, b-nat"), "%s", o.out);
	COMMAND(&o, boxlab, "down", id);
	boxlab_close(&b);
}

/* By hand, as one would with a NAT out there, and what is found declares one here. */
Test(nat, is_declared_by_what_natprobe_found_in_a_lab)
{
	static struct outcome o;
	static struct boxlab b;
	char file[PATH_MAX], id[32];

	boxlab_open(&b, "name: measure\n"
			"nodes:\n"
			"  pub: {role: host, addresses: 2}\n"
			"  fn: {role: host, count: 1, nat: symmetric-sequential}\n");
	(void)strcpy(file, boxlab_path(&b, "scenario.yaml"));
	(void)strcpy(id, helper_id());
	COMMAND(&o, helper_path("boxlab"), "up", "--detach", "--id", id, file);
	cr_assert_eq(o.code, 0, "%s", o.out);
	COMMAND(&o, "bash", "-c",
		"exec 3< <(\"$0\" exec $1 pub -- natprobe reflect 203.0.113.10 203.0.113.11 2>&1)\n"
		"read -u 3 && \"$0\" exec $1 fn0 -- natprobe probe 203.0.113.10 203.0.113.11 >$2",
		helper_path("boxlab"), id, boxlab_path(&b, "measured.json"));
	cr_expect_eq(o.code, 0, "%s", o.out);
	COMMAND(&o, helper_path("boxlab"), "down", id);
	cr_expect_eq(o.code, 0, "%s", o.out);
	helper_write_file(file,
			  "name: again\n"
			  "nodes: {fn: {role: host, count: 1, nat: {from: measured.json}}}\n");
	boxlab_run(&b);
	boxlab_expect(&b, 0, "pass");
	COMMAND(&o, helper_path("boxlab"), "plan", file);
	cr_expect(strstr(o.out, "  apdm      apdf       sequential  off "), "%s", o.out);
	boxlab_close(&b);
}

static const struct {
	const char *args[4];
	const char *words;
} misused[] = {
	{{"nat"}, "usage: boxlab nat VERB"},
	{{"nat", "prob"}, "there is no verb \"prob\", did you mean 'probe'"},
	{{"nat", "show"}, "usage: boxlab nat show"},
	{{"nat", "show", "linx"}, "\"linx\" is neither a preset nor a file, did you mean 'linux'?"},
	{{"nat", "show", "./no.json"}, "./no.json: No such file"},
	{{"nat", "probe"}, "usage: boxlab nat probe"},
	{{"nat", "probe", "--all", "linux"}, "usage: boxlab nat probe"},
	{{"nat", "show", "none", "--nft"}, "none: nothing is translated"},
	{{"nat", "probe", "--lifetime=x", "linux"}, "\"x\" is not a number from 1 to 7000"},
};

/* What nobody gets to see is no success; who has seen enough need not be told. */
Test(nat, knows_when_what_it_prints_is_lost)
{
	static const char *const verbs[] = {"nat list", "nat show linux", "nat show linux --nft",
					    "nat probe linux", "nat probe linux --json"};
	static struct outcome o;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strstr(verbs[i], "--nft") && !has_nft())
			continue;
		COMMAND(&o, "sh", "-c", "\"$0\" $1 2>&1 >/dev/full", helper_path("boxlab"),
			verbs[i]);
		cr_expect_eq(o.code, 3, "%s: %d", verbs[i], o.code);
		cr_expect_str_eq(o.out, "boxlab: cannot write to standard output\n", "%s",
				 verbs[i]);
		COMMAND(&o, "bash", "-c", "exec 4> >(:); wait $!; \"$0\" $1 2>&1 >&4",
			helper_path("boxlab"), verbs[i]);
		cr_expect_eq(o.code, 141, "%s: %d", verbs[i], o.code);
		cr_expect_str_empty(o.out, "%s", verbs[i]);
	}
}

Test(nat, tells_how_it_is_used)
{
	for (size_t i = 0; i < ARRAY_SIZE(misused); i++) {
		static struct outcome o;
		const char *const *a = misused[i].args;

		COMMAND(&o, helper_path("boxlab"), a[0], a[1], a[2], a[3]);
		cr_expect_eq(o.code, 2, "%s: %d", misused[i].words, o.code);
		cr_expect(strstr(o.out, misused[i].words), "%s", o.out);
	}
}
