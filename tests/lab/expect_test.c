/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "lab/expect.h"
#include "lab/human.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

/* ---- JSON pointers ---- */

static const char document[] = "{\"foo\": [\"bar\", 7], \"\": 0, \"a/b\": 1, \"c%d\": 2, "
			       "\"e^f\": 3, \"g|h\": 4, \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7, "
			       "\"m~n\": 8, \"end\": {\"sum\": {\"bps\": 1.5e9}}, \"on\": true}";

static void drop_json(json_t **doc)
{
	json_decref(*doc);
}

static json_t *load(void)
{
	struct error err;
	json_t *doc;

	cr_assert_eq(expect_document(document, strlen(document), &doc, &err), 0, "%s", err.text);
	return doc;
}

/* RFC 6901, section 5 */
Test(expect, follows_the_pointers_of_the_rfc)
{
	static const struct {
		const char *pointer;
		double value;
	} examples[] = {
		{"/foo/1", 7},
		{"/", 0},
		{"/a~1b", 1},
		{"/c%d", 2},
		{"/e^f", 3},
		{"/g|h", 4},
		{"/i\\j", 5},
		{"/k\"l", 6},
		{"/ ", 7},
		{"/m~0n", 8},
		{"/end/sum/bps", 1.5e9},
	};
	cleanup_with(drop_json) json_t *doc = load();
	const json_t *whole;
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		double value = -1;

		cr_expect_eq(expect_number(doc, examples[i].pointer, &value, &err), 0, "%s: %s",
			     examples[i].pointer, err.text);
		cr_expect_float_eq(value, examples[i].value, 1e-9, "%s", examples[i].pointer);
	}
	cr_assert_eq(expect_pointer(doc, "", &whole, &err), 0);
	cr_expect_eq(whole, doc);
}

Test(expect, says_where_a_pointer_ends)
{
	static const struct {
		const char *pointer;
		int error;
		const char *text;
	} examples[] = {
		{"/end/total", ENOENT, "/end has no \"total\"; it has: sum"},
		{"/foo/2", ENOENT, "/foo has 2 elements, no number 2"},
		{"/foo/01", ENOENT, "/foo is an array, and \"01\" is no index of it"},
		{"/foo/-", ENOENT, "/foo is an array, and \"-\" is no index of it"},
		{"/foo/99999999999999999999", ENOENT,
		 "/foo is an array, and \"99999999999999999999\" is no index of it"},
		{"/foo/0/x", ENOENT, "/foo/0 is a string and has no \"x\""},
		{"/on", EINVAL, "/on is a boolean, not a number"},
		{"/end", EINVAL, "/end is an object, not a number"},
		{"", EINVAL, "the document is an object, not a number"},
		{"foo", EINVAL, "\"foo\" is no JSON pointer (RFC 6901)"},
		{"/foo~2", EINVAL, "\"/foo~2\" is no JSON pointer (RFC 6901)"},
		{"/foo~", EINVAL, "\"/foo~\" is no JSON pointer (RFC 6901)"},
	};
	cleanup_with(drop_json) json_t *doc = load();

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		struct error err = {0};
		double value = 42;

		cr_expect_eq(expect_number(doc, examples[i].pointer, &value, &err),
			     -examples[i].error, "%s", examples[i].pointer);
		cr_expect_str_eq(err.text, examples[i].text);
		cr_expect_eq(value, 42, "untouched on failure");
	}
}

Test(expect, lists_no_more_keys_than_there_is_room_for)
{
	cleanup_with(drop_json) json_t *doc = json_object();
	struct error err;
	double value;

	for (int i = 0; i < 1000; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "a-rather-long-key-%04d", i);
		(void)json_object_set_new(doc, key, json_integer(i));
	}
	cr_expect_eq(expect_number(doc, "/x", &value, &err), -ENOENT);
	cr_expect(strstr(err.text, "the document has no \"x\"; it has: a-rather-long-key-0000, "));
	cr_expect(strlen(err.text) < 600);
}

Test(expect, wants_json_from_a_program)
{
	struct error err;
	json_t *doc;

	cr_expect_eq(expect_document("", 0, &doc, &err), -EINVAL);
	cr_expect_str_eq(err.text, "it printed nothing, where JSON was expected");
	cr_expect_eq(expect_document("{\"a\": 1", 7, &doc, &err), -EINVAL);
	cr_expect(strstr(err.text, "its output is not JSON: line 1, column 7"), "%s", err.text);
	cr_expect_eq(expect_document("{} rest", 7, &doc, &err), -EINVAL);
}

/* ---- exits ---- */

#define EXITED(code) ((code) << 8)

Test(expect, judges_exits)
{
	static const struct {
		struct expect_end end;
		enum scenario_exit want;
		const char *text; /* NULL: as it should be */
		int code;
	} examples[] = {
		{{0, EXITED(0), false}, EXIT_ZERO, NULL, 0},
		{{0, EXITED(3), false}, EXIT_ANY, NULL, 3},
		{{0, EXITED(3), false}, EXIT_ZERO, "ended with exit code 3", 3},
		{{0, EXITED(3), false}, EXIT_NONZERO, NULL, 3},
		{{0, EXITED(0), false}, EXIT_NONZERO, "succeeded, but should have failed", 0},
		{{0, 9, false}, EXIT_ZERO, "was killed by signal 9 (Killed)", 137},
		{{0, 11, false},
		 EXIT_NONZERO,
		 "was killed by signal 11 (Segmentation fault), which is not a failure of its own "
		 "and so proves nothing",
		 139},
		{{0, EXITED(127), false},
		 EXIT_NONZERO,
		 "ended with exit code 127, which is not a failure of its own and so proves "
		 "nothing",
		 127},
		{{0, EXITED(125), false}, EXIT_NONZERO, NULL, 125},
		{{0, EXITED(125), true},
		 EXIT_NONZERO,
		 "ended with exit code 125, which is not a failure of its own and so proves "
		 "nothing",
		 125},
		{{ENOENT, 0, false},
		 EXIT_NONZERO,
		 "could not be executed: No such file or directory",
		 127},
		{{EACCES, 0, false}, EXIT_ANY, "could not be executed: Permission denied", 126},
	};

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		struct error err = {0};
		int r = expect_exit(examples[i].want, &examples[i].end, &err);

		cr_expect_eq(r, examples[i].text ? -EXPECT_UNMET : 0, "example %zu: %s", i,
			     err.text);
		cr_expect_str_eq(err.text, examples[i].text ? examples[i].text : "");
		cr_expect_eq(expect_code(&examples[i].end), examples[i].code, "example %zu", i);
	}
}

/* ---- drops ---- */

Test(expect, believes_a_drop_only_if_somebody_listened)
{
	struct error err;

	cr_expect_eq(expect_dropped("fn0-nat", 7, 9, true, &err), 0);
	cr_expect_eq(expect_dropped("fn0-nat", 7, 7, true, &err), -EXPECT_UNMET);
	cr_expect_str_eq(err.text, "fn0-nat dropped no packet, so something else refused the "
				   "connection");
	cr_expect_eq(expect_dropped("fn0-nat", 7, 9, false, &err), -EXPECT_UNMET);
	cr_expect_str_eq(err.text, "nobody was listening, so that fn0-nat was not put to the test");
}

/* ---- numbers for people ---- */

Test(human, writes_numbers_as_people_read_them)
{
	static const struct {
		double value;
		const char *unit, *text;
	} examples[] = {
		{11301234567, "bit/s", "11.3 Gbit/s"},
		{2612345678, "B", "2.6 GB"},
		{531.4, "us", "531 us"},
		{1530, "us", "1.5 ms"},
		{2500000, "us", "2.5 s"},
		{0.4, "us", "400 ns"},
		{0, "us", "0 us"},
		{999.6, "us", "1.0 ms"},
		{999.96, "kB", "1000 kB"},
		{999999, "B", "1.0 MB"},
		{99.97, "B", "100 B"},
		{7, "", "7"},
		{0.125, "", "0.12"},
		{1234.5, "requests", "1234.5 requests"},
		{-1500, "B/s", "-1.5 kB/s"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		char text[HUMAN_TEXT_MAX];

		cr_expect_str_eq(human_format(examples[i].value, examples[i].unit, text),
				 examples[i].text);
	}
}
