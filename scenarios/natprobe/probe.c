/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A NAT is asked many small questions, and the answer to most of them is that
 * nothing comes. So every question is a straight line of code in a thread of
 * its own, and the waiting is done at the same time. The order matters for few:
 * the reflector must be reached at all; how ports are given out is looked at
 * while nobody else of us takes any of the same protocol; the rest goes in
 * parallel.
 *
 * How long is "nothing comes"? The reflector says when it has knocked; after
 * that the grace passes: some round trips and a moment for a busy machine. What
 * did not come is tried once more: it takes two to be believed.
 */
#include "scenarios/natprobe/probe.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "scenarios/natprobe/door.h"
#include "scenarios/natprobe/sock.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#define DEADLINE_NS  (25 * NS_PER_S)
#define PATIENT_NS   (2 * NS_PER_S)
#define ROUND_TRIPS  3
#define STACK_SIZE   (512 << 10)
#define FAR_NS	     (2 * NS_PER_MS)
#define FAR_GRACE_NS (200 * NS_PER_MS)
/* Local ports come from here, in an order that has nothing sequential. */
#define PORTS_FIRST  20000U
#define PORTS_COUNT  40000U
#define PORTS_STRIDE 7919U

/** struct task - a thread's work */
struct task {
	struct probe *probe;
	void (*run)(struct task *task);
	void (*measure)(struct probe *p, enum proto proto);
	enum proto proto;
	enum lifetime lifetime;
	int done;
	pthread_t thread;
	int started;
	int error;
	uint64_t round_trip;
};

#define TASKS_MAX 16

uint16_t probe_port(struct probe *p)
{
	unsigned n = atomic_fetch_add(&p->ports, 1);

	return (uint16_t)(PORTS_FIRST + n % PORTS_COUNT * PORTS_STRIDE % PORTS_COUNT);
}

uint32_t probe_token(struct probe *p)
{
	return atomic_fetch_add(&p->tokens, 1);
}

void probe_note(struct probe *p, const char *fmt, ...)
{
	unsigned i = atomic_fetch_add(&p->n_notes, 1);
	va_list ap;

	if (i >= NOTES_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(p->notes[i], sizeof(p->notes[i]), fmt, ap);
	va_end(ap);
}

uint64_t probe_silence_end(const struct probe *p)
{
	return clock_now() + p->grace;
}

/* ---- tasks ---- */

static void *task_main(void *arg)
{
	struct task *t = arg;
	uint64_t one = 1;

	t->run(t);
	(void)!write(t->done, &one, sizeof(one));
	return NULL;
}

static int start(struct task *t)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (!r)
		r = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (!r)
		r = pthread_create(&t->thread, &attr, task_main, t);
	t->started = !r;
	if (!r)
		return 0;
	t->error = -r;
	probe_note(t->probe, "a thread: %s", strerror(r));
	return -r;
}

/* One line for a person who waits. */
static void show_patience(const struct probe *p, unsigned left)
{
	if (!isatty(STDERR_FILENO))
		return;
	(void)fprintf(stderr, "natprobe: still %u measurement%s under way", left,
		      left == 1 ? "" : "s");
	if (p->options.lifetime_s)
		(void)fprintf(stderr, "; lifetimes take up to %u s", p->options.lifetime_s + 5);
	(void)fputc('\n', stderr);
}

static void run_all(struct probe *p, struct task *tasks, unsigned n)
{
	cleanup_close int done = eventfd(0, EFD_CLOEXEC);
	uint64_t patient = clock_now() + PATIENT_NS, count;
	unsigned left = 0;

	for (unsigned i = 0; i < n; i++) {
		tasks[i].probe = p;
		tasks[i].done = done;
		left += start(&tasks[i]) == 0;
	}
	while (left && done >= 0) {
		struct pollfd pfd = {.fd = done, .events = POLLIN};

		if (door_poll(&pfd, 1, patient) == -ETIMEDOUT) {
			show_patience(p, left);
			patient = UINT64_MAX / 2;
		} else if (pfd.revents && read(done, &count, sizeof(count)) > 0) {
			left -= (unsigned)count;
		}
	}
	for (unsigned i = 0; i < n; i++)
		if (tasks[i].started)
			(void)pthread_join(tasks[i].thread, NULL);
}

/* ---- the reflector is there, and how far away ---- */

static void run_reach(struct task *t)
{
	cleanup_door struct door d = {0};
	struct addr seen;

	t->error = door_open(&d, t->probe, t->proto, &t->probe->local, 0);
	for (int i = 0; !t->error && i <= ROUND_TRIPS; i++) {
		uint64_t began = clock_now();

		t->error = door_reflect(&d, SPOT_MAIN, &seen);
		began = clock_now() - began;
		/* The first one may have to connect. */
		if (i > 0 && began > t->round_trip)
			t->round_trip = began;
	}
}

static int reach(struct probe *p, struct error *err)
{
	struct task tasks[PROTO_COUNT] = {{.run = run_reach, .proto = PROTO_TCP},
					  {.run = run_reach, .proto = PROTO_UDP}};
	char at[ADDR_TEXT_MAX];
	uint64_t round_trip = 0;

	run_all(p, tasks, PROTO_COUNT);
	for (int i = 0; i < PROTO_COUNT; i++) {
		p->seen.proto[i].reached = tasks[i].started && !tasks[i].error;
		p->seen.proto[i].inside = p->local;
		if (!p->seen.proto[i].reached)
			probe_note(p, "%s: no answer from the reflector at %s: %s", proto_names[i],
				   addr_format(&p->spots[SPOT_MAIN], at),
				   strerror(-tasks[i].error));
		else if (tasks[i].round_trip > round_trip)
			round_trip = tasks[i].round_trip;
	}
	p->grace += 4 * round_trip;
	if (round_trip > FAR_NS)
		p->grace += FAR_GRACE_NS;
	if (p->seen.proto[PROTO_TCP].reached || p->seen.proto[PROTO_UDP].reached)
		return 0;
	return error_set(err, ENOTCONN, "no reflector answers at %s: TCP: %s; UDP: %s",
			 addr_format(&p->spots[SPOT_MAIN], at), strerror(-tasks[PROTO_TCP].error),
			 strerror(-tasks[PROTO_UDP].error));
}

/* ---- the measurements ---- */

static void run_ports(struct task *t)
{
	measure_mapping(t->probe, t->proto);
	measure_flows(t->probe, t->proto);
}

static void run_measure(struct task *t)
{
	t->measure(t->probe, t->proto);
}

static void run_lifetime(struct task *t)
{
	measure_lifetime(t->probe, t->lifetime);
}

static void measure_ports(struct probe *p)
{
	struct task tasks[PROTO_COUNT];
	unsigned n = 0;

	for (int i = 0; i < PROTO_COUNT; i++)
		if (p->seen.proto[i].reached)
			tasks[n++] = (struct task){.run = run_ports, .proto = i};
	run_all(p, tasks, n);
}

static void measure_rest(struct probe *p)
{
	static const struct {
		void (*measure)(struct probe *p, enum proto proto);
		bool tcp_only, full, needs_second;
	} parts[] = {
		{measure_filtering, false, false, false},  {measure_hairpin, false, false, false},
		{measure_unsolicited, true, false, false}, {measure_sequential, true, true, false},
		{measure_simultaneous, true, true, false}, {measure_clashes, false, true, true},
	};
	struct task tasks[TASKS_MAX];
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if ((parts[i].full && p->options.quick) ||
		    (parts[i].needs_second && !p->seen.second))
			continue;
		for (int proto = 0; proto < PROTO_COUNT; proto++)
			if (p->seen.proto[proto].reached &&
			    !(parts[i].tcp_only && proto != PROTO_TCP))
				tasks[n++] = (struct task){.run = run_measure,
							   .measure = parts[i].measure,
							   .proto = proto};
	}
	for (int i = 0; p->options.lifetime_s && i < LIFETIME_COUNT; i++)
		if (p->seen.proto[i == LIFETIME_TCP_ESTABLISHED ? PROTO_TCP : PROTO_UDP].reached)
			tasks[n++] = (struct task){.run = run_lifetime, .lifetime = i};
	run_all(p, tasks, n);
}

/* The address that the kernel takes on the way to the reflector. */
static int find_local(struct probe *p, struct error *err)
{
	struct addr any = {.family = p->spots[SPOT_MAIN].family};
	char text[ADDR_TEXT_MAX];
	cleanup_close int fd = -1;
	int r;

	if (p->local.family != AF_UNSPEC)
		return 0;
	fd = sock_bind(SOCK_DGRAM, &any);
	r = fd < 0 ? fd : sock_connect(fd, &p->spots[SPOT_MAIN]);
	if (!r)
		r = sock_local(fd, &p->local);
	p->local.port = 0;
	return r < 0 ? error_sys(err, -r, "no way to %s",
				 addr_format_host(&p->spots[SPOT_MAIN], text))
		     : 0;
}

int probe_run(struct probe *p, struct error *err)
{
	const struct probe_options *o = &p->options;
	unsigned start_at[2] = {0};
	int r;

	/* Two runs shortly after each other have nothing in common. */
	if (getrandom(start_at, sizeof(start_at), 0) != sizeof(start_at))
		return error_sys(err, errno, "getrandom");
	atomic_init(&p->ports, start_at[0] % PORTS_COUNT);
	atomic_init(&p->tokens, start_at[1]);
	spot_fill(&o->addrs[0], &o->addrs[1], o->port, p->spots);
	p->local = o->local;
	p->grace = o->patience_ms * NS_PER_MS;
	p->deadline =
		clock_now() + DEADLINE_NS + (o->lifetime_s ? o->lifetime_s + 10 : 0) * NS_PER_S;
	p->seen.second = o->second.family != AF_UNSPEC;
	p->seen.full = !o->quick;
	r = find_local(p, err);
	if (!r)
		r = reach(p, err);
	if (r < 0)
		return r;
	measure_ports(p);
	measure_rest(p);
	return 0;
}
