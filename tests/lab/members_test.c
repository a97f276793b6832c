/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a scenario says of Boxer processes.
 */
#include "support.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>

#define CAST                                              \
	HEAD SEED "  h: {role: host}\n"                   \
		  "  fn: {count: 2, nat: lambda}\n"       \
		  "  late: {nat: lambda, start: later}\n" \
		  "steps:\n"

static const struct refused refused[] = {
	{"a host that starts later", HEAD "  h: {role: host, start: later}\n",
	 "t.yaml:3:26: start: a host has no Boxer process\n"},
	{"options of a host", HEAD "  h: {role: host, options: --silence 3, under: env}\n",
	 "t.yaml:3:28: options: a host has no Boxer process\n"
	 "t.yaml:3:48: under: a host has no Boxer process\n"},
	{"a seed that starts later", HEAD "  seed: {role: seed, start: later}\n",
	 "t.yaml:3:29: start: nobody can join before the seed runs\n"},
	{"the end of a host", CAST "  - {name: s, member: {change: h, do: kill}}\n",
	 "t.yaml:8:32: 'h' is a host, which has no Boxer process\n"},
	{"the end of nobody", CAST "  - {name: s, member: {change: fn7, do: kill}}\n",
	 "t.yaml:8:32: there is no node 'fn7', did you mean 'fn0'?\n"},
	{"the end of a NAT", CAST "  - {name: s, member: {change: fn0-nat, do: kill}}\n",
	 "t.yaml:8:32: 'fn0-nat' is a NAT, not a node\n"},
	{"the end of what does not run", CAST "  - {name: s, member: {change: late, do: end}}\n",
	 "t.yaml:8:42: do: late does not run by then\n"},
	{"the start of what runs", CAST "  - {name: s, member: {change: fn0, do: start}}\n",
	 "t.yaml:8:41: do: fn0 runs already by then\n"},
	{"two ends of one life",
	 CAST "  - {name: s, member: [{change: fn0, do: kill}, {change: fn0, do: start}]}\n"
	      "  - {name: t, member: [{change: fn0, do: kill}, {change: fn1, do: end}]}\n"
	      "  - {name: u, member: {change: fn0, do: end}}\n",
	 "t.yaml:10:41: do: fn0 does not run by then\n"},
	{"an end after nothing", CAST "  - {name: s, member: {change: fn0, do: end, at: 1s}}\n",
	 "t.yaml:8:50: at: the step has no 'run' to count from\n"},
	{"nothing becomes of it", CAST "  - {name: s, member: {change: fn0}}\n",
	 "t.yaml:8:23: a change of a Boxer process needs the key 'do'\n"},
	{"a host that tells something", CAST "  - {name: s, events: {event: link, node: h}}\n",
	 "t.yaml:8:43: 'h' is a host, which has no Boxer process\n"},
	{"something about nobody", CAST "  - {name: s, events: [{event: link, about: fn}]}\n",
	 "t.yaml:8:45: 'fn' is fn0 to fn1 here, name one of them\n"},
	{"links of one function", HEAD SEED "  a: {}\nsteps:\n  - {name: s, links: possible}\n",
	 "t.yaml:6:22: links: there are no two functions to link\n"},
};

Test(members, errors_name_their_place)
{
	expect_refused(refused, ARRAY_SIZE(refused));
}

static void print_text(FILE *out, const void *plan)
{
	plan_print(plan, out);
}

static void print_json(FILE *out, const void *plan)
{
	cr_assert_eq(plan_print_json(plan, out), 0);
}

Test(members, are_planned)
{
	struct scenario *scenario = scenario_of(
		HEAD "  seed: {role: seed, options: --state /tmp/state}\n"
		     "  a: {nat: lambda, under: env FAKETIME=+1h, options: --silence 3}\n"
		     "  b: {nat: lambda, start: later}\n"
		     "steps:\n"
		     "  - {name: links, links: possible}\n"
		     "  - name: s\n"
		     "    member:\n"
		     "      - {change: seed, do: kill, at: 300ms}\n"
		     "      - {change: seed, do: start, at: 600ms}\n"
		     "      - {change: b, do: start}\n"
		     "    run: {node: a, command: x}\n"
		     "    events:\n"
		     "      - seed-back\n"
		     "      - {event: link, about: b}\n"
		     "      - {event: link-lost, node: a, never: on}\n");
	struct plan *plan = plan_of(scenario);
	cleanup_free char *for_people = printed(print_text, plan);
	cleanup_free char *for_programs = printed(print_json, plan);

	expect_golden("tests/lab/golden/members.txt", for_people);
	expect_golden("tests/lab/golden/members.json", for_programs);
	plan_free(plan);
	scenario_free(scenario);
}
