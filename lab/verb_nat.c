/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/verb_nat.h"

#include "base/cleanup.h"
#include "lab/nat_json.h"
#include "lab/nat_named.h"
#include "lab/run.h"
#include "lab/run/nat_lab.h"
#include "lab/scenario_nat_keys.h"
#include "lab/verb_table.h"
#include "lab/verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct verb verbs[] = {
	{"list", verb_nat_list, "[--json]", "the presets"},
	{"show", verb_nat_show, "NAME|FILE [--nft] [--json]", "all that a NAT is declared to do"},
	{"probe", verb_nat_probe, "NAME|FILE|--all", "measure whether it does it"},
	{"state", verb_nat_state, "[LAB] [NAT]", "what the NATs of a running lab remember"},
};

static const struct verb_table table = {
	.command = "boxlab nat",
	.about = "Kinds of NATs, and how they behave.",
	.more = "NAME is a preset, or a pair of mapping and filtering such as \"adm-eif\";\n"
		"FILE declares a NAT in the keys of a scenario, as \"natprobe\" writes them.\n",
	.verbs = verbs,
	.n = ARRAY_SIZE(verbs),
};

int verb_nat(int argc, char **argv)
{
	return verb_table_run(&table, argc, argv);
}

static int print_json(json_t *json)
{
	int r = json ? json_dumpf(json, stdout, JSON_INDENT(2)) : -1;

	json_decref(json);
	if (r < 0)
		(void)fprintf(stderr, "boxlab: cannot print it\n");
	else
		(void)putchar('\n');
	return r < 0 ? RUN_UNABLE : RUN_PASSED;
}

/* ---- list ---- */

static json_t *preset_json(const struct nat_preset *preset)
{
	json_t *json = nat_json(&preset->nat);

	(void)json_object_set_new(json, "source", json_string(preset->source));
	(void)json_object_set_new(json, "assumptions",
				  preset->assumptions ? json_string(preset->assumptions)
						      : json_null());
	return json;
}

static void print_preset(const struct nat *nat)
{
	const struct nat_behaviour *tcp = &nat->tcp;

	(void)printf("%-22s  %-7s  %-9s  %-10s  %-8s  %-11s  %s\n", nat->preset,
		     nat_mapping_names[tcp->mapping], nat_filtering_names[tcp->filtering],
		     nat_allocation_names[tcp->allocation], nat_hairpin_names[tcp->hairpin],
		     nat_unsolicited_names[nat->unsolicited],
		     nat_tcp_tracking_names[nat->tcp_tracking]);
}

int verb_nat_list(int argc, char **argv)
{
	static const char usage[] = "usage: boxlab nat list [--json]\n"
				    "\n"
				    "Show the presets of NATs, each of them a composition of "
				    "behaviours.\n";
	size_t n;
	const struct nat_preset *presets = nat_presets(&n);
	json_t *list;
	bool json;
	int r = verb_only_json(argc, argv, usage, 0, &json);

	if (r >= 0)
		return r;
	list = json ? json_array() : NULL;
	if (!list)
		(void)printf("%-22s  %-7s  %-9s  %-10s  %-8s  %-11s  %s\n", "PRESET", "MAPPING",
			     "FILTERING", "PORTS", "HAIRPIN", "UNSOLICITED", "TCP");
	for (size_t i = 0; i < n; i++) {
		if (list)
			(void)json_array_append_new(list, preset_json(&presets[i]));
		else
			print_preset(&presets[i].nat);
	}
	return list ? print_json(list) : RUN_PASSED;
}

/* ---- show ---- */

/* As a scenario would say it: what comes out may be read again. */
static void print_keys(const struct keys *keys, const void *object, int indent)
{
	for (const struct key *row = keys->rows; row->name; row++) {
		char text[KEYS_FORMAT_MAX];

		if (row->kind == KEY_STRUCT) {
			(void)printf("%*s%s:\n", indent, "", row->name);
			print_keys(row->keys, (const char *)object + row->offset, indent + 2);
		} else if (keys_is_number(row) && !row->also) {
			(void)printf("%*s%s: %s\n", indent, "", row->name,
				     keys_format(row, object, text));
		}
	}
}

static void print_text(const struct nat_named *nat)
{
	const struct nat_preset *preset = nat_preset_find(nat->name);
	const struct scenario_nat bound = {.nat = nat->nat};

	if (preset)
		(void)printf("# %s\n", preset->source);
	if (preset && preset->assumptions)
		(void)printf("# Assumed: %s\n", preset->assumptions);
	if (nat_preset_find(nat->nat.preset))
		(void)printf("preset: %s\n", nat->nat.preset);
	print_keys(&scenario_declaration_keys, &bound, 0);
}

static int show(const char *name, bool nft, bool json)
{
	struct nat_named nat;
	struct lab_options lab = {.out_dir = -1};
	struct error err;
	int r = nat_named_find(name, &nat);

	if (r)
		return r;
	if (json)
		return print_json(nat_json(&nat.nat));
	if (!nft) {
		print_text(&nat);
		return RUN_PASSED;
	}
	(void)fflush(NULL);
	r = lab_start(&lab, nat_lab_rules, &nat, &err);
	return r < 0 ? verb_unable(&err) : r;
}

int verb_nat_show(int argc, char **argv)
{
	static const char usage[] =
		"usage: boxlab nat show NAME|FILE [--nft] [--json]\n"
		"\n"
		"Show all that a NAT is declared to do, in the keys of a scenario.\n"
		"\n"
		"  --nft    load its rules, in a namespace of their own, and show what \"nft list\n"
		"           ruleset\" says there\n"
		"  --json   for programs\n";
	static const struct option options[] = {{"nft", no_argument, NULL, 'n'},
						{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	bool nft = false, json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'n')
			nft = true;
		else if (opt == 'j')
			json = true;
		else
			return verb_usage(usage, opt == 'h');
	}
	if (argc - optind != 1 || (nft && json))
		return verb_usage(usage, false);
	return show(argv[optind], nft, json);
}
