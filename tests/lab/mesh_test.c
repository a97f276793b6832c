/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everybody connects to everybody at once: scenarios/mesh.yaml, and what it would find out. */
#include "tests/lab/boxlab.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(mesh, .init = need_labs);

static double value(const struct boxlab *b, const char *step, const char *label)
{
	const json_t *values = json_object_get(boxlab_step(b, step), "values");

	return json_number_value(json_object_get(json_object_get(values, label), "value"));
}

static void expect_mesh(struct boxlab *b, const char *step, double pairs)
{
	boxlab_expect(b, 0, "pass");
	boxlab_expect_step(b, step, "pass", NULL);
	cr_expect_eq(value(b, step, "connected"), pairs);
	boxlab_close(b);
}

Test(mesh, connects_all_4032_pairs_of_64_functions_at_once)
{
	static struct boxlab b;
	static char text[4096];
	FILE *f = fopen(SOURCE_DIR "/scenarios/mesh.yaml", "re");

	cr_assert(f && fread(text, 1, sizeof(text) - 1, f) > 0 && fclose(f) == 0);
	boxlab_try(&b, text);
	expect_mesh(&b, "4032 connections at once", 4032);
}

#define SIXTEEN(node)                                           \
	"name: mesh\n"                                          \
	"nodes:\n"                                              \
	"  seed: {role: seed}\n"                                \
	"  fn: {count: 16, run: mesh --serve 7300, " node "}\n" \
	"steps:\n"                                              \
	"  - name: at once\n"                                   \
	"    run: {node: fn0, command: mesh fn 16 7300}\n"      \
	"    values: {connected: /connected}\n"

/* There the port of each connection and of each listener is learned first. */
Test(mesh, connects_all_pairs_behind_nats_that_change_ports)
{
	static struct boxlab b;

	boxlab_try(&b, SIXTEEN("nat: {preset: lambda, allocation: random}"));
	expect_mesh(&b, "at once", 240);
}

/* All 120 links are made at once, too. */
Test(mesh, connects_all_pairs_that_have_no_links_yet)
{
	static struct boxlab b;

	boxlab_try(&b, SIXTEEN("nat: lambda, options: --control lazy"));
	expect_mesh(&b, "at once", 240);
}

#define HOSTS(nat)                                                      \
	"name: mesh\n"                                                  \
	"nats:\n"                                                       \
	"  home: {preset: hairpin-none, " nat "}\n"                     \
	"nodes:\n"                                                      \
	"  c: {role: host}\n"                                           \
	"  fn0: {role: host}\n"                                         \
	"  fn1: {role: host, behind: home}\n"                           \
	"  fn2: {role: host, behind: home}\n"                           \
	"steps:\n"                                                      \
	"  - name: at once\n"                                           \
	"    serve:\n"                                                  \
	"      - {node: fn0, command: mesh --serve 7300, port: 7300}\n" \
	"      - {node: fn1, command: mesh --serve 7300, port: 7300}\n" \
	"      - {node: fn2, command: mesh --serve 7300, port: 7300}\n" \
	"    run: {node: c, command: mesh --timeout 1 fn 3 7300}\n"

/* Everybody reaches everybody, but for those who are behind one NAT. */
Test(mesh, counts_what_is_lost)
{
	static struct boxlab b;

	boxlab_try(
		&b,
		HOSTS("one_to_one: [fn1, fn2]") "    values: {connected: /connected, lost: /lost}\n"
						"    expect: {exit: nonzero}\n");
	boxlab_expect(&b, 0, "pass");
	cr_expect_eq(value(&b, "at once", "connected"), 4);
	cr_expect_eq(value(&b, "at once", "lost"), 2);
	boxlab_close(&b);
}

/* Who asks for fn2 gets fn1. */
Test(mesh, notices_who_was_reached)
{
	static struct boxlab b;

	boxlab_try(&b, HOSTS("forwards: [{port: 7300, to: fn1}]"));
	boxlab_expect(&b, 1, "fail");
	boxlab_expect_step(&b, "at once", "fail", "fn2 says that it is number 1");
	boxlab_close(&b);
}
