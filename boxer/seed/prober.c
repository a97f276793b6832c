/* SPDX-License-Identifier: MIT */
#include "boxer/seed/prober.h"

#include "base/clock.h"
#include "boxer/sock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

enum { OTHER_PORT, OTHER_HOST, DIALS };

struct dial {
	struct probe *probe;
	struct ev_io io; /* active while it is under way */
	struct addr source;
	enum probe_outcome outcome;
};

struct probe {
	TAILQ_ENTRY(probe) link;
	struct prober *prober;
	void *who;
	struct addr target;
	uint64_t asked_at;
	struct dial dials[DIALS];
	struct ev_timer timer;
};

TAILQ_HEAD(probe_list, probe);

struct prober {
	struct ev_loop *loop;
	prober_done *done;
	void *arg;
	struct probe_list running, waiting;
	size_t n_running;
};

struct probe_finding probe_judge(enum probe_outcome other_port, enum probe_outcome other_host)
{
	struct probe_finding f = {0};

	if (other_host == PROBE_CONNECTED)
		f.filtering = PROFILE_FILTERING_EIF;
	else if (other_port == PROBE_CONNECTED)
		f.filtering = other_host == PROBE_FAILED ? PROFILE_FILTERING_NOT_APDF
							 : PROFILE_FILTERING_ADF;
	else if (other_port != PROBE_FAILED)
		f.filtering = PROFILE_FILTERING_APDF;
	if (other_port == PROBE_REFUSED || other_host == PROBE_REFUSED)
		f.refusal = PROFILE_REFUSAL_REFUSES;
	else if (other_port == PROBE_SILENT || other_host == PROBE_SILENT)
		f.refusal = PROFILE_REFUSAL_NONE;
	return f;
}

static void stop_dial(struct dial *d)
{
	if (!ev_is_active(&d->io))
		return;
	ev_io_stop(d->probe->prober->loop, &d->io);
	sock_reset(d->io.fd);
}

static void start_waiting(struct prober *p);

static void probe_free(struct probe *probe, struct probe_list *list)
{
	struct prober *p = probe->prober;

	for (int i = 0; i < DIALS; i++)
		stop_dial(&probe->dials[i]);
	ev_timer_stop(p->loop, &probe->timer);
	TAILQ_REMOVE(list, probe, link);
	if (list == &p->running)
		p->n_running--;
	free(probe);
}

static void finish(struct probe *probe)
{
	struct prober *p = probe->prober;
	struct probe_finding finding =
		probe_judge(probe->dials[OTHER_PORT].outcome, probe->dials[OTHER_HOST].outcome);
	void *who = probe->who;

	probe_free(probe, &p->running);
	start_waiting(p);
	p->done(p->arg, who, &finding);
}

static void finish_if_over(struct probe *probe)
{
	for (int i = 0; i < DIALS; i++)
		if (ev_is_active(&probe->dials[i].io))
			return;
	finish(probe);
}

static enum probe_outcome outcome_of(int error)
{
	switch (error) {
	case 0:
	case ECONNRESET: /* the member has hung up already; a SYN is refused by ECONNREFUSED */
	case EPIPE:
		return PROBE_CONNECTED;
	case ETIMEDOUT:
		return PROBE_SILENT;
	default: /* a reset, or one of the ICMP errors */
		return PROBE_REFUSED;
	}
}

static void on_connected(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct dial *d = w->data;

	(void)loop;
	(void)revents;
	d->outcome = outcome_of(-sock_error(w->fd));
	stop_dial(d);
	finish_if_over(d->probe);
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	finish(w->data);
}

/* What fails at once has failed here: no port, no descriptor, no route. */
static void start_dial(struct dial *d)
{
	const struct addr *target = &d->probe->target;
	int fd;

	d->outcome = PROBE_FAILED;
	if (d->source.family != target->family)
		return;
	fd = sock_shared(&d->source, target->family);
	if (fd < 0)
		return;
	if (sock_connect(fd, target, target->family) < 0) {
		(void)close(fd);
		return;
	}
	d->outcome = PROBE_SILENT;
	ev_io_set(&d->io, fd, EV_WRITE);
	ev_io_start(d->probe->prober->loop, &d->io);
}

static void start(struct probe *probe)
{
	struct prober *p = probe->prober;

	TAILQ_INSERT_TAIL(&p->running, probe, link);
	p->n_running++;
	for (int i = 0; i < DIALS; i++)
		start_dial(&probe->dials[i]);
	/* Also when nothing could be started: nobody is called back before the loop runs. */
	ev_timer_set(&probe->timer,
		     ev_is_active(&probe->dials[OTHER_PORT].io) ||
				     ev_is_active(&probe->dials[OTHER_HOST].io)
			     ? 1e-9 * (double)PROBER_NS
			     : 0.,
		     0.);
	ev_timer_start(p->loop, &probe->timer);
}

static void start_waiting(struct prober *p)
{
	struct probe *probe;

	while (p->n_running < PROBER_MAX && (probe = TAILQ_FIRST(&p->waiting))) {
		if (clock_now() - probe->asked_at > PROBER_WAIT_NS) {
			probe_free(probe, &p->waiting);
			continue;
		}
		TAILQ_REMOVE(&p->waiting, probe, link);
		start(probe);
	}
}

static struct probe *find(const struct probe_list *list, const void *who)
{
	struct probe *probe;

	TAILQ_FOREACH(probe, list, link)
		if (probe->who == who)
			return probe;
	return NULL;
}

int prober_ask(struct prober *p, void *who, const struct addr *target, const struct addr *first,
	       const struct addr *second)
{
	struct probe *probe;

	if (find(&p->running, who) || find(&p->waiting, who))
		return -EALREADY;
	probe = calloc(1, sizeof(*probe));
	if (!probe)
		return -ENOMEM;
	probe->prober = p;
	probe->who = who;
	probe->target = *target;
	probe->asked_at = clock_now();
	probe->dials[OTHER_PORT].source = *first;
	if (second)
		probe->dials[OTHER_HOST].source = *second;
	for (int i = 0; i < DIALS; i++) {
		probe->dials[i].probe = probe;
		probe->dials[i].source.port = 0;
		ev_io_init(&probe->dials[i].io, on_connected, -1, EV_WRITE);
		probe->dials[i].io.data = &probe->dials[i];
	}
	ev_timer_init(&probe->timer, on_deadline, 0., 0.);
	probe->timer.data = probe;
	TAILQ_INSERT_TAIL(&p->waiting, probe, link);
	start_waiting(p);
	return 0;
}

void prober_forget(struct prober *p, const void *who)
{
	struct probe *running = find(&p->running, who), *waiting = find(&p->waiting, who);

	if (running)
		probe_free(running, &p->running);
	if (waiting)
		probe_free(waiting, &p->waiting);
	start_waiting(p);
}

struct prober *prober_new(struct ev_loop *loop, prober_done *done, void *arg)
{
	struct prober *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->loop = loop;
	p->done = done;
	p->arg = arg;
	TAILQ_INIT(&p->running);
	TAILQ_INIT(&p->waiting);
	return p;
}

void prober_free(struct prober *p)
{
	if (!p)
		return;
	while (!TAILQ_EMPTY(&p->running))
		probe_free(TAILQ_FIRST(&p->running), &p->running);
	while (!TAILQ_EMPTY(&p->waiting))
		probe_free(TAILQ_FIRST(&p->waiting), &p->waiting);
	free(p);
}
