/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A member writes one JSON object per line into a pipe. The lines are copied to
 * a file as they are, and those that this file has a handler for change what the
 * world knows: who is up, who has a link to whom, which strategy made the
 * connection that a step asks for. A line that is too long or no JSON is kept in
 * the file and otherwise passed over.
 *
 * When a member's process ends, what is left in its pipe is read first, for its
 * last words ("failed") say why it ended. An end that nobody has asked for is
 * trouble, except of a function whose guest has ended well: then Boxer's work is
 * done; or of one that has told that it is surplus (--over-provision), and ends well:
 * it takes no part from then on. After an end that was asked for it may be started
 * again; then it has another process and pipe, and the same file of events.
 */
#include "lab/run/member.h"

#include "base/cleanup.h"
#include "lab/run/hearing.h"
#include "lab/run/member_command.h"
#include "lab/run/program.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES   4096
#define FAILED_BYTES 256

/**
 * struct member - a Boxer process
 * @lives: how often it was started
 * @stopped: a step wants it to end
 * @surplus: its cluster is full, and it ends
 * @pipe: its events; @io watches it
 * @log: the file they are copied to, or -1
 * @line, @len: the line that is being read
 * @too_long: it passed LINE_BYTES, its rest is skipped
 * @up, @measuring: see member_is_up(), member_is_measuring()
 * @control: see member_control_port()
 * @failed: its last words; empty when there were none
 * @linked, @known, @apart: one for each node of the plan; @apart: no link is possible
 */
struct member {
	struct machine *machine;
	struct program program;
	unsigned lives;
	bool stopped, surplus;
	struct ev_io io;
	int pipe, log;
	char line[LINE_BYTES];
	size_t len;
	bool too_long;
	bool up, measuring;
	uint16_t control;
	char failed[FAILED_BYTES];
	bool *linked, *known, *apart;
};

int member_log(const struct member *member)
{
	return member->log;
}

bool member_runs(const struct member *member)
{
	return member->program.machine && !member->program.ended;
}

bool member_takes_part(const struct member *member)
{
	return member->lives > 0 && !member->stopped && !member->surplus;
}

bool member_is_up(const struct member *member)
{
	return member->up;
}

uint16_t member_control_port(const struct member *member)
{
	return member->control;
}

bool member_knows(const struct member *member, size_t index)
{
	return member->known[index];
}

bool member_is_measuring(const struct member *member)
{
	return member->measuring;
}

bool member_is_linked(const struct member *member, size_t index)
{
	return member->linked[index];
}

bool member_is_decided(const struct member *member, size_t index)
{
	return member->linked[index] || member->apart[index];
}

/* ---- what events do ---- */

static const char *text_of(const json_t *event, const char *key)
{
	const char *s = json_string_value(json_object_get(event, key));

	return s ? s : "";
}

/*
 * The node that @event names; NULL when there is none. In a large cluster every
 * node names every other one, so the way from an id to a node is remembered.
 */
static const struct plan_node *named(const struct member *member, const json_t *event)
{
	const struct world *world = member->machine->world;
	json_int_t id = json_integer_value(json_object_get(event, "id"));
	const char *name = text_of(event, "name");
	const struct plan_node *node;
	size_t *known = NULL;

	if (id >= 0 && (uint64_t)id < world->plan->n_nodes)
		known = &world->by_id[id];
	if (known && *known != PLAN_NONE && strcmp(world->plan->nodes[*known].name, name) == 0)
		return &world->plan->nodes[*known];
	node = plan_find(world->plan, name);
	if (known && node)
		*known = (size_t)(node - world->plan->nodes);
	return node;
}

static size_t index_of(const struct member *member, const struct plan_node *node)
{
	return (size_t)(node - member->machine->world->plan->nodes);
}

static void set_link(struct member *member, const struct plan_node *peer, bool linked)
{
	struct world *world = member->machine->world;
	const struct member *other;
	size_t index;

	if (!peer || peer == member->machine->node)
		return;
	index = index_of(member, peer);
	other = world->machines[index].member;
	if (!other || member->linked[index] == linked)
		return;
	member->linked[index] = linked;
	/* A pair has a link when both sides say so. */
	if (!other->linked[member->machine->index])
		return;
	if (linked)
		world->n_pairs++;
	else
		world->n_pairs--;
}

/* Once and for all: a guest that has ended well had joined all the same. */
static void on_up(struct member *member, const json_t *event)
{
	(void)event;
	/* What a stopped one had still to say comes late. */
	if (member->stopped)
		return;
	if (!member->up)
		member->machine->world->n_up++;
	member->up = true;
}

/* It is no member any more, or never was one. */
static void retire(struct member *member)
{
	struct world *world = member->machine->world;

	if (!member_takes_part(member))
		return;
	world->n_members--;
	if (member->up)
		world->n_up--;
	member->up = false;
}

static void on_surplus(struct member *member, const json_t *event)
{
	(void)event;
	retire(member);
	member->surplus = true;
}

static void on_joined(struct member *member, const json_t *event)
{
	struct addr local;

	if (addr_parse(text_of(event, "local"), &local) == 0)
		member->control = local.port;
	on_up(member, event);
}

static void set_apart(struct member *member, const json_t *event, bool apart)
{
	const struct plan_node *node = named(member, event);

	if (node)
		member->apart[index_of(member, node)] = apart;
}

static void on_link(struct member *member, const json_t *event)
{
	set_apart(member, event, false);
	set_link(member, named(member, event), true);
}

static void on_no_link(struct member *member, const json_t *event)
{
	set_apart(member, event, true);
}

static void on_link_lost(struct member *member, const json_t *event)
{
	set_link(member, named(member, event), false);
}

static void on_member(struct member *member, const json_t *event)
{
	const struct plan_node *node = named(member, event);

	if (node)
		member->known[index_of(member, node)] = true;
	/* In this life it may be behind another NAT. */
	set_apart(member, event, false);
}

static void on_profile(struct member *member, const json_t *event)
{
	member->measuring = strcmp(text_of(event, "filtering"), "unknown") == 0 &&
			    strcmp(text_of(event, "mapping"), "none") != 0;
}

static bool is_contact(const struct contact *contact, const struct plan_node *from,
		       const struct plan_node *to, const json_t *event)
{
	return contact->from == from && contact->to == to && from &&
	       json_integer_value(json_object_get(event, "port")) == contact->port;
}

static bool is_success(const json_t *event)
{
	return strcmp(text_of(event, "reason"), "none") == 0;
}

static void set_strategy(struct contact *contact, const json_t *event)
{
	(void)snprintf(contact->strategy, sizeof(contact->strategy), "%s",
		       text_of(event, "strategy"));
}

static void on_connect(struct member *member, const json_t *event)
{
	struct contact *contact = &member->machine->world->contact;

	if (!is_contact(contact, member->machine->node, named(member, event), event))
		return;
	if (is_success(event))
		set_strategy(contact, event);
	(void)snprintf(contact->reason, sizeof(contact->reason), "%s", text_of(event, "reason"));
	(void)snprintf(contact->attempts, sizeof(contact->attempts), "%s",
		       text_of(event, "attempts"));
	(void)addr_parse(text_of(event, "local"), &contact->local);
	contact->ms = json_number_value(json_object_get(event, "ms"));
}

/* Who called connect() knows better. */
static void on_accept(struct member *member, const json_t *event)
{
	struct contact *contact = &member->machine->world->contact;

	if (!*contact->strategy && is_success(event) &&
	    is_contact(contact, named(member, event), member->machine->node, event))
		set_strategy(contact, event);
}

static void on_failed(struct member *member, const json_t *event)
{
	(void)snprintf(member->failed, sizeof(member->failed), "%s: %s", text_of(event, "reason"),
		       text_of(event, "text"));
}

static const struct {
	const char *event;
	void (*handle)(struct member *member, const json_t *event);
} handlers[] = {
	{"listening", on_up},	       {"joined", on_joined},	{"link", on_link},
	{"link-lost", on_link_lost},   {"connect", on_connect}, {"accept", on_accept},
	{"member-left", on_link_lost}, {"failed", on_failed},	{"member", on_member},
	{"profile", on_profile},       {"no-link", on_no_link}, {"surplus", on_surplus},
};

static void take_line(struct member *member, size_t len)
{
	json_t *event = json_loadb(member->line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *what;

	if (!event)
		return;
	what = text_of(event, "event");
	console_say(member->machine->world->console, "%s: %.*s", member->machine->node->name,
		    (int)len, member->line);
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		if (strcmp(what, handlers[i].event) == 0)
			handlers[i].handle(member, event);
	if (member->machine->world->hearing)
		hearing_take(member->machine->world->hearing, member->machine, what,
			     text_of(event, "name"));
	json_decref(event);
}

/* ---- how they come ---- */

/* The results must not depend on it, so a full disk is not this run's failure. */
static void keep(struct member *member, const char *data, size_t len)
{
	while (member->log >= 0 && len > 0) {
		ssize_t n = write(member->log, data, len);

		if (n < 0 && errno != EINTR)
			(void)close(take_fd(&member->log));
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
}

static void take_bytes(struct member *member, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n') {
			if (!member->too_long)
				take_line(member, member->len);
			member->len = 0;
			member->too_long = false;
		} else if (member->len < sizeof(member->line)) {
			member->line[member->len++] = data[i];
		} else {
			member->too_long = true;
		}
	}
}

static void stop_reading(struct member *member)
{
	if (member->pipe < 0)
		return;
	ev_io_stop(member->machine->world->loop, &member->io);
	(void)close(take_fd(&member->pipe));
}

/* All that waits, or at most @max reads. */
static void drain(struct member *member, unsigned max)
{
	char data[LINE_BYTES];

	while (member->pipe >= 0 && max-- > 0) {
		ssize_t n = read(member->pipe, data, sizeof(data));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			stop_reading(member);
			return;
		}
		keep(member, data, (size_t)n);
		take_bytes(member, data, (size_t)n);
	}
}

static void on_readable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	(void)loop;
	(void)revents;
	/* Let others have their turn. */
	drain(io->data, 16);
}

/* ---- life ---- */

static void on_end(struct program *program)
{
	struct machine *machine = program->machine;
	struct member *member = machine->member;
	bool has_guest = machine->node->from->run;
	char how[EXPECT_STATUS_MAX], tail[PROGRAM_TAIL_MAX];
	const char *why = member->failed;

	drain(member, 1024);
	stop_reading(member);
	for (size_t i = 0; i < machine->world->plan->n_nodes; i++)
		set_link(member, &machine->world->plan->nodes[i], false);
	if (member->stopped)
		return;
	if ((has_guest || member->surplus) && expect_code(&program->end) == 0)
		return;
	if (!*why)
		why = program_tail(program, tail);
	world_trouble(machine->world, "%s of %s %s%s%s",
		      has_guest ? "the guest" : "the Boxer process", machine->node->name,
		      expect_describe(&program->end, how), *why ? ": " : "", why);
}

static int start_process(struct member *member, int events, struct error *err)
{
	struct machine *machine = member->machine;
	struct member_command command;
	cleanup_free char **argv = member_command(machine, &command);
	char file[RESULT_NAME_MAX], life[16] = "";

	if (!argv)
		return error_sys(err, ENOMEM, "%s", machine->node->name);
	if (member->lives > 1)
		(void)snprintf(life, sizeof(life), "-%u", member->lives);
	(void)snprintf(file, sizeof(file), "%s-boxer%s", machine->node->name, life);
	member->program.on_end = on_end;
	return program_start(&member->program, machine,
			     &(struct program_spec){.argv = argv,
						    .file = file,
						    .cpu = -1,
						    .no_out = !machine->node->from->run,
						    .fd3 = events},
			     err);
}

static int make(struct machine *machine, struct error *err)
{
	struct world *world = machine->world;
	struct member *member = calloc(1, sizeof(*member));
	char name[RESULT_NAME_MAX];

	if (!member)
		return error_sys(err, ENOMEM, "%s", machine->node->name);
	machine->member = member;
	member->machine = machine;
	member->pipe = member->log = -1;
	member->linked = calloc(world->plan->n_nodes, sizeof(*member->linked));
	member->known = calloc(world->plan->n_nodes, sizeof(*member->known));
	member->apart = calloc(world->plan->n_nodes, sizeof(*member->apart));
	if (!member->linked || !member->known || !member->apart)
		return error_sys(err, ENOMEM, "%s", machine->node->name);
	(void)snprintf(name, sizeof(name), "%s-events.jsonl", machine->node->name);
	return world_create_file(world, name, &member->log, err);
}

/* What was true of its last life. */
static void forget_life(struct member *member)
{
	size_t n = member->machine->world->plan->n_nodes;

	program_forget(&member->program);
	member->stopped = member->surplus = member->too_long = member->measuring = false;
	member->len = 0;
	member->control = 0;
	member->failed[0] = '\0';
	(void)memset(member->known, 0, n * sizeof(*member->known));
	(void)memset(member->apart, 0, n * sizeof(*member->apart));
}

int member_start(struct machine *machine, struct error *err)
{
	struct world *world = machine->world;
	int r = machine->member ? 0 : make(machine, err);
	cleanup_close int events = -1;
	struct member *member;
	int fds[2];

	if (r < 0)
		return r;
	member = machine->member;
	forget_life(member);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, errno, "pipe");
	member->pipe = fds[0];
	events = fds[1];
	/* Only this end: the description at the other one belongs to the member. */
	if (fcntl(member->pipe, F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, errno, "pipe");
	ev_io_init(&member->io, on_readable, member->pipe, EV_READ);
	member->io.data = member;
	ev_io_start(world->loop, &member->io);
	member->lives++;
	world->n_members++;
	return start_process(member, events, err);
}

void member_stop(struct member *member, int signal)
{
	retire(member);
	member->stopped = true;
	program_signal(&member->program, signal);
}

void member_free(struct member *member)
{
	if (!member)
		return;
	stop_reading(member);
	cleanup_close_fd(&member->log);
	program_forget(&member->program);
	free(member->linked);
	free(member->known);
	free(member->apart);
	free(member);
}
