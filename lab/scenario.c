/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario.h"

#include "base/cleanup.h"
#include "lab/keys_places.h"
#include "lab/scenario_check.h"
#include "lab/scenario_keys.h"
#include "lab/scenario_link_keys.h"
#include "lab/scenario_nat_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void drop_yaml(struct yaml_value **root)
{
	yaml_free(*root);
}

static void drop_scenario(struct scenario **scenario)
{
	scenario_free(*scenario);
}

/* What a key's presence says, beyond its value. */
static void note_counts(struct scenario *scenario, const struct keys_places *places)
{
	for (size_t i = 0; i < scenario->n_nodes; i++)
		scenario->nodes[i].counted = keys_given(places, &scenario->nodes[i].count);
}

static void note_changes(struct scenario_step *step, const struct keys_places *places)
{
	for (size_t i = 0; i < step->n_changes; i++) {
		struct scenario_nat_change *change = &step->changes[i];
		struct scenario_nat given = {0};

		if (!change->set)
			continue;
		keys_mark(&scenario_declaration_keys, places, change->set, &given);
		change->given = given.nat;
	}
	for (size_t i = 0; i < step->n_wires; i++) {
		struct scenario_wire_change given = {0};

		keys_mark(&scenario_wire_keys, places, &step->wires[i], &given);
		step->wires[i].given = given.wire;
	}
}

int scenario_read(const char *text, size_t len, const char *file, struct scenario **ret_scenario,
		  struct scenario_errors *ret_errors)
{
	struct source source = {.file = file, .errors = ret_errors};
	cleanup_with(drop_scenario) struct scenario *scenario = NULL;
	cleanup_with(keys_places_free) struct keys_places places = {0};
	cleanup_with(drop_yaml) struct yaml_value *root = NULL;
	int r;

	(void)memset(ret_errors, 0, sizeof(*ret_errors));
	if (len > SCENARIO_SIZE_MAX) {
		source_error(&source, (struct where){1, 1}, "larger than %d bytes",
			     SCENARIO_SIZE_MAX);
		return -EINVAL;
	}
	r = yaml_read(text, len, &source, &root);
	if (r < 0)
		return r;
	scenario = calloc(1, sizeof(*scenario));
	if (!scenario)
		return -ENOMEM;
	r = keys_bind(&scenario_keys, root, &source, scenario, &places);
	if (r < 0)
		return r;
	note_counts(scenario, &places);
	for (size_t i = 0; i < scenario->n_steps; i++)
		note_changes(&scenario->steps[i], &places);
	r = scenario_check(scenario, &places, &source);
	if (r < 0)
		return r;
	if (source_failed(&source))
		return -EINVAL;
	*ret_scenario = take_ptr(scenario);
	return 0;
}

static void free_nat(struct scenario_nat *nat)
{
	keys_free(&scenario_nat_keys, nat);
}

int scenario_nat_read(const char *text, size_t len, const char *file, struct nat *ret_nat,
		      struct scenario_errors *ret_errors)
{
	struct source source = {.file = file, .errors = ret_errors};
	cleanup_with(free_nat) struct scenario_nat nat = {0};
	cleanup_with(keys_places_free) struct keys_places places = {0};
	cleanup_with(drop_yaml) struct yaml_value *root = NULL;
	struct error why = {0};
	int r;

	(void)memset(ret_errors, 0, sizeof(*ret_errors));
	r = yaml_read(text, len, &source, &root);
	if (r == 0)
		r = keys_bind(&scenario_nat_keys, root, &source, &nat, &places);
	if (r < 0)
		return r;
	if (nat.behind || nat.n_forwards || nat.one_to_one || nat.link)
		source_error(&source, nat.at,
			     "a NAT by itself knows no others: no 'behind', 'forwards', "
			     "'one_to_one' or 'link'");
	else if (!source_failed(&source) && nat_check(&nat.nat, &why) < 0)
		source_error(&source, scenario_nat_blame(&nat, &places), "%s", why.text);
	if (source_failed(&source))
		return -EINVAL;
	*ret_nat = nat.nat;
	return 0;
}

void scenario_free(struct scenario *scenario)
{
	if (!scenario)
		return;
	keys_free(&scenario_keys, scenario);
	free(scenario);
}

static void print_presets(FILE *out)
{
	size_t n;
	const struct nat_preset *presets = nat_presets(&n);

	(void)fputs("\n### Presets of NATs\n\n"
		    "| Preset | Mapping | Filtering | Ports | Hairpin | Unsolicited | TCP tracking "
		    "| Source |\n"
		    "|---|---|---|---|---|---|---|---|\n",
		    out);
	for (size_t i = 0; i < n; i++) {
		const struct nat *nat = &presets[i].nat;

		(void)fprintf(out, "| `%s` | `%s` | `%s` | `%s` | `%s` | `%s` | `%s` | %s%s%s |\n",
			      nat->preset, nat_mapping_names[nat->tcp.mapping],
			      nat_filtering_names[nat->tcp.filtering],
			      nat_allocation_names[nat->tcp.allocation],
			      nat_hairpin_names[nat->tcp.hairpin],
			      nat_unsolicited_names[nat->unsolicited],
			      nat_tcp_tracking_names[nat->tcp_tracking], presets[i].source,
			      presets[i].assumptions ? ". *Assumed:* " : "",
			      presets[i].assumptions ? presets[i].assumptions : "");
	}
}

void scenario_print_reference(FILE *out)
{
	keys_print_reference(&scenario_keys, out);
	print_presets(out);
}

void scenario_print_schema(FILE *out)
{
	keys_print_schema(&scenario_keys, "boxlab scenario", out);
}
