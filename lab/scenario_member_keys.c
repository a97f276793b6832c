/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_member_keys.h"

#include "lab/scenario_keys.h"

const char *const scenario_member_do_words[] = {"start", "end", "kill", NULL};

static const struct key member_rows[] = {
	{
		.name = "change",
		.kind = KEY_NAME,
		.max = SCENARIO_NAME_MAX,
		.required = true,
		KEY_MEMBER(struct scenario_member_change, name),
		.doc = "The function or the seed, by its concrete name: `fn0`.",
	},
	{
		.name = "do",
		.kind = KEY_ENUM,
		.words = scenario_member_do_words,
		.required = true,
		KEY_MEMBER(struct scenario_member_change, what),
		.doc = "It is started, asked to end (SIGTERM), or killed (SIGKILL).",
	},
	SCENARIO_AT_ROW(struct scenario_member_change),
	{0},
};

const struct keys scenario_member_keys = {
	.name = "member",
	.noun = "a change of a Boxer process",
	.plural = "changes of Boxer processes",
	.doc = "A Boxer process that is started or ended while a step runs. That stays so when "
	       "the step has ended. One that was started has not joined yet: `events` waits for "
	       "that.",
	.size = sizeof(struct scenario_member_change),
	.at = offsetof(struct scenario_member_change, at),
	.label = KEYS_NONE,
	.rows = member_rows,
};

static const struct key event_rows[] = {
	{
		.name = "event",
		.kind = KEY_NAME,
		.max = KEYS_NAME_MAX,
		.required = true,
		KEY_MEMBER(struct scenario_event, event),
		.doc = "What it is called: `link`, `link-lost`, `member`, `member-left`, "
		       "`seed-lost`, `seed-back`, `joined`, ...",
	},
	{
		.name = "node",
		.kind = KEY_NAME,
		.max = SCENARIO_NAME_MAX,
		.absent = "every function whose Boxer process runs",
		KEY_MEMBER(struct scenario_event, node),
		.doc = "Who tells it, by its concrete name: `fn0`.",
	},
	{
		.name = "about",
		.kind = KEY_NAME,
		.max = SCENARIO_NAME_MAX,
		.absent = "whomever",
		KEY_MEMBER(struct scenario_event, about),
		.doc = "The function that it is about. Nobody needs to tell it of itself.",
	},
	{
		.name = "never",
		.kind = KEY_BOOL,
		.initial = "off",
		KEY_MEMBER(struct scenario_event, never),
		.doc = "It must not be told before the step ends.",
	},
	{0},
};

const struct keys scenario_event_keys = {
	.name = "event",
	.noun = "an event",
	.plural = "events",
	.doc = "What a Boxer process tells (`--events`). Its name alone is the short form.",
	.shorthand = "event",
	.size = sizeof(struct scenario_event),
	.at = offsetof(struct scenario_event, at),
	.label = KEYS_NONE,
	.rows = event_rows,
};
