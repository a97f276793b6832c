/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/plan.h"

#include "base/cleanup.h"
#include "lab/scenario_keys.h"
#include "lab/scenario_link_keys.h"
#include "lab/scenario_member_keys.h"
#include "lab/scenario_nat_keys.h"
#include "lab/scenario_step_keys.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

static const char *proto_name(uint8_t proto)
{
	return proto == IPPROTO_UDP ? "udp" : "tcp";
}

static int wider(int width, const char *text)
{
	int len = (int)strlen(text);

	return len > width ? len : width;
}

static void print_head(const struct plan *plan, FILE *out)
{
	const struct scenario *scenario = plan->scenario;

	(void)fprintf(out, "%s", scenario->name);
	if (scenario->description) {
		int len = (int)strcspn(scenario->description, "\n");

		(void)fprintf(out, ": %.*s", len, scenario->description);
	}
	(void)fprintf(out, "\nnodes %zu, functions %zu, NATs %zu, links %zu", plan->n_nodes,
		      plan->n_functions, plan->n_nats, plan->n_nats + plan->n_nodes);
	if (plan->n_wires)
		(void)fprintf(out, ", wires %zu", plan->n_wires);
	(void)fprintf(out, "; random seed %" PRIu64 "\n", scenario->seed);
}

/* As a shell would take it. */
static void print_word(const char *word, FILE *out)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "_-./:=,@%+";

	if (*word && !word[strspn(word, safe)]) {
		(void)fputs(word, out);
		return;
	}
	(void)fputc('\'', out);
	for (const char *c = word; *c; c++)
		(void)fputs(*c == '\'' ? "'\\''" : (const char[]){*c, '\0'}, out);
	(void)fputc('\'', out);
}

static void print_command(char *const *argv, FILE *out)
{
	for (size_t i = 0; argv[i]; i++) {
		if (i)
			(void)fputc(' ', out);
		print_word(argv[i], out);
	}
}

/* Addresses that follow each other, but the first one. */
static void print_also(const char *verb, const struct addr *addrs, size_t n, int indent, FILE *out)
{
	char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];

	if (!n)
		return;
	(void)fprintf(out, "%*s  %s also %s", indent, "", verb, addr_format(&addrs[0], first));
	if (n > 1)
		(void)fprintf(out, " %s %s", n > 2 ? "to" : "and",
			      addr_format(&addrs[n - 1], last));
	(void)fputc('\n', out);
}

/* What is said of its Boxer process, indented by @indent. */
static void print_process(const struct plan_node *node, int indent, FILE *out)
{
	if (node->from->later)
		(void)fprintf(out, "%*s  starts later\n", indent, "");
	if (node->from->options) {
		(void)fprintf(out, "%*s  with ", indent, "");
		print_command(node->from->options, out);
		(void)fputc('\n', out);
	}
	if (node->from->under) {
		(void)fprintf(out, "%*s  under ", indent, "");
		print_command(node->from->under, out);
		(void)fputc('\n', out);
	}
}

/* The guest of a function, indented by @indent. */
static void print_guest(const struct plan_node *node, int indent, FILE *out)
{
	if (!node->from->run)
		return;
	(void)fprintf(out, "%*s  runs ", indent, "");
	print_command(node->from->run, out);
	(void)fprintf(out, "  (once %u %s there)\n", node->wait,
		      node->wait == 1 ? "function is" : "functions are");
}

static void print_nodes(const struct plan *plan, FILE *out)
{
	char inside[ADDR_TEXT_MAX];
	char external[ADDR_TEXT_MAX];
	int name = sizeof("NODE") - 1;
	int nat = sizeof("NAT") - 1;

	for (size_t i = 0; i < plan->n_nodes; i++)
		name = wider(name, plan->nodes[i].name);
	for (size_t i = 0; i < plan->n_nats; i++)
		nat = wider(nat, plan->nats[i].name);
	(void)fprintf(out, "\n%-*s  %-8s  %-15s  %-*s  %s\n", name, "NODE", "ROLE", "ADDRESS", nat,
		      "NAT", "SEEN AS");
	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct plan_node *node = &plan->nodes[i];
		const struct topo_node *topo = &plan->spec.nodes[node->topo];

		(void)fprintf(out, "%-*s  %-8s  %-15s  %-*s  %s\n", name, node->name,
			      scenario_role_words[node->from->role],
			      addr_format(&node->inside, inside), nat,
			      node->nat == PLAN_NONE ? "-" : plan->nats[node->nat].name,
			      addr_format(&node->external, external));
		print_also("has", topo->others, topo->n_others, name, out);
		print_process(node, name, out);
		print_guest(node, name, out);
	}
}

/* TCP's and UDP's word, once when it is the same. */
static const char *both(const char *tcp, const char *udp, char buf[static KEYS_FORMAT_MAX])
{
	(void)snprintf(buf, KEYS_FORMAT_MAX, "%s%s%s", tcp, tcp == udp ? "" : "/",
		       tcp == udp ? "" : udp);
	return buf;
}

static void print_addresses(const struct plan *plan, const struct plan_nat *nat, int indent,
			    FILE *out)
{
	const struct topo_node *node = &plan->spec.nodes[nat->topo];
	char text[ADDR_TEXT_MAX], inside[ADDR_TEXT_MAX];

	print_also("uses", node->others, nat->nat.addresses - 1, indent, out);
	for (size_t i = 0; i < nat->nat.n_statics; i++)
		(void)fprintf(out, "%*s  gives %s to %s alone\n", indent, "",
			      addr_format(&nat->nat.statics[i].external, text),
			      addr_format(&nat->nat.statics[i].inside, inside));
}

/* What the row has no column for. */
static void print_more(const struct plan *plan, const struct plan_nat *plan_nat, int indent,
		       FILE *out)
{
	const struct nat *nat = &plan_nat->nat;
	const struct nat_preset *preset = nat_preset_find(nat->preset);
	const struct scenario_nat declared = {.nat = *nat};
	const struct scenario_nat usual = {.nat = preset ? preset->nat : *nat};
	cleanup_free char *differences = NULL;
	char text[ADDR_TEXT_MAX];
	size_t len;
	FILE *f = open_memstream(&differences, &len);

	if (plan_nat->upstream != PLAN_NONE)
		(void)fprintf(out, "%*s  is behind %s\n", indent, "",
			      plan->nats[plan_nat->upstream].name);
	print_addresses(plan, plan_nat, indent, out);
	if (f && keys_differences(&scenario_declaration_keys, &declared, &usual, f) &&
	    fflush(f) == 0)
		(void)fprintf(out, "%*s  differs from %s%s%s: %s\n", indent, "", nat->preset,
			      plan_nat->from->from ? " by " : "",
			      plan_nat->from->from ? plan_nat->from->from : "", differences);
	if (f)
		(void)fclose(f);
	for (size_t j = 0; j < nat->n_forwards; j++)
		(void)fprintf(out, "%*s  forwards %s port %u to %s\n", indent, "",
			      proto_name(nat->forwards[j].proto), nat->forwards[j].port,
			      addr_format(&nat->forwards[j].to, text));
}

static void print_nat(const struct plan *plan, const struct plan_nat *plan_nat, int name,
		      int preset, FILE *out)
{
	const struct nat *nat = &plan_nat->nat;
	const struct nat_behaviour *tcp = &nat->tcp, *udp = &nat->udp;
	char cell[4][KEYS_FORMAT_MAX];
	char text[ADDR_TEXT_MAX];

	(void)fprintf(
		out, "%-*s  %-*s  %-13s  %-8s  %-9s  %-10s  %-8s  %-11s  %s\n", name,
		plan_nat->name, preset, nat->preset, addr_format(&plan_nat->external, text),
		both(nat_mapping_names[tcp->mapping], nat_mapping_names[udp->mapping], cell[0]),
		both(nat_filtering_names[tcp->filtering], nat_filtering_names[udp->filtering],
		     cell[1]),
		both(nat_allocation_names[tcp->allocation], nat_allocation_names[udp->allocation],
		     cell[2]),
		both(nat_hairpin_names[tcp->hairpin], nat_hairpin_names[udp->hairpin], cell[3]),
		nat_unsolicited_names[nat->unsolicited], nat_tcp_tracking_names[nat->tcp_tracking]);
	print_more(plan, plan_nat, name, out);
}

static void print_nats(const struct plan *plan, FILE *out)
{
	int name = sizeof("NAT") - 1;
	int preset = sizeof("PRESET") - 1;

	if (!plan->n_nats)
		return;
	for (size_t i = 0; i < plan->n_nats; i++) {
		name = wider(name, plan->nats[i].name);
		preset = wider(preset, plan->nats[i].nat.preset);
	}
	(void)fprintf(out, "\n%-*s  %-*s  %-13s  %-8s  %-9s  %-10s  %-8s  %-11s  %s\n", name, "NAT",
		      preset, "PRESET", "ADDRESS", "MAPPING", "FILTERING", "PORTS", "HAIRPIN",
		      "UNSOLICITED", "TCP");
	for (size_t i = 0; i < plan->n_nats; i++)
		print_nat(plan, &plan->nats[i], name, preset, out);
}

/* One direction: what @given marks, or all that is not as of a plain link. */
static void print_way(const struct fate_spec *spec, const struct fate_spec *given, FILE *out)
{
	static const struct fate_spec none;

	if (given)
		keys_print_marked(&scenario_direction_keys, spec, given, out);
	else if (!keys_differences(&scenario_direction_keys, spec, &none, out))
		(void)fputs("nothing", out);
}

void plan_print_wire(const struct topo_wire *wire, const struct topo_wire *given, FILE *out)
{
	const struct scenario_link link = {.wire = *wire};
	const struct scenario_link marks = {.wire = given ? *given : *wire};

	/* What holds for both directions is said once. */
	if (memcmp(&link.wire.from[0], &link.wire.from[1], sizeof(link.wire.from[0])) == 0 &&
	    memcmp(&marks.wire.from[0], &marks.wire.from[1], sizeof(marks.wire.from[0])) == 0)
		print_way(&wire->from[0], given ? &given->from[0] : NULL, out);
	else if (given)
		keys_print_marked(&scenario_link_keys, &link, &marks, out);
	else
		keys_differences(&scenario_link_keys, &link, &(struct scenario_link){0}, out);
}

static void print_wires(const struct plan *plan, FILE *out)
{
	int name = sizeof("WIRE") - 1;

	if (!plan->n_wires)
		return;
	for (size_t i = 0; i < plan->n_wires; i++)
		name = wider(name, plan->wires[i].name);
	(void)fprintf(out, "\n%-*s  LINK  BEFALLS ITS PACKETS\n", name, "WIRE");
	for (size_t i = 0; i < plan->n_wires; i++) {
		const struct plan_wire *wire = &plan->wires[i];

		(void)fprintf(out, "%-*s  %4zu  ", name, wire->name, wire->link);
		plan_print_wire(plan->spec.links[wire->link].wire, NULL, out);
		(void)fputc('\n', out);
	}
}

static const char *port_word(const struct scenario_step *step)
{
	return step->proto == IPPROTO_UDP ? "UDP port" : "port";
}

static void print_program(const char *verb, const struct scenario_step *step,
			  const struct scenario_program *program, int width, FILE *out)
{
	(void)fprintf(out, "    %-6s  %-*s  ", verb, width, program->node);
	print_command(program->argv, out);
	if (program->port)
		(void)fprintf(out, "  (%s %u)", port_word(step), program->port);
	if (program->cpu >= 0)
		(void)fprintf(out, "  (cpu %d)", program->cpu);
	(void)fputc('\n', out);
}

static void print_values(const char *verb, const struct scenario_value *values, size_t n, FILE *out)
{
	if (!n)
		return;
	(void)fprintf(out, "    %-6s  ", verb);
	for (size_t i = 0; i < n; i++) {
		(void)fprintf(out, "%s%s %s", i ? ", " : "", values[i].label, values[i].pointer);
		if (values[i].unit && *values[i].unit)
			(void)fprintf(out, " (%s)", values[i].unit);
	}
	(void)fputc('\n', out);
}

void plan_print_change(const struct scenario_nat_change *change, FILE *out)
{
	const struct scenario_nat given = {.nat = change->given};
	const char *between = "";

	if (change->reboot) {
		(void)fputs("reboot", out);
		between = ", ";
	}
	if (change->rebind) {
		(void)fprintf(out, "%srebind %s", between,
			      change->rebind == REBIND_PORTS ? "ports" : "address");
		between = ", ";
	}
	if (change->set) {
		(void)fprintf(out, "%sset ", between);
		keys_print_marked(&scenario_declaration_keys, change->set, &given, out);
	}
}

static void print_when(uint64_t after_ns, bool keep, FILE *out)
{
	char after[KEYS_DURATION_MAX];

	if (after_ns)
		(void)fprintf(out, "  (after %s)", keys_format_duration(after_ns, after));
	(void)fprintf(out, "%s\n", keep ? "  (kept)" : "");
}

static void print_changes(const struct scenario_step *step, FILE *out)
{
	for (size_t i = 0; i < step->n_changes; i++) {
		const struct scenario_nat_change *change = &step->changes[i];

		(void)fprintf(out, "    change  %s: ", change->nat);
		plan_print_change(change, out);
		print_when(change->after_ns, change->keep, out);
	}
	for (size_t i = 0; i < step->n_wires; i++) {
		const struct scenario_wire_change *change = &step->wires[i];

		(void)fprintf(out, "    wire    %s: ", change->name);
		plan_print_wire(&change->wire, &change->given, out);
		print_when(change->after_ns, change->keep, out);
	}
	for (size_t i = 0; i < step->n_members; i++) {
		const struct scenario_member_change *change = &step->members[i];

		(void)fprintf(out, "    member  %s: %s", change->name,
			      scenario_member_do_words[change->what]);
		print_when(change->after_ns, false, out);
	}
}

static void print_events(const struct scenario_step *step, FILE *out)
{
	for (size_t i = 0; i < step->n_events; i++) {
		const struct scenario_event *event = &step->events[i];

		(void)fprintf(out, "    %-6s  %s by %s", event->never ? "never" : "event",
			      event->event, event->node ? event->node : "every function");
		if (event->about)
			(void)fprintf(out, " about %s", event->about);
		(void)fputc('\n', out);
	}
}

static void print_step(const struct scenario_step *step, size_t number, FILE *out)
{
	char timeout[KEYS_DURATION_MAX];
	int width = 0;

	for (size_t i = 0; i < step->n_serve; i++)
		width = wider(width, step->serve[i].node);
	for (size_t i = 0; i < step->n_run; i++)
		width = wider(width, step->run[i].node);
	(void)fprintf(out, "%2zu  %s  (%s%s)\n", number, step->name,
		      step->boxer ? "" : "without Boxer, ",
		      keys_format_duration(step->timeout_ns, timeout));
	if (step->links)
		(void)fprintf(out, "    links   every function to every other%s\n",
			      step->links == LINKS_POSSIBLE ? ", where possible" : "");
	for (size_t i = 0; i < step->n_listening; i++)
		(void)fprintf(out, "    await   %s listens on %s %u\n", step->listening[i].node,
			      port_word(step), step->listening[i].port);
	print_changes(step, out);
	for (size_t i = 0; i < step->n_serve; i++)
		print_program("serve", step, &step->serve[i], width, out);
	for (size_t i = 0; i < step->n_run; i++)
		print_program("run", step, &step->run[i], width, out);
	print_events(step, out);
	print_values("values", step->values, step->n_values, out);
	print_values("moved", step->moved, step->n_moved, out);
	if (!step->n_run && !step->dropped_by)
		return;
	(void)fprintf(out, "    expect  exit %s", scenario_exit_words[step->exit]);
	if (step->path == PATH_DIRECT)
		(void)fputs(", path direct", out);
	if (step->dropped_by)
		(void)fprintf(out, ", dropped by the NAT of %s", step->dropped_by);
	(void)fputc('\n', out);
}

void plan_print(const struct plan *plan, FILE *out)
{
	print_head(plan, out);
	print_nodes(plan, out);
	print_nats(plan, out);
	print_wires(plan, out);
	if (plan->scenario->n_steps)
		(void)fputs("\nSTEPS\n", out);
	for (size_t i = 0; i < plan->scenario->n_steps; i++)
		print_step(&plan->scenario->steps[i], i + 1, out);
}
