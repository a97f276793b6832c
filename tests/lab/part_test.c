/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boxer processes that come and go while a step runs, and what they must tell of it.
 */
#include "tests/lab/boxlab.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(part, .init = need_labs);

#define WORLD                                   \
	"name: test\n"                          \
	"check_nats: off\n"                     \
	"nodes:\n"                              \
	"  seed: {role: seed}\n"                \
	"  fn: {count: 2, nat: lambda}\n"       \
	"  late: {nat: lambda, start: later}\n" \
	"steps:\n"
#define RUN	   "    run: {node: fn0, command: sleep 0.3}\n"
#define START_LATE "    member: {change: late, do: start}\n"

static const json_t *fault(const struct boxlab *b, size_t i)
{
	const json_t *faults = json_object_get(b->results, "faults");

	cr_assert_lt(i, json_array_size(faults), "%s", b->ended.out);
	return json_array_get(faults, i);
}

Test(part, processes_come_and_go_and_come_back)
{
	static struct boxlab b;

	boxlab_try(&b,
		   WORLD "  - {name: two, links: all}\n"
			 "  - name: a third\n" START_LATE
			 "    events: [{event: link, about: late}, {event: joined, node: late}]\n"
			 "  - {name: three, links: all}\n"
			 "  - name: killed while it runs\n"
			 "    member: [{change: fn1, do: kill, at: 100ms},\n"
			 "             {change: fn1, do: start, at: 101ms}]\n" RUN
			 "    events: {event: link, about: fn1}\n"
			 "  - name: asked to end\n"
			 "    member: {change: late, do: end}\n"
			 "    events: {event: member-left, about: late}\n"
			 "  - {name: two again, links: all}\n");
	boxlab_expect(&b, 0, "pass");
	boxlab_expect_step(&b, "cluster: the seed and 2 functions", "pass", NULL);
	cr_expect_str_eq(boxlab_text(boxlab_step(&b, "two"), "detail"), "1 of 1");
	cr_expect_str_eq(boxlab_text(boxlab_step(&b, "three"), "detail"), "3 of 3");
	cr_expect_str_eq(boxlab_text(boxlab_step(&b, "two again"), "detail"), "1 of 1");
	cr_expect_str_eq(boxlab_text(fault(&b, 1), "member"), "fn1");
	cr_expect_str_eq(boxlab_text(fault(&b, 1), "what"), "kill");
	cr_expect(json_is_number(json_object_get(fault(&b, 1), "at_s")));
	cr_expect_eq(access(boxlab_path(&b, "out/fn1-boxer-2.err"), R_OK), 0);
	boxlab_close(&b);
}

/* One life after the other in one file. */
Test(part, events_of_all_lives_are_kept)
{
	static struct boxlab b;
	static char text[65536];
	unsigned joined = 0;
	FILE *f;

	boxlab_try(&b, WORLD "  - name: again\n"
			     "    member: [{change: fn1, do: kill}, {change: fn1, do: start}]\n"
			     "    events: {event: joined, node: fn1}\n");
	boxlab_expect(&b, 0, "pass");
	f = fopen(boxlab_path(&b, "out/fn1-events.jsonl"), "re");
	cr_assert(f && fread(text, 1, sizeof(text) - 1, f) > 0 && fclose(f) == 0);
	for (const char *at = text; (at = strstr(at, "\"joined\"")); at++)
		joined++;
	cr_expect_eq(joined, 2, "%s", text);
	boxlab_close(&b);
}

Test(part, what_must_be_told_and_is_not_fails_the_step)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - name: nobody comes\n"
			     "    timeout: 300ms\n"
			     "    events: {event: member, node: fn0, about: late}\n"
			     "  - name: and so none says it\n"
			     "    timeout: 300ms\n"
			     "    events: [seed-back]\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "nobody comes", "fail",
			   "fn0 did not tell \"member\" of late in time");
	boxlab_expect_step(&b, "and so none says it", "fail",
			   "fn0 did not tell \"seed-back\" in time");
	boxlab_close(&b);
}

Test(part, what_must_not_be_told_and_is_fails_the_step)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - {name: links, links: all}\n"
			     "  - name: killed\n"
			     "    member: {change: fn1, do: kill}\n"
			     "    events: [{event: member-left, node: fn0},\n"
			     "             {event: link-lost, about: late, never: on},\n"
			     "             {event: link-lost, never: on}]\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "killed", "fail", "fn0 told \"link-lost\"");
	boxlab_close(&b);
}

/* What a step did not want is trouble, also in the second life. */
Test(part, an_end_that_no_step_wanted_is_trouble)
{
	static struct boxlab b;

	boxlab_try(&b,
		   WORLD "  - name: again\n"
			 "    member: [{change: fn1, do: end}, {change: fn1, do: start}]\n"
			 "    events: {event: joined, node: fn1}\n"
			 "  - name: murder\n"
			 "    boxer: off\n"
			 "    run: {node: fn1, command: [sh, -c, 'for p in /proc/[0-9]*; do "
			 "if [ \"$(cat $p/comm)\" = boxer ]; then kill -9 ${p#/proc/}; fi; done; "
			 "sleep 100']}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "murder", "fail",
			   "the Boxer process of fn1 was killed by signal 9 (Killed)");
	boxlab_close(&b);
}

Test(part, options_and_what_it_starts_under_reach_the_process)
{
	static struct boxlab b;
	static char text[4096];
	FILE *f;

	boxlab_try(&b, "name: test\n"
		       "check_nats: off\n"
		       "nodes:\n"
		       "  seed: {role: seed, options: --members 1}\n"
		       "  fn: {nat: lambda, options: --role cook, under: env COLOUR=green}\n"
		       "  late: {nat: lambda, start: later}\n"
		       "steps:\n"
		       "  - name: who is there\n"
		       "    boxer: off\n"
		       "    run: {node: fn, command: [sh, -c, 'for p in /proc/[0-9]*; do "
		       "if [ \"$(cat $p/comm)\" = boxer ]; then tr \"\\0\" \"\\n\" <$p/environ; "
		       "tr \"\\0\" \" \" <$p/cmdline; fi; done']}\n"
		       "  - name: one too many\n" START_LATE
		       "    events: {event: joined, node: late}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "who is there", "pass", NULL);
	boxlab_expect_step(&b, "one too many", "fail", "cluster-full");
	f = fopen(boxlab_path(&b, "out/01-fn-sh.out"), "re");
	cr_assert(f && fread(text, 1, sizeof(text) - 1, f) > 0 && fclose(f) == 0);
	cr_expect(strstr(text, "COLOUR=green") && strstr(text, "--role cook"), "%s", text);
	boxlab_close(&b);
}

#define SURPLUS                                                         \
	"name: test\n"                                                  \
	"check_nats: off\n"                                             \
	"nodes:\n"                                                      \
	"  seed: {role: seed, options: --members 2 --over-provision}\n" \
	"  fn: {count: 3, nat: lambda}\n"                               \
	"  late: {nat: lambda, start: later}\n"                         \
	"steps:\n"

/* One of three at the beginning, and one that comes later. */
Test(part, who_is_surplus_ends_without_trouble)
{
	static struct boxlab b;

	boxlab_try(&b, SURPLUS "  - {name: two, links: all}\n"
			       "  - name: one too many\n" START_LATE
			       "    events: {event: surplus, node: late}\n"
			       "  - name: ended again\n"
			       "    member: {change: late, do: end}\n"
			       "  - name: told once more\n" START_LATE
			       "    events: {event: surplus, node: late}\n"
			       "  - {name: two as before, links: all}\n");
	boxlab_expect(&b, 0, "pass");
	cr_expect_str_eq(boxlab_text(boxlab_step(&b, "two"), "detail"), "1 of 1");
	cr_expect_str_eq(boxlab_text(boxlab_step(&b, "two as before"), "detail"), "1 of 1");
	boxlab_close(&b);
}

/* It was told so, but did not end as it should. */
Test(part, who_is_surplus_must_end_well)
{
	static struct boxlab b;

	boxlab_try(&b, "name: test\n"
		       "check_nats: off\n"
		       "nodes:\n"
		       "  seed: {role: seed, options: --members 1 --over-provision}\n"
		       "  fn: {nat: lambda}\n"
		       "  late: {nat: lambda, start: later,\n"
		       "         under: [sh, -c, '\"$0\" \"$@\"; exit 3']}\n"
		       "steps:\n"
		       "  - name: one too many\n" START_LATE
		       "    events: [{event: surplus, node: late}, {event: link, node: late}]\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "one too many", "fail",
			   "the Boxer process of late ended with exit code 3");
	boxlab_close(&b);
}

/* A pair that both say to have no way is not waited for, if that is enough. */
Test(part, links_that_no_nat_allows_may_be_left_out)
{
	static struct boxlab b;

	boxlab_try(&b, "name: test\n"
		       "check_nats: off\n"
		       "nodes:\n"
		       "  seed: {role: seed}\n"
		       "  a: {nat: symmetric}\n"
		       "  b: {nat: symmetric}\n"
		       "  c: {nat: full-cone}\n"
		       "steps:\n"
		       "  - {name: possible, links: possible}\n"
		       "  - {name: all, links: all, timeout: 300ms}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "possible", "pass", NULL);
	boxlab_expect_step(&b, "all", "fail", "only 2 of 3 in time, missing: a-b");
	boxlab_close(&b);
}
