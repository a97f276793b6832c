/* SPDX-License-Identifier: MIT */
#include "boxer/callers.h"

#include "base/cleanup.h"
#include "boxer/acceptor.h"
#include "boxer/reception.h"
#include "boxer/sock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#define CALLERS_BACKLOG 256

struct caller {
	TAILQ_ENTRY(caller) link;
	struct callers *set;
	struct channel *channel;
	struct ev_timer timer; /* runs while it waits to be announced */
	bool selected;	       /* and it has said SELECT meanwhile */
};

struct callers {
	struct callers_config config;
	struct acceptor acceptor;
	struct reception *reception;
	TAILQ_HEAD(, caller) list; /* the oldest first */
	size_t n;
};

static void hang_up(struct caller *c)
{
	TAILQ_REMOVE(&c->set->list, c, link);
	c->set->n--;
	ev_timer_stop(c->set->config.loop, &c->timer);
	channel_free(c->channel);
	free(c);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	hang_up(w->data);
}

static void on_ready(struct channel *ch, void *arg)
{
	struct caller *c = arg;
	const struct callers_config *config = &c->set->config;

	switch (config->judge(config->arg, ch, c->selected)) {
	case CALLER_TAKEN:
		c->channel = NULL;
		hang_up(c);
		break;
	case CALLER_UNWANTED:
		hang_up(c);
		break;
	case CALLER_UNKNOWN:
		/* Perhaps a member that was told of us before we are told of it. */
		ev_timer_set(&c->timer, 1e-9 * (double)CALLERS_UNKNOWN_NS, 0.);
		ev_timer_start(config->loop, &c->timer);
		break;
	}
}

/* What it says but for SELECT would be lost: it shall come again when it is known. */
static void on_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	struct caller *c = arg;

	(void)ch;
	(void)body;
	(void)len;
	if (type == FRAME_SELECT && !c->selected)
		c->selected = true;
	else
		hang_up(c);
}

static void on_closed(struct channel *ch, void *arg, enum reason reason)
{
	(void)ch;
	(void)reason;
	hang_up(arg);
}

static const struct channel_ops channel_ops = {on_ready, on_frame, on_closed};

static void on_hello(void *arg, const struct arrival *a)
{
	struct callers *set = arg;
	const struct channel_pace pace = channel_pace_of(set->config.silence_ns);
	struct caller *c;

	if (set->n == CALLERS_MAX)
		hang_up(TAILQ_FIRST(&set->list));
	c = calloc(1, sizeof(*c));
	if (!c) {
		(void)close(a->fd);
		return;
	}
	sock_reset_on_close(a->fd);
	c->set = set;
	ev_timer_init(&c->timer, on_timer, 0., 0.);
	c->timer.data = c;
	TAILQ_INSERT_TAIL(&set->list, c, link);
	set->n++;
	c->channel = channel_new(set->config.loop, a->fd, set->config.key, set->config.self,
				 FRAME_ID_JOINING, &channel_ops, c);
	if (c->channel)
		channel_set_pace(c->channel, &pace);
	else
		hang_up(c);
}

static void on_relay(void *arg, const struct arrival *a, const uint8_t *body, size_t len)
{
	struct callers *set = arg;

	if (set->config.relay)
		relay_take(set->config.relay, a, body, len);
	else
		(void)close(a->fd);
}

static const struct reception_ops reception_ops = {.hello = on_hello, .relay = on_relay};

static void on_accepted(void *arg, int fd, const struct addr *from)
{
	struct callers *set = arg;

	reception_take(set->reception, fd, from);
}

int callers_new(const struct callers_config *config, struct callers **ret_callers)
{
	cleanup_close int fd = sock_shared(&config->inside, config->inside.family);
	struct callers *set;
	int r;

	if (fd < 0)
		return fd;
	r = sock_listen(fd, CALLERS_BACKLOG);
	if (r < 0)
		return r;
	set = calloc(1, sizeof(*set));
	if (!set)
		return -ENOMEM;
	set->config = *config;
	set->reception = reception_new(config->loop, &reception_ops, set);
	if (!set->reception) {
		free(set);
		return -ENOMEM;
	}
	TAILQ_INIT(&set->list);
	acceptor_start(&set->acceptor, config->loop, take_fd(&fd), on_accepted, set);
	*ret_callers = set;
	return 0;
}

void callers_free(struct callers *set)
{
	if (!set)
		return;
	while (!TAILQ_EMPTY(&set->list))
		hang_up(TAILQ_FIRST(&set->list));
	acceptor_stop(&set->acceptor);
	reception_free(set->reception);
	free(set);
}

void callers_announce(struct callers *set, uint32_t id)
{
	struct caller *c;

	TAILQ_FOREACH(c, &set->list, link)
		if (ev_is_active(&c->timer) && channel_peer(c->channel) == id)
			break;
	if (c)
		on_ready(c->channel, c);
}
