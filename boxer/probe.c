/* SPDX-License-Identifier: MIT */
#include "boxer/probe.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/acceptor.h"
#include "boxer/observation.h"
#include "boxer/sock.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#define PROBE_BACKLOG 4

struct probe {
	struct probe_config config;
	struct acceptor acceptor;
	struct addr at;
	struct observation *observation; /* stays open: it holds the mapping; NULL: in a pause */
	unsigned times;
	struct ev_timer timer;
};

static void on_accepted(void *arg, int fd, const struct addr *from)
{
	(void)arg;
	(void)from;
	sock_reset(fd);
}

static void arm(struct probe *p, uint64_t after_ns)
{
	ev_timer_stop(p->config.loop, &p->timer);
	ev_timer_set(&p->timer, 1e-9 * (double)after_ns, 0.);
	ev_timer_start(p->config.loop, &p->timer);
}

static void on_seen(void *arg, const struct addr *seen)
{
	struct probe *p = arg;

	arm(p, PROBE_NS);
	p->config.ask(p->config.arg, seen->port);
}

static const struct observation_ops observation_ops;

static int observe(struct probe *p)
{
	p->times++;
	p->observation = observation_start(p->config.loop, &p->at, &p->config.observer,
					   p->config.key, NULL, &observation_ops, p);
	if (!p->observation)
		return -ENOMEM;
	arm(p, 2 * OBSERVATION_NS); /* it has a deadline of its own */
	return 0;
}

static void on_unseen(void *arg, enum reason reason)
{
	struct probe *p = arg;

	(void)reason;
	observation_free(p->observation);
	p->observation = NULL;
	if (p->times < PROBE_TIMES_MAX)
		arm(p, PROBE_RETRY_NS);
	else
		p->config.over(p->config.arg);
}

static const struct observation_ops observation_ops = {on_seen, on_unseen};

/* Return: 0, or -errno when there is no port to be had. */
static int listen_somewhere(struct probe *p)
{
	cleanup_close int fd = -1;
	int r;

	p->at = p->config.inside;
	p->at.port = 0;
	fd = sock_shared(&p->at, p->at.family);
	if (fd < 0)
		return fd;
	r = sock_listen(fd, PROBE_BACKLOG);
	if (r == 0)
		r = sock_local(fd, &p->at);
	if (r == 0)
		acceptor_start(&p->acceptor, p->config.loop, take_fd(&fd), on_accepted, p);
	return r;
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct probe *p = w->data;
	int r = 0;

	(void)loop;
	(void)revents;
	if (p->times == 0)
		r = listen_somewhere(p);
	if (r < 0 || p->observation || observe(p) < 0)
		p->config.over(p->config.arg);
}

struct probe *probe_start(const struct probe_config *config)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->config = *config;
	ev_timer_init(&p->timer, on_timer, 0., 0.);
	p->timer.data = p;
	arm(p, config->delay_ns);
	return p;
}

uint64_t probe_delay_ns(size_t members)
{
	uint64_t most = members * PROBE_SPREAD_NS;

	if (members <= PROBE_CROWD)
		return 0;
	return randombytes_uniform((uint32_t)(most / NS_PER_US)) * NS_PER_US;
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	ev_timer_stop(p->config.loop, &p->timer);
	observation_free(p->observation);
	acceptor_stop(&p->acceptor);
	free(p);
}
