/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A peer always has a punch attempt: under way, won (then @link is the winner's
 * channel), or lost (then @timer starts the next one). Each candidate of the
 * attempt has a socket in one of two forms: connecting (an ev_io waits for it),
 * or connected (a channel proves who is there). All sockets of all peers are
 * bound to the one control port, so that a NAT with endpoint-independent mapping
 * shows them all under the endpoint that the seed observed. The same port is
 * listened on as well: a node without a NAT in front is reached by that.
 *
 * Of two nodes the one with the lower id controls: it selects.
 */
#include "boxer/peer.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/acceptor.h"
#include "boxer/channel.h"
#include "boxer/punch.h"
#include "boxer/sock.h"

#include <sodium.h>
#include <string.h>
#include <sys/queue.h>

#define PEER_BACKLOG 256

struct attempt {
	struct peer *peer;
	size_t index;
	struct ev_io io; /* active while connecting */
	struct channel *channel;
};

struct peer {
	LIST_ENTRY(peer) link;
	struct peers *set;
	struct frame_member member;
	struct punch punch;
	struct attempt attempts[PUNCH_CANDIDATES_MAX];
	struct channel *channel; /* the winner's; NULL while there is no link */
	struct ev_timer timer;
	uint64_t started_at;
	enum reason reason;
};

struct incoming {
	TAILQ_ENTRY(incoming) link;
	struct peers *set;
	struct channel *channel;
};

struct peers {
	struct peers_config config;
	struct acceptor acceptor;
	LIST_HEAD(, peer) list;
	TAILQ_HEAD(, incoming) incoming;
	size_t n_incoming, n_linked;
};

static const struct channel_ops attempt_ops, link_ops;

static struct peer *find(const struct peers *set, uint32_t id)
{
	struct peer *p;

	LIST_FOREACH(p, &set->list, link)
		if (p->member.id == id)
			return p;
	return NULL;
}

static void close_attempt(struct attempt *a)
{
	struct ev_loop *loop = a->peer->set->config.loop;

	if (ev_is_active(&a->io)) {
		ev_io_stop(loop, &a->io);
		(void)close(a->io.fd);
	}
	channel_free(a->channel);
	a->channel = NULL;
}

static void arm(struct peer *p, uint64_t at)
{
	uint64_t now = clock_now();

	ev_timer_stop(p->set->config.loop, &p->timer);
	if (at == UINT64_MAX)
		return;
	ev_timer_set(&p->timer, at > now ? 1e-9 * (double)(at - now) : 0., 0.);
	ev_timer_start(p->set->config.loop, &p->timer);
}

static void step(struct peer *p, enum punch_event_kind kind, size_t candidate, int error);

static int open_attempt(struct attempt *a)
{
	const struct peers_config *config = &a->peer->set->config;
	const struct addr *to = &a->peer->punch.candidates[a->index].addr;
	int fd = sock_shared(&config->inside, config->inside.family);
	int r = fd;

	if (fd >= 0)
		r = sock_connect(fd, to, config->inside.family);
	if (r < 0) {
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	/* The next attempt needs the same 4-tuple: nothing may linger on it. */
	sock_reset_on_close(fd);
	ev_io_set(&a->io, fd, EV_WRITE);
	ev_io_start(config->loop, &a->io);
	return 0;
}

static void told_up(struct peer *p)
{
	struct peers *set = p->set;
	struct peer_link link = {.id = p->member.id, .took_ns = clock_now() - p->started_at};

	(void)sock_local(channel_fd(p->channel), &link.local);
	(void)sock_remote(channel_fd(p->channel), &link.remote);
	set->n_linked++;
	set->config.ops->up(set->config.arg, &link);
}

static void won(struct peer *p)
{
	struct attempt *a = &p->attempts[p->punch.winner];

	p->channel = a->channel;
	a->channel = NULL;
	channel_own(p->channel, &link_ops, p);
	told_up(p);
}

static void lost(struct peer *p, enum reason reason)
{
	p->reason = reason;
	arm(p, clock_now() + PEER_PAUSE_NS);
	p->set->config.ops->lost(p->set->config.arg, p->member.id, reason);
}

static void carry_out(struct peer *p, const struct punch_actions *actions)
{
	for (size_t i = 0; i < actions->n; i++) {
		struct attempt *a = &p->attempts[actions->list[i].candidate];
		int r;

		switch (actions->list[i].kind) {
		case PUNCH_OPEN:
			close_attempt(a);
			r = open_attempt(a);
			if (r < 0)
				step(p, PUNCH_REFUSED, a->index, -r);
			break;
		case PUNCH_SELECT:
			(void)channel_send(a->channel, FRAME_SELECT, NULL, 0);
			break;
		case PUNCH_CLOSE:
			close_attempt(a);
			break;
		}
	}
}

/* After the machine has moved: is it over, and when does it want to wake up? */
static void settle(struct peer *p, enum punch_state before)
{
	if (p->punch.state == PUNCH_TRYING) {
		arm(p, punch_wake_at(&p->punch));
		return;
	}
	if (before != PUNCH_TRYING)
		return;
	arm(p, UINT64_MAX);
	if (p->punch.state == PUNCH_DONE)
		won(p);
	else
		lost(p, p->punch.reason);
}

static void step(struct peer *p, enum punch_event_kind kind, size_t candidate, int error)
{
	struct punch_event event = {.kind = kind, .candidate = candidate, .error = error};
	enum punch_state before = p->punch.state;
	struct punch_actions actions;

	punch_step(&p->punch, &event, clock_now(), &actions);
	carry_out(p, &actions);
	settle(p, before);
}

static size_t candidates_of(const struct peers_config *config, const struct frame_member *m,
			    struct addr ret[static 2])
{
	size_t n = 0;

	ret[n++] = m->external;
	/* Behind the same public address: perhaps behind the same NAT (Ford 2005, 3.3). */
	if (addr_same_host(&m->external, &config->external) &&
	    !addr_same_host(&m->inside, &config->inside) && m->inside.port != 0 &&
	    !addr_equal(&m->inside, &m->external))
		ret[n++] = m->inside;
	return n;
}

static void start(struct peer *p)
{
	const struct peers_config *config = &p->set->config;
	struct punch_actions actions;
	struct addr candidates[2];
	size_t n = candidates_of(config, &p->member, candidates);
	uint64_t now = clock_now(), seed;

	randombytes_buf(&seed, sizeof(seed));
	p->started_at = now;
	punch_start(&p->punch, candidates, n, config->self < p->member.id, now, now + PEER_PUNCH_NS,
		    seed, &actions);
	carry_out(p, &actions);
	settle(p, PUNCH_TRYING);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct peer *p = w->data;

	(void)loop;
	(void)revents;
	if (p->punch.state == PUNCH_TRYING)
		step(p, PUNCH_TICK, 0, 0);
	else
		start(p);
}

static void on_connected(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct attempt *a = w->data;
	struct peer *p = a->peer;
	const struct peers_config *config = &p->set->config;
	int r = sock_error(w->fd);

	(void)revents;
	ev_io_stop(loop, w);
	if (r < 0) {
		(void)close(w->fd);
		step(p, PUNCH_REFUSED, a->index, -r);
		return;
	}
	a->channel =
		channel_new(loop, w->fd, config->key, config->self, p->member.id, &attempt_ops, a);
	if (!a->channel) {
		step(p, PUNCH_REFUSED, a->index, ENOMEM);
		return;
	}
	step(p, PUNCH_CONNECTED, a->index, 0);
}

static void attempt_ready(struct channel *ch, void *arg)
{
	struct attempt *a = arg;

	(void)ch;
	step(a->peer, PUNCH_PROVEN, a->index, 0);
}

static void attempt_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body,
			  size_t len)
{
	struct attempt *a = arg;

	(void)ch;
	(void)body;
	(void)len;
	if (type == FRAME_SELECT)
		step(a->peer, PUNCH_SELECTED, a->index, 0);
}

static void attempt_closed(struct channel *ch, void *arg, enum reason reason)
{
	struct attempt *a = arg;

	(void)reason;
	channel_free(ch);
	a->channel = NULL;
	step(a->peer, PUNCH_DISPROVEN, a->index, 0);
}

static const struct channel_ops attempt_ops = {attempt_ready, attempt_frame, attempt_closed};

static void link_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	struct peer *p = arg;

	(void)ch;
	p->set->config.ops->frame(p->set->config.arg, p->member.id, type, body, len);
}

static void link_closed(struct channel *ch, void *arg, enum reason reason)
{
	struct peer *p = arg;

	channel_free(ch);
	p->channel = NULL;
	p->set->n_linked--;
	lost(p, reason);
}

static const struct channel_ops link_ops = {NULL, link_frame, link_closed};

static void incoming_free(struct incoming *in)
{
	TAILQ_REMOVE(&in->set->incoming, in, link);
	in->set->n_incoming--;
	channel_free(in->channel);
	free(in);
}

static void incoming_ready(struct channel *ch, void *arg)
{
	struct incoming *in = arg;
	struct peer *p = find(in->set, channel_peer(ch));
	size_t i;

	/* A stranger, or a second way to a peer that already has a link. */
	if (!p || p->punch.state != PUNCH_TRYING || p->punch.n_candidates == PUNCH_CANDIDATES_MAX) {
		incoming_free(in);
		return;
	}
	i = p->punch.n_candidates;
	p->attempts[i].channel = ch;
	channel_own(ch, &attempt_ops, &p->attempts[i]);
	in->channel = NULL;
	incoming_free(in);
	step(p, PUNCH_ADOPTED, i, 0);
}

static void incoming_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body,
			   size_t len)
{
	(void)ch;
	(void)arg;
	(void)type;
	(void)body;
	(void)len;
}

static void incoming_closed(struct channel *ch, void *arg, enum reason reason)
{
	(void)ch;
	(void)reason;
	incoming_free(arg);
}

static const struct channel_ops incoming_ops = {incoming_ready, incoming_frame, incoming_closed};

static void on_accepted(void *arg, int fd, const struct addr *from)
{
	struct peers *set = arg;
	struct incoming *in;

	(void)from;
	if (set->n_incoming == PEER_INCOMING_MAX)
		incoming_free(TAILQ_FIRST(&set->incoming));
	in = calloc(1, sizeof(*in));
	if (!in) {
		(void)close(fd);
		return;
	}
	sock_reset_on_close(fd);
	in->set = set;
	TAILQ_INSERT_TAIL(&set->incoming, in, link);
	set->n_incoming++;
	in->channel = channel_new(set->config.loop, fd, set->config.key, set->config.self,
				  FRAME_ID_JOINING, &incoming_ops, in);
	if (!in->channel)
		incoming_free(in);
}

int peers_new(const struct peers_config *config, struct peers **ret_peers)
{
	cleanup_close int fd = sock_shared(&config->inside, config->inside.family);
	struct peers *set;
	int r;

	if (fd < 0)
		return fd;
	r = sock_listen(fd, PEER_BACKLOG);
	if (r < 0)
		return r;
	set = calloc(1, sizeof(*set));
	if (!set)
		return -ENOMEM;
	set->config = *config;
	LIST_INIT(&set->list);
	TAILQ_INIT(&set->incoming);
	acceptor_start(&set->acceptor, config->loop, take_fd(&fd), on_accepted, set);
	*ret_peers = set;
	return 0;
}

static void peer_free(struct peer *p)
{
	for (size_t i = 0; i < PUNCH_CANDIDATES_MAX; i++)
		close_attempt(&p->attempts[i]);
	if (p->channel) {
		channel_free(p->channel);
		p->set->n_linked--;
	}
	ev_timer_stop(p->set->config.loop, &p->timer);
	LIST_REMOVE(p, link);
	free(p);
}

void peers_free(struct peers *set)
{
	if (!set)
		return;
	while (!LIST_EMPTY(&set->list))
		peer_free(LIST_FIRST(&set->list));
	while (!TAILQ_EMPTY(&set->incoming))
		incoming_free(TAILQ_FIRST(&set->incoming));
	acceptor_stop(&set->acceptor);
	free(set);
}

int peers_add(struct peers *set, const struct frame_member *member)
{
	struct peer *p = find(set, member->id);

	if (p)
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->set = set;
	p->member = *member;
	ev_timer_init(&p->timer, on_timer, 0., 0.);
	p->timer.data = p;
	for (size_t i = 0; i < PUNCH_CANDIDATES_MAX; i++) {
		p->attempts[i].peer = p;
		p->attempts[i].index = i;
		ev_io_init(&p->attempts[i].io, on_connected, -1, EV_WRITE);
		p->attempts[i].io.data = &p->attempts[i];
	}
	LIST_INSERT_HEAD(&set->list, p, link);
	start(p);
	return 0;
}

void peers_remove(struct peers *set, uint32_t id)
{
	struct peer *p = find(set, id);

	if (p)
		peer_free(p);
}

size_t peers_linked(const struct peers *set)
{
	return set->n_linked;
}

int peers_send(struct peers *set, uint32_t id, uint8_t type, const uint8_t *body, size_t len)
{
	const struct peer *p = find(set, id);

	return p && p->channel ? channel_send(p->channel, type, body, len) : -ENOTCONN;
}

bool peers_is_near(const struct peers *set, uint32_t id)
{
	const struct peer *p = find(set, id);
	struct addr remote;

	return p && p->channel && sock_remote(channel_fd(p->channel), &remote) == 0 &&
	       addr_same_host(&remote, &p->member.inside) &&
	       !addr_same_host(&remote, &p->member.external);
}

enum reason peers_reason(const struct peers *set, uint32_t id)
{
	const struct peer *p = find(set, id);

	if (!p)
		return REASON_NOT_A_MEMBER;
	return p->reason != REASON_NONE ? p->reason : REASON_NO_LINK;
}
