/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_step_keys.h"

#include "lab/scenario_keys.h"
#include "lab/scenario_link_keys.h"
#include "lab/scenario_member_keys.h"
#include "lab/scenario_nat_keys.h"

#include <netinet/in.h>

#define CPUS_MAX 1024

static const char *const links_words[] = {"all", "possible", NULL};
static const int links_values[] = {LINKS_ALL, LINKS_POSSIBLE};
const char *const scenario_path_words[] = {"any", "direct", NULL};
const char *const scenario_exit_words[] = {"zero", "nonzero", "any", NULL};
static const char *const proto_words[] = {"tcp", "udp", NULL};
static const int proto_values[] = {IPPROTO_TCP, IPPROTO_UDP};
static const char *const moved_words[] = {"sent", "received", NULL};

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
		.keys = &scenario_nat_change_keys,
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

const struct keys scenario_step_keys = {
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
