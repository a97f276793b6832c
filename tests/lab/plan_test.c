/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "support.h"

#include "base/cleanup.h"
#include "lab/needs.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static void print_text(FILE *out, const void *plan)
{
	plan_print(plan, out);
}

static void print_json(FILE *out, const void *plan)
{
	cr_assert_eq(plan_print_json(plan, out), 0);
}

static void expect_address(const struct addr *addr, const char *expected)
{
	char text[ADDR_TEXT_MAX];

	cr_expect_str_eq(addr_format(addr, text), expected);
}

static int compare_addresses(const void *a, const void *b)
{
	return addr_cmp_host(a, b);
}

/* Every address of an interface is another one, but for a NAT's lan and wan. */
static void expect_unique_addresses(const struct plan *plan)
{
	const struct topo_spec *spec = &plan->spec;
	cleanup_free struct addr *all =
		calloc(2 * spec->n_links + TOPO_OTHERS_MAX * spec->n_nodes + 1, sizeof(*all));
	size_t n = 0;

	cr_assert(all);
	for (size_t i = 0; i < 2 * spec->n_links; i++)
		if (spec->links[i / 2].ends[i % 2].addr.family != AF_UNSPEC)
			all[n++] = spec->links[i / 2].ends[i % 2].addr;
	for (size_t i = 0; i < spec->n_nodes; i++) {
		const struct topo_node *node = &spec->nodes[i];

		for (size_t j = 0; j < node->n_others; j++)
			all[n++] = node->others[j];
	}
	qsort(all, n, sizeof(*all), compare_addresses);
	for (size_t i = 1; i < n; i++)
		cr_assert_neq(addr_cmp_host(&all[i - 1], &all[i]), 0, "%zu twice", i);
	for (size_t i = 0; i < n; i++)
		cr_assert_neq(all[i].bytes[3] % 255, 0);
}

static bool has_interface(const struct topo_spec *spec, size_t node, const char *ifname)
{
	for (size_t i = 0; i < 2 * spec->n_links; i++) {
		const struct topo_end *end = &spec->links[i / 2].ends[i % 2];

		if (end->node == node && strcmp(end->ifname, ifname) == 0)
			return true;
	}
	return false;
}

/* Every NAT can be measured from behind it and from where its own address is known. */
static void expect_probes(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_nats; i++) {
		const struct plan_nat *nat = &plan->nats[i];
		const struct plan_reflector *reflector;

		cr_assert_lt(nat->probe.reflector, plan->n_reflectors);
		reflector = &plan->reflectors[nat->probe.reflector];
		cr_assert_eq(plan->spec.nodes[reflector->topo].kind, TOPO_HOST);
		cr_assert_eq(plan->spec.nodes[nat->probe.topo].kind, TOPO_HOST);
		cr_assert(addr_is_private(&nat->probe.inside));
		for (size_t j = 0; j < 2; j++)
			cr_assert_eq(addr_is_private(&reflector->addrs[j]),
				     nat->upstream != PLAN_NONE);
	}
}

/* What the headers promise of every plan. */
static void expect_sound(const struct plan *plan)
{
	const struct topo_spec *spec = &plan->spec;

	size_t n_others = 0;
	size_t n_second = plan->n_reflectors;

	cr_assert_geq(spec->n_nodes, 1 + plan->n_nats + plan->n_nodes + plan->n_reflectors);
	for (size_t i = 0; i < plan->n_nats; i++)
		n_others += spec->nodes[plan->nats[i].topo].n_others;
	for (size_t i = 0; i < plan->n_nodes; i++)
		n_others += spec->nodes[plan->nodes[i].topo].n_others;
	/* Each link has one each way; but a hidden host's second sends nothing by itself. */
	for (size_t i = 0; i < plan->n_nats; i++)
		n_second += plan->nats[i].probe.second.family != AF_UNSPEC;
	cr_assert_eq(spec->n_routes, 2 * spec->n_links - n_second + n_others);
	cr_assert_eq(spec->nodes[plan->internet].kind, TOPO_INTERNET);
	for (size_t i = 0; i < plan->n_nats; i++) {
		const struct plan_nat *nat = &plan->nats[i];
		const struct topo_link *link = &spec->links[nat->wan_link];

		cr_assert_eq(spec->nodes[nat->topo].kind, TOPO_NAT);
		cr_assert_eq(spec->nodes[nat->topo].nat, &nat->nat);
		cr_assert(addr_equal(&spec->nodes[nat->topo].external, &nat->external));
		cr_assert_eq(link->ends[0].node, nat->upstream == PLAN_NONE
							 ? plan->internet
							 : plan->nats[nat->upstream].topo);
		cr_assert_eq(addr_is_private(&nat->external), nat->upstream != PLAN_NONE);
		cr_assert_eq(link->ends[1].node, nat->topo);
		cr_assert_str_eq(link->ends[1].ifname, spec->nodes[nat->topo].wan);
		cr_assert(addr_equal(&link->ends[1].addr, &nat->external));
	}
	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct plan_node *node = &plan->nodes[i];
		const struct topo_link *link = &spec->links[node->link];
		bool public = node->nat == PLAN_NONE;

		cr_assert_eq(spec->nodes[node->topo].kind, TOPO_HOST);
		cr_assert_str_eq(spec->nodes[node->topo].name, node->name);
		cr_assert_eq(link->ends[0].node,
			     public ? plan->internet : plan->nats[node->nat].topo);
		cr_assert_eq(link->ends[1].node, node->topo);
		cr_assert(addr_equal(&link->ends[1].addr, &node->inside));
		cr_assert_neq(addr_is_private(&node->inside), public);
		cr_assert_not(addr_is_private(&node->external));
	}
	expect_unique_addresses(plan);
	if (plan->checks_nats)
		expect_probes(plan);
}

Test(plan, quickstart_reads_well)
{
	cleanup_free char *text = read_text("scenarios/quickstart.yaml");
	struct scenario *scenario = scenario_of(text);
	struct plan *plan = plan_of(scenario);
	cleanup_free char *for_people = printed(print_text, plan);
	cleanup_free char *for_programs = printed(print_json, plan);
	json_t *json = json_loads(for_programs, 0, NULL);

	expect_golden("tests/lab/golden/quickstart.txt", for_people);
	expect_golden("tests/lab/golden/quickstart.json", for_programs);
	expect_sound(plan);
	cr_expect(json);
	cr_expect_eq(json_array_size(json_object_get(json, "nodes")), 5);
	json_decref(json);
	plan_free(plan);
	scenario_free(scenario);
}

Test(plan, the_same_document_gives_the_same_plan)
{
	cleanup_free char *text = read_text("scenarios/quickstart.yaml");
	char *json[4];

	for (size_t i = 0; i < ARRAY_SIZE(json); i++) {
		struct scenario *scenario = scenario_of(text);
		struct plan *plan = plan_of(scenario);

		json[i] = printed(print_json, plan);
		cr_expect_str_eq(json[i], json[0]);
		plan_free(plan);
		scenario_free(scenario);
	}
	for (size_t i = 0; i < ARRAY_SIZE(json); i++)
		free(json[i]);
}

/*
 *	internet ──┬── home ──┬── a        "home" forwards 8080 to a, 53 to b1
 *	           │          ├── b0
 *	           │          └── b1
 *	           ├── c-nat ──── c        forwards 22
 *	           ├── d
 *	           └── root
 */
static const char shared[] = "name: shared\n"
			     "nats:\n"
			     "  home:\n"
			     "    preset: linux\n"
			     "    forwards:\n"
			     "      - {port: 8080, to: a, to_port: 80}\n"
			     "      - {port: 53, to: b1, proto: udp}\n"
			     "nodes:\n"
			     "  a: {behind: home}\n"
			     "  c: {nat: {forwards: [{port: 22}]}, run: prog, wait: 2}\n"
			     "  d: {role: host}\n"
			     "  b: {count: 2, behind: home, run: 'prog ''x y'''}\n"
			     "  root: {role: seed}\n"
			     "steps:\n"
			     "  - name: all of them\n"
			     "    boxer: off\n"
			     "    timeout: 90s\n"
			     "    serve: {node: root, command: [x, it's, ''], port: 1, cpu: 2}\n";

static void expect_forward(const struct nat_forward *forward, uint8_t proto, uint16_t port,
			   const char *to)
{
	cr_expect_eq(forward->proto, proto);
	cr_expect_eq(forward->port, port);
	expect_address(&forward->to, to);
}

static void expect_node(const struct plan *plan, const char *name, const char *nat,
			const char *inside, const char *external, unsigned wait)
{
	const struct plan_node *node = plan_find(plan, name);

	cr_assert(node, "%s", name);
	cr_expect_str_eq(node->nat == PLAN_NONE ? "-" : plan->nats[node->nat].name, nat);
	expect_address(&node->inside, inside);
	expect_address(&node->external, external);
	cr_expect_eq(node->wait, wait, "%s waits for %u", name, node->wait);
}

Test(plan, nodes_share_a_nat_or_have_their_own)
{
	struct scenario *scenario = scenario_of(shared);
	struct plan *plan = plan_of(scenario);
	cleanup_free char *for_people = printed(print_text, plan);
	cleanup_free char *for_programs = printed(print_json, plan);
	const struct topo_link *links = plan->spec.links;

	expect_sound(plan);
	cr_assert(plan->n_nats == 2 && plan->n_nodes == 6 && plan->n_functions == 4);
	cr_expect_str_eq(plan->nodes[plan->seed].name, "root");
	expect_node(plan, "a", "home", "10.0.0.2", "203.1.0.1", 0);
	expect_node(plan, "c", "c-nat", "10.0.1.2", "203.1.0.2", 2);
	expect_node(plan, "d", "-", "203.0.113.10", "203.0.113.10", 0);
	expect_node(plan, "b0", "home", "10.0.0.3", "203.1.0.1", 4);
	expect_node(plan, "b1", "home", "10.0.0.4", "203.1.0.1", 4);
	expect_node(plan, "root", "-", "203.0.113.11", "203.0.113.11", 0);
	cr_expect_null(plan_find(plan, "b"));
	cr_expect_null(plan_find(plan, "home"));

	cr_assert_eq(plan->nats[0].nat.n_forwards, 2);
	expect_forward(&plan->nats[0].nat.forwards[0], IPPROTO_TCP, 8080, "10.0.0.2:80");
	expect_forward(&plan->nats[0].nat.forwards[1], IPPROTO_UDP, 53, "10.0.0.4:53");
	cr_assert_eq(plan->nats[1].nat.n_forwards, 1);
	expect_forward(&plan->nats[1].nat.forwards[0], IPPROTO_TCP, 22, "10.0.1.2:22");

	expect_address(&links[plan_find(plan, "a")->link].ends[0].addr, "10.0.0.1");
	cr_expect_str_eq(links[plan_find(plan, "a")->link].ends[0].ifname, "lan0");
	expect_address(&links[plan_find(plan, "b1")->link].ends[0].addr, "-");
	cr_expect_str_eq(links[plan_find(plan, "b1")->link].ends[0].ifname, "lan2");
	for (size_t i = 0; i < plan->spec.n_routes; i++)
		cr_expect(has_interface(&plan->spec, plan->spec.routes[i].node,
					plan->spec.routes[i].ifname));
	expect_golden("tests/lab/golden/shared.txt", for_people);
	expect_golden("tests/lab/golden/shared.json", for_programs);
	plan_free(plan);
	scenario_free(scenario);
}

/*
 *	internet ──┬── isp ──┬── home ── phone
 *	           │         ├── srv                 has an address of its own
 *	           │         └── block ── flat ──┬── tv0-nat ── tv0
 *	           │                             └── tv1-nat ── tv1
 *	           ├── seed
 *	           └── web                           behind a NAT that is none
 */
static const char nested[] = "name: nested\n"
			     "nats:\n"
			     "  home: {preset: lambda, behind: isp, tcp: {mapping: apdm}}\n"
			     "  isp: {preset: cgnat-blocks, addresses: 3, one_to_one: srv}\n"
			     "  block: {preset: full-cone, behind: isp, timeouts: {udp: 5s}}\n"
			     "  flat: {preset: none, behind: block}\n"
			     "nodes:\n"
			     "  seed: {role: seed}\n"
			     "  phone: {behind: home}\n"
			     "  tv: {count: 2, nat: {preset: symmetric, behind: flat}}\n"
			     "  srv: {role: host, behind: isp}\n"
			     "  web: {role: host, nat: none}\n";

Test(plan, nats_are_behind_nats)
{
	struct scenario *scenario = scenario_of(nested);
	struct plan *plan = plan_of(scenario);
	cleanup_free char *for_people = printed(print_text, plan);
	cleanup_free char *for_programs = printed(print_json, plan);
	const struct plan_nat *isp = plan_find_nat(plan, "isp");
	const struct plan_nat *tv = plan_find_nat(plan, "tv1-nat");

	expect_sound(plan);
	cr_assert_eq(plan->n_nats, 5);
	expect_node(plan, "phone", "home", "10.0.0.2", "203.1.0.1", 0);
	expect_node(plan, "tv1", "tv1-nat", "10.0.4.2", "203.1.0.1", 0);
	expect_node(plan, "srv", "isp", "10.0.1.4", "203.1.0.4", 0);
	expect_node(plan, "web", "-", "203.0.113.11", "203.0.113.11", 0);
	cr_assert(isp && tv);
	cr_expect_eq(&plan->nats[tv->upstream], plan_find_nat(plan, "block"));
	cr_expect_eq(plan_outermost(plan, plan_find(plan, "tv1")->nat), (size_t)(isp - plan->nats));
	expect_address(&isp->spare, "203.1.0.5");
	cr_assert_eq(isp->nat.n_statics, 1);
	expect_address(&isp->nat.statics[0].inside, "10.0.1.4");
	expect_address(&isp->nat.statics[0].external, "203.1.0.4");
	/* The public one, and those on the inside of isp and of block. */
	cr_expect_eq(plan->n_reflectors, 3);
	cr_expect_null(plan_find(plan, "reflector"));
	expect_golden("tests/lab/golden/nested.txt", for_people);
	expect_golden("tests/lab/golden/nested.json", for_programs);
	plan_free(plan);
	scenario_free(scenario);
}

static const struct {
	const char *text;
	size_t n_nats, n_nodes;
	const char *node; /* one of the last, and what it has */
	const char *inside, *external;
} large[] = {
	{HEAD "  seed: {role: seed}\n  fn: {count: 4095, nat: lambda}\n", 4095, 4096, "fn4094",
	 "10.16.94.2", "203.1.16.31"},
	{HEAD "  seed: {role: seed}\n  fn: {count: 4095}\n", 0, 4096, "fn4094", "203.2.15.45",
	 "203.2.15.45"},
	{NATS "  a: linux\n  b: lambda\nnodes:\n  seed: {role: seed}\n"
	      "  fa: {count: 200, behind: a}\n  fb: {count: 199, behind: b}\n  fc: {behind: b}\n",
	 2, 401, "fc", "10.0.1.201", "203.1.0.2"},
};

Test(plan, thousands_of_nodes_have_unique_addresses)
{
	for (size_t i = 0; i < ARRAY_SIZE(large); i++) {
		struct scenario *scenario = scenario_of(large[i].text);
		struct plan *plan = plan_of(scenario);
		const struct plan_node *node = plan_find(plan, large[i].node);

		cr_expect_eq(plan->n_nats, large[i].n_nats);
		cr_expect_eq(plan->n_nodes, large[i].n_nodes);
		expect_sound(plan);
		cr_assert(node);
		expect_address(&node->inside, large[i].inside);
		expect_address(&node->external, large[i].external);
		plan_free(plan);
		scenario_free(scenario);
	}
}

Test(plan, a_count_of_one_is_counted)
{
	struct scenario *scenario = scenario_of(HEAD SEED "  fn: {count: 1, nat: lambda}\n");
	struct plan *plan = plan_of(scenario);

	expect_node(plan, "fn0", "fn0-nat", "10.0.0.2", "203.1.0.1", 0);
	plan_free(plan);
	scenario_free(scenario);
}

Test(plan, a_public_machine_has_the_addresses_it_asks_for)
{
	struct scenario *scenario = scenario_of(HEAD "  a: {role: host, addresses: 3}\n"
						     "  b: {role: host}\n");
	struct plan *plan = plan_of(scenario);
	const struct topo_node *node = &plan->spec.nodes[plan->nodes[0].topo];
	char text[ADDR_TEXT_MAX];

	expect_sound(plan);
	expect_node(plan, "a", "-", "203.0.113.10", "203.0.113.10", 0);
	expect_node(plan, "b", "-", "203.0.113.11", "203.0.113.11", 0);
	cr_assert_eq(node->n_others, 2);
	cr_expect_str_eq(addr_format(&node->others[0], text), "203.0.113.12");
	cr_expect_str_eq(addr_format(&node->others[1], text), "203.0.113.13");
	plan_free(plan);
	scenario_free(scenario);
}

/* Scenarios that scenario_read() would not have let through. */
static void expect_no_plan(const struct scenario *scenario, const char *why)
{
	struct plan *plan = NULL;
	struct error err = {0};

	cr_expect_eq(plan_make(scenario, &plan, &err), -EINVAL);
	cr_expect_str_eq(err.text, why);
	cr_expect_null(plan);
}

Test(plan, refuses_what_is_too_large)
{
	struct scenario_nat nat = {.name = (char[]){"home"}};
	struct scenario_node nodes[] = {
		{.name = (char[]){"a"}, .count = SCENARIO_NODES_MAX, .counted = true},
		{.name = (char[]){"b"}, .count = 1},
	};
	struct scenario scenario = {.nats = &nat, .n_nats = 1, .nodes = nodes, .n_nodes = 2};

	expect_no_plan(&scenario, "4097 nodes, at most 4096 can be");
	nodes[0].count = SCENARIO_BEHIND_MAX + 1;
	nodes[0].behind = nat.name;
	expect_no_plan(&scenario, "more than 240 addresses are needed behind home");
}

Test(plan, refuses_a_nat_that_cannot_be)
{
	struct scenario_forward forward = {.port = 80, .proto = IPPROTO_TCP};
	struct scenario_nat nat = {.name = (char[]){"home"}, .forwards = &forward, .n_forwards = 1};
	struct scenario_node node = {.name = (char[]){"a"}, .count = 1};
	struct scenario scenario = {.nats = &nat, .n_nats = 1, .nodes = &node, .n_nodes = 1};

	expect_no_plan(&scenario, "home can't forward port 80");
	node.nat = &nat;
	nat.nat = nat_preset_find("linux")->nat;
	scenario.n_nats = 0;
	forward.proto = IPPROTO_ICMP;
	expect_no_plan(&scenario, "a-nat: forward 0: protocol 1 is neither TCP nor UDP");
}

Test(plan, counts_what_a_run_of_it_needs)
{
	struct scenario *scenario = scenario_of(
		"name: t\n"
		"nodes:\n"
		"  seed: {role: seed}\n"
		"  fn: {count: 600, nat: lambda}\n"
		"  worker: {count: 200, nat: lambda, run: sleep 9}\n"
		"  h: {role: host, count: 2}\n"
		"steps:\n"
		"  - name: a\n"
		"    boxer: off\n"
		"    run: [{node: h0, command: a}, {node: h1, command: b}, {node: h1, command: c}]\n"
		"  - name: b\n"
		"    serve: {node: fn0, command: s, port: 80}\n"
		"    run: {node: fn1, command: c}\n");
	struct plan *plan = plan_of(scenario);
	struct needs needs = plan_needs(plan);
	size_t members = 1 + 800, machines = members + 2;

	/* The public side, who helps to measure, a NAT for each function, the machines; and
	 * the lab's own. */
	cr_expect_eq(needs.n[NEED_NET_NS], 1 + 2 + 800 + machines);
	cr_expect_eq(needs.n[NEED_MNT_NS], 1 + machines);
	cr_expect_eq(needs.n[NEED_PID_NS], 1 + machines);
	cr_expect_eq(needs.n[NEED_UTS_NS], 1 + machines);
	cr_expect_eq(needs.n[NEED_IPC_NS], 1 + machines);
	/* The first step has three programs; the second one two, each with a boxer exec. */
	cr_expect_eq(needs.n[NEED_PROCESSES], 2 + machines + members + 200 + 4);
	cr_expect_eq(needs.n[NEED_FILES], 64 + (2 + 800 + machines) + 2 * 800 + 2 * machines +
						  3 * members + 200 + 3 * 3);
	plan_free(plan);
	scenario_free(scenario);
}
