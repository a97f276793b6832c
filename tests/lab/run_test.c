/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boxlab as a whole, with machines that know nothing of Boxer. Most scenarios use
 * this world:
 *
 *	pub 203.0.113.10 --- internet --- fwd-nat --- fwd   7100 and 8080 forwarded
 *	                        |-------- shut-nat -- shut
 *	                        `-------- office --+- o1
 *	                                           `- o2
 */
#include "tests/lab/boxlab.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

TestSuite(run, .init = need_labs);

#define WORLD                                                                \
	"name: test\n"                                                       \
	"nats:\n"                                                            \
	"  office: {preset: lambda}\n"                                       \
	"nodes:\n"                                                           \
	"  pub: {role: host}\n"                                              \
	"  fwd: {role: host, nat: {preset: lambda,\n"                        \
	"         forwards: [{port: 7100}, {port: 8080, to_port: 7200}]}}\n" \
	"  shut: {role: host, nat: lambda}\n"                                \
	"  o1: {role: host, behind: office}\n"                               \
	"  o2: {role: host, behind: office}\n"                               \
	"steps:\n"

#define MOVED                                                         \
	"    moved: {sent: /sent_bytes, received: /received_bytes}\n" \
	"    expect: {path: direct}\n"

/* ---- what passes ---- */

Test(run, proves_paths_between_machines_of_all_kinds)
{
	static const struct {
		const char *step, *nats[2];
	} paths[] = {
		{"from a NAT to a public machine", {"shut-nat"}},
		{"from a public machine through a forward", {"fwd-nat"}},
		{"from a NAT through a forward", {"shut-nat", "fwd-nat"}},
		{"through a forward to another port", {"shut-nat", "fwd-nat"}},
		{"behind one NAT", {"office"}},
		{"several clients", {"shut-nat", "fwd-nat"}},
	};
	static struct boxlab b;
	const json_t *path, *nat;
	size_t i, k;

	boxlab_try(
		&b, WORLD
		"  - name: from a NAT to a public machine\n"
		"    serve: {node: pub, command: pingpong --serve 7100, port: 7100}\n"
		"    run: {node: shut, command: pingpong --rounds 100 pub 7100}\n" MOVED
		"  - name: from a public machine through a forward\n"
		"    serve: {node: fwd, command: pingpong --serve 7100 --nonblock, port: 7100}\n"
		"    run: {node: pub, command: pingpong --rounds 100 fwd 7100}\n" MOVED
		"  - name: from a NAT through a forward\n"
		"    serve: {node: fwd, command: pingpong --serve 7100, port: 7100}\n"
		"    run: {node: shut, command: pingpong --nonblock --rounds 100 fwd 7100}\n" MOVED
		"  - name: through a forward to another port\n"
		"    serve: {node: fwd, command: pingpong --serve 7200, port: 7200}\n"
		"    run: {node: shut, command: pingpong --rounds 100 fwd 8080}\n" MOVED
		"  - name: behind one NAT\n"
		"    serve: {node: o2, command: pingpong --serve 7100, port: 7100}\n"
		"    run: {node: o1, command: pingpong --rounds 100 10.0.0.3 7100}\n" MOVED
		"  - name: several clients\n"
		"    serve: {node: fwd, command: pingpong --serve 7100, port: 7100}\n"
		"    run:\n"
		"      - {node: shut, command: pingpong --rounds 100 fwd 7100}\n"
		"      - {node: pub, command: pingpong --rounds 100 fwd 7100}\n"
		"      - {node: o1, command: pingpong --rounds 100 fwd 7100}\n"
		"      - {node: o1, command: pingpong --rounds 100 fwd 7100}\n" MOVED);
	boxlab_expect(&b, 0, "pass");
	cr_assert_eq(json_array_size(json_object_get(b.results, "paths")), ARRAY_SIZE(paths));
	json_array_foreach(json_object_get(b.results, "paths"), i, path)
	{
		cr_expect_str_eq(boxlab_text(path, "step"), paths[i].step);
		cr_expect_str_eq(boxlab_text(path, "proof"), "direct", "%s", paths[i].step);
		cr_expect_str_eq(boxlab_text(path, "strategy"), "none");
		cr_expect_eq(json_integer_value(json_object_get(path, "connections")), 1);
		json_array_foreach(json_object_get(path, "nats"), k, nat)
		{
			cr_assert_lt(k, 2);
			cr_assert_not_null(paths[i].nats[k], "%s", paths[i].step);
			cr_expect_str_eq(boxlab_text(nat, "nat"), paths[i].nats[k]);
			cr_expect_geq(json_integer_value(json_object_get(nat, "bytes")), 102400);
		}
		cr_expect(k == 2 || !paths[i].nats[k], "%s", paths[i].step);
	}
	boxlab_close(&b);
}

Test(run, proves_paths_of_datagrams)
{
	static struct boxlab b;
	const json_t *nat;

	boxlab_try(
		&b,
		"name: test\n"
		"nodes:\n"
		"  pub: {role: host}\n"
		"  fwd: {role: host, nat: {preset: lambda, forwards: [{port: 7100, proto: udp}]}}\n"
		"  shut: {role: host, nat: linux}\n"
		"steps:\n"
		"  - name: two NATs\n"
		"    proto: udp\n"
		"    serve: {node: fwd, command: lab-udp 7100, port: 7100}\n"
		"    run: {node: shut, command: lab-udp fwd 7100 100}\n"
		"    moved: {sent: /sent, received: /received}\n"
		"    expect: {path: direct}\n"
		"  - name: another protocol\n"
		"    serve: {node: fwd, command: lab-udp 7100, port: 7100}\n"
		"    run: {node: shut, command: \"true\"}\n"
		"    timeout: 300ms\n"
		"  - name: another server\n"
		"    proto: udp\n"
		"    serve: {node: fwd, command: pingpong --serve 7100, port: 7100}\n"
		"    run: {node: shut, command: \"true\"}\n"
		"    timeout: 300ms\n"
		"  - name: nobody\n"
		"    proto: udp\n"
		"    listening: {node: pub, port: 53}\n"
		"    timeout: 100ms\n"
		"  - name: shut\n"
		"    proto: udp\n"
		"    serve: {node: shut, command: lab-udp 7100, port: 7100}\n"
		"    run: {node: pub, command: lab-udp shut 7100 1}\n"
		"    expect: {exit: nonzero, dropped_by: shut}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "two NATs", "pass", NULL);
	boxlab_expect_step(&b, "another protocol", "fail", "did not listen on port 7100 in time");
	boxlab_expect_step(&b, "another server", "fail", "did not listen on UDP port 7100 in time");
	boxlab_expect_step(&b, "nobody", "fail", "pub: nothing listened on UDP port 53 in time");
	boxlab_expect_step(&b, "shut", "pass", NULL);
	nat = json_array_get(json_object_get(b.results, "paths"), 0);
	cr_expect_str_eq(boxlab_text(nat, "proof"), "direct");
	nat = json_array_get(json_object_get(nat, "nats"), 1);
	cr_expect_geq(json_integer_value(json_object_get(nat, "bytes")), 100000);
	boxlab_close(&b);
}

Test(run, prints_a_line_per_step_and_says_where_the_results_are)
{
	static struct boxlab b;
	char line[PATH_MAX + 64];

	boxlab_try(&b, "name: two\n"
		       "nodes: {a: {role: host}, b: {role: host}}\n"
		       "steps:\n"
		       "  - name: ping-pong\n"
		       "    serve: {node: b, command: pingpong --serve 7100, port: 7100}\n"
		       "    run: {node: a, command: pingpong --rounds 100 b 7100}\n"
		       "    values: {median: {at: /median_us, unit: us}}\n" MOVED);
	boxlab_expect(&b, 0, "pass");
	cr_expect(strstr(b.ended.out, " s  topology: 2 machines, no NAT\n"), "%s", b.ended.out);
	cr_expect(strstr(b.ended.out, " s  ping-pong   "), "%s", b.ended.out);
	cr_expect(strstr(b.ended.out, "s, direct with no NAT in between, 205 kB\nPASS "), "%s",
		  b.ended.out);
	(void)snprintf(line, sizeof(line), " s  two\nresults in %s\n", boxlab_path(&b, "out"));
	cr_expect(strstr(b.ended.out, line), "%s", b.ended.out);
	cr_expect_null(strchr(b.ended.out, '\033'), "no colours in a pipe");
	cr_expect_null(strchr(b.ended.out, '\r'), "no progress in a pipe");
	cr_expect_eq(access(boxlab_path(&b, "out/01-a-pingpong.out"), R_OK), 0);
	cr_expect_eq(access(boxlab_path(&b, "out/results.json.part"), F_OK), -1);
	boxlab_close(&b);
}

Test(run, prints_the_results_themselves_by_json)
{
	static struct boxlab b;
	char file[PATH_MAX], out[PATH_MAX];
	json_t *printed;

	boxlab_open(&b, "name: json\n"
			"nodes: {a: {role: host}}\n"
			"steps: [{name: nothing much, run: {node: a, command: \"true\"}}]\n");
	(void)strcpy(file, boxlab_path(&b, "scenario.yaml"));
	(void)strcpy(out, boxlab_path(&b, "out"));
	COMMAND(&b.ended, helper_path("boxlab"), "run", "--json", "--out", out, file);
	boxlab_load(&b);
	boxlab_expect(&b, 0, "pass");
	printed = json_loads(b.ended.out, 0, NULL);
	cr_assert(printed, "%s", b.ended.out);
	cr_expect(json_equal(printed, b.results));
	json_decref(printed);
	boxlab_close(&b);
}

Test(run, believes_a_negative_control)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - name: control\n"
			     "    serve: {node: shut, command: pingpong --serve 7100, port: 7100}\n"
			     "    run: {node: pub, command: timeout 0.2 pingpong shut 7100}\n"
			     "    expect: {exit: nonzero, dropped_by: shut}\n");
	boxlab_expect(&b, 0, "pass");
	cr_expect_str_eq(boxlab_text(boxlab_step(&b, "control"), "detail"),
			 "shut-nat dropped 1 packet");
	boxlab_close(&b);
}

Test(run, keeps_the_output_of_programs_of_one_name_apart)
{
	static struct boxlab b;

	boxlab_try(&b, "name: twins\n"
		       "nodes: {a: {role: host}}\n"
		       "steps:\n"
		       "  - name: twins\n"
		       "    run:\n"
		       "      - {node: a, command: echo one}\n"
		       "      - {node: a, command: echo two}\n"
		       "      - {node: a, command: [/bin/echo, three]}\n");
	boxlab_expect(&b, 0, "pass");
	cr_expect_eq(access(boxlab_path(&b, "out/01-a-echo.out"), F_OK), 0);
	cr_expect_eq(access(boxlab_path(&b, "out/01-a-echo-2.out"), F_OK), 0);
	cr_expect_eq(access(boxlab_path(&b, "out/01-a-echo-3.out"), F_OK), 0);
	boxlab_close(&b);
}

/* ---- what fails, and why ---- */

Test(run, refuses_a_negative_control_in_which_nothing_was_dropped)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - name: the program fails by itself\n"
			     "    serve: {node: shut, command: pingpong --serve 7100, port: 7100}\n"
			     "    run: {node: pub, command: \"false\"}\n"
			     "    expect: {exit: nonzero, dropped_by: shut}\n"
			     "  - name: it gets through\n"
			     "    serve: {node: fwd, command: pingpong --serve 7100, port: 7100}\n"
			     "    run: {node: pub, command: pingpong --rounds 10 fwd 7100}\n"
			     "    expect: {exit: nonzero, dropped_by: fwd}\n"
			     "  - name: nobody listens\n"
			     "    run: {node: pub, command: timeout 0.2 pingpong shut 7100}\n"
			     "    expect: {exit: nonzero, dropped_by: shut}\n"
			     "  - name: the program is not there\n"
			     "    serve: {node: shut, command: pingpong --serve 7100, port: 7100}\n"
			     "    run: {node: pub, command: no-such-program}\n"
			     "    expect: {exit: nonzero, dropped_by: shut}\n"
			     "  - name: nor by way of a shell\n"
			     "    serve: {node: shut, command: pingpong --serve 7100, port: 7100}\n"
			     "    run: {node: pub, command: sh -c no-such-program}\n"
			     "    expect: {exit: nonzero, dropped_by: shut}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "the program fails by itself", "fail", "shut-nat dropped no packet");
	boxlab_expect_step(&b, "it gets through", "fail",
			   "pub: pingpong succeeded, but should have failed");
	boxlab_expect_step(&b, "nobody listens", "fail", "nobody was listening");
	boxlab_expect_step(&b, "the program is not there", "fail",
			   "pub: no-such-program could not be executed: No such file or directory");
	boxlab_expect_step(&b, "nor by way of a shell", "fail",
			   "pub: sh ended with exit code 127, which is not a failure of its own");
	boxlab_close(&b);
}

Test(run, refuses_servers_that_do_not_listen)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - name: never\n"
			     "    timeout: 300ms\n"
			     "    serve: {node: fwd, command: sleep 100, port: 7100}\n"
			     "  - name: on another port\n"
			     "    timeout: 300ms\n"
			     "    serve: {node: fwd, command: pingpong --serve 7101, port: 7100}\n"
			     "  - name: on another machine\n"
			     "    timeout: 300ms\n"
			     "    serve:\n"
			     "      - {node: o1, command: pingpong --serve 7100, port: 7100}\n"
			     "      - {node: o2, command: sleep 100, port: 7100}\n"
			     "  - name: it dies\n"
			     "    serve: {node: fwd, command: pingpong --serve 99999, port: 7100}\n"
			     "  - name: it is not there\n"
			     "    serve: {node: fwd, command: no-such-program, port: 7100}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "never", "fail", "fwd: sleep did not listen on port 7100 in time");
	boxlab_expect_step(&b, "on another port", "fail",
			   "fwd: pingpong did not listen on port 7100 in time");
	boxlab_expect_step(&b, "on another machine", "fail",
			   "o2: sleep did not listen on port 7100 in time");
	boxlab_expect_step(&b, "it dies", "fail",
			   "fwd: pingpong ended with exit code 2 before it listened on port 7100: "
			   "pingpong: --serve: \"99999\" is not a number from 1 to 65535");
	boxlab_expect_step(&b, "it is not there", "fail",
			   "could not be executed: No such file or directory before it listened");
	boxlab_close(&b);
}

Test(run, does_not_take_another_listener_for_its_server)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD "  - name: left behind\n"
			     "    run: {node: pub, command: lab-relay 7100 fwd 7100}\n"
			     "  - name: one more\n"
			     "    serve: {node: pub, command: sleep 100, port: 7100}\n"
			     "    run: {node: shut, command: pingpong pub 7100}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "left behind", "pass", NULL);
	boxlab_expect_step(&b, "one more", "fail", "pub: something listens on port 7100 already");
	boxlab_close(&b);
}

Test(run, ends_programs_that_take_too_long)
{
	static struct boxlab b;
	const json_t *programs;

	boxlab_try(&b, WORLD "  - name: slow\n"
			     "    timeout: 300ms\n"
			     "    run: {node: pub, command: [sh, -c, echo so far >&2; sleep 100]}\n"
			     "  - name: deaf\n"
			     "    timeout: 300ms\n"
			     "    run: {node: pub, command: [sh, -c, \"trap '' TERM; "
			     "while :; do sleep 1; done\"]}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "slow", "fail", "pub: sh still ran after 300 ms: so far");
	boxlab_expect_step(&b, "deaf", "fail", "pub: sh still ran after 300 ms");
	programs = json_object_get(boxlab_step(&b, "slow"), "programs");
	cr_expect_eq(json_integer_value(json_object_get(json_array_get(programs, 0), "exit")),
		     128 + SIGTERM);
	programs = json_object_get(boxlab_step(&b, "deaf"), "programs");
	cr_expect_eq(json_integer_value(json_object_get(json_array_get(programs, 0), "exit")),
		     128 + SIGKILL);
	boxlab_close(&b);
}

Test(run, says_how_a_program_failed)
{
	static struct boxlab b;

	boxlab_try(&b,
		   WORLD "  - name: code\n"
			 "    run: {node: pub, command: [sh, -c, echo this is why >&2; exit 7]}\n"
			 "  - name: signal\n"
			 "    run: {node: pub, command: [sh, -c, kill -SEGV $$]}\n"
			 "  - name: not executable\n"
			 "    run: {node: pub, command: /etc/passwd}\n"
			 "  - name: refused\n"
			 "    run: {node: shut, command: pingpong pub 7100}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "code", "fail", "pub: sh ended with exit code 7: this is why");
	boxlab_expect_step(&b, "signal", "fail", "pub: sh was killed by signal 11");
	boxlab_expect_step(&b, "not executable", "fail",
			   "pub: passwd could not be executed: Permission denied");
	boxlab_expect_step(&b, "refused", "fail",
			   "shut: pingpong ended with exit code 1: pingpong: cannot connect to pub "
			   "port 7100: Connection refused");
	boxlab_close(&b);
}

Test(run, refuses_numbers_that_are_not_there)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD
		   "  - name: missing\n"
		   "    run: {node: pub, command: \"echo '{\\\"end\\\": {\\\"x\\\": 1}}'\"}\n"
		   "    values: {rate: /end/bits}\n"
		   "  - name: excused\n"
		   "    run: {node: pub, command: \"echo '{\\\"error\\\": \\\"too tired\\\"}'\"}\n"
		   "    values: {rate: /bits}\n"
		   "  - name: no JSON\n"
		   "    run: {node: pub, command: echo hello}\n"
		   "    values: {rate: /end/bits}\n"
		   "  - name: negative\n"
		   "    run: {node: pub, command: \"echo '{\\\"n\\\": -1}'\"}\n"
		   "    moved: {sent: /n}\n");
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "missing", "fail",
			   "rate of pub: echo: /end has no \"bits\"; it has: x");
	boxlab_expect_step(&b, "excused", "fail", "it has: error: too tired");
	boxlab_expect_step(&b, "no JSON", "fail", "pub: echo: its output is not JSON");
	boxlab_expect_step(&b, "negative", "fail", "sent of pub: -1 is no number of bytes");
	boxlab_close(&b);
}

Test(run, refuses_paths_that_are_not_what_they_claim)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD
		   "  - name: no connection at all\n"
		   "    serve: {node: fwd, command: pingpong --serve 7100, port: 7100}\n"
		   "    run: {node: shut, command: \"echo '{\\\"n\\\":1000}'\"}\n"
		   "    moved: {sent: /n}\n"
		   "    expect: {path: direct}\n"
		   "  - name: too many bytes claimed\n"
		   "    serve: {node: fwd, command: pingpong --serve 7100, port: 7100}\n"
		   "    run: {node: shut, command: [sh, -c, 'pingpong --rounds 10 fwd 7100 >&2; "
		   "echo \"{\\\"n\\\":9999999}\"']}\n"
		   "    moved: {sent: /n}\n"
		   "    expect: {path: direct}\n"
		   "  - name: only a connection of the step before\n"
		   "    serve: {node: fwd, command: pingpong --serve 7100, port: 7100}\n"
		   "    run: {node: shut, command: \"echo '{\\\"n\\\":1000}'\"}\n"
		   "    moved: {sent: /n}\n"
		   "    expect: {path: direct}\n"
		   "  - name: a relay stands by\n"
		   "    run: {node: pub, command: lab-relay 7100 fwd 7100}\n"
		   "  - name: a relay\n"
		   "    serve: {node: fwd, command: pingpong --serve 7100, port: 7100}\n"
		   "    run: {node: shut, command: pingpong --rounds 100 pub 7100}\n" MOVED);
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "no connection at all", "fail",
			   "not proven to be direct: fwd-nat holds no connection of fwd "
			   "(10.0.1.2:7100) with shut (203.1.0.3)");
	boxlab_expect_step(
		&b, "too many bytes claimed", "fail",
		"not proven to be direct: shut-nat carried 11.0 kB from shut to fwd, the "
		"program says it moved 10.0 MB");
	boxlab_expect_step(&b, "only a connection of the step before", "fail",
			   "not proven to be direct: the connection in shut-nat is older than the "
			   "step");
	boxlab_expect_step(&b, "a relay stands by", "pass", NULL);
	boxlab_expect_step(&b, "a relay", "fail", "203.0.113.10:7100 above all");
	cr_expect_str_eq(
		boxlab_text(json_array_get(json_object_get(b.results, "paths"), 3), "proof"),
		"relayed");
	boxlab_close(&b);
}
