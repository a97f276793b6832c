/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NATs that change while a step runs, and what is left of that afterwards.
 */
#include "tests/lab/boxlab.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(fault, .init = need_labs);

#define WORLD                                                   \
	"name: test\n"                                          \
	"nodes:\n"                                              \
	"  pub: {role: host}\n"                                 \
	"  a: {role: host, nat: {preset: full-cone}}\n"         \
	"  b: {role: host, nat: {preset: linux, loose: off}}\n" \
	"steps:\n"

#define SERVE "    serve: {node: pub, command: pingpong --serve 7100, port: 7100}\n"
#define TWO                                                                  \
	"    timeout: 700ms\n" SERVE                                         \
	"    run: {node: a, command: [bash, -c, 'exec 3<>/dev/tcp/pub/7100 " \
	"4<>/dev/tcp/pub/7100']}\n"

static const json_t *fault(const struct boxlab *b, size_t i)
{
	const json_t *faults = json_object_get(b->results, "faults");

	cr_assert_lt(i, json_array_size(faults), "%s", b->ended.out);
	return json_array_get(faults, i);
}

Test(fault, a_change_is_undone_at_the_end_of_its_step)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - name: table full\n"
			     "    nat: {change: a-nat, set: {limits: {table: 1}}}\n" TWO
			     "  - name: and free again\n" TWO);
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "table full", "fail", "bash still ran");
	boxlab_expect_step(&b, "and free again", "pass", NULL);
	cr_expect_str_eq(boxlab_text(fault(&b, 0), "step"), "table full");
	cr_expect_str_eq(boxlab_text(fault(&b, 0), "nat"), "a-nat");
	cr_expect_str_eq(boxlab_text(fault(&b, 0), "what"), "set limits.table 1");
	cr_expect(json_is_number(json_object_get(fault(&b, 0), "at_s")));
	cr_expect(json_is_number(json_object_get(fault(&b, 0), "undone_s")));
	boxlab_close(&b);
}

Test(fault, a_change_may_be_kept)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - name: set\n"
			     "    nat: {change: a-nat, set: {limits: {table: 1}}, keep: on}\n"
			     "  - name: still full\n" TWO);
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "set", "pass", NULL);
	boxlab_expect_step(&b, "still full", "fail", "bash still ran");
	cr_expect(json_is_null(json_object_get(fault(&b, 0), "undone_s")));
	boxlab_close(&b);
}

Test(fault, a_nat_gets_another_address_and_its_own_back)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - name: before\n"
			     "    serve: {node: pub, command: pingpong --serve 7100, port: 7100}\n"
			     "    run: {node: a, command: pingpong --rounds 10 pub 7100}\n"
			     "    moved: {sent: /sent_bytes, received: /received_bytes}\n"
			     "    expect: {path: direct}\n"
			     "  - name: bound anew\n"
			     "    nat: {change: a-nat, rebind: address}\n"
			     "    serve: {node: pub, command: pingpong --serve 7100, port: 7100}\n"
			     "    run: {node: a, command: pingpong --rounds 10 pub 7100}\n"
			     "    moved: {sent: /sent_bytes, received: /received_bytes}\n"
			     "    expect: {path: direct}\n"
			     "  - name: after\n"
			     "    serve: {node: pub, command: pingpong --serve 7100, port: 7100}\n"
			     "    run: {node: a, command: pingpong --rounds 10 pub 7100}\n"
			     "    moved: {sent: /sent_bytes, received: /received_bytes}\n"
			     "    expect: {path: direct}\n");
	boxlab_expect(&b, 0, "pass");
	for (size_t i = 0; i < 3; i++) {
		const json_t *path = json_array_get(json_object_get(b.results, "paths"), i);
		const json_t *nat = json_array_get(json_object_get(path, "nats"), 0);
		const char *seen = boxlab_text(json_object_get(nat, "reply"), "dst");

		/* The NAT's second address is b's, the third its own spare one. */
		cr_expect_eq(strncmp(seen, i == 1 ? "203.1.0.3:" : "203.1.0.1:", 10), 0, "%s",
			     seen);
	}
	cr_expect_str_eq(boxlab_text(fault(&b, 0), "what"), "rebind address");
	boxlab_close(&b);
}

Test(fault, a_reboot_ends_what_was_open)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - name: it reboots\n"
			     "    nat: {change: b-nat, reboot: on, at: 100ms}\n"
			     "    timeout: 1s\n"
			     "    serve: {node: pub, command: pingpong --serve 7100, port: 7100}\n"
			     "    run: {node: b, command: pingpong --rounds 10000000 pub 7100}\n"
			     "  - name: and works\n"
			     "    serve: {node: pub, command: pingpong --serve 7100, port: 7100}\n"
			     "    run: {node: b, command: pingpong --rounds 10 pub 7100}\n"
			     "  - name: too late\n"
			     "    nat: {change: b-nat, reboot: on, at: 20s}\n"
			     "    serve: {node: pub, command: pingpong --serve 7100, port: 7100}\n"
			     "    run: {node: b, command: pingpong --rounds 10 pub 7100}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "it reboots", "fail", "still ran after");
	boxlab_expect_step(&b, "and works", "pass", NULL);
	boxlab_expect_step(&b, "too late", "pass", NULL);
	cr_expect_str_eq(boxlab_text(boxlab_step(&b, "too late"), "detail"),
			 "b-nat was not changed, the programs had ended before 20s");
	cr_expect(json_is_number(json_object_get(fault(&b, 0), "at_s")));
	cr_expect(json_is_null(json_object_get(fault(&b, 0), "undone_s")));
	cr_expect(json_is_null(json_object_get(fault(&b, 1), "at_s")));
	boxlab_close(&b);
}
