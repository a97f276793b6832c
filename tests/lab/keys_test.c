/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "support.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/keys_near.h"
#include "lab/scenario_keys.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define NAME(max) "a name (at most " #max " of a-z, 0-9 and -, a letter first, no - last)"
#define DURATION  "a duration from 1ms to 24h, such as 300ms, 2s or 1min"

static const struct refused refused[] = {
	{"an unknown key with a near one", BASE "descripton: x\n",
	 "t.yaml:5:1: unknown key 'descripton', did you mean 'description'?\n"},
	{"two letters swapped", BASE "setps: []\n",
	 "t.yaml:5:1: unknown key 'setps', did you mean 'steps'?\n"},
	{"an unknown key far from all", BASE "colour: x\n",
	 "t.yaml:5:1: unknown key 'colour'; a scenario has name, description, seed, check_nats, nats, "
	 "nodes, steps\n"},
	{"a very long unknown key",
	 BASE "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy: x\n",
	 "t.yaml:5:1: unknown key 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...'; a "
	 "scenario has name, description, seed, check_nats, nats, nodes, steps\n"},
	{"a long unknown key, cut between two characters",
	 BASE "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	      "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	      "a\xc3\xa4\xc3\xa4: x\n",
	 "t.yaml:5:1: unknown key '\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	 "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	 "\xc3\xa4"
	 "a...'; a scenario has name, description, seed, check_nats, nats, nodes, steps\n"},
	{"a name in capitals",
	 "name: Tea\n"
	 "nodes:\n" SEED,
	 "t.yaml:1:7: name: expected " NAME(64) ", found 'Tea'\n"},
	{"a name with an underscore", HEAD "  my_seed: {role: seed}\n",
	 "t.yaml:3:3: nodes: expected " NAME(32) ", found 'my_seed'\n"},
	{"a name that begins with a digit", HEAD "  1st: {role: seed}\n",
	 "t.yaml:3:3: nodes: expected " NAME(32) ", found '1st'\n"},
	{"a name that ends in a hyphen", HEAD "  a-: {role: seed}\n",
	 "t.yaml:3:3: nodes: expected " NAME(32) ", found 'a-'\n"},
	{"a long name", HEAD "  nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn: {role: seed}\n",
	 "t.yaml:3:3: nodes: expected " NAME(32) ", found 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn'\n"},
	{"an empty name",
	 "name: ''\n"
	 "nodes:\n" SEED,
	 "t.yaml:1:7: name: expected " NAME(64) ", found ''\n"},
	{"a name that is a list",
	 "name: [t]\n"
	 "nodes:\n" SEED,
	 "t.yaml:1:7: name: expected " NAME(64) ", found a list\n"},
	{"text that is a mapping", BASE "description: {a: b}\n",
	 "t.yaml:5:14: description: expected text, at most 1000 bytes, found a mapping\n"},
	{"text that is nothing", BASE "description:\n",
	 "t.yaml:5:13: description: expected text, at most 1000 bytes, found nothing\n"},
	{"an integer in words", HEAD SEED "  fn: {count: four}\n",
	 "t.yaml:4:15: count: expected an integer from 1 to 4096, found 'four'\n"},
	{"an integer in quotes", HEAD SEED "  fn: {count: \"4\"}\n",
	 "t.yaml:4:15: count: expected an integer from 1 to 4096, found the text '4'\n"},
	{"an integer that is too large", HEAD SEED "  fn: {count: 4097}\n",
	 "t.yaml:4:15: count: expected an integer from 1 to 4096, found '4097'\n"},
	{"an integer beyond 64 bits", BASE "seed: 99999999999999999999\n",
	 "t.yaml:5:7: seed: expected an integer from 0 to 4294967295, found "
	 "'99999999999999999999'\n"},
	{"an integer that is too small", HEAD SEED "  fn: {count: 0}\n",
	 "t.yaml:4:15: count: expected an integer from 1 to 4096, found '0'\n"},
	{"a negative integer", BASE "seed: -1\n",
	 "t.yaml:5:7: seed: expected an integer from 0 to 4294967295, found '-1'\n"},
	{"an integer with a leading zero", HEAD SEED "  fn: {count: 010}\n",
	 "t.yaml:4:15: count: expected an integer from 1 to 4096, found '010'\n"},
	{"a fraction", HEAD SEED "  fn: {count: 1.5}\n",
	 "t.yaml:4:15: count: expected an integer from 1 to 4096, found '1.5'\n"},
	{"a word in place of an integer", HEAD SEED "  fn: {run: x, wait: al}\n",
	 "t.yaml:4:22: wait: expected an integer from 1 to 4096 or all, found 'al', did "
	 "you mean 'all'?\n"},
	{"an unknown role", HEAD SEED "  fn: {role: functoin}\n",
	 "t.yaml:4:14: role: expected function, seed or host, found 'functoin', did you "
	 "mean 'function'?\n"},
	{"nothing in place of a role", HEAD SEED "  fn: {role: }\n",
	 "t.yaml:4:14: role: expected function, seed or host, found nothing\n"},
	{"nodes that are a list",
	 "name: t\n"
	 "nodes: [seed]\n",
	 "t.yaml:2:8: nodes: expected a mapping from names to nodes, found a list\n"},
	{"no nodes",
	 "name: t\n"
	 "nodes: {}\n",
	 "t.yaml:2:8: nodes: expected 1 to 4096 nodes, found 0\n"},
	{"a node that is nothing", HEAD SEED "  fn:\n",
	 "t.yaml:4:6: expected a node as a mapping, found nothing\n"},
	{"a node that is a word", HEAD SEED "  fn: function\n",
	 "t.yaml:4:7: expected a node as a mapping, found 'function'\n"},
	{"steps that are a mapping", BASE "steps: {a: b}\n",
	 "t.yaml:5:8: steps: expected a list of steps, found a mapping\n"},
	{"a step that is a word", STEP "  - wait\n",
	 "t.yaml:6:5: expected a step as a mapping, found 'wait'\n"},
	{"a switch that is neither on nor off", STEP "  - {name: a, links: all, boxer: maybe}\n",
	 "t.yaml:6:34: boxer: expected on or off, found 'maybe'\n"},
	{"a switch in quotes", STEP "  - {name: a, links: all, boxer: 'on'}\n",
	 "t.yaml:6:34: boxer: expected on or off, found the text 'on'\n"},
	{"a duration without a unit", STEP "  - {name: a, links: all, timeout: 30}\n",
	 "t.yaml:6:36: timeout: expected " DURATION ", found '30'\n"},
	{"a duration in an unknown unit", STEP "  - {name: a, links: all, timeout: 3 weeks}\n",
	 "t.yaml:6:36: timeout: expected " DURATION ", found '3 weeks'\n"},
	{"a duration that is too long", STEP "  - {name: a, links: all, timeout: 25h}\n",
	 "t.yaml:6:36: timeout: expected " DURATION ", found '25h'\n"},
	{"a duration that overflows",
	 STEP "  - {name: a, links: all, timeout: 999999999999999999h}\n",
	 "t.yaml:6:36: timeout: expected " DURATION ", found '999999999999999999h'\n"},
	{"a duration that is too short", STEP "  - {name: a, links: all, timeout: 999us}\n",
	 "t.yaml:6:36: timeout: expected " DURATION ", found '999us'\n"},
	{"a negative duration", STEP "  - {name: a, links: all, timeout: -1s}\n",
	 "t.yaml:6:36: timeout: expected " DURATION ", found '-1s'\n"},
	{"a port that is too large",
	 STEP "  - {name: a, serve: {node: fn0, command: x, port: 65536}}\n",
	 "t.yaml:6:52: port: expected a port from 1 to 65535, found '65536'\n"},
	{"a port that is zero", STEP "  - {name: a, serve: {node: fn0, command: x, port: 0}}\n",
	 "t.yaml:6:52: port: expected a port from 1 to 65535, found '0'\n"},
	{"a port of a program to run",
	 STEP "  - {name: a, run: {node: fn0, command: x, port: 80}}\n",
	 "t.yaml:6:44: unknown key 'port'; a program to run has node, command, cpu\n"},
	{"a program that is a word", STEP "  - {name: a, run: ls}\n",
	 "t.yaml:6:20: run: expected a program to run or a list of programs to run, found 'ls'\n"},
	{"programs that are nothing", STEP "  - {name: a, run: []}\n",
	 "t.yaml:6:20: run: expected 1 to 4096 programs to run, found 0\n"},
	{"missing keys", STEP "  - serve: {cpu: 1}\n",
	 "t.yaml:6:5: a step needs the key 'name'\n"
	 "t.yaml:6:12: a program to serve needs the key 'port'\n"
	 "t.yaml:6:12: a program to serve needs the key 'node'\n"
	 "t.yaml:6:12: a program to serve needs the key 'command'\n"},
	{"an open quote in a command",
	 STEP "  - {name: a, run: {node: fn0, command: \"echo 'x\"}}\n",
	 "t.yaml:6:41: command: the quote ' is not closed\n"},
	{"a pipe in a command", STEP "  - {name: a, run: {node: fn0, command: a | b}}\n",
	 "t.yaml:6:41: command: there is no shell to understand |: put it in single "
	 "quotes, or run [sh, -c, '...']\n"},
	{"a variable in a quoted word",
	 STEP "  - {name: a, run: {node: fn0, command: 'echo \"$HOME\"'}}\n",
	 "t.yaml:6:41: command: there is no shell to understand $: put it in single "
	 "quotes, or run [sh, -c, '...']\n"},
	{"a backslash at the end of a command",
	 STEP "  - {name: a, run: {node: fn0, command: 'a \\'}}\n",
	 "t.yaml:6:41: command: nothing follows the last backslash\n"},
	{"an empty command", STEP "  - {name: a, run: {node: fn0, command: ' '}}\n",
	 "t.yaml:6:41: command: the command is empty\n"},
	{"an empty program name", STEP "  - {name: a, run: {node: fn0, command: ['', b]}}\n",
	 "t.yaml:6:42: command: expected a word, found ''\n"},
	{"a command without words", STEP "  - {name: a, run: {node: fn0, command: []}}\n",
	 "t.yaml:6:41: command: expected 1 to 256 words, found 0\n"},
	{"a word that is a list", STEP "  - {name: a, run: {node: fn0, command: [a, [b]]}}\n",
	 "t.yaml:6:45: command: expected a word, found a list\n"},
	{"a JSON pointer without a slash",
	 STEP "  - {name: a, run: {node: fn0, command: x}, values: {v: a}}\n",
	 "t.yaml:6:57: at: expected a JSON pointer such as /end/bytes, found 'a'\n"},
	{"a JSON pointer with a bad escape",
	 STEP "  - {name: a, run: {node: fn0, command: x}, values: {v: {at: /a~2, unit: s}}}\n",
	 "t.yaml:6:62: at: expected a JSON pointer such as /end/bytes, found '/a~2'\n"},
	{"a value without a place",
	 STEP "  - {name: a, run: {node: fn0, command: x}, values: {v: {unit: s}}}\n",
	 "t.yaml:6:57: a value needs the key 'at'\n"},
	{"bytes moved in no direction",
	 STEP "  - {name: a, run: {node: fn0, command: x}, moved: {snt: /a}}\n",
	 "t.yaml:6:53: moved: expected sent or received, found 'snt', did you mean 'sent'?\n"},
	{"a label with a line break",
	 STEP "  - {name: a, run: {node: fn0, command: x}, values: {\"a\\nb\": /a}}\n",
	 "t.yaml:6:54: values: expected one line of text, at most 64 bytes, found 'a b'\n"},
	{"an expectation of nothing", STEP "  - {name: a, links: all, expect: }\n",
	 "t.yaml:6:35: expect: expected a mapping, found nothing\n"},
	{"a step's name on two lines", STEP "  - {name: \"a\\nb\", links: all}\n",
	 "t.yaml:6:12: name: expected one line of text, at most 80 bytes, found 'a b'\n"},
};

Test(keys, errors_name_their_place_and_what_was_expected)
{
	expect_refused(refused, ARRAY_SIZE(refused));
}

/* The words of a NAT may become more; the place and the advice stay. */
static const struct {
	const char *node;
	const char *begins, *ends;
} nat_errors[] = {
	{"{nat: lamda}", "t.yaml:4:12: preset: expected lambda, ",
	 ", found 'lamda', did you mean 'lambda'?\n"},
	{"{nat: {preset: linus}}", "t.yaml:4:21: preset: expected lambda, ",
	 ", found 'linus', did you mean 'linux'?\n"},
	{"{nat: {mapping: emi}}", "t.yaml:4:22: mapping: expected eim",
	 ", found 'emi', did you mean 'eim'?\n"},
	{"{nat: {filtering: none}}", "t.yaml:4:24: filtering: expected ", ", found 'none'\n"},
	{"{nat: {unsolicited: reject}}", "t.yaml:4:26: unsolicited: expected drop, ",
	 ", found 'reject'\n"},
	{"{nat: {tcp_tracking: libral}}", "t.yaml:4:27: tcp_tracking: expected strict",
	 ", found 'libral', did you mean 'liberal'?\n"},
	{"{nat: [lambda]}", "t.yaml:4:12: nat: expected lambda, ",
	 ", or a mapping, found a list\n"},
	{"{nat: }", "t.yaml:4:12: nat: expected lambda, ", ", or a mapping, found nothing\n"},
};

Test(keys, errors_of_nats_name_the_words)
{
	for (size_t i = 0; i < ARRAY_SIZE(nat_errors); i++) {
		const char *begins = nat_errors[i].begins;
		const char *ends = nat_errors[i].ends;
		cleanup_free char *text = NULL;
		cleanup_free char *errors = NULL;
		size_t len;

		cr_assert_geq(asprintf(&text, HEAD SEED "  f: %s\n", nat_errors[i].node), 0);
		errors = errors_of(text, strlen(text));
		len = strlen(errors);
		cr_expect(strncmp(errors, begins, strlen(begins)) == 0 && len > strlen(ends) &&
				  strcmp(errors + len - strlen(ends), ends) == 0,
			  "%s: %s", nat_errors[i].node, errors);
	}
}

static const struct {
	const char *line;
	const char *words; /* each in brackets; NULL: refused */
} commands[] = {
	{"iperf3 -s -1", "[iperf3][-s][-1]"},
	{"  a \t b\nc ", "[a][b][c]"},
	{"'a b' \"c d\" e\\ f", "[a b][c d][e f]"},
	{"a'b'\"c\"d", "[abcd]"},
	{"a '' \"\"", "[a][][]"},
	{"'\\n' \"\\n\" \\n", "[\\n][\\n][n]"},
	{"\"\\$HOME \\`x\\` \\\" \\\\\"", "[$HOME `x` \" \\]"},
	{"sh -c 'a | b > $c; d & (e)'", "[sh][-c][a | b > $c; d & (e)]"},
	{"a \\| \\$b", "[a][|][$b]"},
	{"a\\\nb \"c\\\nd\"", "[ab][cd]"},
	{"a * ? [x] ~ # {} !", "[a][*][?][[x]][~][#][{}][!]"},
	{"h\xc3\xa9 'l o'", "[h\xc3\xa9][l o]"},
	{"", NULL},
	{" \t", NULL},
	{"''", NULL},
	{"'a", NULL},
	{"\"a\\", NULL},
	{"a \"$b\"", NULL},
	{"a `b`", NULL},
	{"a > b", NULL},
	{"(a)", NULL},
	{"a; b", NULL},
	{"a & b", NULL},
	{"a < b", NULL},
};

Test(keys, commands_are_split_as_a_shell_would)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct error why = {0};
		char **words = NULL;
		char joined[256] = "";
		int r = keys_split(commands[i].line, &words, &why);

		for (char **w = words; w && *w; w++)
			(void)snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined),
				       "[%s]", *w);
		keys_free_words(words);
		if (commands[i].words)
			cr_expect(r == 0 && strcmp(joined, commands[i].words) == 0, "%s: %s %s",
				  commands[i].line, joined, why.text);
		else
			cr_expect(r == -EINVAL && *why.text && !words, "%s: %s", commands[i].line,
				  joined);
	}
}

Test(keys, commands_have_a_maximum)
{
	static char many[2 * KEYS_WORDS_MAX + 3];
	static char large[KEYS_COMMAND_MAX + 2];
	struct error why = {0};
	char **words = NULL;

	for (size_t i = 0; i < 2 * KEYS_WORDS_MAX; i += 2)
		(void)memcpy(many + i, "a ", 2);
	cr_expect_eq(keys_split(many, &words, &why), 0);
	keys_free_words(words);
	many[2 * KEYS_WORDS_MAX] = 'a';
	cr_expect_eq(keys_split(many, &words, &why), -EINVAL);
	cr_expect_str_eq(why.text, "more than 256 words in a command");
	(void)memset(large, 'a', sizeof(large) - 1);
	cr_expect_eq(keys_split(large, &words, &why), -EINVAL);
	cr_expect_str_eq(why.text, "a command of more than 8192 bytes");
}

static const struct {
	const char *text;
	uint64_t ns; /* UINT64_MAX: refused */
	const char *printed;
} durations[] = {
	{"30s", 30 * NS_PER_S, "30s"},
	{"300ms", 300 * NS_PER_MS, "300ms"},
	{"1500ms", 1500 * NS_PER_MS, "1500ms"},
	{"1min", 60 * NS_PER_S, "1min"},
	{"90s", 90 * NS_PER_S, "90s"},
	{"2h", 7200 * NS_PER_S, "2h"},
	{"1.5s", 1500 * NS_PER_MS, "1500ms"},
	{"0.25min", 15 * NS_PER_S, "15s"},
	{"0.000001s", 1000, "1us"},
	{"7ns", 7, "7ns"},
	{"0s", 0, "0ns"},
	{"30", UINT64_MAX, NULL},
	{"s", UINT64_MAX, NULL},
	{"", UINT64_MAX, NULL},
	{"1 s", UINT64_MAX, NULL},
	{"1.s", UINT64_MAX, NULL},
	{".5s", UINT64_MAX, NULL},
	{"1s ", UINT64_MAX, NULL},
	{"+1s", UINT64_MAX, NULL},
	{"1.0000001s", UINT64_MAX, NULL},
	{"9999999999h", UINT64_MAX, NULL},
	{"18446744073709551616ns", UINT64_MAX, NULL},
};

Test(keys, durations_need_a_unit)
{
	static const struct key any = {.kind = KEY_DURATION, .max = INT64_MAX, .size = 8};
	char text[KEYS_DURATION_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		uint64_t ns = UINT64_MAX;
		int r = keys_scalar(&any, durations[i].text, true, &ns, NULL);

		cr_expect_eq(ns, durations[i].ns, "%s", durations[i].text);
		cr_expect_eq(r, durations[i].ns == UINT64_MAX ? -EINVAL : 0, "%s",
			     durations[i].text);
		if (r == 0)
			cr_expect_str_eq(keys_format_duration(ns, text), durations[i].printed);
	}
}

static const struct {
	const char *text;
	int value; /* -1: refused */
} switches[] = {
	{"on", 1},    {"yes", 1}, {"true", 1}, {"off", 0}, {"no", 0},
	{"false", 0}, {"On", -1}, {"1", -1},   {"", -1},   {"y", -1},
};

Test(keys, switches_are_six_words)
{
	static const struct key any = {.kind = KEY_BOOL, .size = sizeof(bool)};

	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		bool value = !switches[i].value;
		int r = keys_scalar(&any, switches[i].text, true, &value, NULL);

		cr_expect_eq(r, switches[i].value < 0 ? -EINVAL : 0, "%s", switches[i].text);
		if (r == 0)
			cr_expect_eq(value, switches[i].value, "%s", switches[i].text);
	}
}

Test(keys, integers_of_any_width_are_stored_whole)
{
	static const struct {
		size_t size;
		const char *text;
		int64_t min, max;
	} widths[] = {
		{1, "255", 0, 255},
		{2, "65535", 0, 65535},
		{4, "-7", -7, 7},
		{8, "9223372036854775807", 0, INT64_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		const struct key key = {.kind = KEY_INTEGER,
					.size = widths[i].size,
					.min = widths[i].min,
					.max = widths[i].max};
		uint8_t member[16];

		(void)memset(member, 0x5a, sizeof(member));
		cr_expect_eq(keys_scalar(&key, widths[i].text, true, member, NULL), 0);
		for (size_t j = widths[i].size; j < sizeof(member); j++)
			cr_expect_eq(member[j], 0x5a, "%zu bytes", widths[i].size);
	}
}

static const struct {
	const char *word;
	const char *meant; /* of function, seed, host, fn0, fn1; NULL: nobody knows */
} slips[] = {
	{"functoin", "function"},
	{"fuction", "function"},
	{"functions", "function"},
	{"sede", "seed"},
	{"seeed", "seed"},
	{"hots", "host"},
	{"fn9", "fn0"},
	{"fm1", "fn1"},
	{"f", NULL},
	{"x", NULL},
	{"", NULL},
	{"zebra", NULL},
	{"xyz", NULL},
	{"nothing-like-it", NULL},
};

Test(keys, suggestions_are_near_or_none)
{
	static const char *const words[] = {"function", "seed", "host", "fn0", "fn1"};

	for (size_t i = 0; i < ARRAY_SIZE(slips); i++) {
		struct keys_near near = keys_near(slips[i].word);

		for (size_t j = 0; j < ARRAY_SIZE(words); j++)
			keys_near_offer(&near, words[j]);
		if (slips[i].meant)
			cr_expect(near.best && strcmp(near.best, slips[i].meant) == 0, "%s: %s",
				  slips[i].word, near.best ? near.best : "nothing");
		else
			cr_expect_null(near.best, "%s: %s", slips[i].word, near.best);
	}
}

/* What a table says must make sense before anybody binds by it. */
Test(keys, tables_are_consistent)
{
	const struct keys *tables[KEYS_TABLES_MAX];
	size_t n = keys_tables(&scenario_keys, tables);

	cr_assert_lt(n, KEYS_TABLES_MAX);
	for (size_t i = 0; i < n; i++) {
		cr_expect(tables[i]->name && tables[i]->noun && tables[i]->plural &&
			  tables[i]->doc);
		if (tables[i]->shorthand)
			cr_expect(keys_row(tables[i], tables[i]->shorthand));
		for (const struct key *row = tables[i]->rows; row->name; row++) {
			uint8_t member[4096] = {0};

			cr_expect(row->doc, "%s", row->name);
			cr_expect_eq(keys_row(tables[i], row->name), row, "%s twice", row->name);
			cr_expect_eq(row->keys != NULL, row->kind >= KEY_FILE, "%s", row->name);
			if (row->kind <= KEY_POINTER || row->kind == KEY_DURATION)
				cr_expect(row->max > row->min, "%s", row->name);
			if (!row->initial || row->kind <= KEY_COMMAND || row->set)
				continue;
			cr_expect_eq(keys_scalar(row, row->initial, true, member, NULL), 0, "%s",
				     row->name);
		}
	}
}
