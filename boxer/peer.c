/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A peer is in one of these forms:
 *
 *	linked	@channel is there
 *	trying	@attempt is there. It begins when a full set hears of the member,
 *		when a link is wanted, when the member says that it punches
 *		(INTRODUCE), or comes in by our listener while we do nothing
 *	pausing	an attempt has failed or a link was lost; @timer or, in a lazy set,
 *		@not_before holds the next one back, longer each time, until either
 *		record changes. Who begins again introduces itself, so that both do
 *	barred	the two NATs allow no link. Not tried until a record changes
 *
 * A lazy set has a struct peer only for those with whom it has had to do. The
 * control port is listened on as well: a node without a NAT in front is reached by
 * that. When somebody to whom there is a link comes in by it, that link has
 * probably died without a word; but it may also be the loser of the attempt that
 * has just been won, so the link is only asked whether it is still there.
 */
#include "boxer/peer.h"

#include "base/clock.h"
#include "boxer/callers.h"
#include "boxer/channel.h"
#include "boxer/parallel.h"
#include "boxer/sock.h"
#include "boxer/sorted.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct peer {
	struct peers *set;
	uint32_t id;
	struct addr external, inside; /* as it was tried last */
	struct profile profile;
	struct addr former[2]; /* external and inside, of another node that had the id */
	bool barred;
	struct channel *channel;
	struct parallel *attempt;
	struct ev_timer timer;
	uint64_t started_at, not_before, pause;
	uint64_t took_ns; /* of the link that is up */
	enum reason reason;
};

struct peers {
	struct peers_config config;
	struct profile profile; /* our own */
	struct callers *callers;
	struct peer **list; /* sorted by id */
	size_t n, room, n_linked;
};

static const struct channel_ops link_ops;
static const struct parallel_ops attempt_ops;

static uint32_t id_at(const void *list, size_t at)
{
	return ((struct peer *const *)list)[at]->id;
}

static size_t position(const struct peers *set, uint32_t id)
{
	return sorted_position(set->list, set->n, id, id_at);
}

static struct peer *find(const struct peers *set, uint32_t id)
{
	size_t at = position(set, id);

	return at < set->n && set->list[at]->id == id ? set->list[at] : NULL;
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents);

static struct peer *add(struct peers *set, const struct frame_member *member)
{
	size_t at = position(set, member->id);
	struct peer *p;

	if (set->n == set->room) {
		size_t room = set->room ? 2 * set->room : 16;
		struct peer **bigger = reallocarray(set->list, room, sizeof(*bigger));

		if (!bigger)
			return NULL;
		set->list = bigger;
		set->room = room;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->set = set;
	p->id = member->id;
	p->external = member->external;
	p->inside = member->inside;
	p->profile = member->profile;
	p->pause = PEER_PAUSE_NS;
	ev_timer_init(&p->timer, on_timer, 0., 0.);
	p->timer.data = p;
	(void)memmove(&set->list[at + 1], &set->list[at], (set->n - at) * sizeof(struct peer *));
	set->list[at] = p;
	set->n++;
	return p;
}

/* Behind the same public address: perhaps behind the same NAT (Ford 2005, 3.3). */
static bool is_neighbour(const struct peers *set, const struct addr *external,
			 const struct addr *inside)
{
	return addr_same_host(external, &set->config.external) && inside->port != 0 &&
	       !addr_same_host(inside, &set->config.inside);
}

static size_t candidates_of(const struct peer *p, struct addr ret[static 2])
{
	size_t n = 0;

	ret[n++] = p->external;
	if (is_neighbour(p->set, &p->external, &p->inside) && !addr_equal(&p->inside, &p->external))
		ret[n++] = p->inside;
	return n;
}

static bool may_link(const struct peers *set, const struct addr *external,
		     const struct addr *inside, const struct profile *profile)
{
	return is_neighbour(set, external, inside) || profile_may_link(&set->profile, profile);
}

static void stop_trying(struct peer *p)
{
	ev_timer_stop(p->set->config.loop, &p->timer);
	parallel_free(p->attempt);
	p->attempt = NULL;
}

static void pause_then_try(struct peer *p, uint64_t pause)
{
	struct ev_loop *loop = p->set->config.loop;

	/* So that many don't begin again at once after what has befallen all of them. */
	pause += randombytes_uniform((uint32_t)(pause / NS_PER_MS / 4) + 1) * NS_PER_MS;
	p->not_before = clock_now() + pause;
	if (p->set->config.lazy)
		return;
	ev_timer_stop(loop, &p->timer);
	ev_timer_set(&p->timer, 1e-9 * (double)pause, 0.);
	ev_timer_start(loop, &p->timer);
}

static void try_later(struct peer *p, enum reason reason)
{
	p->reason = reason;
	if (!p->barred)
		pause_then_try(p, p->pause);
	p->pause = 2 * p->pause < PEER_PAUSE_MAX_NS ? 2 * p->pause : PEER_PAUSE_MAX_NS;
}

static void start(struct peer *p)
{
	const struct peers_config *config = &p->set->config;
	const struct parallel_config attempt = {
		.loop = config->loop,
		.key = config->key,
		.self = config->self,
		.peer = p->id,
		.local = config->inside,
		.silence_ns = config->silence_ns,
	};
	struct addr candidates[2];
	size_t n = candidates_of(p, candidates);

	stop_trying(p);
	p->started_at = clock_now();
	p->attempt = parallel_start(&attempt, candidates, n, &attempt_ops, p);
	if (!p->attempt)
		pause_then_try(p, p->pause);
}

static void introduce_and_start(struct peer *p)
{
	const struct peers_config *config = &p->set->config;

	(void)config->ops->introduce(config->arg, p->id);
	start(p);
}

/* There is no link and no attempt, and something new is known: what now? */
static void consider(struct peer *p)
{
	const struct peers_config *config = &p->set->config;
	bool was_barred = p->barred;

	p->barred = !may_link(p->set, &p->external, &p->inside, &p->profile);
	if (p->channel)
		return;
	if (p->barred) {
		stop_trying(p);
		p->reason = REASON_NO_STRATEGY;
		if (!was_barred && !config->lazy)
			config->ops->none(config->arg, p->id, p->reason);
	} else if (!p->attempt && !config->lazy) {
		start(p);
	}
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	introduce_and_start(w->data);
}

static struct peer_link link_of(const struct peer *p)
{
	struct peer_link link = {.id = p->id, .took_ns = p->took_ns};

	(void)sock_local(channel_fd(p->channel), &link.local);
	(void)sock_remote(channel_fd(p->channel), &link.remote);
	return link;
}

static void attempt_won(void *arg, struct channel *ch)
{
	struct peer *p = arg;
	struct peers *set = p->set;
	struct peer_link link;

	stop_trying(p);
	p->took_ns = clock_now() - p->started_at;
	p->channel = ch;
	channel_own(ch, &link_ops, p);
	link = link_of(p);
	set->n_linked++;
	set->config.ops->up(set->config.arg, &link);
}

static void attempt_failed(void *arg, enum reason reason)
{
	struct peer *p = arg;

	stop_trying(p);
	try_later(p, reason);
	p->set->config.ops->none(p->set->config.arg, p->id, reason);
}

static uint64_t attempt_agree(void *arg)
{
	const struct peer *p = arg;
	const struct peers_config *config = &p->set->config;

	return config->ops->introduce(config->arg, p->id);
}

static const struct parallel_ops attempt_ops = {attempt_won, attempt_failed, attempt_agree};

static void link_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	const struct peer *p = arg;

	(void)ch;
	p->set->config.ops->frame(p->set->config.arg, p->id, type, body, len);
}

static void link_closed(struct channel *ch, void *arg, enum reason reason)
{
	struct peer *p = arg;

	channel_free(ch);
	p->channel = NULL;
	p->set->n_linked--;
	if (clock_now() - (p->started_at + p->took_ns) >= PEER_STEADY_NS)
		p->pause = PEER_PAUSE_NS;
	try_later(p, reason);
	/* Perhaps it goes for good: this is the last that is done with it. */
	p->set->config.ops->lost(p->set->config.arg, p->id, reason);
}

static const struct channel_ops link_ops = {NULL, link_frame, link_closed};

/* Who comes in: the peer that we have, or, in a lazy set, a member we had nothing to do with. */
static struct peer *who_is(struct peers *set, uint32_t id)
{
	struct peer *p = find(set, id);
	const struct frame_member *m;

	if (p || !set->config.lazy)
		return p;
	m = set->config.ops->find(set->config.arg, id);
	return m && id != set->config.self ? add(set, m) : NULL;
}

/*
 * The key proves no more than that it is a member, and may have been one with that id.
 * Of a NAT that changes ports the host must do, where it is not that of both.
 */
static bool is_former(const struct peer *p, const struct channel *ch)
{
	const struct addr *external = &p->former[0], *inside = &p->former[1];
	struct addr remote;

	if (external->family == AF_UNSPEC || sock_remote(channel_fd(ch), &remote) < 0)
		return false;
	return addr_equal(&remote, external) || addr_equal(&remote, inside) ||
	       (addr_same_host(&remote, external) && !addr_same_host(&remote, &p->external));
}

static enum caller_verdict on_caller(void *arg, struct channel *ch, bool selected)
{
	struct peer *p = who_is(arg, channel_peer(ch));

	if (!p)
		return CALLER_UNKNOWN;
	if (is_former(p, ch))
		return CALLER_UNWANTED;
	if (p->channel) {
		channel_check(p->channel, PEER_CHECK_NS);
		return CALLER_UNWANTED;
	}
	if (!p->attempt)
		start(p);
	return p->attempt && parallel_adopt(p->attempt, ch, selected) ? CALLER_TAKEN
								      : CALLER_UNWANTED;
}

int peers_new(const struct peers_config *config, struct peers **ret_peers)
{
	struct peers *set = calloc(1, sizeof(*set));
	const struct callers_config callers = {
		.loop = config->loop,
		.inside = config->inside,
		.key = config->key,
		.self = config->self,
		.relay = config->relay,
		.silence_ns = config->silence_ns,
		.judge = on_caller,
		.arg = set,
	};
	int r;

	if (!set)
		return -ENOMEM;
	set->config = *config;
	r = callers_new(&callers, &set->callers);
	if (r < 0) {
		free(set);
		return r;
	}
	*ret_peers = set;
	return 0;
}

static void peer_free(struct peer *p)
{
	struct peers *set = p->set;
	size_t at = position(set, p->id);

	stop_trying(p);
	if (p->channel) {
		channel_free(p->channel);
		set->n_linked--;
	}
	set->n--;
	(void)memmove(&set->list[at], &set->list[at + 1], (set->n - at) * sizeof(struct peer *));
	free(p);
}

void peers_free(struct peers *set)
{
	if (!set)
		return;
	while (set->n > 0)
		peer_free(set->list[set->n - 1]);
	callers_free(set->callers);
	free(set->list);
	free(set);
}

static void update(struct peer *p, const struct frame_member *m)
{
	bool moved = !addr_equal(&p->external, &m->external) || !addr_equal(&p->inside, &m->inside);

	if (!moved && profile_equal(&p->profile, &m->profile))
		return;
	p->external = m->external;
	p->inside = m->inside;
	p->profile = m->profile;
	p->pause = PEER_PAUSE_NS;
	p->not_before = 0;
	if (moved && p->channel)
		channel_check(p->channel, PEER_CHECK_NS);
	else if (moved && p->attempt)
		start(p); /* again, with the new endpoints */
	consider(p);
}

int peers_put(struct peers *set, const struct frame_member *member,
	      const struct frame_member *former)
{
	struct peer *p = find(set, member->id);

	if (p) {
		update(p, member);
		return 0;
	}
	if (!set->config.lazy || former) {
		p = add(set, member);
		if (!p)
			return -ENOMEM;
		if (former) {
			p->former[0] = former->external;
			p->former[1] = former->inside;
		}
		consider(p);
	}
	/* It may have come in before it was announced. */
	callers_announce(set->callers, member->id);
	return 0;
}

void peers_put_self(struct peers *set, const struct frame_member *self)
{
	bool moved = !addr_equal(&set->config.external, &self->external);

	if (!moved && profile_equal(&set->profile, &self->profile))
		return;
	set->config.external = self->external;
	set->profile = self->profile;
	for (size_t i = 0; i < set->n; i++) {
		struct peer *p = set->list[i];

		p->pause = PEER_PAUSE_NS;
		p->not_before = 0;
		if (moved && p->channel)
			channel_check(p->channel, PEER_CHECK_NS);
		consider(p);
	}
}

void peers_remove(struct peers *set, uint32_t id)
{
	struct peer *p = find(set, id);

	if (p)
		peer_free(p);
}

void peers_want(struct peers *set, uint32_t id)
{
	const struct frame_member *m;
	struct peer *p = find(set, id);

	/* A full set wants all of them anyway. */
	if (!set->config.lazy || id == set->config.self)
		return;
	m = set->config.ops->find(set->config.arg, id);
	if (!m || !may_link(set, &m->external, &m->inside, &m->profile))
		return;
	if (!p)
		p = add(set, m);
	if (p && !p->channel && !p->attempt && clock_now() >= p->not_before)
		introduce_and_start(p);
}

void peers_introduced(struct peers *set, uint32_t id)
{
	struct peer *p = who_is(set, id);

	if (!p)
		return;
	if (p->channel)
		channel_check(p->channel, PEER_CHECK_NS);
	else if (p->attempt)
		parallel_now(p->attempt);
	else
		start(p);
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

bool peers_is_linked(const struct peers *set, uint32_t id)
{
	const struct peer *p = find(set, id);

	return p && p->channel;
}

bool peers_is_barred(const struct peers *set, uint32_t id)
{
	const struct frame_member *m = set->config.ops->find(set->config.arg, id);

	return m && !peers_is_linked(set, id) &&
	       !may_link(set, &m->external, &m->inside, &m->profile);
}

bool peers_may_link(const struct peers *set, uint32_t id)
{
	const struct peer *p = find(set, id);

	return p && !p->channel && !p->barred;
}

uint64_t peers_round_trip_ns(const struct peers *set, uint32_t id)
{
	const struct peer *p = find(set, id);

	return p && p->channel ? sock_round_trip_ns(channel_fd(p->channel)) : 0;
}

bool peers_is_near(const struct peers *set, uint32_t id)
{
	const struct peer *p = find(set, id);
	struct addr remote;

	return p && p->channel && sock_remote(channel_fd(p->channel), &remote) == 0 &&
	       addr_same_host(&remote, &p->inside) && !addr_same_host(&remote, &p->external);
}

bool peers_link(const struct peers *set, uint32_t id, struct peer_link *ret_link)
{
	const struct peer *p = find(set, id);

	if (!p || !p->channel)
		return false;
	*ret_link = link_of(p);
	return true;
}

enum reason peers_reason(const struct peers *set, uint32_t id)
{
	const struct peer *p = find(set, id);

	if (!p && !set->config.ops->find(set->config.arg, id))
		return REASON_NOT_A_MEMBER;
	return p && p->reason != REASON_NONE ? p->reason : REASON_NO_LINK;
}
