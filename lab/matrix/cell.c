/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A cell is a scenario that nobody wrote: planned, built and proven as any other.
 *
 * The two programs are believed in nothing but how many bytes they have moved,
 * and that only as a claim for the NATs' tables to confirm: exit status 0 of both
 * and a proven path make a cell direct, neither alone does. By which way Boxer has made
 * the connection is what it tells itself.
 */
#include "lab/matrix/cell_parts.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/run/evidence.h"
#include "lab/run/leak.h"
#include "lab/run/listener.h"

#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define END_NS	 (10 * NS_PER_S)
#define BUILD_NS (60 * NS_PER_S) /* of a loaded machine */
#define ENV_N	 7
#define ENV_MAX	 96

static unsigned deadline_ms(const struct cell *c)
{
	return grid_deadline_ms(c->grid, c->what->technique);
}

static uint64_t patience_ns(unsigned deadline)
{
	/* A program has to start, and to end, beside its deadline. */
	return (uint64_t)deadline * NS_PER_MS + 2 * NS_PER_S;
}

uint64_t cell_limit_ns(unsigned deadline)
{
	return BUILD_NS + 2 * CELL_LISTEN_NS + patience_ns(deadline) + END_NS;
}

/* ---- the world ---- */

static int build(struct cell *c, struct error *err)
{
	int r;

	cell_declare(c);
	r = plan_make(&c->scenario, &c->plan, err);
	if (r < 0)
		return r;
	console_init(&c->console, true, false);
	r = world_init(&c->world, NULL, c->plan, &c->console, NULL, err);
	if (!r)
		r = world_build(&c->world, err);
	return r ? r : world_watch(&c->world, err);
}

/* ---- programs ---- */

/** struct listening - somebody is waited for; @fd: to ask the kernel by */
struct listening {
	const struct program *program;
	uint16_t port;
	int fd;
};

static bool listens(void *arg)
{
	struct listening *l = arg;
	struct error err;
	int r = listener_check(l->fd, IPPROTO_TCP, l->port, &err);

	if (r < 0)
		world_trouble(l->program->machine->world, "%s", err.text);
	return r > 0 || l->program->ended;
}

int cell_await_listener(struct cell *c, const struct program *program, uint16_t port,
			struct error *err)
{
	const struct machine *machine = program->machine;
	cleanup_close int fd = listener_open(topo_netns(c->world.topo, machine->node->topo), err);
	struct listening l = {program, port, fd};
	int r = fd;

	if (fd < 0)
		return r;
	r = world_wait(&c->world, &(struct wait){.done = listens,
						 .arg = &l,
						 .deadline = clock_now() + CELL_LISTEN_NS,
						 .poll_ns = CELL_POLL_NS});
	return r < 0 ? error_sys(err, -r, "%s does not listen", machine->node->name) : 0;
}

/* Under Boxer, names are enough. */
static void name_peer(const struct cell *c, enum cell_machine side, char env[static ENV_MAX])
{
	static const enum cell_machine peers[CELL_MACHINES] = {[CELL_FROM] = CELL_TO,
							       [CELL_TO] = CELL_FROM,
							       [CELL_FROM_2] = CELL_TO_2,
							       [CELL_TO_2] = CELL_FROM_2};
	const struct plan_node *peer = &c->plan->nodes[peers[side]];
	char text[ADDR_TEXT_MAX];

	(void)snprintf(env, ENV_MAX, CELL_ENV_PEER "=%s",
		       c->boxer ? peer->name : addr_format_host(&peer->external, text));
}

int cell_start_side(struct cell *c, enum cell_machine side, struct error *err)
{
	const struct plan_node *meeting = &c->plan->nodes[CELL_MEETING];
	bool connects = side == CELL_FROM || side == CELL_FROM_2;
	char text[ADDR_TEXT_MAX], env[ENV_N][ENV_MAX];
	char *list[ENV_N + 1] = {0};
	const struct program_spec spec = {
		.argv = c->grid->techniques[c->what->technique].argv,
		.env = list,
		.file = cell_name(c, side),
		.cpu = -1,
		.by_boxer = c->boxer,
		.fd3 = -1,
	};

	for (int i = 0; i < ENV_N; i++)
		list[i] = env[i];
	(void)snprintf(env[0], ENV_MAX, CELL_ENV_ROLE "=%s", connects ? "connect" : "listen");
	name_peer(c, side, env[1]);
	(void)snprintf(env[2], ENV_MAX, CELL_ENV_RENDEZVOUS "=%s:%d",
		       addr_format_host(&meeting->external, text), CELL_MEETING_PORT);
	(void)snprintf(env[3], ENV_MAX, CELL_ENV_PORT "=%d", CELL_LOCAL_PORT);
	(void)snprintf(env[4], ENV_MAX, CELL_ENV_GAP "=%u", c->gap_ms);
	(void)snprintf(env[5], ENV_MAX, CELL_ENV_DEADLINE "=%u", deadline_ms(c));
	(void)snprintf(env[6], ENV_MAX, CELL_ENV_NONCE "=%s", c->nonce);
	return program_start(&c->programs[side], &c->world.machines[side], &spec, err);
}

static bool sides_ended(void *arg)
{
	const struct cell *c = arg;

	for (size_t i = CELL_FROM; i < c->n_machines; i++)
		if (!c->programs[i].ended)
			return false;
	return true;
}

/* Under Boxer nobody tells a listening side that nobody will come any more. */
static bool is_over(void *arg)
{
	const struct cell *c = arg;
	bool any_failed = false, all_ended = true;

	for (size_t i = CELL_FROM; i < c->n_machines && c->boxer; i += 2) {
		all_ended &= c->programs[i].ended;
		any_failed |= c->programs[i].ended && expect_code(&c->programs[i].end) != 0;
	}
	return (all_ended && any_failed) || sides_ended(arg);
}

static int await_sides(struct cell *c, bool (*done)(void *arg), uint64_t patience)
{
	return world_wait(&c->world, &(struct wait){.done = done,
						    .arg = c,
						    .deadline = clock_now() + patience,
						    .stubborn = true});
}

static void failed(struct cell *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void failed(struct cell *c, const char *fmt, ...)
{
	va_list ap;

	c->trial.kind = TRIAL_FAILED;
	if (*c->trial.reason)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(c->trial.reason, sizeof(c->trial.reason), fmt, ap);
	va_end(ap);
}

/* A program that is not there says nothing of NATs. */
static int check_executed(const struct cell *c, struct error *err)
{
	const struct program *program = &c->programs[CELL_FROM];
	char tail[PROGRAM_TAIL_MAX];
	int code = expect_code(&program->end);

	if (program->end.exec_error)
		return error_set(err, program->end.exec_error,
				 "the program could not be executed: %s",
				 strerror(program->end.exec_error));
	/* `boxer exec` has these codes for it, and for itself. */
	if (c->boxer && code >= 125 && code <= 127)
		return error_set(err, ENOEXEC, "the program could not be executed: %s",
				 program_tail(program, tail));
	return 0;
}

static void signal_sides(struct cell *c, int signal)
{
	for (size_t i = CELL_FROM; i < c->n_machines; i++)
		program_signal(&c->programs[i], signal);
}

static const char *first_to_run(const struct cell *c)
{
	size_t i = CELL_FROM;

	while (i + 1 < c->n_machines && c->programs[i].ended)
		i++;
	return cell_name(c, (enum cell_machine)i);
}

/* Until all have ended; who hangs is killed. */
static int end_sides(struct cell *c, struct error *err)
{
	int r = await_sides(c, is_over, patience_ns(deadline_ms(c)));

	if (r == -ETIMEDOUT)
		failed(c, "%s still ran after its deadline", first_to_run(c));
	else if (r < 0)
		return error_sys(err, -r, "waiting for the programs");
	signal_sides(c, r ? SIGKILL : SIGTERM);
	r = await_sides(c, sides_ended, END_NS);
	return r < 0 ? error_sys(err, -r, "a program outlived SIGKILL") : 0;
}

/* The listening sides first, and under Boxer nobody else tells the others when. */
static int run_sides(struct cell *c, struct error *err)
{
	int r = 0;

	for (size_t i = CELL_TO; i < c->n_machines && !r; i += 2) {
		r = cell_start_side(c, (enum cell_machine)i, err);
		if (!r && c->boxer)
			r = cell_await_listener(c, &c->programs[i], CELL_LOCAL_PORT, err);
	}
	for (size_t i = CELL_FROM; i < c->n_machines && !r; i += 2)
		r = cell_start_side(c, (enum cell_machine)i, err);
	if (!r)
		r = end_sides(c, err);
	return r ? r : check_executed(c, err);
}

/* ---- judging ---- */

/* The last line that is a JSON object; NULL when there is none. */
static json_t *last_object(const struct program *program)
{
	cleanup_free char *text = NULL;
	struct error err;
	size_t len;

	if (program_output(program, &text, &len, &err) < 0)
		return NULL;
	text[len] = '\0';
	while (*text) {
		char *newline = strrchr(text, '\n');
		char *line = newline ? newline + 1 : text;
		json_t *object = json_loads(line, 0, NULL);

		if (json_is_object(object))
			return object;
		json_decref(object);
		if (!newline)
			break;
		*newline = '\0';
	}
	return NULL;
}

static uint64_t number_of(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

static void copy_text(const json_t *object, const char *key, char *buf, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text)
		(void)snprintf(buf, size, "%s", text);
	for (char *p = buf; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
}

/* What the connecting program says. */
static void read_claim(struct cell *c)
{
	json_t *object = last_object(&c->programs[CELL_FROM]);
	const json_t *ms = json_object_get(object, "ms");

	c->trial.ms = json_is_number(ms) ? json_number_value(ms) : -1;
	c->trial.sent = number_of(object, "sent");
	c->trial.received = number_of(object, "received");
	copy_text(object, "who_accepted", c->trial.who, sizeof(c->trial.who));
	json_decref(object);
}

/* What Boxer says beside it, in parentheses. */
static const char *blame_boxer(const struct cell *c, enum cell_machine side, char *buf, size_t size)
{
	const struct route *route = &c->trial.route;

	*buf = '\0';
	if (side == CELL_FROM && *route->reason)
		(void)snprintf(buf, size, " (Boxer: %s%s%.150s)", route->reason,
			       *route->attempts ? ", " : "", route->attempts);
	return buf;
}

static void read_reason(struct cell *c, enum cell_machine side)
{
	char status[EXPECT_STATUS_MAX], tail[PROGRAM_TAIL_MAX], reason[GRID_REASON_MAX] = "";
	char boxer[GRID_REASON_MAX];
	const struct program *program = &c->programs[side];
	json_t *object = last_object(program);

	copy_text(object, "reason", reason, sizeof(reason));
	json_decref(object);
	if (!*reason) {
		(void)program_tail(program, tail);
		(void)snprintf(reason, sizeof(reason), "%s%s%.150s",
			       expect_describe(&program->end, status), *tail ? ": " : "", tail);
	}
	failed(c, "%s: %s%s", cell_name(c, side), reason,
	       blame_boxer(c, side, boxer, sizeof(boxer)));
}

static int prove(struct cell *c, uint8_t proto, struct error *err)
{
	int r;

	c->evidence.proto = proto;
	r = evidence_judge(&c->evidence, c->trial.sent, c->trial.received, &c->trial.proof);
	return r < 0 ? error_sys(err, -r, "the path") : 0;
}

/* Of a technique that nobody knows, either protocol will do; when neither does, that one
 * tells why of which there was a connection. */
static int prove_path(struct cell *c, struct error *err)
{
	enum theory_technique technique = c->grid->techniques[c->what->technique].theory;
	int r = prove(c, technique == THEORY_UDP ? IPPROTO_UDP : IPPROTO_TCP, err);
	struct proof by_tcp = c->trial.proof;

	if (r < 0 || technique != THEORY_TECHNIQUES || by_tcp.kind == PROOF_DIRECT)
		return r;
	r = prove(c, IPPROTO_UDP, err);
	if (!r && c->trial.proof.kind != PROOF_DIRECT && !c->trial.proof.connections)
		c->trial.proof = by_tcp;
	return r;
}

static int check_leak(struct cell *c, struct error *err)
{
	int r = leak_check(c->world.topo, c->plan, &c->trial.leaked, err);

	if (r != -EXPECT_UNMET)
		return r;
	failed(c, "%s", err->text);
	return 0;
}

static bool is_relayed(const struct cell *c)
{
	return c->what->relay && c->trial.proof.kind == PROOF_RELAYED &&
	       strcmp(c->trial.route.strategy, "relay") == 0;
}

static int judge(struct cell *c, struct error *err)
{
	int r;

	read_claim(c);
	for (size_t i = CELL_FROM; i < c->n_machines; i++)
		if (expect_code(&c->programs[i].end) != 0)
			read_reason(c, (enum cell_machine)i);
	if (c->world.trouble.code)
		failed(c, "%s", c->world.trouble.text);
	r = check_leak(c, err);
	if (!r)
		r = prove_path(c, err);
	if (r < 0)
		return r;
	if (c->trial.proof.kind != PROOF_DIRECT && !is_relayed(c))
		failed(c, "the programs say that it worked, but: %s", c->trial.proof.reason);
	if (c->trial.kind == TRIAL_NONE)
		c->trial.kind = is_relayed(c) ? TRIAL_RELAYED : TRIAL_DIRECT;
	return 0;
}

/* ---- the whole ---- */

static int make_nonce(struct cell *c, struct error *err)
{
	unsigned char bytes[(sizeof(c->nonce) - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return error_sys(err, errno, "no random bytes for the programs");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(c->nonce + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int act(struct cell *c, struct error *err)
{
	int r = make_nonce(c, err);

	if (!r)
		r = build(c, err);
	if (!r)
		r = c->boxer ? cell_meet_boxer(c, err) : cell_meet_punch(c, err);
	if (!r)
		r = evidence_begin(&c->evidence, &c->world, &c->step, err);
	if (!r)
		r = run_sides(c, err);
	if (!r && c->boxer)
		cell_hear_boxer(c);
	if (!r)
		r = evidence_end(&c->evidence, err);
	return r ? r : judge(c, err);
}

static void take_down(struct cell *c)
{
	evidence_free(&c->evidence);
	for (int i = 0; i < CELL_MACHINES; i++)
		program_forget(&c->programs[i]);
	if (c->world.plan)
		world_close(&c->world);
	plan_free(c->plan);
}

struct trial cell_try(const struct grid *grid, const struct grid_cell *what, unsigned gap_ms)
{
	struct cell c = {.grid = grid, .what = what, .boxer = what->boxer, .gap_ms = gap_ms};
	struct error err = {0};

	c.trial.route.ms = -1;
	if (act(&c, &err) < 0) {
		c.trial.kind = TRIAL_ERROR;
		(void)snprintf(c.trial.reason, sizeof(c.trial.reason), "%.*s",
			       (int)sizeof(c.trial.reason) - 1, err.text);
	}
	if (c.boxer && grid->log >= 0 && !grid_is_expected(what, &c.trial))
		cell_log(&c);
	take_down(&c);
	c.trial.gap_ms = gap_ms;
	return c.trial;
}
