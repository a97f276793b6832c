/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What seemed to be a way and is none costs its time, and gives way to the next:
 *
 *	seed ── internet ── carrier ──┬── home1 ── a
 *	                              └── home2 ── b
 *
 * The carrier turns nothing round, which no measurement from outside shows: by their
 * profiles a and b may connect to each other in several ways.
 */
#include "tests/lab/boxlab.h"

#include <criterion/criterion.h>

TestSuite(ways, .init = need_labs);

#define WORLD(options)                                   \
	"name: ways\n"                                   \
	"nats:\n"                                        \
	"  carrier: {preset: lambda, hairpin: off}\n"    \
	"  home1: {preset: lambda, behind: carrier}\n"   \
	"  home2: {preset: lambda, behind: carrier}\n"   \
	"nodes:\n"                                       \
	"  seed: {role: seed, options: --relay}\n"       \
	"  a: {behind: home1, options: '" options "'}\n" \
	"  b: {behind: home2, options: '" options "'}\n"

#define CONNECT(name, flags)                                                  \
	"  - name: " name "\n"                                                \
	"    timeout: 30s\n"                                                  \
	"    serve: {node: b, command: pingpong --serve 7100, port: 7100}\n"  \
	"    run: {node: a, command: pingpong --rounds 3 " flags " b 7100}\n" \
	"    events: [{event: connect, node: a, about: b}]\n"

Test(ways, a_program_is_led_on_to_the_relay_when_two_have_cost_their_time)
{
	static struct boxlab b;

	boxlab_try(&b,
		   WORLD("--strategies simultaneous,sequential,relay") "steps:\n" CONNECT(
			   "the first", "") CONNECT("the next is not led astray", "--nonblock"));
	boxlab_expect(&b, 0, "pass");
	boxlab_close(&b);
}
