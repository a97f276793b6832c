/* SPDX-License-Identifier: MIT */
#include "boxer/verbs.h"

#include "base/clock.h"
#include "boxer/client/handle.h"
#include "boxer/json.h"
#include "boxer/verb_local.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char status_usage[] =
	"usage: boxer status [OPTIONS]\n\n"
	"Says what the node that runs here knows of itself, of its NAT, and of the others.\n\n"
	"  --json        one object\n" LOCAL_ID_HELP "  --help        this text\n\n"
	"A link is up, down, or via the seed, which is enough to make connections. In a\n"
	"pipe the lines of the others are separated by tabs and have no head: id, name,\n"
	"link, its far end or the reason why there is none, milliseconds to make it; of\n"
	"the last connection strategy, reason, milliseconds, and seconds ago.\n";

static const char *seed_word(uint32_t state)
{
	return state == LOCAL_SEED_JOINED ? "joined"
	       : state == LOCAL_SEED_LOST ? "lost"
					  : "joining";
}

static const char *link_word(uint32_t link)
{
	return link == LOCAL_LINK_UP ? "up" : link == LOCAL_LINK_VIA ? "via" : "down";
}

static const char *control_word(uint32_t control)
{
	return control == LOCAL_CONTROL_LAZY ? "lazy" : "full";
}

static void print_json_profile(struct json *j, const struct profile *p)
{
	json_open(j, "nat", '{');
	json_text(j, "mapping", profile_mapping_names[p->mapping % PROFILE_MAPPING_COUNT]);
	json_text(j, "ports", profile_ports_names[p->ports % PROFILE_PORTS_COUNT]);
	json_text(j, "filtering", profile_filtering_names[p->filtering % PROFILE_FILTERING_COUNT]);
	json_text(j, "refusal", profile_refusal_names[p->refusal % PROFILE_REFUSAL_COUNT]);
	json_close(j, '}');
}

static void print_json_peer(struct json *j, const struct local_peer *p, uint64_t now)
{
	json_open(j, NULL, '{');
	json_number(j, "id", p->id);
	json_text(j, "name", p->name);
	json_open(j, "link", '{');
	json_text(j, "state", link_word(p->link));
	if (p->link == LOCAL_LINK_UP) {
		json_addr(j, "local", &p->local);
		json_addr(j, "remote", &p->remote);
		json_ms(j, "ms", p->link_ns);
	} else {
		json_text(j, "reason", reason_name((enum reason)p->link_reason));
	}
	json_close(j, '}');
	if (p->strategy[0]) {
		json_open(j, "last", '{');
		json_text(j, "strategy", p->strategy);
		json_text(j, "reason", reason_name((enum reason)p->reason));
		json_ms(j, "ms", p->took_ns);
		json_ms(j, "ago_ms", now - p->ended_at);
		json_close(j, '}');
	}
	json_close(j, '}');
}

static void print_json(const struct local_status *s, uint64_t now)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_number(&j, "id", s->id);
	json_text(&j, "name", s->name);
	json_text(&j, "role", s->role);
	json_addr(&j, "overlay", &s->overlay);
	json_addr(&j, "external", &s->external);
	json_addr(&j, "inside", &s->inside);
	json_open(&j, "seed", '{');
	json_addr(&j, "address", &s->seed);
	json_text(&j, "state", seed_word(s->seed_state));
	json_number(&j, "losses", s->counters.seed_losses);
	json_close(&j, '}');
	json_text(&j, "control", control_word(s->control));
	json_bool(&j, "ready", s->open);
	json_number(&j, "version", s->membership);
	json_ms(&j, "uptime_ms", now - s->started_at);
	print_json_profile(&j, &s->profile);
	json_number(&j, "connections", s->counters.connections);
	json_number(&j, "connections_failed", s->counters.connections_failed);
	json_number(&j, "links", s->counters.links);
	json_number(&j, "links_lost", s->counters.links_lost);
	json_open(&j, "peers", '[');
	for (uint32_t i = 0; i < s->n_peers; i++)
		print_json_peer(&j, &s->peers[i], now);
	json_close(&j, ']');
	json_close(&j, '}');
	json_end(&j);
}

static void print_head(const struct local_status *s, uint64_t now)
{
	char text[ADDR_TEXT_MAX];
	const struct profile *p = &s->profile;

	(void)printf("node\t%u %s%s%s, up %.0f s%s\n", s->id, s->name, s->role[0] ? " as " : "",
		     s->role, (double)(now - s->started_at) / 1e9,
		     s->open ? "" : ", waiting for members");
	(void)printf("overlay\t%s\n", addr_format(&s->overlay, text));
	(void)printf("outside\t%s\n", addr_format(&s->external, text));
	(void)printf("inside\t%s\n", addr_format(&s->inside, text));
	(void)printf("seed\t%s, %s", addr_format(&s->seed, text), seed_word(s->seed_state));
	(void)printf(", lost %" PRIu64 " times\n", s->counters.seed_losses);
	(void)printf("nat\tmapping %s, ports %s, filtering %s, refusal %s\n",
		     profile_mapping_names[p->mapping % PROFILE_MAPPING_COUNT],
		     profile_ports_names[p->ports % PROFILE_PORTS_COUNT],
		     profile_filtering_names[p->filtering % PROFILE_FILTERING_COUNT],
		     profile_refusal_names[p->refusal % PROFILE_REFUSAL_COUNT]);
	(void)printf("links\t%s, %" PRIu64 " made, %" PRIu64 " lost\n", control_word(s->control),
		     s->counters.links, s->counters.links_lost);
	(void)printf("dialled\t%" PRIu64 ", %" PRIu64 " failed\n", s->counters.connections,
		     s->counters.connections_failed);
}

/* In a terminal in columns, in a pipe between tabs. */
static void print_peer(const struct local_peer *p, uint64_t now, bool table)
{
	char remote[ADDR_TEXT_MAX] = "-", link_ms[32] = "-", took[32] = "-", ago[32] = "-";
	bool up = p->link == LOCAL_LINK_UP;

	if (up) {
		(void)addr_format(&p->remote, remote);
		(void)snprintf(link_ms, sizeof(link_ms), "%.1f", (double)p->link_ns / 1e6);
	}
	if (p->strategy[0]) {
		(void)snprintf(took, sizeof(took), "%.1f", (double)p->took_ns / 1e6);
		(void)snprintf(ago, sizeof(ago), "%.0f", (double)(now - p->ended_at) / 1e9);
	}
	(void)printf(table ? "%4u  %-20s %-5s %-22s %8s  %-13s %-12s %8s %6s\n"
			   : "%u\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
		     p->id, p->name, link_word(p->link),
		     up ? remote : reason_name((enum reason)p->link_reason), link_ms,
		     p->strategy[0] ? p->strategy : "-",
		     p->strategy[0] ? reason_name((enum reason)p->reason) : "-", took, ago);
}

static void print_text(const struct local_status *s, uint64_t now)
{
	bool table = isatty(STDOUT_FILENO);

	print_head(s, now);
	if (s->n_peers > 0 && table)
		(void)printf("\n%4s  %-20s %-5s %-22s %8s  %-13s %-12s %8s %6s\n", "ID", "NAME",
			     "LINK", "TO", "MS", "LAST", "REASON", "MS", "S AGO");
	for (uint32_t i = 0; i < s->n_peers; i++)
		print_peer(&s->peers[i], now, table);
}

static int run(const char *verb, const char *id, bool json)
{
	struct client_status s;
	struct boxer *boxer;
	int status = local_open(verb, id, &boxer);
	int r;

	if (status != -1)
		return status;
	r = client_status(&boxer->agent, &s);
	boxer_close(boxer);
	if (r < 0)
		return local_failed(verb, "the node", r);
	(json ? print_json : print_text)(s.page, clock_now());
	client_status_free(&s);
	return EXIT_SUCCESS;
}

int verb_status(int argc, char **argv)
{
	static const struct option options[] = {LOCAL_OPTIONS_JSON, {0}};
	struct local_line line = {.usage = status_usage, .options = options};

	(void)local_next(&line, argc, argv);
	if (line.status != -1)
		return line.status;
	if (optind < argc)
		return local_usage(argv[0], "what is '%s' for?", argv[optind]);
	return run(argv[0], line.id, line.json);
}
