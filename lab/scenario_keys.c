/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_keys.h"

#include "lab/scenario_link_keys.h"
#include "lab/scenario_nat_keys.h"
#include "lab/scenario_step_keys.h"

const char *const scenario_role_words[] = {"function", "seed", "host", NULL};
static const char *const start_words[] = {"now", "later", NULL};

static const struct key node_rows[] = {
	{
		.name = "role",
		.kind = KEY_ENUM,
		.words = scenario_role_words,
		.initial = "function",
		KEY_MEMBER(struct scenario_node, role),
		.doc = "A function runs a Boxer node, in a sandbox like Lambda's; the seed "
		       "introduces functions to each other, and is public; a host is a "
		       "plain machine.",
	},
	{
		.name = "count",
		.kind = KEY_INTEGER,
		.min = 1,
		.max = SCENARIO_NODES_MAX,
		.initial = "1",
		KEY_MEMBER(struct scenario_node, count),
		.doc = "How many of them. When given, also as 1, the node `fn` becomes "
		       "`fn0`, `fn1`, ...; steps name these.",
	},
	{
		.name = "nat",
		.kind = KEY_OWN,
		.absent = "none",
		.keys = &scenario_nat_keys,
		KEY_MEMBER(struct scenario_node, nat),
		.doc = "A NAT in front of each of them, `fn0-nat`, ... .",
	},
	{
		.name = "behind",
		.kind = KEY_NAME,
		.max = KEYS_NAME_MAX,
		.absent = "none",
		KEY_MEMBER(struct scenario_node, behind),
		.doc = "A NAT of `nats`, in front of all of them. Excludes `nat`.",
	},
	{
		.name = "link",
		.kind = KEY_OWN,
		.absent = "neither delays nor loses anything",
		.keys = &scenario_link_keys,
		KEY_MEMBER(struct scenario_node, link),
		.doc = "The link of each of them, to its NAT or to the public side, as a wire.",
	},
	{
		.name = "addresses",
		.kind = KEY_INTEGER,
		.min = 1,
		.max = SCENARIO_ADDRESSES_MAX,
		.initial = "1",
		KEY_MEMBER(struct scenario_node, addresses),
		.doc = "How many addresses each of them has, for a host or a seed that is "
		       "public. Its name leads to the first one.",
	},
	{
		.name = "run",
		.kind = KEY_COMMAND,
		.absent = "nothing: Boxer without a guest",
		KEY_MEMBER(struct scenario_node, run),
		.doc = "The guest of a function: what `boxer run` starts in it at once.",
	},
	{
		.name = "wait",
		.kind = KEY_INTEGER,
		.min = 1,
		.max = SCENARIO_NODES_MAX,
		.word = "all",
		.initial = "all",
		KEY_MEMBER(struct scenario_node, wait),
		.doc = "How many functions, itself included, must be there before the "
		       "guest of `run` starts.",
	},
	{
		.name = "start",
		.kind = KEY_ENUM,
		.words = start_words,
		.initial = "now",
		KEY_MEMBER(struct scenario_node, later),
		.doc = "When a function's Boxer process is started: with all the others, or "
		       "`later`, by a step's `member`.",
	},
	{
		.name = "options",
		.kind = KEY_COMMAND,
		.absent = "none",
		KEY_MEMBER(struct scenario_node, options),
		.doc = "More options for the Boxer process of a function or of the seed: "
		       "`--silence 3`.",
	},
	{
		.name = "under",
		.kind = KEY_COMMAND,
		.absent = "nothing",
		KEY_MEMBER(struct scenario_node, under),
		.doc = "A program, and its arguments, that starts that process, as `env A=b` "
		       "would; it must become that process itself.",
	},
	{0},
};

static const struct keys node_keys = {
	.name = "node",
	.noun = "a node",
	.plural = "nodes",
	.doc = "A machine, or `count` equal ones. Without `nat` and `behind` it is public: it "
	       "has an address of its own that everybody can reach.",
	.size = sizeof(struct scenario_node),
	.at = offsetof(struct scenario_node, at),
	.label = offsetof(struct scenario_node, name),
	.rows = node_rows,
};

static const struct key scenario_rows[] = {
	{
		.name = "name",
		.kind = KEY_NAME,
		.max = 64,
		.required = true,
		KEY_MEMBER(struct scenario, name),
		.doc = "What the scenario is called in reports, and in the names of files.",
	},
	{
		.name = "description",
		.kind = KEY_TEXT,
		.max = 1000,
		.absent = "none",
		KEY_MEMBER(struct scenario, description),
		.doc = "What it shows, for people.",
	},
	{
		.name = "seed",
		.kind = KEY_INTEGER,
		.max = UINT32_MAX,
		.initial = "1",
		KEY_MEMBER(struct scenario, seed),
		.doc = "The seed of every random choice of the run.",
	},
	{
		.name = "check_nats",
		.kind = KEY_BOOL,
		.initial = "on",
		KEY_MEMBER(struct scenario, check_nats),
		.doc = "Measure before the steps whether every NAT behaves as declared; a run "
		       "with one that does not has failed.",
	},
	{
		.name = "nats",
		.kind = KEY_MAP,
		.max = SCENARIO_NODES_MAX,
		.absent = "none",
		.keys = &scenario_nat_keys,
		KEY_ARRAY(struct scenario, nats),
		.doc = "NATs that several nodes are behind (see `behind`), by name.",
	},
	{
		.name = "nodes",
		.kind = KEY_MAP,
		.min = 1,
		.max = SCENARIO_NODES_MAX,
		.required = true,
		.keys = &node_keys,
		KEY_ARRAY(struct scenario, nodes),
		.doc = "The machines, by name.",
	},
	{
		.name = "steps",
		.kind = KEY_LIST,
		.max = SCENARIO_STEPS_MAX,
		.absent = "none",
		.keys = &scenario_step_keys,
		KEY_ARRAY(struct scenario, steps),
		.doc = "What is done, in this order.",
	},
	{0},
};

const struct keys scenario_keys = {
	.name = "scenario",
	.noun = "a scenario",
	.plural = "scenarios",
	.doc = "The top level of the document.",
	.size = sizeof(struct scenario),
	.at = KEYS_NONE,
	.label = KEYS_NONE,
	.rows = scenario_rows,
};
