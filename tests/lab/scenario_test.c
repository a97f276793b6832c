/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "support.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static void expect_argv(char *const *argv, const char *joined)
{
	char text[256] = "";

	for (size_t i = 0; argv[i]; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			       i ? "|" : "", argv[i]);
	cr_expect_str_eq(text, joined);
}

static void expect_value(const struct scenario_value *value, const char *label, const char *pointer,
			 const char *unit)
{
	cr_expect_str_eq(value->label, label);
	cr_expect_str_eq(value->pointer, pointer);
	if (unit)
		cr_expect_str_eq(value->unit, unit);
	else
		cr_expect_null(value->unit);
}

static void expect_iperf3(const struct scenario_step *step, const char *client)
{
	cr_assert_eq(step->n_serve, 1);
	cr_expect_str_eq(step->serve[0].node, "fn0");
	expect_argv(step->serve[0].argv, "iperf3|-s|-1");
	cr_expect_eq(step->serve[0].port, 5201);
	cr_expect_eq(step->serve[0].cpu, -1);
	cr_assert_eq(step->n_run, 1);
	cr_expect_str_eq(step->run[0].node, "fn1");
	expect_argv(step->run[0].argv, client);
	cr_expect_eq(step->run[0].port, 0);
	cr_expect_eq(step->run[0].cpu, -1);
}

static void expect_quickstart_nodes(const struct scenario *scenario)
{
	const struct scenario_node *seed = &scenario->nodes[0];
	const struct scenario_node *fn = &scenario->nodes[1];

	cr_assert_eq(scenario->n_nodes, 2);
	cr_expect_str_eq(seed->name, "seed");
	cr_expect_eq(seed->role, ROLE_SEED);
	cr_expect(seed->count == 1 && !seed->counted);
	cr_expect(!seed->nat && !seed->behind && !seed->run && !seed->wait);
	cr_expect(seed->at.line == 12 && seed->at.column == 3);

	cr_expect_str_eq(fn->name, "fn");
	cr_expect_eq(fn->role, ROLE_FUNCTION);
	cr_expect(fn->count == 4 && fn->counted);
	cr_expect(!fn->behind && !fn->run && !fn->wait);
	cr_expect(fn->at.line == 13 && fn->at.column == 3);
	cr_assert(fn->nat);
	cr_expect(!fn->nat->name && !fn->nat->n_forwards);
	cr_expect(fn->nat->at.line == 13 && fn->nat->at.column == 23);
	cr_expect_str_eq(fn->nat->nat.preset, "lambda");
	cr_expect_eq(fn->nat->nat.tcp.mapping, NAT_MAPPING_EIM);
	cr_expect_eq(fn->nat->nat.tcp.filtering, NAT_FILTERING_APDF);
	cr_expect_eq(fn->nat->nat.unsolicited, NAT_UNSOLICITED_DROP);
	cr_expect_eq(fn->nat->nat.tcp_tracking, NAT_TCP_LIBERAL);
	cr_expect_eq(fn->nat->nat.n_forwards, 0);
}

Test(scenario, quickstart_is_bound_as_it_is_written)
{
	cleanup_free char *text = read_text("scenarios/quickstart.yaml");
	struct scenario *scenario = scenario_of(text);
	const struct scenario_step *step = scenario->steps;

	cr_expect_str_eq(scenario->name, "quickstart");
	cr_expect_str_eq(scenario->description,
			 "Four functions behind Lambda-like NATs talk plain TCP to each other.");
	cr_expect_eq(scenario->seed, 1);
	cr_expect_eq(scenario->n_nats, 0);
	expect_quickstart_nodes(scenario);
	cr_assert_eq(scenario->n_steps, 4);
	for (size_t i = 0; i < 4; i++) {
		cr_expect_eq(step[i].timeout_ns, 30 * NS_PER_S);
		cr_expect_eq(step[i].links, i == 0);
		cr_expect_eq(step[i].boxer, i != 3);
		cr_expect_eq(step[i].exit, i == 3 ? EXIT_NONZERO : EXIT_ZERO);
		cr_expect_eq(step[i].path, i == 1 || i == 2 ? PATH_DIRECT : PATH_ANY);
		cr_expect_eq(step[i].at.column, 5);
	}
	cr_expect_str_eq(step[0].name, "6 of 6 control links");
	cr_expect(!step[0].n_serve && !step[0].n_run && !step[0].n_values && !step[0].n_moved);

	cr_expect_str_eq(step[1].name, "iperf3, unmodified, fn1 to fn0");
	expect_iperf3(&step[1], "iperf3|-c|fn0|-t|2|-J");
	cr_assert(step[1].n_values == 1 && step[1].n_moved == 1);
	expect_value(step[1].values, "throughput", "/end/sum_received/bits_per_second", "bit/s");
	expect_value(step[1].moved, "sent", "/end/sum_received/bytes", NULL);
	cr_expect_null(step[1].dropped_by);

	cr_expect_str_eq(step[2].name, "1 KiB ping-pong, fn2 to fn3");
	cr_assert(step[2].n_serve == 1 && step[2].n_run == 1);
	expect_argv(step[2].serve[0].argv, "pingpong|--serve|7100");
	expect_argv(step[2].run[0].argv, "pingpong|--rounds|1000|--size|1024|fn3|7100");
	cr_assert(step[2].n_values == 2 && step[2].n_moved == 2);
	expect_value(&step[2].values[0], "median", "/median_us", "us");
	expect_value(&step[2].values[1], "p99", "/p99_us", "us");
	expect_value(&step[2].moved[0], "sent", "/sent_bytes", NULL);
	expect_value(&step[2].moved[1], "received", "/received_bytes", NULL);

	cr_expect_str_eq(step[3].name, "the same iperf3 without Boxer fails at the NAT");
	expect_iperf3(&step[3], "iperf3|-c|fn0|-t|2|--connect-timeout|300");
	cr_expect_str_eq(step[3].dropped_by, "fn0");
	scenario_free(scenario);
}

/* Everything that quickstart has no use for. */
static const char all_keys[] = "name: all-keys\n"
			       "description: |\n"
			       "  Two lines,\n"
			       "  that is.\n"
			       "seed: 4294967295\n"
			       "nats:\n"
			       "  home:\n"
			       "    preset: symmetric\n"
			       "    mapping: eim\n"
			       "    unsolicited: rst\n"
			       "    tcp_tracking: strict\n"
			       "    forwards:\n"
			       "      - {port: 8080, to: lone, to_port: 80}\n"
			       "      - {port: 8080, to: h0, proto: udp}\n"
			       "  cafe: linux\n"
			       "nodes:\n"
			       "  lone: {behind: home, run: [prog, 'a b', 3], wait: 1}\n"
			       "  h: {role: host, count: 1, behind: home}\n"
			       "  c: {behind: cafe, run: prog, wait: all}\n"
			       "  p: {}\n"
			       "  own: {nat: {mapping: apdm, forwards: [{port: 1}]}}\n"
			       "  root: {role: seed}\n"
			       "steps:\n"
			       "  - name: 1\n"
			       "    timeout: 1.5s\n"
			       "    serve: [{node: h0, command: x, port: 1, cpu: 0},"
			       " {node: h0, command: x, port: 2}]\n"
			       "    run: [{node: p, command: x, cpu: 1023},"
			       " {node: root, command: x, cpu: any}]\n"
			       "    values: {the rate: /a~1b/~0}\n"
			       "    moved: {received: {at: /r}}\n"
			       "    boxer: yes\n"
			       "    expect: {exit: any, path: any, dropped_by: own}\n";

static void expect_all_nodes(const struct scenario *scenario)
{
	const struct scenario_node *node = scenario->nodes;

	cr_assert_eq(scenario->n_nodes, 6);
	cr_expect_str_eq(node[0].behind, "home");
	expect_argv(node[0].run, "prog|a b|3");
	cr_expect_eq(node[0].wait, 1);
	cr_expect(node[1].role == ROLE_HOST && node[1].count == 1 && node[1].counted);
	cr_expect(node[2].run && node[2].wait == 0);
	cr_expect(node[3].role == ROLE_FUNCTION && !node[3].nat && !node[3].behind);
	cr_assert(node[4].nat);
	cr_expect_str_eq(node[4].nat->nat.preset, "lambda");
	cr_expect_eq(node[4].nat->nat.tcp.mapping, NAT_MAPPING_APDM);
	cr_expect_eq(node[4].nat->nat.tcp_tracking, NAT_TCP_LIBERAL);
	cr_assert_eq(node[4].nat->n_forwards, 1);
	cr_expect_null(node[4].nat->forwards[0].to);
}

Test(scenario, every_key_goes_where_it_belongs)
{
	struct scenario *scenario = scenario_of(all_keys);
	const struct scenario_nat *home = scenario->nats;
	const struct scenario_step *step = scenario->steps;

	cr_expect_str_eq(scenario->description, "Two lines,\nthat is.\n");
	cr_expect_eq(scenario->seed, 4294967295);
	cr_assert_eq(scenario->n_nats, 2);
	cr_expect_str_eq(home->name, "home");
	cr_expect(home->at.line == 7 && home->at.column == 3);
	cr_expect_str_eq(home->nat.preset, "symmetric");
	cr_expect_eq(home->nat.tcp.mapping, NAT_MAPPING_EIM);
	cr_expect_eq(home->nat.unsolicited, NAT_UNSOLICITED_RST);
	cr_expect_eq(home->nat.tcp_tracking, NAT_TCP_STRICT);
	cr_assert_eq(home->n_forwards, 2);
	cr_expect(home->forwards[0].port == 8080 && home->forwards[0].to_port == 80);
	cr_expect_eq(home->forwards[0].proto, IPPROTO_TCP);
	cr_expect_str_eq(home->forwards[0].to, "lone");
	cr_expect(home->forwards[1].to_port == 0 && home->forwards[1].proto == IPPROTO_UDP);
	cr_expect_str_eq(scenario->nats[1].nat.preset, "linux");
	expect_all_nodes(scenario);

	cr_assert_eq(scenario->n_steps, 1);
	cr_expect_str_eq(step->name, "1");
	cr_expect_eq(step->timeout_ns, 1500 * NS_PER_MS);
	cr_assert(step->n_serve == 2 && step->n_run == 2);
	cr_expect(step->serve[0].cpu == 0 && step->serve[1].cpu == -1);
	cr_expect(step->run[0].cpu == 1023 && step->run[1].cpu == -1);
	cr_assert(step->n_values == 1 && step->n_moved == 1);
	expect_value(step->values, "the rate", "/a~1b/~0", "");
	expect_value(step->moved, "received", "/r", NULL);
	cr_expect(step->boxer && step->exit == EXIT_ANY && step->path == PATH_ANY);
	cr_expect_str_eq(step->dropped_by, "own");
	scenario_free(scenario);
}

Test(scenario, a_host_alone_needs_no_seed)
{
	scenario_free(scenario_of(HEAD "  h: {role: host}\n"));
}

Test(scenario, all_errors_are_told_at_once_and_in_order)
{
	cleanup_free char *errors = NULL;
	static const char text[] = "nodes:\n"
				   "  seed: {role: sede, cuont: 3}\n"
				   "  fn: {count: 2, nat: lambda, behind: home, wait: 9}\n"
				   "steps:\n"
				   "  - {run: {node: fn7, command: [a]}, expect: {path: direct}}\n"
				   "  - {name: b, timeout: soon}\n"
				   "nmae: t\n";

	errors = errors_of(text, sizeof(text) - 1);
	cr_expect_str_eq(
		errors,
		"t.yaml:1:1: a scenario needs the key 'name'\n"
		"t.yaml:2:16: role: expected function, seed or host, found 'sede', did you mean "
		"'seed'?\n"
		"t.yaml:2:22: unknown key 'cuont', did you mean 'count'?\n"
		"t.yaml:3:39: 'nat' and 'behind' exclude each other\n"
		"t.yaml:3:39: there is no NAT 'home' in 'nats'\n"
		"t.yaml:3:51: wait: there is no 'run', so nobody waits\n"
		"t.yaml:5:5: a step needs the key 'name'\n"
		"t.yaml:5:18: there is no node 'fn7', did you mean 'fn0'?\n"
		"t.yaml:5:53: path: to prove that it is direct, the step needs 'serve'\n"
		"t.yaml:6:5: the step does nothing; it needs 'links', 'listening', 'nat', 'wire', "
		"'member', 'events', 'serve' or 'run'\n"
		"t.yaml:6:24: timeout: expected a duration from 1ms to 24h, such as 300ms, 2s or "
		"1min, found 'soon'\n"
		"t.yaml:7:1: unknown key 'nmae', did you mean 'name'?\n");
}

/* Complaints come in waves (keys, then checks); the document's first ones are kept. */
Test(scenario, of_too_many_errors_the_first_are_kept)
{
	struct scenario *scenario = NULL;
	struct scenario_errors errors;
	cleanup_free char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	cr_assert(out);
	(void)fputs(STEP, out);
	for (int i = 0; i < 100; i++)
		(void)fprintf(out, "  - {name: s%d, run: {node: x%d, command: x}, timeout: 1}\n", i,
			      i);
	cr_assert_eq(fclose(out), 0);
	cr_expect_eq(scenario_read(text, len, "t.yaml", &scenario, &errors), -EINVAL);
	cr_assert_eq(errors.n, SCENARIO_ERRORS_MAX);
	cr_expect_eq(errors.more, 200 - SCENARIO_ERRORS_MAX);
	for (unsigned i = 0; i < SCENARIO_ERRORS_MAX; i++) {
		char begins[32];

		(void)snprintf(begins, sizeof(begins), "t.yaml:%u:", 6 + i / 2);
		cr_expect_eq(strncmp(errors.text[i], begins, strlen(begins)), 0, "%s",
			     errors.text[i]);
		cr_expect_eq(errors.at[i].line, 6 + i / 2);
	}
	scenario_errors_free(&errors);
	cr_expect(errors.n == 0 && errors.more == 0);
}

Test(scenario, larger_than_its_maximum_is_refused_unread)
{
	static char text[SCENARIO_SIZE_MAX + 1];
	cleanup_free char *errors = NULL;

	(void)memset(text, '\n', sizeof(text));
	errors = errors_of(text, sizeof(text));
	cr_expect_str_eq(errors, "t.yaml:1:1: larger than 1048576 bytes\n");
}
