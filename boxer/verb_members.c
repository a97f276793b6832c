/* SPDX-License-Identifier: MIT */
#include "boxer/verbs.h"

#include "base/addr.h"
#include "base/cleanup.h"
#include "boxer/json.h"
#include "boxer/node.h"
#include "boxer/verb_local.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MS 5000

static const char members_usage[] =
	"usage: boxer members [OPTIONS]\n\n"
	"Lists the members of the cluster, as the node that runs here knows them.\n\n"
	"  --follow      go on with every change, until a signal\n"
	"  --json        one object; with --follow one object a line\n" LOCAL_ID_HELP
	"  --help        this text\n\n"
	"In a pipe the columns are separated by tabs and have no head: id, name, role,\n"
	"overlay address, external address, self or member. With --follow what happened\n"
	"stands before them: here, synced, joined, updated, left or lost.\n";

/** struct output - how to print; @follow: changes, not members */
struct output {
	bool json, follow, table;
	struct json j;
};

static const char *kind_name(int kind)
{
	static const char *const names[] = {
		[BOXER_HERE] = "here",	     [BOXER_SYNCED] = "synced", [BOXER_JOINED] = "joined",
		[BOXER_UPDATED] = "updated", [BOXER_LEFT] = "left",	[BOXER_LOST] = "lost",
	};

	return kind > 0 && (size_t)kind < ARRAY_SIZE(names) ? names[kind] : "unknown";
}

static struct addr addr_of(const struct sockaddr_storage *ss)
{
	struct addr a = {0};

	(void)addr_from_sockaddr((const struct sockaddr *)ss, sizeof(*ss), &a);
	return a;
}

static void print_json_member(struct json *j, const char *key, const struct boxer_member *m)
{
	struct addr overlay = addr_of(&m->overlay), external = addr_of(&m->external);

	json_open(j, key, '{');
	json_number(j, "id", m->id);
	json_text(j, "name", m->name);
	json_text(j, "role", m->role);
	json_addr(j, "overlay", &overlay);
	json_addr(j, "external", &external);
	json_bool(j, "self", m->self);
	json_close(j, '}');
}

static void print_member(const struct output *o, const struct boxer_member *m)
{
	struct addr overlay = addr_of(&m->overlay), external = addr_of(&m->external);
	char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

	(void)printf(o->table ? "%4u  %-20s %-12s %-15s  %-15s  %s\n" : "%u\t%s\t%s\t%s\t%s\t%s\n",
		     m->id, m->name, m->role, addr_format(&overlay, a), addr_format(&external, b),
		     m->self ? "self" : "member");
}

static void print_change_json(struct output *o, const struct boxer_change *c)
{
	json_open(&o->j, NULL, '{');
	json_text(&o->j, "change", kind_name(c->kind));
	json_number(&o->j, "version", c->version);
	if (c->kind == BOXER_LEFT || c->kind == BOXER_LOST)
		json_text(&o->j, "reason", c->reason);
	if (c->kind != BOXER_SYNCED)
		print_json_member(&o->j, "member", &c->member);
	json_close(&o->j, '}');
	json_end(&o->j);
}

static void print_change(struct output *o, const struct boxer_change *c)
{
	if (o->json) {
		print_change_json(o, c);
	} else if (c->kind == BOXER_SYNCED) {
		if (!o->table)
			(void)puts(kind_name(c->kind));
	} else {
		(void)printf(o->table ? "%-8s" : "%s\t", kind_name(c->kind));
		print_member(o, &c->member);
	}
	(void)fflush(stdout);
}

static void begin(struct output *o)
{
	if (o->json && !o->follow) {
		json_open(&o->j, NULL, '{');
		json_open(&o->j, "members", '[');
	}
	if (o->table)
		(void)printf("%s%4s  %-20s %-12s %-15s  %s\n", o->follow ? "        " : "", "ID",
			     "NAME", "ROLE", "OVERLAY", "EXTERNAL");
}

static void end(struct output *o, uint64_t version)
{
	if (!o->json || o->follow)
		return;
	json_close(&o->j, ']');
	json_number(&o->j, "version", version);
	json_close(&o->j, '}');
	json_end(&o->j);
}

/* Until something comes. Return: whether anybody still reads what would be said of it. */
static bool is_read(const struct boxer_watch *watch)
{
	struct pollfd p[2] = {{.fd = boxer_watch_fd(watch), .events = POLLIN},
			      {.fd = STDOUT_FILENO}};

	return poll(p, 2, -1) < 0 || !p[1].revents;
}

/* Return: 0 when it was all, or -errno. */
static int show(struct boxer_watch *watch, struct output *o)
{
	struct boxer_change change;
	bool synced = false;
	int r;

	begin(o);
	for (;;) {
		if (synced && !is_read(watch))
			return 0;
		r = boxer_next(watch, synced ? -1 : ANSWER_MS, &change);
		if (r < 0)
			return r;
		if (change.kind == BOXER_SYNCED)
			synced = true;
		if (o->follow)
			print_change(o, &change);
		else if (synced)
			break;
		else if (o->json)
			print_json_member(&o->j, NULL, &change.member);
		else
			print_member(o, &change.member);
		if (ferror(stdout))
			return -EPIPE;
	}
	end(o, change.version);
	return 0;
}

static int run(const char *verb, const char *id, struct output *o)
{
	struct boxer_watch *watch;
	struct boxer *boxer;
	int status = local_open(verb, id, &boxer);
	int r;

	if (status != -1)
		return status;
	r = boxer_watch(boxer, &watch);
	boxer_close(boxer);
	if (r < 0)
		return local_failed(verb, "the node", r);
	o->table = !o->json && isatty(STDOUT_FILENO);
	o->j.out = stdout;
	r = show(watch, o);
	boxer_unwatch(watch);
	if (r == -ECONNRESET) {
		(void)fprintf(stderr, "boxer %s: the node has ended, or this is too slow for it\n",
			      verb);
		return NODE_EXIT_FAILED;
	}
	return r < 0 ? local_failed(verb, "the node", r) : EXIT_SUCCESS;
}

int verb_members(int argc, char **argv)
{
	static const struct option options[] = {
		{"follow", no_argument, NULL, 'f'}, LOCAL_OPTIONS_JSON, {0}};
	struct local_line line = {.usage = members_usage, .options = options};
	struct output o = {0};

	while (local_next(&line, argc, argv) != -1)
		o.follow = true;
	if (line.status != -1)
		return line.status;
	o.json = line.json;
	if (optind < argc)
		return local_usage(argv[0], "what is '%s' for?", argv[optind]);
	return run(argv[0], line.id, &o);
}
