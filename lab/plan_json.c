/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_pack() takes NULL for a member as an error and frees what it was given,
 * so running out of memory anywhere leaves NULL at the root: the one place that
 * looks.
 */
#include "lab/plan.h"

#include "lab/nat_json.h"
#include "lab/scenario_keys.h"
#include "lab/scenario_member_keys.h"
#include "lab/scenario_step_keys.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>

static const char *const kind_names[] = {"internet", "nat", "host"};

/* null for an address that is none. */
static json_t *address(const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	return addr->family == AF_UNSPEC ? json_null() : json_string(addr_format(addr, text));
}

static json_t *words(char *const *argv)
{
	json_t *list;

	if (!argv)
		return json_null();
	list = json_array();
	for (size_t i = 0; argv[i]; i++)
		(void)json_array_append_new(list, json_string(argv[i]));
	return list;
}

static json_t *addresses(const struct addr *addrs, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, address(&addrs[i]));
	return list;
}

static json_t *node(const struct plan *plan, const struct plan_node *node)
{
	const struct topo_node *topo = &plan->spec.nodes[node->topo];

	return json_pack("{s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:i, s:b, s:o, s:o}", "name",
			 node->name, "role", scenario_role_words[node->from->role], "nat",
			 node->nat == PLAN_NONE ? NULL : plan->nats[node->nat].name, "inside",
			 address(&node->inside), "external", address(&node->external), "others",
			 addresses(topo->others, topo->n_others), "run", words(node->from->run),
			 "wait", (int)node->wait, "later", node->from->later, "options",
			 words(node->from->options), "under", words(node->from->under));
}

static json_t *nat(const struct plan *plan, const struct plan_nat *nat)
{
	const struct topo_node *node = &plan->spec.nodes[nat->topo];

	/* The last one is the spare. */
	return json_pack("{s:s, s:s?, s:s?, s:o, s:o, s:o, s:o}", "name", nat->name, "behind",
			 nat->upstream == PLAN_NONE ? NULL : plan->nats[nat->upstream].name, "from",
			 nat->from->from, "external", address(&nat->external), "others",
			 addresses(node->others, node->n_others - 1), "spare", address(&nat->spare),
			 "declared", nat_json(&nat->nat));
}

static json_t *namespace(const struct topo_node *node)
{
	return json_pack("{s:s, s:s}", "name", node->name, "kind", kind_names[node->kind]);
}

static json_t *end(const struct topo_spec *spec, const struct topo_end *end)
{
	return json_pack("{s:s, s:s, s:o}", "node", spec->nodes[end->node].name, "ifname",
			 end->ifname, "addr", address(&end->addr));
}

static json_t *route(const struct topo_spec *spec, const struct topo_route *route)
{
	char text[ADDR_TEXT_MAX];
	char dst[ADDR_TEXT_MAX + 8];

	(void)snprintf(dst, sizeof(dst), "%s/%u", addr_format_host(&route->dst, text),
		       route->prefix_len);
	return json_pack("{s:s, s:s, s:s, s:o}", "node", spec->nodes[route->node].name, "dst", dst,
			 "ifname", route->ifname, "via", address(&route->via));
}

static json_t *topology(const struct topo_spec *spec)
{
	json_t *nodes = json_array();
	json_t *links = json_array();
	json_t *routes = json_array();

	for (size_t i = 0; i < spec->n_nodes; i++)
		(void)json_array_append_new(nodes, namespace(&spec->nodes[i]));
	for (size_t i = 0; i < spec->n_links; i++)
		(void)json_array_append_new(links,
					    json_pack("[o, o]", end(spec, &spec->links[i].ends[0]),
						      end(spec, &spec->links[i].ends[1])));
	for (size_t i = 0; i < spec->n_routes; i++)
		(void)json_array_append_new(routes, route(spec, &spec->routes[i]));
	return json_pack("{s:o, s:o, s:o}", "nodes", nodes, "links", links, "routes", routes);
}

static json_t *programs(const struct scenario_program *programs, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct scenario_program *p = &programs[i];
		json_t *program = json_pack("{s:s, s:o}", "node", p->node, "argv", words(p->argv));

		if (p->port)
			(void)json_object_set_new(program, "port", json_integer(p->port));
		if (p->cpu >= 0)
			(void)json_object_set_new(program, "cpu", json_integer(p->cpu));
		(void)json_array_append_new(list, program);
	}
	return list;
}

static json_t *listening(const struct scenario_step *step)
{
	json_t *list = json_array();

	for (size_t i = 0; i < step->n_listening; i++)
		(void)json_array_append_new(list,
					    json_pack("{s:s, s:i}", "node", step->listening[i].node,
						      "port", step->listening[i].port));
	return list;
}

static json_t *values(const struct scenario_value *values, size_t n)
{
	json_t *map = json_object();

	for (size_t i = 0; i < n; i++)
		(void)json_object_set_new(
			map, values[i].label,
			json_pack("{s:s, s:s}", "at", values[i].pointer, "unit", values[i].unit));
	return map;
}

static json_t *moved(const struct scenario_value *values, size_t n)
{
	json_t *map = json_object();

	for (size_t i = 0; i < n; i++)
		(void)json_object_set_new(map, values[i].label, json_string(values[i].pointer));
	return map;
}

static json_t *changes(const struct scenario_step *step)
{
	json_t *list = json_array();

	for (size_t i = 0; i < step->n_changes; i++) {
		const struct scenario_nat_change *c = &step->changes[i];
		struct nat_part set = {.known = c->given};
		json_t *change =
			json_pack("{s:s, s:b, s:b, s:I}", "change", c->nat, "reboot", c->reboot,
				  "keep", c->keep, "at_ns", (json_int_t)c->after_ns);

		if (c->rebind)
			(void)json_object_set_new(
				change, "rebind",
				json_string(c->rebind == REBIND_PORTS ? "ports" : "address"));
		if (c->set) {
			set.nat = c->set->nat;
			(void)json_object_set_new(change, "set", nat_part_json(&set));
		}
		(void)json_array_append_new(list, change);
	}
	return list;
}

static json_t *fates(const struct fate_spec *spec)
{
	return json_pack("{s:I, s:I, s:I}", "delay_ns", (json_int_t)spec->delay_ns, "jitter_ns",
			 (json_int_t)spec->jitter_ns, "loss_ppm", (json_int_t)spec->loss_ppm);
}

/* Only what @change says. */
static json_t *changed(const struct scenario_wire_change *change, enum scenario_way way)
{
	const struct fate_spec *given = &change->given.from[way];
	json_t *way_json = fates(&change->wire.from[way]);

	if (!given->delay_ns)
		(void)json_object_del(way_json, "delay_ns");
	if (!given->jitter_ns)
		(void)json_object_del(way_json, "jitter_ns");
	if (!given->loss_ppm)
		(void)json_object_del(way_json, "loss_ppm");
	return way_json;
}

static json_t *wire_changes(const struct scenario_step *step)
{
	json_t *list = json_array();

	for (size_t i = 0; i < step->n_wires; i++) {
		const struct scenario_wire_change *c = &step->wires[i];

		(void)json_array_append_new(list, json_pack("{s:s, s:b, s:I, s:o, s:o}", "change",
							    c->name, "keep", c->keep, "at_ns",
							    (json_int_t)c->after_ns, "up",
							    changed(c, SCENARIO_UP), "down",
							    changed(c, SCENARIO_DOWN)));
	}
	return list;
}

static json_t *member_changes(const struct scenario_step *step)
{
	json_t *list = json_array();

	for (size_t i = 0; i < step->n_members; i++) {
		const struct scenario_member_change *c = &step->members[i];

		(void)json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "change", c->name,
							    "do", scenario_member_do_words[c->what],
							    "at_ns", (json_int_t)c->after_ns));
	}
	return list;
}

static json_t *events(const struct scenario_step *step)
{
	json_t *list = json_array();

	for (size_t i = 0; i < step->n_events; i++) {
		const struct scenario_event *e = &step->events[i];

		(void)json_array_append_new(list, json_pack("{s:s, s:s?, s:s?, s:b}", "event",
							    e->event, "node", e->node, "about",
							    e->about, "never", e->never));
	}
	return list;
}

static json_t *wire(const struct plan *plan, const struct plan_wire *wire)
{
	const struct fate_spec *from = plan->spec.links[wire->link].wire->from;

	return json_pack("{s:s, s:I, s:o, s:o}", "node", wire->name, "link", (json_int_t)wire->link,
			 "up", fates(&from[SCENARIO_UP]), "down", fates(&from[SCENARIO_DOWN]));
}

static const char *const links_words[] = {
	[LINKS_NONE] = "none", [LINKS_ALL] = "all", [LINKS_POSSIBLE] = "possible"};

static json_t *step(const struct scenario_step *step)
{
	json_t *expect =
		json_pack("{s:s, s:s, s:s?}", "exit", scenario_exit_words[step->exit], "path",
			  scenario_path_words[step->path], "dropped_by", step->dropped_by);

	return json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}",
		"name", step->name, "links", links_words[step->links], "listening", listening(step),
		"nat", changes(step), "wire", wire_changes(step), "member", member_changes(step),
		"boxer", step->boxer, "proto", step->proto == IPPROTO_UDP ? "udp" : "tcp",
		"timeout_ns", (json_int_t)step->timeout_ns, "serve",
		programs(step->serve, step->n_serve), "run", programs(step->run, step->n_run),
		"events", events(step), "values", values(step->values, step->n_values), "moved",
		moved(step->moved, step->n_moved), "expect", expect);
}

int plan_print_json(const struct plan *plan, FILE *out)
{
	const struct scenario *scenario = plan->scenario;
	json_t *nodes = json_array();
	json_t *nats = json_array();
	json_t *wires = json_array();
	json_t *steps = json_array();
	json_t *root;
	int r;

	for (size_t i = 0; i < plan->n_nodes; i++)
		(void)json_array_append_new(nodes, node(plan, &plan->nodes[i]));
	for (size_t i = 0; i < plan->n_nats; i++)
		(void)json_array_append_new(nats, nat(plan, &plan->nats[i]));
	for (size_t i = 0; i < plan->n_wires; i++)
		(void)json_array_append_new(wires, wire(plan, &plan->wires[i]));
	for (size_t i = 0; i < scenario->n_steps; i++)
		(void)json_array_append_new(steps, step(&scenario->steps[i]));
	root = json_pack("{s:s, s:s, s:s?, s:I, s:o, s:o, s:o, s:o, s:o}", "schema",
			 "boxlab-plan-1", "scenario", scenario->name, "description",
			 scenario->description, "seed", (json_int_t)scenario->seed, "nodes", nodes,
			 "nats", nats, "wires", wires, "topology", topology(&plan->spec), "steps",
			 steps);
	if (!root)
		return -ENOMEM;
	r = json_dumpf(root, out, JSON_INDENT(2)) < 0 || fputc('\n', out) == EOF ? -EIO : 0;
	json_decref(root);
	return r;
}
