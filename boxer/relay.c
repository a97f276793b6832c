/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A half waits until another one comes that has the same token and wants it. The two
 * become a splice (boxer/splice), which knows nothing of members and passes bytes.
 */
#include "boxer/relay.h"

#include "base/clock.h"
#include "boxer/auth.h"
#include "boxer/nonces.h"
#include "boxer/reason.h"
#include "boxer/sock.h"
#include "boxer/splice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

struct half {
	TAILQ_ENTRY(half) link;
	struct relay *relay;
	struct ev_io io;
	struct frame_relay wish;
	int fd;
	uint64_t since;
};

struct pair {
	TAILQ_ENTRY(pair) link;
	struct relay *relay;
	struct splice *splice;
	uint32_t from, to;
	uint64_t since;
};

struct relay {
	struct relay_config config;
	TAILQ_HEAD(, half) halves; /* the oldest first */
	TAILQ_HEAD(, pair) pairs;
	size_t n_halves, n_pairs, max_halves, max_pairs;
	struct ev_timer timer;
	struct nonces nonces;
};

/* Its first bytes on this connection always fit. */
static int answer(int fd, enum reason reason)
{
	uint8_t frame[FRAME_HEADER_LEN + 2];
	int len = frame_encode_reason((uint16_t)reason, frame + FRAME_HEADER_LEN, 2);

	frame_put_header(frame, FRAME_RELAYED, (uint32_t)len);
	return send(fd, frame, sizeof(frame), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(frame)
		       ? 0
		       : -EPIPE;
}

static void refuse(int fd, enum reason reason)
{
	(void)answer(fd, reason);
	(void)close(fd);
}

/* Return: the descriptor, which is the caller's now. */
static int half_free(struct half *h)
{
	int fd = h->fd;

	ev_io_stop(h->relay->config.loop, &h->io);
	TAILQ_REMOVE(&h->relay->halves, h, link);
	h->relay->n_halves--;
	free(h);
	return fd;
}

static void pair_free(struct pair *p)
{
	splice_free(p->splice);
	TAILQ_REMOVE(&p->relay->pairs, p, link);
	p->relay->n_pairs--;
	free(p);
}

/* @there: from who came first. */
static void on_spliced(void *arg, uint64_t there, uint64_t back)
{
	const struct pair over = *(struct pair *)arg;

	/* When the event is read, nothing of it is left. */
	pair_free(arg);
	EMIT(over.relay->config.events, "relayed", EV_NUMBER("from", over.from),
	     EV_NUMBER("to", over.to), EV_NUMBER("there", there), EV_NUMBER("back", back),
	     EV_MS("ms", clock_now() - over.since));
}

static int join_pair(struct relay *r, const struct frame_relay *first, int a, int b)
{
	struct pair *p = r->n_pairs < r->max_pairs ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return -ENOMEM;
	p->relay = r;
	p->from = first->from;
	p->to = first->to;
	p->since = clock_now();
	p->splice = splice_new(r->config.loop, a, b, RELAY_BUFFER, on_spliced, p);
	if (!p->splice) {
		free(p);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&r->pairs, p, link);
	r->n_pairs++;
	return 0;
}

static void unite(struct half *h, int other)
{
	struct relay *r = h->relay;
	struct frame_relay first = h->wish;
	int fd = half_free(h);

	/* One of them may have gone meanwhile; then the splice ends at once. */
	if (r->n_pairs >= r->max_pairs) {
		refuse(fd, REASON_LOCAL);
		refuse(other, REASON_LOCAL);
		return;
	}
	(void)answer(fd, REASON_NONE);
	(void)answer(other, REASON_NONE);
	if (join_pair(r, &first, fd, other) < 0) {
		(void)close(fd);
		(void)close(other);
	}
}

/* It hangs up, or it speaks before it was answered: that is for the other half, later. */
static void on_half_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct half *h = w->data;
	char byte;
	ssize_t n = recv(w->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	(void)revents;
	if (n > 0)
		ev_io_stop(loop, w);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		(void)close(half_free(h));
}

static void arm(struct relay *r)
{
	const struct half *oldest = TAILQ_FIRST(&r->halves);
	uint64_t now = clock_now(), due;

	if (!oldest || ev_is_active(&r->timer))
		return;
	due = oldest->since + RELAY_WAITING_NS;
	ev_timer_set(&r->timer, due > now ? 1e-9 * (double)(due - now) : 0., 0.);
	ev_timer_start(r->config.loop, &r->timer);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct relay *r = w->data;
	uint64_t now = clock_now();
	struct half *h;

	(void)loop;
	(void)revents;
	while ((h = TAILQ_FIRST(&r->halves)) && now - h->since >= RELAY_WAITING_NS)
		refuse(half_free(h), REASON_TIMEOUT);
	arm(r);
}

static void await_other(struct relay *r, int fd, const struct frame_relay *wish)
{
	struct half *h = calloc(1, sizeof(*h));

	if (!h) {
		refuse(fd, REASON_LOCAL);
		return;
	}
	if (r->n_halves >= r->max_halves)
		refuse(half_free(TAILQ_FIRST(&r->halves)), REASON_LOCAL);
	h->relay = r;
	h->wish = *wish;
	h->fd = fd;
	h->since = clock_now();
	ev_io_init(&h->io, on_half_readable, fd, EV_READ);
	h->io.data = h;
	ev_io_start(r->config.loop, &h->io);
	TAILQ_INSERT_TAIL(&r->halves, h, link);
	r->n_halves++;
	arm(r);
}

static struct half *find_other(const struct relay *r, const struct frame_relay *wish)
{
	struct half *h;

	TAILQ_FOREACH(h, &r->halves, link)
		if (h->wish.from == wish->to && h->wish.to == wish->from &&
		    memcmp(h->wish.token, wish->token, sizeof(wish->token)) == 0)
			return h;
	return NULL;
}

/* Return: 0, or -errno: malformed, without the key, or heard before. */
static int judge(struct relay *r, const uint8_t *body, size_t len, struct frame_relay *ret)
{
	int e = frame_decode_relay(body, len, ret);

	if (e < 0)
		return e;
	/* The code covers all that stands before it. */
	e = auth_code_check(r->config.key, AUTH_LABEL_RELAY, body, len - FRAME_CODE_LEN, ret->code);
	if (e < 0)
		return e;
	return nonces_use(&r->nonces, ret->code) ? 0 : -EALREADY;
}

static enum reason decide(const struct relay *r, const struct frame_relay *wish)
{
	const struct members *members = r->config.members;

	if (wish->from == wish->to)
		return REASON_PROTOCOL;
	if (!members)
		return REASON_NOT_ALLOWED;
	return members_by_id(members, wish->from) && members_by_id(members, wish->to)
		       ? REASON_NONE
		       : REASON_NOT_A_MEMBER;
}

void relay_take(struct relay *r, const struct arrival *a, const uint8_t *body, size_t len)
{
	struct frame_relay wish;
	enum reason reason;
	struct half *other;

	if (judge(r, body, len, &wish) < 0) {
		(void)close(a->fd);
		return;
	}
	reason = decide(r, &wish);
	if (reason != REASON_NONE) {
		refuse(a->fd, reason);
		return;
	}
	other = find_other(r, &wish);
	if (other)
		unite(other, a->fd);
	else
		await_other(r, a->fd, &wish);
}

struct relay *relay_new(const struct relay_config *config)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->config = *config;
	r->max_halves = sock_quota(RELAY_WAITING_MAX, RELAY_SHARE);
	r->max_pairs = sock_quota(RELAY_PAIRS_MAX, RELAY_SHARE);
	TAILQ_INIT(&r->halves);
	TAILQ_INIT(&r->pairs);
	ev_timer_init(&r->timer, on_timer, 0., 0.);
	r->timer.data = r;
	return r;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	while (!TAILQ_EMPTY(&r->halves))
		(void)close(half_free(TAILQ_FIRST(&r->halves)));
	while (!TAILQ_EMPTY(&r->pairs))
		pair_free(TAILQ_FIRST(&r->pairs));
	ev_timer_stop(r->config.loop, &r->timer);
	free(r);
}
