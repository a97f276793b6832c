/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every run measures its NATs before it trusts them.
 */
#include "tests/lab/boxlab.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(selfcheck, .init = need_labs);

/* The NAT of that name, as the results have it. */
static const json_t *nat_of(const struct boxlab *b, const char *name)
{
	const json_t *nats = json_object_get(b->results, "nats");
	const json_t *nat;
	size_t i;

	json_array_foreach(nats, i,
			   nat) if (strcmp(boxlab_text(nat, "node"), name) == 0) return nat;
	cr_assert(false, "there is no NAT %s", name);
	return NULL;
}

static const char *measured(const struct boxlab *b, const char *nat, const char *proto,
			    const char *key)
{
	const json_t *part = json_object_get(nat_of(b, nat), "measured");

	return boxlab_text(json_object_get(part, proto), key);
}

/*
 *	internet --- isp ---+--- home ---+--- a
 *	     |              |            `--- deep --- (nobody but the prober)
 *	     `--- sym --- c `--- b-nat --- b
 */
#define NESTED                                                     \
	"name: test\n"                                             \
	"nats:\n"                                                  \
	"  deep: {preset: linux, behind: home}\n"                  \
	"  home: {preset: full-cone, behind: isp, hairpin: off}\n" \
	"  isp: {preset: cgnat-blocks}\n"                          \
	"  sym: {preset: symmetric, unsolicited: rst}\n"           \
	"nodes:\n"                                                 \
	"  pub: {role: host}\n"                                    \
	"  a: {role: host, behind: home}\n"                        \
	"  x: {role: host, behind: deep}\n"                        \
	"  b: {role: host, nat: {preset: lambda, behind: isp}}\n"  \
	"  c: {role: host, behind: sym}\n"

#define MOVED                                                         \
	"    moved: {sent: /sent_bytes, received: /received_bytes}\n" \
	"    expect: {path: direct}\n"

Test(selfcheck, measures_nats_behind_nats_and_leaves_no_trace)
{
	static struct boxlab b;
	const json_t *path;

	boxlab_try(&b,
		   NESTED "steps:\n"
			  "  - name: three NATs\n"
			  "    serve: {node: pub, command: pingpong --serve 7100, port: 7100}\n"
			  "    run: {node: x, command: pingpong --rounds 100 pub 7100}\n" MOVED);
	boxlab_expect(&b, 0, "pass");
	boxlab_expect_step(&b, "self-check", "pass", NULL);
	cr_expect_str_eq(boxlab_text(boxlab_step(&b, "self-check"), "detail"),
			 "5 NATs behave as declared");
	cr_expect_str_eq(measured(&b, "home", "tcp", "filtering"), "eif");
	cr_expect_str_eq(measured(&b, "deep", "udp", "filtering"), "apdf");
	cr_expect_str_eq(measured(&b, "sym", "udp", "mapping"), "apdm");
	cr_expect_str_eq(boxlab_text(nat_of(&b, "deep"), "behind"), "home");
	path = json_array_get(json_object_get(b.results, "paths"), 0);
	cr_expect_str_eq(boxlab_text(path, "reason"), "through deep, home and isp");
	cr_expect_eq(json_array_size(json_object_get(path, "nats")), 3);
	boxlab_close(&b);
}

Test(selfcheck, may_be_left_out)
{
	static struct boxlab b;

	boxlab_try(&b, NESTED "check_nats: off\n");
	boxlab_expect(&b, 0, "pass");
	cr_expect_eq(json_array_size(json_object_get(b.results, "steps")), 1);
	cr_expect(json_is_null(json_object_get(nat_of(&b, "isp"), "measured")));
	boxlab_close(&b);
}

Test(selfcheck, lifts_limits_meanwhile)
{
	static struct boxlab b;

	boxlab_try(&b, "name: test\n"
		       "nodes:\n"
		       "  pub: {role: host}\n"
		       "  a: {role: host, nat: {preset: linux, limits: {table: 1}}}\n"
		       "steps:\n"
		       "  - name: one flow\n"
		       "    serve: {node: pub, command: pingpong --serve 7100, port: 7100}\n"
		       "    run: {node: a, command: pingpong --rounds 1 pub 7100}\n"
		       "  - name: two flows\n"
		       "    timeout: 800ms\n"
		       "    serve: {node: pub, command: pingpong --serve 7200, port: 7200}\n"
		       "    run: {node: a, command: [bash, -c, 'exec 3<>/dev/tcp/pub/7200 "
		       "4<>/dev/tcp/pub/7200']}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "self-check", "pass", NULL);
	boxlab_expect_step(&b, "one flow", "pass", NULL);
	boxlab_expect_step(&b, "two flows", "fail", "bash still ran");
	cr_expect_str_eq(measured(&b, "a-nat", "tcp", "mapping"), "eim");
	boxlab_close(&b);
}

static const struct {
	const char *nat, *preset, *reason;
} lies[] = {
	{"sym", "linux", "sym: mapping (tcp): declared apdm, measured eim"},
	{"sym", "symmetric", "sym: unsolicited: declared rst, measured drop"},
	{"home", "port-restricted-cone", "home: filtering (tcp): declared eif, measured apdf"},
	{"b-nat", "symmetric-sequential",
	 "b-nat: mapping (tcp): declared eim, measured apdm; allocation (tcp): declared preserve, "
	 "measured sequential"},
};

Test(selfcheck, finds_a_nat_that_lies)
{
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		static struct boxlab b;
		char file[PATH_MAX], out[PATH_MAX];

		boxlab_open(&b, NESTED "steps:\n"
				       "  - {name: s, run: {node: a, command: 'true'}}\n");
		(void)strcpy(file, boxlab_path(&b, "scenario.yaml"));
		(void)strcpy(out, boxlab_path(&b, "out"));
		cr_assert_eq(mkdir(out, 0755), 0);
		COMMAND(&b.ended, helper_path("lab-liar"), file, out, lies[i].nat, lies[i].preset);
		cr_assert_eq(rename(boxlab_path(&b, "out/results.json.part"),
				    strcat(out, "/results.json")),
			     0, "%s", b.ended.out);
		boxlab_load(&b);
		boxlab_expect(&b, 1, "fail");
		boxlab_expect_step(&b, "self-check", "fail", lies[i].reason);
		boxlab_expect_step(&b, "s", "skip", "the run ended before it");
		cr_expect_gt(
			json_array_size(json_object_get(nat_of(&b, lies[i].nat), "differences")),
			0);
		boxlab_close(&b);
	}
}
