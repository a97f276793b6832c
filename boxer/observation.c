/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 *	OBSERVATION_CONNECTING	the SYN is out. Connected, it sends its question
 *				with the ACK of the handshake: two round trips in all
 *	OBSERVATION_ASKED	waits for the answer; the deadline still runs
 *	OBSERVATION_SEEN	@seen was called. Nothing more is said; keepalives
 *				hold the mapping and notice when it is gone
 *	OBSERVATION_OVER	@ended was called
 *
 * Whatever calls back does so last, because the owner may free it there.
 */
#include "boxer/observation.h"

#include "base/clock.h"
#include "boxer/sock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX 64 /* header and body of an OBSERVED */

enum observation_state {
	OBSERVATION_CONNECTING,
	OBSERVATION_ASKED,
	OBSERVATION_SEEN,
	OBSERVATION_OVER,
};

struct observation {
	struct ev_loop *loop;
	const uint8_t *key;
	struct frame_observe question;
	enum observation_state state;
	const struct observation_ops *ops;
	void *arg;
	struct ev_io io;
	struct ev_timer timer;
	enum reason trouble; /* what the timer has to tell */
	uint8_t in[ANSWER_MAX];
	size_t in_len;
};

static void over(struct observation *o, enum reason reason)
{
	o->state = OBSERVATION_OVER;
	ev_io_stop(o->loop, &o->io);
	ev_timer_stop(o->loop, &o->timer);
	o->ops->ended(o->arg, reason);
}

/* Rare segments keep the NAT's mapping, and show when it has gone. */
static void keep_alive(int fd)
{
	const int on = 1, idle = OBSERVATION_IDLE_S;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof(idle));
	sock_tune_control(fd, OBSERVATION_DEAD_MS);
}

static int ask(struct observation *o)
{
	uint8_t frame[FRAME_HEADER_LEN + sizeof(o->question)];
	int len = frame_encode_observe(&o->question, frame + FRAME_HEADER_LEN,
				       sizeof(frame) - FRAME_HEADER_LEN);
	size_t whole = FRAME_HEADER_LEN + (size_t)len;

	if (len < 0)
		return len;
	frame_put_header(frame, FRAME_OBSERVE, (uint32_t)len);
	/* The first bytes on a connection always fit. */
	if (send(o->io.fd, frame, whole, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)whole)
		return -EIO;
	return 0;
}

static void on_connected(struct observation *o)
{
	int r = sock_error(o->io.fd);

	if (r == 0)
		r = ask(o);
	if (r < 0) {
		over(o, reason_of_errno(-r));
		return;
	}
	o->state = OBSERVATION_ASKED;
	ev_io_stop(o->loop, &o->io);
	ev_io_set(&o->io, o->io.fd, EV_READ);
	ev_io_start(o->loop, &o->io);
}

/* Return: 0, -EAGAIN when there is more to come, or -errno: not the answer to our question. */
static int read_answer(const struct observation *o, struct addr *ret_seen)
{
	uint8_t said[FRAME_TOKEN_LEN + 32];
	struct frame_writer w = {.at = said, .end = said + sizeof(said)};
	struct frame_observed answer;
	struct frame_header h;

	if (o->in_len < FRAME_HEADER_LEN)
		return -EAGAIN;
	if (frame_get_header(o->in, &h) < 0 || h.type != FRAME_OBSERVED ||
	    h.length > sizeof(o->in) - FRAME_HEADER_LEN)
		return -EPROTO;
	if (o->in_len < FRAME_HEADER_LEN + h.length)
		return -EAGAIN;
	if (frame_decode_observed(o->in + FRAME_HEADER_LEN, h.length, &answer) < 0)
		return -EPROTO;
	/* The nonce is fresh: an older answer does not fit. */
	frame_put_bytes(&w, o->question.nonce, sizeof(o->question.nonce));
	frame_put_addr(&w, &answer.seen);
	if (auth_code_check(o->key, AUTH_LABEL_OBSERVED, said, (size_t)(w.at - said), answer.code) <
	    0)
		return -EACCES;
	*ret_seen = answer.seen;
	return 0;
}

static void on_readable(struct observation *o)
{
	ssize_t n = recv(o->io.fd, o->in + o->in_len, sizeof(o->in) - o->in_len, MSG_DONTWAIT);
	struct addr seen;
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		over(o, n == 0 ? REASON_LEFT : reason_of_errno(errno));
		return;
	}
	if (o->state == OBSERVATION_SEEN) {
		over(o, REASON_PROTOCOL); /* nothing was asked */
		return;
	}
	o->in_len += (size_t)n;
	r = read_answer(o, &seen);
	if (r == -EAGAIN)
		return;
	if (r < 0) {
		over(o, r == -EACCES ? REASON_WRONG_KEY : REASON_PROTOCOL);
		return;
	}
	o->state = OBSERVATION_SEEN;
	o->in_len = 0;
	ev_timer_stop(o->loop, &o->timer);
	keep_alive(o->io.fd);
	o->ops->seen(o->arg, &seen);
}

static void on_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct observation *o = w->data;

	(void)loop;
	(void)revents;
	if (o->state == OBSERVATION_CONNECTING)
		on_connected(o);
	else
		on_readable(o);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct observation *o = w->data;

	(void)loop;
	(void)revents;
	over(o, o->trouble);
}

static int open_socket(struct observation *o, const struct addr *local, const struct addr *observer)
{
	int fd = sock_shared(local, observer->family);
	int r;

	if (fd < 0)
		return fd;
	sock_reset_on_close(fd);
	(void)sock_hasten(fd);
	r = sock_connect(fd, observer, observer->family);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	ev_io_set(&o->io, fd, EV_WRITE);
	ev_io_start(o->loop, &o->io);
	return 0;
}

static void compose(struct observation *o, const uint8_t *token)
{
	struct frame_observe *q = &o->question;
	uint8_t said[sizeof(q->token) + sizeof(q->nonce)];

	if (token)
		(void)memcpy(q->token, token, sizeof(q->token));
	randombytes_buf(q->nonce, sizeof(q->nonce));
	(void)memcpy(said, q->token, sizeof(q->token));
	(void)memcpy(said + sizeof(q->token), q->nonce, sizeof(q->nonce));
	auth_code(o->key, AUTH_LABEL_OBSERVE, said, sizeof(said), q->code);
}

struct observation *observation_start(struct ev_loop *loop, const struct addr *local,
				      const struct addr *observer, const uint8_t *key,
				      const uint8_t *token, const struct observation_ops *ops,
				      void *arg)
{
	struct observation *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return NULL;
	o->loop = loop;
	o->key = key;
	o->ops = ops;
	o->arg = arg;
	o->trouble = REASON_TIMEOUT;
	compose(o, token);
	ev_io_init(&o->io, on_io, -1, EV_WRITE);
	o->io.data = o;
	ev_timer_init(&o->timer, on_timer, 1e-9 * (double)OBSERVATION_NS, 0.);
	o->timer.data = o;
	r = open_socket(o, local, observer);
	if (r < 0) {
		/* Told from the loop, for the owner does not have it yet. */
		o->trouble = reason_of_errno(-r);
		ev_timer_set(&o->timer, 0., 0.);
	}
	ev_timer_start(loop, &o->timer);
	return o;
}

void observation_free(struct observation *o)
{
	if (!o)
		return;
	ev_io_stop(o->loop, &o->io);
	ev_timer_stop(o->loop, &o->timer);
	if (o->io.fd >= 0)
		(void)close(o->io.fd);
	free(o);
}
