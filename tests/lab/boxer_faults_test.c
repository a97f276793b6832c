/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boxer when something breaks:
 *
 *	seed ── internet ──┬── lam0-nat ── lam0    keeps ports
 *	                   ├── lam1-nat ── lam1    keeps ports
 *	                   ├── eim-nat ─── eim     one external port for all, another one
 *	                   ├── sym-nat ─── sym     another external port for each
 *	                   └── late-nat ── late    joins when the step says so
 *
 * What happens is a step of the lab's. What must come of it is said by the kernel
 * (connections that are open all the while, new ones), by programs, and by the
 * events of all nodes.
 */
#include "tests/lab/boxlab.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(faults, .init = need_labs);

#define PORTS_CHANGE "{preset: lambda, allocation: random, conflict: random}"

#define WORLD(seed)                                                             \
	"name: test\n"                                                          \
	"check_nats: off\n"                                                     \
	"nodes:\n"                                                              \
	"  seed: {role: seed" seed "}\n"                                        \
	"  lam: {count: 2, nat: lambda, link: {}, options: --silence 3}\n"      \
	"  eim: {nat: " PORTS_CHANGE ", link: {}, options: --silence 3}\n"      \
	"  sym: {nat: symmetric-sequential, options: --silence 3}\n"            \
	"  late: {nat: lambda, start: later, link: {}, options: --silence 3}\n" \
	"steps:\n"                                                              \
	"  - {name: links, links: possible}\n"

#define SERVE(node)    "{node: " node ", command: pingpong --serve 7100, port: 7100}"
#define PING(from, to) "{node: " from ", command: pingpong --rounds 3 " to " 7100}"
/* Lasts longer than what befalls it in the first second. */
#define LONG(from, to) "{node: " from ", command: pingpong --rounds 150 --pause 10 " to " 7100}"

/* Nobody misses anybody. */
#define UNNOTICED                                 \
	"      - {event: link-lost, never: on}\n" \
	"      - {event: member-left, never: on}\n"

/* New connections between NATs of every kind, both ways. */
#define CONNECT(title, a, b, c)                                       \
	"  - name: " title "\n"                                       \
	"    serve: [" SERVE(a) ", " SERVE(b) ", " SERVE(             \
		c) "]\n"                                              \
		   "    run: [" PING(a, b) ", " PING(b, c) ", " PING( \
			   c, a) ",\n"                                \
				 "          " PING(b, a) ", " PING(c, b) ", " PING(a, c) "]\n"

static void expect_passed(struct boxlab *b)
{
	boxlab_expect(b, 0, "pass");
	boxlab_close(b);
}

/* The id that a node was given when it joined last, or -1. */
static int id_of(const struct boxlab *b, const char *node)
{
	char name[64], line[4096];
	int id = -1;
	FILE *f;

	(void)snprintf(name, sizeof(name), "out/%s-events.jsonl", node);
	f = fopen(boxlab_path(b, name), "re");
	while (f && fgets(line, sizeof(line), f)) {
		json_t *event = json_loads(line, 0, NULL);

		if (strcmp(boxlab_text(event, "event"), "joined") == 0)
			id = (int)json_integer_value(json_object_get(event, "id"));
		json_decref(event);
	}
	if (f)
		(void)fclose(f);
	return id;
}

static void expect_own_id(const struct boxlab *b, const char *node)
{
	static const char *const all[] = {"lam0", "lam1", "eim", "sym", "late"};

	cr_expect_geq(id_of(b, node), 0, "%s never joined", node);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(all[i], node) != 0)
			cr_expect_neq(id_of(b, node), id_of(b, all[i]), "%s and %s", node, all[i]);
}

/* ---- the seed ---- */

#define SEED_DIES                                                   \
	"  - name: killed and started\n"                            \
	"    member: [{change: seed, do: kill, at: 300ms},\n"       \
	"             {change: seed, do: start, at: 800ms}]\n"      \
	"    serve: [" SERVE("lam0") ", " SERVE(                    \
		"eim") "]\n"                                        \
		       "    run: [" LONG("lam1", "lam0") ", " LONG( \
			       "sym", "eim") "]\n"                  \
					     "    events:\n"        \
					     "      - seed-lost\n"  \
					     "      - seed-back\n" UNNOTICED
#define LATE_COMES                                        \
	"  - name: somebody new\n"                        \
	"    member: {change: late, do: start}\n"         \
	"    events:\n"                                   \
	"      - {event: member, about: late}\n"          \
	"      - {event: joined, node: late}\n" UNNOTICED \
	"  - {name: links to it, links: possible}\n"

Test(faults, a_seed_that_is_killed_and_comes_back_is_not_noticed)
{
	static struct boxlab b;

	boxlab_try(
		&b,
		WORLD("") SEED_DIES LATE_COMES CONNECT(
			"all kinds, also to the new one", "late", "eim",
			"sym") "  - name: barrier\n"
			       "    boxer: off\n"
			       "    run: [{node: lam0, command: boxer barrier --timeout 20 all 3},\n"
			       "          {node: sym, command: boxer barrier --timeout 20 all 3},\n"
			       "          {node: late, command: boxer barrier --timeout 20 all 3}]\n");
	expect_own_id(&b, "late");
	expect_passed(&b);
}

/* The new one joins at once, and the others have still to come back. */
Test(faults, a_seed_with_a_state_gives_no_id_twice)
{
	static struct boxlab b;

	boxlab_try(
		&b,
		WORLD(", options: --state /tmp/state") "  - name: killed\n"
						       "    member: {change: seed, do: kill}\n"
						       "    serve: " SERVE(
							       "lam0") "\n"
								       "    run: " PING(
									       "lam1",
									       "lam0") "\n"
										       "    events: [seed-lost]\n"
										       "  - name: back, and somebody new\n"
										       "    member: [{change: seed, do: start}, {change: late, do: start}]\n"
										       "    events:\n"
										       "      - {event: seed-back, node: lam0}\n"
										       "      - {event: seed-back, node: lam1}\n"
										       "      - {event: seed-back, node: eim}\n"
										       "      - {event: seed-back, node: sym}\n"
										       "      - {event: member, about: late}\n" UNNOTICED
											       CONNECT("all kinds",
												       "late",
												       "eim",
												       "lam0"));
	expect_own_id(&b, "late");
	expect_passed(&b);
}

/*
 *	seed ──── internet ──┬── pub             relays, as the seed does
 *	(cut off, killed)    ├── lam0-nat ── lam0
 *	                     └── lam1-nat ── lam1
 */
#define RELAYED(title, what)                                                    \
	"  - name: " title "\n" what                                            \
	"    serve: {node: lam0, command: pingpong --serve 7100, port: 7100}\n" \
	"    run: {node: lam1, command: pingpong --rounds 3 --size 256 lam0 7100}\n"

/* Found in a lab: the seed was the only one asked, dead or alive. */
Test(faults, another_one_relays_when_the_seed_does_not)
{
	static struct boxlab b;

	boxlab_try(&b,
		   "name: test\n"
		   "check_nats: off\n"
		   "nodes:\n"
		   "  seed: {role: seed, options: --relay, link: {}}\n"
		   "  pub: {options: --relay}\n"
		   "  lam: {count: 2, nat: lambda, options: --strategies relay}\n"
		   "steps:\n"
		   "  - {name: links, links: all}\n" RELAYED("both do", "") RELAYED(
			   "the seed is silent", "    wire: {change: seed, loss: 100%}\n")
			   RELAYED("the seed is dead", "    member: {change: seed, do: kill}\n"));
	expect_passed(&b);
}

/* ---- a node ---- */

Test(faults, a_node_that_is_killed_is_missed_at_once_and_may_come_back)
{
	static struct boxlab b;

	boxlab_try(
		&b,
		WORLD("") "  - name: killed\n"
			  "    timeout: 2500ms\n" /* sooner than its silence would tell */
			  "    member: {change: lam1, do: kill, at: 300ms}\n"
			  "    serve: " SERVE(
				  "lam0") "\n"
					  "    run: " LONG(
						  "eim",
						  "lam0") "\n"
							  "    events:\n"
							  "      - {event: member-left, about: lam1}\n"
							  "      - {event: link-lost, about: lam0, never: on}\n"
							  "      - {event: link-lost, about: eim, never: on}\n"
							  "  - name: its name joins again\n"
							  "    member: {change: lam1, do: start}\n"
							  "    events: [{event: member, about: lam1}]\n"
							  "  - {name: links to it, links: possible}\n" CONNECT(
								  "all kinds", "lam1", "eim",
								  "sym"));
	expect_own_id(&b, "lam1");
	expect_passed(&b);
}

/* Nothing closes its sockets: only its silence tells. */
Test(faults, a_node_that_is_cut_off_is_missed_within_its_silence)
{
	static struct boxlab b;

	boxlab_try(
		&b,
		WORLD(", options: --silence 3") "  - name: cut\n"
						"    timeout: 8s\n"
						"    wire: {change: lam1, loss: 100%, keep: on}\n"
						"    member: {change: lam1, do: kill}\n"
						"    serve: " SERVE(
							"lam0") "\n"
								"    run: " LONG(
									"eim",
									"lam0") "\n"
										"    events:\n"
										"      - {event: member-left, about: lam1}\n"
										"      - {event: link-lost, about: lam0, never: on}\n"
										"      - {event: link-lost, about: eim, never: on}\n"
										"  - name: its name joins again\n"
										"    wire: {change: lam1, loss: 0%}\n"
										"    member: {change: lam1, do: start}\n"
										"    events: [{event: member, about: lam1}]\n");
	expect_passed(&b);
}

/* ---- the network ---- */

/*
 * A NAT that keeps ports, and takes up flows in their middle, is as it was as soon as
 * its own side has sent something.
 */
Test(faults, a_nat_that_reboots_and_keeps_ports_is_not_noticed)
{
	static struct boxlab b;

	boxlab_try(&b, WORLD("") "  - name: reboot\n"
				 "    nat: {change: lam1-nat, reboot: on, at: 300ms}\n"
				 "    serve: [" SERVE("lam0") ", " SERVE(
					 "eim") "]\n"
						"    run: [" LONG("lam1", "lam0") ", " LONG(
							"lam1",
							"eim") "]\n"
							       "    events:\n" UNNOTICED CONNECT(
								       "all kinds", "lam1", "eim",
								       "sym"));
	expect_passed(&b);
}

/*
 * Behind one that does not, all that was open is gone: data connections stay silent
 * for good, links and the seed are found again under the new external port.
 */
Test(faults, a_nat_that_reboots_and_changes_ports_is_learned_anew)
{
	static struct boxlab b;

	boxlab_try(
		&b,
		WORLD("") CONNECT(
			"all kinds, so that ports are known", "lam1", "eim",
			"sym") "  - name: reboot\n"
			       "    timeout: 10s\n"
			       "    nat: {change: eim-nat, reboot: on, at: 300ms}\n"
			       "    serve: [" SERVE("lam0") ", " SERVE(
				       "eim") "]\n"
					      "    run: [" LONG(
						      "lam1",
						      "lam0") ",\n"
							      "          {node: eim, command: [sh, -c, '! timeout 2 pingpong --rounds 150 "
							      "--pause 10 lam0 7100']}]\n"
							      "    events:\n"
							      "      - {event: seed-back, node: eim}\n"
							      "      - {event: link, node: eim, about: lam0}\n"
							      "      - {event: link, node: eim, about: lam1}\n"
							      "      - {event: link-lost, node: lam0, about: lam1, never: on}\n"
							      "      - {event: link-lost, node: lam1, about: lam0, never: on}\n"
							      "      - {event: member-left, never: on}\n"
							      "  - {name: links again, links: possible}\n" CONNECT(
								      "all kinds again", "lam1",
								      "eim", "sym"));
	expect_passed(&b);
}

static void expect_moved_on(const struct boxlab *b, const char *step, double max_us)
{
	const json_t *values = json_object_get(boxlab_step(b, step), "values");
	const json_t *max = json_object_get(json_object_get(values, "max"), "value");

	cr_expect(json_is_number(max) && json_number_value(max) > 2.5e6 &&
			  json_number_value(max) < max_us,
		  "longest round trip: %g us", json_number_value(max));
}

/* Shorter than the silence that is believed in: TCP bridges it. */
Test(faults, a_cut_of_three_seconds_is_bridged)
{
	static struct boxlab b;

	boxlab_try(
		&b,
		"name: test\n"
		"check_nats: off\n"
		"nodes:\n"
		"  seed: {role: seed}\n"
		"  lam: {count: 2, nat: lambda, link: {}}\n"
		"  eim: {nat: " PORTS_CHANGE ", link: {}}\n"
		"steps:\n"
		"  - {name: links, links: possible}\n"
		"  - name: cut\n"
		"    timeout: 15s\n"
		"    wire: [{change: lam1, loss: 100%, at: 300ms},\n"
		"           {change: eim, loss: 100%, at: 301ms},\n"
		"           {change: lam1, loss: 0%, at: 3300ms},\n"
		"           {change: eim, loss: 0%, at: 3301ms}]\n"
		"    serve: " SERVE(
			"lam0") "\n"
				"    run: [" LONG("lam1", "lam0") ", " LONG(
					"eim",
					"lam0") "]\n"
						"    values: {max: {at: /max_us, unit: us}}\n"
						"    events:\n"
						"      - {event: seed-lost, never: on}\n" UNNOTICED
						"  - {name: links again, links: possible, timeout: 2s}\n"
						"  - name: new ones\n"
						"    timeout: 4s\n"
						"    serve: [" SERVE("lam0") ", " SERVE("lam1") ", " SERVE(
							"eim") "]\n"
							       "    run: [" PING("lam0", "lam1") ", " PING(
								       "lam1",
								       "eim") ",\n"
									      "          " PING("eim", "lam0") ", " PING(
										      "lam0",
										      "eim") "]\n"
											     "    events:\n"
											     "      - {event: seed-lost, never: on}\n" UNNOTICED);
	expect_moved_on(&b, "cut", 3e6 + 2e6);
	expect_passed(&b);
}

/* Plain TCP itself does not connect within 10 s in one of twenty times then. */
#define TRY(from, to)                                                                 \
	"{node: " from ", command: [sh, -c, 'for i in 1 2 3; do timeout 20 pingpong " \
	"--rounds 1 --size 16 " to " 7100 && exit; done; exit 1']}"

/* Of what each machine sends, three in ten packets are lost, from the first one on. */
Test(faults, pairs_of_all_kinds_meet_where_three_in_ten_packets_are_lost)
{
	const char *count = getenv("BOXLAB_COUNT");
	unsigned n = count ? (unsigned)strtoul(count, NULL, 10) : 1;

	for (unsigned i = 0; i < n; i++) {
		static char text[4096];
		static struct boxlab b;

		(void)snprintf(
			text, sizeof(text),
			"name: test\n"
			"check_nats: off\n"
			"seed: %u\n"
			"nodes:\n"
			"  seed: {role: seed}\n"
			"  lam: {count: 2, nat: lambda, link: {up: {loss: 30%%}}}\n"
			"  eim: {nat: " PORTS_CHANGE ", link: {up: {loss: 30%%}}}\n"
			"  sym: {nat: symmetric-sequential, link: {up: {loss: 30%%}}}\n"
			"steps:\n"
			"  - {name: links, links: possible, timeout: 60s}\n"
			"  - name: between those that keep their mapping\n"
			"    timeout: 70s\n"
			"    serve: [" SERVE("lam0") ", " SERVE(
				"eim") "]\n"
				       "    run: [" TRY("lam1", "lam0") ", " TRY(
					       "lam1",
					       "eim") ",\n"
						      "          " TRY("eim", "lam0") ", " TRY(
							      "lam0",
							      "eim") "]\n"
								     "  - name: from one that does not\n"
								     "    timeout: 70s\n"
								     "    serve: " SERVE(
									     "lam0") "\n"
										     "    run: " TRY(
											     "sym",
											     "lam0") "\n"
												     "  - name: and to it\n"
												     "    timeout: 70s\n"
												     "    serve: " SERVE(
													     "sym") "\n"
														    "    run: " TRY(
															    "eim",
															    "sym") "\n",
			i + 1);
		boxlab_try(&b, text);
		expect_passed(&b);
	}
}

/* ---- the clock ---- */

/* $LIB is the dynamic linker's. A sanitizer wants to be loaded first, which it is not. */
#define CLOCK(time)                                                                      \
	"[env, 'LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1', FAKETIME_NO_CACHE=1,\n" \
	"      FAKETIME_DONT_FAKE_MONOTONIC=1, ASAN_OPTIONS=verify_asan_link_order=0,\n" \
	"      " time "]"

#define FAKED(node) "{node: " node ", command: [sh, -c, 'grep -q libfaketime /proc/[0-9]*/maps']}"

static void need_faketime(void)
{
	const char *must_work = getenv("BOXLAB_MUST_WORK");
	static struct outcome o;

	COMMAND(&o, "sh", "-c",
		"ls /usr/lib*/faketime/libfaketime.so.1 "
		"/usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | grep -q .");
	if (o.code != 0 && !(must_work && strcmp(must_work, "1") == 0))
		cr_skip_test("missing: libfaketime");
	cr_assert_eq(o.code, 0, "missing: libfaketime");
}

/* An hour ahead, an hour behind, and one that an hour is put forwards and back. */
Test(faults, no_deadline_depends_on_the_time_of_day)
{
	static struct boxlab b;

	need_faketime();
	boxlab_try(
		&b,
		"name: test\n"
		"check_nats: off\n"
		"nodes:\n"
		"  seed: {role: seed, options: --silence 3}\n"
		"  ahead: {nat: lambda, options: --silence 3, under: " CLOCK(
			"FAKETIME=+1h") "}\n"
					"  behind: {nat: " PORTS_CHANGE ", options: --silence 3,\n"
					"           under: " CLOCK(
						"FAKETIME=-1h") "}\n"
								"  jumps: {nat: lambda, options: --silence 3, start: later,\n"
								"          under: " CLOCK(
									"FAKETIME_TIMESTAMP_FILE=/tmp/clock") "}\n"
													      "  right: {nat: lambda, options: --silence 3}\n"
													      "steps:\n"
													      "  - name: a clock to set\n"
													      "    boxer: off\n"
													      "    run: {node: jumps, command: [sh, -c, 'echo +0 >/tmp/clock']}\n"
													      "  - name: somebody joins\n"
													      "    member: {change: jumps, do: start}\n"
													      "    events: [{event: member, about: jumps}]\n"
													      "  - name: their clocks are not what they were\n"
													      "    boxer: off\n"
													      "    run: [" FAKED("ahead") ", " FAKED("behind") ", " FAKED(
														      "jumps") "]\n"
															       "  - {name: links, links: all, timeout: 5s}\n" CONNECT(
																       "new connections",
																       "ahead",
																       "behind",
																       "right") "  - name: it is an hour later, and three hours earlier\n"
																		"    timeout: 15s\n"
																		"    boxer: off\n"
																		"    run: {node: jumps, command: [sh, -c, 'echo +1h >/tmp/clock; sleep 4; "
																		"echo -2h >/tmp/clock; sleep 4']}\n"
																		"    events:\n"
																		"      - {event: seed-lost, never: on}\n" UNNOTICED
																			CONNECT("and still",
																				"jumps",
																				"behind",
																				"ahead"));
	expect_passed(&b);
}

/* ---- a member that does not mean well ---- */

/* One Boxer process here: remember what it holds, or wait until it holds no more again. */
#define EACH_BOXER "for p in /proc/[0-9]*; do case $(cat $p/comm) in boxer*) "
#define REMEMBER                                               \
	"[sh, -c, '" EACH_BOXER "ls $p/fd | wc -l >/tmp/fds; " \
	"awk \"/VmRSS/{print \\$2}\" $p/status >/tmp/kb;; esac; done; test $(cat /tmp/fds) -gt 3']"
#define COMPARE                                                                                \
	"[sh, -c, '" EACH_BOXER "until [ $(ls $p/fd | wc -l) -le $(($(cat /tmp/fds) + 2)) ]; " \
	"do sleep 0.1; done; [ $(awk \"/VmRSS/{print \\$2}\" $p/status) -le "                  \
	"$(($(cat /tmp/kb) + 4096)) ] || exit 1;; esac; done']"
#define UNDER_BOXER(node) \
	"{node: " node ", command: boxer exec -- pingpong --serve 7100, port: 7100}"
#define ON_ALL(command)                                                               \
	"    boxer: off\n"                                                            \
	"    run: [{node: lam0, command: " command "}, {node: eim, command: " command \
	"}, {node: seed, command: " command "}]\n"

Test(faults, a_member_that_sends_garbage_is_noticed_by_nobody)
{
	static struct boxlab b;

	boxlab_try(
		&b,
		"name: test\n"
		"check_nats: off\n"
		"nodes:\n"
		"  seed: {role: seed}\n"
		"  lam: {count: 2, nat: lambda}\n"
		"  eim: {nat: " PORTS_CHANGE "}\n"
		"  bad: {start: later}\n"
		"steps:\n"
		"  - {name: links, links: all}\n" CONNECT("before", "lam0", "lam1", "eim") "  - name: what they hold\n" ON_ALL(
			REMEMBER) "  - name: garbage\n"
				  "    boxer: off\n"
				  "    serve: [" UNDER_BOXER("lam0") ", " UNDER_BOXER(
					  "lam1") ",\n"
						  "            " UNDER_BOXER(
							  "eim") "]\n"
								 "    run: {node: bad, command: boxer-test-babbler 203.0.113.10:7000 "
								 "/run/boxer.key bad 5 400}\n"
								 "    values: {frames: {at: /frames}, links: {at: /links}, cut: {at: /cut}}\n"
								 "    events:\n"
								 "      - {event: link-lost, about: lam0, never: on}\n"
								 "      - {event: link-lost, about: lam1, never: on}\n"
								 "      - {event: link-lost, about: eim, never: on}\n"
								 "      - {event: member-left, about: lam0, never: on}\n"
								 "      - {event: member-left, about: lam1, never: on}\n"
								 "      - {event: member-left, about: eim, never: on}\n"
								 "      - {event: seed-lost, never: on}\n" CONNECT(
									 "after", "lam0", "lam1",
									 "eim") "  - name: they hold no more\n" ON_ALL(COMPARE));
	expect_passed(&b);
}
