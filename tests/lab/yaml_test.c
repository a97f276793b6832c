/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "support.h"

#include "base/cleanup.h"
#include "lab/yaml.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct refused refused[] = {
	{"tabs",
	 "a:\n"
	 "\t- b\n",
	 "t.yaml:2:1: a tab cannot indent YAML, use spaces\n"},
	{"tab after a dash",
	 "a:\n"
	 "  -\tb: 1\n"
	 "\tc: 2\n",
	 "t.yaml:2:4: a tab cannot indent YAML, use spaces\n"},
	{"bytes that are no UTF-8",
	 "name: t\n"
	 "description: caf\xe9\n",
	 "t.yaml:2:17: not UTF-8 text: incomplete UTF-8 octet sequence\n"},
	{"a cut UTF-8 character", "name: \xc3",
	 "t.yaml:1:7: not UTF-8 text: incomplete UTF-8 octet sequence\n"},
	{"UTF-16",
	 "\xff\xfe"
	 "a",
	 "t.yaml:1:1: not UTF-8 text: invalid leading UTF-8 octet\n"},
	{"raw control characters",
	 "name: a\x01"
	 "b\n",
	 "t.yaml:1:8: control characters are not allowed\n"},
	{"escaped control characters", "name: \"a\\0b\"\n",
	 "t.yaml:1:7: control characters are not allowed\n"},
	{"C1 control characters", "name: \"a\\x9bb\"\n",
	 "t.yaml:1:7: control characters are not allowed\n"},
	{"an empty document", "", "t.yaml:1:1: the document is empty\n"},
	{"only a comment", "# nothing\n", "t.yaml:1:1: the document is empty\n"},
	{"two documents",
	 "name: t\n"
	 "---\n"
	 "name: t\n",
	 "t.yaml:2:1: a second document begins here\n"},
	{"anchors", "a: &x [1]\n", "t.yaml:1:4: anchors (&name) are not used here\n"},
	{"aliases", "a: *x\n", "t.yaml:1:4: aliases (*name) are not used here, write it out\n"},
	{"an anchored key", "&x a: 1\n", "t.yaml:1:1: anchors (&name) are not used here\n"},
	{"tags", "a: !!int 3\n", "t.yaml:1:4: tags (!name) are not used here\n"},
	{"a list as a key",
	 "? [a]\n"
	 ": b\n",
	 "t.yaml:1:3: a key must be a word, not a list or a mapping\n"},
	{"a mapping as a key", "{a: b}: c\n",
	 "t.yaml:1:1: a key must be a word, not a list or a mapping\n"},
	{"an open list",
	 "a: [1\n"
	 "b: 2\n",
	 "t.yaml:2:2: did not find expected ',' or ']' while parsing a flow sequence that "
	 "begins in line 1\n"},
	{"an open mapping", "a: {b: 1\n",
	 "t.yaml:2:1: did not find expected ',' or '}' while parsing a flow mapping that "
	 "begins in line 1\n"},
	{"an open quote", "name: \"t\n",
	 "t.yaml:2:1: found unexpected end of stream while scanning a quoted scalar that "
	 "begins in line 1\n"},
	{"two colons", "a: b: c\n", "t.yaml:1:5: mapping values are not allowed in this context\n"},
	{"an unknown escape", "a: \"\\q\"\n",
	 "t.yaml:1:5: found unknown escape character while parsing a quoted scalar\n"},
	{"a bad indentation",
	 "a:\n"
	 "    b: 1\n"
	 "  c: 2\n",
	 "t.yaml:3:3: did not find expected key while parsing a block mapping that begins "
	 "in line 1\n"},
	{"deep lists", "[[[[[[[[[[[[[[[[[[[[", "t.yaml:1:17: nested deeper than any scenario is\n"},
	{"deep mappings",
	 "a:\n"
	 " a:\n"
	 "  a:\n"
	 "   a:\n"
	 "    a:\n"
	 "     a:\n"
	 "      a:\n"
	 "       a:\n"
	 "        a:\n"
	 "         a:\n"
	 "          a:\n"
	 "           a:\n"
	 "            a:\n"
	 "             a:\n"
	 "              a:\n"
	 "               a:\n"
	 "                a:\n"
	 "                 a:\n"
	 "                  a:\n"
	 "                   a:\n",
	 "t.yaml:16:16: nested deeper than any scenario is\n"},
	{"repeated keys",
	 BASE "name: u\n"
	      "name: v\n"
	      "steps: []\n",
	 "t.yaml:5:1: the key 'name' is given twice, first in line 1\n"
	 "t.yaml:6:1: the key 'name' is given twice, first in line 1\n"},
	{"repeated nodes", BASE "  fn: {role: host}\n",
	 "t.yaml:5:3: the key 'fn' is given twice, first in line 4\n"},
	{"a merge key", BASE "<<: {seed: 3}\n",
	 "t.yaml:5:1: unknown key '<<'; a scenario has name, description, seed, check_nats, nats, "
	 "nodes, steps\n"},
	{"a byte order mark alone", "\xef\xbb\xbf", "t.yaml:1:1: the document is empty\n"},
	{"a scalar", "x\n", "t.yaml:1:1: expected a scenario as a mapping, found 'x'\n"},
	{"a list", "[]\n", "t.yaml:1:1: expected a scenario as a mapping, found a list\n"},
	{"nothing in it", "{}\n",
	 "t.yaml:1:1: a scenario needs the key 'name'\n"
	 "t.yaml:1:1: a scenario needs the key 'nodes'\n"},
};

/* Read text that is fine, or end the test. */
static struct yaml_value *tree_of(const char *text)
{
	struct scenario_errors errors = {0};
	struct source source = {.file = "t.yaml", .errors = &errors};
	struct yaml_value *root = NULL;

	cr_assert_eq(yaml_read(text, strlen(text), &source, &root), 0);
	cr_assert_eq(errors.n, 0);
	return root;
}

static void expect_at(struct where at, unsigned line, unsigned column)
{
	cr_expect(at.line == line && at.column == column, "%u:%u, not %u:%u", at.line, at.column,
		  line, column);
}

Test(yaml, errors_name_their_place)
{
	expect_refused(refused, ARRAY_SIZE(refused));
}

Test(yaml, keeps_the_place_of_each_key_and_value)
{
	struct yaml_value *root = tree_of("# é\n"
					  "a: {b: [x, 'y z']}\n"
					  "\"ü\":\n"
					  "  - |\n"
					  "    text\n"
					  "  - ~\n");
	const struct yaml_value *list;

	cr_assert_eq(root->kind, YAML_MAP);
	cr_assert_eq(root->n_items, 2);
	expect_at(root->at, 2, 1);
	expect_at(root->items[0].key_at, 2, 1);
	expect_at(root->items[0].value.at, 2, 4);
	list = &yaml_find(&root->items[0].value, "b")->value;
	cr_assert_eq(list->n_items, 2);
	expect_at(list->at, 2, 8);
	expect_at(list->items[0].value.at, 2, 9);
	expect_at(list->items[1].value.at, 2, 12);
	cr_expect(list->items[0].value.plain && !list->items[1].value.plain);
	cr_expect_str_eq(list->items[1].value.text, "y z");

	list = &yaml_find(root, "ü")->value;
	expect_at(root->items[1].key_at, 3, 1);
	expect_at(list->items[0].value.at, 4, 5);
	cr_expect_str_eq(list->items[0].value.text, "text\n");
	cr_expect_not(list->items[0].value.plain);
	cr_expect(yaml_is_null(&list->items[1].value));
	cr_expect_null(yaml_find(root, "b"));
	cr_expect_null(yaml_find(list, "b"));
	yaml_free(root);
}

Test(yaml, tells_nothing_from_an_empty_text)
{
	struct yaml_value *root = tree_of("[~, null, 'null', '', \"\", 0]\n");

	cr_assert_eq(root->n_items, 6);
	for (size_t i = 0; i < root->n_items; i++)
		cr_expect_eq(yaml_is_null(&root->items[i].value), i < 2, "%zu", i);
	yaml_free(root);
}

Test(yaml, counts_columns_in_characters_also_after_bad_bytes)
{
	static const char text[] = "ä: ö\n# äöü\nx: \xff";
	cleanup_free char *errors = errors_of(text, sizeof(text) - 1);

	cr_expect_str_eq(errors, "t.yaml:3:4: not UTF-8 text: invalid leading UTF-8 octet\n");
}

/* NEL, LS and PS, as libyaml counts lines: also where it has no place to tell. */
Test(yaml, counts_the_line_breaks_of_unicode)
{
	static const char text[] = "# a\xc2\x85# b\xe2\x80\xa8# c\xe2\x80\xa9# d\r\n# e\r\xff";
	cleanup_free char *errors = errors_of(text, sizeof(text) - 1);

	cr_expect_str_eq(errors, "t.yaml:6:1: not UTF-8 text: invalid leading UTF-8 octet\n");
}

Test(yaml, takes_a_byte_order_mark_and_any_line_ending)
{
	static const char text[] = "\xef\xbb\xbfname: t\r\nnodes:\r\n  a: {x: y}\r\n";
	cleanup_free char *errors = errors_of(text, sizeof(text) - 1);

	cr_expect_str_eq(
		errors,
		"t.yaml:3:3: there are functions, so one node must have 'role: seed'\n"
		"t.yaml:3:7: unknown key 'x'; a node has role, count, nat, behind, link, addresses, run, wait, "
		"start, options, under\n");
}

Test(yaml, an_empty_document_may_have_no_text_at_all)
{
	cleanup_free char *errors = errors_of(NULL, 0);

	cr_expect_str_eq(errors, "t.yaml:1:1: the document is empty\n");
}

Test(yaml, is_not_blown_up_by_aliases)
{
	static const char bomb[] = "a: &a [x, x, x, x, x, x, x, x, x]\n"
				   "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
				   "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n";
	cleanup_free char *errors = errors_of(bomb, sizeof(bomb) - 1);

	cr_expect_str_eq(errors, "t.yaml:1:4: anchors (&name) are not used here\n");
}
