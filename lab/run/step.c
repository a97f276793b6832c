/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A step is a straight line:
 *
 *	links		wait for all control links, if the step asks for them
 *	listening	wait for programs that run already, likewise
 *	faults		change NATs and wires, if the step asks for it at once
 *	evidence	read counters and tables, as a base line
 *	serve		start servers, wait until the kernel sees them listen
 *	run		start programs, wait until all have ended; later faults
 *	events		wait until members have told what they must
 *	evidence	read again, while the servers still run
 *	end		SIGTERM to what still runs, a second later SIGKILL
 *	judge		exits, drops, numbers, path
 *	undo		faults that are not to be kept
 *
 * Each of these returns 0, or -errno with words. -EXPECT_UNMET means that what
 * the scenario expects is not so; anything else, that the lab could not find out.
 */
#include "lab/run/step.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/human.h"
#include "lab/keys.h"
#include "lab/run/doing.h"
#include "lab/run/listener.h"
#include "lab/run/member.h"

#include <ctype.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LISTEN_POLL_NS (2 * NS_PER_MS)
#define TERM_NS	       (1 * NS_PER_S)
#define KILL_NS	       (10 * NS_PER_S)
#define FILE_WORD_MAX  32 /* of a program's name in names of files */
#define PORT_NAME_MAX  16
#define MISSING_MAX    5 /* pairs that are named when links are missing */

const char *job_name(const struct job *job)
{
	const char *slash = strrchr(job->from->argv[0], '/');

	return slash ? slash + 1 : job->from->argv[0];
}

void doing_detail(struct doing *d, const char *fmt, ...)
{
	char *text = d->result->detail;
	size_t size = sizeof(d->result->detail);
	size_t len = strlen(text);
	va_list ap;

	if (len)
		len += (size_t)snprintf(text + len, size - len, ", ");
	if (len >= size)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text + len, size - len, fmt, ap);
	va_end(ap);
}

/* The sentence for a program that did not end as it should. */
int job_failed(const struct job *job, const char *how, struct error *err)
{
	char tail[PROGRAM_TAIL_MAX];

	(void)program_tail(&job->program, tail);
	return error_set(err, EXPECT_UNMET, "%s: %s %s%s%s", job->from->node, job_name(job), how,
			 *tail ? ": " : "", tail);
}

/* ---- links ---- */

static bool takes_part(const struct world *world, size_t i)
{
	const struct machine *machine = &world->machines[i];

	return machine->node->from->role == ROLE_FUNCTION && machine->member &&
	       member_takes_part(machine->member);
}

static size_t n_pairs_wanted(const struct world *world)
{
	size_t n = 0;

	for (size_t i = 0; i < world->plan->n_nodes; i++)
		n += takes_part(world, i);
	return n ? n * (n - 1) / 2 : 0;
}

/* It has a link, or, if that is enough, both sides say that none can be. */
static bool is_settled(const struct doing *d, size_t i, size_t k)
{
	const struct member *a = d->world->machines[i].member, *b = d->world->machines[k].member;

	if (d->step->links == LINKS_POSSIBLE)
		return member_is_decided(a, k) && member_is_decided(b, i);
	return member_is_linked(a, k) && member_is_linked(b, i);
}

/* "fn0-fn3, fn1-fn3, ..." Return: how many pairs have not settled. */
static size_t list_missing(const struct doing *d, char *buf, size_t size)
{
	const struct plan *plan = d->world->plan;
	size_t n = 0, len = 0;

	*buf = '\0';
	for (size_t i = 0; i < plan->n_nodes; i++) {
		for (size_t k = i + 1; takes_part(d->world, i) && k < plan->n_nodes; k++) {
			if (!takes_part(d->world, k) || is_settled(d, i, k))
				continue;
			if (n++ < MISSING_MAX && len < size)
				len += (size_t)snprintf(buf + len, size - len, "%s%s-%s",
							len ? ", " : "", plan->nodes[i].name,
							plan->nodes[k].name);
		}
	}
	if (n > MISSING_MAX && len < size)
		(void)snprintf(buf + len, size - len, ", ...");
	return n;
}

static bool all_linked(void *arg)
{
	const struct doing *d = arg;
	char missing[512];

	/* In a large cluster looking at each pair each time would take too long. */
	return d->world->n_pairs == n_pairs_wanted(d->world) ||
	       (d->step->links == LINKS_POSSIBLE && !list_missing(d, missing, sizeof(missing)));
}

static int wait_links(struct doing *d, struct error *err)
{
	struct world *world = d->world;
	int r = world_wait(world, &(struct wait){
					  .done = all_linked,
					  .arg = d,
					  .deadline = d->deadline,
				  });
	char missing[512];

	if (r == 0)
		doing_detail(d, "%zu of %zu", world->n_pairs, n_pairs_wanted(world));
	if (r != -ETIMEDOUT)
		return r;
	(void)list_missing(d, missing, sizeof(missing));
	return error_set(err, EXPECT_UNMET, "only %zu of %zu in time, missing: %s", world->n_pairs,
			 n_pairs_wanted(world), missing);
}

/* ---- programs that run already ---- */

static const char *port_name(const struct scenario_step *step, uint16_t port,
			     char buf[static PORT_NAME_MAX])
{
	(void)snprintf(buf, PORT_NAME_MAX, "%sport %u", step->proto == IPPROTO_UDP ? "UDP " : "",
		       port);
	return buf;
}

struct listening {
	struct doing *d;
	const struct scenario_program *program;
	int fd;
};

static bool listens(void *arg)
{
	struct listening *l = arg;
	struct error err;
	int r = listener_check(l->fd, l->d->step->proto, l->program->port, &err);

	if (r < 0)
		world_trouble(l->d->world, "%s: %s", l->program->node, err.text);
	return r > 0;
}

static int wait_listening(struct doing *d, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->step->n_listening; i++) {
		const struct scenario_program *program = &d->step->listening[i];
		const struct machine *machine = world_machine(d->world, program->node);
		cleanup_close int fd =
			listener_open(topo_netns(d->world->topo, machine->node->topo), err);
		struct listening l = {.d = d, .program = program, .fd = fd};
		char port[PORT_NAME_MAX];

		if (fd < 0)
			return error_wrap(err, "%s", program->node);
		r = world_wait(d->world, &(struct wait){
						 .done = listens,
						 .arg = &l,
						 .deadline = d->deadline,
						 .poll_ns = LISTEN_POLL_NS,
					 });
		if (r == -ETIMEDOUT)
			r = error_set(err, EXPECT_UNMET, "%s: nothing listened on %s in time",
				      program->node, port_name(d->step, program->port, port));
	}
	return r;
}

/* ---- programs ---- */

static int make_jobs(struct doing *d, struct error *err)
{
	const struct scenario_step *step = d->step;

	d->n_serve = step->n_serve;
	d->n_jobs = step->n_serve + step->n_run;
	d->jobs = calloc(d->n_jobs + 1, sizeof(*d->jobs));
	if (!d->jobs)
		return error_sys(err, ENOMEM, "%s", step->name);
	for (size_t i = 0; i < d->n_jobs; i++) {
		struct job *job = &d->jobs[i];

		job->from = i < d->n_serve ? &step->serve[i] : &step->run[i - d->n_serve];
		job->machine = world_machine(d->world, job->from->node);
		job->listener = -1;
	}
	return 0;
}

/* "02-fn1-iperf3": sorts by step, and tells the reader all of it. */
static void name_files(const struct doing *d, const struct job *job, char name[static 96])
{
	unsigned twin = 0;
	size_t len;

	for (const struct job *other = d->jobs; other < job; other++)
		if (other->machine == job->machine &&
		    strncmp(job_name(other), job_name(job), FILE_WORD_MAX) == 0)
			twin++;
	len = (size_t)snprintf(name, 96, "%02zu-%.40s-%.*s", d->number, job->from->node,
			       FILE_WORD_MAX, job_name(job));
	for (char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._+", *p))
			*p = '_';
	if (twin)
		(void)snprintf(name + len, 96 - len, "-%u", twin + 1);
}

static int start_job(struct doing *d, struct job *job, struct error *err)
{
	bool has_boxer = job->machine->node->from->role == ROLE_FUNCTION;
	char file[96];
	struct program_spec spec = {
		.argv = job->from->argv,
		.file = file,
		.cpu = job->from->cpu,
		.by_boxer = d->step->boxer && has_boxer,
		.fd3 = -1,
	};

	name_files(d, job, file);
	return program_start(&job->program, job->machine, &spec, err);
}

/* ---- servers ---- */

static int open_listener(struct doing *d, struct job *job, struct error *err)
{
	int netns = topo_netns(d->world->topo, job->machine->node->topo);
	int r = listener_open(netns, err);
	char port[PORT_NAME_MAX];

	if (r < 0)
		return error_wrap(err, "%s", job->from->node);
	job->listener = r;
	r = listener_check(job->listener, d->step->proto, job->from->port, err);
	/* Whoever that is, the step would take it for its own server. */
	if (r > 0)
		return error_set(err, EXPECT_UNMET, "%s: something listens on %s already",
				 job->from->node, port_name(d->step, job->from->port, port));
	return r;
}

/* Every server either listens or has ended. */
static bool servers_settled(void *arg)
{
	struct doing *d = arg;
	bool settled = true;

	for (size_t i = 0; i < d->n_serve; i++) {
		struct job *job = &d->jobs[i];
		struct error err;
		int r;

		if (job->ready || job->program.ended)
			continue;
		r = listener_check(job->listener, d->step->proto, job->from->port, &err);
		if (r < 0)
			world_trouble(d->world, "%s: %s", job->from->node, err.text);
		job->ready = r > 0;
		settled = settled && job->ready;
	}
	return settled;
}

static int wait_servers(struct doing *d, struct error *err)
{
	char how[EXPECT_STATUS_MAX + 64];
	char status[EXPECT_STATUS_MAX];
	char port[PORT_NAME_MAX];
	int r = world_wait(d->world, &(struct wait){
					     .done = servers_settled,
					     .arg = d,
					     .deadline = d->deadline,
					     .poll_ns = LISTEN_POLL_NS,
				     });

	if (r < 0 && r != -ETIMEDOUT)
		return r;
	for (size_t i = 0; i < d->n_serve; i++) {
		struct job *job = &d->jobs[i];

		if (job->ready)
			continue;
		(void)port_name(d->step, job->from->port, port);
		if (job->program.ended)
			(void)snprintf(how, sizeof(how), "%s before it listened on %s",
				       expect_describe(&job->program.end, status), port);
		else
			(void)snprintf(how, sizeof(how), "did not listen on %s in time", port);
		return job_failed(job, how, err);
	}
	return 0;
}

static int start_servers(struct doing *d, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->n_serve; i++)
		r = open_listener(d, &d->jobs[i], err);
	for (size_t i = 0; r == 0 && i < d->n_serve; i++)
		r = start_job(d, &d->jobs[i], err);
	return r < 0 || !d->n_serve ? r : wait_servers(d, err);
}

/* ---- clients ---- */

static bool clients_ended(void *arg)
{
	const struct doing *d = arg;

	for (size_t i = d->n_serve; i < d->n_jobs; i++)
		if (!d->jobs[i].program.ended)
			return false;
	return true;
}

/* Until they have ended; faults come when they are due. */
static int await_clients(struct doing *d, struct error *err)
{
	uint64_t began = clock_now();

	for (;;) {
		uint64_t next = faults_next(&d->faults);
		bool last = next == UINT64_MAX || began + next >= d->deadline;
		int r = world_wait(d->world, &(struct wait){
						     .done = clients_ended,
						     .arg = d,
						     .deadline = last ? d->deadline : began + next,
					     });

		if (r != -ETIMEDOUT || last)
			return r;
		r = faults_apply(&d->faults, next, err);
		if (r < 0)
			return r;
	}
}

/* What was to happen while the programs ran, and did not. */
static void note_missed(struct doing *d)
{
	char after[KEYS_DURATION_MAX];

	for (size_t i = 0; i < d->faults.n; i++) {
		const struct fault *fault = &d->faults.list[i];

		if (!fault->applied)
			doing_detail(d, "%s was not changed, the programs had ended before %s",
				     fault_name(fault),
				     keys_format_duration(fault->after_ns, after));
	}
}

static int run_clients(struct doing *d, struct error *err)
{
	char how[64];
	char limit[HUMAN_TEXT_MAX];
	int r = 0;

	for (size_t i = d->n_serve; r == 0 && i < d->n_jobs; i++)
		r = start_job(d, &d->jobs[i], err);
	if (r < 0)
		return r;
	r = await_clients(d, err);
	if (r == 0)
		note_missed(d);
	if (r != -ETIMEDOUT)
		return r;
	(void)snprintf(how, sizeof(how), "still ran after %s",
		       human_format((double)d->step->timeout_ns, "ns", limit));
	for (size_t i = d->n_serve; i < d->n_jobs; i++)
		if (!d->jobs[i].program.ended)
			return job_failed(&d->jobs[i], how, err);
	return r;
}

/* ---- the end of programs ---- */

static bool jobs_ended(void *arg)
{
	const struct doing *d = arg;

	for (size_t i = 0; i < d->n_jobs; i++)
		if (d->jobs[i].program.machine && !d->jobs[i].program.ended)
			return false;
	return true;
}

static int end_by(struct doing *d, int signal, uint64_t patience_ns)
{
	for (size_t i = 0; i < d->n_jobs; i++)
		program_signal(&d->jobs[i].program, signal);
	return world_wait(d->world, &(struct wait){
					    .done = jobs_ended,
					    .arg = d,
					    .deadline = clock_now() + patience_ns,
					    .stubborn = true,
				    });
}

static int end_jobs(struct doing *d, struct error *err)
{
	int r = end_by(d, SIGTERM, TERM_NS);

	if (r == -ETIMEDOUT)
		r = end_by(d, SIGKILL, KILL_NS);
	if (r == -ETIMEDOUT)
		return error_set(err, EBUSY, "a program outlived SIGKILL");
	return r;
}

/* ---- the whole ---- */

static int act(struct doing *d, struct error *err)
{
	int r = make_jobs(d, err);

	if (r == 0 && d->step->links)
		r = wait_links(d, err);
	if (!r)
		r = wait_listening(d, err);
	if (!r)
		r = faults_make(&d->faults, d->world, d->step, d->world->result->n_steps - 1, err);
	if (!r)
		r = hearing_begin(&d->hearing, d->world, d->step, err);
	if (!r)
		r = faults_apply(&d->faults, 0, err);
	if (!r)
		r = judge_begin(d, err);
	if (!r)
		r = start_servers(d, err);
	if (!r)
		r = run_clients(d, err);
	if (!r)
		r = hearing_wait(&d->hearing, d->deadline, err);
	return r ? r : judge_end(d, err);
}

/* What became of the programs, for the report. */
static int record_programs(struct doing *d, struct error *err)
{
	for (size_t i = 0; i < d->n_jobs; i++) {
		const struct job *job = &d->jobs[i];
		struct result_program *p =
			result_add_program(d->result, job->from->node, job->from->argv);

		if (!p)
			return error_sys(err, ENOMEM, "the result");
		if (job->program.ended)
			p->code = expect_code(&job->program.end);
		(void)strcpy(p->out, job->program.out_name);
		(void)strcpy(p->err, job->program.err_name);
	}
	return 0;
}

static void forget(struct doing *d)
{
	d->world->contact = (struct contact){0};
	hearing_end(&d->hearing);
	for (size_t i = 0; i < d->n_jobs; i++) {
		program_forget(&d->jobs[i].program);
		cleanup_close_fd(&d->jobs[i].listener);
	}
	free(d->jobs);
	evidence_free(&d->evidence);
	faults_free(&d->faults);
}

/*
 * A program whose output does not fit fails, or seems to have printed nothing: that is
 * no failure of what the scenario expects.
 */
static int blame_full_disk(const struct doing *d, int r, struct error *err)
{
	for (size_t i = 0; r == -EXPECT_UNMET && i < d->n_jobs; i++) {
		int code = program_lost_output(&d->jobs[i].program);

		if (code)
			return error_sys(err, code, "no output of programs can be kept");
	}
	return r;
}

void step_do(struct world *world, const struct scenario_step *step, size_t number,
	     struct result_step *result)
{
	struct doing d = {
		.world = world,
		.step = step,
		.result = result,
		.number = number,
		.deadline = clock_now() + step->timeout_ns,
	};
	struct error err = {0}, later = {0};
	enum verdict verdict;
	int r = act(&d, &err);
	int ended = end_jobs(&d, &later);

	if (r == 0 && ended == 0)
		r = judge_step(&d, &err);
	r = blame_full_disk(&d, r, &err);
	if (r == 0 && ended < 0) {
		r = ended;
		err = later;
	}
	if (faults_undo(&d.faults, &later) < 0 && r == 0) {
		r = -later.code;
		err = later;
	}
	if (record_programs(&d, &later) < 0 && r == 0) {
		r = -later.code;
		err = later;
	}
	verdict = world_verdict(world, r, &err);
	result_end_step(world->result, result, verdict, r < 0 ? err.text : NULL, clock_now());
	forget(&d);
}
