/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a scenario says of links, and what a plan makes of it.
 */
#include "support.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/needs.h"
#include "lab/scenario_keys.h"
#include "lab/scenario_wires.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define LINK  "  h: {role: host, link: {"
#define LOSS  "a percentage from 0% to 100%, such as 0.5%"
#define DELAY "a duration from 0ns to 1min, such as 300ms, 2s or 1min"
#define WIRED                                                                \
	HEAD "  h: {role: host, link: {delay: 1ms}}\n"                       \
	     "  f: {role: host, count: 2, nat: {preset: linux, link: {}}}\n" \
	     "steps:\n"
#define JITTER(line, more, delay) \
	"t.yaml:" line ": a jitter of " more " ns is more than the delay of " delay " ns\n"

static const struct refused refused[] = {
	{"a loss without a unit", HEAD LINK "loss: 2}}\n",
	 "t.yaml:3:32: loss: expected " LOSS ", found '2'\n"},
	{"a loss of more than all", HEAD LINK "loss: 101%}}\n",
	 "t.yaml:3:32: loss: expected " LOSS ", found '101%'\n"},
	{"a negative loss", HEAD LINK "loss: -1%}}\n",
	 "t.yaml:3:32: loss: expected " LOSS ", found '-1%'\n"},
	{"a loss of less than can be said", HEAD LINK "loss: 0.00001%}}\n",
	 "t.yaml:3:32: loss: expected " LOSS ", found '0.00001%'\n"},
	{"a loss that overflows", HEAD LINK "loss: 999999999999999999%}}\n",
	 "t.yaml:3:32: loss: expected " LOSS ", found '999999999999999999%'\n"},
	{"half a loss", HEAD LINK "loss: .5%}}\n",
	 "t.yaml:3:32: loss: expected " LOSS ", found '.5%'\n"},
	{"a delay that is too long", HEAD LINK "delay: 61s}}\n",
	 "t.yaml:3:33: delay: expected " DELAY ", found '61s'\n"},
	{"a delay without a unit", HEAD LINK "up: {delay: 10}}}\n",
	 "t.yaml:3:38: delay: expected " DELAY ", found '10'\n"},
	{"more jitter than delay", HEAD LINK "delay: 1ms, jitter: 2ms}}\n",
	 JITTER("3:46", "2000000", "1000000")},
	{"more jitter than delay in one direction",
	 HEAD LINK "delay: 2ms, jitter: 2ms, "
		   "down: {delay: 1ms}}}\n",
	 JITTER("3:65", "2000000", "1000000")},
	{"a link that is nothing", HEAD "  h: {role: host, link: }\n",
	 "t.yaml:3:25: link: expected a mapping, found nothing\n"},
	{"a link that is a delay", HEAD "  h: {role: host, link: 10ms}\n",
	 "t.yaml:3:25: expected a link as a mapping, found '10ms'\n"},
	{"an unknown key of a link", HEAD LINK "dealy: 1ms}}\n",
	 "t.yaml:3:26: unknown key 'dealy', did you mean 'delay'?\n"},
	{"the link of what is no NAT", HEAD "  h: {role: host, nat: {preset: none, link: {}}}\n",
	 "t.yaml:3:45: mapping: none, so there is no link\n"},
	{"a change of a link that is no wire",
	 WIRED "  - {name: s, wire: {change: f0, loss: 1%}}\n",
	 "t.yaml:6:30: the link of 'f0' is no wire that could change; give it 'link: {}'\n"},
	{"a change of nobody's link", WIRED "  - {name: s, wire: {change: f1-nta, loss: 1%}}\n",
	 "t.yaml:6:30: there is no node or NAT 'f1-nta', did you mean 'f1-nat'?\n"},
	{"a change of several links", WIRED "  - {name: s, wire: {change: f, loss: 1%}}\n",
	 "t.yaml:6:30: 'f' is f0 to f1 here, name one of them\n"},
	{"a change that changes nothing", WIRED "  - {name: s, wire: {change: h, up: {}}}\n",
	 "t.yaml:6:21: nothing changes; it needs 'delay', 'jitter', 'loss', 'up' or 'down'\n"},
	{"a change to what can't be", WIRED "  - {name: s, wire: {change: h, jitter: 2ms}}\n",
	 JITTER("6:41", "2000000", "1000000")},
	{"a change to what can't be, after another",
	 WIRED "  - {name: s, wire: {change: h, delay: 3ms, jitter: 3ms, keep: on}}\n"
	       "  - {name: t, wire: {change: h, delay: 4ms, jitter: 4ms}}\n"
	       "  - {name: u, wire: {change: h, up: {delay: 2ms}}}\n",
	 JITTER("8:45", "3000000", "2000000")},
	{"a change after nothing", WIRED "  - {name: s, wire: {change: h, loss: 1%, at: 1s}}\n",
	 "t.yaml:6:47: at: the step has no 'run' to count from\n"},
	{"a change after the end",
	 WIRED "  - {name: s, timeout: 1s, run: {node: h, command: x},\n"
	       "     wire: {change: h, loss: 1%, at: 1s}}\n",
	 "t.yaml:7:38: at: the step has failed by then\n"},
};

Test(links, errors_name_their_place)
{
	expect_refused(refused, ARRAY_SIZE(refused));
}

static const struct {
	const char *text;
	uint32_t ppm;
	const char *printed;
} percents[] = {
	{"0%", 0, "0%"},	   {"2%", 20000, "2%"},	      {"0.5%", 5000, "0.5%"},
	{"100%", 1000000, "100%"}, {"0.0001%", 1, "0.0001%"}, {"12.340000%", 123400, "12.34%"},
};

Test(links, percentages_are_parts_per_million)
{
	static const struct key any = {.kind = KEY_PERCENT, .max = 1000000, .size = 4};

	for (size_t i = 0; i < ARRAY_SIZE(percents); i++) {
		char text[KEYS_FORMAT_MAX];
		uint32_t ppm = 77;

		cr_expect_eq(keys_scalar(&any, percents[i].text, true, &ppm, NULL), 0, "%s",
			     percents[i].text);
		cr_expect_eq(ppm, percents[i].ppm, "%s", percents[i].text);
		cr_expect_str_eq(keys_format_percent(ppm, text), percents[i].printed);
	}
}

Test(links, a_direction_overrules_what_is_said_of_both)
{
	struct scenario *scenario =
		scenario_of(HEAD LINK "down: {loss: 0%, delay: 5ms}, delay: 10ms, jitter: 1ms, "
				      "loss: 2%}}\n");
	const struct fate_spec *from = scenario->nodes[0].link->wire.from;

	cr_expect(from[SCENARIO_UP].delay_ns == 10 * NS_PER_MS &&
		  from[SCENARIO_DOWN].delay_ns == 5 * NS_PER_MS);
	cr_expect(from[SCENARIO_UP].jitter_ns == NS_PER_MS &&
		  from[SCENARIO_DOWN].jitter_ns == NS_PER_MS);
	cr_expect(from[SCENARIO_UP].loss_ppm == 20000 && from[SCENARIO_DOWN].loss_ppm == 0);
	scenario_free(scenario);
}

Test(links, a_change_leaves_what_it_does_not_say)
{
	struct scenario *scenario = scenario_of(
		WIRED "  - {name: s, wire: {change: h, loss: 100%, up: {delay: 3ms}}}\n");
	struct topo_wire wire = scenario->nodes[0].link->wire;

	scenario_wire_apply(&scenario->steps[0].wires[0], &wire);
	cr_expect(wire.from[SCENARIO_UP].loss_ppm == FATE_CERTAIN_PPM &&
		  wire.from[SCENARIO_DOWN].loss_ppm == FATE_CERTAIN_PPM);
	cr_expect_eq(wire.from[SCENARIO_UP].delay_ns, 3 * NS_PER_MS);
	cr_expect_eq(wire.from[SCENARIO_DOWN].delay_ns, NS_PER_MS);
	scenario_free(scenario);
}

/* The links' numbers are what a seed's fates depend on. */
static void expect_links(const char *text, const char *const names[], const size_t numbers[],
			 size_t n)
{
	struct scenario *scenario = scenario_of(text);
	struct plan *plan = plan_of(scenario);

	cr_assert_eq(plan->n_wires, n);
	for (size_t i = 0; i < n; i++) {
		const struct plan_wire *wire = plan_find_wire(plan, names[i]);

		cr_assert(wire, "%s", names[i]);
		cr_expect_eq(wire->link, numbers[i], "%s: %zu", names[i], wire->link);
		cr_expect(plan->spec.links[wire->link].wire);
	}
	cr_expect_null(plan_find_wire(plan, "f0"));
	cr_expect_eq(plan->spec.seed, 7);
	plan_free(plan);
	scenario_free(scenario);
}

Test(links, numbers_do_not_depend_on_what_comes_later)
{
	static const char *const names[] = {"f0-nat", "f1-nat", "h"};
	static const size_t numbers[] = {0, 1, 2};

	expect_links("seed: 7\n" WIRED "  - {name: s, wire: {change: h, loss: 1%}}\n", names,
		     numbers, ARRAY_SIZE(names));
	expect_links("seed: 7\ncheck_nats: off\n" WIRED
		     "  - {name: s, wire: {change: h, loss: 1%}}\n",
		     names, numbers, ARRAY_SIZE(names));
}

Test(links, wires_need_files_and_a_process)
{
	struct scenario *plain = scenario_of(HEAD "  h: {role: host, count: 900}\n");
	struct scenario *wired = scenario_of(HEAD "  h: {role: host, count: 900, link: {}}\n");
	struct plan *without = plan_of(plain), *with = plan_of(wired);
	struct needs a = plan_needs(without), b = plan_needs(with);

	cr_expect_eq(b.n[NEED_FILES], a.n[NEED_FILES] + 5 + 2 * 900);
	cr_expect_eq(b.n[NEED_PROCESSES], a.n[NEED_PROCESSES] + 1);
	cr_expect_eq(b.n[NEED_NET_NS], a.n[NEED_NET_NS] + 1);
	plan_free(without);
	plan_free(with);
	scenario_free(plain);
	scenario_free(wired);
}

static void print_text(FILE *out, const void *plan)
{
	plan_print(plan, out);
}

static void print_json(FILE *out, const void *plan)
{
	cr_assert_eq(plan_print_json(plan, out), 0);
}

Test(links, are_planned)
{
	struct scenario *scenario = scenario_of(
		WIRED "  - name: s\n"
		      "    wire:\n"
		      "      - {change: h, loss: 0.5%, at: 300ms}\n"
		      "      - {change: f1-nat, delay: 2ms, up: {loss: 100%}, keep: on}\n"
		      "    run: {node: h, command: x}\n");
	struct plan *plan = plan_of(scenario);
	cleanup_free char *for_people = printed(print_text, plan);
	cleanup_free char *for_programs = printed(print_json, plan);

	expect_golden("tests/lab/golden/wires.txt", for_people);
	expect_golden("tests/lab/golden/wires.json", for_programs);
	plan_free(plan);
	scenario_free(scenario);
}
