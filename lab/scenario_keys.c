/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_keys.h"

#include "base/clock.h"
#include "lab/scenario_link_keys.h"
#include "lab/scenario_member_keys.h"
#include "lab/scenario_nat_keys.h"

#include <netinet/in.h>

#define CPUS_MAX 1024

const char *const scenario_role_words[] = {"function", "seed", "host", NULL};
static const char *const start_words[] = {"now", "later", NULL};
static const char *const links_words[] = {"all", "possible", NULL};
static const int links_values[] = {LINKS_ALL, LINKS_POSSIBLE};
const char *const scenario_path_words[] = {"any", "direct", NULL};
const char *const scenario_exit_words[] = {"zero", "nonzero", "any", NULL};
static const char *const proto_words[] = {"tcp", "udp", NULL};
static const int proto_values[] = {IPPROTO_TCP, IPPROTO_UDP};
static const char *const moved_words[] = {"sent", "received", NULL};

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

#define PORT_ROW                                                      \
	{                                                             \
		.name = "port", .kind = KEY_PORT, .required = true,   \
		KEY_MEMBER(struct scenario_program, port),            \
		.doc = "The port where it listens when it is ready.", \
	}
#define NODE_ROW                                                                              \
	{                                                                                     \
		.name = "node", .kind = KEY_NAME, .max = SCENARIO_NAME_MAX, .required = true, \
		KEY_MEMBER(struct scenario_program, node),                                    \
		.doc = "Where it runs: a node's concrete name (`fn0`).",                      \
	}

static const struct key listening_rows[] = {PORT_ROW, NODE_ROW, {0}};

static const struct keys listening_keys = {
	.name = "listening",
	.noun = "a program to wait for",
	.plural = "programs to wait for",
	.doc = "A program that runs already, such as a function's guest: the step goes on when "
	       "it listens.",
	.size = sizeof(struct scenario_program),
	.at = offsetof(struct scenario_program, at),
	.label = KEYS_NONE,
	.rows = listening_rows,
};

/* All but the first row are also the table of programs to run. */
static const struct key program_rows[] = {
	PORT_ROW,
	NODE_ROW,
	{
		.name = "command",
		.kind = KEY_COMMAND,
		.required = true,
		KEY_MEMBER(struct scenario_program, argv),
		.doc = "The program and its arguments. A line is split into words by the shell's "
		       "rules of quoting; there is no shell, so nothing is expanded.",
	},
	{
		.name = "cpu",
		.kind = KEY_INTEGER,
		.max = CPUS_MAX - 1,
		.word = "any",
		.word_value = -1,
		.initial = "any",
		KEY_MEMBER(struct scenario_program, cpu),
		.doc = "The processor that it is pinned to.",
	},
	{0},
};

static const struct keys serve_keys = {
	.name = "serve",
	.noun = "a program to serve",
	.plural = "programs to serve",
	.doc = "A server: started before the programs of `run`, ready when it listens, ended "
	       "with the step.",
	.size = sizeof(struct scenario_program),
	.at = offsetof(struct scenario_program, at),
	.label = KEYS_NONE,
	.rows = program_rows,
};

static const struct keys run_keys = {
	.name = "run",
	.noun = "a program to run",
	.plural = "programs to run",
	.doc = "A program whose end the step waits for.",
	.size = sizeof(struct scenario_program),
	.at = offsetof(struct scenario_program, at),
	.label = KEYS_NONE,
	.rows = program_rows + 1,
};

/* All but the first row are also the table of bytes moved. */
static const struct key value_rows[] = {
	{
		.name = "unit",
		.kind = KEY_LINE,
		.max = 16,
		.initial = "",
		.absent = "none",
		KEY_MEMBER(struct scenario_value, unit),
		.doc = "Its unit: `bit/s`, `us`, ...",
	},
	{
		.name = "at",
		.kind = KEY_POINTER,
		.min = 1,
		.max = 200,
		.required = true,
		KEY_MEMBER(struct scenario_value, pointer),
		.doc = "Where in the JSON that the program printed.",
	},
	{0},
};

static const struct keys value_keys = {
	.name = "value",
	.noun = "a value",
	.plural = "values",
	.doc = "A number out of the JSON that the first program of `run` printed. The pointer "
	       "alone is the short form.",
	.shorthand = "at",
	.size = sizeof(struct scenario_value),
	.at = offsetof(struct scenario_value, at),
	.label = offsetof(struct scenario_value, label),
	.rows = value_rows,
};

static const struct keys moved_keys = {
	.name = "moved",
	.noun = "a number of bytes",
	.plural = "numbers of bytes",
	.doc = "How many bytes the first program of `run` says it moved in one direction. The "
	       "pointer alone is the short form.",
	.shorthand = "at",
	.size = sizeof(struct scenario_value),
	.at = offsetof(struct scenario_value, at),
	.label = offsetof(struct scenario_value, label),
	.rows = value_rows + 1,
};

/* Binds members of the step itself. */
static const struct key expect_rows[] = {
	{
		.name = "exit",
		.kind = KEY_ENUM,
		.words = scenario_exit_words,
		.initial = "zero",
		KEY_MEMBER(struct scenario_step, exit),
		.doc = "The exit status of each program of `run`.",
	},
	{
		.name = "path",
		.kind = KEY_ENUM,
		.words = scenario_path_words,
		.initial = "any",
		KEY_MEMBER(struct scenario_step, path),
		.doc = "The way of the bytes. `direct` is proven: the connection tables of "
		       "exactly the NATs in between held the flow, and it carried the "
		       "bytes of `moved`.",
	},
	{
		.name = "dropped_by",
		.kind = KEY_NAME,
		.max = SCENARIO_NAME_MAX,
		.absent = "nobody",
		KEY_MEMBER(struct scenario_step, dropped_by),
		.doc = "A node behind a NAT: that NAT must have dropped packets that "
		       "nobody behind it had asked for.",
	},
	{0},
};

static const struct keys expect_keys = {
	.name = "expect",
	.noun = "an expectation",
	.plural = "expectations",
	.doc = "What must be true at the end of a step; else it has failed.",
	.size = sizeof(struct scenario_step),
	.at = KEYS_NONE,
	.label = KEYS_NONE,
	.rows = expect_rows,
};

static const char *const rebind_words[] = {"ports", "address", NULL};
static const int rebind_values[] = {REBIND_PORTS, REBIND_ADDRESS};

static const struct key change_rows[] = {
	{
		.name = "change",
		.kind = KEY_NAME,
		.max = KEYS_NAME_MAX + 8,
		.required = true,
		KEY_MEMBER(struct scenario_nat_change, nat),
		.doc = "The NAT, by its concrete name: that in `nats`, or `fn0-nat`.",
	},
	{
		.name = "reboot",
		.kind = KEY_BOOL,
		.initial = "off",
		KEY_MEMBER(struct scenario_nat_change, reboot),
		.doc = "It forgets all flows and mappings.",
	},
	{
		.name = "rebind",
		.kind = KEY_ENUM,
		.words = rebind_words,
		.values = rebind_values,
		.absent = "not",
		KEY_MEMBER(struct scenario_nat_change, rebind),
		.doc = "It forgets them, and what comes next gets random ports, or another "
		       "external address.",
	},
	{
		.name = "set",
		.kind = KEY_OWN,
		.absent = "nothing",
		.keys = &scenario_declaration_keys,
		KEY_MEMBER(struct scenario_nat_change, set),
		.doc = "How it behaves from now on. Flows and mappings that there are go on as "
		       "far as they can.",
	},
	SCENARIO_AT_ROW(struct scenario_nat_change),
	{
		.name = "keep",
		.kind = KEY_BOOL,
		.initial = "off",
		KEY_MEMBER(struct scenario_nat_change, keep),
		.doc = "It stays so when the step has ended; else `rebind` and `set` are undone "
		       "then. What was forgotten stays forgotten.",
	},
	{0},
};

static const struct keys change_keys = {
	.name = "change",
	.noun = "a change of a NAT",
	.plural = "changes of NATs",
	.doc = "A NAT that is rebooted, bound anew, or made to behave otherwise while a step "
	       "runs. The change is made at once, so that no packet meets one half of it.",
	.size = sizeof(struct scenario_nat_change),
	.at = offsetof(struct scenario_nat_change, at),
	.label = KEYS_NONE,
	.rows = change_rows,
};

static const struct key step_rows[] = {
	{
		.name = "name",
		.kind = KEY_LINE,
		.min = 1,
		.max = 80,
		.required = true,
		KEY_MEMBER(struct scenario_step, name),
		.doc = "What it is called in reports; no two steps are called the same.",
	},
	{
		.name = "links",
		.kind = KEY_ENUM,
		.words = links_words,
		.values = links_values,
		.absent = "not waited for",
		KEY_MEMBER(struct scenario_step, links),
		.doc = "Wait until every function has a control link to every other one; with "
		       "`possible`, but for pairs of which both say that their NATs allow none. "
		       "Functions whose Boxer process does not run are left out.",
	},
	{
		.name = "listening",
		.kind = KEY_ONE_OR_LIST,
		.min = 1,
		.max = SCENARIO_NODES_MAX,
		.absent = "not waited for",
		.keys = &listening_keys,
		KEY_ARRAY(struct scenario_step, listening),
		.doc = "Wait until programs listen that run already.",
	},
	{
		.name = "nat",
		.kind = KEY_ONE_OR_LIST,
		.min = 1,
		.max = 64,
		.absent = "none",
		.keys = &change_keys,
		KEY_ARRAY(struct scenario_step, changes),
		.doc = "NATs that are changed, in this order.",
	},
	{
		.name = "wire",
		.kind = KEY_ONE_OR_LIST,
		.min = 1,
		.max = 64,
		.absent = "none",
		.keys = &scenario_wire_keys,
		KEY_ARRAY(struct scenario_step, wires),
		.doc = "Links that are changed, in this order, behind the NATs.",
	},
	{
		.name = "member",
		.kind = KEY_ONE_OR_LIST,
		.min = 1,
		.max = 64,
		.absent = "none",
		.keys = &scenario_member_keys,
		KEY_ARRAY(struct scenario_step, members),
		.doc = "Boxer processes that are started and ended, in this order, behind the "
		       "links.",
	},
	{
		.name = "boxer",
		.kind = KEY_BOOL,
		.initial = "on",
		KEY_MEMBER(struct scenario_step, boxer),
		.doc = "Start the programs of functions through `boxer exec`; those of hosts "
		       "and of the seed never are. `off` shows what happens without Boxer.",
	},
	{
		.name = "proto",
		.kind = KEY_ENUM,
		.words = proto_words,
		.values = proto_values,
		.initial = "tcp",
		KEY_MEMBER(struct scenario_step, proto),
		.doc = "By what the programs of `listening` and `serve` are spoken to, and of "
		       "what a path is proven. With `udp` a server is ready when a socket "
		       "is bound to its port. Boxer carries TCP alone, so that programs of "
		       "functions need `boxer: off` with it.",
	},
	{
		.name = "serve",
		.kind = KEY_ONE_OR_LIST,
		.min = 1,
		.max = SCENARIO_NODES_MAX,
		.absent = "none",
		.keys = &serve_keys,
		KEY_ARRAY(struct scenario_step, serve),
		.doc = "Servers for the time of the step.",
	},
	{
		.name = "run",
		.kind = KEY_ONE_OR_LIST,
		.min = 1,
		.max = SCENARIO_NODES_MAX,
		.absent = "none",
		.keys = &run_keys,
		KEY_ARRAY(struct scenario_step, run),
		.doc = "Programs, all started once the servers are ready.",
	},
	{
		.name = "events",
		.kind = KEY_ONE_OR_LIST,
		.min = 1,
		.max = 64,
		.absent = "none",
		.keys = &scenario_event_keys,
		KEY_ARRAY(struct scenario_step, events),
		.doc = "What Boxer processes must tell, from the step's changes on; waited for "
		       "when the programs of `run` have ended. Or what they must not.",
	},
	{
		.name = "timeout",
		.kind = KEY_DURATION,
		.min = NS_PER_MS,
		.max = 24 * 3600 * (int64_t)NS_PER_S,
		.initial = "30s",
		KEY_MEMBER(struct scenario_step, timeout_ns),
		.doc = "After that long the step has failed.",
	},
	{
		.name = "values",
		.kind = KEY_MAP,
		.line_labels = true,
		.max = 64,
		.absent = "none",
		.keys = &value_keys,
		KEY_ARRAY(struct scenario_step, values),
		.doc = "Numbers that are reported with the step, each under a label.",
	},
	{
		.name = "moved",
		.kind = KEY_MAP,
		.words = moved_words,
		.min = 1,
		.max = 2,
		.absent = "none",
		.keys = &moved_keys,
		KEY_ARRAY(struct scenario_step, moved),
		.doc = "`sent` and `received`: the bytes that the first program of `run` "
		       "says it moved; the proof of a path is held against them.",
	},
	{
		.name = "expect",
		.kind = KEY_STRUCT,
		.absent = "exit zero",
		.keys = &expect_keys,
		.doc = "What must be true at the end.",
	},
	{0},
};

static const struct keys step_keys = {
	.name = "step",
	.noun = "a step",
	.plural = "steps",
	.doc = "One thing to do, and what must come of it. Steps are done one after the other, "
	       "in their order.",
	.size = sizeof(struct scenario_step),
	.at = offsetof(struct scenario_step, at),
	.label = KEYS_NONE,
	.rows = step_rows,
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
		.keys = &step_keys,
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
