/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 *	            [rendezvous]
 *	                 |
 *	  ---------- internet ----------
 *	  |                            |
 *	[from-nat]                  [to-nat]
 *	  |                            |
 *	[from]                       [to]
 *
 * A cell is a scenario that nobody wrote: planned, built and proven as any other.
 * A NAT that translates nothing is none, and its machine is public.
 *
 * The two programs are believed in nothing but how many bytes they have moved,
 * and that only as a claim for the NATs' tables to confirm: exit status 0 of both
 * and a proven path make a cell direct, neither alone does.
 */
#include "lab/matrix/cell.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/run/evidence.h"
#include "lab/run/leak.h"
#include "lab/run/listener.h"
#include "lab/run/program.h"

#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define RENDEZVOUS_PORT 7000
#define LOCAL_PORT	7100 /* of both programs */
#define LISTEN_NS	(20 * NS_PER_S)
#define LISTEN_POLL_NS	(2 * NS_PER_MS)
#define END_NS		(10 * NS_PER_S)
#define BUILD_NS	(60 * NS_PER_S) /* of a loaded machine */
#define ENV_N		6

enum machine_index { RENDEZVOUS, FROM, TO, MACHINES };

static char name_rendezvous[] = "rendezvous", name_from[] = "caller", name_to[] = "listener";
static char *const names[MACHINES] = {name_rendezvous, name_from, name_to};

/**
 * struct cell - a trial under way
 * @scenario, @nodes, @nats, @step, @ends: what a scenario would say
 * @programs: of the rendezvous and of the two sides
 */
struct cell {
	const struct grid *grid;
	const struct grid_cell *what;
	unsigned gap_ms;
	struct scenario scenario;
	struct scenario_node nodes[MACHINES];
	struct scenario_nat nats[MACHINES];
	struct scenario_step step;
	struct scenario_program ends[MACHINES];
	struct plan *plan;
	struct console console;
	struct world world;
	struct program programs[MACHINES];
	struct evidence evidence;
	struct trial trial;
};

static uint64_t patience_ns(unsigned deadline_ms)
{
	/* A program has to start, and to end, beside its deadline. */
	return (uint64_t)deadline_ms * NS_PER_MS + 2 * NS_PER_S;
}

uint64_t cell_limit_ns(unsigned deadline_ms)
{
	return BUILD_NS + LISTEN_NS + patience_ns(deadline_ms) + END_NS;
}

/* ---- the scenario ---- */

static void declare(struct cell *c)
{
	const struct nat *nats[MACHINES] = {NULL, c->grid->nats[c->what->from],
					    c->grid->nats[c->what->to]};

	for (int i = 0; i < MACHINES; i++) {
		c->nodes[i] =
			(struct scenario_node){.name = names[i], .role = ROLE_HOST, .count = 1};
		if (nats[i] && nat_translates(nats[i])) {
			c->nats[i].nat = *nats[i];
			c->nodes[i].nat = &c->nats[i];
		}
		c->ends[i] = (struct scenario_program){.node = names[i], .cpu = -1};
	}
	c->ends[TO].port = LOCAL_PORT;
	c->scenario =
		(struct scenario){.name = name_rendezvous, .nodes = c->nodes, .n_nodes = MACHINES};
	c->step = (struct scenario_step){.name = name_from,
					 .serve = &c->ends[TO],
					 .n_serve = 1,
					 .run = &c->ends[FROM],
					 .n_run = 1};
}

static int build(struct cell *c, struct error *err)
{
	int r;

	declare(c);
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

struct listening {
	struct cell *cell;
	int fd;
};

static bool rendezvous_listens(void *arg)
{
	struct listening *l = arg;
	struct error err;
	int r = listener_check(l->fd, IPPROTO_TCP, RENDEZVOUS_PORT, &err);

	if (r < 0)
		world_trouble(&l->cell->world, "%s: %s", name_rendezvous, err.text);
	return r > 0 || l->cell->programs[RENDEZVOUS].ended;
}

static int rendezvous_ended(const struct program *program, struct error *err)
{
	char how[EXPECT_STATUS_MAX], tail[PROGRAM_TAIL_MAX];

	(void)program_tail(program, tail);
	return error_set(err, ECHILD, "%s %s%s%s", name_rendezvous,
			 expect_describe(&program->end, how), *tail ? ": " : "", tail);
}

static int start_rendezvous(struct cell *c, struct error *err)
{
	static char program[] = "rendezvous", port[] = "7000";
	char *const argv[] = {program, port, NULL};
	const struct program_spec spec = {.argv = argv, .file = "rendezvous", .cpu = -1, .fd3 = -1};
	struct machine *machine = &c->world.machines[RENDEZVOUS];
	cleanup_close int fd = listener_open(topo_netns(c->world.topo, machine->node->topo), err);
	struct listening l = {c, fd};
	int r = fd < 0 ? fd : program_start(&c->programs[RENDEZVOUS], machine, &spec, err);

	if (r < 0)
		return r;
	r = world_wait(&c->world, &(struct wait){.done = rendezvous_listens,
						 .arg = &l,
						 .deadline = clock_now() + LISTEN_NS,
						 .poll_ns = LISTEN_POLL_NS});
	if (r == 0 && c->programs[RENDEZVOUS].ended)
		return rendezvous_ended(&c->programs[RENDEZVOUS], err);
	return r < 0 ? error_sys(err, -r, "the rendezvous does not listen") : 0;
}

static int start_side(struct cell *c, enum machine_index side, struct error *err)
{
	const struct plan_node *peer = &c->plan->nodes[side == FROM ? TO : FROM];
	const struct plan_node *rendezvous = &c->plan->nodes[RENDEZVOUS];
	char text[ADDR_TEXT_MAX], env[ENV_N][96];
	char *list[ENV_N + 1] = {0};
	const struct program_spec spec = {
		.argv = c->grid->techniques[c->what->technique].argv,
		.env = list,
		.file = names[side],
		.cpu = -1,
		.fd3 = -1,
	};

	for (int i = 0; i < ENV_N; i++)
		list[i] = env[i];
	(void)snprintf(env[0], sizeof(env[0]), CELL_ENV_ROLE "=%s",
		       side == FROM ? "connect" : "listen");
	(void)snprintf(env[1], sizeof(env[1]), CELL_ENV_PEER "=%s",
		       addr_format_host(&peer->external, text));
	(void)snprintf(env[2], sizeof(env[2]), CELL_ENV_RENDEZVOUS "=%s:%d",
		       addr_format_host(&rendezvous->external, text), RENDEZVOUS_PORT);
	(void)snprintf(env[3], sizeof(env[3]), CELL_ENV_PORT "=%d", LOCAL_PORT);
	(void)snprintf(env[4], sizeof(env[4]), CELL_ENV_GAP "=%u", c->gap_ms);
	(void)snprintf(env[5], sizeof(env[5]), CELL_ENV_DEADLINE "=%u", c->grid->deadline_ms);
	return program_start(&c->programs[side], &c->world.machines[side], &spec, err);
}

static bool sides_ended(void *arg)
{
	const struct cell *c = arg;

	return c->programs[FROM].ended && c->programs[TO].ended;
}

static int await_sides(struct cell *c, uint64_t patience)
{
	return world_wait(&c->world, &(struct wait){.done = sides_ended,
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
	const struct program *program = &c->programs[FROM];

	if (!program->end.exec_error)
		return 0;
	return error_set(err, program->end.exec_error, "the program could not be executed: %s",
			 strerror(program->end.exec_error));
}

/* Run both sides; who hangs is ended. */
static int run_sides(struct cell *c, struct error *err)
{
	int r = start_side(c, TO, err);

	if (!r)
		r = start_side(c, FROM, err);
	if (r < 0)
		return r;
	r = await_sides(c, patience_ns(c->grid->deadline_ms));
	if (r == 0)
		return check_executed(c, err);
	if (r != -ETIMEDOUT)
		return error_sys(err, -r, "waiting for the programs");
	failed(c, "%s still ran after its deadline",
	       c->programs[FROM].ended ? names[TO] : names[FROM]);
	program_signal(&c->programs[FROM], SIGKILL);
	program_signal(&c->programs[TO], SIGKILL);
	r = await_sides(c, END_NS);
	return r < 0 ? error_sys(err, -r, "a program outlived SIGKILL") : 0;
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
	json_t *object = last_object(&c->programs[FROM]);
	const json_t *ms = json_object_get(object, "ms");

	c->trial.ms = json_is_number(ms) ? json_number_value(ms) : -1;
	c->trial.sent = number_of(object, "sent");
	c->trial.received = number_of(object, "received");
	copy_text(object, "who_accepted", c->trial.who, sizeof(c->trial.who));
	json_decref(object);
}

static void read_reason(struct cell *c, enum machine_index side)
{
	char status[EXPECT_STATUS_MAX], tail[PROGRAM_TAIL_MAX], reason[GRID_REASON_MAX] = "";
	const struct program *program = &c->programs[side];
	json_t *object = last_object(program);

	copy_text(object, "reason", reason, sizeof(reason));
	json_decref(object);
	if (!*reason) {
		(void)program_tail(program, tail);
		(void)snprintf(reason, sizeof(reason), "%s%s%.150s",
			       expect_describe(&program->end, status), *tail ? ": " : "", tail);
	}
	failed(c, "%s: %s", names[side], reason);
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

static int judge(struct cell *c, struct error *err)
{
	int r;

	read_claim(c);
	if (expect_code(&c->programs[FROM].end) != 0)
		read_reason(c, FROM);
	if (expect_code(&c->programs[TO].end) != 0)
		read_reason(c, TO);
	r = check_leak(c, err);
	if (!r)
		r = prove_path(c, err);
	if (r < 0)
		return r;
	if (c->trial.proof.kind != PROOF_DIRECT)
		failed(c, "the programs say that it worked, but: %s", c->trial.proof.reason);
	if (c->trial.kind == TRIAL_NONE)
		c->trial.kind = TRIAL_DIRECT;
	return 0;
}

/* ---- the whole ---- */

static int act(struct cell *c, struct error *err)
{
	int r = build(c, err);

	if (!r)
		r = start_rendezvous(c, err);
	if (!r)
		r = evidence_begin(&c->evidence, &c->world, &c->step, err);
	if (!r)
		r = run_sides(c, err);
	if (!r)
		r = evidence_end(&c->evidence, err);
	return r ? r : judge(c, err);
}

static void take_down(struct cell *c)
{
	evidence_free(&c->evidence);
	for (int i = 0; i < MACHINES; i++)
		program_forget(&c->programs[i]);
	if (c->world.plan)
		world_close(&c->world);
	plan_free(c->plan);
}

struct trial cell_try(const struct grid *grid, const struct grid_cell *what, unsigned gap_ms)
{
	struct cell c = {.grid = grid, .what = what, .gap_ms = gap_ms};
	struct error err = {0};

	if (act(&c, &err) < 0) {
		c.trial.kind = TRIAL_ERROR;
		(void)snprintf(c.trial.reason, sizeof(c.trial.reason), "%.*s",
			       (int)sizeof(c.trial.reason) - 1, err.text);
	}
	take_down(&c);
	c.trial.gap_ms = gap_ms;
	return c.trial;
}
